"""Higher certificates: conditions, attestations, what is issued when, what it rests on."""

import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise

import pytest
from django.db import IntegrityError, close_old_connections, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from certificates import rules, services
from certificates.models import Attestation, Basis, Certificate, CertificateKind, ConditionSet, State, StatusEvent
from certificates.services import ladder
from certificates.services.ladder import Terms
from certificates.signals import certificate_issued
from core import clock
from core.errors import Refused
from core.models import FactChanged
from courses.models import Completion, Course, Reversal
from courses.signals import course_completed
from people.models import Person
from tests.cast import NOON, grant
from tests.cast import person as a_person
from tests.certificates.conftest import a_completion, end

DAY = timedelta(days=1)
LOWER = ["P01", "P03", "P05"]
ROWS = "approved-rows"


def finish(person: Person, code: str, county, *, at=NOON, certificate="") -> Completion:
    """The person completes a course, as the flow does it."""
    course, _made = Course.objects.get_or_create(county=county, code=code)
    with transaction.atomic():
        completion = a_completion(person, county=county, course=course, certificate=certificate, title=f"课程{code}", at=at)
        course_completed.send(sender=Completion, completion=completion, at=at)
    return completion


def held(person: Person, key: str) -> Certificate | None:
    return Certificate.objects.filter(person=person, kind__key=key).order_by("-pk").first()


def decide(certificate: Certificate, kind: str, by, *, at=NOON) -> StatusEvent:
    return StatusEvent.objects.create(certificate=certificate, kind=kind, reason="查实替考", by=by, at=at)


def reverse(completion: Completion, by) -> Reversal:
    return Reversal.objects.create(completion=completion, reason="查实代学", by=by, at=NOON)


@pytest.fixture
def sets(cast, kinds) -> dict[str, ConditionSet]:
    """The handbook's ladder, by key."""
    return {one.kind.key: one for one in ladder.ensure_ladder(cast.county, at=NOON)}


@pytest.fixture
def basic(cast, sets) -> Certificate:
    """The learner's 初级, by its three courses."""
    for code in LOWER:
        finish(cast.learner, code, cast.county)
    return held(cast.learner, "basic")


@pytest.fixture
def compiler(cast, sets, basic) -> Certificate:
    """The learner's 中级."""
    for code in ("S01", "S02", "S03"):
        finish(cast.learner, code, cast.county)
    ladder.attest(person=cast.learner, conditions=sets["compiler"], key=ROWS, evidence="第12号目录条目", by=cast.trainer, at=NOON)
    return held(cast.learner, "compiler")


def agree(sets, people, at=NOON) -> None:
    """The set-based rule and the one that explains choose the same people."""
    for conditions in sets.values():
        by_query = set(ladder.candidates(conditions.kind, conditions, day=clock.today(at)).values_list("pk", flat=True))
        explained = ladder.explain_all(people, [conditions], at=at)
        assert by_query & {p.pk for p in people} == {pk for pk, [one] in explained.items() if one.is_earned}


# ---- issue


def test_the_last_course_brings_the_certificate_in_the_same_transaction(cast, sets):
    finish(cast.learner, "P01", cast.county)
    finish(cast.learner, "P05", cast.county)
    assert held(cast.learner, "basic") is None
    last = finish(cast.learner, "P03", cast.county)

    certificate = held(cast.learner, "basic")
    assert certificate.completion is None and certificate.course_code == "" and certificate.round == 1
    assert certificate.number.startswith("YAZWGK-02-2026-532325-00001-")
    assert certificate.course_title == "P01 课程P01、P03 课程P03、P05 课程P05" and certificate.course_title in certificate.text
    assert certificate.hours == Decimal("7.5") and certificate.score is None
    assert [fact.completion.course_code for fact in ladder.basis_of(certificate)] == LOWER
    assert last.pk in {fact.completion_id for fact in certificate.basis.all()}
    assert certificate.events.get().kind == "issued" and certificate.facts_digest == rules.digest(certificate.facts())
    assert certificate.person_name == "张小明" and certificate.unit == cast.section


