"""Webhooks: signed as Standard Webhooks says, told at least once and in order, never to a place inside."""

import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from standardwebhooks import Webhook, WebhookVerificationError

from core import clock
from core.errors import Refused
from evaluation.models import RecordChange, WebhookCall, WebhookEndpoint
from evaluation.webhooks import delivery, endpoints, outbound
from people.models import RoleGrant
from tests.cast import NOON
from tests.evaluation import rows
from tests.evaluation.receiving import ALL


def tell(hook, after=timedelta()) -> int:
    return delivery.deliver(hook.pk, at=NOON + after)


def messages(receiver) -> list[str]:
    return [headers["webhook-id"] for _path, headers, _body in receiver.got]


def test_each_event_is_told_once_signed_and_without_a_word_about_anybody(cast, course, receiver, hook):
    done = rows.complete(cast.learner, course)
    held = rows.certificate(done)
    rows.reverse(done, by=cast.hr)
    assert tell(hook) == 4 and tell(hook) == 0
    told = [Webhook(hook.secret).verify(body, headers) for _path, headers, body in receiver.got]
    assert [one["type"] for one in told] == ["completion.completed", "certificate.issued", "completion.reversed", "certificate.changed"]
    assert told[0]["data"]["completion_id"] == told[2]["data"]["completion_id"] == done.pk
    assert told[1]["data"]["number"] == told[3]["data"]["number"] == held.number  # revoked with its completion
    everything = b"".join(body for _path, _headers, body in receiver.got).decode()
    assert not any(word in everything for word in ("张小明", "YA10001", "办公室"))
    assert {path for path, _headers, _body in receiver.got} == {"/hook?a=1"}
    with pytest.raises(WebhookVerificationError):
        Webhook(hook.secret).verify(receiver.got[0][2] + b" ", receiver.got[0][1])


def test_what_happened_before_the_registration_or_outside_the_unit_is_not_told(cast, course, receiver, inside):
    rows.complete(cast.learner, course)
    made, _secret = endpoints.register(owner=cast.hr, unit=cast.other_bureau, url=receiver.url, events=["completion.completed"], at=NOON)
    rows.complete(cast.colleague, course)
    done = rows.complete(cast.other_leader, course)
    rows.certificate(done)
    assert tell(made) == 1 and f'"completion_id":{done.pk}' in receiver.got[0][2].decode()


@pytest.mark.parametrize("answer", [500, 301, 404])
def test_a_refused_event_comes_again_with_the_same_id_after_growing_pauses(cast, course, receiver, hook, answer):
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    receiver.answers += [answer, answer]
    assert tell(hook) == 0 and tell(hook, timedelta(seconds=29)) == 0  # the second one is too early
    assert len(receiver.got) == 1
    assert tell(hook, timedelta(seconds=31)) == 0
    assert tell(hook, timedelta(seconds=31 + 59)) == 0 and len(receiver.got) == 2
    assert tell(hook, timedelta(seconds=31 + 61)) == 2
    first, again, once_more, second = messages(receiver)
    assert first == again == once_more != second
    assert list(WebhookCall.objects.values_list("status", flat=True)) == [answer, answer, 200, 200]
    assert all(path == "/hook?a=1" for path, _headers, _body in receiver.got)  # no redirect was followed


def test_a_worker_that_is_killed_between_answer_and_position_loses_nothing(cast, course, receiver, hook, monkeypatch):
    rows.complete(cast.learner, course)

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_move", lambda *args: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            tell(hook)
    WebhookEndpoint.objects.update(held_until=NOON + delivery.HELD)  # nobody was left to give it back
    assert tell(hook) == 0
    assert tell(hook, delivery.HELD) == 1
    assert len(set(messages(receiver))) == 1 and len(receiver.got) == 2


def slowly(monkeypatch, meanwhile):
    """Each call takes two minutes; `meanwhile` happens after that, before the answer is noted."""
    call, hours = delivery._call, [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: hours[0])

    def slow(*args) -> bool:
        took = call(*args)
        hours[0] += timedelta(minutes=2)
        meanwhile()
        return took

    monkeypatch.setattr(delivery, "_call", slow)


@pytest.mark.parametrize("again", [False, True])
def test_no_other_worker_comes_in_while_a_slow_run_goes_on(cast, course, receiver, hook, monkeypatch, again):
    for who in (cast.learner, cast.colleague, cast.own_leader):
        rows.complete(who, course)
    if again:
        assert tell(hook) == 3
        for change in WebhookCall.objects.values_list("change", flat=True):
            endpoints.tell_again(endpoint=hook, change=change, by=cast.hr)
        receiver.got.clear()
    others = []
    slowly(monkeypatch, lambda: others.append(delivery.due(clock.now()).exists()))
    assert delivery.deliver(hook.pk, at=clock.now()) == 3
    assert others == [False] * 3 and len(set(messages(receiver))) == len(receiver.got) == 3
    assert delivery.due(clock.now()).exists()


