"""Two officers end a certificate: revocation, replacement by a corrected one, reversed completions, races."""

import threading
import time
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, close_old_connections, connection, transaction
from wagtail.models import ModelLogEntry

from certificates import rules, services
from certificates.models import Certificate, CertificateKind, Proposal, ProposalDecision, State, StatusEvent
from certificates.signals import certificate_issued
from core import clock
from core.errors import Refused
from courses.models import Reversal
from courses.services import completions
from courses.signals import completion_reversed
from people.models import Person
from tests.cast import EVERYBODY, NOON, grant
from tests.certificates.conftest import a_completion, end, second_officer
from tests.certificates.test_standing import DAY, TODAY, TRACED, refusal

NAME = {"person_name": "张晓明"}


def propose(cast, certificate, kind="revoke", *, by=None, at=NOON, reason="查实替考", **more) -> Proposal:
    return services.propose(certificate=certificate, kind=kind, reason=reason, by=by or cast.hr, at=at, **more)


def reverse(cast, certificate, *, by=None, at=NOON) -> Reversal:
    return completions.reverse(completion=certificate.completion, by=by or cast.reviewer, reason="查实代学", at=at)


# ---- revoke ---------------------------------------------------------------------------------


def test_a_proposal_alone_changes_nothing(cast, certificate):
    propose(cast, certificate)
    assert certificate.state_on(TODAY + 9 * DAY) == State.VALID
    assert not StatusEvent.objects.exclude(kind="issued").exists()


def test_a_confirmed_revocation_says_who_with_whom_when_and_why(cast, certificate, second):
    proposal = propose(cast, certificate, reason=" 查实替考 ", at=NOON + DAY)
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON + 3 * DAY, reason=" 已核 ")
    event = certificate.events.get(kind="revoked")
    assert (event.reason, event.by, event.second, event.proposal, event.at) == ("查实替考", cast.hr, second, proposal, NOON + 3 * DAY)
    assert proposal.decision.reason == "已核"
    assert [certificate.state_on(TODAY + days * DAY) for days in (2, 3, 9999)] == [State.VALID, State.REVOKED, State.REVOKED]
    logged = [(entry.action, entry.user) for entry in ModelLogEntry.objects.filter(action__in=TRACED).order_by("pk")]
    assert logged == [("certificates.propose", cast.hr), ("certificates.revoke", second)]


def test_a_declined_proposal_leaves_the_certificate_and_another_may_follow(cast, certificate, second):
    proposal = propose(cast, certificate)
    assert refusal(services.decide, proposal=proposal, is_accepted=False, by=second, at=NOON, reason=" ") == "no_reason"
    services.decide(proposal=proposal, is_accepted=False, by=second, at=NOON, reason="证据不足")
    assert certificate.state_on(TODAY) == State.VALID and not Proposal.objects.open().exists()
    again = propose(cast, certificate, reason="新证据", at=NOON + DAY)
    services.decide(proposal=again, is_accepted=True, by=second, at=NOON + DAY)
    assert certificate.state_on(TODAY + DAY) == State.REVOKED


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_only_hr_of_the_county_proposes_and_decides(cast, certificate, second, who):
    someone = getattr(cast, who)
    if who == "hr":
        proposal = propose(cast, certificate, by=second)
        services.decide(proposal=proposal, is_accepted=True, by=someone, at=NOON)
        return
    with pytest.raises(PermissionDenied):
        propose(cast, certificate, by=someone)
    proposal = propose(cast, certificate)
    for verdict in (True, False):
        with pytest.raises(PermissionDenied):
            services.decide(proposal=proposal, is_accepted=verdict, by=someone, at=NOON, reason="x")
    assert not ProposalDecision.objects.exists()


def test_nobody_confirms_their_own_proposal(cast, certificate):
    proposal = propose(cast, certificate)
    for verdict in (True, False):
        assert refusal(services.decide, proposal=proposal, is_accepted=verdict, by=cast.hr, at=NOON, reason="x") == "own_proposal"