def test_a_receiver_that_fails_undoes_both_the_lower_and_the_higher(cast, sets):
    for code in LOWER[:2]:
        finish(cast.learner, code, cast.county)

    def fail(certificate, **kwargs):
        if certificate.kind.key == "basic":
            raise RuntimeError

    certificate_issued.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            finish(cast.learner, "P05", cast.county, certificate="training")
    finally:
        certificate_issued.disconnect(fail)
    assert not Certificate.objects.exists() and Completion.objects.count() == 2


def test_the_last_event_may_be_a_lower_certificate_that_is_issued_in_turn(cast, sets):
    for code in ("S01", "S02", "S03", "P01", "P03"):
        finish(cast.learner, code, cast.county)
    ladder.attest(person=cast.learner, conditions=sets["compiler"], key=ROWS, evidence="第12号", by=cast.trainer, at=NOON)
    assert not Certificate.objects.exists()
    finish(cast.learner, "P05", cast.county)
    compiler = held(cast.learner, "compiler")
    assert ladder.basis_of(compiler)[0].condition == held(cast.learner, "basic").title
    assert compiler.hours == Decimal("15")  # of six completions, three of them through the lower certificate


def test_the_last_event_may_be_an_attestation(cast, compiler):
    assert {fact.lower.kind.key for fact in compiler.basis.exclude(lower=None)} == {"basic"}
    assert compiler.basis.get(lower=None, completion=None).attestation.evidence == "第12号目录条目"


def test_the_third_step_rests_on_the_second_and_each_completion_counts_once(cast, sets, compiler):
    finish(cast.learner, "S04", cast.county)
    ladder.attest(person=cast.learner, conditions=sets["backbone"], key="reviewed-draft", evidence="专家组会议纪要", by=cast.hr, at=NOON)
    assert held(cast.learner, "backbone").hours == Decimal("17.5")


def test_it_is_issued_once_whatever_comes_afterwards(cast, sets, basic):
    finish(cast.learner, "P01", cast.county, at=NOON + 400 * DAY)
    assert ladder.award(person=cast.learner, conditions=sets["basic"], at=NOON + 400 * DAY) is None
    assert Certificate.objects.filter(kind__key="basic").count() == 1


def test_the_database_refuses_a_second_of_the_same_round(basic):
    basic.pk, basic.number, basic._state.adding = None, "X", True
    with pytest.raises(IntegrityError), transaction.atomic():
        basic.save()


def test_whoever_holds_one_awarded_by_a_course_gets_none_by_conditions(cast, sets):
    finish(cast.learner, "B01", cast.county, certificate="basic")
    for code in LOWER:
        finish(cast.learner, code, cast.county)
    assert Certificate.objects.filter(kind__key="basic").count() == 1


def test_courses_and_certificates_of_another_county_do_not_count(cast, sets):
    services.ensure_kinds(cast.other_county)
    for code in LOWER:
        finish(cast.learner, code, cast.other_county)
    assert not Certificate.objects.exists()


def test_reversed_completions_do_not_count(cast, sets):
    completion = finish(cast.learner, "P01", cast.county)
    reverse(completion, cast.hr)
    for code in LOWER[1:]:
        finish(cast.learner, code, cast.county)
    assert held(cast.learner, "basic") is None


@pytest.mark.parametrize("how", ["revoked", "suspended", "expired"])
def test_a_lower_certificate_counts_while_it_is_in_force(cast, sets, basic, how):
    at = NOON
    if how == "expired":
        at = clock.start_of(basic.valid_until + DAY)
    else:
        decide(basic, how, cast.hr)
    for code in ("S01", "S02", "S03"):
        finish(cast.learner, code, cast.county, at=at)
    ladder.attest(person=cast.learner, conditions=sets["compiler"], key=ROWS, evidence="x", by=cast.trainer, at=at)
    assert held(cast.learner, "compiler") is None
    explanation = ladder.explain(cast.learner, sets["compiler"], at=at)
    assert [point.key for point in explanation.missing] == ["basic"]
    agree(sets, [cast.learner], at=at)
    if how == "suspended":
        decide(basic, "restored", cast.hr)
        [gap] = ladder.gaps(at)
        gap.mend()
        assert held(cast.learner, "compiler") and ladder.gaps(at) == []


# ---- further rounds


