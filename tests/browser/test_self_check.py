"""A self-check of a lesson says in the browser what an answer is: right, partly right, or wrong."""

from pathlib import Path

import pytest
from django.template.loader import render_to_string

SCRIPT = Path(__file__).parents[2] / "static/js/courses/lesson.js"
OPTIONS = [True, True, False, False]


@pytest.mark.parametrize(
    ("ticked", "said"),
    [
        ([0, 1], "答对了。"),
        ([0], "部分答对。"),
        ([0, 2], "部分答对。"),
        ([0, 1, 2, 3], "部分答对。"),
        ([2], "不对。"),
        ([2, 3], "不对。"),
        ([], "请先选择答案。"),
    ],
)
def test_a_self_check_says_right_partly_right_and_wrong(open_page, ticked, said):
    options = [{"text": f"选项{number}", "correct": is_right, "feedback": ""} for number, is_right in enumerate(OPTIONS)]
    block = render_to_string("courses/blocks/self_check.html", {"value": {"question": "哪些？", "options": options}, "block_number": 1})
    page = open_page()
    page.set_content(f'<div id="lesson">{block}</div>')
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    for number in ticked:
        page.check(f"input[value='{number}']")
    page.click("[data-check]")
    assert page.inner_text(".check-verdict") == said


PLACE = "[...window.told].filter(([name]) => name === 'position').map(([, value]) => value)"


def test_a_glance_at_the_top_keeps_the_place_of_last_time_and_reading_on_moves_it(open_page):
    """What the script tells of the place: nothing until the first block is left, then the block in view."""
    page = open_page()
    blocks = "".join(f'<p data-block="{number}" id="b-{number}" style="height: 900px">{number}</p>' for number in range(8))
    body = f'<meta charset="utf-8"><div id="lesson" data-place-url="/place/">{blocks}</div>'
    page.route("**/lesson", lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto("http://lesson.test/lesson")
    page.evaluate(
        "() => { window.told = []; navigator.sendBeacon = (url, form) => { window.told.push(...form.entries()); return true; }; }"
    )
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    leave = lambda: page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # noqa: E731
    leave()
    page.mouse.wheel(0, 60)
    leave()
    assert page.evaluate("window.told.some(([name]) => name === 'furthest')") and page.evaluate(PLACE) == []
    page.evaluate("() => document.getElementById('b-6').scrollIntoView()")
    leave()
    page.evaluate("() => window.scrollTo(0, 0)")
    leave()
    assert page.evaluate(PLACE) == ["6", "0"]
