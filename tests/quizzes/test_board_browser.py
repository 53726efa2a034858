"""The invigilator's board in a real browser, on a phone: who comes in shows by itself, time is added, the slip is checked."""

import os
import re

import pytest
from playwright.sync_api import expect

from quizzes.models import Attempt, Extension
from tests.chromium import PHONE, fits, until

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def board(cast, open_sitting, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.hr)
    page.goto(f"{live_server.url}/sittings/{open_sitting.pk}/watch/")
    return page


@pytest.fixture
def candidate(cast, open_page, enter):
    return enter(open_page(PHONE), cast.learner)


def test_the_invigilator_sees_who_comes_in_adds_time_and_checks_the_slip(board, candidate, cast, open_sitting, live_server):
    numbers = {state: board.locator(f"#n-{state} b") for state in ("absent", "working", "done")}
    expect(numbers["absent"]).to_have_text("1")
    fits(board)

    candidate.goto(f"{live_server.url}/sittings/{open_sitting.pk}/")
    candidate.click("#enter button")
    candidate.wait_for_url("**/attempts/*/")
    candidate.check("input[type=radio] >> nth=0")
    expect(candidate.locator("#status")).to_contain_text("已全部保存")
    attempt = Attempt.objects.get()

    # Nobody touches the board: it comes by itself.
    expect(numbers["working"]).to_have_text("1", timeout=30_000)
    row = board.locator("tr", has_text=cast.learner.name)
    expect(row).to_contain_text(f"1 / {attempt.items.count()}", timeout=30_000)
    fits(board)

    board.click(f"#p-{cast.learner.pk}")
    board.click(f"a[href$='/watch/{attempt.pk}/time/']")
    board.fill("input[name=minutes]", "5")
    board.click("main form button:has-text('加时')")
    expect(board.locator("[aria-invalid=true]").first).to_be_visible()  # without a reason nothing is added
    assert not Extension.objects.exists() and board.input_value("input[name=minutes]") == "5"
    board.fill("[name=reason]", "键盘坏了")
    for tick in board.locator("main input[type=checkbox]").all():
        tick.check()
    board.click("main form button:has-text('加时')")
    expect(candidate.locator("#added")).to_contain_text("5 分钟：键盘坏了", timeout=60_000)
    assert Extension.objects.get().attempt == attempt

    candidate.click("#hand-in")
    candidate.wait_for_url("**/submit/")
    candidate.click("#hand-in")
    candidate.wait_for_url("**/slip/")
    code = candidate.inner_text(".quiz-slip-code").split()[-1]
    board.goto(f"{live_server.url}/sittings/{open_sitting.pk}/watch/")
    expect(numbers["done"]).to_have_text("1")
    board.goto(f"{live_server.url}/sittings/{open_sitting.pk}/watch/slip/")
    board.fill("#code", code.lower().replace("-", " "))
    board.click("main form button:has-text('核验')")
    expect(board.locator("[role=status]")).to_contain_text(cast.learner.name)
    board.fill("#code", re.sub(r"\w$", lambda last: "A" if last.group() != "A" else "B", code))
    board.click("main form button:has-text('核验')")
    expect(board.locator("[role=status]")).not_to_contain_text(cast.learner.name)
    fits(board)


def test_a_board_that_cannot_be_refreshed_says_so(board):
    board.route("**/watch/**", lambda route: route.abort())
    expect(board.locator("#stale")).to_be_visible(timeout=30_000)
    board.unroute("**/watch/**")
    expect(board.locator("#stale")).to_be_hidden(timeout=30_000)


def test_a_board_that_stands_still_is_not_refreshed(board, candidate, open_sitting, live_server):
    board.click("#live")
    until(board, "document.readyState === 'complete'")
    candidate.goto(f"{live_server.url}/sittings/{open_sitting.pk}/")
    candidate.click("#enter button")
    candidate.wait_for_url("**/attempts/*/")
    board.wait_for_timeout(12_000)
    expect(board.locator("#n-absent b")).to_have_text("1")
    board.click("#refresh")
    expect(board.locator("#n-absent b")).to_have_text("0")