def test_after_it_ran_out_courses_and_attestations_have_to_be_met_anew(cast, sets, compiler, basic):
    at = clock.start_of(compiler.valid_until + DAY)
    explanation = ladder.explain(cast.learner, sets["basic"], at=at)
    assert len(explanation.missing) == 3 and all(point.is_barred for point in explanation.missing) and explanation.round == 2
    assert ladder.gaps(at) == []
    for code in LOWER:
        finish(cast.learner, code, cast.county, at=at)
    second = held(cast.learner, "basic")
    assert second != basic and second.round == 2 and second.valid_until == rules.add_months(clock.today(at), 24)
    for code in ("S01", "S02", "S03"):
        finish(cast.learner, code, cast.county, at=at)
    assert held(cast.learner, "compiler") == compiler
    ladder.attest(person=cast.learner, conditions=sets["compiler"], key=ROWS, evidence="第30号", by=cast.trainer, at=at)
    assert held(cast.learner, "compiler").round == 2
    agree(sets, [cast.learner], at=at)


def test_a_revoked_one_does_not_come_back_by_what_it_rested_on(cast, sets, kinds):
    leader = CertificateKind.objects.get(key="leader", county=cast.county)
    conditions = ladder.put_into_force(kind=leader, terms=Terms(kinds=("training",)), by=cast.hr, at=NOON)
    finish(cast.learner, "P09", cast.county, certificate="training")
    first = held(cast.learner, "leader")
    decide(first, "revoked", cast.hr)
    assert ladder.award(person=cast.learner, conditions=conditions, at=NOON) is None and ladder.gaps(NOON) == []
    assert ladder.explain(cast.learner, conditions, at=NOON).missing[0].is_barred
    agree({"leader": conditions}, [cast.learner])
    finish(cast.learner, "P10", cast.county, certificate="training")
    assert held(cast.learner, "leader").round == 2


@pytest.mark.parametrize("lower", ["training", "basic"])
def test_a_corrected_lower_one_is_nothing_new_after_a_revocation_or_the_end(cast, sets, lower):
    leader = CertificateKind.objects.get(key="leader", county=cast.county)
    CertificateKind.objects.filter(key__in=["training", "basic"]).update(validity_months=0)
    conditions = ladder.put_into_force(kind=leader, terms=Terms(kinds=(lower,)), by=cast.hr, at=NOON)
    for person in (cast.learner, cast.colleague):
        for code in ["P09"] if lower == "training" else LOWER:
            finish(person, code, cast.county, certificate="training" if lower == "training" else "")
    revoked, ended = held(cast.learner, "leader"), held(cast.colleague, "leader")
    decide(revoked, "revoked", cast.hr)
    at = clock.start_of(ended.valid_until + DAY)
    for person in (cast.learner, cast.colleague):
        for name in ("张晓明", "张小鸣"):  # corrected twice
            end(cast, held(person, lower), reason="姓名有错字", at=at, corrections={"person_name": name})
        assert held(person, lower).replaces.replaces and ladder.award(person=person, conditions=conditions, at=at) is None
    assert (held(cast.learner, "leader"), held(cast.colleague, "leader")) == (revoked, ended)
    assert ladder.explain(cast.learner, conditions, at=at).missing[0].is_barred
    agree({"leader": conditions}, [cast.learner, cast.colleague], at=at)
    assert ladder.gaps(at) == []


def test_lower_ones_alone_carry_a_second_round_when_one_of_them_is_new(cast, sets):
    leader = CertificateKind.objects.get(key="leader", county=cast.county)
    CertificateKind.objects.filter(key="training").update(validity_months=0)
    conditions = ladder.put_into_force(kind=leader, terms=Terms(kinds=("training",)), by=cast.hr, at=NOON)
    finish(cast.learner, "P09", cast.county, certificate="training")
    at = clock.start_of(held(cast.learner, "leader").valid_until + DAY)
    explanation = ladder.explain(cast.learner, conditions, at=at)
    assert explanation.missing == [] and not explanation.is_new and not explanation.is_earned and explanation.words
    agree({"leader": conditions}, [cast.learner], at=at)
    finish(cast.learner, "P10", cast.county, certificate="training", at=at)
    assert held(cast.learner, "leader").round == 2
    agree({"leader": conditions}, [cast.learner], at=at)


