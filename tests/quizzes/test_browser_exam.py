"""An exam as its candidate has it, in a real browser: the entrance, the paper by keyboard alone, what is noted, the slip."""

import os
import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from core import clock
from quizzes.models import Answer, Attempt, Incident, Presence, Submission
from quizzes.services import sittings, slips
from tests.chromium import DESK, PHONE, fits, until
from tests.quizzes.conftest import sitting_of

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def entered(cast, open_sitting, open_page, enter, live_server):
    """The learner's phone in the middle of the exam, and the attempt."""
    attempt = sittings.enter(person=cast.learner, sitting=open_sitting, at=clock.now())
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    return page, attempt


def test_the_entrance_opens_by_itself_and_leads_through_the_exam_to_the_slip(cast, quiz, open_page, enter, live_server):
    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now() + timedelta(seconds=25), late_entry_minutes=20)
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/my/")
    page.click("a:has-text('年度考试')")
    page.wait_for_url(f"**/sittings/{sitting.pk}/")
    fits(page)
    assert page.is_hidden("#enter") and "粘贴" in page.inner_text("main")
    expect(page.locator("#countdown")).to_have_text(re.compile(r"^00:00:\d\d$"))
    expect(page.locator("#enter")).to_be_visible(timeout=60_000)
    page.click("#enter button")
    page.wait_for_url("**/attempts/*/")
    page.check("input[type=radio] >> nth=0")
    expect(page.locator("#status")).to_contain_text("已全部保存")
    page.click("#hand-in")
    page.wait_for_url("**/submit/")
    page.click("#hand-in")
    page.wait_for_url("**/slip/")
    fits(page)
    code = page.inner_text(".quiz-slip-code").split()[-1]
    assert slips.check(code).attempt == Attempt.objects.get() and "合格" not in page.inner_text("main")


def test_without_script_the_entrance_opens_too(cast, quiz, open_page, enter, live_server):
    sitting = sitting_of(quiz, cast.learner, opens_at=clock.now() + timedelta(seconds=15), late_entry_minutes=20)
    page = enter(open_page(PHONE, java_script_enabled=False), cast.learner)
    page.goto(f"{live_server.url}/sittings/{sitting.pk}/")
    page.click("button:has-text('进入考试')", timeout=60_000)  # the page came again by itself
    assert page.url.rstrip("/").endswith(f"/attempts/{Attempt.objects.get().pk}")


def test_the_whole_exam_by_keyboard(cast, open_sitting, open_page, enter, live_server):
    page = enter(open_page(DESK), cast.learner)
    page.goto(f"{live_server.url}/sittings/{open_sitting.pk}/")

    def reach(what):
        """Tab until that is focused."""
        for _press in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("what => document.activeElement.matches(what)", what):
                return
        pytest.fail(f"no way to {what} by keyboard")

    reach("#enter button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/attempts/*/")
    for item in Attempt.objects.get().items.order_by("position"):
        right = item.item_kind.right(item.shown, item.key)
        name = f"r-{item.pk}"
        if item.kind in {"single", "judge"}:
            values = page.eval_on_selector_all(f"input[name='{name}']", "all => all.map(one => one.value)")
            reach(f"input[name='{name}']")
            page.keyboard.press("Space")
            for _press in range(values.index(right)):
                page.keyboard.press("ArrowDown")
        elif item.kind == "multiple":
            for token in [option["token"] for option in item.shown["options"] if option["token"] in right]:
                reach(f"input[value='{token}']")
                page.keyboard.press("Space")
        elif item.kind == "fill":
            for text in right:
                reach(f"input[name='{name}']")
                page.keyboard.type(text)
        else:
            for name_of_part in page.eval_on_selector_all(f"select[name^='{name}-']", "all => all.map(one => one.name)"):
                wanted = str(right[name_of_part.removeprefix(f"{name}-")])
                places = page.eval_on_selector_all(f"select[name='{name_of_part}'] option", "all => all.map(one => one.value)")
                reach(f"select[name='{name_of_part}']")
                for _press in range(places.index(wanted)):
                    page.keyboard.press("ArrowDown")
    reach("#hand-in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/submit/", timeout=30_000)
    reach("#hand-in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/slip/")
    assert Submission.objects.get().result.percent == 100


