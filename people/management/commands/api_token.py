"""Make, list and revoke API tokens."""

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from people.models import ApiToken, Person, Role, Unit
from people.permissions import units_of
from people.services import tokens


class Command(BaseCommand):
    help = "API tokens: create --user U --scope S [--unit CODE] [--days N] [--name N] | list [--user U] | revoke PREFIX-or-ID"

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a token; the key is printed once")
        create.add_argument("--user", required=True, help="employee number of the owner")
        create.add_argument("--scope", action="append", required=True, choices=ApiToken.Scope.values)
        create.add_argument("--unit", help="code of the unit it reaches; the owner's HR unit by default")
        create.add_argument("--days", type=int, default=90)
        create.add_argument("--name", default="command line")
        listing = verbs.add_parser("list", help="all tokens, without keys")
        listing.add_argument("--user")
        revoke = verbs.add_parser("revoke", help="end a token now")
        revoke.add_argument("token", help="its id or the prefix that `list` shows")

    def handle(self, *args, verb: str, **options):
        try:
            getattr(self, verb)(**options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal

    def create(self, user: str, scope: list[str], unit: str | None, days: int, name: str, **options) -> None:
        owner = self.person(user)
        if unit:
            over = Unit.objects.filter(code=unit).first()
            if over is None:
                raise CommandError(_("There is no unit with the code “%(code)s”.") % {"code": unit})
        else:
            own = units_of(owner, Role.HR) or ([owner.unit.county] if owner.is_superuser and owner.unit else [])
            if not own:
                raise CommandError(_("%(number)s is no HR officer of any unit. Please name the unit with --unit.") % {"number": user})
            over = own[0]
        at = clock.now()
        token, key = tokens.create(owner=owner, name=name, scopes=scope, unit=over, expires_at=at + timedelta(days=days), at=at)
        told = {"day": clock.today(token.expires_at), "prefix": token.prefix}
        self.stderr.write(
            _("This key is shown only once; keep it now. It ends on %(day)s; to end it earlier: api_token revoke %(prefix)s") % told
        )
        self.stdout.write(key)

    def list(self, user: str | None = None, **options) -> None:
        found = ApiToken.objects.with_reach().select_related("owner", "unit").order_by("pk")
        if user:
            found = found.filter(owner=self.person(user))
        at = clock.now()
        for token in found:
            state = str(token.state_at(at).label)
            used = clock.today(token.last_used_at).isoformat() if token.last_used_at else _("never used")
            self.stdout.write(
                "\t".join(
                    [
                        str(token.pk),
                        token.prefix,
                        state,
                        token.owner.employee_number,
                        token.unit.code,
                        ",".join(token.scopes),
                        clock.today(token.expires_at).isoformat(),
                        used,
                        token.name,
                    ]
                )
            )

    def revoke(self, token: str, **options) -> None:
        found = ApiToken.objects.filter(prefix=token)
        if not found and token.isdigit():
            found = ApiToken.objects.filter(pk=int(token))
        if len(found) != 1:
            raise CommandError(_("%(token)s: there is no such token, or several begin so.") % {"token": token})
        tokens.revoke(token=found[0], at=clock.now())
        self.stdout.write(_("The token %(prefix)s… is revoked.") % {"prefix": found[0].prefix})

    def person(self, number: str) -> Person:
        try:
            return Person.objects.get(employee_number=number)
        except Person.DoesNotExist as error:
            raise CommandError(_("There is nobody with the employee number “%(number)s”.") % {"number": number}) from error
