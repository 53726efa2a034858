"""The certificate on paper: a PDF by typst, from the frozen facts and the frozen version of its template alone."""

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import segno
from django.conf import settings
from django.urls import reverse

from certificates import rules
from certificates.models import Certificate
from core import clock, typesetting
from core.figures import figure
from core.text import printable

LAYOUTS = Path(__file__).parent / "layouts"
SEAL = 36  # mm: how large a seal is in versions from before they said so
NOTE = "本证明为培训合格证明，记载持证人参加培训并考核合格的情况，不属于法定证照。"
NOTE_EN = "This certifies that its holder completed a training and passed its assessment. It is not a statutory licence."


def check_address(number: str) -> str:
    """Where anybody checks this number: absolute, because it stands on paper."""
    return settings.WAGTAILADMIN_BASE_URL.rstrip("/") + reverse("verify_number", args=[number])


def qr_code(address: str) -> segno.QRCode:
    """The QR code that stands on paper and picture.

    Its mask is fixed: every mask can be read, and to score all eight for the neatest takes a tenth of a paper's time.
    """
    return segno.make(address, error="m", micro=False, mask=3)


def _qr_svg(number: str) -> str:
    out = io.BytesIO()
    qr_code(check_address(number)).save(out, kind="svg", xmldecl=False, border=2, dark="#1f2a37", light="#ffffff")
    return out.getvalue().decode()


def printed(certificate: Certificate) -> dict[str, str]:
    """Every fact as the paper shows it, in Chinese."""
    until = certificate.valid_until
    facts = {
        "title": certificate.title,
        "text": certificate.text,
        "name": certificate.person_name,
        "unit": certificate.unit_name or "—",
        "course": _course(certificate),
        "hours": f"{figure(certificate.hours)}学时",
        "score": "合格" if certificate.score is None else f"{figure(certificate.score)}分",
        "issuer": certificate.issuer,
        "issued_on": rules.chinese_date(certificate.issued_on),
        "valid_until": rules.chinese_date(until) if until else "长期有效",
        "number": certificate.number,
    }
    return {name: printable(text) for name, text in facts.items()}


def _course(certificate: Certificate) -> str:
    """The course with its edition; what a certificate without a course rests on."""
    if certificate.course_code:
        return f"{certificate.course_title}（{certificate.course_code}，第{certificate.edition_number}版）"
    return certificate.course_title or "—"


def in_english(certificate: Certificate) -> dict[str, str]:
    """What a bilingual paper says beside the Chinese. Names have no English. Two queries at most, none for a paper in Chinese."""
    design = certificate.version.content
    if design.get("language") != "zh-en":
        return {}
    completion, until = certificate.completion, certificate.valid_until
    completed_on = clock.today(completion.completed_at) if completion else certificate.issued_on
    facts = english_facts(
        design,
        name=certificate.person_name,
        unit=certificate.unit_name,
        course=certificate.course_title,
        hours=figure(certificate.hours),
        score="Pass" if certificate.score is None else figure(certificate.score),
        date=rules.english_date(completed_on),
        issued_on=rules.english_date(certificate.issued_on),
        valid_until=rules.english_date(until) if until else "no expiry",
    )
    return {name: printable(text) for name, text in facts.items()}


def english_facts(design: Mapping[str, Any], *, issued_on: str, valid_until: str, **values: str) -> dict[str, str]:
    return {
        "title": design["title_en"],
        "text": rules.fill_wording(design["wording_en"], values),
        "issuer": design["issuer_en"],
        "hours": f"{values['hours']} h",
        "score": values["score"],
        "issued_on": issued_on,
        "valid_until": valid_until,
        "note": NOTE_EN,
    }


def sheet(certificate: Certificate) -> dict[str, Any]:
    """All that the layout of a certificate's version is given: its facts, and, from v2 on, its look and its English."""
    facts, design = printed(certificate), certificate.version.content
    if design["layout"] == "v1":
        return on_sheet(facts)
    county = certificate.kind.county_id if design["seal"] or design["background"] else None
    return on_sheet(facts, design, english=in_english(certificate), county=county, rests_on_others=certificate.completion_id is None)


def on_sheet(
    facts: dict[str, str],
    design: Mapping[str, Any] | None = None,
    *,
    english: Mapping[str, str] | None = None,
    county: int | None = None,
    rests_on_others: bool = False,
) -> dict[str, Any]:
    """Facts with what every paper carries: the code, the address behind it, the note; and with a template's look.

    Raises:
        Refused: a picture of the template cannot be read ("picture_lost").
    """
    data: dict[str, Any] = {**facts, "qr": _qr_svg(facts["number"]), "check_address": check_address(facts["number"]), "note": NOTE}
    if design is None:
        return data
    return data | {
        **_set(facts),
        "en": _set(english) if english else None,
        "accent": design["accent"],
        "ink": design["ink"],
        "quiet": rules.quieter(design["ink"]),
        "orientation": design["orientation"],
        "qr_place": design["qr_place"],
        "signatories": [_set({name: printable(text) for name, text in each.items()}) for each in design["signatories"]],
        "seal": _picture(county, design["seal"]),
        "seal_mm": design.get("seal_mm", SEAL),
        "marks_seal_place": design["marks_seal_place"],
        "background": _picture(county, design["background"]),
        "rests_on_others": rests_on_others,
    }


def _set(texts: Mapping[str, str]) -> dict[str, Any]:
    """Texts that break where they must, with the widest runs of each that do not."""
    set_texts = {name: rules.breakable(text) for name, text in texts.items()}
    return {**set_texts, "runs": {name: rules.wide_runs(text) for name, text in set_texts.items()}}


def _picture(county: int | None, digest: str | None) -> dict[str, Any] | None:
    """A picture of a template as the layout takes it: with its width over its height. The bytes are those of its digest."""
    return _as_svg(county or 0, digest) if digest else None


@lru_cache(maxsize=32)  # by the digest of the bytes: what is found once stays true
def _as_svg(county: int, digest: str) -> dict[str, Any]:
    from certificates.services import pictures

    found = pictures.read(county, digest)
    data = base64.b64encode(pictures.bytes_of(found)).decode()
    width, height = found.width, found.height
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:{found.content_type};base64,{data}"/></svg>'
    )
    return {"svg": svg, "ratio": width / height}


def pdf(certificate: Certificate, *, carried: Sequence[typesetting.Attachment] = ()) -> bytes:
    """The paper as PDF/A-3, before it is signed; the same bytes each time, since it is dated with the issue.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph"); a picture is gone ("picture_lost").
        ImproperlyConfigured: the fonts are not installed.
    """
    layout = certificate.version.content["layout"]
    return _compile(sheet(certificate), layout=layout, at=certificate.issued_at, archive=True, carried=carried)


def _compile(data: dict[str, Any], *, layout: str, at: datetime, **options) -> bytes:
    return typesetting.typeset(LAYOUTS / f"{layout}.typ", data, at=at, **options)


def sample_png(data: dict[str, Any], *, at: datetime, layout: str, ppi: int = 96) -> bytes:
    """The paper with sample facts as a PNG, for the editor's preview. Raises as `pdf` does."""
    return _compile(data, layout=layout, at=at, format="png", ppi=ppi)
