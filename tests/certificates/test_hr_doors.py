"""What HR does to a certificate, and what its holder reads of it: who gets in where, and what the pages say."""

from datetime import timedelta

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from certificates import services
from certificates.models import Certificate, Proposal, State, StatusEvent
from core import clock
from courses.models import Reversal
from people.models import ReadingOfOthers
from tests.cast import EVERYBODY, NOON, grant, person
from tests.certificates.conftest import a_completion, end
from tests.certificates.test_standing import DAY, TRACED

READERS = {"learner", "own_leader", "liaison", "hr", "auditor"}
ACTS = ["certificate_suspend", "certificate_restore", "certificate_revoke", "certificate_replace"]
SENT = {
    "certificate_suspend": {"reason": "接到举报"},
    "certificate_restore": {"reason": "查无此事"},
    "certificate_revoke": {"reason": "查实替考", "confirmed": "on"},
    "certificate_replace": {
        "reason": "错字",
        "confirmed": "on",
        "person_name": "张晓明",
        "unit_name": "姚安县教育体育局 办公室",
        "post_title": "科员",
    },
}


def at(name, certificate) -> str:
    return reverse(name, args=[certificate.number])


@pytest.fixture
def proposal(cast, certificate) -> Proposal:
    return services.propose(certificate=certificate, kind="revoke", reason="查实替考", by=cast.hr, at=NOON)


# ---- the acts -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", ACTS)
def test_only_hr_of_the_county_gets_to_an_act(cast, certificate, sign_in, who, door):
    if door == "certificate_restore":
        services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    before = (certificate.events.count(), certificate.proposals.count())
    client = sign_in(getattr(cast, who))
    expected = 200 if who == "hr" else 403 if who in READERS else 404
    assert client.get(at(door, certificate)).status_code == expected
    response = client.post(at(door, certificate), SENT[door])
    assert response.status_code == (302 if who == "hr" else expected)
    changed = (certificate.events.count(), certificate.proposals.count()) != before
    assert changed == (who == "hr")


@pytest.mark.parametrize("door", ACTS)
def test_signed_out_one_is_sent_to_sign_in(client, certificate, door):
    for response in (client.get(at(door, certificate)), client.post(at(door, certificate), SENT[door])):
        assert response.status_code == 302 and "/accounts/login/" in response["Location"]


@pytest.mark.parametrize("door", ACTS)
def test_an_unknown_number_is_not_found(cast, sign_in, door):
    assert sign_in(cast.hr).get(reverse(door, args=["YAZWGK-01-2026-532325-00001-T"])).status_code == 404


@pytest.mark.parametrize("door", ACTS)
def test_one_s_own_certificate_is_for_a_colleague_and_the_page_says_so(cast, kinds, private, sign_in, door):
    own = services.issue(completion=a_completion(cast.hr), at=NOON)
    client = sign_in(cast.hr)
    for response in (client.get(at(door, own)), client.post(at(door, own), SENT[door])):
        assert response.status_code == 409 and "本人" in response.text
    page = client.get(at("certificate", own)).text
    assert not any(at(each, own) in page for each in ACTS)


@pytest.mark.parametrize("door", ACTS)
def test_a_form_keeps_its_input_and_asks_for_what_lacks(cast, certificate, sign_in, door):
    if door == "certificate_restore":
        services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    client, before = sign_in(cast.hr), certificate.events.count()
    response = client.post(at(door, certificate), SENT[door] | {"reason": "   "})
    assert response.status_code == 422 and 'role="alert"' in response.text
    if "confirmed" in SENT[door]:
        response = client.post(at(door, certificate), SENT[door] | {"confirmed": ""})
        assert response.status_code == 422 and SENT[door]["reason"] in response.text
    assert certificate.events.count() == before and not certificate.proposals.exists()


def test_suspended_and_restored_by_the_pages_with_a_trace(cast, certificate, sign_in):
    client = sign_in(cast.hr)
    assert at("certificate_suspend", certificate) in client.get(at("certificate", certificate)).text
    assert client.post(at("certificate_suspend", certificate), SENT["certificate_suspend"]).status_code == 302
    page = client.get(at("certificate", certificate)).text
    assert "接到举报" in page and at("certificate_restore", certificate) in page and at("certificate_suspend", certificate) not in page
    assert client.post(at("certificate_restore", certificate), SENT["certificate_restore"]).status_code == 302
    assert "查无此事" in client.get(at("certificate", certificate)).text
    assert list(ModelLogEntry.objects.filter(action__in=TRACED).values_list("action", flat=True).order_by("pk")) == [
        "certificates.suspend",
        "certificates.restore",
    ]
    assert ReadingOfOthers.objects.filter(reader=cast.hr, subject=cast.learner).exists()


