"""The pages of the Wagtail admin that authors work on: axe finds nothing there, nothing is cut or left in English."""

import io

import pytest
from django.urls import reverse
from PIL import Image
from wagtail.documents import get_document_model
from wagtail.images import get_image_model

from certificates.models import CertificateKind
from certificates.services import pictures
from core import clock
from courses.models import Course
from courses.pages import CataloguePage, CoursePage, LessonPage
from courses.services import catalogues
from quizzes.models import KnowledgePoint, Question, Quiz
from quizzes.services import exchange
from tests.browser.test_every_page import both_widths, faults, in_a_browser
from tests.quizzes.items import BANK

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
# The forms of our pages, questions and files with all that they can hold, and what Wagtail shows of them besides.
FORMS = {
    "wagtailadmin_explore": ["catalogue"],
    "wagtailadmin_pages:add": ["new_course", "new_lesson"],
    "wagtailadmin_pages:edit": ["catalogue", "course_page", "every_block"],
    "wagtailadmin_pages:history": ["course_page"],
    "wagtailadmin_pages:workflow_history": ["course_page"],
    "wagtailadmin_pages:usage": ["course_page"],
    "wagtailadmin_pages:copy": ["course_page"],
    "wagtailadmin_pages:move": ["draft"],
    "wagtailadmin_pages:delete": ["draft"],
    "wagtailadmin_pages:search": ["nothing"],
    "questions:edit": [f"{kind} question" for kind in BANK],
    "questions:history": ["question"],
    "questions:usage": ["question"],
    "questions:similar": ["nothing"],
    "knowledge-points:edit": ["point"],
    "knowledge-points:history": ["point"],
    "quizzes:history": ["quiz"],
    "quizzes:usage": ["quiz"],
    "quizzes:copy_of": ["quiz"],
    "wagtailimages:index": ["nothing"],
    "wagtailimages:add": ["nothing"],
    "wagtailimages:add_multiple": ["nothing"],
    "wagtailimages:edit": ["image"],
    "wagtaildocs:index": ["nothing"],
    "wagtaildocs:add": ["nothing"],
    "wagtaildocs:add_multiple": ["nothing"],
    "wagtaildocs:edit": ["file"],
    "wagtailadmin_account": ["nothing"],
    "wagtailadmin_reports:site_history": ["nothing"],
    "wagtailadmin_reports:workflow": ["nothing"],
    "wagtailadmin_reports:workflow_tasks": ["nothing"],
    "wagtailadmin_reports:aging_pages": ["nothing"],
}
# What axe finds in Wagtail's own templates, which we do not copy: the rule, the beginning of the element, and why it may stay.
WAGTAILS_OWN = {
    ("scrollable-region-focusable", '<ol class="w-minimap__list"'): "the map of a long form; its links can be reached once it is opened",
    ("aria-allowed-role", '<h2 role="alert"'): "how many pages a search found: said as an alert, and a heading",
    ("heading-order", '<h3 id="other-searches-title"'): "the search of pages has no heading of the second level before",
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


@pytest.fixture
def forms(cast, keys):
    """What the addresses of FORMS are made of."""
    from tests.counties import courses_at_every_door

    courses_at_every_door(cast)
    catalogue = CataloguePage.objects.get()
    draft = catalogue.add_child(
        instance=CoursePage(title="草稿", slug="draft", code="D01", summary="写到一半", live=False, owner=cast.trainer)
    )
    draft.save_revision(user=cast.trainer)
    questions = {
        f"{kind} question": Question.objects.create(
            county=cast.county, code=f"K-{kind}", course_code="P01", kind=kind, stem=stem, content=content, key=key
        ).pk
        for kind, (stem, content, key) in BANK.items()
    }
    made = {
        "catalogue": catalogue.pk,
        "draft": draft.pk,
        "every_block": LessonPage.objects.get(slug="illustrated").pk,
        "point": KnowledgePoint.objects.create(county=cast.county, name="期限").pk,
        "image": get_image_model().objects.first().pk,
        "file": get_document_model().objects.first().pk,
    }
    several = {
        "nothing": (),
        "new_course": ("courses", "coursepage", catalogue.pk),
        "new_lesson": ("courses", "lessonpage", draft.pk),
    }
    return {name: (pk,) for name, pk in (keys | made | questions).items()} | several


def is_wagtails_own(fault: str) -> bool:
    return any(f": {rule} {element}" in fault for rule, element in WAGTAILS_OWN)


@in_a_browser
@both_widths
def test_axe_finds_nothing_of_ours_in_the_forms_of_pages_questions_and_files(viewport, cast, forms, open_page, enter, live_server):
    found = []
    page = enter(open_page(viewport), cast.trainer)
    for name, of in FORMS.items():
        for one in of:
            address = live_server.url + reverse(name, args=forms[one])
            response = page.goto(address)
            arrived = response.status == 200 and page.url == address
            found += faults(page, f"{name} of {one}") if arrived else [f"{name} of {one}: {response.status} {page.url}"]
    found = [fault for fault in found if not is_wagtails_own(fault)]
    assert not found, "\n".join(found)


@in_a_browser
@both_widths
def test_the_list_of_quizzes_is_no_wider_than_the_screen(viewport, cast, keys, open_page, enter, live_server):
    Quiz.objects.filter(pk=keys["quiz"]).update(title="五公开与政务公开政策沿革（8号/80号/42号/54号） 结业测试")
    page = enter(open_page(viewport), cast.trainer)
    page.goto(live_server.url + reverse("quizzes:index"))
    room, wanted = page.eval_on_selector("#listing-results", "list => [list.clientWidth, list.scrollWidth]")
    assert wanted <= room
