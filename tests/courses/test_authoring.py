"""Writing courses in Wagtail: forms, rights, review, previews, files."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from wagtail.documents import get_document_model
from wagtail.models import Collection, Page

from core import clock
from core.errors import Refused
from courses.blocks import LessonBody
from courses.models import Course, CoursePage, Edition, LessonPage
from courses.services import authoring, catalogues, enrolments, reviews
from tests.factories import lesson_body, make_course

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF"


@pytest.fixture
def catalogue(cast):
    return catalogues.open_catalogue(county=cast.county)


def body_post(prefix="body", text="<p>安全生产信息由制作机关公开。</p>"):
    from wagtail.admin.rich_text.converters.contentstate import ContentstateConverter

    raw = ContentstateConverter(features=["bold", "h3"]).from_database_format(text)
    return {
        f"{prefix}-count": "1",
        f"{prefix}-0-deleted": "",
        f"{prefix}-0-order": "0",
        f"{prefix}-0-type": "text",
        f"{prefix}-0-id": "",
        f"{prefix}-0-value": raw,
    }


def course_post(**more):
    return {
        "title": "写出来的课",
        "slug": "written",
        "code": "W01",
        "summary": "会写",
        "goals": "能一\n\n能二\n能一",
        "sources": "条例",
        "tags": "公开，时限,公开",
        "line": "policy",
        "pass_rule": "lessons_and_quiz",
        "required_for": ["staff"],
        "elective_for": ["chief"],
        "certificate": "",
        "due_on": "",
        "mark": "V",
        "comments-TOTAL_FORMS": "0",
        "comments-INITIAL_FORMS": "0",
    } | more


def lesson_post(**more):
    return (
        {"title": "第一节", "slug": "one", "minutes": "12", "comments-TOTAL_FORMS": "0", "comments-INITIAL_FORMS": "0"} | body_post() | more
    )


def add(client, kind, parent, data):
    return client.post(reverse("wagtailadmin_pages:add", args=["courses", kind, parent.pk]), data)


def edit(client, page, data):
    return client.post(reverse("wagtailadmin_pages:edit", args=[page.pk]), data)


# the whole way through the admin


def test_a_trainer_submits_a_reviewer_approves_and_the_edition_appears(cast, catalogue, sign_in, client):
    trainer = sign_in(cast.trainer)
    assert add(trainer, "coursepage", catalogue, course_post()).status_code == 302
    page = CoursePage.objects.get(code="W01")
    assert not page.live
    assert page.get_latest_revision_as_object().goals == ["能一", "能二"]
    assert page.get_latest_revision_as_object().tags == ["公开", "时限"]
    for number, slug in enumerate(("one", "two"), start=1):
        assert add(trainer, "lessonpage", page, lesson_post(title=f"第{number}节", slug=slug)).status_code == 302
    assert edit(trainer, page, course_post(**{"action-submit": "1"})).status_code == 302
    page.refresh_from_db()
    assert page.workflow_in_progress
    assert all(lesson.workflow_in_progress for lesson in LessonPage.objects.child_of(page)), "lessons go into review with their course"
    assert not Course.objects.exists()

    trainer.post(
        reverse("wagtailadmin_pages:workflow_action", args=[page.pk, "approve", page.current_workflow_task_state.pk]), {"comment": ""}
    )
    assert not Course.objects.exists(), "a trainer does not approve"

    reviewer = sign_in(cast.reviewer)
    address = reverse("wagtailadmin_pages:workflow_action", args=[page.pk, "approve", page.current_workflow_task_state.pk])
    reviewer.post(address, {"comment": "好", "seen": reviews.seen_in(page)})
    course = Course.objects.get(code="W01")
    assert course.is_open
    assert [lesson.title for lesson in course.current.lessons.all()] == ["第1节", "第2节"]
    assert Edition.objects.count() == 1, "one edition, not one for each lesson"
    assert course.current.published_by == cast.reviewer
    assert not any(lesson.workflow_in_progress for lesson in LessonPage.objects.child_of(page))
    assert enrolments.enrol(person=cast.learner, course=course, at=clock.now()).edition.minutes == 24


def test_a_trainer_cannot_publish(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    page = CoursePage.objects.get(code="W01")
    add(client, "lessonpage", page, lesson_post())
    edit(client, page, course_post(**{"action-publish": "1"}))
    page.refresh_from_db()
    assert not page.live
    assert not Course.objects.exists()


def test_a_half_written_lesson_of_a_live_course_is_not_swept_along(cast, sign_in):
    course = make_course(cast.county)
    client = sign_in(cast.reviewer)
    add(client, "lessonpage", course.page, lesson_post(title="没写完", slug="half"))
    page = CoursePage.objects.get(pk=course.page_id)
    page.title = "改名"
    page.save_revision().publish()
    course.refresh_from_db()
    assert course.current.number == 2
    assert "没写完" not in [lesson.title for lesson in course.current.lessons.all()]


# forms say what is wrong, and keep what was typed


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"elective_for": ["staff"]}, "请二选一"),
        ({"code": "P01", "action-submit": "1"}, "已被本县课程《课程P01》使用"),
        ({"code": "P01"}, "已被本县课程《课程P01》使用"),
        ({"code": "p01"}, "已被本县课程《课程P01》使用"),
        ({"action-submit": "1"}, "还没有可发布的课节"),
        ({"title": "长" * 121}, "120"),
        ({"code": "W 01"}, "不留空格"),
        ({"code": "W01；"}, "不留空格"),
        ({"goals": "x" * 300}, "200"),
    ],
)
def test_a_course_form_names_its_faults_and_keeps_its_input(cast, catalogue, sign_in, more, words):
    make_course(cast.county)
    answer = add(sign_in(cast.trainer), "coursepage", catalogue, course_post(**more))
    assert answer.status_code == 200
    assert words in answer.text
    assert "能二" in answer.text or "goals" in more
    assert not CoursePage.objects.filter(slug="written").exists()


def test_a_code_typed_in_full_width_is_kept_in_half_width(cast, catalogue, sign_in):
    assert add(sign_in(cast.trainer), "coursepage", catalogue, course_post(code="Ｗ０１ ")).status_code == 302
    assert CoursePage.objects.get().code == "W01"


def test_a_lesson_whose_title_is_typed_last_gets_its_address_from_it(cast, sign_in):
    course = make_course(cast.county)
    assert add(sign_in(cast.trainer), "lessonpage", course.page, lesson_post(title="最后才写标题", slug="")).status_code == 302
    assert LessonPage.objects.get(title="最后才写标题").slug == "最后才写标题"


@pytest.mark.parametrize("body", [{"body-count": "0"}, body_post(text="<p>&nbsp; </p>")])
def test_an_empty_lesson_is_kept_as_a_draft_and_does_not_pass_review(cast, catalogue, sign_in, body):
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    page = CoursePage.objects.get()
    add(client, "lessonpage", page, lesson_post())
    empty = {name: value for name, value in lesson_post(title="空课节", slug="two").items() if not name.startswith("body")} | body
    assert add(client, "lessonpage", page, empty).status_code == 302
    answer = edit(client, page, course_post(**{"action-submit": "1"}))
    assert answer.status_code == 200 and "课节“空课节”还是空的" in answer.text
    assert not CoursePage.objects.get().workflow_in_progress


def test_a_lesson_that_would_break_its_live_course_is_refused_in_its_form(cast, sign_in):
    course = make_course(cast.county, quiz_key="p01-final", pass_rule="quiz")
    last = LessonPage.objects.child_of(course.page).last()
    answer = edit(sign_in(cast.trainer), last, lesson_post(title="无测试", slug=last.slug, **{"action-submit": "1"}))
    assert answer.status_code == 200
    assert "完成条件要求通过测试" in answer.text
    last.refresh_from_db()
    assert last.title == "第2课"


def test_an_unknown_quiz_cannot_be_chosen(cast, sign_in):
    course = make_course(cast.county)
    last = LessonPage.objects.child_of(course.page).last()
    answer = edit(sign_in(cast.trainer), last, lesson_post(slug=last.slug, **{"body-0-type": "quiz", "body-0-value": "forged"}))
    assert answer.status_code == 200
    assert not last.get_latest_revision_as_object().body or all(b.block_type != "quiz" for b in last.get_latest_revision_as_object().body)


# rights


def test_a_trainer_of_another_county_neither_sees_nor_edits(cast, catalogue, sign_in):
    from tests.cast import grant, person

    course = make_course(cast.county)
    foreign = person("DY20001", "外县教员", cast.other_county)
    grant(foreign, "trainer", cast.other_county)
    catalogues.open_catalogue(county=cast.other_county)
    client = sign_in(foreign)
    for name in ("wagtailadmin_pages:edit", "wagtailadmin_pages:view_draft", "wagtailadmin_pages:history", "wagtailadmin_pages:delete"):
        answer = client.get(reverse(name, args=[course.page_id]))
        assert answer.status_code in (302, 403, 404), name
    listing = client.get(reverse("wagtailadmin_explore", args=[catalogue.pk]), follow=True)
    assert course.current.title not in listing.text
    chooser = client.get(reverse("wagtailadmin_choose_page_child", args=[catalogue.pk]))
    assert course.current.title not in chooser.text
    search = client.get(reverse("wagtailadmin_pages:search"), {"q": "课程P01"})
    assert f"/pages/{course.page_id}/" not in search.text
    assert client.get(reverse("course_steps", args=[course.pk])).status_code == 404
    assert course.current.title not in client.get(reverse("course_statistics")).text


@pytest.mark.parametrize("role", ["learner", "own_leader", "liaison", "hr", "auditor", "stranger"])
def test_the_admin_is_closed_to_everybody_else(cast, catalogue, sign_in, role):
    client = sign_in(getattr(cast, role))
    for address in (reverse("wagtailadmin_home"), reverse("course_statistics"), reverse("my-courses:index")):
        assert client.get(address).status_code in (302, 403), address


def test_my_courses_lists_the_own_countys_courses_with_their_drafts(cast, catalogue, sign_in, django_assert_max_num_queries):
    make_course(cast.county, code="P01")
    make_course(cast.other_county, code="X01")
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    assert reverse("my-courses:index") in client.get(reverse("wagtailadmin_home")).text
    listed = [page.code for page in client.get(reverse("my-courses:index")).context["object_list"]]
    assert listed == ["P01", "W01"]
    with django_assert_max_num_queries(32):
        client.get(reverse("my-courses:index"))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"whose": "me"}, ["W01"]),
        ({"state": "draft"}, ["W01"]),
        ({"state": "live"}, ["P01", "P02"]),
        ({"state": "changed"}, ["P02"]),
        ({"line": "theory"}, ["P02"]),
        ({"q": "出来的"}, ["W01"]),
        ({"q": "p0"}, ["P01", "P02"]),
        ({"q": "课程P02 能判断"}, ["P02"]),
        ({"q": "没有"}, []),
    ],
)
def test_my_courses_are_filtered_and_found_by_any_part_of_their_words(cast, catalogue, sign_in, asked, found):
    make_course(cast.county, code="P01")
    make_course(cast.county, code="P02", line="theory").page.save_revision()
    CoursePage.objects.filter(code="P02").update(has_unpublished_changes=True)
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    assert [page.code for page in client.get(reverse("my-courses:index"), asked).context["object_list"]] == found


def test_a_new_course_begins_in_the_own_catalogue(cast, catalogue, sign_in):
    catalogues.open_catalogue(county=cast.other_county)
    answer = sign_in(cast.trainer).get(reverse("my-courses:choose_parent"))
    assert answer["Location"] == reverse("wagtailadmin_pages:add", args=["courses", "coursepage", catalogue.pk])


def test_a_course_opened_in_the_tree_lists_its_lessons_in_reading_order(cast, sign_in):
    course = make_course(cast.county, lessons=3)
    LessonPage.objects.child_of(course.page).first().save_revision()
    listed = sign_in(cast.trainer).get(reverse("wagtailadmin_explore", args=[course.page_id])).context["object_list"]
    assert [page.title for page in listed] == ["第1课", "第2课", "第3课"]


def test_a_draft_is_no_page_without_a_site(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    page = CoursePage.objects.get(code="W01")
    assert page.full_url is None
    assert "没有对应的站点" not in client.get(reverse("wagtailadmin_explore", args=[page.pk])).text


# previews


def test_drafts_are_previewed_as_learners_will_see_them(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    add(client, "coursepage", catalogue, course_post())
    page = CoursePage.objects.get(code="W01")
    add(client, "lessonpage", page, lesson_post())
    lesson = LessonPage.objects.get(slug="one")
    assert "能二" in client.get(reverse("wagtailadmin_pages:view_draft", args=[page.pk])).text
    shown = client.get(reverse("wagtailadmin_pages:view_draft", args=[lesson.pk]))
    assert "安全生产信息由制作机关公开" in shown.text
    assert "lesson-block" in shown.text


def test_every_block_has_a_preview_and_a_description():
    for name, block in LessonBody().child_blocks.items():
        assert block.is_previewable, name
        assert block.get_description(), name


def test_the_block_previews_render(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    for name, block in LessonBody().child_blocks.items():
        answer = client.get(
            reverse("wagtailadmin_block_preview"),
            {"id": LessonPage._meta.get_field("body").stream_block.child_blocks[name].definition_prefix},
        )
        assert answer.status_code == 200, name
        assert "courses.css" in answer.text, name


def test_lists_are_read_with_and_without_wagtails_item_wrapping():
    body = LessonBody().to_python(
        [
            {"type": "key_points", "value": ["甲"]},
            {"type": "key_points", "value": [{"type": "item", "value": "甲"}]},
            {"type": "key_points", "value": [{"type": "item", "id": "1", "value": "甲"}]},
        ]
    )
    assert [list(block.value) for block in body] == [["甲"]] * 3


# files


def upload(client, name, data):
    collection = Collection.objects.exclude(depth=1).first()
    return client.post(
        reverse("wagtaildocs:add"), {"title": "文件", "file": SimpleUploadedFile(name, data), "collection": collection.pk, "tags": ""}
    )


def test_files_are_judged_by_their_content(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (300 * 2**20))
    for name, data in {
        "tool.pdf": b"MZ\x90\x00" + b"\x00" * 200,
        "page.pdf": b"<html><script>alert(1)</script></html>",
        "run.exe": b"MZ\x90\x00",
        "film.mp4": b"%PDF-1.7",
        "page.svg": b"<svg onload=alert(1)>",
        "bomb.docx": packed.getvalue(),
    }.items():
        assert upload(client, name, data).status_code == 200, name
    assert not get_document_model().objects.exists()
    assert upload(client, "form.pdf", PDF).status_code == 302
    assert get_document_model().objects.count() == 1


@pytest.mark.parametrize(("name", "why"), [("tool.pdf", "内容"), ("run.exe", ""), ("noending", "")])
def test_a_refused_file_is_given_one_reason(cast, catalogue, sign_in, name, why):
    page = upload(sign_in(cast.trainer), name, b"MZ\x90\x00" + b"\x00" * 200)
    [reason] = page.context["form"].errors["file"]
    assert why in reason and "扩展“”" not in page.text


def test_a_form_without_a_file_asks_for_one_and_says_no_more(cast, catalogue, sign_in):
    page = sign_in(cast.trainer).post(reverse("wagtaildocs:add"), {"title": "文件", "collection": Collection.objects.last().pk, "tags": ""})
    assert len(page.context["form"].errors["file"]) == 1


def test_too_large_a_file_of_questions_is_refused_with_the_limit_of_its_form(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    length = {"CONTENT_LENGTH": str(40 * 2**20)}
    answer = client.generic("POST", reverse("question-import:index"), b"", "multipart/form-data; boundary=x", **length)
    assert answer.status_code == 413
    assert "最多接收 30 MB" in answer.text and "较小的文件" in answer.text and "没有任何改动" not in answer.text


def test_two_gigabytes_are_refused_before_a_byte_is_read(cast, catalogue, sign_in):
    client = sign_in(cast.trainer)
    answer = client.generic("POST", reverse("wagtaildocs:add"), b"", "multipart/form-data; boundary=x", CONTENT_LENGTH=str(2 * 2**30))
    assert answer.status_code == 413
    assert "500 MB" in answer.text


@pytest.fixture
def shown_document(cast, catalogue, sign_in):
    """A document that an edition shows."""
    upload(sign_in(cast.trainer), "form.pdf", PDF)
    document = get_document_model().objects.get()
    shown = {"type": "document", "value": {"document": document.pk, "note": ""}}
    authoring.write_course(
        catalogue=catalogue,
        code="F01",
        facts={"title": "甲", "summary": "乙"},
        by=None,
        at=clock.now(),
        lessons=[{"slug": "a", "title": "甲", "minutes": 5, "body": [*lesson_body(1), shown]}],
    )
    return document


def test_a_file_that_an_edition_shows_cannot_be_deleted(shown_document):
    with pytest.raises(Refused) as refusal:
        shown_document.delete()
    assert refusal.value.code == "file_in_use"


def test_code_cannot_put_another_file_behind_a_document_of_an_edition(shown_document):
    shown_document.file = SimpleUploadedFile("other.pdf", PDF)
    with pytest.raises(Refused) as refusal:
        shown_document.save()
    assert refusal.value.code == "file_in_use"
    shown_document.refresh_from_db()
    stored = shown_document.file.name
    shown_document.file = "documents/somewhere-else.pdf"
    with pytest.raises(Refused):
        shown_document.save()
    shown_document.refresh_from_db()
    shown_document.title = "新名"
    shown_document.save()
    assert get_document_model().objects.get().file.name == stored, "its title may change"


def test_code_may_put_another_file_behind_a_document_that_no_edition_shows(cast, catalogue):
    document = get_document_model().objects.create(title="表", file=SimpleUploadedFile("form.pdf", PDF))
    document.file = SimpleUploadedFile("other.pdf", PDF)
    document.save()
    assert "other" in get_document_model().objects.get().file.name


def test_a_document_asks_for_sign_in(client, cast, catalogue, sign_in):
    upload(sign_in(cast.trainer), "form.pdf", PDF)
    document = get_document_model().objects.get()
    assert client.get(document.url).status_code == 200
    client.logout()
    assert client.get(document.url).status_code == 302


def test_a_published_course_cannot_move_to_another_county(cast, catalogue):
    course = make_course(cast.county)
    other = catalogues.open_catalogue(county=cast.other_county)
    with pytest.raises(Refused):
        Page.objects.get(pk=course.page_id).specific.move(other, pos="last-child")


def test_the_statistics_say_where_learners_stop(cast, sign_in):
    from courses.services import progress

    course = make_course(cast.county)
    for someone in (cast.learner, cast.colleague):
        enrolment = enrolments.enrol(person=someone, course=course, at=clock.now())
    progress.open_lesson(enrolment=enrolment, lesson=course.current.lessons.first(), at=clock.now())
    progress.finish_lesson(enrolment=enrolment, lesson=course.current.lessons.first(), at=clock.now())
    client = sign_in(cast.trainer)
    assert client.get(reverse("course_statistics")).status_code == 200
    page = client.get(reverse("course_steps", args=[course.pk]))
    assert [(step.met_by, step.lost) for step in page.context["steps"]] == [(1, 1), (0, 1)]
    assert cast.learner.name not in page.text