def test_a_page_that_fits_no_more_leads_back(cast, certificate, sign_in, second):
    client = sign_in(cast.hr)
    back = at("certificate", certificate)
    assert client.get(at("certificate_restore", certificate))["Location"] == back
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    assert client.get(at("certificate_suspend", certificate))["Location"] == back
    proposal = services.propose(certificate=certificate, kind="revoke", reason="x", by=cast.hr, at=NOON)
    for door in ("certificate_revoke", "certificate_replace"):
        assert client.get(at(door, certificate))["Location"] == reverse("certificate_proposal", args=[proposal.pk])
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    for door in ACTS:
        assert client.get(at(door, certificate))["Location"] == back


def test_who_comes_too_late_is_told_what_happened(cast, certificate, sign_in, second):
    """Two officers with the page open: the second one gets a plain answer, and nothing is written."""
    services.propose(certificate=certificate, kind="revoke", reason="查实替考", by=cast.hr, at=NOON)
    client = sign_in(second)
    response = client.post(at("certificate_replace", certificate), SENT["certificate_replace"])
    assert response.status_code == 422 and cast.hr.name in response.text and "张晓明" in response.text
    services.decide(proposal=certificate.proposals.get(), is_accepted=True, by=second, at=NOON)
    for door in ACTS:
        response = client.post(at(door, certificate), SENT[door])
        assert response.status_code == 422 and "已于2026-06-15撤销" in response.text.replace(" ", ""), door
    assert certificate.proposals.count() == 1


def test_a_correction_that_corrects_nothing_is_refused_in_words(cast, certificate, sign_in):
    sent = SENT["certificate_replace"] | {"person_name": certificate.person_name}
    response = sign_in(cast.hr).post(at("certificate_replace", certificate), sent)
    assert response.status_code == 422 and "没有要更正的内容" in response.text


def test_a_name_that_cannot_be_printed_is_refused_when_it_is_proposed(cast, certificate, sign_in):
    response = sign_in(cast.hr).post(at("certificate_replace", certificate), SENT["certificate_replace"] | {"person_name": "张\U0001f600"})
    assert response.status_code == 422 and "U+1F600" in response.text and not Proposal.objects.exists()


def test_a_county_without_a_second_officer_is_told_what_to_do(cast, certificate, sign_in, proposal):
    other = services.issue(completion=a_completion(cast.learner), at=NOON)
    client = sign_in(cast.hr)
    for address in (at("certificate_revoke", other), at("certificate_replace", other), reverse("certificate_proposal", args=[proposal.pk])):
        page = client.get(address).text
        assert "没有第二位" in page and "suspend/" in page, address
        assert cast.admin.name in page, address  # who can give the role
    assert "没有第二位" not in client.get(at("certificate_suspend", other)).text
    cast.admin.role_grants.update(ends_on=clock.today())
    assert "系统运行维护" in client.get(at("certificate_revoke", other)).text
    from tests.certificates.conftest import second_officer

    second = second_officer(cast)
    for address in (at("certificate_revoke", other), reverse("certificate_proposal", args=[proposal.pk])):
        page = client.get(address).text
        assert "没有第二位" not in page and f"{second.name}（姚安县人民政府办公室）" in page


def test_many_who_may_decide_are_named_in_part_and_cost_no_more_queries(cast, certificate, sign_in, django_assert_max_num_queries):
    for number in range(8):
        grant(person(f"YA2{number:04d}", f"复核{number}", cast.section, title="科员"), "hr", cast.county)
    grant(person("YA30000", "下级人事", cast.section), "hr", cast.bureau)  # not over the whole county
    client = sign_in(cast.hr)
    with django_assert_max_num_queries(15):
        page = client.get(at("certificate_revoke", certificate)).text
    assert page.count("复核") == 5 and "另有3人" in page.replace(" ", "") and "下级人事" not in page


def test_one_who_may_not_sign_in_any_more_or_holds_the_certificate_is_no_second_officer(cast, certificate, second, sign_in):
    client = sign_in(cast.hr)
    assert "没有第二位" not in client.get(at("certificate_revoke", certificate)).text
    of_second = services.issue(completion=a_completion(second), at=NOON)
    assert "没有第二位" in client.get(at("certificate_revoke", of_second)).text
    second.is_active = False
    second.save()
    assert "没有第二位" in client.get(at("certificate_revoke", certificate)).text


