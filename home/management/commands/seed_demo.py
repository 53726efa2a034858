"""Load the demo county once and show the demo sign-ins."""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core import clock
from home.demo import load as demo
from home.demo import multitude


class Command(BaseCommand):
    help = "Load the demo county (once), set the demo password, and print the sign-ins. Only in demo mode."

    def add_arguments(self, parser):
        parser.add_argument(
            "--staff", type=int, default=0, metavar="N", help="add invented staff with completions, and units for them, until there are N"
        )

    def handle(self, *args, staff: int, **options):
        if not settings.DEMO:
            raise CommandError("Demo people and demo passwords are never made outside demo mode.")
        password = self.password()
        demo.load(password=password, at=clock.now(), say=lambda what: self.stdout.write(f"[demo] {what}"))
        if staff:
            self.stdout.write(f"[demo] staff up to {staff}")
            multitude.add(upto=staff, at=clock.now())
        self.stdout.write("")
        self.stdout.write("  Demo sign-ins: " + " ".join(login for login, *_ in demo.LOGINS))
        self.stdout.write(f"  Password:      {password}")

    def password(self) -> str:
        """DEMO_PASSWORD, or one made on the first run and kept beside the database."""
        given = os.environ.get("DEMO_PASSWORD", "").strip()
        if given:
            return given
        path = Path(settings.VAR_DIR) / "demo_password"
        if path.exists():
            return path.read_text().strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        made = f"Yaoan-{secrets.token_hex(4)}"
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(made)
        return made
