"""Who is counted, what stands for them, and what a unit comes to."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from courses.models import Completion
from evaluation import services
from evaluation.indicators import calculation, roster, versions
from evaluation.models import FigureConfirmation, Period, PersonLine, PointCorrection, UnitFigure, UnitLine
from evaluation.periods.lines import OF_PEOPLE
from people.models import DutyAssignment, Leave, Posting, Unit
from people.models.snapshot import served_at
from people.services import postings
from people.services import units as units_of_people
from tests.cast import NOON, person
from tests.evaluation import rows

CLOSED = datetime(2026, 12, 21, 1, 0, tzinfo=UTC)  # the morning after the cut-off day


@pytest.fixture
def period(cast, policy):
    return Period.objects.create(
        county=cast.county,
        year=2026,
        version=versions.ensure_default(at=NOON),
        opens_on=date(2026, 1, 1),
        cutoff_on=date(2026, 12, 20),
        publicity_days=5,
        appeal_days=5,
        freeze_on=date(2027, 1, 10),
        by=cast.hr,
        at=NOON,
    )


def outcome(period, at=CLOSED):
    found = calculation.calculate(period=period, at=at)
    return {line.employee_number: line for line in found.people}, {line.unit_code: line for line in found.units}


def move(someone, unit, *, on, title="科员"):
    Posting.objects.filter(person=someone, ends_on=None).update(ends_on=on - timedelta(days=1))
    return Posting.objects.create(person=someone, unit=unit, title=title, starts_on=on)


def leave(someone, first, last, *, by, void=None):
    return Leave.objects.create(
        **served_at(someone), kind="sick", starts_on=first, ends_on=last, voucher="病假条", by=by, form_key=f"{first}", at=NOON
    )


def confirmed(period, unit, name, value, *, by, second, key="k"):
    made = UnitFigure.objects.create(
        period=period, unit=unit, name=name, value=Decimal(value), reason="台账", by=by, form_key=f"{name}{value}{key}", at=NOON
    )
    FigureConfirmation.objects.create(figure=made, author=by, by=second, at=NOON)
    return made


def test_everybody_serving_has_one_line_where_they_serve(cast, period):
    people, units = outcome(period)

    assert len(people) == 10 and "DY10001" not in people
    assert (people["YA10001"].unit_code, people["YA10001"].organ.code) == ("532325-D03-01", "532325-D03")
    assert people["YA10001"].unit_name == "姚安县教育体育局 办公室"
    assert people["YA10002"].duties == ["publisher", "staff"]
    assert set(units) == {"532325-D01", "532325-D03", "532325-D09"}


def test_a_duty_counts_no_longer_than_the_posting_in_which_it_was_held(cast, period):
    move(cast.learner, cast.other_bureau, on=date(2026, 6, 1)).duties.create(duty="chief", starts_on=date(2026, 6, 1))
    DutyAssignment.objects.filter(posting__person=cast.learner, duty="staff").update(ends_on=date(2027, 1, 31))
    people, _units = outcome(period)
    assert people["YA10001"].duties == ["chief"]


def test_a_unit_that_was_founded_after_the_cut_off_has_no_line_and_one_of_the_last_day_has(cast, period):
    for code, day in (("532325-D20", period.cutoff_on), ("532325-D21", period.cutoff_on + timedelta(days=1))):
        founded = cast.county.add_child(code=code, name=f"{code}局", kind="department")
        newcomer = person(f"N{code}", "新人", founded.add_child(code=f"{code}-01", name="办公室", kind="section"))
        Posting.objects.filter(person=newcomer).update(starts_on=day)
    _people, units = outcome(period)
    assert set(units) == {"532325-D01", "532325-D03", "532325-D09", "532325-D20"}


def test_those_right_below_the_county_take_no_place_among_its_units(cast, period, course):
    leaders = cast.county.add_child(code="532325-L", name="县政府领导", kind="section")
    rows.complete(person("YA90001", "县领导", leaders, "staff"), course)
    rows.complete(cast.learner, course)
    _people, units = outcome(period)
    assert units["532325"].total > units["532325-D03"].total and units["532325"].rank is None
    assert units["532325-D03"].rank == 1


def test_who_moved_in_june_is_counted_in_the_new_unit_and_who_moved_in_november_in_the_old(cast, period):
    move(cast.learner, cast.other_bureau, on=date(2026, 6, 1))
    move(cast.colleague, cast.other_bureau, on=date(2026, 11, 2))

    people, units = outcome(period)

    assert (people["YA10001"].organ, people["YA10001"].reason) == (cast.other_bureau, "moved")
    assert (people["YA10002"].organ, people["YA10002"].reason) == (cast.bureau, "moved_late")
    assert people["YA10002"].duties == ["publisher", "staff"]  # of the last day there
    assert units["532325-D09"].figures["在册人数"] == "2" and units["532325-D03"].figures["在册人数"] == "3"


def test_a_promotion_in_one_section_is_no_move(cast, period):
    for someone, title in ((cast.learner, "副局长"), (cast.colleague, cast.colleague.post_title)):
        postings.post(person=someone, unit=cast.section, title=title, duties=["deputy"], starts_on=date(2026, 11, 1))

    people, _units = outcome(period)

    lines = people["YA10001"], people["YA10002"]
    assert [(one.reason, one.unit, one.duties, one.target) for one in lines] == [("roster", cast.section, ["deputy"], Decimal(8))] * 2
    assert people["YA10001"].post_title == "副局长"


def merged(cast, unit, into, *, on):
    """Everybody of a unit is posted into another one on the day after its last; its sections are closed without a word."""
    for posting in Posting.objects.filter(unit__path__startswith=unit.path, ends_on=None).select_related("person"):
        held = list(posting.duties.filter(ends_on=None).values_list("duty", flat=True))
        day = on + timedelta(days=1)
        postings.post(person=posting.person, unit=into, title=posting.title, duties=held, starts_on=day)
    at = datetime(2027, 1, 5, 4, 0, tzinfo=UTC)
    for section in Unit.objects.within(unit).open().exclude(pk=unit.pk):
        units_of_people.close(unit=section, on=on, by=cast.admin, at=at)
    return units_of_people.close(unit=unit, on=on, by=cast.admin, at=at, successor=into)


def test_who_came_with_a_merged_unit_is_counted_in_its_successor_and_the_old_unit_has_no_line(cast, period):
    merged(cast, cast.bureau, cast.other_bureau, on=date(2026, 10, 7))

    people, units = outcome(period)

    assert "532325-D03" not in units and units["532325-D09"].figures["在册人数"] == "5"
    for number in ("YA10001", "YA10002", "YA10003", "YA10005"):
        line = people[number]
        assert (line.organ, line.unit_code, line.counted, line.reason) == (cast.other_bureau, "532325-D09", True, "merged")
    assert people["YA10004"].reason == "roster"
    assert "并入" in roster.words("merged", months_joined=3, months_away=3)


@pytest.mark.parametrize(("on", "is_merged"), [(date(2026, 12, 19), True), (date(2026, 12, 20), False), (date(2026, 12, 31), False)])
def test_a_unit_that_was_there_on_the_cut_off_day_is_counted_by_itself(cast, period, on, is_merged):
    merged(cast, cast.bureau, cast.other_bureau, on=on)

    people, units = outcome(period, at=datetime(2027, 1, 6, 4, 0, tzinfo=UTC))

    assert ("532325-D03" in units) is not is_merged
    assert people["YA10001"].organ == (cast.other_bureau if is_merged else cast.bureau)
    assert units["532325-D09"].figures["在册人数"] == ("5" if is_merged else "1")


@pytest.mark.parametrize("on", [date(2025, 12, 31), date(2026, 1, 1)])
def test_a_merger_about_the_opening_day_leaves_the_successor_alone_in_the_year(cast, period, on):
    merged(cast, cast.bureau, cast.other_bureau, on=on)

    people, units = outcome(period)

    assert "532325-D03" not in units and units["532325-D09"].figures["在册人数"] == "5"
    assert people["YA10001"].reason == ("roster" if on.year == 2025 else "merged")


def test_a_chain_of_mergers_is_followed_to_its_end(cast, period):
    last = cast.county.add_child(code="532325-D30", name="姚安县综合局", kind="department")
    merged(cast, cast.bureau, cast.other_bureau, on=date(2026, 10, 7))
    merged(cast, cast.other_bureau, last, on=date(2026, 11, 30))

    people, units = outcome(period)

    assert set(units) == {"532325-D01", "532325-D30"} and units["532325-D30"].figures["在册人数"] == "5"
    assert people["YA10001"].organ == last and people["YA10004"].reason == "merged"


def test_who_left_before_a_merger_too_late_to_be_counted_elsewhere_is_counted_with_the_duties_of_then_in_the_successor(cast, period):
    rows.course(cast.county, "P09", required=["chief"])
    postings.post(person=cast.own_leader, unit=cast.hr.unit, title="主任", duties=["staff"], starts_on=date(2026, 11, 2))
    merged(cast, cast.bureau, cast.other_bureau, on=date(2026, 11, 20))

    people, units = outcome(period)

    line = people["YA10003"]
    assert (line.organ, line.reason, line.duties, line.held_in) == (cast.other_bureau, "moved_late", ["chief"], {})
    assert units["532325-D09"].figures["主要领导人数"] == "2"


def beside(someone, unit, *duties):
    posting = Posting.objects.create(person=someone, unit=unit, title="局长", starts_on=date(2024, 1, 1), is_main=False)
    for duty in duties:
        DutyAssignment.objects.create(posting=posting, duty=duty, starts_on=date(2024, 1, 1))


def leaders(line):
    return [line.figures[name] for name in ("在册人数", "主要领导人数", "主要领导完成必修人数", "分管领导人数")]


def test_who_leads_a_unit_beside_another_posting_counts_among_the_leaders_there_and_in_the_roster_at_home(cast, period):
    asked = rows.course(cast.county, "P09", required=["chief"])
    beside(cast.learner, cast.other_bureau, "chief")
    rows.complete(cast.learner, asked)

    people, units = outcome(period)

    line = people["YA10001"]
    assert (line.organ, line.duties, line.required) == (cast.bureau, ["chief", "staff"], 1)  # what one must learn goes by all duties
    assert line.held_in == {str(cast.bureau.pk): ["staff"], str(cast.other_bureau.pk): ["chief"]}
    assert people["YA10002"].held_in == {}
    assert leaders(units["532325-D03"]) == ["4", "1", "0", "0"]
    assert leaders(units["532325-D09"]) == ["1", "2", "1", "0"]


def test_who_is_left_off_the_roster_leads_no_unit_beside_it(cast, period):
    rows.course(cast.county, "P09", required=["chief"])
    beside(cast.learner, cast.other_bureau, "chief")
    leave(cast.learner, date(2026, 3, 1), date(2026, 5, 31), by=cast.hr)

    assert leaders(outcome(period)[1]["532325-D09"]) == ["1", "1", "0", "0"]


def test_a_duty_held_at_home_and_beside_it_counts_in_both_units(cast, period):
    rows.course(cast.county, "P09", required=["chief"])
    beside(cast.own_leader, cast.other_bureau, "chief", "deputy")

    _people, units = outcome(period)

    assert leaders(units["532325-D03"]) == ["4", "1", "0", "0"]
    assert leaders(units["532325-D09"]) == ["1", "2", "0", "1"]


def test_a_calculation_without_side_postings_keeps_the_digest_that_it_had_and_one_with_them_holds_them(cast, period):
    made = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    line = PersonLine.objects.get(calculation=made, person=cast.learner)
    assert json.loads(calculation._canonical("P:YA10001", line, OF_PEOPLE)) == [
        "P:YA10001",
        *(f"{one:.2f}" if isinstance(one := getattr(line, name), Decimal) else one for name in OF_PEOPLE),
    ]
    beside(cast.learner, cast.other_bureau, "staff")
    again = calculation.record(period=period, purpose="freeze", by=cast.hr, at=CLOSED)
    assert again.digest != made.digest and calculation.digest_of(again) == again.digest


def test_who_joined_late_left_or_was_on_leave_keeps_a_line_that_says_so(cast, period):
    late = person("YA20001", "晚来", cast.section)
    Posting.objects.filter(person=late).update(starts_on=date(2026, 9, 22))
    Posting.objects.filter(person=cast.colleague).update(ends_on=date(2026, 6, 30))
    leave(cast.learner, date(2026, 3, 1), date(2026, 5, 31), by=cast.hr)

    people, units = outcome(period)

    assert [(people[n].counted, people[n].reason) for n in ("YA20001", "YA10002", "YA10001")] == [
        (False, "joined_late"),
        (False, "left"),
        (False, "leave"),
    ]
    assert units["532325-D03"].figures["在册人数"] == "2"


def test_a_leave_that_was_taken_back_takes_nobody_out(cast, period):
    wrong = leave(cast.learner, date(2026, 3, 1), date(2026, 5, 31), by=cast.hr)
    Leave.objects.create(
        **served_at(cast.learner),
        kind="sick",
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 5, 31),
        voucher="病假条",
        replaces=wrong,
        is_void=True,
        by=cast.hr,
        form_key="void",
        at=NOON,
    )

    people, _units = outcome(period)

    assert people["YA10001"].counted and people["YA10001"].reason == "roster"


def test_a_completion_counts_to_the_last_second_of_the_cut_off_day_and_not_after(cast, period, course):
    last = datetime(2026, 12, 20, 15, 59, 59, tzinfo=UTC)
    rows.complete(cast.learner, course, at=last)
    rows.complete(cast.colleague, course, at=last + timedelta(seconds=1))

    people, units = outcome(period)

    assert (people["YA10001"].required, people["YA10001"].done, people["YA10001"].hours) == (1, 1, Decimal("1.50"))
    assert (people["YA10002"].required, people["YA10002"].done, people["YA10002"].hours) == (1, 0, Decimal("0.00"))
    assert (units["532325-D03"].figures["应训人数"], units["532325-D03"].figures["完成必修人数"]) == ("2", "1")


def test_a_reversed_completion_counts_for_nothing(cast, period, course):
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr)

    people, _units = outcome(period)

    assert (people["YA10001"].done, people["YA10001"].hours) == (0, Decimal("0.00"))


def test_a_correction_after_the_cut_off_answers_late_hours_first(cast, period, course):
    christmas = datetime(2026, 12, 25, 4, 0, tzinfo=UTC)
    rows.complete(cast.learner, course, study="1", test="0")
    late = rows.course(cast.county, "P02")
    rows.complete(cast.learner, late, study="1", test="0", at=christmas)
    rows.complete(cast.colleague, late, at=christmas)
    for someone, hours in ((cast.learner, "-1"), (cast.colleague, "-1.5")):
        services.correct(person=someone, year=2026, hours=Decimal(hours), reason="代学", by=cast.hr, at=christmas + timedelta(days=1))

    people, _units = outcome(period, at=christmas + timedelta(days=2))

    assert (people["YA10001"].hours, people["YA10002"].hours) == (Decimal("1.00"), Decimal("0.00"))
    assert services.balance(cast.learner, 2026) == Decimal("1.00")


def test_a_correction_of_what_was_learned_in_time_is_no_answer_to_late_hours(cast, period, course):
    rows.complete(cast.learner, course, study="1", test="0")
    services.correct(person=cast.learner, year=2026, hours=Decimal(-1), reason="代学", by=cast.hr, at=NOON + timedelta(days=1))
    rows.complete(cast.learner, rows.course(cast.county, "P02"), study="1", test="0", at=datetime(2026, 12, 25, 4, 0, tzinfo=UTC))

    people, _units = outcome(period, at=datetime(2026, 12, 27, 4, 0, tzinfo=UTC))

    assert people["YA10001"].hours == Decimal("0.00")


def test_a_correction_that_names_its_entry_counts_as_that_entry_does(cast, period, course):
    christmas = datetime(2026, 12, 25, 4, 0, tzinfo=UTC)
    for someone in (cast.learner, cast.colleague):
        in_time = rows.complete(someone, course, study="1", test="0")
        late = rows.complete(someone, rows.course(cast.county, f"P1{someone.pk}"), study="1", test="0", at=christmas)
        answers = (in_time if someone == cast.learner else late).ledger_entries.get()
        given = {"hours": Decimal(-1), "reason": "代学", "answers": answers, "at": christmas + timedelta(days=1)}
        services.correct(person=someone, year=2026, by=cast.hr, **given)

    people, _units = outcome(period, at=christmas + timedelta(days=2))

    assert (people["YA10001"].hours, people["YA10002"].hours) == (Decimal("0.00"), Decimal("1.00"))
    for done in Completion.objects.filter(completed_at=christmas):
        rows.reverse(done, by=cast.hr, at=christmas + timedelta(days=2))
    people, _units = outcome(period, at=christmas + timedelta(days=3))
    assert (people["YA10001"].hours, people["YA10002"].hours) == (Decimal("0.00"), Decimal("1.00"))


def test_a_late_hour_that_was_taken_by_hand_and_then_reversed_takes_nothing_else(cast, period, course):
    christmas = datetime(2026, 12, 25, 4, 0, tzinfo=UTC)
    rows.complete(cast.learner, course, study="1", test="0")
    late = rows.complete(cast.learner, rows.course(cast.county, "P02"), study="1", test="0", at=christmas)
    services.correct(person=cast.learner, year=2026, hours=Decimal(-2), reason="代学", by=cast.hr, at=christmas + timedelta(days=1))
    rows.reverse(late, by=cast.hr, at=christmas + timedelta(days=2))

    people, _units = outcome(period, at=christmas + timedelta(days=3))

    assert people["YA10001"].hours == services.balance(cast.learner, 2026) == Decimal("0.00")


def test_void_items_give_their_points_to_the_others(cast, period, course):
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)

    _people, units = outcome(period)

    line = units["532325-D03"]  # no test, no leader with a required course, no task: K2, K4, K5 are void
    assert [(one["key"], one["points"], one["full"], one["void"]) for one in line.items] == [
        ("K1", "6.00", "6.00", False),
        ("K2", "0.00", "0.00", True),
        ("K3", "0.00", "4.00", False),
        ("K4", "0.00", "0.00", True),
        ("K5", "0.00", "0.00", True),
    ]
    assert (line.total, line.band, line.rank) == (Decimal("6.00"), "中", 1)


def test_a_unit_whose_every_item_is_void_has_no_total(cast, period, course):
    _people, units = outcome(period)

    line = units["532325-D09"]
    assert (line.total, line.band, line.rank) == (None, "", None)


def test_what_was_reported_counts_once_it_is_confirmed_and_the_newest_of_it(cast, period, course):
    confirmed(period, cast.bureau, "年度任务数", "4", by=cast.hr, second=cast.admin)
    confirmed(period, cast.bureau, "审核通过的标准目录条目", "4", by=cast.hr, second=cast.admin)
    confirmed(period, cast.bureau, "审核通过的标准目录条目", "3", by=cast.hr, second=cast.admin)
    confirmed(period, cast.bureau, "B1", "5", by=cast.hr, second=cast.admin)
    UnitFigure.objects.create(
        period=period, unit=cast.bureau, name="年度任务数", value=1, reason="未确认", by=cast.hr, form_key="x", at=NOON
    )

    _people, units = outcome(period)

    line = units["532325-D03"]  # live: K1 3, K3 2, K5 2
    assert line.figures["年度任务数"] == "4" and line.figures["审核通过的标准目录条目"] == "3"
    assert {one["key"]: one["points"] for one in line.items}["K5"] == "2.14"  # 2 * 3/4 * 10/7
    assert (line.bonus, line.total) == (Decimal("1.00"), Decimal("3.14"))


def test_a_granted_correction_adds_points_within_the_item(cast, period, course):
    rows.complete(cast.learner, course)
    for points in ("1.20", "9.00"):
        PointCorrection.objects.create(
            period=period,
            unit=cast.bureau,
            item_key="K1",
            points=Decimal(points),
            reason="申诉成立",
            by=cast.hr,
            approved=cast.admin,
            at=NOON,
        )

    _people, units = outcome(period)

    assert units["532325-D03"].items[0]["points"] == units["532325-D03"].items[0]["full"] == "6.00"


def test_a_test_that_nobody_may_know_the_result_of_yet_counts_for_nobody(cast, period, course):
    from courses.models import EditionRequirement

    EditionRequirement.objects.create(
        edition=course.current, kind="quiz", key="quiz", title="测试", position=2, lesson=course.current.lessons.get()
    )
    rows.sat(cast.learner, course, passed=True)
    rows.sat(cast.colleague, course, passed=False)

    people, units = outcome(period)

    assert [(people[n].tests, people[n].passed) for n in ("YA10001", "YA10002")] == [(1, 1), (1, 0)]
    assert (units["532325-D03"].figures["应考人数"], units["532325-D03"].figures["首轮或补考合格人数"]) == ("2", "1")


def test_a_pass_counts_again_that_was_given_back_into_a_later_round(cast, period, course):
    from courses.models import EditionRequirement, Enrolment, RequirementMet
    from quizzes.models import Attempt

    asked = EditionRequirement.objects.create(
        edition=course.current, kind="quiz", key="quiz", title="测试", position=2, lesson=course.current.lessons.get()
    )
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr)
    rows.sat(cast.learner, course, passed=True)
    attempt = Attempt.objects.get()
    assert hasattr(attempt.enrolment.completion, "reversal") and outcome(period)[0]["YA10001"].passed == 0

    later = Enrolment.objects.create(person=cast.learner, course=course, edition=course.current, round=9, enrolled_at=NOON)
    RequirementMet.objects.create(enrolment=later, requirement=asked, at=NOON, evidence=f"attempt:{attempt.pk}")

    assert outcome(period)[0]["YA10001"].passed == 1


def test_what_is_recorded_is_what_was_calculated_and_has_its_digest(cast, period, course):
    rows.complete(cast.learner, course)

    first = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    second = calculation.record(period=period, purpose="freeze", by=cast.hr, at=CLOSED + timedelta(days=1))

    assert (first.number, second.number) == (1, 2)
    assert first.digest == second.digest == calculation.digest_of(first) == calculation.digest_of(second)
    assert PersonLine.objects.filter(calculation=first).count() == 10
    assert UnitLine.objects.get(calculation=first, unit=cast.bureau).figures["完成必修人数"] == "1"


def test_a_total_of_nothing_has_the_digest_of_its_stored_line(cast, period, course):
    made = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)

    assert UnitLine.objects.get(calculation=made, unit=cast.bureau).total == 0
    assert calculation.digest_of(made) == made.digest


def test_another_fact_is_another_digest(cast, period, course):
    first = calculation.record(period=period, purpose="publicity", by=cast.hr, at=CLOSED)
    rows.complete(cast.learner, course)

    assert calculation.record(period=period, purpose="freeze", by=cast.hr, at=CLOSED).digest != first.digest


def test_the_number_of_queries_does_not_grow_with_people_or_units(cast, period, course, django_assert_num_queries):
    def asked(expected):
        with django_assert_num_queries(expected):
            calculation.calculate(period=period, at=CLOSED)

    period.version, period.county  # the caller has them at hand
    asked(13)
    for number in range(20):
        unit = cast.county.add_child(code=f"N{number}", name=f"单位{number}", kind="department")
        rows.complete(person(f"N{number}", f"人{number}", unit, "staff"), course)
    asked(13)


def test_a_year_without_a_period_can_be_tried(cast, policy, course):
    version = versions.ensure_default(at=NOON)
    year = Period(county=cast.county, year=2026, version=version, opens_on=date(2026, 1, 1), cutoff_on=date(2026, 12, 20))

    found = calculation.calculate(period=year, at=NOON)

    assert len(found.people) == 10 and not Period.objects.exists()
    assert timezone.is_aware(NOON)
