"""Write the package of a frozen year to a folder."""

from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core.errors import Refused
from evaluation.models import Period
from evaluation.periods import package


class Command(BaseCommand):
    help = "Write the signed package of a year's frozen evaluation, the same bytes each time. Exit status 1 where there is none."

    def add_arguments(self, parser):
        parser.add_argument("year", type=int)
        parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="made where it is missing")
        parser.add_argument("--county", metavar="CODE", help="needed where several counties have an evaluation of the year")

    def handle(self, *args, year: int, to: Path, county: str | None, **options):
        periods = Period.objects.not_cancelled().filter(year=year).select_related("county")
        if county is not None:
            periods = periods.filter(county__code=county)
        found = list(periods[:2])
        if not found:
            raise CommandError(_("There is no evaluation of %(year)d.") % {"year": year})
        if len(found) > 1:
            raise CommandError(_("Several counties have an evaluation of %(year)d: choose one by --county CODE.") % {"year": year})
        if to.exists() and not to.is_dir():
            raise CommandError(_("%(folder)s is no folder.") % {"folder": to})
        try:
            made = package.of(found[0])
            to.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=to, delete=False, suffix=".part") as file:
                file.write(made.data)
            Path(file.name).chmod(0o640)
            Path(file.name).replace(to / made.name)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        except OSError as error:
            raise CommandError(f"{to}: {error}") from error
        self.stdout.write(f"{to / made.name}  sha256 {made.sha256}")
