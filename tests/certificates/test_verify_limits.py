"""How much anybody may ask, and the sum that lets honest people go on."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from certificates import badge, rules
from certificates.verify import limits, work
from core import clock
from core.errors import Refused

NOW = datetime(2026, 11, 23, 4, 0, 10, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """`at(seconds=5)` moves the clock to so long after ten past noon."""

    def move(**more):
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(**more))

    move()
    return move


@pytest.fixture
def door(certificate, at, settings):
    settings.VERIFY_PER_MINUTE, settings.VERIFY_PER_HOUR, settings.VERIFY_ALL_PER_HOUR = 5, 1000, 10_000
    return reverse("verify_number", args=[certificate.number])


def never_issued(serial: int) -> str:
    return reverse(
        "verify_number", args=[rules.compose_number(prefix="YAZWGK", category="01", year=2026, county_code="532325", serial=serial)]
    )


def solve(fields: dict[str, str]) -> dict[str, str]:
    for number in range(int(fields["limit"])):
        if hashlib.sha256(f"{fields['salt']}.{number}".encode()).hexdigest() == fields["challenge"]:
            return fields | {"number": str(number)}
    raise AssertionError("no number solves it")


def sum_of(response) -> dict[str, str]:
    import re

    return dict(re.findall(r'<input type="hidden" name="(salt|challenge|limit|signature|next)" value="([^"]*)"', response.content.decode()))


def ask(client, door, times=1, **more) -> list[int]:
    return [client.get(door, **more).status_code for _ in range(times)]


def test_past_the_limit_a_page_asks_to_wait_or_solves_a_sum_and_programs_get_a_problem(client, door, certificate):
    assert ask(client, door, 6) == [200] * 5 + [429]

    page = client.get(door)
    program = client.get(reverse("verify_json", args=[certificate.number]))

    assert page["Retry-After"] == program["Retry-After"] == "50" and set(sum_of(page)) == {
        "salt",
        "challenge",
        "limit",
        "signature",
        "next",
    }
    assert "等一分钟" in page.content.decode() and "张*明" not in page.content.decode()
    assert program.status_code == 429 and program["Content-Type"] == "application/problem+json" and program.json()["code"] == "too_many"


def test_after_the_minute_it_goes_on_by_itself(client, door, at):
    assert ask(client, door, 6)[-1] == 429
    at(seconds=51)
    assert ask(client, door) == [200]


def test_a_solved_sum_lets_go_on_where_one_was_stopped_for_a_while(client, door):
    ask(client, door, 5)
    response = client.post(reverse("verify_pass"), solve(sum_of(client.get(door + "?on=2026-07-01"))))

    assert response.status_code == 302 and response["Location"] == door + "?on=2026-07-01"
    held = response.cookies[limits.COOKIE]
    assert held["httponly"] and held["path"] == "/verify/" and held["samesite"] == "Lax" and int(held["max-age"]) == limits.PASS_SECONDS
    assert ask(client, door, limits.PASS_POINTS + 1) == [200] * limits.PASS_POINTS + [429]


def test_a_sum_counts_once(client, door):
    ask(client, door, 5)
    solved = solve(sum_of(client.get(door)))
    assert client.post(reverse("verify_pass"), solved).status_code == 302

    again = Client().post(reverse("verify_pass"), solved)

    assert again.status_code == 422 and not again.cookies and "已经用过" in again.content.decode()


def test_a_sum_of_another_address_is_not_taken_nor_one_that_is_late_or_wrong_or_made_up(client, door, at):
    ask(client, door, 5)
    solved = solve(sum_of(client.get(door)))

    def refused(sent, **more):
        response = client.post(reverse("verify_pass"), sent, **more)
        return response.status_code == 422 and limits.COOKIE not in response.cookies

    assert refused(solved, REMOTE_ADDR="10.9.9.9")
    assert refused(solved | {"number": str(int(solved["number"]) + 1)})
    assert refused(solved | {"number": "²"}) and refused(solved | {"number": "-1"}) and refused({})
    assert refused(solved | {"limit": "1"}) and refused(solved | {"challenge": hashlib.sha256(b"x").hexdigest()})
    at(seconds=work.LIFE + 1)
    assert refused(solved)


def test_after_a_sum_one_is_led_to_no_other_site(client, door):
    ask(client, door, 5)
    for wanted in (
        "https://elsewhere.example/",
        "//elsewhere.example/verify/",
        "/admin/",
        "/verify/\\..\\..\\@elsewhere.example",
        "javascript:1",
    ):
        fields = solve(sum_of(Client().get(door)))
        location = Client().post(reverse("verify_pass"), fields | {"next": wanted})["Location"]
        assert location.startswith("/verify/") and "//" not in location


def test_a_pass_that_was_made_up_lets_nobody_in(client, door):
    ask(client, door, 5)
    client.cookies[limits.COOKIE] = "abc:def:ghi"

    assert ask(client, door) == [429]


def test_each_pass_makes_the_next_sum_harder_up_to_a_bound(client, door):
    ask(client, door, 5)
    sizes = []
    for _ in range(3):
        fields = sum_of(Client().get(door))
        sizes.append(int(fields["limit"]))
        assert Client().post(reverse("verify_pass"), solve(fields)).status_code == 302

    assert sizes == [2**16, 2**17, 2**18]
    assert int(work.make(address="a", bits=99, now=0)["limit"]) == 2**work.MOST


def test_numbers_that_were_never_issued_cost_many_times_more(client, certificate, at, settings):
    settings.VERIFY_PER_MINUTE = 120

    answers = [client.get(never_issued(serial)).status_code for serial in range(100, 110)]

    assert answers == [404] * 6 + [429] * 4


def test_what_was_only_mistyped_costs_no_more_than_a_hit(client, door, settings):
    settings.VERIFY_PER_MINUTE = 10

    assert ask(client, "/verify/YAZWGK-01-2026-532325-00001-0/", 11) == [422] * 10 + [429]


def test_walking_through_the_numbers_ends_within_the_hour(client, door, at, settings):
    settings.VERIFY_PER_MINUTE, settings.VERIFY_PER_HOUR = 100, 150
    answers = []
    for minute in range(10):
        at(minutes=minute)
        answers += ask(client, door, 30)

    assert answers.count(200) == 150 and set(answers[150:]) == {429}
    page = client.get(door)
    assert int(page["Retry-After"]) > 60 and "13:00" in page.content.decode()
    at(hours=1)
    assert ask(client, door) == [200]


def test_many_addresses_together_come_to_an_end_too_and_a_pass_helps(client, door, settings):
    settings.VERIFY_ALL_PER_HOUR = 40

    answers = [client.get(door, REMOTE_ADDR=f"10.0.{host}.1").status_code for host in range(45)]

    assert answers == [200] * 40 + [429] * 5
    solved = solve(sum_of(client.get(door, REMOTE_ADDR="10.0.99.1")))
    assert client.post(reverse("verify_pass"), solved, REMOTE_ADDR="10.0.99.1").status_code == 302
    assert client.get(door, REMOTE_ADDR="10.0.99.1").status_code == 200


def test_what_other_processes_counted_is_learnt_from_the_shared_cache(client, door, settings):
    settings.VERIFY_PER_MINUTE, settings.VERIFY_PER_HOUR = 1000, 100
    assert ask(client, door, 60) == [200] * 60
    limits.tally.clear()  # another process

    answers = ask(client, door, 60)

    assert 40 <= answers.count(200) <= 40 + 2 * limits.TOGETHER


def test_files_cost_ten_points_and_say_that_the_file_has_to_be_chosen_again(client, door, settings):
    settings.VERIFY_PER_MINUTE = 20
    sent = [client.post("/verify/file/", {"file": SimpleUploadedFile("a.pdf", b"x")}) for _ in range(3)]

    assert [one.status_code for one in sent] == [422, 422, 429]
    assert "重新选择" in sent[2].content.decode() and sum_of(sent[2])["next"] == "/verify/"


def test_a_file_with_a_number_that_was_never_issued_costs_as_much_more_as_a_number(client, certificate, door, settings):
    settings.VERIFY_PER_MINUTE = limits.FILE + limits.MISS
    own = badge.as_json(badge.signed(certificate))
    other = own.replace(certificate.number.encode(), never_issued(77).split("/")[2].encode())

    def after(data: bytes) -> list[int]:
        limits.tally.clear()
        sent = client.post("/verify/file.json", {"file": SimpleUploadedFile("b.json", data)})
        return [sent.status_code, *ask(client, door)]

    assert after(own) == [200, 200]
    assert after(other) == [200, 429]


def test_the_form_itself_costs_nothing(client, door):
    assert ask(client, "/verify/", 20) == [200] * 20 and ask(client, door) == [200]


def test_zero_means_no_limit(client, door, settings):
    settings.VERIFY_PER_MINUTE = 0

    assert set(ask(client, door, 30)) == {200}


def test_a_hit_costs_one_query_and_the_shared_cache_every_twentieth(client, door, settings, django_assert_num_queries):
    settings.VERIFY_PER_MINUTE = 1000
    for _ in range(limits.TOGETHER - 1):
        with django_assert_num_queries(1):
            client.get(door)


def test_addresses_of_one_household_count_as_one():
    def of(address):
        return limits.caller(RequestFactory().get("/", REMOTE_ADDR=address))

    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::9") != of("2001:db8:1:3::1")
    assert of("::ffff:10.1.1.1") == of("10.1.1.1")


def test_no_address_stands_in_the_shared_cache(client, door, settings):
    settings.VERIFY_PER_MINUTE = 1000
    from django.core.cache.backends.db import DatabaseCache

    ask(client, door, 25, REMOTE_ADDR="10.77.66.55")
    if isinstance(cache._connections["default"] if hasattr(cache, "_connections") else cache, DatabaseCache):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT cache_key FROM shared_cache")
            assert "10.77.66.55" not in str(cursor.fetchall())


def test_a_tally_forgets_what_is_past_before_it_grows_without_end(monkeypatch):
    monkeypatch.setattr(limits.Tally, "MOST", 100)
    tally = limits.Tally()
    for minute in range(50):
        for host in range(10):
            tally.add(f"10.0.0.{host}", 1, now=minute * 60, span=60, is_shared=False)

    assert len(tally._own) <= 111
    assert tally.add("10.0.0.9", 1, now=49 * 60, span=60, is_shared=False) == 2


def test_points_are_counted_exactly_by_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    tally = limits.Tally()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tally.add("a", 1, now=0, span=60, is_shared=False), range(4000)))

    assert tally.add("a", 0, now=0, span=60, is_shared=False) == 4000


@given(st.integers(0, 2**31), st.text(max_size=40), st.text(max_size=40))
def test_a_sum_is_taken_from_its_own_address_alone_and_only_solved(now, address, other):
    fields = work.make(address=address, bits=1, now=now)
    assert int(fields["limit"]) == 2**work.LEAST
    with pytest.raises(Refused):
        work.solved(fields | {"number": "-1"}, address=address, now=now)
    if other != address:
        with pytest.raises(Refused) as refusal:
            work.solved(fields, address=other, now=now)
        assert refusal.value.code == "work_unknown"