def test_the_holder_neither_proposes_nor_decides(cast, kinds, second, private):
    own = services.issue(completion=a_completion(cast.hr), at=NOON)
    assert refusal(propose, cast=cast, certificate=own) == "own_certificate"
    proposal = propose(cast, own, by=second)
    assert refusal(services.decide, proposal=proposal, is_accepted=False, by=cast.hr, at=NOON, reason="x") == "own_certificate"


def test_who_lost_the_role_meanwhile_does_not_decide(cast, certificate, second):
    proposal = propose(cast, certificate)
    second.role_grants.update(ends_on=TODAY)
    with pytest.raises(PermissionDenied):
        services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)


def test_one_proposal_at_a_time_and_asking_the_same_again_returns_it(cast, certificate, second):
    first = propose(cast, certificate)
    assert propose(cast, certificate, reason="另一个说法") == first
    with pytest.raises(Refused) as refused:
        propose(cast, certificate, by=second)
    assert refused.value.code == "open_proposal" and cast.hr.name in refused.value.message
    assert refusal(propose, cast=cast, certificate=certificate, kind="replace", corrections=NAME) == "open_proposal"


def test_deciding_the_same_again_returns_the_decision_and_the_opposite_is_told_who_decided(cast, certificate, second):
    third = grant(cast.admin, "hr", cast.county).person
    proposal = propose(cast, certificate)
    first = services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    assert services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON + DAY) == first
    for by, verdict in ((second, False), (third, True), (third, False)):
        with pytest.raises(Refused) as refused:
            services.decide(proposal=proposal, is_accepted=verdict, by=by, at=NOON, reason="x")
        assert refused.value.code == "decided" and second.name in refused.value.message
    assert certificate.events.filter(kind="revoked").count() == 1


def withdraw(cast, proposal, *, by=None, at=NOON, reason="提错了人"):
    return services.withdraw(proposal=proposal, by=by or cast.hr, reason=reason, at=at)


def test_whoever_proposed_withdraws_with_a_reason_on_record_and_may_propose_again(cast, certificate, second):
    proposal = propose(cast, certificate)
    assert refusal(withdraw, cast=cast, proposal=proposal, reason=" ") == "no_reason"
    assert refusal(withdraw, cast=cast, proposal=proposal, at=NOON - timedelta(seconds=1)) == "clock_back"
    taken = withdraw(cast, proposal, reason=" 提错了人 ", at=NOON + DAY)
    assert (taken.is_accepted, taken.is_withdrawal, taken.reason, taken.by, taken.at) == (False, True, "提错了人", cast.hr, NOON + DAY)
    assert certificate.state_on(TODAY + DAY) == State.VALID and not Proposal.objects.open().exists()
    logged = ModelLogEntry.objects.get(action="certificates.take_back")
    assert logged.user == cast.hr and logged.data["reason"] == "提错了人"
    assert withdraw(cast, proposal, reason="别的说法", at=NOON + DAY) == taken
    again = propose(cast, certificate, at=NOON + 2 * DAY)
    services.decide(proposal=again, is_accepted=True, by=second, at=NOON + 2 * DAY)
    assert certificate.state_on(TODAY + 2 * DAY) == State.REVOKED


@pytest.mark.parametrize("who", [*sorted(EVERYBODY), "second"])
def test_nobody_but_who_made_a_proposal_withdraws_it(cast, certificate, second, who):
    proposal = propose(cast, certificate)
    someone = second if who == "second" else getattr(cast, who)
    if who == "hr":
        assert withdraw(cast, proposal, by=someone).is_withdrawal
        return
    with pytest.raises(PermissionDenied):
        withdraw(cast, proposal, by=someone)
    assert not ProposalDecision.objects.exists()


