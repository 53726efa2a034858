"""Signing in: the lock-out, those who may not, the second factor, sessions."""

import time

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.urls import reverse

from core import clock
from people.models import Person, RoleGrant
from people.services import accounts
from tests.cast import NOON, PASSWORD

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def fresh_counters(settings):
    settings.CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name} for name in ("default", "local")
    }
    cache.clear()
    yield
    cache.clear()


def enter(client, number, password=PASSWORD, **more):
    return client.post(LOGIN, {"login": number, "password": password, **more})


def code_for(secret, offset=0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + offset))


def with_totp(person) -> str:
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    return secret


def test_a_person_signs_in_by_employee_number_whatever_the_case(cast, client):
    assert enter(client, "ya10001").status_code == 302
    assert client.get(reverse("my_account")).context["me"] == cast.learner


@pytest.mark.parametrize("typed", ["ＹＡ１０００１", "ｙａ１０００１　", " YA１0001"])
def test_a_number_in_full_width_signs_is_the_same_number(typed, cast, client):
    assert enter(client, typed).status_code == 302
    assert client.get(reverse("my_account")).context["me"] == cast.learner


def test_a_number_in_full_width_signs_counts_for_the_same_lock(cast, client):
    for _try in range(5):
        enter(client, "ＹＡ１０００１", "Wrong-2031")
    assert "10" in str(enter(client, "YA10001").context["form"].errors)


def test_an_account_begins_with_number_and_code_in_full_width_signs(cast, client):
    Person.objects.filter(pk=cast.learner.pk).update(password="!")
    (made,) = accounts.make_codes(people=[Person.objects.get(pk=cast.learner.pk)], by=cast.admin, at=clock.now())
    wide = str.maketrans({chr(sign): chr(sign + 0xFEE0) for sign in range(0x21, 0x7F)})
    data = {
        "employee_number": "ＹＡ１０００１",
        "code": made.code.translate(wide),
        "password1": "Caoping-2031",
        "password2": "Caoping-2031",
    }
    assert client.post(reverse("activate"), data).status_code == 302
    assert enter(client, "YA10001", "Caoping-2031").status_code == 302


def test_the_page_does_not_tell_whether_the_number_exists(cast, client):
    wrong = enter(client, "YA10001", "Wrong-2031").context["form"].errors
    unknown = enter(client, "YA99999", "Wrong-2031").context["form"].errors
    assert wrong == unknown and wrong


def test_five_failures_lock_the_account_and_the_message_says_how_long(cast, client):
    for _try in range(5):
        assert enter(client, "YA10001", "Wrong-2031").status_code == 200
    answer = enter(client, "YA10001")
    text = answer.content.decode()
    assert answer.status_code == 200 and "10" in str(answer.context["form"].errors), "the right password does not help now"
    assert not answer.wsgi_request.user.is_authenticated and "10" in text
    assert enter(client, "YA10002").status_code == 302, "others from the same office come in"


def test_an_unknown_number_is_locked_just_the_same(cast, client):
    for _try in range(5):
        enter(client, "YA99999", "Wrong-2031")
    assert "10" in str(enter(client, "YA99999").context["form"].errors)


def test_five_wrong_activation_codes_lock_as_well(cast, client):
    data = {"employee_number": "YA10001", "code": "AAAA-AAAA-AAAA", "password1": "Caoping-2031", "password2": "Caoping-2031"}
    for _try in range(5):
        assert client.post(reverse("activate"), data).status_code == 422
    assert client.post(reverse("activate"), data).status_code == 429


@pytest.mark.parametrize("change", [{"is_active": False}, {"status": "left"}, {"status": "retired"}])
def test_whoever_was_stopped_or_has_left_does_not_come_in(change, cast, client):
    Person.objects.filter(pk=cast.learner.pk).update(**change)
    answer = enter(client, "YA10001")
    assert answer.status_code == 302 and answer["Location"] == reverse("account_inactive")
    assert client.get(reverse("my_account")).status_code == 302
    assert client.get(answer["Location"]).status_code == 200


