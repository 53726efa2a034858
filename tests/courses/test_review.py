"""Two people stand behind what learners read: one submits, another approves. No button, role or back door goes round it."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse
from wagtail.models import Page, WorkflowState

from core import clock
from core.errors import Refused
from courses.models import Course, CoursePage, Edition, LessonPage, ReviewTask
from courses.services import catalogues, reviews
from tests.cast import PASSWORD, grant, person
from tests.courses.test_authoring import add, body_post, course_post, edit, lesson_post
from tests.factories import make_course
from tests.quizzes.test_races import together

IN_REVIEW = WorkflowState.STATUS_IN_PROGRESS


@pytest.fixture
def catalogue(cast):
    return catalogues.open_catalogue(county=cast.county)


@pytest.fixture
def second(cast, catalogue):
    """A second reviewer of the county."""
    someone = person("YA10012", "何二审", cast.bureau)
    grant(someone, "reviewer", cast.county)
    catalogues.sync_members(county=cast.county)
    return someone


@pytest.fixture
def superuser(cast):
    return type(cast.admin).objects.create_superuser("ROOT", PASSWORD, name="超级")


@pytest.fixture
def draft(cast, catalogue, sign_in):
    """A course of the trainer with two lessons; nothing of it submitted."""
    return write(sign_in(cast.trainer), catalogue)


def write(client, catalogue):
    add(client, "coursepage", catalogue, course_post())
    page = CoursePage.objects.get(code="W01")
    for number, slug in enumerate(("one", "two"), start=1):
        add(client, "lessonpage", page, lesson_post(title=f"第{number}节", slug=slug))
    return CoursePage.objects.get(code="W01")


def submit(client, page):
    assert edit(client, page, course_post(**{"action-submit": "1"})).status_code == 302
    page = CoursePage.objects.get(pk=page.pk)
    assert page.workflow_in_progress
    return page


def act(client, page, action="approve", comment="", seen=None):
    """Decide in the window of its button; `seen`: what it showed when it was opened, else what stands now."""
    page = Page.objects.get(pk=page.pk)
    address = reverse("wagtailadmin_pages:workflow_action", args=[page.pk, action, page.current_workflow_task_state.pk])
    return client.post(address, {"comment": comment, "seen": reviews.seen_in(page) if seen is None else seen})


def approving(page, **facts):
    """What the editor posts whose button approves."""
    page = Page.objects.get(pk=page.pk)
    seen = reviews.seen_in(page)
    data = {"action-workflow-action": "1", "workflow-action-name": "approve", "opened_on": seen}
    return course_post(**facts, **data, **{"workflow-action-extra-data": json.dumps({"comment": "", "seen": seen})})


def lessons_of(page):
    return list(LessonPage.objects.child_of(page).order_by("path"))


@pytest.mark.parametrize(("decision", "words"), [("approve", "学员现在就能读到"), ("reject", "已退回作者")])
def test_after_a_decision_the_reviewer_reads_what_was_decided(cast, draft, sign_in, decision, words):
    page = submit(sign_in(cast.trainer), draft)
    client, form = sign_in(cast.reviewer), approving(page) | {"workflow-action-name": decision}
    assert words in client.post(reverse("wagtailadmin_pages:edit", args=[page.pk]), form, follow=True).text


# a page is decided once


def test_a_second_approval_finds_the_first_and_writes_nothing_over_it(cast, draft, second, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    form, address = approving(page), reverse("wagtailadmin_pages:edit", args=[page.pk])
    client = sign_in(second)
    assert client.post(address, form).status_code == 302
    standing = Page.objects.filter(pk=page.pk).values().get()
    told = client.post(address, form, follow=True)
    assert "已经处理过" in told.text
    assert standing["live"] and Page.objects.filter(pk=page.pk).values().get() == standing and Edition.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
@pytest.mark.parametrize("door", ["editor", "window"])
def test_four_approvals_at_the_same_moment_publish_once_and_leave_the_course_whole(cast, draft, second, sign_in, door):
    page = submit(sign_in(cast.trainer), draft)
    form, address = approving(page), reverse("wagtailadmin_pages:edit", args=[page.pk])
    if door == "window":
        state = Page.objects.get(pk=page.pk).current_workflow_task_state
        form = {"comment": "", "seen": reviews.seen_in(page)}
        address = reverse("wagtailadmin_pages:workflow_action", args=[page.pk, "approve", state.pk])
    clients = []
    for _number in range(4):
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = sign_in(second).cookies[settings.SESSION_COOKIE_NAME].value
        clients.append(client)
    statuses = [answer.status_code for answer in together(*[lambda one=one: one.post(address, form) for one in clients])]
    assert set(statuses) <= {200, 302}, statuses
    page = CoursePage.objects.get(pk=page.pk)
    assert page.live and not page.has_unpublished_changes and not page.workflow_in_progress
    assert Edition.objects.count() == 1 and Course.objects.get().is_open


def test_a_course_is_not_published_with_a_due_day_that_is_over(cast, draft, sign_in):
    client = sign_in(cast.trainer)
    over = (clock.today() - timedelta(days=1)).isoformat()
    refused = edit(client, draft, course_post(due_on=over))
    assert refused.status_code == 200 and "已经过去" in refused.text and CoursePage.objects.get(pk=draft.pk).due_on is None
    edit(client, draft, course_post(due_on=clock.today().isoformat()))


# nobody publishes by a button


@pytest.mark.parametrize("who", ["trainer", "reviewer", "admin", "superuser"])
def test_nobody_publishes_what_was_not_submitted(cast, draft, superuser, sign_in, who):
    client = sign_in(superuser if who == "superuser" else getattr(cast, who))
    edit(client, draft, course_post(**{"action-publish": "1"}))
    for lesson in lessons_of(draft):
        edit(client, lesson, lesson_post(title=lesson.title, slug=lesson.slug, **{"action-publish": "1"}))
    add(client, "lessonpage", draft, lesson_post(slug="three", **{"action-publish": "1"}))
    client.post(reverse("wagtail_bulk_action", args=["wagtailcore", "page", "publish"]) + f"?id={draft.pk}", {"include_descendants": "on"})
    copied = {
        "new_title": "抄",
        "new_slug": "copy",
        "new_parent_page": draft.get_parent().pk,
        "publish_copies": "on",
        "copy_subpages": "on",
    }
    client.post(reverse("wagtailadmin_pages:copy", args=[draft.pk]), copied)

    assert not Page.objects.descendant_of(draft.get_parent()).filter(live=True).exists()
    assert not Course.objects.exists()
    assert 'name="action-publish"' not in client.get(reverse("wagtailadmin_pages:edit", args=[draft.pk])).text


@pytest.mark.parametrize("who", ["trainer", "reviewer", "admin"])
def test_code_that_publishes_for_a_person_needs_the_approval_too(cast, draft, who):
    with pytest.raises(Refused) as refusal:
        draft.get_latest_revision().publish(user=getattr(cast, who), skip_permission_checks=True)
    assert refusal.value.code == "not_approved"


def test_an_approval_is_good_for_what_was_approved_only(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    act(sign_in(cast.reviewer), page)
    page = CoursePage.objects.get(pk=page.pk)
    page.title = "后来改的"
    later = page.save_revision(user=cast.trainer)
    with pytest.raises(Refused) as refusal:
        later.publish(user=cast.reviewer)
    assert refusal.value.code == "not_approved"
    assert Course.objects.get().current.title == "写出来的课"


# nobody approves what they submitted or wrote


@pytest.mark.parametrize("author", ["reviewer", "superuser"])
def test_who_submitted_does_not_approve(cast, catalogue, second, superuser, sign_in, author):
    author = superuser if author == "superuser" else cast.reviewer
    client = sign_in(author)
    page = submit(client, write(client, catalogue))
    act(client, page)
    edit(client, page, approving(page))
    assert not Course.objects.exists()
    with pytest.raises(Refused) as refusal:
        page.current_workflow_task_state.approve(user=author)
    assert refusal.value.code == "own_work"

    act(sign_in(second), page)
    assert Course.objects.get().current.published_by == second


def test_a_reviewer_who_changes_what_is_under_review_leaves_the_approval_to_another(cast, draft, second, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    client = sign_in(cast.reviewer)
    assert edit(client, page, course_post(title="审核人改的")).status_code == 302
    act(client, page)
    assert not Course.objects.exists()
    act(sign_in(second), page)
    assert Course.objects.get().current.title == "审核人改的"


def test_changing_and_approving_in_one_step_is_refused_in_the_form(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    answer = edit(sign_in(cast.reviewer), page, approving(page, title="顺手改的"))
    assert answer.status_code == 200
    assert "须由另一位审核人批准" in answer.text
    assert "顺手改的" in answer.text
    assert not Course.objects.exists()


def test_approving_from_the_editor_publishes_what_was_submitted(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    edit(sign_in(cast.reviewer), page, approving(page))
    assert Course.objects.get().current.published_by == cast.reviewer


@pytest.mark.parametrize("changed", ["course", "lesson"])
@pytest.mark.parametrize("door", ["window", "editor"])
def test_what_was_changed_after_it_was_opened_is_not_approved(cast, draft, second, sign_in, door, changed):
    page = submit(sign_in(cast.trainer), draft)
    window, editor = reviews.seen_in(page), approving(page)
    last = lessons_of(page)[-1]
    if changed == "course":
        edit(sign_in(second), page, course_post(title="换过的"))
    else:
        edit(sign_in(second), last, lesson_post(title="换过的", slug=last.slug))

    client = sign_in(cast.reviewer)
    refused = act(client, page, seen=window) if door == "window" else edit(client, page, editor)
    assert refused.status_code == (409 if door == "window" else 200)
    assert f"《换过的》在您打开之后被{second.name}修改" in refused.text
    assert not Course.objects.exists() and Page.objects.get(pk=page.pk).workflow_in_progress
    written = page if changed == "course" else last
    assert Page.objects.get(pk=written.pk).get_latest_revision_as_object().title == "换过的", "nothing was saved over it"

    act(client, page)  # looked at again
    course = Course.objects.get()
    assert "换过的" in [course.current.title, *(lesson.title for lesson in course.current.lessons.all())]


def test_an_approval_that_does_not_say_of_what_is_refused(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    client = sign_in(cast.reviewer)
    assert act(client, page, seen="").status_code == 409
    assert edit(client, page, approving(page) | {"opened_on": ""}).status_code == 200
    assert edit(client, page, approving(page) | {"workflow-action-extra-data": "{}"}).status_code == 409
    assert not Course.objects.exists()


def test_a_lesson_that_was_submitted_after_it_was_opened_is_not_approved_unseen(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    seen, client = reviews.seen_in(page), sign_in(cast.trainer)
    add(client, "lessonpage", page, lesson_post(title="后加的", slug="late", **{"action-submit": "1"}))
    refused = act(sign_in(cast.reviewer), page, seen=seen)
    assert refused.status_code == 409 and "《后加的》" in refused.text and not Course.objects.exists()


def test_window_and_editor_carry_what_they_show(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    client, seen = sign_in(cast.reviewer), reviews.seen_in(page)
    assert len(seen.split()) == 3, "the course and its two lessons"
    for door in ("workflow_action", "collect_workflow_action_data"):
        window = client.get(reverse(f"wagtailadmin_pages:{door}", args=[page.pk, "approve", page.current_workflow_task_state.pk])).json()
        assert f'name="seen" value="{seen}"' in window["html"]
        assert "第2节" in window["html"] and cast.trainer.name in window["html"]
    assert f'name="opened_on" value="{seen}"' in client.get(reverse("wagtailadmin_pages:edit", args=[page.pk])).text
    one = lessons_of(page)[0]
    assert f'name="opened_on" value="{reviews.seen_in(one)}"' in client.get(reverse("wagtailadmin_pages:edit", args=[one.pk])).text


def test_what_an_approval_is_of_takes_the_same_queries_however_many_lessons(cast, draft, sign_in, django_assert_num_queries):
    client = sign_in(cast.trainer)
    for number in range(3, 7):
        add(client, "lessonpage", draft, lesson_post(title=f"第{number}节", slug=f"l{number}"))
    page = Page.objects.get(pk=submit(client, draft).pk)
    with django_assert_num_queries(5):
        assert len(reviews.shown_by(page)) == 7


def test_a_comment_in_the_margin_is_no_change_of_the_text(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    page.save_revision(user=cast.reviewer)
    assert reviews.objections(page=page, by=cast.reviewer) == []
    act(sign_in(cast.reviewer), page)
    assert Course.objects.get().current.published_by == cast.reviewer


def test_after_it_came_back_and_was_submitted_again_the_reviewer_may_approve_what_she_had_touched(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    edit(sign_in(cast.reviewer), page, course_post(title="审核人改的"))
    act(sign_in(cast.reviewer), page, "reject", "请核对第二十六条")
    submit(sign_in(cast.trainer), page)
    act(sign_in(cast.reviewer), page)
    assert Course.objects.get().is_open, "the trainer stands behind the text again"


def test_one_lesson_of_the_reviewers_own_holds_up_the_course_and_is_named(cast, draft, second, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    last = lessons_of(page)[-1]
    edit(sign_in(cast.reviewer), last, lesson_post(title="审核人写的一节", slug=last.slug))
    assert [objection.code for objection in reviews.objections(page=page, by=cast.reviewer)] == ["own_work"]
    with pytest.raises(Refused, match="审核人写的一节"):
        page.current_workflow_task_state.approve(user=cast.reviewer)
    assert not Page.objects.get(pk=page.pk).live, "all or nothing"
    act(sign_in(second), page)
    assert Course.objects.get().current.lessons.count() == 2


@pytest.mark.parametrize("who", ["trainer", "admin", "hr", "learner"])
def test_only_reviewers_approve(cast, draft, sign_in, who):
    page = submit(sign_in(cast.trainer), draft)
    act(sign_in(getattr(cast, who)), page)
    assert not Course.objects.exists()


def test_a_reviewer_of_another_county_does_not_approve(cast, draft, sign_in):
    stranger = person("DY20002", "外县审核", cast.other_county)
    grant(stranger, "reviewer", cast.other_county)
    catalogues.open_catalogue(county=cast.other_county)
    page = submit(sign_in(cast.trainer), draft)
    act(sign_in(stranger), page)
    assert not Course.objects.exists()


# a course and its lessons


def test_a_lesson_that_was_added_after_the_submission_is_not_swept_along(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    add(sign_in(cast.trainer), "lessonpage", page, lesson_post(title="后加的", slug="late"))
    act(sign_in(cast.reviewer), page)
    assert [lesson.title for lesson in Course.objects.get().current.lessons.all()] == ["第1节", "第2节"]


def test_what_comes_back_comes_back_with_its_lessons_and_goes_again_with_them(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    act(sign_in(cast.reviewer), page, "reject", "请补充依据")
    assert [lesson.current_workflow_state.status for lesson in lessons_of(page)] == ["needs_changes"] * 2
    client = sign_in(cast.trainer)
    first = lessons_of(page)[0]
    assert edit(client, first, lesson_post(title="改好的", slug=first.slug)).status_code == 302
    page = submit(client, page)
    assert [lesson.current_workflow_state.status for lesson in lessons_of(page)] == [IN_REVIEW] * 2
    act(sign_in(cast.reviewer), page)
    assert [lesson.title for lesson in Course.objects.get().current.lessons.all()] == ["改好的", "第2节"]
    assert Edition.objects.count() == 1


def test_a_course_with_its_lessons_is_one_letter(cast, draft, sign_in, mailoutbox):
    page = submit(sign_in(cast.trainer), draft)
    assert [(letter.to, "写出来的课" in letter.body) for letter in mailoutbox] == [([cast.reviewer.email], True)]
    act(sign_in(cast.reviewer), page, "reject", "请补充依据")
    assert [letter.to for letter in mailoutbox[1:]] == [[cast.trainer.email]]
    assert "请补充依据" in mailoutbox[1].body
    page = submit(sign_in(cast.trainer), page)
    act(sign_in(cast.reviewer), page)
    assert [letter.to for letter in mailoutbox[2:]] == [[cast.reviewer.email], [cast.trainer.email]]


def test_a_lesson_of_its_own_is_a_letter_too(cast, sign_in, mailoutbox):
    lesson = lessons_of(make_course(cast.county).page)[0]
    edit(sign_in(cast.trainer), lesson, lesson_post(slug=lesson.slug, **{"action-submit": "1"}))
    assert [letter.to for letter in mailoutbox] == [[cast.reviewer.email]]


def test_withdrawing_a_submission_withdraws_its_lessons(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    page.current_workflow_state.cancel(user=cast.trainer)
    assert not any(lesson.workflow_in_progress for lesson in lessons_of(page))


def test_a_lesson_submitted_on_its_own_stays_in_review_when_its_course_comes_back(cast, sign_in):
    course = make_course(cast.county)
    lesson = lessons_of(course.page)[0]
    edit(sign_in(cast.trainer), lesson, lesson_post(title="先提交的", slug=lesson.slug, **{"action-submit": "1"}))
    page = course.page
    page.save_revision(user=cast.trainer)
    page.get_workflow().start(page, cast.trainer)
    page.current_workflow_task_state.reject(user=cast.reviewer)
    assert lessons_of(page)[0].workflow_in_progress


def test_the_trainer_orders_the_lessons_and_learners_see_it_after_the_next_approval(cast, sign_in, django_capture_on_commit_callbacks):
    course = make_course(cast.county, lessons=3, quiz_key="p01-final")
    lesson = lessons_of(course.page)[2]
    with django_capture_on_commit_callbacks(execute=True):
        answer = sign_in(cast.trainer).post(reverse("wagtailadmin_pages:set_page_position", args=[lesson.pk]) + "?position=0")
    assert answer.status_code == 200
    assert [each.title for each in lessons_of(course.page)] == ["第3课", "第1课", "第2课"]
    assert Edition.objects.count() == 1
    CoursePage.objects.get(pk=course.page_id).save_revision().publish()
    assert Course.objects.get().current.lessons.first().title == "第3课"


def test_lessons_keep_their_order_while_their_course_is_under_review(cast, draft, sign_in):
    page = submit(sign_in(cast.trainer), draft)
    sign_in(cast.trainer).post(reverse("wagtailadmin_pages:set_page_position", args=[lessons_of(page)[1].pk]) + "?position=0")
    assert [lesson.slug for lesson in lessons_of(page)] == ["one", "two"]


def test_a_reviewer_withdraws_a_course_and_a_trainer_does_not(cast, sign_in):
    course = make_course(cast.county)
    address = reverse("wagtailadmin_pages:unpublish", args=[course.page_id])
    sign_in(cast.trainer).post(address)
    assert Course.objects.get().is_open
    sign_in(cast.reviewer).post(address)
    assert not Course.objects.get().is_open


@pytest.mark.django_db(transaction=True)
def test_who_withdraws_the_lesson_that_a_course_cannot_do_without_is_told_that_learners_still_see_it(cast, sign_in):
    course = make_course(cast.county, lessons=2)
    client, (first, last) = sign_in(cast.reviewer), lessons_of(Page.objects.get(pk=course.page_id))
    done = client.post(reverse("wagtailadmin_pages:unpublish", args=[first.pk]), follow=True)
    assert "学员仍能看到" not in done.text and Course.objects.get().current.lessons.count() == 1
    done = client.post(reverse("wagtailadmin_pages:unpublish", args=[last.pk]), follow=True)
    assert f"学员仍能看到《{last.title}》" in done.text and Course.objects.get().current.lessons.get().slug == last.slug


def quiz_course(cast):
    """A course in three lessons whose last one holds the quiz; the edition that stands, and the lessons."""
    course = make_course(cast.county, lessons=3, quiz_key="p01-final")
    assert list(course.current.requirements.filter(kind="quiz").values_list("key", flat=True)) == ["p01-final"]
    return course, course.current, lessons_of(Page.objects.get(pk=course.page_id))


@pytest.mark.django_db(transaction=True)
def test_who_withdraws_another_lesson_after_that_of_the_quiz_reads_which_quiz_holds_it(cast, sign_in):
    _course, standing, (first, _second, last) = quiz_course(cast)
    client = sign_in(cast.reviewer)
    for lesson in (last, first):
        done = client.post(reverse("wagtailadmin_pages:unpublish", args=[lesson.pk]), follow=True)
        title = standing.requirements.get(kind="quiz").title
        assert f"学员仍能看到《{lesson.title}》" in done.text and "将失去测试“" + title in done.text
        assert "最后一个课节" not in done.text
    assert Course.objects.get().current == standing


@pytest.mark.django_db(transaction=True)
def test_who_moves_the_lesson_of_the_quiz_away_is_told_that_learners_still_see_it(cast, sign_in):
    _course, standing, (*_others, last) = quiz_course(cast)
    other = make_course(cast.county, code="P02", lessons=1)
    root = person("YA90001", "根管理", cast.bureau, is_superuser=True)
    address = reverse("wagtailadmin_pages:move_confirm", args=[last.pk, other.page_id])
    done = sign_in(root).post(address, follow=True)
    assert Page.objects.get(pk=last.pk).get_parent().pk == other.page_id
    assert f"学员仍能看到《{last.title}》" in done.text and "将失去测试" in done.text
    assert Course.objects.get(code="P01").current == standing


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", ["window", "editor"])
def test_the_approval_of_another_lesson_takes_no_quiz_away_with_the_one_that_was_withdrawn(cast, sign_in, door):
    course, standing, (first, _second, last) = quiz_course(cast)
    client = sign_in(cast.reviewer)
    client.post(reverse("wagtailadmin_pages:unpublish", args=[last.pk]))
    edit(sign_in(cast.trainer), first, lesson_post(title="改了错字", slug=first.slug, **{"action-submit": "1"}))
    client = sign_in(cast.reviewer)
    if door == "window":
        act(client, first)
        told = client.get(reverse("wagtailadmin_explore", args=[course.page_id])).text
    else:
        seen = reviews.seen_in(Page.objects.get(pk=first.pk))
        data = {"action-workflow-action": "1", "workflow-action-name": "approve", "opened_on": seen}
        draft = Page.objects.get(pk=first.pk).get_latest_revision_as_object()
        data |= body_post(text=draft.body.raw_data[0]["value"]) | {"body-0-id": draft.body.raw_data[0]["id"]}
        data["workflow-action-extra-data"] = json.dumps({"comment": "", "seen": seen})
        told = client.post(
            reverse("wagtailadmin_pages:edit", args=[first.pk]), lesson_post(title="改了错字", slug=first.slug, **data), follow=True
        ).text
        assert "学员现在就能读到" not in told
    assert Page.objects.get(pk=first.pk).title == "改了错字"
    assert "学员仍学习上一版次" in told and "将失去测试" in told
    assert Course.objects.get().current == standing

    last = Page.objects.get(pk=last.pk).specific
    last.save_revision(user=cast.trainer)
    last.get_workflow().start(last, cast.trainer)
    act(client, last)
    course = Course.objects.get()
    assert course.current != standing and course.current.requirements.filter(kind="quiz").exists()
    assert "改了错字" in [lesson.title for lesson in course.current.lessons.all()]


@pytest.mark.django_db(transaction=True)
def test_an_approval_takes_the_quiz_out_of_the_lesson_that_it_is_of(cast):
    course, standing, (*_others, last) = quiz_course(cast)
    last.body = [("text", "<p>不再测试</p>")]
    last.save_revision(user=cast.trainer)
    last.get_workflow().start(last, cast.trainer)
    Page.objects.get(pk=last.pk).current_workflow_task_state.approve(user=cast.reviewer)
    course = Course.objects.get()
    assert course.current != standing and not course.current.requirements.filter(kind="quiz").exists()


# codes, addresses, quizzes of other counties


def test_two_drafts_cannot_have_one_code(cast, draft, sign_in):
    answer = add(sign_in(cast.trainer), "coursepage", draft.get_parent(), course_post(slug="other", title="另一门"))
    assert answer.status_code == 200
    assert "已被本县课程《写出来的课》使用" in answer.text
    assert edit(sign_in(cast.trainer), draft, course_post(title="写出来的课")).status_code == 302, "its own code is no twin"


def test_drafts_without_a_code_yet_are_saved(cast, catalogue, sign_in):
    for slug in ("a", "b"):
        assert add(sign_in(cast.trainer), "coursepage", catalogue, course_post(slug=slug, code="")).status_code == 302


def test_the_code_of_a_published_course_stays_and_its_draft_says_so(cast, sign_in):
    course = make_course(cast.county)
    answer = edit(sign_in(cast.trainer), course.page, course_post(slug=course.page.slug, code="Z99"))
    assert answer.status_code == 200
    assert "P01" in answer.text
    assert "code" in answer.context["form"].errors


def test_lessons_whose_addresses_are_alike_when_shortened_are_told_apart(cast):
    from courses import outlines

    course = make_course(cast.county, lessons=3, quiz_key="p01-final")
    lessons = lessons_of(course.page)
    for lesson, slug in zip(lessons, ("很" * 90, "很" * 85, "enrol"), strict=True):
        lesson.slug = slug
    slugs = [lesson.slug for lesson in outlines.of_page(course.page, lessons).lessons]
    assert slugs == ["很" * 80, f"{'很' * 76}-1", "enrol-1"]


# groups, collection and review are bound to their county, not found by name


def test_a_county_that_changes_its_name_keeps_its_groups_collection_and_review(cast, catalogue):
    collection, groups = catalogues.collection_of(cast.county), list(cast.reviewer.groups.all())
    collection.name = "图片库"
    collection.save()
    cast.county.short_name = "新姚安县"
    cast.county.save()
    catalogues.open_catalogue(county=cast.county)
    assert catalogues.collection_of(cast.county) == collection
    assert list(cast.reviewer.groups.all()) == groups
    assert ReviewTask.objects.count() == 1


def test_a_collection_of_the_same_name_is_not_taken_for_the_countys(cast, catalogue):
    own = catalogues.collection_of(cast.county)
    twin = own.get_parent().add_child(name=own.name)
    assert catalogues.is_in_collection_of(cast.county.path, own)
    assert not catalogues.is_in_collection_of(cast.county.path, twin)
    assert not catalogues.is_in_collection_of(cast.other_county.path, own)


def test_an_administrator_writes_and_submits_but_does_not_review(cast, catalogue, sign_in):
    client = sign_in(cast.admin)
    assert client.get(reverse("wagtailadmin_home")).status_code == 200
    page = submit(client, write(client, catalogue))
    with pytest.raises((PermissionDenied, Refused)):
        page.current_workflow_task_state.approve(user=cast.admin)
    assert not page.permissions_for_user(cast.admin).can_unpublish()


def test_an_administrator_of_before_gets_the_door_by_reconcile(cast, catalogue):
    from core import clock
    from courses.models import AuthorGroup

    kept = AuthorGroup.objects.get(county=cast.county, role="administrator")
    group = kept.group
    kept.delete()
    group.delete()
    assert not type(cast.admin).objects.get(pk=cast.admin.pk).has_perm("wagtailadmin.access_admin")
    for gap in catalogues.gaps(clock.now()):
        gap.mend()
    assert catalogues.gaps(clock.now()) == []
    assert type(cast.admin).objects.get(pk=cast.admin.pk).has_perm("wagtailadmin.access_admin")


# ---- drafts with empty fields --------------------------------------------------------------------

CLAUSE = {"law": "政府信息公开条例", "number": "", "article": "第二十六条", "gist": "20个工作日内公开", "mark": ""}
UNFINISHED = [
    pytest.param([{"type": "clause", "value": CLAUSE}], ["第1块“条款引用”"], id="a clause without its evidence"),
    pytest.param(
        [
            {"type": "callout", "value": {"kind": "tip", "title": "", "body": ""}},
            {"type": "text", "value": "<p>写好的</p>"},
            {"type": "image", "value": {"image": None, "description": "", "caption": ""}},
            {"type": "video", "value": {"video": None, "captions": None, "title": "", "transcript": ""}},
            {"type": "quiz", "value": ""},
        ],
        ["第1块“提示框”", "第3块“图片”", "第4块“视频”", "第5块“测试”"],
        id="empty blocks",
    ),
]


def stored(lesson, body, by):
    """A draft as Wagtail's autosave writes it: fields may be empty."""
    lesson.body = json.dumps(body)
    return lesson.save_revision(user=by)


