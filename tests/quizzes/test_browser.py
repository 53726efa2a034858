"""Answering in a real browser on a phone: saved at once, there after a reload, kept through a dead network."""

import os
import re

import pytest

from core import clock
from quizzes.models import Answer, Attempt, Submission
from quizzes.services import attempts
from tests.chromium import PHONE, fits

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SAVED = re.compile(r"已保存 ✓ #\d+")


@pytest.fixture
def on_the_page(cast, quiz, enrolment, open_page, enter, live_server):
    """The learner on a phone with a fresh attempt open; its page and its items by kind."""
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/quizzes/p01-final/")
    page.click("main form button:has-text('开始答题')")
    page.wait_for_url("**/attempts/*/")
    attempt = Attempt.objects.get()
    return page, attempt, {item.kind: item for item in attempt.items.all()}


def state(page, item):
    return page.locator(f"fieldset[data-item='{item.pk}'] .quiz-state")


def saved(page, item):
    from playwright.sync_api import expect

    expect(state(page, item)).to_have_text(SAVED, timeout=15000)


def fill_all(page, items):
    """Every kind by its fields, rightly."""
    for kind, item in items.items():
        right = item.item_kind.right(item.shown, item.key)
        if kind in {"single", "judge"}:
            page.check(f"input[name='r-{item.pk}'][value='{right}']")
        elif kind == "multiple":
            for token in right:
                page.check(f"input[name='r-{item.pk}'][value='{token}']")
        elif kind == "fill":
            for index, text in enumerate(right):
                page.fill(f"input[name='r-{item.pk}'] >> nth={index}", text)
            page.keyboard.press("Tab")
        else:
            for token, value in right.items():
                page.select_option(f"select[name='r-{item.pk}-{token}']", str(value))
        saved(page, item)


def test_a_learner_answers_all_kinds_on_a_phone_and_passes(on_the_page):
    page, _attempt, items = on_the_page
    fits(page)
    assert re.match(r"(20:00|19:\d\d)", page.inner_text("#clock"))
    fill_all(page, items)
    assert page.inner_text("#answered") == "6"

    page.reload()
    for item in items.values():
        saved(page, item)
    assert page.inner_text("#answered") == "6" and page.locator("input:checked").count() == 4

    page.click("#hand-in")
    page.wait_for_url("**/submit/")
    page.click("main form button:has-text('交卷')")
    page.wait_for_url("**/result/")
    assert "合格" in page.inner_text(".quiz-score") and Submission.objects.get().result.percent == 100


def test_answers_given_without_network_are_kept_and_saved_when_it_is_back(on_the_page):
    page, attempt, items = on_the_page
    page.context.set_offline(True)
    right = items["judge"].item_kind.right(items["judge"].shown, items["judge"].key)
    page.check(f"input[name='r-{items['judge'].pk}'][value='{right}']")
    page.fill(f"input[name='r-{items['fill'].pk}'] >> nth=0", "公开")
    page.keyboard.press("Tab")
    page.wait_for_selector(f"fieldset[data-item='{items['judge'].pk}'] .quiz-state[data-state='retry']")
    assert "正在重试" in state(page, items["judge"]).inner_text() and not Answer.objects.exists()

    page.context.set_offline(False)
    saved(page, items["judge"])
    saved(page, items["fill"])
    assert Answer.objects.latest_of(attempt.pk)[items["fill"].pk].response == ["公开", ""]
    page.reload()
    assert page.input_value(f"input[name='r-{items['fill'].pk}'] >> nth=0") == "公开"


def test_an_expired_session_keeps_the_answers_until_the_learner_is_back(on_the_page, cast, enter, live_server):
    page, attempt, items = on_the_page
    page.context.clear_cookies()
    right = items["judge"].item_kind.right(items["judge"].shown, items["judge"].key)
    page.check(f"input[name='r-{items['judge'].pk}'][value='{right}']")
    page.wait_for_selector("#signed-out:not([hidden])")
    with page.context.expect_page() as opened:
        page.click("#signed-out a")
    enter(opened.value, cast.learner)
    opened.value.close()
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    saved(page, items["judge"])
    assert page.is_hidden("#signed-out") and Answer.objects.latest_of(attempt.pk)[items["judge"].pk].response == right


def test_text_typed_just_before_leaving_is_saved(on_the_page, live_server):
    page, attempt, items = on_the_page
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill(f"input[name='r-{items['fill'].pk}'] >> nth=0", "公开")
    page.goto(f"{live_server.url}/quizzes/p01-final/")
    page.wait_for_timeout(1500)
    assert Answer.objects.latest_of(attempt.pk)[items["fill"].pk].response == ["公开", ""]


def test_a_second_tab_shows_what_the_first_one_answered(on_the_page):
    page, _attempt, items = on_the_page
    other = page.context.new_page()
    other.goto(page.url)
    right = items["judge"].item_kind.right(items["judge"].shown, items["judge"].key)
    other.check(f"input[name='r-{items['judge'].pk}'][value='{right}']")
    saved(other, items["judge"])
    page.bring_to_front()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector(f"fieldset[data-item='{items['judge'].pk}'] .quiz-state[data-state='elsewhere']")
    assert page.is_checked(f"input[name='r-{items['judge'].pk}'][value='{right}']")
    # The first tab hands in without undoing the second one's answer.
    page.click("#hand-in")
    page.wait_for_url("**/submit/")
    assert Answer.objects.count() == 1


def test_steps_are_ordered_by_keyboard(on_the_page):
    page, attempt, items = on_the_page
    box = f"fieldset[data-item='{items['order'].pk}']"
    first = page.inner_text(f"{box} li:nth-child(1) .quiz-line-text")
    page.focus(f"{box} li:nth-child(1) button:has-text('↓')")
    page.keyboard.press("Enter")
    saved(page, items["order"])
    assert page.inner_text(f"{box} li:nth-child(2) .quiz-line-text") == first
    assert sorted(Answer.objects.latest_of(attempt.pk)[items["order"].pk].response.values()) == [1, 2, 3]
    assert first in page.inner_text("#spoken")


def test_the_page_hands_in_by_itself_when_the_time_is_over(cast, quiz, enrolment, open_page, enter, live_server):
    from datetime import timedelta

    page = enter(open_page(PHONE), cast.learner)
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=clock.now() - timedelta(minutes=20) + timedelta(seconds=8))
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    page.check("input[type=radio] >> nth=0")
    page.wait_for_url("**/result/", timeout=20000)
    submission = Submission.objects.get()
    assert submission.cause == "time" and submission.at == attempt.ends_at and Answer.objects.count() == 1


def test_without_script_the_form_saves_and_hands_in(cast, quiz, enrolment, open_page, enter, live_server):
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=clock.now())
    page = enter(open_page(PHONE, java_script_enabled=False), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    page.check("input[type=radio] >> nth=0")
    page.click("#save-all")
    assert "已保存 1 题" in page.inner_text(".messages")
    page.click("#hand-in")
    assert page.url.endswith("/submit/") and "还有 5 题未作答" in page.inner_text("main")
