"""Repair what a crash left undone, or only count it."""

from django.core.management.base import BaseCommand, CommandError

from core import clock, reconcile
from core.errors import Refused

SHOWN = 20


class Command(BaseCommand):
    help = "Find facts that should exist and do not, and make them. With --check: only count; exit 1 if any."

    def add_arguments(self, parser):
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 unless every gauge reads zero")

    def handle(self, *args, check: bool, **options):
        try:
            outcomes = reconcile.run(at=clock.now(), mend=False) if check else reconcile.mend(at=clock.now())
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        for outcome in outcomes:
            self.stdout.write(f"{outcome.name}: found {outcome.found}, mended {outcome.mended}, left {len(outcome.left)}")
            for what in outcome.left[:SHOWN]:
                self.stderr.write(f"  {what}")
            if len(outcome.left) > SHOWN:
                self.stderr.write(f"  … and {len(outcome.left) - SHOWN} more")
        if any(outcome.left for outcome in outcomes):
            raise SystemExit(1)
