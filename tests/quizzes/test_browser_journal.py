"""Answers that cannot be lost, in a real browser: every way in which network, server, session, tab or device gives way."""

import os
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from core import clock
from courses.models import Course
from courses.services import enrolments
from quizzes.models import Answer, Attempt, Submission
from quizzes.services import attempts
from tests.chromium import PHONE

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SAVED = re.compile(r"已保存 ✓ #\d+")
PATIENCE = 30_000
ANSWERS = "**/attempts/*/answers/"
NO_LAST_CHANCE = (
    "() => { window.fetch = () => Promise.reject(new TypeError('no network')); }"  # requests of a page that goes pass by all routes
)


@pytest.fixture
def attempt(cast, quiz, enrolment):
    return attempts.start(person=cast.learner, quiz=quiz, at=clock.now())


@pytest.fixture
def judge(attempt):
    return attempt.items.get(kind="judge")


@pytest.fixture
def open_attempt(cast, attempt, enter, open_page, live_server):
    """A device of the learner with the attempt open."""

    def give(**options):
        page = enter(open_page(PHONE, **options), cast.learner)
        page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
        return page

    return give


def tick(page, item, value):
    page.check(f"input[name='r-{item.pk}'][value='{value}']")


def state(page, item):
    return page.locator(f"fieldset[data-item='{item.pk}'] .quiz-state")


def saved(page, item):
    expect(state(page, item)).to_have_text(SAVED, timeout=PATIENCE)


def shows(page, item, name):
    expect(state(page, item)).to_have_attribute("data-state", name, timeout=PATIENCE)


def stands(attempt, item):
    return Answer.objects.latest_of(attempt.pk)[item.pk].response


def cut(page):
    page.route(ANSWERS, lambda route: route.abort())


def mend(page):
    page.unroute(ANSWERS)
    page.evaluate("window.dispatchEvent(new Event('online'))")


def test_a_reload_keeps_what_nobody_acknowledged(open_attempt, attempt, judge):
    page = open_attempt()
    page.on("dialog", lambda dialog: dialog.accept())
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    expect(page.locator("#status")).to_contain_text("1 次作答未送达，已存在本机")

    page.evaluate(NO_LAST_CHANCE)
    page.reload()
    assert page.is_checked(f"input[name='r-{judge.pk}'][value='true']") and not Answer.objects.exists()
    mend(page)
    saved(page, judge)
    expect(page.locator("#status")).to_contain_text(re.compile(r"已全部保存 ✓ 回执 #1 \w{4}-\w{4}"))
    assert stands(attempt, judge) == "true" and Answer.objects.count() == 1


def test_a_closed_page_keeps_what_nobody_acknowledged(open_attempt, attempt, judge):
    page = open_attempt()
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    address, context = page.url, page.context
    page.close()  # without asking, as a crash does
    page = context.new_page()
    page.goto(address)
    saved(page, judge)
    assert stands(attempt, judge) == "true" and Answer.objects.count() == 1


def test_an_acknowledgement_that_was_lost_doubles_nothing(open_attempt, attempt, judge):
    page = open_attempt()

    def lose(route):
        route.fetch()
        route.abort()

    page.route(ANSWERS, lose)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    assert Answer.objects.count() == 1
    mend(page)
    saved(page, judge)
    assert Answer.objects.count() == 1


