"""Renewal: the window, the course that renews, what stands in the way, reminders."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, close_old_connections, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from certificates import exports, rules, services
from certificates.models import Certificate, CertificateKind, NumberSequence, Reminder, State, StatusEvent
from certificates.services import gaps, renewals
from certificates.services.renewals import Stand
from core import clock
from core.errors import Refused
from courses.models import Completion, Course, Reversal
from courses.services import completions, enrolments
from courses.signals import course_completed
from tests.cast import NOON
from tests.certificates.conftest import a_completion, end
from tests.certificates.test_proposals import at_once, real  # noqa: F401 - a fixture
from tests.factories import complete, make_course

DAY = timedelta(days=1)
LAST_DAY = clock.start_of(rules.add_months(clock.today(NOON), 24)) + timedelta(hours=12)  # noon of the last day of validity
BEFORE = LAST_DAY - 91 * DAY
OPEN = LAST_DAY - 90 * DAY
AFTER = LAST_DAY + DAY


def done(completion: Completion, *, at=None) -> Certificate | None:
    """What the flow makes of a completion."""
    with transaction.atomic():
        course_completed.send(sender=Completion, completion=completion, at=at or completion.completed_at)
    return completion.certificates.first()


def decide(certificate: Certificate, kind: str, cast, *, at) -> StatusEvent:
    return StatusEvent.objects.create(certificate=certificate, kind=kind, reason="查实替考", by=cast.hr, at=at)


@pytest.fixture
def basic(cast, kinds):
    """The kind "basic", renewed by a test alone."""
    kind = CertificateKind.objects.get(key="basic", county=cast.county)
    Course.objects.create(county=cast.county, code="R01")
    kind.renewal_course = "R01"
    kind.save()
    return kind


@pytest.fixture
def held(cast, basic):
    """The learner's basic certificate."""
    return done(a_completion(cast.learner, certificate="basic"))


@pytest.fixture
def renewal_test(cast, basic):
    """A completion of the renewal course by the learner: `renewal_test(at)`."""
    course = Course.objects.get(code="R01")

    def completed(at, person=None):
        return a_completion(person or cast.learner, title="政务公开基础续证测试", certificate="", course=course, at=at)

    return completed


# ---- rules


@given(st.dates(), st.integers(1, 1000), st.integers(0, 1000))
def test_the_window_holds_the_last_day_and_is_as_long_as_its_figures(until, window, grace):
    try:
        opens, closes = rules.renewal_days(until, window_days=window, grace_days=grace)
    except OverflowError:
        return
    assert opens <= until <= closes and (closes - opens).days == window + grace


@given(st.dates(max_value=rules.date(2900, 1, 1)), st.dates(max_value=rules.date(2900, 1, 1)), st.integers(1, 600))
def test_who_renews_early_loses_no_day_and_who_renews_late_gains_none(issued, old, months):
    until = rules.renewed_until(issued, old, months)
    assert until == rules.add_months(max(issued, old), months)
    assert until > issued and until > old


def test_without_a_window_or_an_end_nothing_is_renewed():
    assert rules.renewal_days(None, window_days=90, grace_days=0) is None
    assert rules.renewal_days(rules.date(2026, 1, 1), window_days=0, grace_days=9) is None
    assert rules.renewed_until(rules.date(2026, 1, 1), rules.date(2027, 1, 1), 0) is None


# ---- many at once


def test_renewals_of_several_people_in_one_batch_are_each_their_own(cast, held, renewal_test):
    theirs = done(a_completion(cast.colleague, certificate="basic"))
    completions = [renewal_test(OPEN), renewal_test(OPEN, cast.colleague), renewal_test(BEFORE)]
    outcomes = services.issuing.issue_all(completions=[one.pk for one in completions], at=OPEN)
    first, second, none = (outcomes[one.pk] for one in completions)
    assert (first.renews, second.renews) == (held, theirs)
    assert {first.valid_until, second.valid_until} == {rules.add_months(held.valid_until, 24)}
    assert isinstance(none, Refused) and none.code == "not_renewable"
    assert services.issuing.issue_all(completions=[one.pk for one in completions[:2]], at=AFTER) == {
        completions[0].pk: first,
        completions[1].pk: second,
    }


