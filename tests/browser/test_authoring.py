"""The pages of the Wagtail admin that authors work on: axe finds nothing there, nothing is cut or left in English."""

import io

import pytest
from django.urls import reverse
from PIL import Image

from certificates.models import CertificateKind
from certificates.services import pictures
from core import clock
from courses.models import Course
from courses.pages import CoursePage, LessonPage
from courses.services import catalogues
from quizzes.models import Question, Quiz
from quizzes.services import exchange
from tests.browser.test_every_page import both_widths, faults, in_a_browser

TRAINERS = {
    "wagtailadmin_home": (),
    "my-courses:index": (),
    "questions:index": (),
    "questions:add": (),
    "questions:edit": ("question",),
    "questions:export": (),
    "questions:versions": ("question",),
    "questions:version": ("question", "number"),
    "question-import:index": (),
    "question-import:job": ("job",),
    "knowledge-points:index": (),
    "knowledge-points:add": (),
    "quizzes:index": (),
    "quizzes:add": (),
    "quizzes:edit": ("quiz",),
    "course_statistics": (),
    "course_steps": ("course",),
    "wagtailadmin_explore": ("course_page",),
    "wagtailadmin_pages:edit": ("lesson_page",),
}
KIND = "wagtailsnippets_certificates_certificatekind"
RULERS = {
    "wagtailadmin_home": (),
    f"{KIND}:list": (),
    f"{KIND}:add": (),
    f"{KIND}:edit": ("kind",),
    f"{KIND}:versions": ("kind",),
    f"{KIND}:history": ("kind",),
    f"{KIND}:pictures": (),
}
REVIEWERS = {"wagtailadmin_home": (), "wagtailadmin_pages:edit": ("course_page",), "wagtailadmin_pages:view_draft": ("lesson_page",)}


@pytest.fixture
def keys(cast, signing_keys):
    from tests.counties import in_full_swing

    found = in_full_swing(cast)
    catalogues.sync_members(county=cast.county)
    text = "// [id:A1] [tag:course=P01]\n::A1::应当几个工作日内答复？{~7 =20 ~30}\n\n没有答案的说明\n"
    job = exchange.start(
        io.BytesIO(text.encode()), name="题.txt", format="gift", county=cast.county, by=cast.trainer, at=clock.now(), then=lambda pk: None
    )
    exchange.check(job.pk, clock=clock.now)
    return {
        "question": Question.objects.filter(county=cast.county).first().pk,
        "number": 1,
        "quiz": Quiz.objects.get(key=found["quiz"][0]).pk,
        "course": Course.objects.get(code="P01").pk,
        "course_page": CoursePage.objects.get(code="P01").pk,
        "lesson_page": LessonPage.objects.first().pk,
        "job": job.pk,
        "kind": a_submitted_kind(cast).pk,
    }


def a_submitted_kind(cast) -> CertificateKind:
    """A certificate template with a version in force, a picture, and a draft that waits for its second person."""
    kind = CertificateKind.objects.get(county=cast.county, key="training")
    out = io.BytesIO()
    Image.new("RGB", (400, 300), "#f8f4ea").save(out, "PNG")
    kind.background = pictures.keep(data=out.getvalue(), use="background", name="底纹", county=cast.county, by=cast.admin, at=clock.now())
    kind.save_revision().publish()
    kind.refresh_from_db()
    kind.title = "另一个标题"
    kind.save_revision(user=cast.admin)
    kind.get_workflow().start(kind, cast.admin)
    return kind


@in_a_browser
@both_widths
def test_axe_finds_nothing_where_authors_work(viewport, cast, keys, open_page, enter, live_server):
    found = []
    for person, pages in ((cast.trainer, TRAINERS), (cast.reviewer, REVIEWERS), (cast.hr, RULERS)):
        page = enter(open_page(viewport), person)
        for name, wanted in pages.items():
            response = page.goto(live_server.url + reverse(name, args=[keys[key] for key in wanted]))
            found += faults(page, name) if response.status == 200 else [f"{name}: {response.status}"]
    assert not found, "\n".join(found)