def test_a_server_that_restarts_gets_all_acts_in_their_order(open_attempt, attempt, judge):
    page = open_attempt()
    single = attempt.items.get(kind="single")
    page.route(ANSWERS, lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>"))
    tick(page, judge, "true")
    shows(page, judge, "retry")
    tick(page, single, single.shown["options"][1]["token"])
    tick(page, judge, "false")
    mend(page)
    saved(page, single)
    saved(page, judge)
    given = list(Answer.objects.order_by("seq").values_list("item_id", "response"))
    assert given == [(judge.pk, "true"), (single.pk, single.shown["options"][1]["token"]), (judge.pk, "false")]


def test_a_session_that_ended_is_renewed_in_another_tab(open_attempt, cast, enter, attempt, judge):
    page = open_attempt()
    Session.objects.all().delete()
    tick(page, judge, "true")
    page.wait_for_selector("#signed-out:not([hidden])")
    with page.context.expect_page() as opened:
        page.click("#signed-out a")
    other = opened.value
    other.fill("input[name=login]", cast.learner.employee_number)
    other.fill("input[name=password]", "Yaoan-2026-cast")
    other.press("input[name=password]", "Enter")
    expect(other.locator("h1")).to_contain_text("已重新登录")
    saved(page, judge)  # the waiting page was told; nobody touched it
    assert page.is_hidden("#signed-out") and stands(attempt, judge) == "true"


def test_somebody_else_on_the_same_phone_neither_sends_nor_sees_the_answers(open_attempt, cast, enter, attempt, judge, quiz, live_server):
    enrolments.enrol(person=cast.colleague, course=Course.objects.get(code="P01"), at=clock.now())
    page = open_attempt()
    Session.objects.all().delete()
    other = enter(page.context.new_page(), cast.colleague)
    tick(page, judge, "true")
    page.wait_for_selector("#stranger:not([hidden])")
    assert cast.learner.name in page.inner_text("#stranger")
    own = attempts.start(person=cast.colleague, quiz=quiz, at=clock.now())
    other.goto(f"{live_server.url}/attempts/{own.pk}/")
    expect(other.locator("#status")).to_have_text("")
    assert not Answer.objects.exists()

    Session.objects.all().delete()
    enter(other, cast.learner)
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    saved(page, judge)
    assert Answer.objects.get().attempt == attempt


def test_two_tabs_show_each_others_answers_at_once(open_attempt, attempt, judge):
    page = open_attempt()
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#clock")).to_contain_text(":")
    tick(other, judge, "true")
    shows(page, judge, "elsewhere")
    assert page.is_checked(f"input[name='r-{judge.pk}'][value='true']")
    tick(page, judge, "false")
    saved(page, judge)
    shows(other, judge, "elsewhere")
    assert stands(attempt, judge) == "false" and Answer.objects.count() == 2


def test_a_tab_delivers_what_a_closed_one_left(open_attempt, attempt, judge):
    page = open_attempt()
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#clock")).to_contain_text(":")
    cut(other)
    tick(other, judge, "true")
    expect(page.locator("#status")).to_contain_text("1 次作答未送达")
    other.close()
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page, judge)
    assert stands(attempt, judge) == "true" and Answer.objects.count() == 1


def test_a_tab_whose_answer_another_one_delivered_says_saved_and_not_changed(open_attempt, attempt, judge):
    page = open_attempt()
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#clock")).to_contain_text(":")
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    other.evaluate("window.dispatchEvent(new Event('online'))")

    saved(page, judge)
    shows(page, judge, "saved")
    saved(other, judge)
    assert stands(attempt, judge) == "true" and Answer.objects.count() == 1
    expect(page.locator("#status")).to_contain_text("已全部保存")


def test_the_same_answer_on_two_devices_is_saved_and_not_changed(open_attempt, attempt, judge):
    phone, desk = open_attempt(), open_attempt()
    tick(phone, judge, "true")
    saved(phone, judge)
    tick(desk, judge, "true")
    saved(desk, judge)
    phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(state(phone, judge)).to_have_text("已保存 ✓ #2", timeout=PATIENCE)
    tick(desk, judge, "false")
    saved(desk, judge)
    phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    shows(phone, judge, "elsewhere")


def test_of_two_devices_the_later_act_wins_and_both_say_so(open_attempt, attempt, judge):
    phone, desk = open_attempt(), open_attempt()
    tick(phone, judge, "true")
    saved(phone, judge)
    tick(desk, judge, "false")
    shows(desk, judge, "replaced")
    phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    shows(phone, judge, "elsewhere")
    assert phone.is_checked(f"input[name='r-{judge.pk}'][value='false']") and stands(attempt, judge) == "false"