def test_who_stands_twice_in_one_batch_renews_once_and_the_other_completion_brings_nothing_double(cast, held, renewal_test):
    twice = [renewal_test(OPEN), renewal_test(OPEN + DAY)]
    outcomes = services.issuing.issue_all(completions=[one.pk for one in twice], at=OPEN + DAY)
    assert outcomes[twice[0].pk].renews == held
    assert isinstance(outcomes[twice[1].pk], Refused) and outcomes[twice[1].pk].code == "not_renewable"
    assert Certificate.objects.filter(renews=held).count() == 1
    assert [one.last for one in NumberSequence.objects.filter(category="02").order_by("year")][-1:] == [1]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_batch_beside_live_completions_gives_each_one_certificate_and_leaves_no_gap(real):  # noqa: F811
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL: SQLite lets one writer in at a time")
    people = (real.learner, real.colleague, real.trainer, real.reviewer)
    completions = [a_completion(people[number % 4]) for number in range(12)]
    keys = [one.pk for one in completions]
    live = [lambda one=one: services.issue(completion=one, at=NOON) for one in completions[::3]]
    outcomes = at_once(lambda: services.issuing.issue_all(completions=keys, at=NOON), *live)
    assert [each for each in outcomes if isinstance(each, Exception)] == []
    assert {key: one.pk for key, one in outcomes[0].items()} == dict(Certificate.objects.values_list("completion", "pk"))
    assert sorted(int(number.split("-")[4]) for number in Certificate.objects.values_list("number", flat=True)) == list(range(1, 13))


# ---- a test alone


@pytest.mark.parametrize("at", [OPEN, LAST_DAY])
def test_the_renewal_test_brings_a_new_certificate_that_counts_on_from_the_old_last_day(cast, held, renewal_test, at):
    before = Certificate.objects.get(pk=held.pk).__dict__
    new = done(renewal_test(at))

    assert new.renews == held and new.kind == held.kind and new.number != held.number
    assert new.issued_on == clock.today(at) and new.valid_until == rules.add_months(held.valid_until, 24)
    assert new.facts()["renews"] == held.number and new.facts_digest == rules.digest(new.facts())
    after = Certificate.objects.get(pk=held.pk)
    assert {k: v for k, v in after.__dict__.items() if k != "_state"} == {k: v for k, v in before.items() if k != "_state"}
    assert after.state_on(held.valid_until) == State.VALID and after.state_on(held.valid_until + DAY) == State.EXPIRED


def test_a_day_before_the_window_nothing_is_renewed_and_the_completion_stands(cast, held, renewal_test):
    completion = renewal_test(BEFORE)
    assert done(completion) is None
    with pytest.raises(Refused) as refused:
        services.issue(completion=completion, at=BEFORE)
    assert refused.value.code == "not_renewable" and clock.today(OPEN).isoformat() in refused.value.message
    assert services.gaps_of_renewal(AFTER) == [] and services.gaps_of_issue(AFTER) == []


def test_after_the_last_day_renewal_is_possible_for_as_long_as_the_county_says(cast, held, renewal_test):
    assert done(renewal_test(AFTER)) is None
    CertificateKind.objects.filter(key="basic").update(renewal_grace_days=30)
    new = done(renewal_test(AFTER + 29 * DAY))
    assert new.renews == held and new.valid_until == rules.add_months(new.issued_on, 24)  # what lies between is not given back
    CertificateKind.objects.filter(key="basic").update(renewal_grace_days=28)


@pytest.mark.parametrize(("kind", "word"), [("revoked", "撤销"), ("suspended", "暂停")])
def test_a_revoked_or_suspended_certificate_is_not_renewed_and_the_refusal_says_why(cast, held, renewal_test, kind, word):
    decide(held, kind, cast, at=OPEN - DAY)
    completion = renewal_test(OPEN)
    assert done(completion) is None
    with pytest.raises(Refused) as refused:
        services.issue(completion=completion, at=OPEN)
    assert word in refused.value.message and held.number in refused.value.message
    assert services.gaps_of_renewal(OPEN) == []


def test_a_suspended_one_that_is_restored_is_renewed_by_what_was_completed_in_the_window(cast, held, renewal_test):
    decide(held, "suspended", cast, at=OPEN - DAY)
    completion = renewal_test(OPEN)
    assert done(completion) is None
    decide(held, "restored", cast, at=OPEN + DAY)
    [gap] = services.gaps_of_renewal(OPEN + DAY)
    gap.mend()
    assert completion.certificates.get().renews == held and services.gaps_of_renewal(OPEN + DAY) == []


