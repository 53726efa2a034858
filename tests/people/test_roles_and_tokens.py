"""Roles by hand, roles by duty, who is told; API tokens."""

from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from core.errors import Refused
from people.models import ApiToken, Person, Role, RoleGrant
from people.permissions import has_role
from people.services import roles, tokens
from people.signals import role_granted, role_withdrawn
from tests.cast import NOON

DAY = date(2026, 6, 15)


def test_granting_twice_leaves_one_grant_and_each_act_is_told_once(cast):
    told = []

    def listen(sender, grant, **kwargs):
        told.append((grant.role, grant.ends_on))

    role_granted.connect(listen)
    role_withdrawn.connect(listen)
    try:
        first = roles.grant(person=cast.learner, role="trainer", unit=cast.county, by=cast.admin, on=DAY)
        assert roles.grant(person=cast.learner, role="trainer", unit=cast.county, by=cast.admin, on=DAY) == first
        roles.withdraw(grant=first, by=cast.admin, on=DAY)
        roles.withdraw(grant=first, by=cast.admin, on=DAY)
    finally:
        role_granted.disconnect(listen)
        role_withdrawn.disconnect(listen)
    assert told == [("trainer", None), ("trainer", DAY)]
    assert not has_role(Person.objects.get(pk=cast.learner.pk), Role.TRAINER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"role": "learner"}, "role_unknown"),
        ({"unit": "other_county"}, "out_of_reach"),
        ({"person": "stranger"}, "person_elsewhere"),
        ({"by": "hr"}, "out_of_reach"),
        ({"person": "auditor", "role": "administrator"}, "roles_exclude"),
        ({"person": "admin", "role": "auditor"}, "roles_exclude"),
    ],
)
def test_grants_that_are_refused(changes, code, cast):
    given = {"person": "learner", "role": "hr", "unit": "county", "by": "admin"} | changes
    with pytest.raises(Refused) as refusal:
        roles.grant(
            person=getattr(cast, given["person"]),
            role=given["role"],
            unit=getattr(cast, given["unit"]),
            by=getattr(cast, given["by"]),
            on=DAY,
        )
    assert refusal.value.code == code


def test_a_role_that_follows_a_duty_is_not_withdrawn_by_hand(cast):
    roles.sync_with_duties(cast.own_leader, DAY)
    RoleGrant.objects.filter(person=cast.own_leader).update(from_duty="chief")
    with pytest.raises(Refused) as refusal:
        roles.withdraw(grant=cast.own_leader.role_grants.get(), by=cast.admin, on=DAY)
    assert refusal.value.code == "from_duty"


def test_an_administrator_does_not_lock_themselves_out(cast):
    with pytest.raises(Refused) as refusal:
        roles.withdraw(grant=cast.admin.role_grants.get(), by=cast.admin, on=DAY)
    assert refusal.value.code == "own_role"


def test_syncing_many_does_not_grow_in_queries(cast, django_assert_max_num_queries):
    ids = [person.pk for person in cast.people]
    roles.sync_many(ids, on=DAY)
    with django_assert_max_num_queries(8):
        done = roles.sync_many(ids, on=DAY)
    assert (done.opened, done.closed) == (0, 0)


def test_the_gauge_reads_zero_finds_a_gap_and_mends_it(cast):
    roles.sync_many([person.pk for person in cast.people], on=DAY)
    assert roles.gaps(NOON) == []
    cast.other_leader.role_grants.all().delete()
    Person.objects.filter(pk=cast.reviewer.pk).update(status="left")
    found = roles.gaps(NOON)
    assert [gap.what for gap in found] == ["roles of YA10004", "roles of YA10007"]
    for gap in found:
        gap.mend()
    assert roles.gaps(NOON) == [] and cast.other_leader.role_grants.get().from_duty == "chief"


# --- tokens ----------------------------------------------------------------------------------


def made(cast, **more):
    given = {
        "owner": cast.hr,
        "name": "考评系统",
        "scopes": ["completions"],
        "unit": cast.county,
        "expires_at": NOON + timedelta(days=30),
        "at": NOON,
    }
    return tokens.create(**(given | more))