# ---- proposals ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [*sorted(EVERYBODY), "second"])
def test_only_hr_of_the_county_gets_to_proposals(cast, certificate, proposal, second, sign_in, who):
    client = sign_in(second if who == "second" else getattr(cast, who))
    listed = client.get(reverse("certificate_proposals"))
    assert listed.status_code == (200 if who in {"hr", "second", "other_hr"} else 403)
    assert (certificate.number in listed.text) == (who in {"hr", "second"})
    page = reverse("certificate_proposal", args=[proposal.pk])
    expected = 200 if who in {"hr", "second"} else 404
    assert client.get(page).status_code == expected
    response = client.post(page, {"decision": "accept"})
    assert response.status_code == (302 if who == "second" else 422 if who == "hr" else 404)
    assert StatusEvent.objects.filter(kind="revoked").exists() == (who == "second")


def test_proposals_signed_out(client, proposal):
    for address in (reverse("certificate_proposals"), reverse("certificate_proposal", args=[proposal.pk])):
        assert "/accounts/login/" in client.get(address)["Location"]


def test_the_holder_sees_no_proposal_about_their_own(cast, kinds, private, second, sign_in):
    own = services.issue(completion=a_completion(cast.hr), at=NOON)
    proposal = services.propose(certificate=own, kind="revoke", reason="查实替考", by=second, at=NOON)
    client = sign_in(cast.hr)
    assert client.get(reverse("certificate_proposal", args=[proposal.pk])).status_code == 404
    for address in (reverse("certificate_proposals"), at("certificate", own), reverse("my_certificates")):
        assert "查实替考" not in client.get(address).text
    assert client.get(reverse("certificates_issued")).context["waiting"] == 0


def test_a_proposal_shows_what_would_change_side_by_side(cast, certificate, second, sign_in):
    corrections = {"person_name": "张晓明", "post_title": ""}
    proposal = services.propose(certificate=certificate, kind="replace", reason="错字", by=cast.hr, at=NOON, corrections=corrections)
    page = sign_in(second).get(reverse("certificate_proposal", args=[proposal.pk]))
    assert [(change.what, change.before, change.after) for change in page.context["changes"]] == [
        ("姓名", "张小明", "张晓明"),
        ("职务", "科员", ""),
        ("正文", certificate.text, certificate.text.replace("张小明", "张晓明")),
    ]
    assert page.text.count("<del>小</del>") == page.text.count("<ins>晓</ins>") == 2  # in the name and in the sentence
    response = sign_in(second).post(reverse("certificate_proposal", args=[proposal.pk]), {"decision": "accept"}, follow=True)
    assert certificate.replacement.number in response.text
    page = sign_in(cast.learner).get(at("certificate", certificate.replacement)).text
    assert "张晓明" in page and certificate.number in page  # the way back to what it corrects


def test_declining_asks_for_a_reason_and_keeps_it(cast, certificate, proposal, second, sign_in):
    client, page = sign_in(second), reverse("certificate_proposal", args=[proposal.pk])
    assert client.post(page, {"decision": "decline", "reason": " "}).status_code == 422
    assert client.post(page, {"decision": "decline", "reason": "证据不足"}).status_code == 302
    assert not proposal.decision.is_accepted and certificate.state_on(clock.today()) == State.VALID
    assert "证据不足" in client.get(at("certificate", certificate)).text
    assert "证据不足" in client.get(page).text and 'name="decision"' not in client.get(page).text
    assert "证据不足" not in sign_in(cast.learner).get(at("certificate", certificate)).text
    assert "证据不足" in sign_in(cast.auditor).get(at("certificate", certificate)).text


def test_what_says_neither_yes_nor_no_decides_nothing(cast, proposal, second, sign_in):
    response = sign_in(second).post(reverse("certificate_proposal", args=[proposal.pk]), {"decision": "", "reason": "x"})
    assert response.status_code == 422 and not hasattr(Proposal.objects.get(), "decision")


def test_who_decides_too_late_is_told_who_was_quicker(cast, proposal, second, sign_in):
    third = grant(cast.admin, "hr", cast.county).person
    services.decide(proposal=proposal, is_accepted=True, by=second, at=NOON)
    response = sign_in(third).post(reverse("certificate_proposal", args=[proposal.pk]), {"decision": "decline", "reason": "不同意"})
    assert response.status_code == 422 and second.name in response.text and "已" in response.text