def test_who_lost_the_role_meanwhile_does_not_withdraw(cast, certificate):
    proposal = propose(cast, certificate)
    cast.hr.role_grants.update(ends_on=TODAY)
    with pytest.raises(PermissionDenied):
        withdraw(cast, proposal, by=Person.objects.get(pk=cast.hr.pk))


def test_what_is_withdrawn_is_not_decided_and_what_is_decided_is_not_withdrawn(cast, certificate, second):
    proposal = propose(cast, certificate)
    withdraw(cast, proposal)
    for by, verdict in ((second, True), (second, False), (cast.hr, False)):
        with pytest.raises(Refused) as refused:
            services.decide(proposal=proposal, is_accepted=verdict, by=by, at=NOON, reason="x")
        assert refused.value.code == "withdrawn" and cast.hr.name in refused.value.message
    declined = propose(cast, certificate)
    services.decide(proposal=declined, is_accepted=False, by=second, at=NOON, reason="证据不足")
    assert refusal(withdraw, cast=cast, proposal=declined) == "decided"
    accepted = propose(cast, certificate)
    services.decide(proposal=accepted, is_accepted=True, by=second, at=NOON)
    assert refusal(withdraw, cast=cast, proposal=accepted) == "decided"


def test_no_row_says_accepted_and_withdrawn(cast, certificate):
    proposal = propose(cast, certificate)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProposalDecision.objects.create(proposal=proposal, is_accepted=True, is_withdrawal=True, reason="x", by=cast.hr, at=NOON)


def test_the_revocation_of_what_was_reversed_is_nobody_s_to_withdraw(cast, certificate, second):
    """Neither the one that the reversal proposed nor one that waited before it."""
    reverse(cast, certificate, by=cast.hr)
    assert refusal(withdraw, cast=cast, proposal=certificate.proposals.get()) == "reversed"
    other = services.issue(completion=a_completion(cast.learner), at=NOON)
    waiting = propose(cast, other)
    reverse(cast, other)
    assert refusal(withdraw, cast=cast, proposal=waiting) == "reversed"
    assert services.gaps_of_revocation(NOON) == []


def test_a_correction_may_be_withdrawn_when_the_completion_was_reversed(cast, certificate):
    proposal = propose(cast, certificate, "replace", corrections=NAME)
    reverse(cast, certificate)
    assert withdraw(cast, proposal).is_withdrawal
    assert Proposal.objects.open().get().kind == "revoke"


def test_what_is_ended_is_ended(cast, certificate, second):
    end(cast, certificate)
    for kind in ("revoke", "replace"):
        assert refusal(propose, cast=cast, certificate=certificate, kind=kind, corrections=NAME) == "revoked"


def test_a_corrected_name_is_written_as_the_register_writes_it_and_masked_without_its_blanks(cast, certificate, client):
    end(cast, certificate, reason="姓名有错字", at=NOON, corrections={"person_name": "鲁　凯"})
    new = certificate.replacement
    assert new.person_name == "鲁凯"
    page = client.get(f"/verify/{new.number}/").text
    assert "鲁*" in page and "凯" not in page


def test_a_proposal_needs_a_reason_and_a_clock_that_was_not_set_back(cast, certificate, second):
    assert refusal(propose, cast=cast, certificate=certificate, reason="  ") == "no_reason"
    assert refusal(propose, cast=cast, certificate=certificate, at=NOON - timedelta(seconds=1)) == "clock_back"
    proposal = propose(cast, certificate, at=NOON + DAY)
    assert refusal(services.decide, proposal=proposal, is_accepted=True, by=second, at=NOON) == "clock_back"
    assert not ProposalDecision.objects.exists() and certificate.state_on(TODAY + 9 * DAY) == State.VALID


def test_an_expired_certificate_can_still_be_revoked(cast, certificate, second):
    end(cast, certificate, at=NOON + 800 * DAY)
    assert certificate.state_on(TODAY + 800 * DAY) == State.REVOKED


# ---- replace --------------------------------------------------------------------------------


