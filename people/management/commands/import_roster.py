"""Import a roster from the command line."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from core import clock
from core.errors import Refused
from people.models import Unit
from people.services import roster


class Command(BaseCommand):
    help = "Import a roster (.xlsx or .csv). Exit status 1 and nothing written when a row is refused, unless --skip-bad-rows."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument("--skip-bad-rows", action="store_true", help="import the good rows and leave the others out")
        parser.add_argument("--county", metavar="CODE", help="refuse every row outside this unit")

    def handle(self, *args, file: Path, dry_run: bool, skip_bad_rows: bool, county: str | None, **options):
        bound = None
        if county:
            bound = Unit.objects.filter(code=county).first()
            if bound is None:
                raise CommandError(f"{county}: 没有这个单位代码")
        try:
            with file.open("rb") as handle:
                plan = roster.plan(handle, file.name, county=bound)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        for error in plan.errors:
            self.stderr.write(str(error))
        for notice in plan.notices:
            self.stderr.write(f"注意 {notice}")
        if not dry_run and (skip_bad_rows or not plan.errors):
            try:
                plan = roster.apply(plan, by=None, at=clock.now(), skip_bad_rows=skip_bad_rows)
            except Refused as refusal:
                raise CommandError(refusal.message) from refusal
        self.stdout.write("，".join(f"{name} {count}" for name, count in plan.summary.items()))
        if plan.missing:
            self.stdout.write(
                f"花名册中没有、系统中在册的人员 {len(plan.missing)} 名（不作改动）："
                + "、".join(f"{name}（{number}）" for number, name in plan.missing[:20])
            )
        if dry_run:
            self.stdout.write("仅预演，未写入。")
        if plan.errors and not (skip_bad_rows and not dry_run):
            raise SystemExit(1)
