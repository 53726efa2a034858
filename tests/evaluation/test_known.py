"""What was known at the end of a past day, and where the person served then."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import clock
from evaluation import claims, known, services
from evaluation.models import LedgerEntry
from evaluation.permissions import people_with_file
from people.models import Person, Posting, ReadingOfOthers, Role
from people.services import postings, units
from tests.cast import EVERYBODY, NOON, grant, person
from tests.evaluation import rows

DAY = clock.today(NOON)
LAST_SECOND = datetime(2026, 6, 15, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai
MIDNIGHT = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)


def ask(someone, day=DAY, year=2026) -> known.Known:
    return known.of_person(someone, year, day, entries=LedgerEntry.objects.all(), postings=Posting.objects.all())


def test_the_last_second_of_a_day_belongs_to_it_and_midnight_to_the_next(cast, policy):
    for at, hours in ((LAST_SECOND, 1), (MIDNIGHT, 2)):
        rows.added(person=cast.learner, year=2026, hours=Decimal(hours), reason="补登", by=cast.hr, at=at)
    found = ask(cast.learner)
    assert (found.total, found.since, found.today) == (1, 2, 3)
    assert ask(cast.learner, DAY + timedelta(days=1)).total == 3 == services.balance(cast.learner, 2026)


def test_a_reversal_that_came_after_stands_beside(cast, course):
    rows.reverse(rows.complete(cast.learner, course, at=NOON), by=cast.hr, at=datetime(2026, 7, 1, tzinfo=UTC))
    found = ask(cast.learner)
    assert (found.total, found.today) == (Decimal("1.5"), 0)
    assert [one.entry.kind for one in found.later] == ["correction"]


def test_it_says_where_and_with_which_duties_the_person_served_that_day(cast):
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科长", duties=["section_head"], starts_on=date(2026, 6, 16))
    before, after = (ask(Person.objects.get(pk=cast.learner.pk), day).served for day in (DAY, date(2026, 6, 16)))
    assert [(one.unit, one.title, one.duties) for one in before] == [(cast.section, "科员", ["具体工作人员"])]
    assert [(one.unit, one.title, one.duties) for one in after] == [(cast.other_bureau, "科长", ["科室负责人"])]
    assert ask(cast.learner, date(2020, 1, 1)).served == []


@pytest.mark.parametrize(
    "starts_on", [date(2026, 1, 1), date(2025, 9, 1)], ids=["another stay", "the same first day: corrected in its place"]
)
def test_a_place_that_was_entered_after_the_day_is_told_with_the_day_of_its_entry(cast, sign_in, monkeypatch, starts_on):
    Posting.objects.filter(person=cast.learner).update(starts_on=date(2025, 9, 1), entered_at=datetime(2025, 9, 1, tzinfo=UTC))
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: MIDNIGHT + timedelta(days=20))  # 6 July in Shanghai
        postings.post(person=cast.learner, unit=cast.other_bureau, title="科长", duties=["section_head"], starts_on=starts_on)

    def entered(day: date) -> list[date | None]:
        return [one.entered_later for one in ask(cast.learner, day).served]

    assert entered(date(2025, 12, 31)) == [None if starts_on.year == 2026 else date(2026, 7, 6)]
    assert entered(DAY) == entered(date(2026, 7, 5)) == [date(2026, 7, 6)] and entered(date(2026, 7, 6)) == [None]
    client = sign_in(cast.hr)
    assert "登记于 2026-07-06" in client.get(reverse("hours_known", args=[cast.learner.pk]), {"known_at": "2026-06-15"}).text
    answer = client.get(reverse("unit_hours_known_csv", args=[cast.other_bureau.pk]), ASKED)
    assert ",科长,科室负责人,2026-07-06," in next(
        line for line in b"".join(answer.streaming_content).decode().splitlines() if "YA10001" in line
    )


@pytest.mark.parametrize("who", EVERYBODY)
def test_the_person_hr_and_the_auditor_may_ask(cast, course, sign_in, who):
    rows.complete(cast.learner, course)
    page = sign_in(getattr(cast, who)).get(reverse("hours_known", args=[cast.learner.pk]), {"known_at": "2026-06-15"})
    assert page.status_code == (200 if who in {"learner", "hr", "auditor"} else 404)
    assert ReadingOfOthers.objects.filter(what="hours known").exists() == (who in {"hr", "auditor"})


def test_the_page_tells_then_and_since(cast, course, sign_in):
    rows.complete(cast.learner, course)
    rows.added(person=cast.learner, year=2026, hours=Decimal(2), reason="凭签到表补登", by=cast.hr, at=MIDNIGHT)
    page = sign_in(cast.hr).get(reverse("hours_known", args=[cast.learner.pk]), {"known_at": "2026-06-15"}).text
    for words in ("1.5 学时", "姚安县教育体育局 办公室", "科员", "具体工作人员", "凭签到表补登", "3.5"):
        assert words in page, words


@pytest.mark.parametrize("asked", ["soon", "2999-01-01", "1999-01-01", "2026-02-30"])
def test_a_day_that_cannot_be_is_refused_and_kept_in_the_form(cast, sign_in, asked):
    page = sign_in(cast.hr).get(reverse("hours_known", args=[cast.learner.pk]), {"known_at": asked})
    assert page.status_code == 422 and asked in page.text


# A unit

ASKED = {"known_at": "2026-06-15", "purpose": "evaluation"}


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_takes_a_unit_away(cast, sign_in, who):
    answer = sign_in(getattr(cast, who)).get(reverse("unit_hours_known_csv", args=[cast.bureau.pk]), ASKED)
    assert answer.status_code == (200 if who in {"hr", "auditor"} else 404 if who == "other_hr" else 403)


def test_the_export_has_those_who_served_there_that_day_with_what_was_known(cast, course, sign_in):
    rows.complete(cast.learner, course)
    rows.added(person=cast.learner, year=2026, hours=Decimal(2), reason="补登", by=cast.hr, at=MIDNIGHT)
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科长", duties=["section_head"], starts_on=date(2026, 6, 16))
    answer = sign_in(cast.hr).get(reverse("unit_hours_known_csv", args=[cast.bureau.pk]), ASKED)
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    own = next(line for line in lines if "YA10001" in line)

    assert len(lines) == 1 + 4
    assert "科员" in own and "具体工作人员" in own and own.endswith("1.50,2.00,3.50,")
    trace = ReadingOfOthers.objects.get(what="hours known csv")
    assert trace.rows == 4 and trace.filters == {"year": 2026, "on": "2026-06-15", "purpose": "年度考评"}


@pytest.mark.parametrize(("lacking", "told"), [({"purpose": ""}, "文件作何用途"), ({"known_at": "2999-01-01"}, "这一天不能查询")])
def test_an_export_without_a_purpose_or_a_day_that_can_be_is_none(cast, sign_in, lacking, told):
    answer = sign_in(cast.hr).get(reverse("unit_hours_known_csv", args=[cast.bureau.pk]), ASKED | lacking, follow=True)
    assert answer.redirect_chain == [(reverse("records_unit", args=[cast.bureau.pk]), 302)]
    assert told in answer.text and not ReadingOfOthers.objects.filter(kind="export").exists()


def test_an_export_takes_as_many_queries_for_many_people(cast, django_assert_num_queries):
    user = Person.objects.get(pk=cast.hr.pk)
    seen, opened = LedgerEntry.objects.visible_to(user), people_with_file(user)
    with django_assert_num_queries(6):
        people = known.people_in(cast.county, DAY)
        list(known.export(people, entries=seen, with_file=opened, name="x", names={}, year=2026, day=DAY).rows)


# What was learned elsewhere after somebody moved

JULY = datetime(2026, 7, 6, 4, 0, tzinfo=UTC)
NOT_TOLD = "现已不在您的单位任职"


def moved(cast, unit) -> Person:
    """The learner moves on 16 June, with 1 hour of the old unit, and learns 1.5 hours in the new one in July."""
    rows.added(person=cast.learner, year=2026, hours=Decimal(1), reason="补登", by=cast.hr, at=NOON)
    postings.post(person=cast.learner, unit=unit, title="科员", duties=["staff"], starts_on=date(2026, 6, 16))
    someone = Person.objects.select_related("unit").get(pk=cast.learner.pk)
    rows.complete(someone, rows.course(unit.county, "P09"), at=JULY)
    return someone


def told(client, unit, someone, day="2026-06-15") -> str | None:
    """From the figures on, what a unit's file says of somebody; None: it is not handed out."""
    answer = client.get(reverse("unit_hours_known_csv", args=[unit.pk]), ASKED | {"known_at": day})
    if answer.status_code != 200:
        return None
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    return next((",".join(line.split(",")[-4:]) for line in lines if someone.employee_number in line), "")


