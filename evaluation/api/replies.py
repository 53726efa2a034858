"""The receiver's door: what it says of each row that was handed over."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Header, Router, Schema

from core import clock
from core.errors import RefusedRows
from evaluation.api.items import Key
from evaluation.models import HandOver
from evaluation.periods import handover
from people.api import PROBLEMS, CallsAMinute, Problem, Token, refuse_strange_parameters
from people.models import ApiToken

router = Router()


class ReplyOut(Schema):
    """What was kept. The same answer sent again gives the same."""

    hand_over: str
    sha256: str
    rows: int
    accepted: int
    refused: int
    open: int


@router.post(
    "/hand-overs/{name}/replies",
    response={200: ReplyOut, **PROBLEMS},
    auth=Token(ApiToken.Scope.REPLIES),
    throttle=[CallsAMinute()],
    operation_id="reply_to_hand_over",
    summary="Accept or refuse rows that were handed over",
    url_name="replies",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "object", "required": ["hand_over", "package", "rows"]}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    },
)
def reply(request: HttpRequest, name: Key, x_signature: Header[str]):
    """The body is the answer as agreed (JSON or CSV in UTF-8); `X-Signature` is the receiver's Ed25519 signature of it, in base64.

    All or nothing: one row that is unknown, doubled or refused without a reason, and nothing is taken. The same body again changes nothing.
    """
    refuse_strange_parameters(request, ())
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    county, *numbers = name.rsplit("-", 2)
    found = None
    if len(numbers) == 2 and all(part.isascii() and part.isdecimal() and len(part) < 5 for part in numbers):
        year, number = numbers
        found = HandOver.objects.filter(period__county__code=county, period__year=int(year), number=int(number))
        found = found.filter(period__county__path=token.unit.path).select_related("period__county", "receiver", "calculation").first()
    if found is None:
        raise Problem(404, _("There is no hand-over “%(name)s” in this token's reach.") % {"name": name[:60]}, code="hand_over")
    try:
        kept = handover.receive(
            hand_over=found, document=request.read(handover.MAX_DOCUMENT + 1), signature=x_signature, by=token.owner, at=clock.now()
        )
    except RefusedRows as refusal:
        errors = [{"field": error.field, "row": error.row, "detail": error.message} for error in refusal.errors]
        raise Problem(422, refusal.message, code=refusal.code, errors=errors) from refusal
    account = handover.account(found)
    return {
        "hand_over": found.name,
        "sha256": kept.sha256,
        "rows": len(account.rows),
        "accepted": account.accepted,
        "refused": account.refused,
        "open": account.open,
    }
