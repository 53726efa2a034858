"""Badges for tests: what stands at the site's public addresses, and what becomes of a certificate, by rows."""

import copy
import json
from datetime import datetime
from pathlib import Path

from django.test import Client

from certificates import badge, status_lists
from certificates.models import Certificate, StatusEvent

DATA = Path(__file__).parent / "data"
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"


def happened(certificate: Certificate, kind: str, *, by, at: datetime) -> StatusEvent:
    return StatusEvent.objects.create(certificate=certificate, kind=kind, reason="测试", by=by, at=at)


def published(certificates: list[Certificate]) -> dict[str, str]:
    """What a stranger's program finds at the addresses that these badges name, as the site serves it."""
    client, site = Client(), badge.site()
    found = {}
    paths = {"/.well-known/did.json"}
    for certificate in certificates:
        paths |= {entry["statusListCredential"].removeprefix(site) for entry in status_lists.entries(certificate.pk)}
    for path in paths:
        response = client.get(path)
        assert response.status_code == 200
        found[site + path] = response.content.decode()
    found["https" + site.removeprefix("http").removeprefix("s") + "/.well-known/did.json"] = found[site + "/.well-known/did.json"]
    found[SCHEMA] = (DATA / "ob_v3p0_achievementcredential_schema.json").read_text()
    return found


def changed(document: dict, **fields) -> dict:
    """A copy with other values: `changed(badge, credentialSubject__role="局长")`."""
    found = copy.deepcopy(document)
    for path, value in fields.items():
        *way, last = path.split("__")
        at = found
        for name in way:
            at = at[int(name)] if name.isdigit() else at[name]
        at[last] = value
    return found


def read(certificate: Certificate, **options) -> dict:
    """The badge as a program reads the file."""
    return json.loads(badge.file(certificate, **options))