def test_one_that_was_suspended_and_then_corrected_is_renewed_by_what_was_completed_in_the_window(cast, held, renewal_test):
    decide(held, "suspended", cast, at=OPEN - DAY)
    completion = renewal_test(OPEN)
    assert done(completion) is None
    end(cast, held, reason="姓名有错字", at=OPEN + DAY, corrections={"person_name": "张晓明"})
    twin = held.replacement
    [gap] = services.gaps_of_renewal(OPEN + DAY)
    gap.mend()
    assert completion.certificates.get().renews == twin and services.gaps_of_renewal(OPEN + DAY) == []


def test_a_missed_renewal_is_mended_by_the_day_of_the_completion(cast, held, renewal_test):
    completion = renewal_test(LAST_DAY)
    assert services.gaps_of_renewal(LAST_DAY - DAY) == []
    [gap] = services.gaps_of_renewal(AFTER + 5 * DAY)
    services.issue(completion=completion, at=AFTER + 5 * DAY)
    new = completion.certificates.get()
    assert new.renews == held and new.issued_on == clock.today(AFTER + 5 * DAY)
    assert new.valid_until == rules.add_months(new.issued_on, 24)
    assert gap.mend() == new


def test_whoever_holds_none_renews_nothing(cast, renewal_test):
    assert done(renewal_test(OPEN)) is None and not Certificate.objects.exists()
    assert services.gaps_of_renewal(OPEN) == []


def test_a_second_completion_in_the_window_renews_nothing_a_second_time(cast, held, renewal_test):
    first = done(renewal_test(OPEN))
    assert done(renewal_test(OPEN + DAY)) is None
    assert Certificate.objects.filter(renews=held).get() == first


def test_the_renewal_of_a_renewal_follows_it(cast, held, renewal_test):
    first = done(renewal_test(LAST_DAY))
    second = done(renewal_test(clock.start_of(first.valid_until)))
    assert second.renews == first and second.valid_until == rules.add_months(first.valid_until, 24)


def test_of_an_old_one_and_its_replacement_the_replacement_is_renewed(cast, held, renewal_test):
    twin = Certificate.objects.get(pk=held.pk)
    twin.pk, twin.number, twin.replaces, twin._state.adding = None, "X1", held, True
    twin.facts_digest = rules.digest(twin.facts())
    twin.save()
    decide(held, "replaced", cast, at=OPEN - 9 * DAY)
    new = done(renewal_test(OPEN))
    assert new.renews == twin
    assert renewals.path_of(held, at=OPEN).stand == Stand.REPLACED and renewals.path_of(twin, at=OPEN).stand == Stand.RENEWED


def test_the_list_of_hr_offers_no_renewal_to_whom_it_is_refused(cast, held, renewal_test):
    new = done(renewal_test(OPEN))
    decide(new, "revoked", cast, at=OPEN)
    [listed] = renewals.running_out(Certificate.objects.all(), day=clock.today(OPEN), days=90)
    for path in (exports.path(listed, clock.today(OPEN)), renewals.path_of(held, at=OPEN)):
        assert (path.certificate, path.stand) == (held, Stand.RENEWED) and new.number in path.words and "撤销" in path.words


def test_one_that_was_renewed_and_then_replaced_is_not_renewed_again(cast, held, renewal_test):
    first = done(renewal_test(OPEN))
    twin = Certificate.objects.get(pk=held.pk)
    twin.pk, twin.number, twin.replaces, twin._state.adding = None, "X1", held, True
    twin.facts_digest = rules.digest(twin.facts())
    twin.save()
    decide(held, "replaced", cast, at=OPEN)
    decide(first, "revoked", cast, at=OPEN)
    assert renewals.path_of(twin, at=OPEN).stand == Stand.RENEWED
    assert done(renewal_test(OPEN + DAY)) is None


def test_the_database_refuses_a_second_renewal(cast, held, renewal_test):
    new = done(renewal_test(OPEN))
    other = a_completion(cast.learner, certificate="basic")
    new.pk, new.number, new.completion, new._state.adding = None, "X2", other, True
    with pytest.raises(IntegrityError), transaction.atomic():
        new.save()


def test_a_reversed_completion_renews_nothing(cast, held, renewal_test):
    completion = renewal_test(OPEN)
    Reversal.objects.create(completion=completion, reason="x", by=cast.hr, at=OPEN)
    assert services.gaps_of_renewal(OPEN) == []
    with pytest.raises(Refused) as refused:
        services.issue(completion=completion, at=OPEN)
    assert refused.value.code == "reversed"


def test_issuing_a_renewal_again_returns_it(cast, held, renewal_test):
    completion = renewal_test(OPEN)
    assert services.issue(completion=completion, at=OPEN) == services.issue(completion=completion, at=AFTER)


