"""The pages of keys and webhooks: who sees and who acts, what is shown once, what leaves a trace."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from evaluation.models import WebhookCall, WebhookEndpoint
from evaluation.webhooks import delivery, endpoints
from home import waiting
from people.models import ApiToken, Person, RoleGrant
from people.permissions import paths_of
from people.services import tokens
from tests.cast import EVERYBODY, NOON, PASSWORD, grant, person
from tests.evaluation import rows

READERS = ["hr", "auditor", "other_hr"]  # the last has a county of its own, and sees nothing of ours
LONG_AGO = 16 * 60


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def token(cast) -> ApiToken:
    made, key = tokens.create(
        owner=cast.hr, name="县考评系统", scopes=["completions", "hours"], unit=cast.county, expires_at=NOON + timedelta(days=30), at=NOON
    )
    made.key = key
    return made


@pytest.fixture
def bureau_hr(cast) -> Person:
    """HR of the education bureau alone."""
    someone = person("YA30002", "卫人事", cast.bureau)
    grant(someone, "hr", cast.bureau)
    return someone


def key_form(cast, **more) -> dict:
    given = {"name": "县考评系统", "scopes": ["completions"], "unit": cast.bureau.pk, "last_day": "2026-09-30", "form_key": "k1"}
    return given | more


def hook_form(cast, receiver, **more) -> dict:
    return {"url": receiver.url, "events": ["completion.completed"], "unit": cast.bureau.pk, "form_key": "w1"} | more


# The cast on every door


@pytest.mark.parametrize("name", ["api_access", "webhook_list"])
@pytest.mark.parametrize("who", EVERYBODY)
def test_hr_and_the_auditor_see_the_lists_of_their_county_and_nobody_else_any(cast, token, hook, sign_in, name, who):
    page = sign_in(getattr(cast, who)).get(reverse(name))
    assert page.status_code == (200 if who in READERS else 403)
    told = "县考评系统" if name == "api_access" else hook.url
    assert (told in page.text) is (who in {"hr", "auditor"})
    assert token.key not in page.text and hook.secret not in page.text and hook.nonce not in page.text
    if page.status_code == 200:
        assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(("name", "asked"), [("api_access", "请为每个"), ("webhook_list", "请登记其地址")])
def test_an_empty_list_asks_only_those_who_may_to_fill_it(cast, sign_in, name, asked):
    assert asked in sign_in(cast.hr).get(reverse(name)).text
    page = sign_in(cast.auditor).get(reverse(name)).text
    assert asked not in page and "您可以在此查看" in page


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_hr_makes_and_registers(cast, sign_in, receiver, inside, who):
    visitor = sign_in(getattr(cast, who))
    allowed = who in {"hr", "other_hr"}
    for name in ("token_new", "webhook_new"):
        assert visitor.get(reverse(name)).status_code == (200 if allowed else 403)
    made = visitor.post(reverse("token_new"), key_form(cast))
    told = visitor.post(reverse("webhook_new"), hook_form(cast, receiver))
    assert {made.status_code, told.status_code} == ({200} if who == "hr" else {422} if allowed else {403})
    assert ApiToken.objects.exists() is WebhookEndpoint.objects.exists() is (who == "hr")


@pytest.mark.parametrize("who", EVERYBODY)
def test_only_hr_over_the_unit_ends_and_acts(cast, token, hook, sign_in, who):
    visitor, seen = sign_in(getattr(cast, who)), 200 if who in {"hr", "auditor"} else 404
    assert visitor.get(reverse("webhook", args=[hook.pk])).status_code == seen
    doors = [
        reverse("token_revoke", args=[token.pk]),
        reverse("webhook_replay", args=[hook.pk]),
        reverse("webhook_tell_again", args=[hook.pk, 1]),
        *(reverse("webhook_act", args=[hook.pk, act]) for act in ("stop", "start", "rotate", "close")),
    ]
    expected = {200, 302, 422} if who == "hr" else {403} if who == "auditor" else {404}
    assert {visitor.post(door).status_code for door in doors} <= expected
    token.refresh_from_db()
    hook.refresh_from_db()
    assert (token.revoked_at is not None) is (hook.closed_at is not None) is (who == "hr")


@pytest.mark.parametrize("name", ["api_access", "token_new", "webhook_list", "webhook_new"])
def test_signed_out_goes_to_the_sign_in(client, cast, name):
    response = client.get(reverse(name))
    assert response.status_code == 302 and "login" in response["Location"]


def test_hr_of_a_bureau_sees_what_reaches_into_it_and_no_more(cast, token, hook, sign_in, bureau_hr):
    tokens.create(owner=bureau_hr, name="教体局大屏", scopes=["hours"], unit=cast.section, expires_at=NOON + timedelta(days=9), at=NOON)
    page = sign_in(bureau_hr).get(reverse("api_access")).text
    assert "教体局大屏" in page and "县考评系统" not in page
    assert sign_in(bureau_hr).get(reverse("token_revoke", args=[token.pk])).status_code == 404
    assert sign_in(bureau_hr).get(reverse("webhook", args=[hook.pk])).status_code == 404
    assert "教体局大屏" in sign_in(cast.hr).get(reverse("api_access")).text
    units = sign_in(bureau_hr).get(reverse("token_new")).context["form"].fields["unit"].queryset
    assert [unit.code for unit in units] == [cast.bureau.code, cast.section.code]
    refused = sign_in(bureau_hr).post(reverse("token_new"), key_form(cast, unit=cast.county.pk))
    assert refused.status_code == 422 and ApiToken.objects.count() == 2


def test_the_auditor_finds_no_button(cast, token, hook, sign_in):
    for name, args in [("api_access", []), ("webhook_list", []), ("webhook", [hook.pk])]:
        page = sign_in(cast.auditor).get(reverse(name, args=args)).text
        main = page.partition("<main")[2].partition("</main>")[0]
        assert "<form" not in main and "/revoke/" not in main and "btn-primary" not in main


# Keys


def test_a_key_is_shown_once_and_opens_what_was_chosen(cast, sign_in, client):
    page = sign_in(cast.hr).post(reverse("token_new"), key_form(cast))
    token = ApiToken.objects.get()
    key = page.context["key"]
    assert page.status_code == 200 and page.text.count(key) == 1 and "no-store" in page["Cache-Control"]
    assert "Authorization: Bearer ‹密钥›</code>" in page.text and f"Bearer {token.prefix}" not in page.text, (
        "nothing to copy that gives 401"
    )
    assert (
        token.scopes == ["completions"]
        and token.unit == cast.bureau
        and token.expires_at == clock.end_of(clock.today(token.expires_at) - timedelta(days=1))
    )
    assert client.get("/api/v1/completions", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    for name, args in [("api_access", []), ("token_revoke", [token.pk])]:
        assert key not in client.get(reverse(name, args=args)).text
    assert key not in str(ModelLogEntry.objects.values_list("data", flat=True))


def test_the_same_form_sent_again_makes_no_second_key_and_shows_none(cast, sign_in):
    visitor = sign_in(cast.hr)
    key = visitor.post(reverse("token_new"), key_form(cast)).context["key"]
    again = visitor.post(reverse("token_new"), key_form(cast))
    assert again.status_code == 422 and "已经提交" in again.text and key not in again.text
    assert ApiToken.objects.count() == 1
    assert visitor.post(reverse("token_new"), key_form(cast, form_key="k2")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"scopes": []}, {"scopes": ["everything"]}, {"last_day": "2026-06-14"}, {"last_day": "2027-06-16"}, {"name": " "}, {"unit": 0}],
)
def test_a_key_that_makes_no_sense_is_refused_with_what_was_typed(cast, sign_in, wrong):
    page = sign_in(cast.hr).post(reverse("token_new"), key_form(cast, **wrong))
    assert page.status_code == 422 and "error-summary" in page.text and not ApiToken.objects.exists()


def test_the_last_day_of_a_year_is_offered_and_taken(cast, sign_in):
    assert sign_in(cast.hr).post(reverse("token_new"), key_form(cast, last_day="2027-06-15")).status_code == 200


def test_a_revoked_key_is_turned_away_and_the_trace_says_by_whom(cast, token, sign_in, client):
    visitor = sign_in(cast.hr)
    assert visitor.get(reverse("token_revoke", args=[token.pk])).status_code == 200
    token.refresh_from_db()
    assert token.revoked_at is None  # looking ends nothing
    assert visitor.post(reverse("token_revoke", args=[token.pk])).status_code == 302
    assert client.get("/api/v1/completions", headers={"Authorization": f"Bearer {token.key}"}).status_code == 401
    assert ModelLogEntry.objects.get(action="people.token_revoked").user == cast.hr
    assert "县考评系统" not in visitor.get(reverse("api_access")).text.partition("<table")[2]
    assert "已撤销" in visitor.get(reverse("api_access") + "?show=all").text


def test_a_service_revokes_for_its_owner_and_hr_over_the_unit_alone(cast, token, bureau_hr):
    for who in (cast.auditor, cast.admin, cast.other_hr, bureau_hr):
        with pytest.raises(Refused) as refusal:
            tokens.revoke(token=token, by=who, at=NOON)
        assert refusal.value.code == "out_of_reach"
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    assert tokens.revoke(token=token, by=Person.objects.get(pk=cast.hr.pk), at=NOON).revoked_at == NOON


@pytest.mark.parametrize("loss", ["role", "sign_in"])
def test_the_list_says_of_a_key_whose_owner_lost_the_role_that_it_is_not_in_force(cast, token, sign_in, loss):
    if loss == "role":
        RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    else:
        Person.objects.filter(pk=cast.hr.pk).update(is_active=False)
    assert "不生效" in sign_in(cast.auditor).get(reverse("api_access")).text
    assert tokens.authenticate(token.key, scope="hours", at=NOON) is None


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("where", ["county", "section", "other_county"])
def test_what_the_list_says_of_a_key_is_what_the_rule_says(cast, token, who, where):
    someone, unit = getattr(cast, who), getattr(cast, where)
    ApiToken.objects.update(owner=someone, unit=unit)
    assert ApiToken.objects.with_reach().get().is_held is tokens.may_hold(someone, unit)


def test_the_lists_do_not_grow_in_queries(cast, token, hook, sign_in, django_assert_max_num_queries):
    visitor = sign_in(cast.hr)
    addresses = [reverse("api_access"), reverse("webhook_list"), reverse("webhook", args=[hook.pk])]
    WebhookCall.objects.create(endpoint=hook, change=1, event="completion.completed", status=200, milliseconds=3, at=NOON)
    visitor.get(addresses[0])
    few = []
    for address in addresses:
        with CaptureQueriesContext(connection) as taken:
            visitor.get(address)
        few.append(len(taken))
    for n in range(2, 14):
        other = person(f"YA31{n:03}", f"人事{n}", cast.bureau)
        grant(other, "hr", cast.bureau)
        tokens.create(owner=other, name=f"程序{n}", scopes=["hours"], unit=cast.bureau, expires_at=NOON + timedelta(days=9), at=NOON)
        made, _secret = endpoints.register(owner=other, unit=cast.bureau, url=hook.url, events=["period.step"], at=NOON)
        for endpoint in (hook, made):
            WebhookCall.objects.create(endpoint=endpoint, change=n, event="completion.completed", status=500, milliseconds=3, at=NOON)
    for address, most in zip(addresses, few, strict=True):
        with django_assert_max_num_queries(most):
            assert visitor.get(address).status_code == 200


# Webhooks


def test_a_webhook_is_registered_with_a_secret_shown_once(cast, course, receiver, inside, sign_in):
    visitor = sign_in(cast.hr)
    page = visitor.post(reverse("webhook_new"), hook_form(cast, receiver))
    made, secret = WebhookEndpoint.objects.get(), page.context["secret"]
    assert secret.startswith("whsec_") and page.text.count(secret) == 1 and "no-store" in page["Cache-Control"]
    assert secret not in visitor.get(reverse("webhook", args=[made.pk])).text
    again = visitor.post(reverse("webhook_new"), hook_form(cast, receiver))
    assert again.status_code == 422 and "已经提交" in again.text and WebhookEndpoint.objects.count() == 1
    rows.complete(cast.learner, course)
    assert delivery.deliver(made.pk, at=NOON) == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "https://10.1.2.3/"}, "内部"),
        ({"url": "ftp://example.com/"}, "https://"),
        ({"url": "https://" + "a" * 500}, "500"),
        ({"events": []}, "至少"),
        ({"events": ["all"]}, "all"),
    ],
)
def test_an_address_by_form_obeys_the_rules_of_the_command(cast, receiver, inside, sign_in, wrong, says):
    page = sign_in(cast.hr).post(reverse("webhook_new"), hook_form(cast, receiver, **wrong))
    assert page.status_code == 422 and says in page.text.partition("error-summary")[2] and not WebhookEndpoint.objects.exists()


def test_the_log_says_what_became_of_each_change(cast, course, receiver, hook, sign_in):
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    receiver.answers += [500, 200, 503]
    delivery.deliver(hook.pk, at=NOON)
    delivery.deliver(hook.pk, at=NOON + timedelta(minutes=1))
    page = sign_in(cast.auditor).get(reverse("webhook", args=[hook.pk]))
    newest, oldest = page.context["told"]
    assert (oldest.attempts, oldest.last.status, oldest.waits) == (2, 200, False)
    assert (newest.attempts, newest.last.status, newest.waits) == (1, 503, True)
    assert page.context["waiting"] == 1 and "待重发" in page.text and "失败中" in page.text


def test_a_long_log_is_read_page_by_page(cast, hook, sign_in):
    for change in range(1, 70):
        WebhookCall.objects.create(endpoint=hook, change=change, event="completion.completed", status=200, milliseconds=3, at=NOON)
    visitor, address, seen = sign_in(cast.hr), reverse("webhook", args=[hook.pk]), []
    page = visitor.get(address)
    while True:
        seen += [one.change for one in page.context["told"]]
        if page.context["older"] is None:
            break
        page = visitor.get(address, {"before": page.context["older"]})
    assert seen == list(range(69, 0, -1))
    assert visitor.get(address, {"before": "x" * 30}).status_code == visitor.get(address, {"before": "9" * 40}).status_code == 200


def test_stopped_it_waits_and_started_it_is_told_of_all_that_happened_meanwhile(cast, course, receiver, hook, sign_in):
    visitor = sign_in(cast.hr)
    visitor.post(reverse("webhook_act", args=[hook.pk, "stop"]))
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    assert delivery.deliver(hook.pk, at=NOON) == 0
    page = visitor.get(reverse("webhook", args=[hook.pk]))
    assert "已停止" in page.text
    visitor.post(reverse("webhook_act", args=[hook.pk, "start"]))
    assert delivery.deliver(hook.pk, at=NOON) == 2
    visitor.post(reverse("webhook_act", args=[hook.pk, "close"]))
    rows.complete(cast.other_leader, course)
    for act in ("start", "stop", "rotate"):
        visitor.post(reverse("webhook_act", args=[hook.pk, act]))
    with pytest.raises(Refused) as refusal:
        endpoints.replay(endpoint=hook, after=0, by=cast.hr)
    assert refusal.value.code == "closed" and delivery.deliver(hook.pk, at=NOON) == 0 and len(receiver.got) == 2
    assert hook.url not in visitor.get(reverse("webhook_list")).text
    assert hook.url in visitor.get(reverse("webhook_list") + "?show=all").text
    done = ["webhook_made", "webhook_stopped", "webhook_started", "webhook_closed"]
    assert list(ModelLogEntry.objects.order_by("pk").values_list("action", flat=True)) == [f"evaluation.{one}" for one in done]


def test_looking_at_what_an_act_means_does_nothing(cast, hook, sign_in):
    for act in ("stop", "start", "rotate", "close"):
        assert sign_in(cast.hr).get(reverse("webhook_act", args=[hook.pk, act])).status_code == 200
    assert sign_in(cast.hr).get(reverse("webhook_act", args=[hook.pk, "sing"])).status_code == 404
    nonce = hook.nonce
    hook.refresh_from_db()
    assert (hook.disabled_at, hook.closed_at, hook.nonce) == (None, None, nonce)


def test_one_change_is_told_again_and_nothing_else(cast, course, receiver, hook, sign_in):
    for someone in (cast.learner, cast.colleague, cast.other_leader):
        rows.complete(someone, course)
    delivery.deliver(hook.pk, at=NOON)
    ids = [headers["webhook-id"] for _path, headers, _body in receiver.got]
    second = int(ids[1].rpartition("_")[2])
    visitor, door = sign_in(cast.hr), reverse("webhook_tell_again", args=[hook.pk, second])
    visitor.post(door)
    visitor.post(door)  # twice asked for, once told
    assert "待重发" in visitor.get(reverse("webhook", args=[hook.pk])).text
    rows.complete(cast.trainer, course)
    receiver.answers += [500]
    assert delivery.deliver(hook.pk, at=NOON) == 0  # it keeps its place until it is taken
    assert delivery.deliver(hook.pk, at=NOON + timedelta(minutes=1)) == 2
    told = [headers["webhook-id"] for _path, headers, _body in receiver.got]
    assert told[3:5] == [ids[1], ids[1]] and told[5] not in ids and len(told) == 6
    assert delivery.deliver(hook.pk, at=NOON + timedelta(minutes=2)) == 0


@pytest.mark.parametrize(("change", "code"), [("unknown", "not_told"), ("ahead", "not_told"), ("stopped", "stopped")])
def test_a_change_that_cannot_be_told_again_is_refused(cast, course, receiver, hook, change, code):
    rows.complete(cast.learner, course)
    receiver.answers += [500] * (change == "ahead")
    delivery.deliver(hook.pk, at=NOON)
    number = WebhookCall.objects.get().change
    if change == "stopped":
        endpoints.stop(endpoint=hook, by=cast.hr, at=NOON)
    with pytest.raises(Refused) as refusal:
        endpoints.tell_again(endpoint=hook, change=number + 5 * (change == "unknown"), by=cast.hr)
    assert refusal.value.code == code


def test_what_happened_since_a_moment_is_told_again(cast, course, receiver, hook, sign_in):
    for hours, someone in [(0, cast.learner), (1, cast.colleague), (2, cast.other_leader)]:
        rows.complete(someone, course, at=NOON - timedelta(hours=10 - hours))
    delivery.deliver(hook.pk, at=NOON)
    visitor, door = sign_in(cast.hr), reverse("webhook_replay", args=[hook.pk])
    local = clock.local(NOON - timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M")
    assert visitor.post(door, {"moment": local}).status_code == 302
    assert delivery.deliver(hook.pk, at=NOON) == 2
    nothing = visitor.post(door, {"moment": clock.local(NOON - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")})
    assert nothing.status_code == 422 and "尚未通知过" in nothing.text
    assert visitor.post(door, {"moment": clock.local(NOON + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")}).status_code == 422


def test_a_webhook_that_was_given_up_waits_on_the_desk_of_hr_until_somebody_acts(cast, course, receiver, hook, sign_in, bureau_hr):
    rows.complete(cast.learner, course)
    receiver.answers += [410]
    assert waiting.for_person(cast.hr, at=NOON) == []
    delivery.deliver(hook.pk, at=NOON)
    assert [one.url for one in waiting.for_person(cast.hr, at=NOON)] == [reverse("webhook_list")]
    for who in (cast.auditor, cast.admin, cast.other_hr, bureau_hr):
        assert all(one.url != reverse("webhook_list") for one in waiting.for_person(who, at=NOON))
    page = sign_in(cast.hr).get(reverse("webhook_list")).text
    assert "已放弃" in page and "410" in page
    assert "重新启用或关闭" in sign_in(cast.hr).get(reverse("my_learning")).text
    sign_in(cast.hr).post(reverse("webhook_act", args=[hook.pk, "start"]))
    assert waiting.for_person(cast.hr, at=NOON) == [] and delivery.deliver(hook.pk, at=NOON) == 1


def test_a_given_up_webhook_that_is_closed_waits_no_more(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    receiver.answers += [410]
    delivery.deliver(hook.pk, at=NOON)
    endpoints.close(endpoint=hook, by=cast.hr, at=NOON)
    assert waiting.for_person(cast.hr, at=NOON) == [] and WebhookEndpoint.objects.get().state == "closed"


def test_whoever_starts_a_webhook_whose_owner_lost_the_role_becomes_its_owner(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    delivery.deliver(hook.pk, at=NOON)
    assert WebhookEndpoint.objects.get().state == "given_up"
    second = person("YA30003", "蒋人事", cast.county)
    grant(second, "hr", cast.county)
    assert [one.url for one in waiting.for_person(second, at=NOON)] == [reverse("webhook_list")]
    endpoints.start(endpoint=hook, by=second)
    assert WebhookEndpoint.objects.get().owner == second and delivery.deliver(hook.pk, at=NOON) == 1


# Still the same person at the desk?


@pytest.mark.parametrize("act", ["key", "webhook", "rotate", "revoke"])
def test_an_act_long_after_the_sign_in_waits_for_the_password(cast, token, hook, receiver, sign_in, monkeypatch, act):
    monkeypatch.undo()  # the sign-in reads the wall
    receiver_form = hook_form(cast, receiver)
    address, sent, done = {
        "key": (
            reverse("token_new"),
            key_form(cast, last_day=str(clock.today() + timedelta(days=9))),
            lambda: ApiToken.objects.count() == 2,
        ),
        "webhook": (reverse("webhook_new"), receiver_form, lambda: WebhookEndpoint.objects.count() == 2),
        "rotate": (reverse("webhook_act", args=[hook.pk, "rotate"]), {}, lambda: WebhookEndpoint.objects.get().nonce != hook.nonce),
        "revoke": (reverse("token_revoke", args=[token.pk]), {}, lambda: ApiToken.objects.filter(revoked_at=None).count() == 0),
    }[act]
    visitor = sign_in(cast.hr, ago=LONG_AGO)
    assert visitor.get(address).status_code == 200
    answer = visitor.post(address, sent)
    assert answer.status_code == 302 and answer["Location"].startswith(reverse("account_reauthenticate")) and not done()
    shown = visitor.post(answer["Location"], {"password": PASSWORD})
    assert done()
    if act in {"key", "webhook", "rotate"}:
        assert 'id="once"' in shown.text and "no-store" in shown["Cache-Control"]


def test_units_over_which_one_may_hold_a_key_are_those_of_the_one_rule(cast, bureau_hr):
    from evaluation.permissions import units_held
    from people.models import Unit

    for who in [*cast.people, bureau_hr]:
        assert set(units_held(who)) == {unit for unit in Unit.objects.all() if tokens.may_hold(who, unit)}, paths_of(who, ["hr"])
