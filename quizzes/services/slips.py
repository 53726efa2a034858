"""Receipt slips: what somebody shows after handing in, with a code that only this server can make."""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.encoding import force_bytes

from core.text import mask_name
from quizzes.models import Answer, Attempt, AttemptItem

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing in it is read as something else
LENGTH = 12  # signs of five bits
_CODE = re.compile(rf"([0-9]{{1,18}})([{ALPHABET}]{{{LENGTH}}})")
MISREAD = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Slip:
    """What was received of one attempt when it was handed in."""

    attempt: Attempt
    handed_in_at: datetime
    by_the_clock: bool
    on_paper: bool  # written by hand: the answers are on the sheet, and the counts tell nothing
    answers: int  # acts that were stored
    answered: int  # questions with an answer
    partly: int  # of them, those with something still open
    questions: int
    code: str

    @property
    def masked_name(self) -> str:
        """The name as it stands on the slip, which is passed around; who checks the code sees it in full."""
        return mask_name(self.attempt.person_name)


def of(attempt: Attempt) -> Slip:
    """The slip of a submitted attempt. Two queries, one more each for submission and sitting unless they were selected.

    Raises:
        Submission.DoesNotExist: it is not handed in yet.
    """
    return _slip(attempt, settings.SECRET_KEY)


def check(code: str) -> Slip | None:
    """The slip with this code as the server knows it; None when no slip has it. Small slips of the pen are forgiven."""
    read = _CODE.fullmatch(re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", code[:100]).upper()).translate(MISREAD))
    if read is None:
        return None
    attempt = Attempt.objects.select_related("submission", "sitting", "quiz", "person").filter(pk=int(read[1]), submission__isnull=False)
    found = attempt.first()
    if found is None:
        return None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        slip = _slip(found, secret)
        if hmac.compare_digest(_bare(slip.code), _bare(f"{read[1]}{read[2]}")):
            return slip
    return None


def _slip(attempt: Attempt, secret: str | bytes) -> Slip:
    acts = list(Answer.objects.filter(attempt=attempt).order_by("seq").values_list("seq", "item_id", "token", "response"))
    latest = {item: response for _seq, item, _token, response in acts}
    items = list(AttemptItem.objects.filter(attempt=attempt))
    answered = [item for item in items if latest.get(item.pk) is not None]
    return Slip(
        attempt=attempt,
        handed_in_at=attempt.submission.at,
        by_the_clock=attempt.submission.cause == attempt.submission.Cause.TIME,
        on_paper=attempt.submission.cause == attempt.submission.Cause.PAPER,
        answers=len(acts),
        answered=len(answered),
        partly=sum(not item.item_kind.is_complete(item.shown, latest[item.pk]) for item in answered),
        questions=len(items),
        code=_code(attempt, acts, secret),
    )


def _code(attempt: Attempt, acts: Sequence[tuple], secret: str | bytes) -> str:
    """The attempt's number and a MAC over it, the time of handing in, and every answer in its order."""
    digest = hashlib.sha256()
    for act in acts:
        digest.update(json.dumps(act, sort_keys=True).encode() + b"\n")
    facts = f"slip:{attempt.pk}:{attempt.submission.at.timestamp():.6f}:{len(acts)}:{digest.hexdigest()}"
    mac = int.from_bytes(hmac.new(force_bytes(secret), facts.encode(), hashlib.sha256).digest())
    signs = "".join(ALPHABET[mac >> 5 * place & 31] for place in range(LENGTH))
    return f"{attempt.pk}-{signs[:4]}-{signs[4:8]}-{signs[8:]}"


def _bare(code: str) -> str:
    return code.replace("-", "")
