"""Is this badge file genuine? Asks the signature and the record, and says what is wrong.

Genuine is a file that says what the record says, nothing more and nothing less, and is signed so by a published key of
ours. What the certificate is worth now is another question, which the record answers: a status list that somebody
brings along is not asked.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy
from pyld.jsonld import JsonLdError

from certificates import badge, canonical, keyring, proofs, rules
from certificates.models import Certificate, SigningKey, State
from core import clock
from core.errors import Refused
from core.text import is_storable, mask_name, printable

LARGEST, DEEPEST, MOST_NODES = 64 * 1024, 12, 80
MOST_LEAVES, LONGEST_NAME = 1000, 200  # the path of each leaf repeats the names above it
SHOWN = 200  # characters of what a file says that an answer repeats


class Code(StrEnum):
    """Why a file is not taken as genuine."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_BADGE = "not_a_badge"
    STATUS_LIST = "status_list"
    FOREIGN_CONTEXT = "foreign_context"
    FOREIGN_ISSUER = "foreign_issuer"
    NOT_FOUND = "not_found"
    NO_PROOF = "no_proof"
    OTHER_PROOF = "other_proof"
    UNKNOWN_KEY = "unknown_key"
    WITHDRAWN_KEY = "withdrawn_key"
    BAD_SIGNATURE = "bad_signature"
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    RECORD_DIFFERS = "record_differs"


MESSAGES = {
    Code.TOO_LARGE: gettext_lazy("The file is too large to be a badge of ours."),
    Code.NOT_JSON: gettext_lazy("The file is not a badge: it is no readable JSON."),
    Code.DUPLICATE_KEY: gettext_lazy("The file says one thing twice (%(said)s): programs would read it differently."),
    Code.NOT_A_BADGE: gettext_lazy("The file is not an Open Badge."),
    Code.STATUS_LIST: gettext_lazy("This is a status list, not a badge. Please choose the badge file of the certificate."),
    Code.FOREIGN_CONTEXT: gettext_lazy("The badge is written in terms that our badges do not use."),
    Code.FOREIGN_ISSUER: gettext_lazy("This badge was issued by somebody else (%(said)s). Only they can say whether it is genuine."),
    Code.NOT_FOUND: gettext_lazy("No certificate with the number in this badge was ever issued here."),
    Code.NO_PROOF: gettext_lazy("The badge is not signed."),
    Code.OTHER_PROOF: gettext_lazy("The badge is signed in a way that our badges are not."),
    Code.UNKNOWN_KEY: gettext_lazy("The badge names a signing key that is not ours."),
    Code.WITHDRAWN_KEY: gettext_lazy("The badge was signed with a key that has been withdrawn. The holder can download a new one."),
    Code.BAD_SIGNATURE: gettext_lazy("The signature does not fit: the file is not as it was signed."),
    Code.CHANGED: gettext_lazy("%(field)s differs from the record."),
    Code.MISSING: gettext_lazy("%(field)s is missing."),
    Code.EXTRA: gettext_lazy("%(field)s was added: our badge does not say it."),
    Code.RECORD_DIFFERS: gettext_lazy("The signature is ours, but the record says otherwise now. Please tell the issuer."),
}

