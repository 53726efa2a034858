"""A status list that somebody drops in: ours or not, and of when. What a certificate is worth is never read from it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyld.jsonld import JsonLdError

from certificates import badge, canonical, keyring, proofs, status_lists
from core.text import is_storable

LARGEST = 64 * 1024  # 131,072 bits without any order would take 22 KB
_SUBJECT = {"id", "type", "statusPurpose", "encodedList"}
_MEMBERS = {"@context", "id", "type", "issuer", "validFrom", "validUntil", "credentialSubject", "proof"}


@dataclass(frozen=True)
class Judged:
    """`verdict`: "list_current", "list_outdated", "list_changed" or "list_foreign". The instants are as the list says."""

    verdict: str
    since: datetime | None = None
    until: datetime | None = None


def read(data: bytes) -> dict[str, Any] | None:
    """The document, if it calls itself a status list."""
    try:
        document = json.loads(data.decode("utf-8-sig")) if len(data) <= LARGEST else None
        if not is_storable(json.dumps(document, ensure_ascii=False)):
            return None
    except (ValueError, RecursionError):
        return None
    types = document.get("type") if isinstance(document, dict) else None
    return document if isinstance(types, list) and "BitstringStatusListCredential" in types else None


def judge(document: dict[str, Any], *, at: datetime) -> Judged:
    """Whether a key of ours signed the list, in the form in which we sign lists, and whether it still counts."""
    method = str(document["proof"].get("verificationMethod", "")) if isinstance(document.get("proof"), dict) else ""
    issuer, _mark, kid = method.partition("#")
    if document.get("issuer") != issuer or issuer not in map(badge.site_did, badge.sites()):
        return Judged("list_foreign")
    public = keyring.badge_key(kid)
    if public is None or not _has_our_form(document):
        return Judged("list_changed")
    try:
        is_ours = proofs.is_by(document, public, canonicalise=canonical.strictly)
        since, until = datetime.fromisoformat(document["validFrom"]), datetime.fromisoformat(document["validUntil"])
    except (canonical.NotOurs, JsonLdError, ValueError):
        return Judged("list_changed")
    if not is_ours:
        return Judged("list_changed")
    return Judged("list_current" if since <= at <= until else "list_outdated", since, until)


def _has_our_form(document: dict[str, Any]) -> bool:
    """Nothing beside what our lists say: so that little is left for the signature to be asked about, and nothing hides in it."""
    subject = document.get("credentialSubject")
    return (
        set(document) == _MEMBERS
        and document["@context"] == [canonical.VC]
        and document["type"] == ["VerifiableCredential", "BitstringStatusListCredential"]
        and isinstance(subject, dict)
        and set(subject) == _SUBJECT
        and all(isinstance(document[name], str) for name in ("id", "validFrom", "validUntil"))
        and all(isinstance(part, str) for part in subject.values())
        and subject["type"] == "BitstringStatusList"
        and subject["statusPurpose"] in status_lists.SETS
    )
