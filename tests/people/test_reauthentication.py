"""Dangerous acts ask for the password again when the last sign-in is older than a quarter of an hour; nothing typed is lost."""

import pytest
from django.urls import reverse

from certificates import services as certificates
from certificates.models import Certificate, Proposal, StatusEvent
from core import clock
from people.models import ActivationCode, RoleGrant
from tests.cast import PASSWORD, person
from tests.certificates.conftest import second_officer
from tests.factories import complete, make_course

LONG_AGO = 16 * 60


@pytest.fixture
def newcomer(cast):
    someone = person("YA30001", "新同志", cast.section, "staff")
    someone.set_unusable_password()
    someone.save()
    return someone


@pytest.fixture
def paper(cast) -> Certificate:
    certificates.ensure_kinds(cast.county)
    complete(cast.learner, make_course(cast.county, certificate="training"))
    return Certificate.objects.get()


@pytest.fixture
def proposed(cast, paper) -> Proposal:
    """The revocation of a colleague's certificate, which waits for a second officer."""
    completed = complete(cast.colleague, make_course(cast.county, code="P77", certificate="training"))
    certificate = completed.certificates.get()
    return certificates.propose(certificate=certificate, kind="revoke", reason="查实替考", by=cast.hr, at=clock.now())


@pytest.fixture
def acts(cast, newcomer, paper, proposed):
    """name → (who, address, what is sent, whether it was done)."""
    sign_in = reverse("change_sign_in", args=[cast.learner.pk])

    def password_gone():
        cast.learner.refresh_from_db()
        return not cast.learner.has_usable_password()

    return {
        "role": (
            cast.admin,
            reverse("grant_role", args=[cast.learner.pk]),
            {"role": "trainer", "unit": cast.bureau.code},
            lambda: RoleGrant.objects.filter(person=cast.learner, role="trainer", unit=cast.bureau, granted_by=cast.admin).exists(),
        ),
        "codes": (cast.hr, reverse("activation_codes"), {"unit": cast.bureau.code, "as": "sheet"}, ActivationCode.objects.exists),
        "code": (cast.hr, reverse("change_sign_in", args=[newcomer.pk]), {"act": "code"}, ActivationCode.objects.exists),
        "password": (cast.admin, sign_in, {"act": "start_over"}, password_gone),
        "suspension": (
            cast.hr,
            reverse("certificate_suspend", args=[paper.number]),
            {"reason": "接到举报，核查期间暂停"},
            lambda: StatusEvent.objects.filter(kind="suspended", reason="接到举报，核查期间暂停", by=cast.hr).exists(),
        ),
        "revocation": (
            cast.hr,
            reverse("certificate_revoke", args=[paper.number]),
            {"reason": "查实替考，依据：举报核查记录第3号", "confirmed": "on"},
            lambda: Proposal.objects.filter(kind="revoke", reason="查实替考，依据：举报核查记录第3号", by=cast.hr).exists(),
        ),
        "confirmation": (
            second_officer(cast),
            reverse("certificate_proposal", args=[proposed.pk]),
            {"decision": "accept"},
            lambda: StatusEvent.objects.filter(kind="revoked", certificate=proposed.certificate).exists(),
        ),
    }


ACTS = ["role", "codes", "code", "password", "suspension", "revocation", "confirmation"]


@pytest.mark.parametrize("name", ACTS)
def test_an_act_long_after_the_sign_in_waits_for_the_password_and_is_then_carried_out(name, acts, sign_in):
    who, address, sent, is_done = acts[name]
    visitor = sign_in(who, ago=LONG_AGO)
    assert visitor.get(address).status_code in {200, 405}  # looking is free
    answer = visitor.post(address, sent)
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_reauthenticate"))
    assert not is_done()

    wrong = visitor.post(answer["Location"], {"password": "not-it-2026"})
    assert wrong.status_code == 200 and not is_done()

    done = visitor.post(answer["Location"], {"password": PASSWORD})
    assert done.status_code in {200, 302} and is_done()


@pytest.mark.parametrize("name", ACTS)
def test_an_act_soon_after_the_sign_in_asks_for_nothing(name, acts, sign_in):
    who, address, sent, is_done = acts[name]
    answer = sign_in(who, ago=14 * 60).post(address, sent)
    assert "reauthenticate" not in answer.get("Location", "") and is_done()


@pytest.mark.parametrize("name", ACTS)
def test_who_may_not_act_is_not_let_in_by_a_password_either(name, acts, cast, sign_in):
    _who, address, sent, is_done = acts[name]
    visitor = sign_in(cast.colleague, ago=LONG_AGO)
    answer = visitor.post(address, sent)
    if answer.status_code == 302:
        answer = visitor.post(answer["Location"], {"password": PASSWORD})
    assert answer.status_code in {403, 404} and not is_done()


def test_the_password_of_somebody_else_does_not_help(acts, cast, sign_in):
    _who, address, sent, is_done = acts["role"]
    cast.admin.set_password("Another-2026-one")
    cast.admin.save()
    visitor = sign_in(cast.admin, ago=LONG_AGO)
    where = visitor.post(address, sent)["Location"]
    visitor.post(where, {"password": PASSWORD})
    assert not is_done()
    visitor.post(where, {"password": "Another-2026-one"})
    assert is_done()


def test_a_suspended_act_dies_with_the_session(acts, cast, sign_in):
    who, address, sent, is_done = acts["role"]
    visitor = sign_in(who, ago=LONG_AGO)
    where = visitor.post(address, sent)["Location"]
    visitor.logout()
    assert sign_in(who).post(where, {"password": PASSWORD}).status_code == 302
    assert not is_done()


def test_what_a_form_lacks_is_told_after_the_password(acts, cast, sign_in):
    who, address, _sent, is_done = acts["revocation"]
    visitor = sign_in(who, ago=LONG_AGO)
    where = visitor.post(address, {"reason": "查实替考"})["Location"]
    page = visitor.post(where, {"password": PASSWORD})
    assert "查实替考" in page.text and "error-summary" in page.text and not is_done()
