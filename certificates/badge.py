"""The certificate as a badge: Open Badges 3.0, a W3C Verifiable Credential 2.0, signed by the site.

A badge is an artefact: made of the frozen facts whenever it is asked for, the same bytes from the same key.
"""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.urls import reverse

from certificates import canonical, keyring, paper, proofs, status_lists
from certificates.models import Certificate, SigningKey
from core import clock
from core.figures import figure
from core.text import printable

CONTEXT = [canonical.VC, canonical.OPEN_BADGES]
LANGUAGE = "zh-CN"


def site() -> str:
    """The site's address without a stroke at its end."""
    return settings.WAGTAILADMIN_BASE_URL.rstrip("/")


def sites() -> list[str]:
    """The site's address and those that it had before (FORMER_SITE_URLS), under which badges of then are still known."""
    return [site(), *(address.rstrip("/") for address in settings.FORMER_SITE_URLS)]


def site_of_host(host: str) -> str:
    """Which of the addresses a request came to; the site's own for any other host."""
    return next((address for address in sites() if urlsplit(address).netloc == host), site())


def site_did(address: str | None = None) -> str:
    """Who signs: did:web of the site's address, a port written as %3A."""
    return "did:web:" + urlsplit(address or site()).netloc.rpartition("@")[2].replace(":", "%3A")


def issuer_document(address: str | None = None) -> dict[str, Any]:
    """What `/.well-known/did.json` says: every published key, retired ones too, so that what they signed stays valid."""
    did = site_did(address)
    methods = [
        {"id": f"{did}#{kid}", "type": "Multikey", "controller": did, "publicKeyMultibase": key}
        for kid, key in keyring.badge_keys().items()
    ]
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def signed(certificate: Certificate, *, offline: bool = False) -> dict[str, Any]:
    """The badge with its proof, dated with the issue. `offline`: by did:key, for those who cannot reach the site.

    One query beside the key's for one that was read `with_ledger()`.

    Raises:
        Refused: there is no key to sign with here ("no_key"), or the record was edited since it was issued ("altered").
    """
    certificate.require_as_issued()
    return sealed(lambda issuer: unsigned(certificate, issuer=issuer), created=moment(certificate.issued_at), offline=offline)


def sealed(make: Callable[[str], dict[str, Any]], *, created: str, offline: bool = False, address: str | None = None) -> dict[str, Any]:
    """What `make(issuer)` gives, signed with the key in use, in the site's name or, `offline`, in the key's own. Raises as `signed` does.

    `address`: in the name that the site had there before.
    """
    kid = keyring.kid_in_use(SigningKey.Purpose.BADGE)
    key = cast(Ed25519PrivateKey, keyring.private_key(kid))
    if offline:
        public = keyring.multibase_of(key.public_key())
        issuer, method = f"did:key:{public}", f"did:key:{public}#{public}"
    else:
        issuer = site_did(address)
        method = f"{issuer}#{kid}"
    return proofs.signed(make(issuer), created=created, method=method, sign=key.sign)


def as_json(document: dict[str, Any]) -> bytes:
    """A document as a file."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def file(certificate: Certificate, *, offline: bool = False) -> bytes:
    """The badge as a file. Raises as `signed` does."""
    return as_json(signed(certificate, offline=offline))


def moment(at: datetime) -> str:
    """An instant to the second, in the county's time zone: the day that one reads is the day that is printed."""
    return clock.local(at).isoformat(timespec="seconds")


def unsigned(certificate: Certificate, *, issuer: str, address: str | None = None) -> dict[str, Any]:
    """Every fact of the certificate in the terms of Open Badges 3.0. No query.

    The check holds a file against this, word by word. Whoever changes what it gives keeps the form of before beside it.

    The holder is named in plain letters, as on paper: a badge is for those whom its holder gives it to. There is no
    `awardedDate`: the context types it by a prefix that it does not define (1EdTech/openbadges-specification#646).
    """
    here = address or site()
    hours, score = _number(certificate.hours), certificate.score
    course = f"{certificate.kind_id}/{certificate.course_code}/{certificate.edition_number or ''}"
    achievement_id = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{here}/certificates/kinds/{course}')}"
    achievement: dict[str, Any] = {
        "id": achievement_id,
        "type": ["Achievement"],
        "achievementType": "CertificateOfCompletion",
        "name": printable(certificate.course_title or certificate.title),
        "description": printable(certificate.title),
        "criteria": {"narrative": printable(certificate.text)},
        "inLanguage": LANGUAGE,
        "creditsAvailable": hours,
        "resultDescription": [
            {
                "id": f"{achievement_id}#score",
                "type": ["ResultDescription"],
                "name": "考核成绩",
                "resultType": "Result" if score is None else "RawScore",
            }
        ],
    }
    if certificate.course_code:
        achievement["humanCode"] = printable(certificate.course_code)
    if certificate.edition_number:
        achievement["version"] = str(certificate.edition_number)
    names = [("name", certificate.person_name), ("ext:unitName", certificate.unit_name)]
    subject: dict[str, Any] = {
        "type": ["AchievementSubject"],
        "identifier": [
            {"type": "IdentityObject", "hashed": False, "identityHash": printable(name), "identityType": kind}
            for kind, name in names
            if name
        ],
        "licenseNumber": certificate.number,
        "creditsEarned": hours,
        "result": [
            {
                "type": ["Result"],
                "resultDescription": f"{achievement_id}#score",
                "value": "合格" if score is None else figure(score),
            }
        ],
        "achievement": achievement,
    }
    if certificate.post_title:
        subject["role"] = printable(certificate.post_title)
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "id": here + reverse("verify_number", args=[certificate.number]),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": printable(certificate.title),
        "description": paper.NOTE,
        "issuer": {"id": issuer, "type": ["Profile"], "name": printable(certificate.issuer), "url": here},
        "validFrom": moment(certificate.issued_at),
        "credentialSubject": subject,
        "credentialStatus": status_lists.entries(certificate.pk, here),
    }
    if certificate.valid_until is not None:
        document["validUntil"] = moment(clock.end_of(certificate.valid_until) - timedelta(seconds=1))
    return document


def _number(value: Decimal) -> int | float:
    """Whole numbers without a point: every program reads and writes them alike."""
    return int(value) if value == int(value) else float(value)
