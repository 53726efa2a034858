"""What is written in a form is there again for whoever was signed out over it, and for nobody else."""

import os

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import expect

from evaluation.models import HourClaim
from people.models import Role
from quizzes.models import Quiz
from tests.cast import PASSWORD, grant, person
from tests.chromium import PHONE
from tests.factories import make_course

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
TYPED = {
    "title": "公文写作培训",
    "organiser": "县委党校",
    "starts_on": "2026-06-01",
    "ends_on": "2026-06-01",
    "hours": "4",
    "note": "两个半天",
}
PAPER = {"name": "通知.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"}


def send(page):
    page.click("main form button.btn-primary")


def sign_in_here(page, person):
    """At the page for signing in to which sending led."""
    page.wait_for_url("**/accounts/login/**")
    page.fill("input[name=login]", person.employee_number)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def test_a_claim_survives_the_end_of_the_session_and_is_forgotten_when_it_is_filed(cast, open_page, enter, live_server):
    address = live_server.url + reverse("claim_new")
    page = enter(open_page(PHONE), cast.learner)
    page.goto(address)
    for name, value in TYPED.items():
        page.fill(f"main [name={name}]", value)
    Session.objects.all().delete()
    send(page)
    sign_in_here(page, cast.learner)
    if page.url != address:
        page.goto(address)
    expect(page.locator("[data-kept]")).to_be_visible()
    assert {name: page.input_value(f"main [name={name}]") for name in TYPED} == TYPED

    send(page)  # without evidence: it comes back with what was typed
    expect(page.locator(".error-summary")).to_be_visible()
    assert page.input_value("main [name=note]") == "两个半天"
    page.set_input_files("main [name=files]", [PAPER])
    send(page)
    page.wait_for_url(lambda url: "/new/" not in url)
    assert HourClaim.objects.get().note == "两个半天"
    page.goto(address)
    expect(page.locator("[data-kept]")).to_have_count(0)
    assert page.input_value("main [name=note]") == "" == page.input_value("main [name=title]")


def test_what_hr_wrote_is_kept_for_this_person_of_hr_and_this_address(cast, open_page, enter, live_server):
    address = live_server.url + reverse("correct_hours", args=[cast.learner.pk])
    page = enter(open_page(PHONE), cast.hr)
    page.goto(address)
    page.fill("main [name=hours]", "1.5")
    page.fill("main [name=reason]", "签到表漏登半天")
    Session.objects.all().delete()
    send(page)

    colleague = person("HR0002", "同事", cast.county)
    grant(colleague, Role.HR, cast.county)
    enter(page, colleague)
    page.goto(address)
    assert page.input_value("main [name=reason]") == ""
    page.context.clear_cookies()
    enter(page, cast.hr)
    page.goto(live_server.url + reverse("correct_hours", args=[cast.trainer.pk]))
    assert page.input_value("main [name=reason]") == ""
    page.goto(address)
    assert page.input_value("main [name=reason]") == "签到表漏登半天"


def test_a_sitting_that_was_being_set_up_is_there_again(cast, open_page, enter, live_server):
    make_course(cast.county, quiz_key="p01-final")
    Quiz.objects.update(is_exam=True)
    address = live_server.url + reverse("sitting_new")
    page = enter(open_page(PHONE), cast.hr)
    page.goto(address)
    page.fill("main [name=title]", "年终考试")
    page.fill("main [name=late_entry_minutes]", "17")
    Session.objects.all().delete()
    send(page)
    sign_in_here(page, cast.hr)
    page.goto(address)
    expect(page.locator("[data-kept]")).to_be_visible()
    assert page.input_value("main [name=title]") == "年终考试" and page.input_value("main [name=late_entry_minutes]") == "17"


def test_what_was_written_about_one_matter_comes_back_in_the_form_of_no_other(cast, open_page, enter, live_server):
    address = live_server.url + reverse("correct_hours", args=[cast.learner.pk])
    page = enter(open_page(PHONE), cast.hr)
    page.goto(address + "?entry=1")
    page.fill("main [name=reason]", "签到表漏登半天")
    page.goto(address)
    assert page.input_value("main [name=reason]") == ""
    page.goto(address + "?entry=1")
    assert page.input_value("main [name=reason]") == "签到表漏登半天"
