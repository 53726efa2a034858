"""The Wagtail admin: no list grows in queries with its rows, and each page stays within what docs/decisions/0016 allows it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates.models import CertificateKind
from certificates.services import ensure_kinds
from courses.models import CoursePage, LessonPage
from courses.services import catalogues
from quizzes.models import KnowledgePoint, Question, Quiz
from tests.factories import lesson_body, make_course


def queries_of(client, address: str) -> list[str]:
    client.get(address)  # what is looked up once a process
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.get('Location', '')}"
    return [query["sql"] for query in seen]


@pytest.fixture
def catalogue(cast):
    return catalogues.open_catalogue(county=cast.county)


def fill(cast, catalogue, letter: str, number: int) -> CoursePage:
    """So many published courses, of which the first has as many lessons, as many drafts with a lesson, questions, points and quizzes."""
    for index in range(number):
        code = f"{letter}{index:02}"
        make_course(cast.county, code=code, lessons=1 if index else number)
        draft = CoursePage(title=f"草稿{code}", slug=f"draft-{code}", code=f"{code}d", summary="写到一半", live=False, owner=cast.trainer)
        catalogue.add_child(instance=draft)
        draft.save_revision(user=cast.trainer)
        lesson = LessonPage(title="第一节", slug="one", live=False, owner=cast.trainer, body=lesson_body(1))
        draft.add_child(instance=lesson)
        lesson.save_revision(user=cast.trainer)
        point = KnowledgePoint.objects.create(county=cast.county, name=f"要点{code}")
        Question.objects.create(county=cast.county, code=code, course_code=code, kind="judge", stem="对？", key=True, point=point)
        Quiz.objects.create(county=cast.county, key=f"quiz-{code}", title=f"测试{code}", course_code=code)
    catalogue.refresh_from_db()
    return CoursePage.objects.get(code=f"{letter}00")


def lists(catalogue, course) -> dict[str, str]:
    return {
        "catalogue": reverse("wagtailadmin_explore", args=[catalogue.pk]),
        "course": reverse("wagtailadmin_explore", args=[course.pk]),
        "my courses": reverse("my-courses:index"),
        "search": reverse("wagtailadmin_pages:search") + "?q=课程",
        "statistics": reverse("course_statistics"),
        "site history": reverse("wagtailadmin_reports:site_history"),
        "history of a page": reverse("wagtailadmin_pages:history", args=[course.pk]),
        "questions": reverse("questions:index"),
        "knowledge points": reverse("knowledge-points:index"),
        "quizzes": reverse("quizzes:index"),
    }


@pytest.mark.parametrize("who", ["trainer", "reviewer", "admin"])
def test_no_list_grows_in_queries_with_its_rows(cast, catalogue, sign_in, who):
    client = sign_in(getattr(cast, who))
    addresses = lists(catalogue, fill(cast, catalogue, "A", 2))
    few = {name: len(queries_of(client, address)) for name, address in addresses.items()}

    addresses = lists(catalogue, fill(cast, catalogue, "B", 6))
    many = {name: len(queries_of(client, address)) for name, address in addresses.items()}

    assert many == few


def test_the_list_of_certificate_kinds_does_not_grow_in_queries(cast, catalogue, sign_in):
    client, address = sign_in(cast.hr), reverse("wagtailsnippets_certificates_certificatekind:list")
    first = ensure_kinds(cast.county)[0]
    few = queries_of(client, address)
    for number in range(6):
        CertificateKind.objects.create(county=cast.county, key=f"more-{number}", title=f"证书{number}", number_prefix=first.number_prefix)

    assert len(queries_of(client, address)) == len(few)


def test_a_page_of_the_admin_takes_few_queries_beside_wagtails_own(cast, catalogue, sign_in):
    course = fill(cast, catalogue, "A", 3)
    lesson = LessonPage.objects.child_of(course).first()
    client, addresses = sign_in(cast.trainer), lists(catalogue, course)
    most = {
        "statistics": 15,
        "questions": 16,  # one for the exam that whoever looks sits at this hour
        "knowledge points": 15,
        "quizzes": 15,
        "history of a page": 19,
        "my courses": 23,
        "catalogue": 38,
        "course": 34,
    }
    forms = {
        reverse("wagtailadmin_home"): 26,
        reverse("wagtailadmin_pages:edit", args=[course.pk]): 35,
        reverse("wagtailadmin_pages:edit", args=[lesson.pk]): 35,
        reverse("questions:edit", args=[Question.objects.first().pk]): 23,
        reverse(
            "quizzes:edit", args=[Quiz.objects.first().pk]
        ): 24,  # one for the banks to choose from, one for who saved last, five for what may be changed
    }
    taken = {addresses[name]: (len(queries_of(client, addresses[name])), limit) for name, limit in most.items()}
    taken |= {address: (len(queries_of(client, address)), limit) for address, limit in forms.items()}

    assert {address: pair for address, pair in taken.items() if pair[0] > pair[1]} == {}