def test_an_answer_that_waited_on_one_device_does_not_undo_a_later_one_silently(open_attempt, attempt, judge):
    phone, desk = open_attempt(), open_attempt()
    phone.context.set_offline(True)
    tick(phone, judge, "true")
    shows(phone, judge, "retry")
    tick(desk, judge, "false")
    saved(desk, judge)
    phone.wait_for_timeout(10_500)  # what waited longer than ten seconds is late
    phone.context.set_offline(False)

    shows(phone, judge, "aside")
    assert phone.is_checked(f"input[name='r-{judge.pk}'][value='false']") and stands(attempt, judge) == "false"
    assert "true" in Answer.objects.values_list("response", flat=True)

    phone.click("button:has-text('改用我在这里的作答')")
    saved(phone, judge)
    assert stands(attempt, judge) == "true"


def test_without_indexeddb_the_page_says_so_and_still_delivers(open_attempt, attempt, judge, cast, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.add_init_script("Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('denied', 'SecurityError'); } });")
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    expect(page.locator("#status")).to_contain_text("不能在本机留存")
    page.context.set_offline(True)
    tick(page, judge, "true")
    expect(page.locator("#status")).to_contain_text("请勿关闭本页")
    page.context.set_offline(False)
    saved(page, judge)
    assert stands(attempt, judge) == "true"


def test_without_indexeddb_a_page_that_comes_back_sends_no_earlier_answer_behind_the_last_one(
    attempt, judge, cast, open_page, enter, live_server
):
    page = enter(open_page(PHONE), cast.learner)
    page.add_init_script("Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('denied', 'SecurityError'); } });")
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    tick(page, judge, "false")

    page.unroute(ANSWERS)
    page.evaluate("window.dispatchEvent(new Event('pagehide'))")  # the last answer goes, and the page stays after all
    page.wait_for_timeout(500)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page, judge)

    expect(page.locator("#status")).to_contain_text("已全部保存")
    assert stands(attempt, judge) == "false"


def goes_away(page) -> None:
    """The page goes away, and of all that it sends only what it sends then gets through: the network is cut until that very moment."""
    page.route(ANSWERS, lambda route: route.continue_() if '"before"' in (route.request.post_data or "") else route.abort())
    with page.expect_response(lambda answer: '"before"' in (answer.request.post_data or "")):
        page.evaluate("window.dispatchEvent(new Event('pagehide'))")


def test_a_page_that_goes_away_delivers_the_last_of_several_answers_to_an_item(open_attempt, attempt, judge):
    page = open_attempt()
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    tick(page, judge, "false")

    goes_away(page)
    page.close()  # and is never opened again
    assert [answer.response for answer in Answer.objects.order_by("seq")] == ["true", "false"]


def test_of_more_answers_to_an_item_than_go_at_once_the_latest_stands_in_the_end(open_attempt, attempt):
    page, fill = open_attempt(), attempt.items.get(kind="fill")
    cut(page)
    for number in range(1, 27):
        page.fill(f"fieldset[data-item='{fill.pk}'] input[type=text]", f"第{number}次")
        page.evaluate("window.dispatchEvent(new Event('pagehide'))")  # laid aside for a moment, without a network

    goes_away(page)
    address, context = page.url, page.context
    page.close()
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#status")).to_contain_text("已全部保存", timeout=PATIENCE)
    given = [answer.response[0] for answer in Answer.objects.order_by("seq")]
    assert given == sorted(given, key=lambda text: int(text[1:-1])) and given[-1] == "第26次"


def test_a_page_that_is_loaded_again_says_that_all_is_saved(open_attempt, judge):
    page = open_attempt()
    expect(page.locator("#status")).to_have_text("")
    tick(page, judge, "true")
    saved(page, judge)

    page.reload()
    expect(page.locator("#status")).to_have_text("已全部保存 ✓")


def test_a_disk_that_is_full_brings_no_earlier_answer_back_with_the_next_page(open_attempt, attempt, judge):
    page, first = open_attempt(), attempt.items.get(kind="single")
    option = first.shown["options"][0]["token"]
    cut(page)
    tick(page, first, option)
    shows(page, first, "retry")
    tick(page, judge, "true")  # waits on the disk behind the other
    page.wait_for_timeout(300)
    page.evaluate(
        "() => { const add = IDBObjectStore.prototype.add;"
        " IDBObjectStore.prototype.add = function (...given) { const asked = add.apply(this, given); this.transaction.abort(); return asked; }; }"
    )
    tick(page, judge, "false")
    expect(page.locator("#status")).to_contain_text("请勿关闭本页")
    mend(page)
    saved(page, judge)
    saved(page, first)

    page.reload()
    page.wait_for_timeout(1000)
    assert stands(attempt, judge) == "false" and page.is_checked(f"input[name='r-{judge.pk}'][value='false']")