def test_what_is_noted_is_what_was_told(entered):
    page, attempt = entered
    fill = attempt.items.get(kind="fill")
    until(page, "() => document.getElementById('status').dataset.state === 'saved'")
    page.eval_on_selector(
        f"input[name='r-{fill.pk}'] >> nth=0",
        """field => {
          const data = new DataTransfer();
          data.setData("text", "公开公开");
          field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
    )
    hide = "state => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, "hidden")
    page.wait_for_timeout(2000)
    page.evaluate(hide, "visible")
    page.evaluate(hide, "hidden")
    page.wait_for_timeout(2000)
    kinds = list(Incident.objects.order_by("pk").values_list("kind", flat=True))
    # The last two happen in one instant here, and are sent in two requests.
    assert kinds[:2] == ["pasted", "left"] and sorted(kinds[2:]) == ["left", "returned"]
    assert Incident.objects.get(kind="pasted").detail | {"ago": 0} == {"length": 4, "question": fill.position, "ago": 0}
    assert Incident.objects.get(kind="returned").detail["away"] in (2, 3)
    assert Presence.objects.get().unacknowledged == 0


HIDE = "state => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); }"


def kinds_noted():
    return list(Incident.objects.order_by("pk").values_list("kind", flat=True))


def noted_after(page, seconds: float) -> list[str]:
    page.wait_for_timeout(seconds * 1000)
    return kinds_noted()


def saved(page):
    until(page, "() => document.getElementById('status').dataset.state === 'saved'")


def second_tab(page):
    """The same attempt in another tab, once both know of each other."""
    second = page.context.new_page()
    second.goto(page.url)
    saved(second)
    second.wait_for_timeout(500)
    return second


def test_a_reload_is_noted_as_a_reload_by_the_page_that_it_names(entered, monkeypatch):
    monkeypatch.setattr(Presence, "RELOAD_WITHIN", -timedelta(seconds=1))
    page, _attempt = entered
    saved(page)
    page.wait_for_timeout(6000)
    page.reload()
    saved(page)
    assert noted_after(page, 7) == ["reloaded"]
    assert Presence.objects.get().gone_at is None


def test_a_page_that_is_closed_and_opened_again_was_left(entered):
    page, attempt = entered
    saved(page)
    other = page.context.new_page()
    other.goto("about:blank")
    page.close()
    other.wait_for_timeout(1000)
    other.goto(f"{_origin(page)}/attempts/{attempt.pk}/")
    saved(other)
    assert noted_after(other, 7) == ["left", "returned"]


def _origin(page) -> str:
    return page.url.split("/attempts/")[0]


def test_a_second_tab_that_is_closed_is_no_leaving(entered):
    page, _attempt = entered
    saved(page)
    second = second_tab(page)
    second.close()
    assert noted_after(page, 7) == []


def test_going_from_one_tab_of_the_exam_to_the_other_is_no_leaving_but_going_elsewhere_is(entered):
    page, _attempt = entered
    saved(page)
    second = second_tab(page)
    page.evaluate(HIDE, "hidden")  # the second is in front
    assert noted_after(page, 3) == []
    second.evaluate(HIDE, "hidden")
    assert noted_after(page, 3) == ["left"]
    page.evaluate(HIDE, "visible")
    second.wait_for_timeout(1000)
    page.wait_for_timeout(500)
    second.close()
    assert "reloaded" not in noted_after(page, 25) and kinds_noted() == ["left", "returned"]


def test_a_visible_tab_that_is_closed_over_a_hidden_one_is_leaving(entered):
    page, _attempt = entered
    saved(page)
    second = second_tab(page)
    page.evaluate(HIDE, "hidden")
    page.wait_for_timeout(2500)
    second.close()  # and something else comes to the front
    assert noted_after(page, 8) == ["left"]


def test_added_minutes_are_shown_while_one_sits(entered, cast, open_sitting):
    page, _attempt = entered
    expect(page.locator("#clock")).to_have_text(re.compile(r"^(20:00|19:\d\d|18:\d\d)$"))
    sittings.extend(sitting=open_sitting, minutes=10, reason="停电", by=cast.hr, at=clock.now())
    expect(page.locator("#added")).to_contain_text("已延长 10 分钟：停电", timeout=60_000)
    expect(page.locator("#clock")).to_have_text(re.compile(r"^2\d:\d\d$"))
    assert "停电" in page.inner_text("#spoken")
    page.reload()
    assert page.locator("#added li").count() == 1


def test_answers_under_way_at_the_end_still_count_in_the_grace(cast, quiz, open_page, enter, live_server):
    now = clock.now()
    sitting = sitting_of(
        quiz, cast.learner, opens_at=now - timedelta(minutes=20), closes_at=now + timedelta(seconds=30), late_entry_minutes=21
    )
    attempt = sittings.enter(person=cast.learner, sitting=sitting, at=now)
    judge = attempt.items.get(kind="judge")
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    page.route("**/answers/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.check(f"input[name='r-{judge.pk}'][value='true']")
    expect(page.locator("#notice")).to_contain_text("时间到", timeout=60_000)
    assert page.is_disabled(f"input[name='r-{judge.pk}'] >> nth=0")
    page.unroute("**/answers/")
    page.wait_for_url("**/slip/", timeout=90_000)
    submission = Submission.objects.get()
    assert (submission.cause, submission.at) == ("time", attempt.shuts_at)
    assert Answer.objects.get().response == "true" and "系统已自动交卷" in page.inner_text("main")


def test_who_waits_for_the_turn_comes_in_though_the_server_was_away_in_between(
    cast, open_sitting, open_page, enter, live_server, monkeypatch
):
    from quizzes.services import entrance

    place = entrance._place
    monkeypatch.setattr(entrance, "_place", lambda person, sitting, at, **more: place(person, sitting, at, **more) + timedelta(seconds=3))
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/sittings/{open_sitting.pk}/")
    page.route("**/door/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    page.click("#enter button")
    expect(page.locator("main")).to_contain_text("请保持本页")
    expect(page.locator("#door-said")).to_contain_text("自动重试", timeout=20_000)
    fits(page)
    assert not Attempt.objects.exists()
    page.unroute("**/door/")
    page.wait_for_url("**/attempts/*/", timeout=60_000)
    assert Attempt.objects.get().person == cast.learner
