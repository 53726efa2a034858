"""Make, list, rotate, stop, start, close and replay webhooks."""

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from evaluation.models import WebhookCall, WebhookEndpoint
from evaluation.webhooks import endpoints
from people.models import Person, Unit


class Command(BaseCommand):
    help = (
        "Webhooks: create URL --user U --unit CODE --event E | list | calls ID | rotate, stop, start or close ID --user U"
        " | replay ID --user U --after N"
    )

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="tell an address of changes from now on; the secret is printed once")
        create.add_argument("url")
        create.add_argument("--unit", required=True, help="code of the unit of which it is told, with all below")
        create.add_argument("--event", action="append", required=True, choices=WebhookEndpoint.Event.values)
        verbs.add_parser("list", help="all of them, without secrets")
        calls = verbs.add_parser("calls", help="the last calls, the newest first")
        calls.add_argument("--last", type=int, default=50)
        rotate = verbs.add_parser("rotate", help="another secret; for a day both sign")
        stop = verbs.add_parser("stop", help="tell it nothing more until it is started again")
        start = verbs.add_parser("start", help="go on from where it stands")
        close = verbs.add_parser("close", help="end it for good")
        replay = verbs.add_parser("replay", help="tell it once more of what came after a change, and go on if it had been stopped")
        replay.add_argument("--after", type=int, required=True, help="number of the change")
        for verb in (calls, rotate, stop, start, close, replay):
            verb.add_argument("id", type=int)
        for verb in (create, rotate, stop, start, close, replay):
            verb.add_argument("--user", required=True, help="employee number of the HR officer who does it")

    def handle(self, *args, verb: str, **options):
        try:
            getattr(self, verb)(**options)
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal

    def create(self, url: str, user: str, unit: str, event: list[str], **options) -> None:
        over = Unit.objects.filter(code=unit).first()
        if over is None:
            raise CommandError(_("There is no unit with the code “%(code)s”.") % {"code": unit})
        made, secret = endpoints.register(owner=self.person(user), unit=over, url=url, events=event, at=clock.now())
        self.stderr.write(
            _("Webhook %(id)s is told of changes from now on. This secret is shown only once; keep it now.") % {"id": made.pk}
        )
        self.stdout.write(secret)

    def list(self, **options) -> None:
        for one in WebhookEndpoint.objects.select_related("unit", "owner"):
            cells = [
                str(one.pk),
                str(one.state.label),
                one.owner.employee_number,
                one.unit.code,
                ",".join(one.events),
                str(one.position),
                one.url,
            ]
            self.stdout.write("\t".join(cells))

    def calls(self, id: int, last: int, **options) -> None:
        for call in WebhookCall.objects.filter(endpoint=self.endpoint(id)).order_by("-pk")[:last]:
            told = [call.at.isoformat(timespec="seconds"), str(call.change), call.event, str(call.status or call.problem)]
            self.stdout.write("\t".join([*told, f"{call.milliseconds} ms"]))

    def rotate(self, id: int, user: str, **options) -> None:
        secret = endpoints.rotate(endpoint=self.endpoint(id), by=self.person(user), at=clock.now())
        self.stderr.write(_("For a day calls are signed with the former secret as well. This one is shown only once; keep it now."))
        self.stdout.write(secret)

    def stop(self, id: int, user: str, **options) -> None:
        endpoints.stop(endpoint=self.endpoint(id), by=self.person(user), at=clock.now())
        self.stdout.write(_("Webhook %(id)s is stopped.") % {"id": id})

    def start(self, id: int, user: str, **options) -> None:
        endpoints.start(endpoint=self.endpoint(id), by=self.person(user))
        self.stdout.write(_("Webhook %(id)s goes on from where it stood.") % {"id": id})

    def close(self, id: int, user: str, **options) -> None:
        endpoints.close(endpoint=self.endpoint(id), by=self.person(user), at=clock.now())
        self.stdout.write(_("Webhook %(id)s is closed for good.") % {"id": id})

    def replay(self, id: int, user: str, after: int, **options) -> None:
        endpoints.replay(endpoint=self.endpoint(id), after=after, by=self.person(user))
        self.stdout.write(_("Webhook %(id)s will be told again of all changes after %(after)s.") % {"id": id, "after": after})

    def endpoint(self, id: int) -> WebhookEndpoint:
        found = WebhookEndpoint.objects.filter(pk=id).first()
        if found is None:
            raise CommandError(_("There is no webhook with the number %(id)s.") % {"id": id})
        return found

    def person(self, number: str) -> Person:
        found = Person.objects.filter(employee_number=number).first()
        if found is None:
            raise CommandError(_("There is nobody with the employee number “%(number)s”.") % {"number": number})
        return found
