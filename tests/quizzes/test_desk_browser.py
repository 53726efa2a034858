"""A marker in a real browser: what takes long to write is there again after the session has ended."""

import os

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from quizzes.models import MarkingTask, Rating
from tests.chromium import PHONE
from tests.quizzes.test_ratings import sit as essay  # noqa: F401

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_marker_who_was_signed_out_finds_points_and_comment_again(cast, essay, open_page, enter, live_server):  # noqa: F811
    essay()
    task = MarkingTask.objects.get()
    address = live_server.url + reverse("marking_task", args=[task.pk])
    page = enter(open_page(PHONE), cast.trainer)
    page.goto(address)
    assert page.locator("[data-kept]").is_hidden()
    page.fill("[name=points-0]", "6")
    page.fill("[name=points-1]", "3.5")
    page.fill("[name=comment]", "依据写得准")
    Session.objects.all().delete()
    page.click("main form button.btn-primary")
    assert not Rating.objects.exists() and "/marking/" not in page.url.split("?")[0]

    enter(page, cast.trainer)
    page.goto(address)
    expect(page.locator("[data-kept]")).to_be_visible()
    assert page.input_value("[name=points-1]") == "3.5" and page.input_value("[name=comment]") == "依据写得准"
    page.click("main form button.btn-primary")
    page.wait_for_url(f"**{reverse('marking')}")
    assert Rating.objects.get().comment == "依据写得准"


def test_what_one_marker_wrote_is_not_brought_back_to_another(cast, essay, open_page, enter, live_server):  # noqa: F811
    essay()
    address = live_server.url + reverse("marking_task", args=[MarkingTask.objects.get().pk])
    page = enter(open_page(PHONE), cast.trainer)
    page.goto(address)
    page.fill("[name=comment]", "依据写得准")
    page.context.clear_cookies()
    enter(page, cast.reviewer)
    page.goto(address)
    assert page.locator("[data-kept]").is_hidden() and page.input_value("[name=comment]") == ""
