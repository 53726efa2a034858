"""Bring a file of questions into a county's bank."""

import json
from argparse import SUPPRESS
from pathlib import Path

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock, uploads
from core.errors import Refused, RefusedRows
from people.models import Unit
from quizzes import formats
from quizzes.services import bank


class Command(BaseCommand):
    help = (
        "Import questions from xlsx or CSV, GIFT, Aiken, Moodle XML, QTI 3.0 or YAML. Refused questions go to stderr, one line each, and"
        " so do those that changed in meaning; when some are refused, nothing is written and the exit status is 1, unless --skip-bad is given."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", type=Path)
        known = [each.key for each in formats.every()]
        parser.add_argument("--format", choices=[*known, "csv", "yaml"], help="the file's format; told by its content when left out")
        parser.add_argument("--county", metavar="CODE", help="code of the county; may be left out when there is only one")
        parser.add_argument("--course", metavar="CODE", default="", help="course of the questions that name none themselves")
        parser.add_argument("--dry-run", action="store_true", help="report only, write nothing")
        parser.add_argument("--skip-bad", action="store_true", help="import the good questions although some are refused")
        parser.add_argument("--skip-bad-rows", action="store_true", dest="skip_bad", help=SUPPRESS)
        parser.add_argument(
            "--report", metavar="REPORT.json", type=Path, help="write what became of each question: place, outcome, reason, code, kind"
        )

    def handle(self, *args, file: Path, county: str | None, dry_run: bool, skip_bad: bool, **options):
        how = {"county": county_of(county), "at": clock.now(), "course_code": options["course"]}
        try:
            found = list(self.found(file, options["format"]))
            if options["report"] or dry_run:
                report = bank.import_found(found, **how, dry_run=True)
            if options["report"]:
                write_report(options["report"], report.outcomes if skip_bad else report.as_refused(file.name))
            if not dry_run:
                report = bank.import_found(found, **how, skip_bad=skip_bad)
        except OSError as error:
            raise CommandError(f"{error.filename or file}: {error.strerror}")
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: {error}")
        except RefusedRows as refused:
            for error in refused.errors:
                self.stderr.write(str(error))
            raise CommandError(refused.message)
        except Refused as refused:
            if options["report"]:
                write_report(options["report"], [formats.Outcome(file.name, "refused", [refused.message])])
            raise CommandError(refused.message)
        self.say(report, dry_run=dry_run)
        if report.refused and not skip_bad:
            raise CommandError(_("%(count)d rows would be refused.") % {"count": len(report.refused)})

    def found(self, file: Path, named: str | None):
        """What stands in the file."""
        if (named or file.suffix.lower().lstrip(".")) in {"yaml", "yml"}:
            text = file.read_text(encoding="utf-8")
            if uploads.has_references(text):
                raise CommandError(_("References (& and *) are not taken."))
            read = yaml.safe_load(text)
            rows = next(iter(read.values())) if isinstance(read, dict) and len(read) == 1 else read
            if not isinstance(rows, list):
                raise CommandError(_("The file holds no list of questions."))
            return bank.mappings.read(rows)
        with file.open("rb") as handle:
            key = {"csv": "xlsx"}.get(named or "", named) or formats.guess(handle.read(), file.name)
            handle.seek(0)
            found: list[formats.Found] = []
            try:
                found = list(bank.read(handle, name=file.name, format=key))
            finally:
                if not named and not any(one.item for one in found):
                    said = _("The file was read as “%(format)s”. If it is in another format, name it with --format.")
                    self.stderr.write(said % {"format": formats.of(key).label})
            return found

    def say(self, report: bank.Report, *, dry_run: bool) -> None:
        for error in report.refused:
            self.stderr.write(str(error))
        for outcome in report.outcomes:
            if outcome.outcome == "changed":
                reasons = " ".join(outcome.reasons)
                self.stderr.write(_("%(place)s: changed in meaning. %(reasons)s") % {"place": outcome.place, "reasons": reasons})
        for warning in report.warnings:
            self.stderr.write(_("Warning: %(warning)s") % {"warning": warning})
        self.stdout.write(
            _("%(new)d new, %(changed)d changed, %(same)d unchanged, %(refused)d refused")
            % {"new": len(report.new), "changed": len(report.changed), "same": len(report.same), "refused": len(report.refused)}
            + (_(" (dry run: nothing was written)") if dry_run else "")
        )


def county_of(code: str | None) -> Unit:
    """The county with this code, or the only one. Raises: CommandError."""
    counties = Unit.objects.counties()
    if code:
        found = counties.filter(code=code).first()
        if found is None:
            raise CommandError(_("There is no county with the code %(code)s.") % {"code": code})
        return found
    if len(counties) != 1:
        raise CommandError(_("There are %(count)d counties: name one with --county CODE.") % {"count": len(counties)})
    return counties[0]


def write_report(file: Path | str, outcomes: list[formats.Outcome]) -> None:
    """What became of each question, as JSON."""
    Path(file).write_text(json.dumps([outcome.as_json() for outcome in outcomes], ensure_ascii=False, indent=1), encoding="utf-8")