def test_a_suspended_one_keeps_the_next_round_waiting(cast, sets, basic):
    decide(basic, "suspended", cast.hr)
    at = clock.start_of(basic.valid_until + DAY)
    for code in LOWER:
        finish(cast.learner, code, cast.county, at=at)
    assert Certificate.objects.filter(kind__key="basic").count() == 1
    explanation = ladder.explain(cast.learner, sets["basic"], at=at)
    assert explanation.held == basic and not explanation.is_earned
    agree(sets, [cast.learner], at=at)


# ---- explain


def test_explain_names_what_is_met_by_what_and_what_comes_next(cast, sets):
    done = finish(cast.learner, "P01", cast.county)
    course = Course.objects.create(county=cast.county, code="P03", current=done.edition)
    explanation = ladder.explain(cast.learner, sets["basic"], at=NOON)
    assert [(point.key, point.is_met) for point in explanation.points] == [("P01", True), ("P03", False), ("P05", False)]
    assert explanation.met[0].fact == done and explanation.met[0].day == clock.today(NOON)
    assert explanation.missing[0].url.endswith(f"/{course.pk}/") and explanation.missing[1].url == ""
    assert "P05" in explanation.words and explanation.percent == 33
    assert [point.asks for point in ladder.explain(cast.learner, sets["compiler"], at=NOON).points] == [
        "kind",
        "course",
        "course",
        "course",
        "attested",
    ]


def test_many_people_and_kinds_take_the_same_few_queries(cast, sets, compiler, django_assert_num_queries):
    for code in LOWER:
        finish(cast.colleague, code, cast.county)
    with django_assert_num_queries(6):
        ladder.explain_all([cast.learner], list(sets.values()), at=NOON)
    with django_assert_num_queries(6):
        found = ladder.explain_all(cast.people, list(sets.values()), at=NOON)
    assert [one.held is not None for one in found[cast.learner.pk]] == [True, True, False, False]
    assert [one.held is not None for one in found[cast.colleague.pk]] == [True, False, False, False]


@given(st.data())
def test_a_line_of_names_fits_and_says_that_something_is_left_out(data):
    names = data.draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1, max_size=12))
    line = rules.short_list(names, 120)
    assert len(line) <= 120 and (line == "、".join(names) or line.endswith("等"))


# ---- conditions


def test_the_handbook_s_ladder_stands_at_the_start_marked_as_the_county_s(cast, sets):
    assert list(sets) == ["basic", "compiler", "backbone", "publisher"]
    assert all("D" in one.source for one in sets.values())
    assert ladder.ensure_ladder(cast.county, at=NOON) == []


def test_a_county_that_has_issued_gets_no_ladder_unasked(cast, certificate):
    assert ladder.ensure_ladder(cast.county, at=NOON) == []


def test_a_circle_is_refused_with_the_names(cast, sets):
    basic = CertificateKind.objects.get(key="basic", county=cast.county)
    with pytest.raises(Refused) as refused:
        ladder.put_into_force(kind=basic, terms=Terms(kinds=("backbone",)), by=cast.hr, at=NOON)
    assert refused.value.code == "circle"
    for title in ("政务公开基础合格证明", "标准目录编制合格证明", "标准编制骨干合格证明"):
        assert title in refused.value.message
    with pytest.raises(Refused):
        ladder.put_into_force(kind=basic, terms=Terms(kinds=("basic",)), by=cast.hr, at=NOON)


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4)))
def test_a_circle_is_found_exactly_where_a_kind_leads_back_to_itself(asks):
    def reach(key, seen):
        for lower in asks.get(key, ()):
            if lower not in seen:
                seen.add(lower)
                reach(lower, seen)
        return seen

    found = rules.circle(asks)
    assert bool(found) == any(key in reach(key, set()) for key in asks)
    if found:
        assert found[0] == found[-1] and all(b in asks[a] for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Terms(kinds=("nothing",)), "unknown_kind"),
        (Terms(courses=("P01", "P01")), "twice"),
        (Terms(attested=(("a", "甲"), ("a", "乙"))), "twice"),
    ],
)
def test_conditions_that_nobody_could_meet_are_refused(cast, sets, terms, code):
    kind = CertificateKind.objects.get(key="leader", county=cast.county)
    with pytest.raises(Refused) as refused:
        ladder.put_into_force(kind=kind, terms=terms, by=cast.hr, at=NOON)
    assert refused.value.code == code and not ConditionSet.objects.filter(kind=kind).exists()