@pytest.mark.parametrize("again", [False, True])
def test_a_worker_whose_hold_another_has_taken_over_stops_and_leaves_it_to_that_one(cast, course, receiver, hook, monkeypatch, again):
    for who in (cast.learner, cast.colleague):
        rows.complete(who, course)
    if again:
        assert tell(hook) == 2
        for change in WebhookCall.objects.values_list("change", flat=True):
            endpoints.tell_again(endpoint=hook, change=change, by=cast.hr)
    theirs = clock.now() + timedelta(hours=1)
    slowly(monkeypatch, lambda: WebhookEndpoint.objects.update(held_until=theirs))
    assert delivery.deliver(hook.pk, at=clock.now()) == 1
    assert WebhookEndpoint.objects.get().held_until == theirs


def test_an_endpoint_that_fails_for_five_days_is_given_up_and_its_trace_says_so(cast, course, receiver, hook):
    from wagtail.models import ModelLogEntry

    rows.complete(cast.learner, course)
    receiver.answers += [500] * 3
    tell(hook)
    tell(hook, timedelta(days=4))
    assert WebhookEndpoint.objects.get().disabled_at is None
    tell(hook, timedelta(days=5))
    assert WebhookEndpoint.objects.get().disabled_at is not None
    assert ModelLogEntry.objects.filter(action="evaluation.webhook_given_up").count() == 1
    assert tell(hook, timedelta(days=6)) == 0 and len(receiver.got) == 3
    endpoints.replay(endpoint=hook, after=hook.position, by=cast.hr)
    assert tell(hook, timedelta(days=6)) == 1


