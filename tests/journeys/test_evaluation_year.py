"""A county's yearly evaluation from January to the last answered row: everything that has to end in a figure that nobody can change."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from core.errors import Refused
from evaluation import claims, services
from evaluation.indicators import calculation, reports, versions
from evaluation.models import LedgerEntry, Period, PersonLine, ReplyRow, UnitLine
from evaluation.periods import appeals, handover, lines, package
from evaluation.periods import services as periods
from people.models import Leave
from people.services import leaves, postings
from tests.cast import grant, person
from tests.certificates.conftest import keys, private
from tests.evaluation import rows
from tests.evaluation.test_handover import PUBLIC, signed

__all__ = ["keys", "private"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("private", "keys")]
DAY = timedelta(days=1)


def noon(month: int, day: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, 4, 0, tzinfo=UTC)


@pytest.fixture
def second(cast):
    someone = person("YA30001", "第二位", cast.other_bureau)
    grant(someone, "hr", cast.county)
    return someone


@pytest.fixture
def course(cast):
    rows.policy(hours_per_day="7.5")
    return rows.course(cast.county, "P01", title="政府信息公开条例精讲", required=["staff", "liaison", "chief"])


def taken(cast, second, course):
    """The year up to its freeze; gives the period, frozen."""
    hr = cast.hr
    version = versions.ensure_default(at=noon(1, 4))
    period = periods.open_period(county=cast.county, year=2026, version=version, by=hr, at=noon(1, 5))

    # Learning, a leave, a transfer in June, an external course.
    rows.complete(cast.learner, course, at=noon(3, 10))
    rows.complete(cast.own_leader, course, at=noon(4, 2))
    facts = leaves.Facts(kind=Leave.Kind.SICK, starts_on=date(2026, 3, 1), ends_on=date(2026, 9, 30), voucher="县医院证明第12号")
    leaves.record(person=cast.liaison, facts=facts, by=hr, form_key="leave", at=noon(3, 3))
    postings.post(person=cast.colleague, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=date(2026, 6, 10), by=hr)
    rows.complete(cast.colleague, course, at=noon(7, 1))
    learned = claims.Facts("lecture", "州政务公开培训班", "州政务公开办（虚构）", date(2026, 9, 7), date(2026, 9, 8), Decimal(15))
    claim = claims.file(
        person=cast.learner, facts=learned, files=[claims.File("通知.pdf", b"%PDF-1.7\n%%EOF\n")], form_key="c", at=noon(9, 10)
    )
    claims.approve(claim=claim, by=hr, at=noon(9, 11))
    claims.approve(claim=claim, by=second, at=noon(9, 12))
    told = {"reason": "责任书", "form_key": "tasks", "by": hr, "at": noon(11, 2)}
    for unit in (cast.bureau, cast.other_bureau):
        made = reports.report(
            period=period,
            unit=unit,
            values={"年度任务数": Decimal(2), "审核通过的标准目录条目": Decimal(2)},
            **(told | {"form_key": unit.code}),
        )
        for figure in made:
            reports.confirm(figure=figure, by=second, at=noon(11, 3))

    # Cut-off, publicity, and an appeal that is won: two hours of a lecture were never entered.
    periods.cut_off(period=period, by=hr, at=noon(12, 21))
    periods.publish(period=period, by=hr, at=noon(12, 21))
    periods.open_appeals(period=period, by=hr, at=noon(12, 29))
    appeal = appeals.file(period=period, by=cast.learner, text="11月讲座4学时没有记入", form_key="a", at=noon(12, 30))
    missed = claims.Facts("lecture", "11月讲座", "州政务公开办（虚构）", date(2026, 11, 5), date(2026, 11, 5), Decimal(4))
    sheet = [claims.File("签到表.pdf", b"%PDF-1.7\n%%EOF\n")]
    missed = claims.file(person=cast.learner, facts=missed, files=sheet, form_key="m", at=noon(12, 30))
    for officer in (hr, second):
        claims.approve(claim=missed, by=officer, at=noon(12, 30))
    remedy = appeals.Remedy(record="hours")
    appeals.grant(appeal=appeal, by=hr, reason="签到表属实", remedy=remedy, at=noon(12, 31))
    appeals.grant(appeal=appeal, by=second, reason="同意", at=noon(12, 31) + timedelta(hours=1))
    periods.freeze(period=period, by=hr, at=noon(1, 8, 2027))
    return type(period).objects.get(pk=period.pk)


def of(made, someone) -> PersonLine:
    return made.people.get(person=someone)


def test_a_year_is_evaluated_from_the_opening_roster_to_a_reconciliation_at_zero(cast, second, course):
    period = taken(cast, second, course)
    frozen = package.standing_freeze(period)

    # Everybody is counted once, where they belong, and the reason stands beside it.
    learner, colleague, away = of(frozen, cast.learner), of(frozen, cast.colleague), of(frozen, cast.liaison)
    assert (learner.organ, learner.counted, learner.required, learner.done) == (cast.bureau, True, 1, 1)
    assert learner.hours == Decimal("1.5") + 15 + 4  # the course with its test, the lecture, and what the appeal won
    assert (colleague.organ, colleague.reason, colleague.done) == (cast.other_bureau, "moved", 1)
    assert (away.counted, away.reason) == (False, "leave")
    bureau = UnitLine.objects.get(calculation=frozen, unit=cast.bureau)
    assert bureau.figures["应训人数"] == bureau.figures["完成必修人数"] == "2"
    assert of(period.calculations.get(number=1), cast.learner).hours == learner.hours - 4  # what was published stays as it was

    # The same bytes again.
    once = package.make(frozen)
    assert package.make(frozen).data == once.data and package.of(period).sha256 == once.sha256

    # Handed over; the receiver sends two rows back.
    receiver = handover.add_receiver(period=period, name="县考评办（虚构）", public_key=PUBLIC, by=cast.hr, at=noon(1, 11, 2027))
    given = handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=noon(1, 11, 2027))
    assert (
        given.package_sha256 == once.sha256
        and handover.hand_over(calculation=frozen, receiver=receiver, by=second, at=noon(1, 12, 2027)) == given
    )
    wrong = {"P:YA10001": "学时与台账不符", f"U:{cast.bureau.code}": "任务数未附责任书"}
    document = answered(given, wrong)
    handover.receive(hand_over=given, document=document, signature=signed(document), by=cast.hr, at=noon(1, 13, 2027))
    handover.receive(hand_over=given, document=document, signature=signed(document), by=second, at=noon(1, 14, 2027))
    assert ReplyRow.objects.filter(verdict="refused").count() == 2 == handover.reconciliation(period).open

    # One stands and is explained; the other was wrong: corrected, it comes with the supplementary list.
    handover.settle(row=ReplyRow.objects.get(key=f"U:{cast.bureau.code}"), words="责任书第3页已补交", by=cast.hr, at=noon(1, 15, 2027))
    services.correct(
        person=cast.learner,
        year=2026,
        hours=Decimal(-1),
        reason="讲座实到3学时",
        by=cast.hr,
        at=noon(1, 15, 2027),
        answers=LedgerEntry.objects.get(course_title="11月讲座"),
    )
    late = handover.supplement(period=period, by=cast.hr, at=noon(1, 16, 2027))
    assert [(one.key, [name for name, _old, _new in one.changes]) for one in lines.differences_of(late) if one.key[0] == "P"] == [
        ("P:YA10001", ["hours"])
    ]
    with pytest.raises(Refused, match="另一位"):  # nobody changes alone what the receiver holds
        handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=noon(1, 16, 2027))
    more = handover.hand_over(calculation=late, receiver=receiver, by=second, at=noon(1, 16, 2027))
    document = answered(more, {})
    handover.receive(hand_over=more, document=document, signature=signed(document), by=cast.hr, at=noon(1, 18, 2027))

    period = type(period).objects.get(pk=period.pk)
    assert handover.reconciliation(period).open == 0 and period.state == "handed_over"
    assert package.make(frozen).data == once.data and calculation.digest_of(frozen) == frozen.digest


class _Undone(Exception):
    pass


def test_the_same_year_lived_twice_gives_the_same_package_byte_for_byte(cast, second, course):
    lived = []
    for _time in range(2):
        with suppress(_Undone), transaction.atomic():
            lived.append(package.make(package.standing_freeze(taken(cast, second, course))).data)
            raise _Undone
    assert lived[0] == lived[1] and not Period.objects.exists()


def answered(given, refused: dict[str, str]) -> bytes:
    said = [
        {"key": key, "verdict": "refused", "reason": refused[key]} if key in refused else {"key": key, "verdict": "accepted"}
        for key in sorted(lines.keys_of(given.calculation))
    ]
    return json.dumps({"hand_over": given.name, "package": given.package_sha256, "rows": said}).encode()