def test_whoever_proposed_withdraws_on_the_page_and_the_record_says_so(cast, certificate, proposal, second, sign_in):
    client, page = sign_in(cast.hr), reverse("certificate_proposal", args=[proposal.pk])
    assert 'value="withdraw"' in client.get(page).text and 'value="accept"' not in client.get(page).text
    assert client.post(page, {"decision": "withdraw", "reason": " "}).status_code == 422
    response = client.post(page, {"decision": "withdraw", "reason": "提错了人"}, follow=True)
    assert "申请已撤回" in response.text and "提错了人" in response.text
    assert 'name="decision"' not in client.get(page).text and "提错了人" in client.get(page).text
    assert "已撤回" in client.get(reverse("certificate_proposals") + "?decided").text
    assert "提错了人" in sign_in(cast.auditor).get(at("certificate", certificate)).text
    assert "提错了人" not in sign_in(cast.learner).get(at("certificate", certificate)).text
    assert sign_in(second).get(reverse("certificates_issued")).context["waiting"] == 0
    late = sign_in(second).post(page, {"decision": "accept"})
    assert late.status_code == 422 and cast.hr.name in late.text and "已于" in late.text and "撤回" in late.text
    assert not StatusEvent.objects.filter(kind="revoked").exists()


def test_the_second_officer_is_offered_no_withdrawal(cast, proposal, second, sign_in):
    client, page = sign_in(second), reverse("certificate_proposal", args=[proposal.pk])
    assert 'value="withdraw"' not in client.get(page).text
    assert client.post(page, {"decision": "withdraw", "reason": "x"}).status_code == 422
    assert Proposal.objects.open().get() == proposal


def test_a_proposal_about_a_reversed_completion_says_so(cast, certificate, second, sign_in):
    Reversal.objects.create(completion=certificate.completion, reason="查实代学", by=cast.reviewer, at=NOON)
    [gap] = services.gaps_of_revocation(NOON)
    gap.mend()
    page = reverse("certificate_proposal", args=[certificate.proposals.get().pk])
    client = sign_in(second)
    assert "不能驳回" in client.get(page).text
    response = client.post(page, {"decision": "decline", "reason": "不同意"})
    assert response.status_code == 422 and not StatusEvent.objects.filter(kind="revoked").exists()
    assert client.post(page, {"decision": "accept"}).status_code == 302
    assert certificate.state_on(clock.today()) == State.REVOKED


def test_lists_of_proposals_are_bounded_and_do_not_grow_in_queries(cast, kinds, private, second, sign_in, django_assert_max_num_queries):
    for number in range(12):
        certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
        proposal = services.propose(certificate=certificate, kind="revoke", reason="x", by=cast.hr, at=NOON)
        if number % 2:
            services.decide(proposal=proposal, is_accepted=False, by=second, at=NOON, reason="不同意")
    client = sign_in(second)
    for address in (reverse("certificate_proposals"), reverse("certificate_proposals") + "?decided"):
        with django_assert_max_num_queries(9):
            assert client.get(address).text.count("certificate-number") == 6
    logged = ReadingOfOthers.objects.filter(what="certificate proposals")
    assert [entry.rows for entry in logged] == [6, 6]


# ---- what the holder and the readers see ----------------------------------------------------


def test_each_state_says_why_and_whom_to_ask_on_my_page(cast, kinds, private, second, sign_in):
    suspended, revoked, replaced = (services.issue(completion=a_completion(cast.learner), at=NOON) for _ in range(3))
    services.suspend(certificate=suspended, by=cast.hr, reason="接到举报", at=NOON)
    end(cast, revoked, reason="查实替考")
    end(cast, replaced, reason="姓名错字", corrections={"person_name": "张晓明"})
    response = sign_in(cast.learner).get(reverse("my_certificates"))
    page = response.text
    for reason in ("接到举报", "查实替考", "姓名错字"):
        assert reason in page
    assert page.count(cast.hr.name) == 3 and "姚安县人民政府办公室" in page
    for certificate in (suspended, revoked, replaced):
        assert at("certificate_pdf", certificate) not in page
    assert f'href="{at("certificate", replaced.replacement)}"' in page and at("certificate_pdf", replaced.replacement) in page
    states = [(card.state, card.successor) for card in response.context["cards"]]
    assert states[:2] == [(State.VALID, ""), (State.SUSPENDED, "")]  # in force, then what may come back, then what is over
    assert set(states[2:]) == {(State.REPLACED, replaced.replacement.number), (State.REVOKED, "")}


