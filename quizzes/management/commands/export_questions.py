"""Write questions of a county's bank into a file."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from people.models import Unit
from quizzes import formats
from quizzes.management.commands.import_questions import county_of, write_report
from quizzes.models import Question
from quizzes.services import bank
from quizzes.services.points import Tree


class Command(BaseCommand):
    help = (
        "Export questions as xlsx, GIFT, Aiken, Moodle XML or QTI 3.0. What the format cannot carry goes to stderr, one line a question,"
        " and so does what it leaves out; the exit status is 1 when nothing could be written."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--format", required=True, choices=[each.key for each in formats.every()])
        parser.add_argument("--county", metavar="CODE", help="code of the county; may be left out when there is only one")
        parser.add_argument(
            "--bank",
            metavar="B",
            help="a course code (P01), or a knowledge point by name or path (A/B, a slash in a name doubled) with all below it; else all",
        )
        parser.add_argument("--report", metavar="REPORT.json", type=Path, help="write what became of each question")

    def handle(self, *args, file: Path, format: str, county: str | None, **options):
        of = county_of(county)
        questions = self.chosen(of, options["bank"])
        try:
            with file.open("wb") as out:
                outcomes = bank.export(questions, county=of, format=format, out=out)
            if options["report"]:
                write_report(options["report"], outcomes)
        except OSError as error:
            raise CommandError(f"{error.filename or file}: {error.strerror}")
        written = 0
        for outcome in outcomes:
            written += outcome.outcome != "refused"
            if outcome.outcome != "exported":
                label = _("not taken") if outcome.outcome == "refused" else _("changed in meaning")
                self.stderr.write(f"{outcome.place}: {label}. {' '.join(outcome.reasons)}")
        self.stdout.write(_("%(written)d of %(total)d questions written") % {"written": written, "total": len(outcomes)})
        if outcomes and not written:
            raise CommandError(_("The format can carry none of these questions."))

    def chosen(self, county: Unit, name: str | None) -> QuerySet:
        """The questions of a course, or of a knowledge point and all below it. Raises: CommandError."""
        questions = Question.objects.filter(county=county)
        if not name:
            return questions
        of_course = questions.filter(course_code=name)
        if of_course.exists():
            return of_course
        tree = Tree(county)
        point = tree.find(name)
        if point is None:
            raise CommandError(_("There is neither a course nor a knowledge point “%(name)s” in the bank.") % {"name": name})
        return questions.filter(point__in=tree.below(point))
