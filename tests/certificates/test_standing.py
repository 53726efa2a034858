"""Suspend, restore, expire; and what a list of events leaves standing."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from wagtail.models import ModelLogEntry

from certificates import rules, services, tasks
from certificates.models import Certificate, State, StatusEvent
from certificates.services import standing
from certificates.wagtail_hooks import ACTS
from core import clock
from core.errors import Refused
from courses.models import Reversal
from tests.cast import EVERYBODY, NOON, grant
from tests.certificates.conftest import a_completion, end, second_officer

DAY = timedelta(days=1)
TODAY = clock.today(NOON)
TRACED = [f"certificates.{act}" for act in ACTS]


def refusal(do, **arguments) -> str:
    with pytest.raises(Refused) as refused:
        do(**arguments)
    return refused.value.code


def kinds_of(certificate) -> list[str]:
    return list(certificate.events.values_list("kind", flat=True))


# ---- what events leave standing -------------------------------------------------------------

KINDS = ["suspended", "restored", "replaced", "revoked"]
events = st.lists(st.tuples(st.sampled_from(KINDS), st.dates(date(2026, 1, 1), date(2026, 1, 20))), max_size=8)
ordered = events.map(lambda found: sorted(found, key=lambda event: event[1]))
days = st.dates(date(2025, 12, 30), date(2026, 1, 22))


@given(ordered, days)
def test_nothing_stands_after_an_end(found, day):
    ends = [event for event in found if event[0] in ("replaced", "revoked") and event[1] <= day]
    if ends:
        assert rules.standing(found, day) == ends[0][0]


@given(ordered, days)
def test_before_an_end_the_newest_event_decides(found, day):
    past = [kind for kind, on in found if on <= day]
    if not set(past) & {"replaced", "revoked"}:
        assert rules.standing(found, day) == ("suspended" if past[-1:] == ["suspended"] else None)


@given(ordered, days, events)
def test_what_happens_later_changes_no_day_before(found, day, more):
    later = [(kind, on + timedelta(days=60)) for kind, on in more]
    assert rules.standing(found + later, day) == rules.standing(found, day)


@given(ordered, days, st.integers(0, 30))
def test_an_ended_certificate_never_comes_back(found, day, more):
    if rules.standing(found, day) in ("replaced", "revoked"):
        assert rules.standing(found, day + timedelta(days=more)) == rules.standing(found, day)


# ---- suspend and restore --------------------------------------------------------------------


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_hr_of_the_county_suspends_and_restores(cast, certificate, who):
    someone = getattr(cast, who)
    if who == "hr":
        services.suspend(certificate=certificate, by=someone, reason="核查", at=NOON)
        services.restore(certificate=certificate, by=someone, reason="查无此事", at=NOON)
        return
    for act in (services.suspend, services.restore):
        with pytest.raises(PermissionDenied):
            act(certificate=certificate, by=someone, reason="核查", at=NOON)
    assert kinds_of(certificate) == ["issued"]


def test_hr_of_one_bureau_rules_over_nothing(cast, certificate):
    grant(cast.own_leader, "hr", cast.bureau)
    with pytest.raises(PermissionDenied):
        services.suspend(certificate=certificate, by=cast.own_leader, reason="核查", at=NOON)


def test_a_suspension_says_who_when_why_and_ends_with_the_restoration(cast, certificate):
    event = services.suspend(certificate=certificate, by=cast.hr, reason=" 接到举报 ", at=NOON + 2 * DAY)
    assert (event.reason, event.by, event.second) == ("接到举报", cast.hr, None)
    services.restore(certificate=certificate, by=cast.hr, reason="查无此事", at=NOON + 5 * DAY)
    found = Certificate.objects.with_state().get()
    states = [found.state_on(TODAY + days * DAY) for days in (1, 2, 4, 5, 9)]
    assert states == [State.VALID, State.SUSPENDED, State.SUSPENDED, State.VALID, State.VALID]
    logged = ModelLogEntry.objects.filter(action__in=TRACED).order_by("pk")
    assert [(entry.action, entry.user, entry.data["reason"]) for entry in logged] == [
        ("certificates.suspend", cast.hr, "接到举报"),
        ("certificates.restore", cast.hr, "查无此事"),
    ]


def test_it_can_be_suspended_again_and_asking_twice_writes_once(cast, certificate):
    for number in range(2):
        at = NOON + number * DAY
        first = services.suspend(certificate=certificate, by=cast.hr, reason="一", at=at)
        assert services.suspend(certificate=certificate, by=cast.hr, reason="二", at=at) == first
        back = services.restore(certificate=certificate, by=cast.hr, reason="一", at=at)
        assert services.restore(certificate=certificate, by=cast.hr, reason="二", at=at) == back
    assert kinds_of(certificate) == ["issued", "suspended", "restored", "suspended", "restored"]


def test_nobody_of_hr_acts_on_their_own_certificate(cast, kinds, second, private):
    own = services.issue(completion=a_completion(cast.hr), at=NOON)
    for act in (services.suspend, services.restore):
        assert refusal(act, certificate=own, by=cast.hr, reason="核查", at=NOON) == "own_certificate"
    services.suspend(certificate=own, by=second, reason="核查", at=NOON)
    assert refusal(services.restore, certificate=own, by=cast.hr, reason="没事", at=NOON) == "own_certificate"


def test_each_refusal_names_its_reason(cast, certificate):
    hr = {"certificate": certificate, "by": cast.hr}
    assert refusal(services.suspend, **hr, reason="  ", at=NOON) == "no_reason"
    assert refusal(services.restore, **hr, reason="x", at=NOON) == "not_suspended"
    assert refusal(services.suspend, **hr, reason="x", at=NOON + 800 * DAY) == "expired"
    services.suspend(**hr, reason="x", at=NOON + DAY)
    assert refusal(services.restore, **hr, reason=" ", at=NOON + DAY) == "no_reason"
    end(cast, certificate, at=NOON + DAY)
    assert refusal(services.suspend, **hr, reason="x", at=NOON + DAY) == "revoked"
    assert refusal(services.restore, **hr, reason="x", at=NOON + DAY) == "revoked"


def test_a_clock_that_was_set_back_writes_nothing_and_is_named(cast, certificate):
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON + DAY)
    with pytest.raises(Refused) as refused:
        services.restore(certificate=certificate, by=cast.hr, reason="x", at=NOON + DAY - timedelta(seconds=1))
    assert refused.value.code == "clock_back" and "2026-06-16 12:00:00" in refused.value.message
    assert kinds_of(certificate) == ["issued", "suspended"]
    assert refusal(services.propose, certificate=certificate, kind="revoke", by=cast.hr, reason="x", at=NOON) == "clock_back"


def test_after_a_clock_that_ran_ahead_officers_go_on_once_the_ledger_explains_it(cast, certificate):
    services.chain(at=NOON)
    ask = {"certificate": certificate, "kind": "revoke", "by": cast.hr, "reason": "x"}
    proposal = services.propose(**ask, at=NOON + 89 * DAY)
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON + 90 * DAY)
    services.chain(at=NOON + 90 * DAY)
    restore = {"certificate": certificate, "by": cast.hr, "reason": "x"}
    assert refusal(services.restore, **restore, at=NOON + DAY) == "clock_back"

    services.explain(sequences=[(3, 3)], by=cast.hr, reason="服务器时钟快了三个月", at=NOON + DAY)
    services.restore(**restore, at=NOON + DAY)
    assert refusal(services.suspend, **restore, at=NOON) == "clock_back"  # by what happened since
    services.withdraw(proposal=proposal, by=cast.hr, reason="x", at=NOON + 2 * DAY)
    assert refusal(services.propose, **ask, at=NOON + DAY + timedelta(hours=1)) == "clock_back"  # by the withdrawal


def test_a_proposal_of_a_clock_that_ran_ahead_holds_up_nothing(cast, certificate):
    services.chain(at=NOON)
    proposal = services.propose(certificate=certificate, kind="revoke", by=cast.hr, reason="x", at=NOON + 200 * DAY)
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON + DAY)
    services.decide(proposal=proposal, is_accepted=True, by=second_officer(cast), at=NOON + 2 * DAY)
    assert certificate.state_on(TODAY + 2 * DAY) == "revoked"


def test_a_suspended_certificate_counts_nowhere_as_in_force(cast, certificate):
    assert Certificate.objects.in_force(TODAY).count() == 1
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    assert not Certificate.objects.in_force(TODAY).exists()


def test_a_suspension_outlasts_the_last_day_and_after_it_comes_expired(cast, certificate):
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    after = certificate.valid_until + DAY
    assert certificate.state_on(after) == State.SUSPENDED
    services.restore(certificate=certificate, by=cast.hr, reason="x", at=NOON + 800 * DAY)
    assert certificate.state_on(TODAY + 800 * DAY) == State.EXPIRED


def test_a_reversed_completion_keeps_its_certificate_suspended(cast, certificate):
    reversal = Reversal.objects.create(completion=certificate.completion, reason="查实代学", by=cast.reviewer, at=NOON)
    services.revoke_with(reversal=reversal, at=NOON)
    assert refusal(services.restore, certificate=certificate, by=cast.hr, reason="x", at=NOON) == "reversed"


def test_the_database_takes_no_event_with_one_person_as_both(cast, certificate):
    with pytest.raises(IntegrityError, match="certificate_event_by_two"), transaction.atomic():
        StatusEvent.objects.create(certificate=certificate, kind="revoked", reason="x", by=cast.hr, second=cast.hr, at=NOON)


@pytest.mark.parametrize("both", [{"by": "hr"}, {"second": "hr"}, {}])
def test_the_database_takes_no_event_of_a_proposal_without_both_officers(cast, certificate, both):
    proposal = services.propose(certificate=certificate, kind="revoke", reason="x", by=cast.hr, at=NOON)
    officers = {name: getattr(cast, who) for name, who in both.items()}
    with pytest.raises(IntegrityError, match="certificate_proposal_by_two"), transaction.atomic():
        StatusEvent.objects.create(certificate=certificate, kind="revoked", reason="x", proposal=proposal, at=NOON, **officers)


# ---- states in a query ----------------------------------------------------------------------


def test_each_certificate_is_found_in_its_one_state(cast, kinds, second, private, in_any_order):
    made = {
        name: services.issue(completion=a_completion(cast.learner), at=NOON)
        for name in ("valid", "suspended", "restored", "revoked", "replaced")
    }
    made["expired"] = services.issue(completion=a_completion(cast.learner), at=NOON - 900 * DAY)
    made["ending"] = services.issue(completion=a_completion(cast.learner), at=NOON - 700 * DAY)
    for name in ("suspended", "restored"):
        services.suspend(certificate=made[name], by=cast.hr, reason="x", at=NOON)
    services.restore(certificate=made["restored"], by=cast.hr, reason="x", at=NOON)
    end(cast, made["revoked"])
    end(cast, made["replaced"], corrections={"person_name": "张晓明"})
    made["corrected"] = made["replaced"].replacement
    names = {certificate.pk: name for name, certificate in made.items()}

    def found(state):
        return {names[pk] for pk in Certificate.objects.in_state(state, TODAY).values_list("pk", flat=True)}

    assert found("valid") == {"valid", "restored", "ending", "corrected"}
    assert found("expiring") == {"ending"}
    for state in ("suspended", "revoked", "replaced", "expired"):
        assert found(state) == {state}
    for each in Certificate.objects.with_state():
        assert each.pk in Certificate.objects.in_state(each.state_on(TODAY), TODAY).values_list("pk", flat=True)


def test_days_are_counted_when_the_end_is_near(certificate, settings):
    settings.CERTIFICATES_END_SOON_DAYS = 30
    last = certificate.valid_until
    assert [certificate.days_left(last - days * DAY) for days in (31, 30, 1, 0, -1)] == [None, 30, 1, 0, None]


# ---- expired --------------------------------------------------------------------------------


def test_what_has_run_out_is_put_on_record_once(cast, certificate):
    after = NOON + 732 * DAY
    assert clock.today(after) == certificate.valid_until + DAY
    assert services.expire_due(at=after - DAY) == 0  # its last day
    assert services.expire_due(at=after) == 1
    assert services.expire_due(at=after + DAY) == 0
    [event] = certificate.events.filter(kind="expired")
    assert (event.at, event.by) == (after, None)


def test_the_scheduled_job_does_it(cast, certificate, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON + 732 * DAY)
    tasks.expire_due()
    assert kinds_of(certificate) == ["issued", "expired"]


def test_ended_ones_do_not_expire_and_suspended_ones_do(cast, kinds, second, private):
    revoked, replaced, suspended = (services.issue(completion=a_completion(cast.learner), at=NOON) for _ in range(3))
    end(cast, revoked)
    end(cast, replaced, corrections={"post_title": "主任科员"})
    services.suspend(certificate=suspended, by=cast.hr, reason="x", at=NOON)
    assert services.expire_due(at=NOON + 800 * DAY) == 2  # the suspended one, and the one that replaced another
    assert [kinds_of(each)[-1] for each in (revoked, replaced, suspended)] == ["revoked", "replaced", "expired"]


def test_running_out_goes_in_chunks_and_does_not_grow_in_queries(cast, kinds, private, monkeypatch, django_assert_num_queries):
    for _ in range(7):
        services.issue(completion=a_completion(cast.learner), at=NOON)
    monkeypatch.setattr(standing, "EXPIRED_AT_ONCE", 3)
    assert services.expire_due(at=NOON + 800 * DAY) == 7
    assert StatusEvent.objects.filter(kind="expired").count() == 7

    monkeypatch.setattr(standing, "EXPIRED_AT_ONCE", 500)
    for _ in range(7):
        services.issue(completion=a_completion(cast.learner), at=NOON)
    # savepoint around: candidates, asked again, events, completions behind them, their changes
    with django_assert_num_queries(7):
        assert services.expire_due(at=NOON + 800 * DAY) == 7


def test_a_clock_set_back_expires_nothing_that_has_a_later_event(cast, kinds, private):
    late = services.issue(completion=a_completion(cast.learner), at=NOON - 900 * DAY)
    StatusEvent.objects.create(certificate=late, kind="suspended", reason="x", by=cast.hr, at=NOON + DAY)
    assert services.expire_due(at=NOON) == 0
    assert services.expire_due(at=NOON + DAY) == 1
