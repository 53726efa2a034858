"""Write a certificate with all that a stranger needs to check it without the site."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from certificates import bundle, rules
from certificates.models import Certificate
from core import clock
from core.errors import Refused


class Command(BaseCommand):
    help = "Write paper, badge, issuer document, status lists, inclusion proof and the authority's certificate into an empty folder."

    def add_arguments(self, parser):
        parser.add_argument("number", help="number of the certificate")
        parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="a folder that is empty or does not exist yet")

    def handle(self, *args, number: str, to: Path, **options):
        to = Path(to)  # called from code, it may come as text
        try:
            typed = rules.read_number(number)
            certificate = Certificate.objects.select_related("version", "kind", "renews", "replaces").filter(number=typed).first()
            if certificate is None:
                raise CommandError(f"{typed}: no certificate with this number was issued here")
            for name in bundle.write(certificate, to, at=clock.now()):
                self.stdout.write(str(to / name))
        except Refused as refusal:
            raise CommandError(f"{number}: {refusal.message}") from refusal
