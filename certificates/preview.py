"""What an editor sees while changing a certificate kind: the paper with sample facts."""

import base64
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from certificates import paper, rules
from certificates.models import CertificateKind
from core import clock
from core.errors import Refused

SAMPLES = {
    "plain": ("张小明", "政务公开政策解读"),
    "long": (
        "阿卜杜热合曼·尔古买买提·阿普",
        "姚安县基层政务公开标准目录编制与县级政府信息公开平台网上录入发布实务操作及依申请公开办理流程暨政策解读"
        "回应关切能力提升专题培训班（第二期）——以社会救助、义务教育、公共文化服务等二十六个试点领域为例的案例教学、演练与考核",
    ),
    "rare": ("䶮㛃𬎆𡋾", "𠅤乡𤣰镇政务公开实务"),
}


def sample_facts(kind: CertificateKind, mode: str, today: date) -> dict[str, str]:
    """The printed facts of a certificate that does not exist."""
    name, course = SAMPLES.get(mode, SAMPLES["plain"])
    county = kind.county if kind.county_id else None
    unit = f"{county.name if county else ''}办公室"
    until = rules.last_valid_day(today, kind.validity_months or 0)
    values = {"name": name, "unit": unit, "course": course, "hours": "2.5", "score": "92分", "date": rules.chinese_date(today)}
    code = county.code[:6] if county and county.code[:6].isdecimal() else "000000"
    number = rules.compose_number(
        prefix=kind.number_prefix, category=kind.category, year=today.year, county_code=code.ljust(6, "0"), serial=0
    )
    return {
        "title": kind.title,
        "text": rules.fill_wording(kind.wording, values),
        "name": name,
        "unit": unit,
        "course": f"{course}（P01，第1版）",
        "hours": "2.5学时",
        "score": "92分",
        "issuer": kind.issuer,
        "issued_on": rules.chinese_date(today),
        "valid_until": rules.chinese_date(until) if until else "长期有效",
        "number": number,
    }


def preview(request: HttpRequest, kind: CertificateKind, mode: str) -> HttpResponse:
    """A page with the paper as a picture, or with the reason why it cannot be printed."""
    at = clock.now()
    context: dict[str, str] = {}
    try:
        facts = {name: rules.printable(text) for name, text in sample_facts(kind, mode, clock.today(at)).items()}
        context["picture"] = base64.b64encode(paper.sample_png(facts, at=at)).decode()
    except Refused as refusal:
        context["refusal"] = refusal.message
    return render(request, "certificates/kind_preview.html", context)
