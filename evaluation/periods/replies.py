"""What a receiver's answer may say. Pure: bytes in, verdicts or a refusal with every broken row named out.

The answer is UTF-8, JSON or CSV. JSON: `{"hand_over": "532325-2026-1", "package": "<sha256>", "rows": [{"key": "P:YA10001",
"verdict": "accepted"}, {"key": "U:532325-D03", "verdict": "refused", "reason": "…"}]}`. CSV: the columns `hand_over`, `package`,
`key`, `verdict`, `reason`, the first two in every line. Rows may come in any order and in several answers.
"""

import base64
import binascii
import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.utils.translation import gettext as _

from core.errors import Refused, RefusedRows, RowError
from core.text import is_storable, printable

COLUMNS = ("hand_over", "package", "key", "verdict", "reason")
VERDICTS = ("accepted", "refused")
LONGEST_REASON = 500
MOST_NAMED = 50


@dataclass(frozen=True)
class Answer:
    """What is said of one row."""

    key: str
    verdict: str
    reason: str


def key_of(text: str) -> str:
    """A public key as the product keeps it, from PEM or from the base64 of its 32 bytes.

    Raises:
        Refused: neither, or not Ed25519 ("public_key").
    """
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            found = load_pem_public_key(text.encode())
            if not isinstance(found, Ed25519PublicKey):
                raise ValueError
        else:
            found = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, TypeError) as error:
        raise Refused(_("This is no Ed25519 public key: paste the PEM text, or the 32 bytes in base64."), code="public_key") from error
    return base64.b64encode(found.public_bytes_raw()).decode()


def require_signed(document: bytes, *, signature: str, public_key: str) -> None:
    """Let a document pass that the holder of the key has signed (Ed25519 over its bytes, base64).

    Raises:
        Refused: somebody else's signature, or none ("signature").
    """
    try:
        raw = base64.b64decode("".join(signature.split()), validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(raw, document)
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise Refused(
            _(
                "The signature is not this receiver's for this answer: nothing was taken. It may be another key, or a file that was changed after signing."
            ),
            code="signature",
        ) from error


def read(document: bytes, *, hand_over: str, package: str, known: Collection[str]) -> list[Answer]:
    """The verdicts of an answer, in its order.

    Raises:
        Refused: not readable ("format"), of another hand-over or package ("other_package"), without rows ("empty").
        RefusedRows: rows that hold half of a character, are unknown, doubled, without a verdict or, when refused, without a reason; each is named.
    """
    try:
        text = document.decode("utf-8-sig")
        rows = _of_json(text, hand_over, package) if text.lstrip().startswith(("{", "[")) else _of_csv(text, hand_over, package)
    except (ValueError, RecursionError, csv.Error) as error:
        raise Refused(_("The answer is neither JSON nor CSV in UTF-8 as agreed."), code="format") from error
    if not rows:
        raise Refused(_("The answer holds no row."), code="empty")
    answers: list[Answer] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}  # key → the row it stands in
    for number, row in rows:
        answer = Answer(*(_text(row.get(name)) for name in ("key", "verdict", "reason")))
        problem = _problem(answer, known, seen)
        if problem:
            errors.append(RowError(number, *problem))
        seen.setdefault(answer.key, number)
        answers.append(answer)
    if errors:
        more = "" if len(errors) <= MOST_NAMED else _(" The first %(count)d are named.") % {"count": MOST_NAMED}
        raise RefusedRows(
            _("%(count)d rows of the answer cannot be taken, so nothing of it was.") % {"count": len(errors)} + more, errors[:MOST_NAMED]
        )
    return answers


def _problem(answer: Answer, known: Collection[str], seen: Mapping[str, int]) -> tuple[str, str] | None:
    for name in ("key", "verdict", "reason"):
        if not is_storable(getattr(answer, name)):
            return name, _("It holds half of a character, which nothing can keep.")
    if answer.key not in known:
        return "key", _("“%(key)s” was not handed over.") % {"key": answer.key[:60]}
    if answer.key in seen:
        return "key", _("“%(key)s” stands in row %(row)d already.") % {"key": answer.key, "row": seen[answer.key]}
    if answer.verdict not in VERDICTS:
        return "verdict", _("The verdict is “accepted” or “refused”, not “%(verdict)s”.") % {"verdict": answer.verdict[:30]}
    if answer.verdict == "refused" and not answer.reason:
        return "reason", _("A refusal needs a reason.")
    if len(answer.reason) > LONGEST_REASON:
        return "reason", _("At most %(limit)s characters.") % {"limit": LONGEST_REASON}
    return None


def _of_json(text: str, hand_over: str, package: str) -> list[tuple[int, Mapping]]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("rows"), list):
        raise ValueError("no rows")
    _require_same([(found.get("hand_over"), found.get("package"))], hand_over, package)
    if not all(isinstance(row, dict) for row in found["rows"]):
        raise ValueError("a row that is none")
    return list(enumerate(found["rows"], start=1))


def _of_csv(text: str, hand_over: str, package: str) -> list[tuple[int, Mapping]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError("columns are missing")
    rows: list[tuple[int, Mapping]] = list(enumerate(reader, start=2))
    _require_same([(row["hand_over"], row["package"]) for _number, row in rows], hand_over, package)
    return rows


def _require_same(found: Iterable[tuple[object, object]], hand_over: str, package: str) -> None:
    for name, digest in found:
        if name != hand_over:
            raise Refused(
                _("The answer is to another hand-over (%(found)s): this is %(wanted)s.")
                % {"found": printable(str(name)[:60]), "wanted": hand_over},
                code="other_package",
            )
        if digest != package:
            raise Refused(
                _("The answer to %(name)s is to another package (SHA-256 %(found)s): this one is %(wanted)s.")
                % {"name": name, "found": printable(str(digest)[:64]), "wanted": package},
                code="other_package",
            )


def _text(value: object) -> str:
    return value.strip().replace("\x00", "") if isinstance(value, str) else ""
