"""Marks from paper in a real browser: entered, corrected and agreed to on a phone, with nothing wider than it."""

import os

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from quizzes.models import Marking, PaperCorrection
from tests.chromium import DESK, PHONE, fits
from tests.quizzes.test_corrections import second  # noqa: F401
from tests.quizzes.test_paper_marks_doors import sitting  # noqa: F401
from tests.quizzes.test_papers import exam  # noqa: F401

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_two_of_hr_enter_correct_and_agree(cast, second, sitting, open_page, enter, live_server, size):  # noqa: F811
    hr = enter(open_page(size), cast.hr)
    hr.goto(live_server.url + reverse("sitting_candidates", args=[sitting.pk]))
    fits(hr)
    hr.click("text=录入成绩")
    hr.check("input[name=paper] >> nth=0")
    hr.keyboard.press("Enter")
    for position, points in enumerate(("5", "2.5", "5", "0"), start=1):
        hr.fill(f"[name=points-{position}]", points)
    fits(hr)
    hr.click("main button.btn-primary")
    hr.click("text=已录入成绩")
    fits(hr)

    hr.click("main a:has-text('更正成绩')")
    hr.fill("[name=points-4]", "10")
    hr.fill("[name=reason]", "第4题误录为零分")
    assert hr.inner_text("[data-total]") == "22.5"
    fits(hr)
    hr.click("main button.btn-primary")
    expect(hr.locator("main")).to_contain_text("待第二人同意")
    assert hr.locator("main button").count() == 0
    fits(hr)

    other = enter(open_page(size), second)
    other.goto(live_server.url + reverse("sitting_manage", args=[sitting.pk]))
    fits(other)
    other.click("main section a:has-text('张小明')")
    fits(other)
    other.focus("main button.btn-primary")
    other.keyboard.press("Enter")
    expect(other.locator("main")).to_contain_text("更正记录")
    fits(other)
    assert Marking.objects.current().get().passed and PaperCorrection.objects.count() == 1