def test_my_cards_say_how_many_days_are_left_when_few_are(cast, kinds, private, sign_in):
    today = clock.today()
    issued = clock.now() - timedelta(days=725)
    soon = services.issue(completion=a_completion(cast.learner), at=issued)
    services.issue(completion=a_completion(cast.learner), at=clock.now())
    response = sign_in(cast.learner).get(reverse("my_certificates"))
    assert [card.days_left for card in response.context["cards"]] == [None, (soon.valid_until - today).days]
    assert f"还剩{(soon.valid_until - today).days}天" in response.text.replace(" ", "")


def test_my_certificates_in_every_state_do_not_grow_in_queries(cast, kinds, private, second, sign_in, django_assert_max_num_queries):
    for _ in range(4):
        services.suspend(certificate=services.issue(completion=a_completion(cast.learner), at=NOON), by=cast.hr, reason="x", at=NOON)
        end(cast, services.issue(completion=a_completion(cast.learner), at=NOON), corrections={"person_name": "张晓明"})
    client = sign_in(cast.learner)
    with django_assert_max_num_queries(10):
        client.get(reverse("my_certificates"))


def test_the_history_names_both_officers(cast, certificate, second, sign_in):
    end(cast, certificate)
    for someone in (cast.learner, cast.auditor, cast.hr):
        page = sign_in(someone).get(at("certificate", certificate)).text
        assert cast.hr.name in page and second.name in page and "查实替考" in page


@pytest.mark.parametrize("state", ["valid", "expiring", "suspended", "revoked", "replaced", "expired"])
def test_hr_s_list_can_be_narrowed_to_a_state(cast, kinds, private, second, sign_in, state, in_any_order):
    now = clock.now()
    make = lambda moment: services.issue(completion=a_completion(cast.learner), at=moment)  # noqa: E731
    made = {"valid": make(now - DAY), "expiring": make(now - 700 * DAY), "expired": make(now - 900 * DAY)}
    made |= {name: make(now - DAY) for name in ("suspended", "revoked", "replaced")}
    services.suspend(certificate=made["suspended"], by=cast.hr, reason="x", at=now)
    end(cast, made["revoked"], at=now)
    end(cast, made["replaced"], at=now, corrections={"person_name": "张晓明"})
    corrected = made["replaced"].replacement
    page = sign_in(cast.hr).get(reverse("certificates_issued"), {"state": state})
    found = {row[0].pk for row in page.context["rows"]}
    wanted = {made[state].pk} | ({made["expiring"].pk, corrected.pk} if state == "valid" else set())
    assert found == wanted and f'value="{state}" selected' in page.text
    assert ReadingOfOthers.objects.get().filters["state"] == state


def test_a_state_that_is_none_narrows_nothing(cast, certificate, sign_in):
    page = sign_in(cast.hr).get(reverse("certificates_issued"), {"state": "x\x00"})
    assert page.status_code == 200 and certificate.number in page.text


def test_hr_s_list_counts_what_waits_for_confirmation(cast, certificate, proposal, second, sign_in):
    assert sign_in(second).get(reverse("certificates_issued")).context["waiting"] == 1
    assert sign_in(cast.hr).get(reverse("certificates_issued")).context["waiting"] == 0
    assert reverse("certificate_proposals") not in sign_in(cast.own_leader).get(reverse("certificates_issued")).text


def test_hr_s_list_with_a_state_does_not_grow_in_queries(cast, kinds, private, sign_in, django_assert_max_num_queries):
    for _ in range(8):
        services.suspend(certificate=services.issue(completion=a_completion(cast.learner), at=NOON), by=cast.hr, reason="x", at=NOON)
    client = sign_in(cast.hr)
    with django_assert_max_num_queries(11):
        assert client.get(reverse("certificates_issued"), {"state": "suspended"}).text.count("certificate-number") == 8


def test_no_fact_of_a_certificate_is_touched_by_what_becomes_of_it(cast, certificate, second):
    before = Certificate.objects.filter(pk=certificate.pk).values().get()
    services.suspend(certificate=certificate, by=cast.hr, reason="x", at=NOON)
    end(cast, certificate, corrections={"person_name": "张晓明"})
    assert Certificate.objects.filter(pk=certificate.pk).values().get() == before