# Paths that a reader knows under a name of their own. Others are named by their path.
NAMES = {
    "name": gettext_lazy("Title"),
    "issuer.name": gettext_lazy("Issuer"),
    "validFrom": gettext_lazy("Issued on"),
    "validUntil": gettext_lazy("Valid until"),
    "credentialSubject.identifier.0.identityHash": gettext_lazy("Name"),
    "credentialSubject.identifier.1.identityHash": gettext_lazy("Unit"),
    "credentialSubject.role": gettext_lazy("Post"),
    "credentialSubject.licenseNumber": gettext_lazy("Number"),
    "credentialSubject.creditsEarned": gettext_lazy("Hours"),
    "credentialSubject.result.0.value": gettext_lazy("Score"),
    "credentialSubject.achievement.name": gettext_lazy("Course"),
    "credentialSubject.achievement.humanCode": gettext_lazy("Course code"),
    "credentialSubject.achievement.version": gettext_lazy("Edition"),
    "credentialSubject.achievement.criteria.narrative": gettext_lazy("Text"),
}
_MASKED = {"credentialSubject.identifier.0.identityHash"}
_HIDDEN = {"credentialSubject.role"}  # what the public page does not show is not given to somebody with a made-up file


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong. `said` is what the file says, `recorded` what the record says, as far as the public may know it."""

    code: Code
    field: str = ""  # path in the file, with points
    said: str = ""
    recorded: str = ""

    @property
    def name(self) -> str:
        """What a reader calls the field."""
        return str(NAMES.get(self.field, self.field))

    @property
    def message(self) -> str:
        return str(MESSAGES[self.code]) % {"field": self.name, "said": self.said}


@dataclass(frozen=True)
class Verdict:
    """The answer. A genuine badge of a certificate that is revoked is genuine, and its `state` says revoked: show both."""

    is_genuine: bool
    reasons: tuple[Reason, ...] = ()
    certificate: Certificate | None = None  # the one that the badge names, found here; also where the badge is not genuine
    state: State | None = None  # of that certificate, on the day of `at`
    kid: str = ""  # the key of ours that made the signature, where it fits


class _Bad(Exception):
    def __init__(self, code: Code, field: str = "", said: object = "") -> None:
        super().__init__(code)
        self.reason = Reason(code, _brief(field), _brief(said))


def verify_badge(data: bytes | dict[str, Any], *, at: datetime) -> Verdict:
    """Whether a badge file is genuine, why not, and what its certificate is worth on the day of `at`. Never raises for what a file holds.

    Three queries; some milliseconds of arithmetic for a file that is not exactly ours.
    """
    try:
        document = _read(data)
        issuer, address = _of_ours(document)
        certificate = _find(document)
    except _Bad as bad:
        return Verdict(is_genuine=False, reasons=(bad.reason,))
    state = certificate.state_on(clock.today(at))
    differences = _differences(document, badge.unsigned(certificate, issuer=issuer, address=address), certificate)
    kid, reasons = "", differences
    try:
        named, public = _key_of(document, issuer)
        if proofs.is_by(document, public, canonicalise=canonical.strictly if differences else canonical.of):
            kid = named
            if any(each.code == Code.CHANGED and each.field in NAMES for each in differences):
                reasons = [Reason(Code.RECORD_DIFFERS), *differences]
        else:
            reasons = [*differences, Reason(Code.BAD_SIGNATURE)]
    except _Bad as bad:
        reasons = [*differences, bad.reason]
    except (canonical.NotOurs, JsonLdError):  # a term that no context defines: the signature would not cover it
        reasons = [*differences, Reason(Code.BAD_SIGNATURE)]
    return Verdict(is_genuine=not reasons, reasons=tuple(reasons), certificate=certificate, state=state, kid=kid)


def _read(data: bytes | dict[str, Any]) -> dict[str, Any]:
    """The document, bounded in size, depth and number of parts."""
    if isinstance(data, bytes):
        if len(data) > LARGEST:
            raise _Bad(Code.TOO_LARGE)
        try:
            document = json.loads(
                data.decode("utf-8-sig"), object_pairs_hook=_once, parse_float=_float, parse_constant=_no_constant, parse_int=_int
            )
        except (ValueError, RecursionError):
            raise _Bad(Code.NOT_JSON) from None
    else:
        document = data
    if not isinstance(document, dict):
        raise _Bad(Code.NOT_A_BADGE)
    _bound(document)
    types = document.get("type")
    if isinstance(types, list) and "BitstringStatusListCredential" in types:
        raise _Bad(Code.STATUS_LIST)
    if not (isinstance(types, list) and "OpenBadgeCredential" in types):
        raise _Bad(Code.NOT_A_BADGE)
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        raise _Bad(Code.DUPLICATE_KEY, said=next(name for name in names if names.count(name) > 1))
    return found


def _float(text: str) -> float | int:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text[:20])
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _int(text: str) -> int:
    if len(text) > 15:
        raise ValueError("too long a number")
    return int(text)


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _bound(document: dict[str, Any]) -> None:
    """Neither deeper nor of more parts than a badge is, of text that can be kept and shown, and without names for unnamed nodes."""
    waiting: list[tuple[Any, int]] = [(document, 1)]
    nodes = leaves = size = longest = 0
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            nodes += 1
            waiting += [(each, depth + 1) for each in value.values()]
            size += sum(len(name) for name in value)
            longest = max(longest, *map(len, value), 0)
            if not all(map(is_storable, value)):
                raise _Bad(Code.NOT_JSON)
            foreign = next((name for name in value if name.startswith(("@", "_:")) and not (name == "@context" and depth == 1)), None)
            if foreign is not None:
                raise _Bad(Code.FOREIGN_CONTEXT, foreign)
        elif isinstance(value, list):
            nodes += 1
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, str):
            size += len(value)
            if not is_storable(value):
                raise _Bad(Code.NOT_JSON)
            if value.startswith("_:"):
                raise _Bad(Code.FOREIGN_CONTEXT, said=value)
        elif value is not None and not isinstance(value, (bool, int, float)):
            raise _Bad(Code.NOT_JSON)
        leaves += not isinstance(value, dict | list)
        if depth > DEEPEST or nodes > MOST_NODES or size > LARGEST or leaves + len(waiting) > MOST_LEAVES or longest > LONGEST_NAME:
            raise _Bad(Code.TOO_LARGE)


def names_us(data: bytes) -> bool:
    """Whether a file calls this site, or one of its keys, its issuer, whatever else it is."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    did = _issuer_of(document) if isinstance(document, dict) else None
    if did is None or not is_storable(did):
        return False
    return did in map(badge.site_did, badge.sites()) or (did.startswith("did:key:") and bool(_kid_of(did.removeprefix("did:key:"))))


