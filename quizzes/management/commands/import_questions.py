"""Bring a file of questions into a county's bank."""

from pathlib import Path

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused, RefusedRows
from people.models import Unit
from quizzes.services import bank


class Command(BaseCommand):
    help = "Import questions from xlsx, CSV (UTF-8 or GBK) or YAML. Refused rows go to stderr, one line each; then nothing is written."

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--format", choices=["xlsx", "csv", "yaml"], help="the file's format; told by its name when left out")
        parser.add_argument("--county", metavar="CODE", help="code of the county; may be left out when there is only one")
        parser.add_argument("--dry-run", action="store_true", help="report only, write nothing")
        parser.add_argument("--skip-bad-rows", action="store_true", help="import the good rows although some are refused")

    def handle(self, *args, file: Path, county: str | None, dry_run: bool, skip_bad_rows: bool, **options):
        how = {"county": self.county(county), "at": clock.now(), "skip_bad": skip_bad_rows, "dry_run": dry_run}
        try:
            if (options["format"] or file.suffix.lower().lstrip(".")) in {"yaml", "yml"}:
                read = yaml.safe_load(file.read_text(encoding="utf-8"))
                rows = next(iter(read.values())) if isinstance(read, dict) and len(read) == 1 else read
                if not isinstance(rows, list):
                    raise CommandError(_("The file holds no list of questions."))
                report = bank.import_rows(rows, **how)
            else:
                with file.open("rb") as handle:
                    report = bank.import_file(handle, name=file.name, **how)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}")
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}")
        except RefusedRows as refused:
            for error in refused.errors:
                self.stderr.write(str(error))
            raise CommandError(refused.message)
        except Refused as refused:
            raise CommandError(refused.message)
        for error in report.refused:
            self.stderr.write(str(error))
        for warning in report.warnings:
            self.stderr.write(_("Warning: %(warning)s") % {"warning": warning})
        self.stdout.write(
            _("%(new)d new, %(changed)d changed, %(same)d unchanged, %(refused)d refused")
            % {"new": len(report.new), "changed": len(report.changed), "same": len(report.same), "refused": len(report.refused)}
            + (_(" (dry run: nothing was written)") if dry_run else "")
        )
        if report.refused and not skip_bad_rows:
            raise CommandError(_("%(count)d rows would be refused.") % {"count": len(report.refused)})

    def county(self, code: str | None) -> Unit:
        counties = Unit.objects.counties()
        if code:
            found = counties.filter(code=code).first()
            if found is None:
                raise CommandError(_("There is no county with the code %(code)s.") % {"code": code})
            return found
        if len(counties) != 1:
            raise CommandError(_("There are %(count)d counties: name one with --county CODE.") % {"count": len(counties)})
        return counties[0]
