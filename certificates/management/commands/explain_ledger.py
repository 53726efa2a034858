"""Say in the ledger why times in it look wrong, so that verify_ledger tells it as a note."""

from django.core.management.base import BaseCommand, CommandError

from certificates import services
from core import clock
from core.errors import Refused


def ranges(text: str) -> tuple[int, int]:
    first, _dash, last = text.partition("-")
    return int(first), int(last or first)


class Command(BaseCommand):
    help = "Explain the times of entries (17 or 20-35) that verify_ledger reports: an outage, a clock that went wrong. It explains no edit."

    def add_arguments(self, parser):
        parser.add_argument("entries", nargs="+", type=ranges, metavar="ENTRY")
        parser.add_argument("--reason", required=True)

    def handle(self, *args, entries, reason: str, **options):
        try:
            entry = services.explain(sequences=entries, by=None, reason=reason, at=clock.now())
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"entry {entry.sequence} explains them")
