"""The receiver's door: what it says of each row that was handed over."""

from django.http import HttpRequest
from ninja import Header, Router, Schema

from core import clock
from core.errors import RefusedRows
from evaluation.api.hand_overs import named
from evaluation.api.items import Key
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
    found = named(token, name)
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
        "rows": found.rows,
        "accepted": account.accepted,
        "refused": account.refused,
        "open": account.open,
    }