def test_stopping_sign_in_ends_open_sessions(cast, client):
    enter(client, "YA10001")
    assert client.get(reverse("my_account")).status_code == 200
    accounts.stop_sign_in(person=cast.learner, by=cast.admin, at=NOON)
    assert client.get(reverse("my_account")).status_code == 302


def test_password_rules_stand_on_the_page_before_anybody_types(cast, sign_in, client):
    assert "8" in client.get(reverse("activate")).content.decode()
    assert "8" in sign_in(cast.learner).get(reverse("account_change_password")).content.decode()


@pytest.mark.parametrize("password", ["short1A", "alllettersonly", "password123", "YA10001-ya"])
def test_weak_passwords_are_refused(password, cast, client):
    enter(client, "YA10001")
    answer = client.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": password, "password2": password})
    assert answer.status_code == 200 and answer.context["form"].errors
    cast.learner.refresh_from_db()
    assert cast.learner.check_password(PASSWORD)


def test_other_sessions_can_be_ended(cast, client, django_user_model):
    from django.test import Client

    other = Client()
    enter(other, "YA10001")
    enter(client, "YA10001")
    page = client.get(reverse("usersessions_list"))
    assert page.context["session_count"] == 2
    client.post(reverse("usersessions_list"))
    assert client.get(reverse("my_account")).status_code == 200
    assert other.get(reverse("my_account")).status_code == 302


def test_the_list_of_sessions_takes_as_many_queries_for_twelve_as_for_two(cast, client):
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    def asked():
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("usersessions_list"))
        return page.context["session_count"], len(queries)

    enter(Client(), "YA10001")
    enter(client, "YA10001")
    asked()
    few, queries = asked()
    for _device in range(10):
        enter(Client(), "YA10001")
    assert asked() == (few + 10, queries)


def test_sessions_that_are_over_are_neither_listed_nor_kept(cast, client):
    from allauth.usersessions.models import UserSession
    from django.contrib.sessions.models import Session
    from django.test import Client

    others = [Client() for _device in range(3)]
    for other in others:
        enter(other, "YA10001")
    ended, ran_out, old_password = others
    Session.objects.filter(session_key=ended.session.session_key).delete()
    Session.objects.filter(session_key=ran_out.session.session_key).update(expire_date="2020-01-01T00:00:00Z")
    content = old_password.session
    content["_auth_user_hash"] = "of another password"
    content.save()
    enter(client, "YA10001")
    UserSession.objects.create(user=cast.learner, session_key="forgotten", ip="10.0.0.1", user_agent="x")

    page = client.get(reverse("usersessions_list"))

    assert [each.session_key for each in page.context["sessions"]] == [client.session.session_key]
    assert UserSession.objects.filter(user=cast.learner).count() == 1


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/signup/",
        "/accounts/email/",
        "/accounts/confirm-email/x/",
        "/accounts/password/reset/key/1-x/",
        "/admin/login/?next=/admin/",
        "/admin/password_reset/",
    ],
)
def test_doors_that_have_no_place_here_lead_to_ours(address, cast, client):
    answer = client.get(address)
    assert answer.status_code == 302 and answer["Location"].split("?")[0] in {LOGIN, "/account/", "/accounts/password/reset/"}


def test_wagtails_own_sign_in_takes_nobody_in(cast, client):
    client.post("/admin/login/", {"username": "YA10009", "password": PASSWORD})
    assert client.get(reverse("my_account")).status_code == 302


def test_wagtails_user_management_is_closed_even_to_superusers(cast, sign_in):
    Person.objects.filter(pk=cast.admin.pk).update(is_superuser=True)
    visitor = sign_in(cast.admin)
    for address in (
        "/admin/users/",
        "/admin/users/new/",
        f"/admin/users/edit/{cast.hr.pk}/",
        f"/admin/bulk/people/person/delete/?id={cast.hr.pk}",
    ):
        assert visitor.get(address)["Location"] == reverse("person_list")
    assert '"/admin/users/"' not in visitor.get("/admin/").content.decode()


