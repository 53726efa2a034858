"""Make, list and revoke API tokens."""

from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError

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
                raise CommandError(f"{unit}: 没有这个单位代码")
        else:
            own = units_of(owner, Role.HR) or ([owner.unit.county] if owner.is_superuser and owner.unit else [])
            if not own:
                raise CommandError(f"{user}: 不是任何单位的人事考评人员，请用 --unit 指明单位")
            over = own[0]
        at = clock.now()
        _token, key = tokens.create(owner=owner, name=name, scopes=scope, unit=over, expires_at=at + timedelta(days=days), at=at)
        self.stderr.write("密钥只显示这一次，请立即保存：")
        self.stdout.write(key)

    def list(self, user: str | None = None, **options) -> None:
        found = ApiToken.objects.select_related("owner", "unit").order_by("pk")
        if user:
            found = found.filter(owner=self.person(user))
        at = clock.now()
        for token in found:
            state = "已撤销" if token.revoked_at else "已过期" if token.expires_at <= at else "有效"
            used = clock.today(token.last_used_at).isoformat() if token.last_used_at else "未使用"
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
            raise CommandError(f"{token}: 没有这个密钥，或前缀不唯一")
        tokens.revoke(token=found[0], at=clock.now())
        self.stdout.write(f"已撤销 {found[0].prefix}…")

    def person(self, number: str) -> Person:
        try:
            return Person.objects.get(employee_number=number)
        except Person.DoesNotExist as error:
            raise CommandError(f"{number}: 没有这个工号") from error