def test_a_replacement_corrects_the_facts_and_keeps_what_was_earned(cast, certificate, second):
    later = NOON + 200 * DAY  # in the next year
    heard = []
    held = Certificate.objects.in_force(clock.today(later))
    certificate_issued.connect(lambda certificate, **kwargs: heard.append((certificate, held.get())), weak=False, dispatch_uid="test")
    try:
        decision = end(cast, certificate, at=later, corrections=NAME | {"post_title": "四级主任科员"}, reason="姓名错字")
    finally:
        certificate_issued.disconnect(dispatch_uid="test")
    new = Certificate.objects.get(replaces=certificate)
    assert heard == [(new, new)]  # in the moment that it is told of, it alone is in force
    assert (new.person_name, new.post_title, new.unit_name) == ("张晓明", "四级主任科员", certificate.unit_name)
    assert new.text == certificate.text.replace("张小明", "张晓明") and "张晓明" in new.text
    same = ("person_id", "unit_id", "employee_number", "completion_id", "kind_id", "version_id", "title", "issuer", "course_code")
    same += ("course_title", "edition_number", "hours", "score", "valid_until", "round", "duties")
    assert {name: getattr(new, name) for name in same} == {name: getattr(certificate, name) for name in same}
    assert new.issued_on == clock.today(later) and new.issued_at == later
    assert new.number.startswith("YAZWGK-01-2027-532325-00001-") or new.number.startswith("YAZWGK-01-2026-532325-00002-")
    assert new.number != certificate.number and new.salt and new.salt != certificate.salt
    assert new.facts_digest == rules.digest(Certificate.objects.get(pk=new.pk).facts())
    event = certificate.events.get(kind="replaced")
    assert (event.by, event.second, event.reason, event.proposal) == (cast.hr, second, "姓名错字", decision.proposal)
    assert [(e.kind, e.by, e.second) for e in new.events.all()] == [("issued", cast.hr, second)]
    today = clock.today(later)
    assert (certificate.state_on(today), new.state_on(today)) == (State.REPLACED, State.VALID)
    assert services.of_completion(certificate.completion) == new
    assert services.issue(completion=certificate.completion, at=later) == new
    old = Certificate.objects.get(pk=certificate.pk)
    assert old.facts() == certificate.facts() and old.person_name == "张小明"


def test_the_wording_is_that_of_the_pinned_version(cast, certificate, second):
    CertificateKind.objects.update(wording="{name}新措辞", title="新标题", issuer="别处")
    end(cast, certificate, corrections=NAME)
    new = certificate.replacement
    assert new.text == certificate.text.replace("张小明", "张晓明")
    assert (new.title, new.issuer) == (certificate.title, certificate.issuer)


def test_a_corrected_one_can_be_corrected_again_and_the_chain_is_kept(cast, certificate, second):
    end(cast, certificate, corrections=NAME)
    end(cast, certificate.replacement, corrections={"unit_name": "姚安县教育体育局 人事股"}, at=NOON + DAY)
    last = certificate.replacement.replacement
    assert (last.person_name, last.unit_name) == ("张晓明", "姚安县教育体育局 人事股")
    assert certificate.replacement.state_on(TODAY + DAY) == State.REPLACED


def test_blanks_and_invisible_signs_are_no_correction(cast, certificate):
    for name, value in (("person_name", " 张小明\u200b "), ("unit_name", certificate.unit_name), ("post_title", certificate.post_title)):
        assert refusal(propose, cast=cast, certificate=certificate, kind="replace", corrections={name: value}) == "nothing_to_correct"
    assert refusal(propose, cast=cast, certificate=certificate, kind="replace") == "nothing_to_correct"
    assert propose(cast, certificate, "replace", corrections=NAME | {"unit_name": certificate.unit_name}).corrections == NAME


