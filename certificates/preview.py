"""What an editor sees while changing a certificate kind, and of each version of it: the paper with sample facts."""

import base64
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from certificates import paper, rules
from certificates.models import CertificateKind
from certificates.models.kind import IN_ENGLISH
from core import clock
from core.errors import Refused
from core.text import printable

USUAL = ("张小明", "政务公开政策解读")
FOUR_LINES = (
    "姚安县基层政务公开标准目录编制与县级政府信息公开平台网上录入发布实务操作及依申请公开办理流程暨政策解读"
    "回应关切能力提升专题培训班（第二期）——以社会救助、义务教育、公共文化服务等二十六个试点领域为例的案例教学、演练与考核"
)
SAMPLES = {
    "plain": USUAL,
    "long": ("阿卜杜热合曼·尔古买买提·阿普杜热依木·吐尔逊", USUAL[1]),
    "rare": ("䶮㛃𬎆𡋾", "𠅤乡𤣰镇政务公开实务"),
    "lines": (USUAL[0], FOUR_LINES),
    "higher": (USUAL[0], ""),
    "both": USUAL,
}
RESTS_ON = "政务公开基础合格证明 {prefix}-02-{year}-{code}-00001、标准目录编制合格证明 {prefix}-03-{year}-{code}-00001"


def sample(design: Mapping[str, Any], kind: CertificateKind, mode: str, at: datetime) -> dict[str, Any]:
    """What the layout is given for a certificate that does not exist.

    Raises:
        Refused: the wording cannot be filled; there is no English yet ("no_english").
    """
    today = clock.today(at)
    if mode == "both":
        design = _bilingual(design)
    name, course = SAMPLES.get(mode, USUAL)
    facts, values = _facts(design, kind, name, course, today)
    facts = {key: printable(text) for key, text in facts.items()}
    if design["layout"] == "v1":
        return paper.on_sheet(facts)
    english = None
    if design["language"] == CertificateKind.Language.BILINGUAL:
        until = rules.last_valid_day(today, design["validity_months"] or 0)
        english = paper.english_facts(
            design,
            **values | {"score": "92", "date": rules.english_date(today)},
            issued_on=rules.english_date(today),
            valid_until=rules.english_date(until) if until else "no expiry",
        )
    return paper.on_sheet(facts, design, english=english, county=kind.county_id, rests_on_others=mode == "higher")


def _bilingual(design: Mapping[str, Any]) -> dict[str, Any]:
    """The design as it would be in both languages."""
    if design["layout"] == "v1" or not all(design[name] for name in IN_ENGLISH):
        raise Refused(
            _("There is no English yet: choose “Chinese and English” and write title, wording and issuer in English."), code="no_english"
        )
    return {**design, "language": str(CertificateKind.Language.BILINGUAL)}


def _facts(design: Mapping[str, Any], kind: CertificateKind, name: str, course: str, today: date) -> tuple[dict[str, str], dict[str, str]]:
    county = kind.county if kind.county_id else None
    unit = f"{county.name if county else ''}办公室"
    until = rules.last_valid_day(today, design["validity_months"] or 0)
    code = county.code[:6] if county and county.code[:6].isdecimal() else "000000"
    values = {"name": name, "unit": unit, "course": course or USUAL[1], "hours": "2.5", "score": "92分", "date": rules.chinese_date(today)}
    for text in (design["wording"], design.get("wording_en", "")):
        rules.check_wording(text)
    try:
        number = rules.compose_number(
            prefix=kind.number_prefix, category=kind.category, year=today.year, county_code=code.ljust(6, "0"), serial=0
        )
    except ValueError as fault:
        raise Refused(_("Prefix and category make no number yet."), code="no_number") from fault
    facts = {
        "title": design["title"],
        "text": rules.fill_wording(design["wording"], values),
        "name": name,
        "unit": unit,
        "course": f"{course}（P01，第1版）" if course else RESTS_ON.format(prefix=kind.number_prefix, year=today.year, code=code),
        "hours": "2.5学时",
        "score": "92分",
        "issuer": design["issuer"],
        "issued_on": rules.chinese_date(today),
        "valid_until": rules.chinese_date(until) if until else "长期有效",
        "number": number,
    }
    return facts, values


def picture(design: Mapping[str, Any], kind: CertificateKind, mode: str, *, at: datetime, ppi: int = 96) -> bytes:
    """The paper of a design with sample facts, as PNG.

    Raises:
        Refused: it cannot be printed, and why.
    """
    return paper.sample_png(sample(design, kind, mode, at), at=at, layout=design["layout"], ppi=ppi)


def preview(request: HttpRequest, kind: CertificateKind, mode: str) -> HttpResponse:
    """A page with the paper as a picture, or with the reason why it cannot be printed."""
    context: dict[str, Any] = {}
    try:
        context["picture"] = base64.b64encode(picture(kind.design() | _english_of(kind), kind, mode, at=clock.now())).decode()
    except Refused as refusal:
        context["reasons"] = [refusal.message]
    return render(request, "certificates/kind_preview.html", context)


def _english_of(kind: CertificateKind) -> dict[str, str]:
    """English that is written, also while the kind is not bilingual: it can be looked at first."""
    return {name: getattr(kind, name) for name in IN_ENGLISH}


def unfit(request: HttpRequest, form) -> HttpResponse:
    """The page of a draft that is no template yet: what is wrong with it, in words."""
    reasons = [
        f"{form.fields[name].label}：{message}" if name in form.fields else message
        for name, messages in form.errors.items()
        for message in messages
    ]
    return render(request, "certificates/kind_preview.html", {"reasons": reasons})