def asked_by(cast, sign_in, who):
    if who in {"old", "new"}:
        unit = cast.bureau if who == "old" else cast.other_bureau
        return sign_in(grant(person(f"YA9{who}", "某人事", unit), Role.HR, unit).person)
    return sign_in(getattr(cast, who))


@pytest.mark.parametrize("who", ["hr", "auditor", "old", "own_leader"])
def test_nobody_of_the_county_reads_what_was_learned_in_another_one_after_the_transfer(cast, policy, sign_in, who):
    someone = moved(cast, cast.other_county)
    found = told(asked_by(cast, sign_in, who), cast.bureau, someone)
    if who == "own_leader":
        assert found is None
    else:
        assert found.startswith("1.00,0.00,1.00,") and NOT_TOLD in found and "1.5" not in found
    other = told(sign_in(cast.other_hr), cast.other_county, someone, "2026-07-06")
    assert other.startswith("1.50,0.00,1.50,") and "另有 1 学时" in other


@pytest.mark.parametrize(
    ("who", "of", "figures", "remark"),
    [
        ("hr", "bureau", "1.00,1.50,2.50", ""),
        ("auditor", "bureau", "1.00,1.50,2.50", ""),
        ("old", "bureau", "1.00,0.00,1.00", NOT_TOLD),
        ("new", "bureau", None, ""),
        ("new", "other_bureau", "1.00,1.50,2.50", ""),
    ],
)
def test_inside_the_county_each_reads_the_hours_that_their_records_show(cast, policy, sign_in, who, of, figures, remark):
    someone = moved(cast, cast.other_bureau)
    found = told(asked_by(cast, sign_in, who), getattr(cast, of), someone, "2026-06-15" if of == "bureau" else "2026-06-16")
    assert found is None if figures is None else found.startswith(f"{figures},{remark}") and bool(remark) != found.endswith(",")