def _issuer_of(document: dict[str, Any]) -> str | None:
    issuer = document.get("issuer")
    did = issuer.get("id") if isinstance(issuer, dict) else issuer
    return did if isinstance(did, str) else None


def _of_ours(document: dict[str, Any]) -> tuple[str, str]:
    """The issuer that the badge names, the site or one of its keys, and the site's address of then."""
    if document.get("@context") != badge.CONTEXT:
        raise _Bad(Code.FOREIGN_CONTEXT)
    issuer, did = document.get("issuer"), _issuer_of(document)
    if did is None:
        raise _Bad(Code.NOT_A_BADGE)
    if did.startswith("did:key:") and _kid_of(did.removeprefix("did:key:")):
        url = issuer.get("url") if isinstance(issuer, dict) else None
        return did, next((each for each in badge.sites() if each == url), badge.site())
    address = next((each for each in badge.sites() if badge.site_did(each) == did), None)
    if address is None:
        name = issuer.get("name") if isinstance(issuer, dict) else None
        raise _Bad(Code.FOREIGN_ISSUER, "issuer.id", f"{name}, {did}" if isinstance(name, str) else did)
    return did, address


def _find(document: dict[str, Any]) -> Certificate:
    subject = document.get("credentialSubject")
    number = subject.get("licenseNumber") if isinstance(subject, dict) else None
    if not isinstance(number, str):
        raise _Bad(Code.NOT_A_BADGE)
    try:
        well_formed = rules.read_number(number)
    except Refused:
        raise _Bad(Code.NOT_FOUND, "credentialSubject.licenseNumber", number) from None
    certificate = Certificate.objects.with_state().with_ledger().filter(number=well_formed).first()
    if certificate is None:
        raise _Bad(Code.NOT_FOUND, "credentialSubject.licenseNumber", number)
    return certificate


def _key_of(document: dict[str, Any], issuer: str) -> tuple[str, str]:
    """Kid and public key that the proof names, if it is a key of the issuer's."""
    proof = document.get("proof")
    if not isinstance(proof, dict):
        raise _Bad(Code.NO_PROOF if not proof else Code.OTHER_PROOF)
    if not proofs.is_of_suite(proof):
        raise _Bad(Code.OTHER_PROOF)
    owner, _mark, fragment = proof["verificationMethod"].partition("#")
    if owner != issuer:
        raise _Bad(Code.UNKNOWN_KEY, "proof.verificationMethod", proof["verificationMethod"])
    kid = _kid_of(fragment) if issuer.startswith("did:key:") else fragment
    public = keyring.badge_key(kid)
    if public is None:
        raise _Bad(Code.WITHDRAWN_KEY if keyring.is_withdrawn(kid) else Code.UNKNOWN_KEY, "proof.verificationMethod", fragment)
    return kid, public


def _kid_of(public_key: str) -> str:
    """The kid of a key of ours that was written by itself; "" for others. A withdrawn one is known too, so that it is told as such."""
    return SigningKey.objects.filter(public_key=public_key).exclude(public_key="").values_list("kid", flat=True).first() or ""


def _differences(document: dict[str, Any], expected: dict[str, Any], certificate: Certificate) -> list[Reason]:
    """What the file says otherwise than the record, in the order of the file that we would make."""
    said, recorded = _leaves({name: each for name, each in document.items() if name != "proof"}), _leaves(expected)
    found = []
    for path, value in recorded.items():
        if path not in said:
            found.append(Reason(Code.MISSING, path))
        elif not _same(said[path], value):
            found.append(Reason(Code.CHANGED, path, _brief(said[path]), _public(path, value, certificate)))
    found += [Reason(Code.EXTRA, _brief(path), _brief(value)) for path, value in said.items() if path not in recorded]
    return found


def _public(path: str, value: Any, certificate: Certificate) -> str:
    """What the record says, as far as the check page shows it to anybody."""
    if path in _HIDDEN:
        return ""
    if path in _MASKED:
        return mask_name(str(value))
    return _brief(str(value).replace(certificate.person_name, mask_name(certificate.person_name)))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Each value by its path. An empty list or object is a value."""
    if isinstance(value, dict) and value:
        parts = value.items()
    elif isinstance(value, list) and value:
        parts = ((str(place), each) for place, each in enumerate(value))
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for name, each in parts:
        name = name.replace(".", "·")  # a point inside a name makes no path of its own
        found |= _leaves(each, f"{path}.{name}" if path else name)
    return found


def _brief(value: object) -> str:
    return printable(str(value)[: 4 * SHOWN])[:SHOWN]
