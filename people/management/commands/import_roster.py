"""Import a roster from the command line."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from people import roster_words
from people.models import Unit
from people.services import roster

NAMED = 20  # people whom the report names where they are only left as they are


class Command(BaseCommand):
    help = "Import a roster (.xlsx or .csv). Exit status 1 and nothing written when a row is refused, unless --skip-bad-rows."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument("--skip-bad-rows", action="store_true", help="import the good rows and leave the others out")
        parser.add_argument("--refused", type=Path, metavar="FILE", help="write the refused rows to this .xlsx, with the reasons")
        parser.add_argument("--county", metavar="CODE", help="refuse every row outside this unit")

    def handle(self, *args, file: Path, dry_run: bool, skip_bad_rows: bool, refused: Path | None, county: str | None, **options):
        bound = None
        if county:
            bound = Unit.objects.filter(code=county).first()
            if bound is None:
                raise CommandError(_("There is no unit with the code “%(code)s”.") % {"code": county})
        try:
            with file.open("rb") as handle:
                plan = roster.plan(handle, file.name, county=bound)
                if refused and plan.errors:
                    handle.seek(0)
                    refused.write_bytes(roster.refused_file(plan, roster.rows_of(handle, file.name)))
        except OSError as error:
            raise CommandError(f"{error.filename or file}: {error.strerror}") from error
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        for error in plan.errors:
            self.stderr.write(str(error))
        for notice in plan.notices:
            self.stderr.write(_("Warning: %(warning)s") % {"warning": notice})
        if not dry_run and (skip_bad_rows or not plan.errors):
            try:
                plan = roster.apply(plan, by=None, at=clock.now(), skip_bad_rows=skip_bad_rows)
            except Refused as refusal:
                raise CommandError(refusal.message) from refusal
        self.say(plan, dry_run=dry_run)
        if plan.errors and not (skip_bad_rows and not dry_run):
            raise SystemExit(1)

    def say(self, plan: roster.RosterPlan, *, dry_run: bool) -> None:
        """Each change on a line of its own, then the counts."""
        for unit in (*plan.new_units, *plan.changed_units):
            self.stdout.write(f"{unit.code} {unit.name}（{unit.kind_label}）：{'；'.join(unit.lines) or _('new')}")
        for person in roster_words.told((*plan.new_people, *plan.changed_people)):
            self.stdout.write(f"{person.number} {person.name}：{'；'.join([_('new')] * person.is_new + person.lines)}")
        counts = plan.summary
        for words, names in (
            (_("People new / changed / unchanged"), ("people_new", "people_changed", "people_unchanged")),
            (_("Units new / changed"), ("units_new", "units_changed")),
            (_("Postings opened / closed / corrected"), ("postings_opened", "postings_closed", "postings_corrected")),
            (_("Duties added / ended"), ("duties_added", "duties_ended")),
            (_("Roles gained / lost"), ("roles_gained", "roles_lost")),
            (_("Refused rows"), ("bad_rows",)),
            (_("In the register, but not in the file (they stay as they are)"), ("missing",)),
        ):
            self.stdout.write(f"{words}：{' / '.join(str(counts[name]) for name in names)}")
        if plan.missing:
            named = "、".join(f"{name}（{number}）" for number, name in plan.missing[:NAMED])
            self.stdout.write(named + ("…" if len(plan.missing) > NAMED else ""))
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written."))
