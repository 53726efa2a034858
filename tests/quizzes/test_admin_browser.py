"""Trainers in real browsers: what reloading, going back, sending twice and an ended session make of a form."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from courses.services import catalogues
from quizzes.models import Question, Quiz
from tests.chromium import DESK

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def save(page):
    page.click("footer button[type=submit]:has-text('保存')")
    page.wait_for_load_state("load")


def test_a_form_that_is_reloaded_after_the_colleague_saved_is_saved(cast, quiz, open_page, enter, live_server):
    catalogues.sync_members(county=cast.county)
    Quiz.objects.filter(pk=quiz.pk).update(key="spare")  # no course asks for it, so that it may be changed
    address = f"{live_server.url}/admin/quizzes/edit/{quiz.pk}/"
    mine, theirs = enter(open_page(DESK), cast.trainer), enter(open_page(DESK), cast.admin)
    mine.goto(address)
    theirs.goto(address)
    theirs.fill("#id_pass_percent", "90")
    save(theirs)
    mine.fill("#id_title", "改名的测试")
    save(mine)
    assert "晚于您打开本页" in mine.text_content("main") and mine.input_value("#id_title") == "改名的测试"

    mine.goto(address)
    for minutes in ("31", "32"):  # twice in a row
        mine.fill("#id_minutes", minutes)
        save(mine)
        assert Quiz.objects.get(pk=quiz.pk).minutes == int(minutes)
        mine.goto(address)
    theirs.goto(address)
    mine.fill("#id_minutes", "33")
    save(mine)
    theirs.reload()
    theirs.fill("#id_pass_percent", "91")
    save(theirs)
    mine.go_back()  # to the form that was saved: it comes anew, as it stands now
    assert mine.input_value("#id_pass_percent") == "91"
    mine.fill("#id_minutes", "34")
    save(mine)
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.minutes, standing.pass_percent, standing.title) == (34, 91, quiz.title)


def test_what_a_published_quiz_keeps_cannot_be_typed_in_and_the_rest_is_saved(cast, quiz, open_page, enter, live_server):
    catalogues.sync_members(county=cast.county)
    stood = list(quiz.draws.order_by("pk").values_list())
    page = enter(open_page(DESK), cast.trainer)
    page.goto(f"{live_server.url}/admin/quizzes/edit/{quiz.pk}/")
    for name in ("pass_percent", "minutes", "is_exam", "draws-0-count", "draws-0-kind"):
        assert page.is_disabled(f"#id_{name}"), name
    assert page.locator("#id_draws-ADD:visible, button[id$='-DELETE-button']:visible").count() == 0
    assert page.locator(".is-kept").text_content().count("请复制一份") == 1

    page.fill("#id_title", "改名的测试")
    save(page)
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.title, standing.pass_percent, list(standing.draws.order_by("pk").values_list())) == (
        "改名的测试",
        quiz.pass_percent,
        stood,
    )

    Quiz.objects.filter(pk=quiz.pk).update(key="spare")  # no course asks for it any more
    page.goto(f"{live_server.url}/admin/quizzes/edit/{quiz.pk}/")
    assert page.is_enabled("#id_pass_percent") and page.locator("#id_draws-ADD:visible").count() == 1


def test_a_question_whose_author_was_signed_out_is_there_again_and_forgotten_when_it_is_saved(cast, quiz, open_page, enter, live_server):
    catalogues.sync_members(county=cast.county)
    address = f"{live_server.url}/admin/questions/new/"
    page = enter(open_page(DESK), cast.trainer)
    page.goto(address)
    expect(page.locator("[data-kept]")).to_be_hidden()
    page.fill("#id_code", "Q-长")
    page.fill("#id_course_code", "P01")
    page.select_option("#id_kind", "judge")
    page.fill("#id_stem", "二十个工作日内答复。")
    page.fill("#id_lines", "正确")
    page.check("#id_is_reserved")
    Session.objects.all().delete()
    page.click("footer button[type=submit]")
    page.wait_for_load_state("load")
    assert not Question.objects.filter(code="Q-长").exists()

    enter(page, cast.trainer)
    page.goto(address)
    expect(page.locator("[data-kept]")).to_be_visible()
    assert page.input_value("#id_stem") == "二十个工作日内答复。" and page.input_value("#id_kind") == "judge"
    assert page.is_checked("#id_is_reserved") and page.input_value("#id_lines") == "正确"
    page.click("footer button[type=submit]")
    page.wait_for_url("**/admin/questions/")
    assert Question.objects.get(code="Q-长").is_reserved
    page.goto(address)
    expect(page.locator("[data-kept]")).to_be_hidden()
    assert page.input_value("#id_stem") == ""


def test_what_was_written_on_an_older_version_is_not_brought_back_over_a_newer_one(cast, quiz, open_page, enter, live_server):
    catalogues.sync_members(county=cast.county)
    question = Question.objects.first()
    address = f"{live_server.url}/admin/questions/edit/{question.pk}/"
    page = enter(open_page(DESK), cast.trainer)
    page.goto(address)
    page.fill("#id_explanation", "写到一半")
    Question.objects.filter(pk=question.pk).update(explanation="同事改过")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address)
    assert page.input_value("#id_explanation") == "同事改过"