@pytest.mark.parametrize(("body", "named"), UNFINISHED)
def test_a_lesson_with_empty_fields_does_not_go_into_review_with_its_course(cast, draft, sign_in, body, named):
    stored(lessons_of(draft)[1], body, cast.trainer)
    answer = edit(sign_in(cast.trainer), draft, course_post(**{"action-submit": "1"}))
    assert answer.status_code == 200 and "第2节" in answer.text
    for block in named:
        assert block in answer.text, block
    assert not CoursePage.objects.get(pk=draft.pk).workflow_in_progress


@pytest.mark.parametrize(("body", "named"), UNFINISHED)
def test_a_lesson_that_lost_its_fields_under_review_is_not_published(cast, draft, sign_in, body, named):
    page = submit(sign_in(cast.trainer), draft)
    stored(lessons_of(page)[1], body, cast.trainer)
    answer = act(sign_in(cast.reviewer), page)
    assert answer.status_code == 409 and named[0] in answer.text
    assert not Edition.objects.exists() and Page.objects.get(pk=page.pk).workflow_in_progress


def test_a_lesson_without_minutes_is_not_published(cast, draft, sign_in):
    lesson = lessons_of(draft)[1]
    lesson.minutes = None
    lesson.save_revision(user=cast.trainer, clean=False)
    answer = edit(sign_in(cast.trainer), draft, course_post(**{"action-submit": "1"}))
    assert answer.status_code == 200 and "课节“第2节”没有填写时长" in answer.text


def test_evidence_that_nobody_chose_is_told_as_none(cast):
    block = LessonPage._meta.get_field("body").stream_block.child_blocks["clause"]
    for mark, words in [("", None), ("D", "县定"), ("V", "已核对")]:
        shown = block.render(block.to_python(CLAUSE | {"mark": mark}))
        assert (words in shown) if words else not any(each in shown for each in ("县定", "核对", "二手"))
