"""The hour ledger: once per completion, corrections by rows, and an answer to every figure."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import reconcile
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion
from courses.signals import course_completed
from evaluation import quotas, records, rules, services
from evaluation.models import LedgerEntry
from people.models.snapshot import served_at
from people.services import postings
from tests.cast import NOON
from tests.evaluation import rows

LAST_SECOND = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai
NEW_YEAR = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)  # 0:00 in Shanghai


def test_a_completion_credits_study_and_test_hours(cast, course):
    completion = rows.complete(cast.learner, course)

    entries = LedgerEntry.objects.filter(completion=completion).order_by("kind")
    assert [(e.kind, e.hours, e.year) for e in entries] == [("online", Decimal(1), 2026), ("test", Decimal("0.5"), 2026)]
    assert services.balance(cast.learner, 2026) == Decimal("1.5")
    assert {e.unit_name for e in entries} == {"姚安县教育体育局 办公室"}


def test_crediting_again_writes_nothing(cast, course):
    completion = rows.complete(cast.learner, course)

    again = services.credit(completion=completion, at=NOON)

    assert len(again) == 2
    assert LedgerEntry.objects.count() == 2


def test_without_a_test_there_is_no_test_entry(cast, course):
    rows.complete(cast.learner, course, test="0")
    assert [e.kind for e in LedgerEntry.objects.all()] == ["online"]


def test_a_second_round_in_the_same_year_counts_nothing(cast, course):
    rows.complete(cast.learner, course)
    second = rows.complete(cast.learner, course, round=2)

    assert not second.ledger_entries.exists()
    assert services.balance(cast.learner, 2026) == Decimal("1.5")


def test_a_second_round_in_another_year_counts(cast, course):
    rows.complete(cast.learner, course, at=LAST_SECOND)
    rows.complete(cast.learner, course, at=NEW_YEAR, round=2)

    assert services.balance(cast.learner, 2026) == Decimal("1.5")
    assert services.balance(cast.learner, 2027) == Decimal("1.5")


def test_a_policy_without_the_yearly_cap_counts_each_round(cast, course):
    free = rows.policy(once=False, valid_from="2026-01-01")
    rows.complete(cast.learner, course, rule=free)
    rows.complete(cast.learner, course, round=2, rule=free)
    assert services.balance(cast.learner, 2026) == Decimal(3)


def test_the_database_itself_refuses_a_second_entry_for_a_turn(cast, course):
    first = rows.complete(cast.learner, course)
    second = rows.complete(cast.learner, course, round=2)
    entry = first.ledger_entries.get(kind="online")
    fields = {f.attname: getattr(entry, f.attname) for f in entry._meta.concrete_fields if f.attname not in ("id", "completion_id")}
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(**fields, completion=second)


def test_a_failing_ledger_undoes_the_completion(cast, course, monkeypatch):
    from courses.models import Completion

    def fail(**kwargs):
        raise RuntimeError("no ledger")

    monkeypatch.setattr(services, "credit", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        rows.complete(cast.learner, course)
    assert not Completion.objects.exists()


def test_a_reversal_takes_the_hours_back_once(cast, course):
    completion = rows.complete(cast.learner, course)
    reversal = rows.reverse(completion, by=cast.hr)
    services.take_back(reversal=reversal, at=NOON)

    correction = LedgerEntry.objects.get(kind="correction")
    assert (correction.hours, correction.reason, correction.author) == (Decimal("-1.5"), "查实替考", cast.hr)
    assert services.balance(cast.learner, 2026) == 0


def test_what_was_taken_by_hand_is_not_taken_again_with_the_reversal(cast, course):
    completion = rows.complete(cast.learner, course)
    services.correct(person=cast.learner, year=2026, hours=Decimal(-1), reason="多记1学时", by=cast.hr, at=NOON)
    reversal = rows.reverse(completion, by=cast.hr)
    services.take_back(reversal=reversal, at=NOON)

    assert services.balance(cast.learner, 2026) == 0
    assert sum(entry.hours for entry in completion.ledger_entries.all()) == 0
    told = rows.explained(cast.learner).entries[-1]
    assert told.entry.hours == 1 and told.words == "撤销之前已人工扣减，不重复扣减：查实替考"


def test_a_reversal_in_january_takes_hours_from_the_year_of_the_completion(cast, course):
    completion = rows.complete(cast.learner, course, at=LAST_SECOND)
    rows.reverse(completion, by=cast.hr, at=NEW_YEAR)
    assert services.balance(cast.learner, 2026) == 0
    assert services.balance(cast.learner, 2027) == 0


def test_after_a_reversal_the_course_counts_again(cast, course):
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr)
    rows.complete(cast.learner, course, round=2)
    assert services.balance(cast.learner, 2026) == Decimal("1.5")


def test_a_round_that_stood_back_counts_when_the_first_is_reversed(cast, course):
    first = rows.complete(cast.learner, course)
    second = rows.complete(cast.learner, course, round=2, study="0.5", test="0")
    rows.reverse(first, by=cast.hr)

    assert second.ledger_entries.get().hours == Decimal("0.5")
    assert services.balance(cast.learner, 2026) == Decimal("0.5")


def test_entries_are_never_edited(cast, course):
    rows.complete(cast.learner, course)
    entry = LedgerEntry.objects.first()
    entry.hours = 99
    with pytest.raises(FactChanged):
        entry.save()
    with pytest.raises(FactChanged):
        LedgerEntry.objects.update(hours=99)


def test_the_balance_as_it_was_known_at_a_moment(cast, course):
    completion = rows.complete(cast.learner, course, at=NOON)
    later = datetime(2026, 7, 1, tzinfo=UTC)
    rows.reverse(completion, by=cast.hr, at=later)
    assert services.balance(cast.learner, 2026, known_at=NOON) == Decimal("1.5")
    assert services.balance(cast.learner, 2026, known_at=later) == 0


def test_balances_of_many_people_are_one_query(cast, course, django_assert_num_queries):
    for someone in (cast.learner, cast.colleague):
        rows.complete(someone, course)
    with django_assert_num_queries(1):
        found = services.balances([p.pk for p in cast.people], 2026)
    assert found == {cast.learner.pk: Decimal("1.5"), cast.colleague.pk: Decimal("1.5")}


# Corrections


def correct(cast, **changes):
    given = {"person": cast.learner, "year": 2026, "hours": Decimal("2.5"), "reason": "线下集中学习补登", "by": cast.hr, "at": NOON}
    return services.correct(**{**given, **changes})


@pytest.fixture
def taken(cast, policy):
    """Of 7.5 hours five were taken by mistake."""
    lecture(cast.learner)
    return correct(cast, hours=Decimal(-5), reason="误扣")


def test_hr_corrects_by_a_new_row_with_reason_author_and_audit(cast, taken):
    from wagtail.models import ModelLogEntry

    ModelLogEntry.objects.all().delete()
    entry = correct(cast)

    assert (entry.kind, entry.hours, entry.author, entry.reason) == ("correction", Decimal("2.5"), cast.hr, "线下集中学习补登")
    assert services.balance(cast.learner, 2026) == Decimal("5")
    trace = ModelLogEntry.objects.get(action="evaluation.correct_hours")
    assert trace.user == cast.hr and trace.data["hours"] == "2.5"


def lecture(someone, hours="7.5", **more) -> LedgerEntry:
    more = {"kind": "lecture", "year": 2026, "course_title": "集训", "at": NOON} | more
    return LedgerEntry.objects.create(**served_at(someone), hours=Decimal(hours), **more)


def left_of(entry) -> Decimal:
    return rules.hours(LedgerEntry.objects.credited().get(pk=entry.pk).left)


def test_hours_that_were_taken_from_a_completion_are_not_taken_again_with_its_reversal(cast, course):
    completion = rows.complete(cast.learner, course, study="5", test="0")
    lecture(cast.learner)
    online = completion.ledger_entries.get()
    correct(cast, hours=Decimal(-5), reason="P01 挂机", answers=online)
    assert (services.balance(cast.learner, 2026), left_of(online)) == (Decimal("7.5"), 0)

    reversal = rows.reverse(completion, by=cast.hr)
    services.take_back(reversal=reversal, at=NOON)

    assert services.balance(cast.learner, 2026) == Decimal("7.5"), "that the lecture was learned is nobody's doubt"
    assert sum(entry.hours for entry in completion.ledger_entries.all()) == 0 == left_of(online)
    assert rows.explained(cast.learner).entries[-1].words == "撤销之前已人工扣减，不重复扣减：查实替考"
    assert left() == 0


def test_a_correction_takes_what_is_left_of_the_entry_that_it_answers_and_gives_back_no_more_than_was_taken(cast, course):
    entry = lecture(cast.learner)
    rows.complete(cast.learner, course)
    correct(cast, hours=Decimal(-5), answers=entry)
    for hours in ("-2.75", "5.25"):
        with pytest.raises(Refused) as refusal:
            correct(cast, hours=Decimal(hours), answers=entry)
        assert refusal.value.code == "answers_more" and "2.5" in refusal.value.message
    correct(cast, hours=Decimal(5), reason="误扣", answers=entry)
    assert left_of(entry) == Decimal("7.5")
    assert rows.explained(cast.learner).entries[-1].words == "由郑人事更正“讲座或培训班 集训”：误扣"


def test_a_correction_answers_entries_of_the_same_person_and_year_that_stand(cast, course):
    mine = lecture(cast.learner)
    gone = rows.complete(cast.learner, course)
    rows.reverse(gone, by=cast.hr)
    correction = correct(cast, hours=Decimal(-1), answers=mine)
    others = [lecture(cast.colleague), lecture(cast.learner, year=2025), gone.ledger_entries.get(kind="online"), correction]
    for entry in others:
        with pytest.raises(Refused) as refusal:
            correct(cast, hours=Decimal("-0.25"), answers=entry)
        assert refusal.value.code == "answers"


def test_a_correction_stands_where_the_entry_that_it_answers_stands(cast, course):
    completion = rows.complete(cast.learner, course, study="5", test="0")
    entry = completion.ledger_entries.get()
    postings.post(person=cast.learner, unit=cast.other_bureau, title="科员", duties=["staff"], starts_on=NOON.date())
    cast.learner.refresh_from_db()
    correction = correct(cast, hours=Decimal(-1), reason="挂机", answers=entry)
    assert (correction.unit, correction.post_title) == (entry.unit, entry.post_title) != (cast.other_bureau, "科员")
    services.take_back(reversal=rows.reverse(completion, by=cast.hr), at=NOON)
    sums = LedgerEntry.objects.values_list("unit").annotate(hours=Sum("hours"))
    assert {unit: hours for unit, hours in sums if hours} == {}


def test_what_was_taken_from_an_entry_by_mistake_is_given_back_to_it_whatever_else_was_added_in_the_year(cast, course):
    entry = lecture(cast.learner)
    LedgerEntry.objects.create(
        **served_at(cast.learner),
        kind="correction",
        year=2026,
        hours=Decimal(5),
        reason="早先补登",
        author=cast.hr,
        once_key="old",
        at=NOON,
    )
    correct(cast, hours=Decimal(-2), answers=entry)
    correct(cast, hours=Decimal(2), reason="误扣", answers=entry)
    assert left_of(entry) == Decimal("7.5")


def test_the_target_of_online_learning_and_the_quota_say_the_same_of_a_lecture_that_was_taken_back(cast, course):
    rows.complete(cast.learner, course, study="50", test="0")
    entry = lecture(cast.learner)
    correct(cast, hours=Decimal("-7.5"), reason="未到场", answers=entry)
    assert rows.explained(cast.learner).online.reached
    online = rows.complete(cast.learner, rows.course(cast.county, "P02"), study="2", test="0").ledger_entries.get()
    lecture(cast.learner)
    correct(cast, hours=Decimal(-2), reason="挂机", answers=online)
    assert rows.explained(cast.learner).online.share == 100
    correct(cast, hours=Decimal(-1), reason="挂机", answers=LedgerEntry.objects.get(kind="online", course_code="P01"))
    assert rows.explained(cast.learner).online.share == 98, "what answers an online course takes nothing from a lecture"


@pytest.mark.parametrize(
    "who", ["learner", "colleague", "own_leader", "other_leader", "liaison", "trainer", "reviewer", "admin", "auditor", "other_hr"]
)
def test_nobody_but_hr_of_the_person_corrects(cast, policy, who):
    with pytest.raises(Refused):
        correct(cast, by=getattr(cast, who))
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hours": Decimal(0)}, "zero"),
        ({"hours": Decimal("0.3")}, "steps"),
        ({"hours": Decimal(-1)}, "below_zero"),
        ({"reason": "  "}, "no_reason"),
        ({"year": 2027}, "future_year"),
    ],
)
def test_a_correction_that_breaks_a_rule_is_refused_by_its_name(cast, policy, changes, code):
    with pytest.raises(Refused) as refusal:
        correct(cast, **changes)
    assert refusal.value.code == code


def test_hr_does_not_correct_their_own_hours(cast, policy):
    with pytest.raises(Refused) as refusal:
        correct(cast, person=cast.hr)
    assert refusal.value.code == "own_hours"


def test_the_same_form_sent_twice_corrects_once(cast, taken):
    assert correct(cast, form_key="a1") == correct(cast, form_key="a1")
    correct(cast, form_key="b2")
    assert services.balance(cast.learner, 2026) == Decimal("7.5")


def test_one_officer_gives_back_what_was_taken_in_the_year_and_enters_nothing_else(cast, taken, course):
    for hours, more in ((200, {}), ("5.25", {}), ("0.25", {"year": 2025})):
        with pytest.raises(Refused) as refusal:
            correct(cast, hours=Decimal(hours), **more)
        assert refusal.value.code == "given_back" and "两名" in refusal.value.message
    correct(cast, hours=Decimal(5), reason="误扣")
    with pytest.raises(Refused):
        correct(cast, hours=Decimal("0.25"))
    assert services.balance(cast.learner, 2026) == Decimal("7.5")


def test_a_reversal_by_mistake_is_put_right_by_the_course_taken_again_and_counts_once(cast, course):
    rows.reverse(rows.complete(cast.learner, course, study="0.75", test="0"), by=cast.hr)
    with pytest.raises(Refused) as refusal:
        correct(cast, hours=Decimal("0.75"), reason="误撤")
    assert refusal.value.code == "given_back" and "重新学习该课程" in refusal.value.message
    rows.complete(cast.learner, course, round=2, study="0.75", test="0")
    assert services.balance(cast.learner, 2026) == Decimal("0.75")


def test_what_was_taken_from_an_entry_is_given_back_once(cast, policy):
    entry = lecture(cast.learner)
    correct(cast, hours=Decimal(-5), answers=entry)
    with pytest.raises(Refused) as refusal:
        correct(cast, hours=Decimal(5), reason="误扣")
    assert refusal.value.code == "given_back"
    correct(cast, hours=Decimal(5), reason="误扣", answers=entry)
    assert services.balance(cast.learner, 2026) == Decimal("7.5")


# Why 7.5 hours?


def test_every_figure_is_explained_in_words(cast, course):
    rows.complete(cast.learner, course)
    correct(cast, hours=Decimal("-0.25"))

    told = rows.explained(cast.learner)

    assert told.total == Decimal("1.25")
    assert [str(e.words) for e in told.entries] == [
        "课程 45 分钟：30 分钟及以上计 1 学时（云南省干部在线学习学院学时制）",
        "测试合格计 0.5 学时（云南省干部在线学习学院学时制）",
        "由郑人事更正：线下集中学习补登",
    ]
    assert "1.25" in told.words and "−0.25" in told.words
    assert (told.topic.hours, told.topic.mark, told.topic.share) == (20, "D", 6)
    assert (told.online.hours, told.online.source, told.online.mark) == (50, "学习学时制介绍", "S")


def test_the_highest_target_among_several_duties_holds(cast, policy):
    told = rows.explained(cast.colleague)  # staff 20, publisher 10
    assert told.topic.hours == 20
    assert rows.explained(cast.reviewer).topic is None


def test_without_a_policy_there_are_no_targets_and_no_error(cast):
    told = rows.explained(cast.learner)
    assert (told.total, told.topic, told.online) == (0, None, None)


@pytest.mark.parametrize(
    ("minutes", "hours", "low"), [(1, "0.25", 0), (15, "0.25", 0), (16, "0.5", 15), (29, "0.5", 15), (30, "1", 30), (90, "1", 30)]
)
def test_the_band_that_gave_the_hours(minutes, hours, low):
    band = rules.band_of(minutes, rows.BANDS)
    assert (band.hours, band.low) == (Decimal(hours), low)


# Reconcile


def left() -> int:
    return sum(o.found for o in reconcile.run(at=NOON, mend=False) if o.name in ("evaluation.hours", "evaluation.reversals"))


def mend() -> None:
    reconcile.run(at=NOON, mend=True)


def test_reconcile_finds_and_mends_a_completion_without_hours(cast, course):
    rows.complete(cast.learner, course, tell=False)
    assert left() == 1
    mend()
    assert left() == 0
    assert services.balance(cast.learner, 2026) == Decimal("1.5")


def test_reconcile_leaves_a_second_round_that_counts_nothing(cast, course):
    rows.complete(cast.learner, course)
    rows.complete(cast.learner, course, round=2)
    assert left() == 0


def test_reconcile_tells_years_apart_at_midnight_of_shanghai(cast, course):
    rows.complete(cast.learner, course, at=LAST_SECOND)
    rows.complete(cast.learner, course, at=NEW_YEAR, round=2, tell=False)
    assert left() == 1


def test_reconcile_takes_back_what_a_reversal_left(cast, course):
    rows.reverse(rows.complete(cast.learner, course), by=cast.hr, tell=False)
    assert left() == 1
    mend()
    assert services.balance(cast.learner, 2026) == 0
    assert left() == 0


# Any order of events


@given(
    st.lists(
        st.tuples(st.sampled_from(["complete", "reverse", "correct", "answer", "credit again"]), st.integers(0, 3), st.booleans()),
        max_size=12,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sum_of_entries_is_the_balance_for_any_order_of_events(cast, policy, course, events):
    """Against a reckoning on paper: one standing completion of the course a year, and the corrections."""
    point = transaction.savepoint()
    completions, reversed_ones, credited, corrected, answered = [], set(), None, Decimal(0), {}
    sizes = [Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("0.75")]
    for event, which, told in events:
        if event == "complete":
            done = rows.complete(cast.learner, course, round=len(completions) + 1, study=str(sizes[which]), test="0", tell=told)
            completions.append(done)
            if told and credited is None:
                credited = done
        elif event == "reverse" and completions:
            target = completions[which % len(completions)]
            if target.pk not in reversed_ones:
                rows.reverse(target, by=cast.hr)
                reversed_ones.add(target.pk)
                if credited == target:
                    credited = next((c for c in completions if c.pk not in reversed_ones), None)
        elif event == "correct":
            rows.added(person=cast.learner, year=2026, hours=sizes[which], reason="补登", by=cast.hr, at=NOON)
            corrected += sizes[which]
        elif event == "answer" and credited is not None and credited.ledger_entries.exists():
            taken = min(sizes[which], credited.study_hours - answered.get(credited.pk, 0))
            if taken:
                entry = credited.ledger_entries.get()
                services.correct(person=cast.learner, year=2026, hours=-taken, reason="挂机", by=cast.hr, at=NOON, answers=entry)
                answered[credited.pk] = answered.get(credited.pk, 0) + taken
        elif event == "credit again" and completions:
            target = completions[which % len(completions)]
            if target.pk not in reversed_ones:
                course_completed.send(sender=None, completion=target, at=NOON)
                if credited is None:
                    credited = target
    expected = corrected + (credited.study_hours - answered.get(credited.pk, 0) if credited else 0)
    balance = services.balance(cast.learner, 2026)
    assert balance == expected == sum(e.hours for e in LedgerEntry.objects.filter(person=cast.learner, year=2026))
    assert rules.is_in_steps(balance, Decimal("0.25"))
    mend()
    assert left() == 0
    standing = [c for c in completions if c.pk not in reversed_ones]
    counts = credited or (standing[0] if standing else None)
    assert services.balance(cast.learner, 2026) == corrected + (counts.study_hours - answered.get(counts.pk, 0) if counts else 0)
    entries = LedgerEntry.objects.filter(person=cast.learner)
    assert quotas.hours_by_kind([cast.learner.pk]).get(cast.learner.pk, {}) == quotas.hours_of(entries)
    assert sum(quotas.hours_of(entries).values()) == services.balance(cast.learner, 2026)
    assert all(0 <= rules.hours(entry.left) <= entry.hours for entry in LedgerEntry.objects.credited())
    for one in records.completions(Completion.objects.all()):
        assert rules.hours(one.counted_hours) == sum(rules.hours(entry.left) for entry in one.ledger_entries.credited())
    transaction.savepoint_rollback(point)