def test_where_no_history_follows_the_new_unit_is_told_how_many_hours_lie_elsewhere(cast, policy, sign_in):
    units.let_history_follow(county=cast.county, follows=False, basis="姚人社发〔2026〕3号", by=cast.hr)
    someone = moved(cast, cast.other_bureau)
    found = told(asked_by(cast, sign_in, "new"), cast.other_bureau, someone, "2026-07-06")
    assert found.startswith("1.50,0.00,1.50,另有 1 学时")


# Any order of events, cut anywhere

EVENTS = st.lists(
    st.tuples(st.sampled_from(["complete", "reverse", "correct", "claim", "approve", "twice"]), st.integers(0, 3), st.integers(0, 40)),
    max_size=14,
)


@given(EVENTS, st.lists(st.integers(0, 400), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_entries_up_to_any_cut_are_the_balance_known_then(cast, policy, course, events, cuts):
    """Events in any order, each some days after the last; what page, export and balance say agrees at every cut."""
    point = transaction.savepoint()
    second = Person.objects.create_superuser("ROOT", name="根")
    done, filed, at = [], [], datetime(2026, 1, 5, 4, tzinfo=UTC)
    for event, which, days in events:
        at += timedelta(days=days, seconds=1)
        if clock.year_of(at) != 2026:
            break
        if event == "complete":
            done.append(rows.complete(cast.learner, course, at=at, round=len(done) + 1, study=str(Decimal("0.25") * (which + 1))))
        elif event == "reverse" and done and not hasattr(done[which % len(done)], "reversal"):
            rows.reverse(done[which % len(done)], by=cast.hr, at=at)
        elif event == "twice" and done:
            services.credit(completion=done[which % len(done)], at=at) if not hasattr(done[which % len(done)], "reversal") else None
        elif event == "correct":
            key = f"{which}"  # the same form now and then
            rows.added(person=cast.learner, year=2026, hours=Decimal(1 + which), reason="补登", by=cast.hr, at=at, form_key=key)
        elif event == "claim":
            day = clock.today(at)
            facts = claims.Facts("lecture", f"讲座{len(filed)}", "办公室", day, day, Decimal("0.25"))
            filed.append(
                claims.file(person=cast.learner, facts=facts, files=[claims.File("a.pdf", b"%PDF-1.7\n")], form_key=f"{len(filed)}", at=at)
            )
        elif event == "approve" and filed and filed[which % len(filed)].is_open:
            for officer in (cast.hr, second):
                filed[which % len(filed)] = claims.approve(claim=filed[which % len(filed)], by=officer, at=at)
    whole = services.balance(cast.learner, 2026)
    for cut in cuts:
        day = date(2026, 1, 1) + timedelta(days=cut)
        found = ask(cast.learner, day)
        kinds, since = known.balances_by_kind([cast.learner.pk], 2026, day, entries=LedgerEntry.objects.all())
        assert found.total == services.balance(cast.learner, 2026, known_at=known.end_of(day))
        assert found.total == sum(kinds.get(cast.learner.pk, {}).values(), Decimal(0))
        assert found.since == since.get(cast.learner.pk, Decimal(0))
        assert found.today == whole and found.total >= 0
    assert whole == sum((one.hours for one in LedgerEntry.objects.filter(person=cast.learner, year=2026)), Decimal(0))
    transaction.savepoint_rollback(point)
