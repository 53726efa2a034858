"""`manage.py working_days --off 2027-02-08 … --worked 2027-02-06 … --source "国务院办公厅关于2027年部分节假日安排的通知"`."""

from datetime import date

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from core.models import WorkdayNotice
from core.workdays import is_known


class Command(BaseCommand):
    help = "Enters what the yearly notice says of working days: holidays off, weekend days worked; 1 January and 1 October whatever day of the week they are. The same day again replaces it. Without days: lists what was entered."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--off", nargs="+", default=[], metavar="DAY", type=self._day, help="days that are holidays")
        parser.add_argument("--worked", nargs="+", default=[], metavar="DAY", type=self._day, help="weekend days that are worked")
        parser.add_argument("--source", default="", help="the notice that says so, with its number")

    def handle(self, *args, off, worked, source, **options) -> None:
        if not off and not worked:
            for one in WorkdayNotice.objects.all():
                self.stdout.write(f"{one.day} {'worked' if one.is_worked else 'off'} · {one.source}")
            return
        if not source.strip():
            raise CommandError("Name the notice: --source")
        if both := sorted(set(off) & set(worked)):
            raise CommandError(f"Both off and worked: {both[0]}")
        with transaction.atomic():
            for days, is_worked in ((off, False), (worked, True)):
                for day in days:
                    WorkdayNotice.objects.update_or_create(day=day, defaults={"is_worked": is_worked, "source": source.strip()[:200]})
        years = sorted({day.year for day in [*off, *worked]})
        known = [str(year) for year in years if is_known(year)]
        self.stdout.write(f"{len(off)} off, {len(worked)} worked; known now: {', '.join(known) or '—'}")
        for year in years:
            if str(year) not in known:
                self.stdout.write(f"{year} counts as announced once both {year}-01-01 and {year}-10-01 were entered")

    @staticmethod
    def _day(text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise CommandError(f"“{text}” is no day: write 2027-02-08") from error
