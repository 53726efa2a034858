"""The one flow, from a published page to a completion and back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from wagtail.log_actions import LogContext

from core import reconcile
from core.errors import Refused
from core.models import FactChanged
from courses.models import AuthorGroup, Completion, Course, CoursePage, Edition, Enrolment, LessonPage, LessonPlace, RequirementMet
from courses.services import authoring, catalogues, completions, editions, enrolments, policies, progress
from courses.signals import completion_reversed, course_completed
from people.models import Person
from people.services import accounts, roles
from tests.cast import NOON
from tests.evaluation import rows
from tests.factories import complete, lesson_body, make_course, meet_all

YEAR = timedelta(days=365)


@pytest.fixture
def course(cast):
    return make_course(cast.county, quiz_key="p01-final")


@pytest.fixture
def enrolment(cast, course):
    return enrolments.enrol(person=cast.learner, course=course, at=NOON)


def finish(enrolment, number, at=NOON):
    lesson = enrolment.edition.lessons.get(position=number)
    if not LessonPlace.objects.filter(enrolment=enrolment, lesson=lesson).exists():
        progress.open_lesson(enrolment=enrolment, lesson=lesson, at=at)
    return progress.finish_lesson(enrolment=enrolment, lesson=lesson, at=at)


def pass_quiz(enrolment, at=NOON, score=Decimal("86.5")):
    return completions.meet(enrolment=enrolment, kind="quiz", key="p01-final", evidence="attempt:7", score=score, at=at)


# publish


def test_publishing_freezes_facts_lessons_text_and_requirements(course):
    edition = course.current
    assert (edition.number, edition.minutes, edition.title) == (1, 30, "课程P01")
    assert [lesson.slug for lesson in edition.lessons.all()] == ["lesson-1", "lesson-2"]
    assert "安全生产" in edition.lessons.first().body[0].value.source
    assert [(r.kind, r.title) for r in edition.requirements.all()] == [("lesson", "第1课"), ("lesson", "第2课"), ("quiz", "结业测试")]
    assert list(course.duty_rules.values_list("duty", "need")) == [("staff", "required")]


def test_publishing_the_same_again_makes_no_new_edition(cast, course):
    again = editions.publish(page=course.page, by=None, at=NOON + YEAR)
    assert again == course.current
    assert make_course(cast.county, quiz_key="p01-final").current == again
    assert Edition.objects.count() == 1


def test_a_changed_lesson_gives_a_new_edition_and_changes_nothing_recorded(cast, course, enrolment):
    done = complete(cast.colleague, course)
    lesson = LessonPage.objects.child_of(course.page).first()
    lesson.title = "新的第一课"
    lesson.body = [{"type": "text", "value": "<p>新文</p>"}]
    lesson.save()
    course.page.title = "新名称"
    course.page.save()

    edition = editions.publish(page=course.page, by=cast.reviewer, at=NOON + YEAR)

    assert edition.number == 2
    enrolment.refresh_from_db()
    done.refresh_from_db()
    assert enrolment.edition.number == 1
    assert enrolment.edition.lessons.first().title == "第1课"
    assert "安全生产" in enrolment.edition.lessons.first().body[0].value.source
    assert (done.course_title, done.edition_number, done.completed_at) == ("课程P01", 1, NOON)
    assert meet_all(enrolment, NOON).edition_number == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"prerequisites": ["X99"]}, "unknown_prerequisite"),
        ({"prerequisites": ["P02"]}, "cyclic_prerequisites"),
        ({"prerequisites": ["P01"]}, "cyclic_prerequisites"),
        ({"pass_rule": "quiz"}, "no_quiz"),
    ],
)
def test_an_impossible_course_is_refused_with_its_reason(cast, change, code):
    make_course(cast.county)
    make_course(cast.county, code="P02", prerequisites=["P01"])
    with pytest.raises(Refused) as refusal:
        make_course(cast.county, **change)
    assert refusal.value.code == code
    assert Edition.objects.filter(course__code="P01").count() == 1


def test_a_course_without_lessons_is_refused(cast):
    catalogue = catalogues.open_catalogue(county=cast.county)
    page = catalogue.add_child(instance=CoursePage(title="空课", code="E01", summary="空"))
    with pytest.raises(Refused) as refusal:
        editions.publish(page=page, by=None, at=NOON)
    assert refusal.value.code == "no_lessons"


def test_an_unknown_quiz_is_refused(cast):
    with pytest.raises(Refused) as refusal:
        authoring.write_course(
            catalogue=catalogues.open_catalogue(county=cast.county),
            code="Q01",
            facts={"title": "甲", "summary": "乙"},
            by=None,
            at=NOON,
            lessons=[{"slug": "a", "title": "甲", "minutes": 5, "body": lesson_body(1, quiz_key="nowhere")}],
        )
    assert refusal.value.code == "unknown_quiz"


def test_a_code_is_used_once_in_a_county_but_again_in_another(cast, course):
    page = course.page.get_parent().add_child(instance=CoursePage(title="双", slug="double", code="P01", summary="双"))
    page.add_child(instance=LessonPage(title="课", minutes=5, body=[("text", "课文")]))
    with pytest.raises(Refused) as refusal:
        editions.publish(page=page, by=None, at=NOON)
    assert refusal.value.code == "doubled_code"
    assert make_course(cast.other_county).code == "P01"


def test_the_code_of_a_published_course_stays(course):
    course.page.code = "P99"
    course.page.save()
    with pytest.raises(Refused) as refusal:
        editions.publish(page=course.page, by=None, at=NOON)
    assert refusal.value.code == "code_fixed"


def test_deleting_the_page_closes_the_course_and_loses_no_record(cast, course, enrolment, django_capture_on_commit_callbacks):
    complete(cast.colleague, course)
    with django_capture_on_commit_callbacks(execute=True):
        CoursePage.objects.get(pk=course.page_id).delete()
    course.refresh_from_db()
    assert Edition.objects.count() == 1
    assert (course.page, course.is_open) == (None, False)
    assert Completion.objects.count() == 1
    assert "安全生产" in course.current.lessons.first().body[0].value.source
    with pytest.raises(Refused):
        enrolments.enrol(person=cast.own_leader, course=course, at=NOON)
    assert enrolments.enrol(person=cast.learner, course=course, at=NOON) == enrolment
    assert meet_all(enrolment, NOON) is not None, "who began may finish"


def test_a_page_written_anew_under_the_code_takes_the_course_up_again(cast, course):
    CoursePage.objects.get(pk=course.page_id).delete()
    again = make_course(cast.county, quiz_key="p01-final")
    assert again.pk == course.pk
    assert again.is_open


def test_unpublishing_closes_and_publishing_opens_again(course):
    page = CoursePage.objects.get(pk=course.page_id)
    page.unpublish()
    course.refresh_from_db()
    assert not course.is_open
    page.refresh_from_db()
    page.save_revision().publish()
    course.refresh_from_db()
    assert course.is_open


def test_publishing_a_lesson_publishes_its_live_course_again(cast, course):
    lesson = LessonPage.objects.child_of(course.page).first()
    lesson.title = "改过的课"
    lesson.save_revision(user=cast.trainer)
    lesson.get_workflow().start(lesson, cast.trainer)
    lesson.current_workflow_task_state.approve(user=cast.reviewer)
    course.refresh_from_db()
    assert course.current.number == 2
    assert course.current.published_by == cast.reviewer
    assert course.current.lessons.first().title == "改过的课"


def test_a_withdrawn_lesson_leaves_the_course(cast, course, django_capture_on_commit_callbacks):
    with LogContext(user=cast.reviewer), django_capture_on_commit_callbacks(execute=True):
        LessonPage.objects.child_of(course.page).first().unpublish()
    course.refresh_from_db()
    assert [lesson.title for lesson in course.current.lessons.all()] == ["第2课"]
    assert course.current.published_by == cast.reviewer
    with django_capture_on_commit_callbacks(execute=True):
        LessonPage.objects.child_of(course.page).last().delete()
    course.refresh_from_db()
    assert course.current.number == 2, "without a lesson there is nothing to publish"


@pytest.mark.parametrize("way", ["unpublish", "delete", "move"])
def test_nobody_takes_the_quiz_of_a_course_away_by_withdrawing_its_lesson(cast, course, way, django_capture_on_commit_callbacks):
    other = make_course(cast.county, code="P02", lessons=1)
    standing = course.current
    lesson = LessonPage.objects.child_of(course.page).last()
    with django_capture_on_commit_callbacks(execute=True):
        lesson.move(other.page, pos="last-child") if way == "move" else getattr(lesson, way)()
    course.refresh_from_db()
    assert course.current == standing
    assert list(course.current.requirements.filter(kind="quiz").values_list("key", flat=True)) == ["p01-final"]

    editions.publish(page=course.page, by=cast.reviewer, at=NOON)  # what a submission that was approved comes to
    course.refresh_from_db()
    assert not course.current.requirements.filter(kind="quiz").exists()


def test_a_refused_publication_leaves_the_page_as_it_was(course):
    page = CoursePage.objects.get(pk=course.page_id)
    page.prerequisites = ["X99"]
    with pytest.raises(Refused):
        page.save_revision().publish()
    page.refresh_from_db()
    assert page.prerequisites == []


def test_a_refused_scheduled_publication_is_given_up_and_holds_up_nothing(course):
    page = CoursePage.objects.get(pk=course.page_id)
    page.prerequisites = ["X99"]
    revision = page.save_revision()
    revision.publish(log_action="wagtail.publish.scheduled")
    page.refresh_from_db()
    assert page.prerequisites == []


# enrol


def test_enrolling_twice_gives_one_enrolment(cast, course, enrolment):
    assert enrolments.enrol(person=cast.learner, course=course, at=NOON + YEAR) == enrolment
    assert (enrolment.unit, enrolment.person_name, enrolment.duties) == (cast.section, "张小明", ["staff"])
    assert enrolment.unit_name == "姚安县教育体育局 办公室"


def test_a_prerequisite_is_asked_for_and_then_satisfied(cast):
    first = make_course(cast.county)
    second = make_course(cast.county, code="P02", prerequisites=["P01"])
    with pytest.raises(Refused) as refusal:
        enrolments.enrol(person=cast.learner, course=second, at=NOON)
    assert refusal.value.code == "prerequisites"
    assert "P01" in refusal.value.message
    complete(cast.learner, first)
    assert enrolments.enrol(person=cast.learner, course=second, at=NOON).edition == second.current


def test_a_reversed_prerequisite_is_lacking_again(cast):
    first = make_course(cast.county)
    second = make_course(cast.county, code="P02", prerequisites=["P01"])
    completions.reverse(completion=complete(cast.learner, first), by=cast.hr, reason="代学", at=NOON)
    with pytest.raises(Refused):
        enrolments.enrol(person=cast.learner, course=second, at=NOON)


def test_a_stranger_of_another_county_enrols_only_in_shared_courses(cast, course):
    with pytest.raises(Refused) as refusal:
        enrolments.enrol(person=cast.stranger, course=course, at=NOON)
    assert refusal.value.code == "other_county"
    Course.objects.filter(pk=course.pk).update(is_shared=True)
    assert enrolments.enrol(person=cast.stranger, course=course, at=NOON).person == cast.stranger


def test_hours_are_counted_by_the_policy_of_the_county_where_somebody_serves(cast, course, sign_in):
    Course.objects.filter(pk=course.pk).update(is_shared=True)
    own = rows.policy(county=cast.other_county, test_passed=Decimal(2), once=False)
    guest = complete(cast.stranger, course, NOON)
    assert (guest.policy, guest.test_hours) == (own, Decimal(2))
    assert complete(cast.learner, course, NOON).test_hours == Decimal("0.5")
    assert enrolments.may_begin_again(guest.enrolment, at=NOON), "the guest's county counts a course as often as it is finished"

    for who, hours in ((cast.stranger, "3"), (cast.learner, "1.5")):
        client = sign_in(who)
        assert client.get(reverse("course", args=[course.pk])).context["hours"] == Decimal(hours)
        assert [one.hours for one in client.get(reverse("course_list")).context["page"]] == [Decimal(hours)]


def test_a_new_round_begins_next_year_in_the_edition_of_then(cast, course):
    complete(cast.learner, course, NOON)
    course.page.title = "新版"
    course.page.save()
    editions.publish(page=course.page, by=None, at=NOON)
    assert enrolments.enrol(person=cast.learner, course=course, at=NOON + timedelta(days=30)).round == 1
    again = enrolments.enrol(person=cast.learner, course=course, at=NOON + YEAR)
    assert (again.round, again.edition.number) == (2, 2)
    assert enrolments.enrol(person=cast.learner, course=course, at=NOON + YEAR) == again


# complete


def test_the_last_requirement_completes_the_course_at_that_instant(cast, enrolment):
    assert finish(enrolment, 1) is None
    assert pass_quiz(enrolment, NOON + timedelta(hours=1)) is None
    completion = finish(enrolment, 2, NOON + timedelta(hours=2))
    assert completion.completed_at == NOON + timedelta(hours=2)
    assert (completion.study_hours, completion.test_hours, completion.score) == (Decimal("1.0"), Decimal("0.5"), Decimal("86.50"))
    assert completion.evidence == list(enrolment.met.order_by("pk").values_list("pk", flat=True))
    assert completion.person_name == "张小明"


def test_everything_may_be_said_twice(enrolment):
    meet_all(enrolment, NOON)
    first = meet_all(enrolment, NOON + YEAR)
    finish(enrolment, 1, NOON + YEAR)
    assert first.completed_at == NOON
    assert RequirementMet.objects.count() == 3
    assert set(RequirementMet.objects.values_list("at", flat=True)) == {NOON}
    assert Completion.objects.count() == 1


def test_what_the_edition_does_not_ask_for_is_ignored(enrolment):
    assert completions.meet(enrolment=enrolment, kind="quiz", key="other", evidence="attempt:1", at=NOON) is None
    assert RequirementMet.objects.count() == 0


def test_a_receiver_that_fails_undoes_the_completion_and_reconcile_retries(enrolment):
    def fails(**kwargs):
        raise RuntimeError("no ink")

    course_completed.connect(fails)
    try:
        assert meet_all(enrolment, NOON) is None
        assert Completion.objects.count() == 0
        assert RequirementMet.objects.count() == 3, "what was met stays"
        assert len(completions.gaps(NOON)) == 1
    finally:
        course_completed.disconnect(fails)
    later = NOON + timedelta(days=3)
    for outcome in reconcile.run(at=later, mend=True):
        if outcome.name == "courses.completions":
            assert (outcome.found, outcome.mended) == (1, 1)
    assert Completion.objects.get().completed_at == NOON, "no date is re-stamped"
    assert completions.gaps(later) == []


def test_records_keep_unit_and_name_after_people_move(cast, course, enrolment):
    completion = meet_all(enrolment, NOON)
    cast.learner.name, cast.learner.unit = "新名", cast.other_bureau
    cast.learner.save()
    completion.refresh_from_db()
    assert (completion.person_name, completion.unit) == ("张小明", cast.section)


def test_facts_cannot_be_edited(enrolment):
    completion = meet_all(enrolment, NOON)
    completion.score = Decimal(100)
    with pytest.raises(FactChanged):
        completion.save()
    with pytest.raises(FactChanged):
        Completion.objects.update(score=1)


def test_one_round_has_one_enrolment_whatever_happens(cast, enrolment):
    with pytest.raises(IntegrityError), transaction.atomic():
        Enrolment.objects.create(
            person=cast.learner,
            course=enrolment.course,
            edition=enrolment.edition,
            round=1,
            enrolled_at=NOON,
            employee_number="x",
            person_name="x",
        )


def test_explain_says_what_is_missing_in_words(enrolment):
    finish(enrolment, 1)
    explanation = completions.explain(enrolment)
    assert explanation.percent == 33
    assert [item.title for item in explanation.missing] == ["第2课", "结业测试"]
    assert "第2课" in str(explanation)
    assert "结业测试" in str(explanation)
    meet_all(enrolment, NOON)
    enrolment = Enrolment.objects.get(pk=enrolment.pk)
    assert completions.explain(enrolment).is_complete
    assert completions.explain(enrolment).percent == 100
    assert "2026-06-15" in str(completions.explain(enrolment))


def test_a_reversal_needs_a_reason_is_written_once_and_allows_a_new_round(cast, course):
    completion = complete(cast.learner, course)
    heard = []
    completion_reversed.connect(lambda reversal, **kwargs: heard.append(reversal), weak=False, dispatch_uid="test")
    try:
        with pytest.raises(Refused):
            completions.reverse(completion=completion, by=cast.hr, reason="  ", at=NOON)
        first = completions.reverse(completion=completion, by=cast.hr, reason="代学", at=NOON)
        assert completions.reverse(completion=completion, by=cast.hr, reason="又一次", at=NOON) == first
    finally:
        completion_reversed.disconnect(dispatch_uid="test")
    assert heard == [first]
    assert Completion.objects.standing().count() == 0
    assert enrolments.enrol(person=cast.learner, course=course, at=NOON).round == 2


def test_testing_out_asks_for_the_quiz_alone(cast):
    course = make_course(cast.county, quiz_key="p01-final", pass_rule="quiz")
    enrolment = enrolments.enrol(person=cast.learner, course=course, at=NOON)
    assert finish(enrolment, 1) is None
    assert pass_quiz(enrolment) is not None


def test_lessons_alone_earn_no_test_hours(cast):
    course = make_course(cast.county, quiz_key="p01-final", pass_rule="lessons", minutes=15)
    completion = complete(cast.learner, course)
    assert (completion.study_hours, completion.test_hours, completion.score) == (Decimal("0.25"), Decimal(0), None)


# read


def test_reading_time_is_counted_by_the_server_and_never_more_than_passed(enrolment):
    first, second = enrolment.edition.lessons.all()
    progress.open_lesson(enrolment=enrolment, lesson=first, at=NOON)
    progress.open_lesson(enrolment=enrolment, lesson=second, at=NOON)
    for beat in range(1, 11):  # two tabs, each beating every 20 seconds
        for lesson in (first, second):
            progress.keep_place(enrolment=enrolment, lesson=lesson, position=beat, at=NOON + timedelta(seconds=20 * beat))
    assert sum(LessonPlace.objects.values_list("seconds", flat=True)) == 200


def test_a_page_left_open_overnight_counts_as_one_reading(enrolment):
    lesson = enrolment.edition.lessons.first()
    progress.open_lesson(enrolment=enrolment, lesson=lesson, at=NOON)
    place = progress.keep_place(enrolment=enrolment, lesson=lesson, position=3, at=NOON + timedelta(hours=12))
    assert place.seconds == 15 * 60
    place = progress.keep_place(enrolment=enrolment, lesson=lesson, position=3, resumed=True, at=NOON + timedelta(hours=20))
    assert place.seconds == 15 * 60


def test_a_policy_may_ask_for_reading_time(cast, enrolment):
    policy = policies.ensure_default()
    policy.reading_share = Decimal("0.5")
    policy.save()
    progress.open_lesson(enrolment=enrolment, lesson=enrolment.edition.lessons.first(), at=NOON)
    with pytest.raises(Refused) as refusal:
        finish(enrolment, 1, NOON + timedelta(minutes=5))
    assert refusal.value.code == "too_fast"
    finish(enrolment, 1, NOON + timedelta(minutes=10))
    assert RequirementMet.objects.count() == 1


def test_nobody_finishes_a_lesson_that_they_never_opened(enrolment):
    lesson = enrolment.edition.lessons.first()
    with pytest.raises(Refused) as refusal:
        progress.finish_lesson(enrolment=enrolment, lesson=lesson, at=NOON)
    assert refusal.value.code == "not_opened" and not RequirementMet.objects.exists() and not LessonPlace.objects.exists()


def test_a_lesson_of_another_edition_cannot_be_finished(cast, enrolment):
    other = make_course(cast.county, code="P02")
    with pytest.raises(Refused):
        progress.finish_lesson(enrolment=enrolment, lesson=other.current.lessons.first(), at=NOON)


# set up


@pytest.mark.django_db
def test_the_default_policy_is_written_once_and_its_targets_name_duties():
    policy = policies.ensure_default()
    assert policies.ensure_default() == policy
    assert policy.duty_targets["staff"] == "20"
    assert policy.yearly_target == 50


def test_opening_a_catalogue_twice_changes_nothing_and_groups_follow_roles(cast):
    catalogue = catalogues.open_catalogue(county=cast.county)
    assert catalogues.open_catalogue(county=cast.county) == catalogue
    assert cast.trainer.groups.count() == 1
    assert cast.reviewer.groups.count() == 1
    assert cast.learner.groups.count() == 0
    cast.trainer.role_grants.update(ends_on=NOON.date())
    catalogues.sync_members(county=cast.county)
    assert cast.trainer.groups.count() == 0


def test_whoever_was_stopped_while_roles_changed_writes_again_when_allowed(cast):
    catalogues.open_catalogue(county=cast.county)
    accounts.stop_sign_in(person=cast.trainer, by=cast.admin, at=NOON)
    roles.grant(person=cast.colleague, role="trainer", unit=cast.county, by=cast.admin, on=NOON.date())
    accounts.allow_sign_in(person=cast.trainer, by=cast.admin, at=NOON)
    assert Person.objects.get(pk=cast.trainer.pk).has_perm("wagtailadmin.access_admin")
    assert catalogues.gaps(NOON) == []


def test_reconcile_sees_a_group_that_lacks_somebody_or_holds_too_many(cast, django_assert_num_queries):
    for county in (cast.county, cast.other_county):
        catalogues.open_catalogue(county=county)
    cast.trainer.groups.clear()
    group = AuthorGroup.objects.get(county=cast.other_county, role="reviewer").group
    cast.learner.groups.add(group)
    with django_assert_num_queries(4):
        gaps = catalogues.gaps(NOON)
    assert [gap.what for gap in gaps] == ["authors of 532325", "authors of 532326"]
    for gap in gaps:
        gap.mend()
    assert catalogues.gaps(NOON) == []
    assert cast.trainer.groups.count() == 1 and cast.learner.groups.count() == 0