@pytest.mark.parametrize(
    ("corrections", "code"),
    [
        ({"score": "100"}, "not_correctable"),
        ({"valid_until": "2099-01-01"}, "not_correctable"),
        ({"person_id": "1"}, "not_correctable"),
        ({"person_name": " "}, "empty"),
        ({"unit_name": ""}, "empty"),
        ({"person_name": "张" * 61}, "too_long"),
        ({"person_name": "张\U0001f600"}, "missing_glyph"),
    ],
)
def test_what_cannot_be_corrected_is_refused(cast, certificate, corrections, code):
    assert refusal(propose, cast=cast, certificate=certificate, kind="replace", corrections=corrections) == code
    assert not Proposal.objects.exists()


def test_a_post_may_become_empty(cast, certificate, second):
    end(cast, certificate, corrections={"post_title": ""})
    assert certificate.replacement.post_title == ""


def test_a_revocation_takes_no_corrections_along(cast, certificate):
    assert propose(cast, certificate, corrections=NAME).corrections == {}


def test_an_expired_one_is_not_replaced_also_when_it_expired_while_it_waited(cast, certificate, second):
    assert refusal(propose, cast=cast, certificate=certificate, kind="replace", corrections=NAME, at=NOON + 800 * DAY) == "expired"
    proposal = propose(cast, certificate, "replace", corrections=NAME)
    assert refusal(services.decide, proposal=proposal, is_accepted=True, by=second, at=NOON + 800 * DAY) == "expired"
    assert not ProposalDecision.objects.exists() and Certificate.objects.count() == 1


def test_a_replacement_that_fails_takes_no_number_and_no_decision(cast, certificate, second):
    def fail(**kwargs):
        raise RuntimeError

    proposal = propose(cast, certificate, "replace", corrections=NAME)
    certificate_issued.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    finally:
        certificate_issued.disconnect(fail)
    assert certificate.state_on(TODAY) == State.VALID and not ProposalDecision.objects.exists()
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    assert certificate.replacement.number.startswith("YAZWGK-01-2026-532325-00002-")


# ---- reversed completions -------------------------------------------------------------------


def test_a_reversal_suspends_at_once_and_asks_a_second_officer(cast, certificate, second):
    reverse(cast, certificate)
    assert certificate.state_on(TODAY) == State.SUSPENDED
    event, proposal = certificate.events.get(kind="suspended"), certificate.proposals.get()
    assert (event.reason, event.by) == ("查实代学", cast.reviewer)
    assert (proposal.kind, proposal.reason, proposal.by) == ("revoke", "查实代学", cast.reviewer)
    assert refusal(services.decide, proposal=proposal, is_accepted=False, by=second, at=NOON, reason="不同意") == "reversed"
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    assert certificate.state_on(TODAY) == State.REVOKED


def test_whoever_reversed_the_completion_does_not_confirm_the_revocation(cast, certificate, second):
    reverse(cast, certificate, by=cast.hr)
    proposal = certificate.proposals.get()
    assert refusal(services.decide, proposal=proposal, is_accepted=True, by=cast.hr, at=NOON) == "own_proposal"
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)


def test_a_reversal_that_fails_at_its_certificate_is_no_reversal(cast, certificate):
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON + DAY)
    services.restore(certificate=certificate, by=cast.hr, reason="x", at=NOON + DAY)
    assert refusal(reverse, cast=cast, certificate=certificate, at=NOON) == "clock_back"
    assert not Reversal.objects.exists()