def test_the_way_back_is_told_without_signing_in(cast, client):
    assert client.get(reverse("forgotten_password")).status_code == 200


# --- the second factor -----------------------------------------------------------------------

GUARDED = ["/people/", "/account/", "/admin/", "/people/import/", "/documents/1/x.pdf"]


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


@pytest.mark.parametrize("who", ["hr", "admin", "auditor", "own_leader", "reviewer", "trainer"])
def test_power_over_records_needs_a_second_factor_on_every_door(who, cast, client, required):
    enter(client, getattr(cast, who).employee_number)
    for address in GUARDED:
        answer = client.get(address)
        assert answer.status_code == 302 and answer["Location"].startswith(reverse("mfa_activate_totp")), address
    assert client.post("/people/import/").status_code == 302


def test_a_learner_is_not_asked(cast, client, required):
    enter(client, cast.learner.employee_number)
    assert client.get("/account/").status_code == 200


def test_setting_it_up_opens_the_doors_and_the_next_sign_in_asks_for_the_code(cast, client, required, monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act, *args, **kwargs: act())  # the test itself is one transaction
    enter(client, cast.hr.employee_number)
    again = client.get(reverse("mfa_activate_totp"))["Location"]
    assert again.startswith(reverse("account_reauthenticate")) and client.get(again).status_code == 200
    client.post(again, {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    assert "data:image/svg+xml" in page.content.decode()
    done = client.post(reverse("mfa_activate_totp"), {"code": code_for(page.context["form"].secret)})
    assert done.status_code == 302, done.context["form"].errors
    assert client.get("/people/").status_code == 200
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    assert len(codes) == 10
    client.post(reverse("account_logout"))

    answer = enter(client, cast.hr.employee_number)
    assert answer["Location"] == reverse("mfa_authenticate")
    assert client.get("/people/").status_code == 302, "the password alone opens nothing"
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    client.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert client.get("/people/").status_code == 200


def test_an_older_session_without_the_code_is_asked_for_it(cast, client, required):
    enter(client, cast.hr.employee_number)
    secret = with_totp(cast.hr)  # set up on another machine
    answer = client.get("/people/")
    assert answer["Location"].startswith(reverse("mfa_reauthenticate"))
    assert client.get(answer["Location"]).status_code == 200
    client.post(answer["Location"], {"code": code_for(secret)})
    assert client.get("/people/").status_code == 200


def test_a_made_up_session_flag_does_not_help(cast, client, required):
    enter(client, cast.hr.employee_number)
    session = client.session
    session["second_factor"] = True
    session.save()
    assert client.get("/people/").status_code == 302


def test_a_session_at_the_api_is_held_to_the_same_rule(cast, client, required):
    enter(client, cast.hr.employee_number)
    answer = client.get("/api/v1/completions")
    if answer.status_code == 404 and "json" not in answer.get("Content-Type", ""):
        pytest.skip("the API is not mounted")
    assert answer.status_code == 403 and answer["Content-Type"] == "application/problem+json"


def test_the_powerful_cannot_take_their_second_factor_off(cast, client, required):
    secret = with_totp(cast.hr)
    enter(client, cast.hr.employee_number)
    client.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_deactivate_totp"))
    client.post(reverse("mfa_deactivate_totp"))
    assert page.status_code == 200 and Authenticator.objects.filter(user=cast.hr, type="totp").exists()
    assert not get_adapter().can_delete_authenticator(Authenticator.objects.get(user=cast.hr, type="totp"))


def test_who_gains_power_is_asked_from_the_next_page_on(cast, client, required):
    from people.services import roles
    from tests.cast import SINCE

    enter(client, cast.learner.employee_number)
    assert client.get("/account/").status_code == 200
    roles.grant(person=cast.learner, role="hr", unit=cast.county, by=cast.admin, on=SINCE)
    assert client.get("/account/").status_code == 302


@pytest.mark.parametrize("role", ["hr", "reviewer", "auditor"])
def test_an_administrator_of_one_bureau_opens_no_account_that_has_power_beyond_it(cast, role):
    from tests.cast import grant

    grant(cast.learner, role, cast.county)
    grant(cast.own_leader, "administrator", cast.bureau)
    with_totp(cast.learner)
    acts = (accounts.start_over, accounts.remove_second_factor, accounts.stop_sign_in, accounts.allow_sign_in)
    for act in acts:
        with pytest.raises(accounts.Refused) as refusal:
            act(person=cast.learner, by=cast.own_leader, at=NOON)
        assert refusal.value.code == "power_beyond"
    cast.learner.set_unusable_password()
    cast.learner.save()
    assert accounts.make_codes(people=[cast.learner], by=cast.own_leader, at=NOON) == []
    assert accounts.make_codes(people=[cast.learner], by=cast.admin, at=NOON)

    RoleGrant.objects.filter(person=cast.learner).update(unit=cast.bureau)
    assert accounts.remove_second_factor(person=cast.learner, by=cast.own_leader, at=NOON) == 1


def test_a_lost_phone_is_taken_off_by_an_administrator_alone(cast):
    with_totp(cast.hr)
    with pytest.raises(accounts.Refused):
        accounts.remove_second_factor(person=cast.hr, by=cast.other_hr, at=NOON)
    assert accounts.remove_second_factor(person=cast.hr, by=cast.admin, at=NOON) == 1
    assert not Authenticator.objects.filter(user=cast.hr).exists()


# ---- what ends, ends at the next page -----------------------------------------------------


def test_a_session_that_ran_out_or_was_taken_away_is_over(cast, client):
    from django.contrib.sessions.models import Session

    for end in (lambda found: found.update(expire_date=clock.now()), lambda found: found.delete()):
        enter(client, "YA10001")
        assert client.get(reverse("my_account")).status_code == 200
        end(Session.objects.filter(session_key=client.session.session_key))
        assert client.get(reverse("my_account")).status_code == 302


def test_who_may_no_longer_sign_in_is_out_though_the_session_stands(cast, client):
    enter(client, "YA10001")
    assert client.get(reverse("my_account")).status_code == 200
    Person.objects.filter(pk=cast.learner.pk).update(is_active=False)
    assert client.get(reverse("my_account")).status_code == 302


def test_a_new_password_ends_the_other_sessions(cast, client):
    enter(client, "YA10001")
    cast.learner.set_password("Another-2031-cast")
    cast.learner.save()
    assert client.get(reverse("my_account")).status_code == 302


def test_a_role_that_ended_opens_nothing_from_the_next_page_on(cast, sign_in):
    browser, records = sign_in(cast.auditor), f'href="{reverse("records")}"'
    assert records in browser.get(reverse("my_account")).content.decode()
    RoleGrant.objects.filter(person=cast.auditor).update(ends_on=clock.today())
    assert records not in browser.get(reverse("my_account")).content.decode()
    assert browser.get(reverse("records")).status_code == 403


def test_a_changed_name_shows_on_the_next_page(cast, sign_in):
    browser = sign_in(cast.learner)
    assert "张小明" in browser.get(reverse("my_account")).content.decode()
    Person.objects.filter(pk=cast.learner.pk).update(name="张大明")
    assert "张小明" not in browser.get(reverse("my_account")).content.decode()


def test_no_rule_and_no_refusal_of_a_password_says_你(cast):
    told = [*password_validators_help_texts()]
    for weak in ("12345678", "zhangxiaoming", "张小明-YA10001", "password", "a"):
        with pytest.raises(ValidationError) as refused:
            validate_password(weak, cast.learner)
        told += refused.value.messages
    assert any("您" in words for words in told) and not [words for words in told if "你" in words]