def test_new_conditions_are_a_new_row_and_change_nothing_that_was_issued(cast, sets, basic):
    before = basic.facts()
    kind = basic.kind
    new = ladder.put_into_force(kind=kind, terms=Terms(courses=("P01",)), by=cast.hr, at=NOON)
    assert new.number == 2 and ladder.put_into_force(kind=kind, terms=Terms(courses=("P01",)), by=cast.hr, at=NOON) == new
    assert Certificate.objects.get(pk=basic.pk).facts() == before and basic.basis.count() == 3
    with pytest.raises(FactChanged):
        new.save()


def test_looser_conditions_are_caught_up_with_and_empty_ones_ask_for_nothing(cast, sets):
    finish(cast.learner, "P01", cast.county)
    finish(cast.colleague, "P01", cast.county)
    kind = CertificateKind.objects.get(key="basic", county=cast.county)
    new = ladder.put_into_force(kind=kind, terms=Terms(courses=("P01",)), by=cast.hr, at=NOON)
    assert not Certificate.objects.exists() and len(ladder.gaps(NOON)) == 2
    assert ladder.catch_up(conditions=new, at=NOON) == 2 and ladder.catch_up(conditions=new, at=NOON) == 0
    assert ladder.gaps(NOON) == []
    ladder.put_into_force(kind=kind, terms=Terms(), by=cast.hr, at=NOON)
    assert "basic" not in {one.kind.key for one in ladder.sets_in_force(cast.county)}
    finish(cast.hr, "P01", cast.county)
    assert held(cast.hr, "basic") is None


def test_a_missed_one_is_a_gap_and_the_county_s_fault_costs_nobody_the_completion(cast, sets):
    from people.models import Unit

    for code in LOWER[:2]:
        finish(cast.learner, code, cast.county)
    Unit.objects.filter(pk=cast.county.pk).update(code="YA")
    last = finish(cast.learner, "P05", cast.county)
    assert Completion.objects.filter(pk=last.pk).exists() and not Certificate.objects.exists()
    [gap] = ladder.gaps(NOON)
    with pytest.raises(Refused) as refused:
        gap.mend()
    assert refused.value.code == "no_number"
    Unit.objects.filter(pk=cast.county.pk).update(code="532325")
    [gap] = ladder.gaps(NOON)
    gap.mend()
    assert held(cast.learner, "basic") and ladder.gaps(NOON) == []


def test_those_who_wait_for_a_kind_that_is_not_approved_are_one_gap(cast, sets):
    for code in LOWER[:2]:
        for person in (cast.learner, cast.colleague):
            finish(person, code, cast.county)
    CertificateKind.objects.filter(key="basic", county=cast.county).update(live=False)
    for person in (cast.learner, cast.colleague):
        finish(person, "P05", cast.county)
    [gap] = ladder.gaps(NOON)
    assert "2 people" in gap.what
    with pytest.raises(Refused) as refused:
        gap.mend()
    assert refused.value.code == "no_kind"
    CertificateKind.objects.filter(key="basic", county=cast.county).update(live=True)
    for gap in ladder.gaps(NOON):
        gap.mend()
    assert held(cast.learner, "basic") and held(cast.colleague, "basic") and ladder.gaps(NOON) == []


def test_the_gaps_do_not_grow_in_queries_with_people(cast, sets, django_assert_max_num_queries):
    for number in range(8):
        someone = a_person(f"YA3{number:04}", f"某{number}", cast.section)
        for code in LOWER:
            a_completion(someone, course=Course.objects.get_or_create(county=cast.county, code=code)[0], certificate="")
    with django_assert_max_num_queries(6):
        assert len(ladder.gaps(NOON)) == 8
    agree(sets, list(Person.objects.all()))


# ---- attestations