def test_a_reversal_builds_on_what_is_there(cast, kinds, private, second):
    suspended, proposed, corrected, revoked, replaced = (services.issue(completion=a_completion(cast.learner), at=NOON) for _ in range(5))
    services.suspend(certificate=suspended, by=cast.hr, reason="核查", at=NOON)
    first = propose(cast, proposed)
    waiting = propose(cast, corrected, "replace", corrections=NAME)
    end(cast, revoked)
    end(cast, replaced, corrections=NAME)
    for certificate in (suspended, proposed, corrected, revoked, replaced):
        reverse(cast, certificate)
    assert suspended.events.filter(kind="suspended").count() == 1 and suspended.proposals.get().by == cast.reviewer
    assert proposed.proposals.get() == first and proposed.state_on(TODAY) == State.SUSPENDED
    assert refusal(services.decide, proposal=first, is_accepted=False, by=second, at=NOON, reason="x") == "reversed"
    # A correction that waits beside it can only be declined, and ends with the certificate.
    assert refusal(services.decide, proposal=waiting, is_accepted=True, by=second, at=NOON) == "reversed"
    services.decide(proposal=corrected.proposals.get(kind="revoke"), is_accepted=True, by=second, at=NOON)
    assert waiting not in Proposal.objects.open()
    assert list(revoked.events.values_list("kind", flat=True)) == ["issued", "revoked"]
    # Where one was replaced, it is the corrected one that goes.
    assert replaced.replacement.state_on(TODAY) == State.SUSPENDED and replaced.replacement.proposals.get().kind == "revoke"
    assert services.gaps_of_revocation(NOON) == []


def test_nothing_can_be_corrected_once_the_completion_is_reversed(cast, certificate, second):
    reverse(cast, certificate)
    certificate.proposals.get()
    assert refusal(propose, cast=cast, certificate=certificate, kind="replace", corrections=NAME) == "open_proposal"


def test_a_reversal_that_missed_its_certificate_is_mended(cast, certificate, second):
    reversal = Reversal.objects.create(completion=certificate.completion, reason="x", by=cast.hr, at=NOON)
    for _ in range(2):
        [gap] = services.gaps_of_revocation(NOON)
        StatusEvent.objects.create(certificate=certificate, kind="suspended", reason="x", by=cast.hr, at=NOON)  # half done is a gap too
    gap.mend()
    assert services.gaps_of_revocation(NOON) == [] and certificate.proposals.get().by == reversal.by
    gap.mend()
    assert certificate.proposals.count() == 1
    services.decide(proposal=certificate.proposals.get(), is_accepted=True, by=second, at=NOON)
    assert services.gaps_of_revocation(NOON) == []


def test_a_reversal_without_certificate_is_nothing_to_this_app(cast):
    completion = a_completion(cast.learner, certificate="")
    reversal = Reversal.objects.create(completion=completion, reason="x", by=cast.hr, at=NOON)
    completion_reversed.send(sender=Reversal, reversal=reversal, at=NOON)
    assert not Proposal.objects.exists()


# ---- at once --------------------------------------------------------------------------------