# ---- the same course again


def again(cast, first: Certificate, at) -> Certificate | None:
    return done(a_completion(cast.learner, course=first.completion.course, at=at))


def test_without_a_renewal_course_the_same_course_in_the_window_renews(cast, certificate):
    new = again(cast, certificate, OPEN)
    assert new.renews == certificate and new.valid_until == rules.add_months(certificate.valid_until, 24)


@pytest.mark.parametrize("at", [NOON + 366 * DAY, AFTER])
def test_the_same_course_outside_the_window_brings_a_fresh_certificate(cast, certificate, at):
    new = again(cast, certificate, at)
    assert new.renews is None and new.valid_until == rules.add_months(clock.today(at), 24)
    assert Certificate.objects.get(pk=certificate.pk).state_on(certificate.valid_until) == State.VALID


def test_another_course_of_the_kind_renews_nothing(cast, certificate):
    new = done(a_completion(cast.learner, at=OPEN))
    assert new.renews is None and new.course_code != certificate.course_code


def test_beside_a_suspended_certificate_the_same_course_brings_none_until_hr_has_decided(cast, certificate):
    decide(certificate, "suspended", cast, at=OPEN - DAY)
    assert again(cast, certificate, OPEN) is None
    assert services.gaps_of_issue(OPEN) == []
    decide(certificate, "restored", cast, at=OPEN + DAY)
    [gap] = services.gaps_of_issue(OPEN + DAY)
    assert gap.mend().renews == certificate


def test_after_a_revoked_certificate_the_same_course_brings_a_fresh_one(cast, certificate):
    decide(certificate, "revoked", cast, at=OPEN - DAY)
    assert again(cast, certificate, OPEN).renews is None


def test_a_kind_with_a_renewal_course_is_not_renewed_by_the_long_one(cast, held):
    new = done(a_completion(cast.learner, certificate="basic", course=held.completion.course, at=OPEN))
    assert new.renews is None and new.valid_until == rules.add_months(clock.today(OPEN), 24)
    assert renewals.path_of(held, at=OPEN).stand == Stand.LATER


# ---- one answer


@pytest.mark.parametrize(("at", "stand"), [(NOON, "early"), (BEFORE, "early"), (OPEN, "open"), (LAST_DAY, "open"), (AFTER, "late")])
def test_a_path_says_where_one_stands_and_from_when_to_when(cast, certificate, at, stand):
    path = renewals.path_of(certificate, at=at)
    assert path.stand == stand and path.opens_on == clock.today(OPEN) and path.closes_on == certificate.valid_until
    told = {"early": path.opens_on, "open": path.closes_on, "late": path.closes_on}[stand]
    assert certificate.number in path.words and told.isoformat() in path.words


def test_a_path_leads_to_the_course_only_while_it_is_open(cast, kinds):
    course = make_course(cast.county, certificate="training")
    complete(cast.learner, course)
    certificate = Certificate.objects.get()
    assert renewals.path_of(certificate, at=NOON).url == ""
    path = renewals.path_of(certificate, at=OPEN)
    assert path.url.endswith(f"/{course.pk}/") and not path.is_begun
    enrolments.enrol(person=cast.learner, course=course, at=OPEN)
    assert renewals.path_of(certificate, at=OPEN).is_begun
    Course.objects.update(is_open=False)
    path = renewals.path_of(certificate, at=OPEN)
    assert path.is_open and path.url == "" and "人事部门" in path.words


def test_without_end_or_without_a_window_there_is_nothing_to_renew(cast, kinds):
    CertificateKind.objects.update(validity_months=0)
    endless = done(a_completion(cast.learner))
    assert renewals.path_of(endless, at=OPEN).stand == Stand.ENDLESS
    kind = CertificateKind.objects.get(key="training", county=cast.county)
    kind.validity_months, kind.renewal_window_days, kind.reminder_days = 24, 0, 0
    services.publish(kind=kind, at=NOON)
    other = done(a_completion(cast.learner))
    assert renewals.path_of(other, at=OPEN).stand == Stand.NOT_RENEWED and renewals.due(cast.learner, at=OPEN) == []


def test_all_paths_of_a_person_take_three_queries(cast, kinds, django_assert_num_queries):
    for _ in range(9):
        done(a_completion(cast.learner))
    with django_assert_num_queries(1):
        assert len(renewals.paths(cast.learner, at=NOON)) == 9
    with django_assert_num_queries(3):
        assert len(renewals.due(cast.learner, at=OPEN)) == 9


