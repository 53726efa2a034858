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