@pytest.fixture
def real(db, private):
    """A cast whose rows are committed, and a way to do things at the same time."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    from tests.cast import assemble

    cast = assemble()
    services.ensure_kinds(cast.county)
    second_officer(cast)
    return cast


def at_once(*acts) -> list:
    """What each act gave or raised; all begin together, each with a connection of its own."""
    outcomes: list = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def work(place, act):
        try:
            barrier.wait()
            outcomes[place] = act()
        except Exception as error:
            outcomes[place] = error
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=work, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def codes(outcomes) -> list[str]:
    assert all(not isinstance(each, Exception) or isinstance(each, Refused) for each in outcomes), outcomes
    return sorted(each.code if isinstance(each, Refused) else "done" for each in outcomes)


def officers(cast):
    """Fresh objects: a person keeps what was read of them."""
    return [type(someone).objects.get(pk=someone.pk) for someone in (cast.hr, second_officer(cast))]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_officers_who_propose_to_revoke_and_to_replace_at_once_exactly_one_wins(real):
    for number in range(6):
        certificate = services.issue(completion=a_completion(real.learner), at=NOON)
        first, second = officers(real)
        outcomes = at_once(
            lambda: propose(real, certificate, by=first), lambda: propose(real, certificate, "replace", by=second, corrections=NAME)
        )
        assert codes(outcomes) == ["done", "open_proposal"], number
        assert Proposal.objects.filter(certificate=certificate).count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_officers_who_decide_at_once_exactly_one_wins(real):
    third = grant(real.admin, "hr", real.county).person
    for number in range(6):
        certificate = services.issue(completion=a_completion(real.learner), at=NOON)
        kind = ("revoke", "replace")[number % 2]
        proposal = propose(real, certificate, kind, corrections=NAME)
        second = officers(real)[1]
        fresh = type(third).objects.get(pk=third.pk)
        outcomes = at_once(
            lambda: services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON),
            lambda: services.decide(proposal=proposal, is_accepted=number > 3, by=fresh, at=NOON, reason="不同意"),
        )
        assert codes(outcomes) == ["decided", "done"], number
        ends = certificate.events.filter(kind__in=["revoked", "replaced"]).count()
        assert ends == int(proposal.decision.is_accepted) and Certificate.objects.filter(replaces=certificate).count() <= ends


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["revoke", "replace"])
def test_withdrawn_and_accepted_at_once_a_proposal_is_one_of_both(real, kind):
    for number in range(8):
        certificate = services.issue(completion=a_completion(real.learner), at=NOON)
        proposal = propose(real, certificate, kind, corrections=NAME)
        first, second = officers(real)
        acts = [
            lambda: services.withdraw(proposal=proposal, by=first, reason="提错了人", at=NOON),
            lambda: services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON),
        ]
        outcomes = at_once(*(acts if number % 2 else reversed(acts)))
        decision = ProposalDecision.objects.get(proposal=proposal)
        assert codes(outcomes) == (["done", "withdrawn"] if decision.is_withdrawal else ["decided", "done"]), number
        ends = certificate.events.filter(kind__in=["revoked", "replaced"]).count()
        assert ends == int(decision.is_accepted) and decision.is_accepted != decision.is_withdrawal
        assert Certificate.objects.filter(replaces=certificate).count() == (ends if kind == "replace" else 0)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_reversal_and_a_replacement_at_once_leave_nothing_in_force(real):
    for number in range(6):
        certificate = services.issue(completion=a_completion(real.learner), at=NOON)
        proposal = propose(real, certificate, "replace", corrections=NAME)
        second = officers(real)[1]
        outcomes = at_once(
            lambda: services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON), lambda: reverse(real, certificate)
        )
        assert codes(outcomes) in (["done", "done"], ["done", "reversed"]), number
        held = Certificate.objects.filter(completion=certificate.completion)
        assert not held.in_force(TODAY).exists() and services.gaps_of_revocation(NOON) == [], number


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_put_each_expiry_on_record_once(real):
    for _ in range(20):
        services.issue(completion=a_completion(real.learner), at=NOON)
    after = NOON + 800 * DAY
    outcomes = at_once(*[lambda: services.expire_due(at=after)] * 3)
    assert sum(outcomes) == 20, outcomes
    assert StatusEvent.objects.filter(kind="expired").count() == 20


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("issue_first", [True, False])
def test_a_reversal_beside_a_repair_that_issues_leaves_nothing_in_force(real, issue_first):
    completion, first_is_done = a_completion(real.learner), threading.Event()

    def issue():
        return services.issue(completion=completion, at=NOON)

    def take_back():
        return completions.reverse(completion=completion, by=real.reviewer, reason="查实代学", at=NOON)

    def before():
        with transaction.atomic():
            (issue if issue_first else take_back)()
            first_is_done.set()
            time.sleep(0.5)  # the other one comes before this is committed

    def after():
        first_is_done.wait(30)
        return (take_back if issue_first else issue)()

    outcomes = at_once(before, after)
    if issue_first:
        assert codes(outcomes) == ["done", "done"]
        assert completion.certificates.get().state_on(TODAY) == State.SUSPENDED and Proposal.objects.open().count() == 1
    else:
        assert codes(outcomes) == ["done", "reversed"] and not Certificate.objects.exists()