# ---- the gate of the course


@pytest.fixture
def gate(cast, kinds):
    """The kind "basic" with two published courses: the one that awards it, and the test that renews it."""
    earns = make_course(cast.county, "B01", certificate="basic")
    renews = make_course(cast.county, "R02", lessons=1)
    CertificateKind.objects.filter(key="basic", county=cast.county).update(renewal_course="R02")
    return earns, renews


def test_a_course_that_only_renews_is_not_begun_before_the_window_and_the_refusal_names_the_day(cast, gate):
    earns, renews = gate
    with pytest.raises(Refused) as refused:
        enrolments.enrol(person=cast.learner, course=renews, at=NOON)
    assert refused.value.code == "not_renewable" and "政务公开基础合格证明" in refused.value.message
    complete(cast.learner, earns)
    with pytest.raises(Refused) as refused:
        enrolments.enrol(person=cast.learner, course=renews, at=BEFORE)
    assert clock.today(OPEN).isoformat() in refused.value.message
    complete(cast.learner, renews, at=OPEN)
    old, new = Certificate.objects.order_by("pk")
    assert new.renews == old


@pytest.mark.parametrize(("kind", "word"), [("revoked", "撤销"), ("suspended", "暂停")])
def test_the_gate_says_why_a_revoked_or_suspended_certificate_cannot_be_renewed(cast, gate, kind, word):
    earns, renews = gate
    complete(cast.learner, earns)
    decide(Certificate.objects.get(), kind, cast, at=OPEN - DAY)
    with pytest.raises(Refused) as refused:
        enrolments.enrol(person=cast.learner, course=renews, at=OPEN)
    assert word in refused.value.message


@pytest.fixture
def fallen(cast, gate):
    """A renewal whose completion fell with a requirement."""
    earns, renews = gate
    complete(cast.learner, earns)
    completion = complete(cast.learner, renews, at=OPEN)
    asked = completion.edition.requirements.first()
    completions.take_back(enrolment=completion.enrolment, kind=asked.kind, key=asked.key, by=cast.hr, reason="评分有误", at=OPEN + DAY)
    return completion.certificates.get()


def test_what_fell_and_is_given_back_renews_again(cast, fallen):
    asked = fallen.completion.edition.requirements.first()
    again = completions.meet(
        enrolment=fallen.completion.enrolment, kind=asked.kind, key=asked.key, evidence="lesson-place:1", at=OPEN + 2 * DAY, met_at=OPEN
    )
    new = again.certificates.get()
    assert (
        new.renews == fallen.renews and new.valid_until == fallen.valid_until and new.state_on(clock.today(OPEN + 2 * DAY)) == State.VALID
    )
    paths = {path.certificate: path for path in renewals.paths(cast.learner, at=OPEN + 2 * DAY)}
    assert paths[fallen.renews].later == new and paths[fallen].stand == Stand.SUSPENDED
    assert not list(renewals.running_out(Certificate.objects.all(), day=clock.today(OPEN), days=90))


def test_whose_renewal_fell_may_take_the_renewal_course_again_in_the_window(cast, gate, fallen):
    _earns, renews = gate
    old = fallen.renews
    at = OPEN + 2 * DAY
    assert renewals.path_of(old, at=at).is_open
    assert list(renewals.running_out(Certificate.objects.all(), day=clock.today(at), days=90)) == [old]
    new = complete(cast.learner, renews, at=at).certificates.get()
    assert new.renews == old and new.renewal_turn == 1
    assert renewals.path_of(old, at=at).later == new
    assert gaps.gaps_of_renewal(at) == [] and gaps.gaps_of_issue(at) == []


def test_who_earned_anew_what_fell_does_not_wait_until_its_revocation_is_confirmed(cast, gate):
    earns, _renews = gate
    first = complete(cast.learner, earns)
    completions.reverse(completion=first, by=cast.hr, reason="替考", at=NOON + DAY)
    second = complete(cast.learner, earns, at=NOON + 2 * DAY)
    assert second.certificates.get().renews is None
    assert Certificate.objects.get(completion=first).state_on(clock.today(NOON + 2 * DAY)) == State.SUSPENDED


def test_a_course_that_also_awards_the_kind_is_open_to_everybody(cast, gate):
    _earns, renews = gate
    CertificateKind.objects.filter(key="basic").update(renewal_course="B01")
    assert enrolments.enrol(person=cast.colleague, course=gate[0], at=NOON)
    assert enrolments.enrol(person=cast.colleague, course=renews, at=NOON)  # it renews nothing any more