@pytest.mark.parametrize(
    ("who", "key", "evidence", "code"),
    [("trainer", "nothing", "x", "unknown"), ("trainer", ROWS, "  ", "no_evidence"), ("learner", ROWS, "x", "self")],
)
def test_an_attestation_that_could_not_be_stood_by_is_refused(cast, sets, who, key, evidence, code):
    with pytest.raises(Refused) as refused:
        ladder.attest(person=cast.learner, conditions=sets["compiler"], key=key, evidence=evidence, by=getattr(cast, who), at=NOON)
    assert refused.value.code == code and not Attestation.objects.exists()


def test_nothing_is_attested_for_people_of_another_county(cast, sets):
    with pytest.raises(Refused) as refused:
        ladder.attest(person=cast.stranger, conditions=sets["compiler"], key=ROWS, evidence="x", by=cast.hr, at=NOON)
    assert refused.value.code == "other_county"


def test_attesting_twice_returns_what_stands_and_withdrawing_is_a_new_row(cast, sets):
    given = {"person": cast.learner, "conditions": sets["compiler"], "key": ROWS, "at": NOON}
    first = ladder.attest(evidence="第12号", by=cast.trainer, **given)
    assert ladder.attest(evidence="别的", by=cast.hr, **given) == first
    with pytest.raises(FactChanged):
        first.delete()
    gone = ladder.withdraw(reason="条目未通过复审", by=cast.hr, **given)
    assert (gone.is_met, gone.by, gone.person_name) == (False, cast.hr, "张小明") and Attestation.objects.count() == 2
    assert not ladder.explain(cast.learner, sets["compiler"], at=NOON).points[-1].is_met
    with pytest.raises(Refused) as refused:
        ladder.withdraw(reason="再来", by=cast.hr, **given)
    assert refused.value.code == "not_attested"
    assert ladder.attest(evidence="第13号", by=cast.trainer, **given) != first
    agree(sets, [cast.learner])


@pytest.mark.parametrize(
    "who", ["learner", "colleague", "own_leader", "other_leader", "liaison", "auditor", "admin", "other_hr", "stranger"]
)
def test_only_hr_trainers_and_reviewers_of_the_county_may_attest(cast, sets, who):
    kind = sets["compiler"].kind
    assert not ladder.may_attest(getattr(cast, who), kind)
    assert all(ladder.may_attest(getattr(cast, other), kind) for other in ("hr", "trainer", "reviewer"))
    grant(cast.other_leader, "hr", cast.other_bureau)
    assert not ladder.may_attest(cast.other_leader, kind)


def test_the_query_reads_the_newest_attestation_of_each_person_whatever_its_key(cast, sets, basic):
    given = {"conditions": sets["compiler"], "key": ROWS, "at": NOON}
    for _ in range(20):  # the keys of attestations run away from those of people
        ladder.attest(person=cast.colleague, evidence="第11号", by=cast.trainer, **given)
        ladder.withdraw(person=cast.colleague, reason="有误", by=cast.hr, **given)
    said = ladder.attest(person=cast.learner, evidence="第12号", by=cast.trainer, **given)
    assert said.pk != cast.learner.pk
    for code in ("S01", "S02", "S03"):
        a_completion(cast.learner, course=Course.objects.get_or_create(county=cast.county, code=code)[0], certificate="")
    assert list(ladder.candidates(sets["compiler"].kind, sets["compiler"], day=clock.today(NOON))) == [cast.learner]
    agree(sets, [cast.learner, cast.colleague])
    ladder.withdraw(person=cast.learner, reason="未过复审", by=cast.hr, **given)
    assert not ladder.candidates(sets["compiler"].kind, sets["compiler"], day=clock.today(NOON)).exists()


# ---- what no longer stands


def shaken(cast, at=NOON) -> list[Certificate]:
    return list(ladder.shaken(Certificate.objects.visible_to(cast.hr), day=clock.today(at)))


def test_a_higher_certificate_outlives_its_lower_one_and_is_shown_to_hr_when_that_is_revoked(cast, compiler, basic):
    assert shaken(cast) == []
    decide(basic, "suspended", cast.hr)
    assert shaken(cast) == []
    decide(basic, "revoked", cast.hr)
    assert shaken(cast) == [compiler] and compiler.state_on(clock.today(NOON)) == State.VALID
    decide(compiler, "revoked", cast.hr)
    assert shaken(cast) == []


