"""The start page of the authoring side: what waits for whom, within one's own county."""

import pytest
from django.urls import reverse
from wagtail.log_actions import LogContext, log
from wagtail.models import Task, Workflow, WorkflowPage

from certificates.services import kinds
from certificates.services.kinds import open_review
from courses.filters import offered
from courses.models import CoursePage, LessonPage
from courses.services import catalogues
from home import writing
from tests.cast import grant, person
from tests.factories import make_course


@pytest.fixture
def catalogue(cast):
    return catalogues.open_catalogue(county=cast.county)


def draft(catalogue, code, by, lessons=1):
    """A course with lessons that nobody has submitted."""
    page = catalogue.add_child(instance=CoursePage(code=code, slug=code.lower(), title=f"课程{code}", summary="写", owner=by, live=False))
    page.save_revision(user=by)
    for number in range(1, lessons + 1):
        lesson = page.add_child(instance=LessonPage(title=f"{code}第{number}课", slug=f"l{number}", minutes=9, owner=by, live=False))
        lesson.save_revision(user=by)
        page.refresh_from_db()
    catalogue.refresh_from_db()
    return CoursePage.objects.get(pk=page.pk)


def submitted(catalogue, code, by, lessons=1):
    page = draft(catalogue, code, by, lessons)
    page.get_workflow().start(page, by)
    return page


def titles(groups):
    return [group.title for group in groups]


def test_a_trainer_sees_drafts_what_came_back_and_what_is_under_review(cast, catalogue):
    draft(catalogue, "A01", cast.trainer)
    draft(catalogue, "A02", cast.admin)
    submitted(catalogue, "B01", cast.trainer, lessons=2)
    back = submitted(catalogue, "C01", cast.trainer)
    back.current_workflow_task_state.reject(user=cast.reviewer, comment="请补充依据")

    start = writing.start_of(cast.trainer)

    assert (titles(start.drafts), titles(start.came_back), titles(start.submitted)) == (["课程A01"], ["课程C01"], ["课程B01"])
    assert (start.came_back[0].first.comment, start.came_back[0].first.who) == ("请补充依据", cast.reviewer)
    assert [lesson.title for lesson in start.submitted[0].lessons] == ["B01第1课", "B01第2课"]
    assert (start.reviews, start.waiting) == (False, [])


def test_a_reviewer_sees_what_waits_and_what_another_has_to_approve(cast, catalogue):
    submitted(catalogue, "B01", cast.trainer)
    submitted(catalogue, "B02", cast.reviewer)

    start = writing.start_of(cast.reviewer)

    assert [(group.title, group.first.is_own, group.first.who) for group in start.waiting] == [
        ("课程B01", False, cast.trainer),
        ("课程B02", True, cast.reviewer),
    ]
    assert start.reviews


def test_nothing_of_another_county_is_shown(cast, catalogue):
    submitted(catalogue, "B01", cast.trainer)
    draft(catalogue, "A01", cast.trainer)
    make_course(cast.county, code="P01")
    stranger = person("DY20001", "外县教员", cast.other_county)
    for role in ("trainer", "reviewer"):
        grant(stranger, role, cast.other_county)
    catalogues.open_catalogue(county=cast.other_county)

    start = writing.start_of(stranger)

    assert start.reviews
    assert not any((start.waiting, start.drafts, start.came_back, start.submitted, start.recent))


@pytest.mark.parametrize("who", ["trainer", "reviewer", "admin"])
def test_no_filter_of_the_admin_names_anybody_of_another_county(cast, catalogue, sign_in, who):
    draft(catalogue, "A01", cast.trainer)
    theirs = catalogues.open_catalogue(county=cast.other_county)
    stranger = person("DY20001", "外县教员", cast.other_county)
    for role in ("trainer", "reviewer"):
        grant(stranger, role, cast.other_county)
    page = submitted(theirs, "B01", stranger)
    page.locked, page.locked_by = True, stranger
    page.save()
    with LogContext(user=stranger):
        log(instance=page, action="wagtail.edit")
    client = sign_in(getattr(cast, who))
    report = "wagtailadmin_reports:"
    doors = [reverse("wagtailadmin_explore", args=[catalogue.pk])]
    doors += [reverse(report + name) for name in ("site_history", "workflow", "workflow_tasks", "aging_pages")]
    doors += [reverse(report + "locked_pages")] if who != "trainer" else []
    for door in doors:
        answer = client.get(door)
        assert answer.status_code == 200, door
        assert not [word for word in ("外县教员", "大姚县", "DY20001") if word in answer.text], door
    assert "课程审核" in client.get(reverse(report + "workflow")).text, "one's own workflow is offered"


def test_filters_offer_the_workflow_that_all_counties_share_and_each_one_once(cast, catalogue):
    shared = open_review()
    bound = Workflow.objects.get(workflow_pages__page=catalogue)
    theirs = catalogues.open_catalogue(county=cast.other_county)
    other = Workflow.objects.create(name="外县审核")
    WorkflowPage.objects.filter(page=theirs).update(workflow=other)
    assert set(offered(Workflow.objects.all(), cast.reviewer)) == {shared, bound}
    assert offered(Workflow.objects.all(), cast.reviewer).get(pk=shared.pk) == shared
    tasks = offered(Task.objects.all(), cast.reviewer)
    assert {task.pk for task in tasks} == {task.pk for workflow in (shared, bound) for task in workflow.tasks}
    both = reviewer_of_both(cast)
    WorkflowPage.objects.filter(page=theirs).update(workflow=bound)
    assert offered(Workflow.objects.all(), both).get(pk=bound.pk) == bound, "bound to two catalogues, offered once"