def test_in_the_window_the_same_course_may_be_begun_again_in_the_same_year(cast, kinds):
    CertificateKind.objects.filter(key="training").update(validity_months=4, renewal_window_days=30)
    course = make_course(cast.county, certificate="training")
    first = complete(cast.learner, course)
    certificate = Certificate.objects.get()
    opens = clock.start_of(certificate.valid_until - timedelta(days=30))
    assert enrolments.enrol(person=cast.learner, course=course, at=opens - DAY) == first.enrolment
    second = complete(cast.learner, course, at=opens)
    assert second.round == 2 and second.certificates.get().renews == certificate
    from evaluation.models import LedgerEntry

    assert set(LedgerEntry.objects.values_list("completion", flat=True)) <= {first.pk}  # this year's turn stays taken


# ---- settings of a kind


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"renewal_window_days": 900}, "renewal_window_days"),
        ({"renewal_grace_days": 4000}, "renewal_grace_days"),
        ({"reminder_days": 91}, "reminder_days"),
        ({"renewal_course": "R99"}, "renewal_course"),
        ({"renewal_course": "X1"}, "renewal_course"),
        ({"renewal_course": "R01"}, "renewal_course"),
    ],
)
def test_settings_that_could_not_work_are_refused_at_their_field(cast, basic, change, field):
    make_course(cast.county, "X1", certificate="training")
    kind = CertificateKind.objects.get(key="compiler", county=cast.county)
    kind.full_clean()
    for name, value in change.items():
        setattr(kind, name, value)
    with pytest.raises(ValidationError) as refused:
        kind.full_clean()
    assert list(refused.value.message_dict) == [field]


# ---- reminders


def stages() -> list[tuple[int, str]]:
    return sorted(Reminder.objects.values_list("certificate", "stage"))


def test_reminders_are_written_once_a_stage_by_however_many_runs(cast, certificate):
    assert renewals.remind(at=BEFORE) == 0
    assert renewals.remind(at=OPEN) == 1 and renewals.remind(at=OPEN) == 0
    assert stages() == [(certificate.pk, "opens")]
    assert renewals.remind(at=LAST_DAY - 15 * DAY) == 0
    assert renewals.remind(at=LAST_DAY - 14 * DAY) == 1 and renewals.remind(at=LAST_DAY) == 0
    assert stages() == [(certificate.pk, "ends"), (certificate.pk, "opens")]


def test_after_a_stop_of_the_scheduler_both_stages_are_made_up_for_and_none_after_the_end(cast, certificate):
    assert renewals.remind(at=LAST_DAY) == 2
    Reminder.objects.all()._raw_delete("default")
    assert renewals.remind(at=AFTER) == 0


def test_nobody_is_reminded_of_what_was_renewed_suspended_or_revoked(cast, kinds):
    first, second, third = (done(a_completion(cast.learner)) for _ in range(3))
    again(cast, first, OPEN)
    decide(second, "suspended", cast, at=OPEN)
    decide(third, "revoked", cast, at=OPEN)
    assert renewals.remind(at=LAST_DAY) == 0


def test_a_later_certificate_of_the_same_course_makes_the_reminder_needless(cast, certificate):
    again(cast, certificate, NOON + 400 * DAY)
    assert renewals.remind(at=LAST_DAY) == 0


def test_reminding_does_not_grow_in_queries(cast, kinds, django_assert_max_num_queries):
    for person in (cast.learner, cast.colleague) * 6:
        done(a_completion(person))
    with django_assert_max_num_queries(10):
        assert renewals.remind(at=LAST_DAY) == 24


# ---- at the same moment


@pytest.mark.postgres
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.django_db(transaction=True)
def test_fifty_completions_at_once_renew_one_certificate_once(cast, held, renewal_test):
    completions = [renewal_test(OPEN + timedelta(minutes=n)) for n in range(50)]
    results, faults, start = [], [], threading.Barrier(50)

    def run(completion):
        try:
            start.wait()
            with transaction.atomic():
                results.append(services.issue_if_awarded(completion=completion, at=completion.completed_at))
        except Exception as fault:
            faults.append(fault)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run, args=[completion]) for completion in completions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == [] and len(results) == 50
    [new] = [certificate for certificate in results if certificate]
    assert Certificate.objects.filter(renews=held).get() == new
    assert new.number.startswith("YAZWGK-02-2028-532325-00001-")  # of the year of its issue, and the losers took none
    assert NumberSequence.objects.get(year=2028).last == 1
