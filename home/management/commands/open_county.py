"""Make ready for a county's first course."""

from django.core.management.base import BaseCommand, CommandError

from core.errors import Refused
from home import services
from people.models import Unit


class Command(BaseCommand):
    help = "Front page, credit policy, certificate kinds, catalogue, trainers' and reviewers' groups of a county. Safe to run again."

    def add_arguments(self, parser):
        parser.add_argument("code", help="the county's unit code, for example 532325 (import the roster first)")

    def handle(self, *args, code: str, **options):
        county = Unit.objects.counties().filter(code=code).first()
        if county is None:
            raise CommandError(f"There is no county with the code {code}. Import the roster first: manage.py import_roster FILE")
        try:
            page = services.open_county(county=county)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(f"{county.name}: catalogue “{page.title}” is open.")