def test_an_endpoint_that_says_it_is_gone_is_given_up_at_once(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    receiver.answers += [410]
    tell(hook)
    assert WebhookEndpoint.objects.get().disabled_at == NOON


def test_a_replay_tells_again_with_the_same_ids(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    rows.complete(cast.colleague, course)
    tell(hook)
    first = RecordChange.objects.filter(kind="completed").order_by("number").first()
    endpoints.replay(endpoint=hook, after=first.number, by=cast.hr)
    assert tell(hook) == 1
    ids = messages(receiver)
    assert len(ids) == 3 and ids[1] == ids[2]
    with pytest.raises(Refused) as refusal:
        endpoints.replay(endpoint=hook, after=10_000, by=cast.hr)
    assert refusal.value.code == "number"


def test_for_a_day_after_a_rotation_both_secrets_verify(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    new = endpoints.rotate(endpoint=hook, by=cast.hr, at=clock.now())
    tell(hook)
    [(_path, headers, body)] = receiver.got
    assert Webhook(new).verify(body, headers) == Webhook(hook.secret).verify(body, headers)
    WebhookEndpoint.objects.update(former_until=clock.now())
    rows.complete(cast.colleague, course)
    tell(hook)
    with pytest.raises(WebhookVerificationError):
        Webhook(hook.secret).verify(receiver.got[1][2], receiver.got[1][1])
    assert Webhook(new).verify(receiver.got[1][2], receiver.got[1][1])


def test_the_table_holds_no_secret(hook):
    assert hook.secret not in str(WebhookEndpoint.objects.values().get())


def test_nobody_is_told_any_more_once_the_owner_is_not_hr(cast, course, receiver, hook):
    rows.complete(cast.learner, course)
    RoleGrant.objects.filter(person=cast.hr).update(ends_on=NOON.date())
    assert tell(hook) == 0 and receiver.got == []
    assert WebhookEndpoint.objects.get().disabled_at is not None


@pytest.mark.parametrize("who", ["learner", "own_leader", "trainer", "auditor", "admin", "other_hr"])
def test_only_hr_over_the_unit_registers_changes_or_replays(cast, receiver, hook, who):
    someone = getattr(cast, who)
    acts = [
        lambda: endpoints.register(owner=someone, unit=cast.county, url=receiver.url, events=ALL, at=NOON),
        lambda: endpoints.rotate(endpoint=hook, by=someone, at=NOON),
        lambda: endpoints.stop(endpoint=hook, by=someone, at=NOON),
        lambda: endpoints.replay(endpoint=hook, after=0, by=someone),
    ]
    for act in acts:
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == "out_of_reach"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "address"),
        ("ftp://example.com/", "address"),
        ("https://user:word@example.com/", "address"),
        ("https:///nowhere", "address"),
        ("https://example.com/" + "a" * 500, "address"),
        ("https://example.com:99999/", "address"),
        ("https://127.0.0.1/", "private"),
        ("https://[::1]/", "private"),
        ("https://[::ffff:10.0.0.1]/", "private"),
        ("https://[64:ff9b::a00:1]/", "private"),  # NAT64 of 10.0.0.1
        ("https://[64:ff9b:1::a00:1]/", "private"),  # a network's own NAT64
        ("https://[2002:7f00:1::]/", "private"),  # 6to4 of 127.0.0.1
        ("https://[::7f00:1]/", "private"),  # compatible with 127.0.0.1
        ("https://[fec0::1]/", "private"),  # of a site
        ("https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "private"),  # Teredo
        ("https://10.1.2.3/", "private"),
        ("https://169.254.169.254/latest/meta-data/", "private"),
        ("https://0.0.0.0/", "private"),
        ("https://localhost/", "private"),
        ("https://2130706433/", "private"),
    ],
)
def test_an_address_inside_or_of_another_form_is_refused(url, code):
    with pytest.raises(Refused) as refusal:
        outbound.resolve(url)
    assert refusal.value.code == code


def test_a_private_network_is_called_only_where_the_deployment_names_it(settings):
    settings.WEBHOOK_NETWORKS = ["10.20.0.0/16"]
    assert outbound.resolve("https://10.20.1.1/").address == "10.20.1.1"
    with pytest.raises(Refused):
        outbound.resolve("https://10.21.1.1/")


def test_an_address_of_ipv6_is_judged_by_the_one_that_it_carries(settings):
    for public in ("64:ff9b::808:808", "2002:808:808::1", "2001:4860:4860::8888"):
        assert outbound.resolve(f"https://[{public}]/").address == public
    settings.WEBHOOK_NETWORKS = ["10.20.0.0/16"]
    assert outbound.resolve("https://[64:ff9b::a14:101]/").address == "64:ff9b::a14:101"  # 10.20.1.1
    with pytest.raises(Refused):
        outbound.resolve("https://[64:ff9b::a15:101]/")


def test_a_host_of_which_one_address_lies_inside_is_refused(monkeypatch):
    found = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("192.168.1.1", 443))]
    monkeypatch.setattr(outbound.socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(Refused) as refusal:
        outbound.resolve("https://example.com/")
    assert refusal.value.code == "private"


def test_a_name_that_leads_inside_later_is_not_called(cast, course, receiver, hook, settings):
    settings.WEBHOOK_NETWORKS = []
    rows.complete(cast.learner, course)
    assert tell(hook) == 0 and receiver.got == []
    assert WebhookCall.objects.get().problem == "private"


def test_the_task_tells_every_endpoint_that_is_due(cast, course, receiver, hook):
    from evaluation.tasks import tell_webhooks

    rows.complete(cast.learner, course)
    tell_webhooks()
    assert len(receiver.got) == 1
    tell_webhooks()
    assert len(receiver.got) == 1


def test_the_command_makes_lists_rotates_stops_starts_closes_and_replays(cast, course, receiver, inside):
    def run(*args) -> str:
        out = StringIO()
        call_command("webhook", *map(str, args), stdout=out, stderr=StringIO())
        return out.getvalue().strip()

    secret = run("create", receiver.url, "--user", "YA10008", "--unit", "532325", "--event", "completion.completed")
    hook = WebhookEndpoint.objects.get()
    assert secret.startswith("whsec_") and secret not in run("list") and receiver.url in run("list")
    rows.complete(cast.learner, course)
    tell(hook)
    assert "completion.completed\t200" in run("calls", hook.pk)
    assert run("rotate", hook.pk, "--user", "YA10008") != secret
    run("replay", hook.pk, "--user", "YA10008", "--after", 0)
    assert tell(hook) == 1
    run("stop", hook.pk, "--user", "YA10008")
    assert WebhookEndpoint.objects.get().disabled_at
    run("start", hook.pk, "--user", "YA10008")
    assert WebhookEndpoint.objects.get().state == "told"
    with pytest.raises(CommandError):
        run("stop", hook.pk, "--user", "DY10001")
    run("close", hook.pk, "--user", "YA10008")
    with pytest.raises(CommandError):
        run("start", hook.pk, "--user", "YA10008")
    assert "已永久关闭" in run("list")
    with pytest.raises(CommandError):
        run("calls", 999)


def test_an_answer_that_comes_in_drops_holds_no_worker(inside, monkeypatch):
    monkeypatch.setattr(outbound, "WHOLE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            caller, _address = server.accept()
            with caller, suppress(OSError):
                caller.sendall(b"HTTP/1.1 200 OK\r\n")
                for _drop in range(100):
                    time.sleep(0.1)
                    caller.sendall(b"a: b\r\n")

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(OSError):
            outbound.post(outbound.resolve(f"http://127.0.0.1:{server.getsockname()[1]}/"), b"{}", {})
