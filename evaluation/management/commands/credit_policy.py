"""Put a county's credit policy into force."""

from pathlib import Path

import yaml
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from courses.services import policies
from evaluation import services
from evaluation.policy_change import gains_and_losses, quota_changes
from people.models import Unit


class Command(BaseCommand):
    help = "Put a credit policy of a county into force from its day on. The file has the form of courses/data/credit_policy.yaml."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--county", required=True, metavar="CODE")
        parser.add_argument("--dry-run", action="store_true", help="only say who would reach the year's target, and who no longer")

    def handle(self, *args, file: Path, county: str, dry_run: bool, **options):
        at = clock.now()
        over = Unit.objects.counties().filter(code=county).first()
        if over is None:
            raise CommandError(_("There is no county with the code %(code)s.") % {"code": county})
        try:
            policy = policies.read(yaml.safe_load(file.read_text(encoding="utf-8")), county=over)
            gained, lost = gains_and_losses(policy, at=at)
            changes = quota_changes(policy, at=at)
            if not dry_run:
                policies.put_in_force(policy=policy, at=at)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CommandError(f"{file}: {error}") from error
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(services.rule_words(policy))
        told = [(_("Would reach the target"), gained), (_("Would no longer reach the target"), lost)]
        for change in changes:
            told.append((_("%(quota)s: newly short of it") % {"quota": change.title}, change.newly_short))
            told.append((_("%(quota)s: no longer short of it") % {"quota": change.title}, change.no_longer_short))
        for words, people in told:
            self.stdout.write(f"{words}：{len(people)}")
            for person in people:
                self.stdout.write(f"  {person.employee_number} {person.name}")
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written."))