def test_a_token_opens_its_scope_until_it_ends(cast):
    token, key = made(cast)
    assert key not in str(ApiToken.objects.filter(pk=token.pk).values()[0])
    assert tokens.authenticate(key, scope="completions", at=NOON) == token
    assert tokens.authenticate(key, scope="everything", at=NOON) is None
    assert tokens.authenticate(key + "x", scope="completions", at=NOON) is None
    assert tokens.authenticate("", scope="completions", at=NOON) is None
    assert tokens.authenticate(key, scope="completions", at=NOON + timedelta(days=30)) is None
    tokens.revoke(token=token, at=NOON, by=cast.hr)
    assert tokens.authenticate(key, scope="completions", at=NOON) is None


def test_a_token_dies_with_its_owners_role_and_sign_in(cast):
    _token, key = made(cast)
    Person.objects.filter(pk=cast.hr.pk).update(is_active=False)
    assert tokens.authenticate(key, scope="completions", at=NOON) is None
    Person.objects.filter(pk=cast.hr.pk).update(is_active=True)
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=DAY)
    assert tokens.authenticate(key, scope="completions", at=NOON) is None


def test_the_time_of_use_is_written_once_a_minute(cast, django_assert_num_queries):
    token, key = made(cast)
    tokens.authenticate(key, scope="completions", at=NOON)
    with django_assert_num_queries(2):
        tokens.authenticate(key, scope="completions", at=NOON + timedelta(seconds=59))
    token.refresh_from_db()
    assert token.last_used_at == NOON
    tokens.authenticate(key, scope="completions", at=NOON + timedelta(seconds=60))
    token.refresh_from_db()
    assert token.last_used_at == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("changes", [{"scopes": ["all"]}, {"scopes": []}, {"expires_at": NOON}, {"expires_at": NOON + timedelta(days=400)}])
def test_tokens_that_are_refused(changes, cast):
    with pytest.raises(Refused):
        made(cast, **changes)


def test_a_token_reaches_no_further_than_its_owner(cast):
    with pytest.raises(Refused):
        made(cast, unit=cast.other_county)
    with pytest.raises(Refused):
        made(cast, owner=cast.learner)


def test_the_command_makes_lists_and_revokes(cast, capsys):
    call_command("api_token", "create", "--user", "YA10008", "--scope", "completions")
    key = capsys.readouterr().out.strip()
    assert tokens.authenticate(key, scope="completions", at=ApiToken.objects.get().created_at).unit == cast.county
    call_command("api_token", "list")
    listed = capsys.readouterr().out
    assert key[:12] in listed and key not in listed
    call_command("api_token", "revoke", key[:12])
    assert ApiToken.objects.get().revoked_at
    with pytest.raises(CommandError):
        call_command("api_token", "create", "--user", "YA10001", "--scope", "completions")
    with pytest.raises(CommandError):
        call_command("api_token", "create", "--user", "NOBODY", "--scope", "completions")


@pytest.mark.parametrize(
    ("language", "told", "refused"), [("zh-hans", "密钥只显示这一次", "没有工号为“NOBODY”"), ("en", "shown only once", "nobody")]
)
def test_the_command_speaks_the_language_of_the_site(cast, capsys, language, told, refused):
    with translation.override(language):
        call_command("api_token", "create", "--user", "YA10008", "--scope", "completions")
        output = capsys.readouterr()
        assert told in output.err and told not in output.out, "the key stands alone, for scripts"
        with pytest.raises(CommandError, match=refused):
            call_command("api_token", "create", "--user", "NOBODY", "--scope", "completions")


def test_nobody_grants_a_role_to_themselves(cast):
    with pytest.raises(Refused) as refusal:
        roles.grant(person=cast.admin, role=Role.HR, unit=cast.county, by=cast.admin, on=NOON.date())

    assert refusal.value.code == "own_role"
    assert not cast.admin.role_grants.filter(role=Role.HR).exists()