def reviewer_of_both(cast):
    both = person("YA90009", "两县审", cast.county)
    for county in (cast.county, cast.other_county):
        grant(both, "reviewer", county)
        catalogues.sync_members(county=county)
    return both


def test_the_history_of_a_certificate_kind_offers_hr_the_second_officer_and_nobody_of_another_county(cast, sign_in):
    kind = kinds.ensure_kinds(cast.county)[0]
    second = person("YA10020", "金二", cast.county)
    grant(second, "hr", cast.county)
    kinds.sync_editors()
    for by in (second, cast.other_hr):
        with LogContext(user=by):
            log(instance=kind, action="wagtail.edit")
    page = sign_in(cast.hr).get(reverse("wagtailsnippets_certificates_certificatekind:history", args=[kind.pk]))
    assert page.status_code == 200
    users = page.context["filters"].form.fields["user"].queryset
    assert second in users and cast.other_hr not in users


def test_a_changed_lesson_of_a_live_course_is_a_draft_under_its_courses_name(cast, catalogue):
    course = make_course(cast.county)
    lesson = LessonPage.objects.child_of(course.page).last()
    lesson.title = "改写中"
    lesson.save_revision(user=cast.trainer)

    (group,) = writing.start_of(cast.trainer).drafts

    assert (group.title, [item.title for item in group.items]) == ("课程P01", ["改写中"])


def test_the_queries_do_not_grow_with_the_pages(cast, catalogue, django_assert_num_queries, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for code in ("A01", "B01"):
        draft(catalogue, code, cast.trainer)
        submitted(catalogue, f"S{code}", cast.trainer)
    with CaptureQueriesContext(
        connection,
    ) as few:
        writing.start_of(type(cast.reviewer).objects.get(pk=cast.reviewer.pk))
    for number in range(6):
        draft(catalogue, f"D{number}", cast.reviewer, lessons=2)
        submitted(catalogue, f"E{number}", cast.trainer, lessons=2)
    with django_assert_max_num_queries(len(few) + 1):  # the drafts of the reviewer are new
        start = writing.start_of(type(cast.reviewer).objects.get(pk=cast.reviewer.pk))
    assert len(start.waiting) == 8


# the page


def shown(client):
    answer = client.get(reverse("wagtailadmin_home"))
    assert answer.status_code == 200
    return answer.text


def test_the_start_page_is_the_products_own(cast, catalogue, sign_in):
    make_course(cast.county, code="P01")
    make_course(cast.other_county, code="X01")
    page = shown(sign_in(cast.trainer))
    for words in ("新建课程", "题库", "导入试题", "我的草稿", "您没有草稿", "最近发布", "课程P01", "1 门课程", "政务公开学习与认证平台"):
        assert words in page, words
    for words in ("课程X01", "wagtail.org", "待我审核", "icon-wagtail"):
        assert words not in page, words


@pytest.mark.django_db(transaction=True)
def test_an_edition_that_came_by_a_withdrawal_is_not_called_approved(cast, sign_in):
    course = make_course(cast.county, lessons=2)
    client = sign_in(cast.reviewer)
    client.post(reverse("wagtailadmin_pages:unpublish", args=[course.page.get_children().first().pk]))
    course.refresh_from_db()
    assert course.current.number == 2
    page = shown(client)
    assert "吴审发布" in page and "吴审批准" not in page


def test_each_role_reads_what_to_do_when_there_is_nothing(cast, catalogue, sign_in):
    assert "没有等待您审核的内容" in shown(sign_in(cast.reviewer))
    assert "还没有发布课程" in shown(sign_in(cast.trainer))
    assert "新建课程" in shown(sign_in(cast.admin))


def test_an_author_of_a_county_without_a_catalogue_is_told_whom_to_ask(cast, catalogue, sign_in):
    from django.contrib.auth.models import Group

    cast.learner.groups.add(Group.objects.get(name__startswith="教员"))
    Group.objects.get(name__startswith="教员").page_permissions.all().delete()
    assert "还没有您可以编写的课程目录" in shown(sign_in(cast.learner))


def test_the_menu_leads_back_and_to_no_other_server(cast, catalogue, sign_in):
    page = shown(sign_in(cast.trainer))
    assert reverse("my_learning") in page
    assert "whats-new" not in page
    assert "editor-guide" not in page


def test_own_settings_ask_for_no_name_and_no_face(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    page = client.get(reverse("wagtailadmin_account")).text
    assert "first_name" not in page
    assert "avatar" not in page.split("<main")[1]
    assert (
        client.post(
            reverse("wagtailadmin_account"),
            {
                "notifications-approved_notifications": "on",
                "locale-preferred_language": "",
                "theme-theme": "dark",
                "theme-contrast": "system",
                "theme-density": "default",
            },
        ).status_code
        == 302
    )
    cast.trainer.refresh_from_db()
    assert cast.trainer.wagtail_userprofile.theme == "dark"


def test_the_search_of_pages_says_what_its_rows_are(cast, catalogue, sign_in):
    for number in range(2):
        make_course(cast.county, code=f"S{number}")

    page = sign_in(cast.trainer).get(reverse("wagtailadmin_pages:search"))

    assert "None：" not in page.text
    assert "页面：第1至" in page.text
