"""The certificate on paper: a PDF by typst, from the frozen facts alone."""

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import segno
from django.conf import settings
from django.urls import reverse

from certificates import rules
from certificates.models import Certificate
from core import typesetting
from core.figures import figure

LAYOUTS = Path(__file__).parent / "layouts"
NOTE = "本证明为培训合格证明，记载持证人参加培训并考核合格的情况，不属于法定证照。"


def check_address(number: str) -> str:
    """Where anybody checks this number: absolute, because it stands on paper."""
    return settings.WAGTAILADMIN_BASE_URL.rstrip("/") + reverse("verify_number", args=[number])


def qr_svg(number: str) -> str:
    """The check address as a QR code."""
    out = io.BytesIO()
    segno.make(check_address(number), error="m", micro=False).save(
        out, kind="svg", xmldecl=False, border=2, dark="#1f2a37", light="#ffffff"
    )
    return out.getvalue().decode()


def printed(certificate: Certificate) -> dict[str, str]:
    """Every fact as the paper shows it, in Chinese."""
    until = certificate.valid_until
    facts = {
        "title": certificate.title,
        "text": certificate.text,
        "name": certificate.person_name,
        "unit": certificate.unit_name or "—",
        "course": f"{certificate.course_title}（{certificate.course_code}，第{certificate.edition_number}版）"
        if certificate.course_code
        else certificate.course_title or "—",
        "hours": f"{figure(certificate.hours)}学时",
        "score": "合格" if certificate.score is None else f"{figure(certificate.score)}分",
        "issuer": certificate.issuer,
        "issued_on": rules.chinese_date(certificate.issued_on),
        "valid_until": rules.chinese_date(until) if until else "长期有效",
        "number": certificate.number,
    }
    return {name: rules.printable(text) for name, text in facts.items()}


def pdf(certificate: Certificate, *, carried: Sequence[typesetting.Attachment] = ()) -> bytes:
    """The paper as PDF/A-3, before it is signed; the same bytes each time, since it is dated with the issue.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph").
        ImproperlyConfigured: the fonts are not installed.
    """
    return _compile(
        printed(certificate), layout=certificate.version.content["layout"], at=certificate.issued_at, archive=True, carried=carried
    )


def _compile(facts: dict[str, str], *, layout: str, at: datetime, **options) -> bytes:
    data = {**facts, "qr": qr_svg(facts["number"]), "check_address": check_address(facts["number"]), "note": NOTE}
    return typesetting.typeset(LAYOUTS / f"{layout}.typ", data, at=at, **options)


def sample_png(facts: dict[str, str], *, at: datetime, layout: str = "v1") -> bytes:
    """The paper with sample facts as a PNG, for the editor's preview. Raises as `pdf` does."""
    return _compile(facts, layout=layout, at=at, format="png", ppi=96)
