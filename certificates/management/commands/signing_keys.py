"""Make, list, rotate and retire the keys that certificates are signed with."""

from django.core.management.base import BaseCommand, CommandError

from certificates import keyring
from certificates.models import SigningKey
from certificates.services import keys
from core import clock
from core.errors import Refused


class Command(BaseCommand):
    help = "Signing keys: ensure [--replace-lost] | list | rotate PURPOSE | retire KID [--compromised]"

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        ensure = verbs.add_parser("ensure", help="make what is missing; safe to run again")
        ensure.add_argument(
            "--replace-lost", action="store_true", help="also make a new key where a private file is gone from this machine"
        )
        verbs.add_parser("list", help="all keys, and whether the private file is here")
        rotate = verbs.add_parser("rotate", help="make a new key; what the old one signed stays valid")
        rotate.add_argument("purpose", choices=SigningKey.Purpose.values)
        retire = verbs.add_parser("retire", help="delete the private file of a key that is no longer in use")
        retire.add_argument("kid")
        retire.add_argument("--compromised", action="store_true", help="it was in wrong hands: nothing that it signed counts any longer")

    def handle(self, *args, verb: str, **options):
        try:
            getattr(self, verb)(**options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal

    def ensure(self, replace_lost: bool, **options) -> None:
        self.say_made(keys.ensure(at=clock.now(), replace_lost=replace_lost))

    def rotate(self, purpose: str, **options) -> None:
        self.say_made(keys.rotate(purpose=purpose, at=clock.now()))

    def retire(self, kid: str, compromised: bool, **options) -> None:
        at, before = clock.now(), set(SigningKey.objects.values_list("kid", flat=True))
        key = keys.retire(kid=kid, at=at, compromised=compromised)
        self.stdout.write(
            f"{key.kid}：私钥已删除，{'公钥已撤回，它签过的一律不再有效' if key.withdrawn_at else '公钥继续公布，签过的仍然有效'}"
        )
        for below in SigningKey.objects.filter(withdrawn_at=key.withdrawn_at or at).exclude(kid=kid):
            self.stdout.write(f"{below.kid}：公钥已一并撤回")
        self.say_made(list(SigningKey.objects.exclude(kid__in=before)))
        for purpose in SigningKey.Purpose.values:
            if keys.is_lacking(purpose):
                self.stderr.write(
                    f"现在没有使用中的 {purpose} 密钥，这一类文件暂不签发。请补齐所需的文件后运行：manage.py signing_keys ensure"
                )

    def say_made(self, made: list[SigningKey]) -> None:
        for key in made:
            self.stdout.write(f"新密钥 {key.kid}（{key.purpose}）")

    def list(self, **options) -> None:
        for key in SigningKey.objects.all():
            state = "已撤回" if key.withdrawn_at else "已停用" if key.retired_at else "使用中"
            file = "私钥在本机" if keyring.path_of(key.kid).exists() else "本机无私钥"
            self.stdout.write(
                f"{key.kid}  {key.purpose:<6}{state}  {file}  {clock.local(key.made_at):%Y-%m-%d %H:%M}  {key.public_key}".rstrip()
            )
