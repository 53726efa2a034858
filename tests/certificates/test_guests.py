"""A guest of another county holds a certificate: its issuer answers for it and sees nothing else; the guest's own county sees it too."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from certificates import services
from certificates.models import Certificate, Proposal, State
from core import clock
from people.models import ReadingOfOthers
from tests.cast import EVERYBODY, NOON, grant, person
from tests.certificates.conftest import a_completion
from tests.certificates.test_standing import TODAY

HOLDER, OFFICERS = "stranger", {"hr", "other_hr"}
FILES = ["certificate", "certificate_pdf", "certificate_image", "certificate_badge", "certificate_proof"]
ACTS = ["certificate_suspend", "certificate_restore", "certificate_revoke", "certificate_replace"]


@pytest.fixture
def guest(cast, kinds, private) -> Certificate:
    """Somebody of the other county has taken a course of the county."""
    return services.issue(completion=a_completion(cast.stranger, county=cast.county), at=NOON)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_holder_and_hr_of_both_counties_see_it_nobody_else_does(cast, guest, who):
    someone = getattr(cast, who)
    assert Certificate.objects.visible_to(someone).filter(pk=guest.pk).exists() == (who in OFFICERS | {HOLDER})


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", FILES)
def test_they_open_its_page_and_files_and_reading_is_logged(cast, guest, sign_in, who, door):
    if door == "certificate_proof":
        services.chain(at=NOON)
        services.publish_roots(at=NOON + timedelta(days=1))
    response = sign_in(getattr(cast, who)).get(reverse(door, args=[guest.number]))
    assert response.status_code == (200 if who in OFFICERS | {HOLDER} else 404), door
    assert ReadingOfOthers.objects.filter(reader=getattr(cast, who), subject=cast.stranger).exists() == (who in OFFICERS)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
@pytest.mark.parametrize("door", ACTS)
def test_hr_of_both_counties_gets_to_the_acts(cast, guest, sign_in, who, door):
    if door == "certificate_restore":
        services.suspend(certificate=guest, by=cast.hr, reason="x", at=NOON)
    response = sign_in(getattr(cast, who)).get(reverse(door, args=[guest.number]))
    assert response.status_code == (200 if who in OFFICERS else 403 if who == HOLDER else 404)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_services_let_the_same_pass(cast, guest, who):
    someone = getattr(cast, who)
    if who in OFFICERS:
        services.suspend(certificate=guest, by=someone, reason="核查", at=NOON)
        assert guest.state_on(TODAY) == State.SUSPENDED
        return
    with pytest.raises(PermissionDenied):
        services.suspend(certificate=guest, by=someone, reason="核查", at=NOON)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_proposal_of_the_one_county_is_the_other_s_to_decide(cast, guest, sign_in, who):
    proposal = services.propose(certificate=guest, kind="revoke", reason="查实替考", by=cast.hr, at=NOON)
    client, page = sign_in(getattr(cast, who)), reverse("certificate_proposal", args=[proposal.pk])
    assert client.get(page).status_code == (200 if who in OFFICERS else 404)
    assert Proposal.objects.waiting_for(getattr(cast, who)).exists() == (who == "other_hr")
    if who == "hr":
        assert cast.other_hr.name in client.get(page).text and "没有第二位" not in client.get(page).text
    client.post(page, {"decision": "accept"})
    assert (guest.state_on(clock.today()) == State.REVOKED) == (who == "other_hr")


def test_hr_of_the_issuing_county_finds_it_by_what_is_on_the_paper_alone(cast, guest, certificate, sign_in):
    client, address = sign_in(cast.hr), reverse("certificates_issued")

    def found(query):
        return {row[0].pk for row in client.get(address, {"q": query}).context["rows"]}

    assert found("") == {guest.pk, certificate.pk}
    assert found(guest.number) == found(cast.stranger.name) == {guest.pk}
    assert found(cast.stranger.employee_number) == set()
    assert found(cast.learner.employee_number) == {certificate.pk}
    own = sign_in(cast.other_hr).get(address, {"q": cast.stranger.employee_number})
    assert [row[0].pk for row in own.context["rows"]] == [guest.pk]


def test_hr_of_the_issuing_county_sees_nothing_else_of_the_guest(cast, guest, sign_in):
    services.ensure_kinds(cast.other_county)
    elsewhere = services.issue(completion=a_completion(cast.stranger), at=NOON)
    client = sign_in(cast.hr)
    assert elsewhere not in Certificate.objects.visible_to(cast.hr)
    assert client.get(reverse("certificate", args=[elsewhere.number])).status_code == 404
    assert client.get(reverse("learning_file", args=[cast.stranger.pk])).status_code == 404
    assert client.get(reverse("person", args=[cast.stranger.pk])).status_code == 404
    page = client.get(reverse("certificate", args=[guest.number])).text
    assert cast.stranger.employee_number not in page and elsewhere.number not in page
    assert reverse("learning_file", args=[cast.stranger.pk]) not in page
    soon = client.get(reverse("certificates_running_out"), {"days": 800})
    assert soon.status_code == 200 and guest.number not in soon.text
    records = client.get(reverse("records"))
    assert records.status_code == 200 and cast.stranger.name not in records.text


def test_hr_of_a_part_of_the_issuing_county_sees_no_guest(cast, guest, sign_in):
    part = person("YA20001", "部门人事", cast.section)
    grant(part, "hr", cast.bureau)
    assert guest not in Certificate.objects.visible_to(part)
    assert sign_in(part).get(reverse("certificate", args=[guest.number])).status_code == 404


def test_one_s_own_certificate_from_the_other_county_stays_one_s_own(cast, kinds, private, sign_in):
    own = services.issue(completion=a_completion(cast.other_hr, county=cast.county), at=NOON)
    services.propose(certificate=own, kind="revoke", reason="查实替考", by=cast.hr, at=NOON)
    assert not Proposal.objects.visible_to(cast.other_hr).exists()
    assert sign_in(cast.other_hr).get(reverse("certificate_suspend", args=[own.number])).status_code == 409