def test_a_reversed_completion_or_a_withdrawn_attestation_shakes_what_rests_on_it(cast, sets, compiler, basic):
    completion = basic.basis.first().completion
    reverse(completion, cast.hr)
    assert shaken(cast) == [basic]
    ladder.withdraw(person=cast.learner, conditions=sets["compiler"], key=ROWS, reason="有误", by=cast.hr, at=NOON)
    assert set(shaken(cast)) == {basic, compiler}
    assert list(ladder.shaken(Certificate.objects.visible_to(cast.other_hr), day=clock.today(NOON))) == []


def test_a_renewal_of_a_revoked_certificate_is_shown_too(cast, basic):
    renewal = Certificate.objects.get(pk=basic.pk)
    completion = a_completion(cast.learner, certificate="basic")
    renewal.pk, renewal.number, renewal.completion, renewal.renews, renewal._state.adding = None, "X3", completion, basic, True
    renewal.save()
    decide(basic, "revoked", cast.hr)
    assert shaken(cast) == [renewal]


def test_what_replaces_a_faulty_one_rests_on_the_same_and_does_not_open_a_further_round(cast, sets, compiler, basic):
    end(cast, compiler, reason="姓名有错字", at=NOON, corrections={"person_name": "张晓明"})
    twin = held(cast.learner, "compiler")
    assert twin.replaces == compiler and ladder.explain(cast.learner, sets["compiler"], at=NOON).held == twin
    assert list(twin.basis.values_list("condition")) == list(compiler.basis.values_list("condition"))
    decide(basic, "revoked", cast.hr)
    assert shaken(cast) == [twin]


def test_a_basis_is_one_fact_and_stays(basic):
    fact = basic.basis.first()
    with pytest.raises(FactChanged):
        fact.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Basis.objects.create(certificate=basic, condition="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        Basis.objects.create(certificate=basic, condition="x", completion_id=fact.completion_id)


# ---- at the same moment


def at_once(jobs) -> list[Exception]:
    faults, start = [], threading.Barrier(len(jobs))

    def run(job):
        try:
            start.wait()
            job()
        except Exception as fault:
            faults.append(fault)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.django_db(transaction=True)
def test_fifty_looks_at_once_issue_one(cast, sets):
    for code in LOWER:
        a_completion(cast.learner, course=Course.objects.create(county=cast.county, code=code), certificate="")
    faults = at_once([lambda: ladder.award(person=cast.learner, conditions=sets["basic"], at=NOON)] * 50)
    assert faults == [] and Certificate.objects.get().number.startswith("YAZWGK-02-2026-532325-00001-")
    finish(cast.colleague, "P01", cast.county)
    finish(cast.colleague, "P03", cast.county)
    finish(cast.colleague, "P05", cast.county)
    assert held(cast.colleague, "basic").number.startswith("YAZWGK-02-2026-532325-00002-")  # what was lost left no hole


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.django_db(transaction=True)
def test_what_two_events_of_the_same_moment_meet_together_is_issued_when_both_have_happened(cast, sets, monkeypatch):
    kind = CertificateKind.objects.get(key="leader", county=cast.county)
    finish(cast.hr, "L01", cast.county)  # so that the course is there
    conditions = ladder.put_into_force(kind=kind, terms=Terms(courses=("L01",), attested=(("seen", "现场考核"),)), by=cast.hr, at=NOON)
    both, look, looked = threading.Barrier(2, timeout=60), ladder._advance, []

    def look_together(*args, **given):
        found = look(*args, **given)
        looked.append(1)
        if len(looked) <= 2:  # both facts are written, and both have looked, before one of them is there for the other
            both.wait()
        return found

    monkeypatch.setattr(ladder, "_advance", look_together)
    attest = partial(ladder.attest, person=cast.learner, conditions=conditions, key="seen", evidence="签到表", by=cast.trainer, at=NOON)
    assert at_once([attest, partial(finish, cast.learner, "L01", cast.county)]) == []
    assert Certificate.objects.get(person=cast.learner).kind == kind