@pytest.mark.parametrize("wrong", ["2001-01-01T00:00:00", "2049-12-31T23:59:00"])
def test_a_wrong_clock_on_the_phone_changes_nothing(cast, attempt, judge, open_page, enter, live_server, wrong):
    page = enter(open_page(PHONE), cast.learner)
    page.clock.install(time=wrong)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(20:00|19:\d\d|18:\d\d)$"))
    tick(page, judge, "true")
    saved(page, judge)
    assert abs(Answer.objects.get().at - clock.now()) < timedelta(minutes=1)


def test_a_clock_that_is_set_while_answering_loses_no_time_and_no_answer(cast, attempt, judge, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    page.evaluate("Date.now = () => 0")
    tick(page, judge, "true")
    saved(page, judge)
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(20:00|19:\d\d|18:\d\d)$"))


def test_what_did_not_arrive_before_the_end_is_named_and_then_forgotten(cast, quiz, enrolment, open_page, enter, live_server):
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=20) + timedelta(seconds=25))
    judge = attempt.items.get(kind="judge")
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    page.route(ANSWERS, lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    tick(page, judge, "true")
    expect(page.locator("#notice")).to_contain_text("不计分的作答次数： 1", timeout=60_000)
    assert page.is_disabled(f"input[name='r-{judge.pk}'] >> nth=0")
    page.click("#notice a")
    page.wait_for_url("**/result/")
    expect(page.locator("#undelivered")).to_contain_text("1")
    page.reload()
    page.wait_for_timeout(1000)
    assert page.is_hidden("#undelivered") and Submission.objects.get().cause == "time"


def test_what_waits_when_the_attempt_is_handed_in_elsewhere_is_told_to_be_not_saved(open_attempt, attempt, judge):
    page = open_attempt()
    cut(page)
    tick(page, judge, "true")
    shows(page, judge, "retry")
    attempts.submit(attempt=attempt, at=clock.now())
    mend(page)
    shows(page, judge, "failed")
    expect(page.locator("#notice")).to_contain_text("不计分的作答次数： 1", timeout=PATIENCE)
    assert page.is_disabled(f"input[name='r-{judge.pk}'] >> nth=0") and not Answer.objects.exists()


def test_a_page_whose_attempt_is_over_shows_no_clock_and_promises_no_delivery(open_attempt, attempt, judge):
    page = open_attempt()
    cut(page)
    tick(page, judge, "true")
    expect(page.locator("#status")).to_contain_text("1 次作答未送达")
    attempts.submit(attempt=attempt, at=clock.now())
    mend(page)
    expect(page.locator("#notice")).to_contain_text("不计分的作答次数： 1", timeout=PATIENCE)

    expect(page.locator("#status")).to_have_text("")
    expect(page.locator(".quiz-clock")).to_be_hidden()
    page.wait_for_timeout(1200)  # two beats of the clock
    assert page.text_content("#clock") == "" and page.text_content("#status") == ""
    page.click("#notice a")
    expect(page.locator("#undelivered")).to_contain_text("1", timeout=PATIENCE)


def test_minutes_added_at_the_last_moment_open_the_page_again(cast, quiz, enrolment, open_page, enter, live_server):
    from quizzes.services import sittings

    attempt = attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=20) + timedelta(seconds=20))
    judge = attempt.items.get(kind="judge")
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    sittings.extend(attempt=attempt, minutes=10, reason="停电", by=cast.hr, at=clock.now())
    expect(page.locator("#added")).to_contain_text("已延长 10 分钟：停电", timeout=60_000)
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(10:\d\d|09:\d\d)$"))
    tick(page, judge, "true")
    saved(page, judge)
    assert Attempt.objects.open().count() == 1
