"""Pictures, videos and documents of lessons: who gets them, that they load and seek, that an edition keeps the files it was reviewed with."""

import io
from pathlib import Path

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Drawing
from wagtail.blocks import StructBlockValidationError
from wagtail.documents import get_document_model
from wagtail.images import get_image_model

from core import clock, files
from courses.blocks import LessonBody, VideoBlock
from courses.services import authoring, catalogues, enrolments
from tests.chromium import PHONE, until
from tests.factories import every_block, lesson_body

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF"
CLIP = (Path(__file__).parent / "data" / "clip.webm").read_bytes()  # twelve seconds
SIZE = len(CLIP)


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def png(colour="navy", side=900):
    data = io.BytesIO()
    Drawing.new("RGB", (side, side), colour).save(data, "PNG")
    return SimpleUploadedFile("plan.png", data.getvalue(), "image/png")


@pytest.fixture
def image(cast):
    catalogues.open_catalogue(county=cast.county)
    return get_image_model().objects.create(title="图", file=png(), collection=catalogues.collection_of(cast.county))


def publish(county, *blocks):
    return authoring.write_course(
        catalogue=catalogues.open_catalogue(county=county),
        code="F01",
        facts={"title": "甲", "summary": "乙"},
        by=None,
        at=clock.now(),
        lessons=[{"slug": "a", "title": "甲", "minutes": 5, "body": [*lesson_body(1), *blocks]}],
    )


def picture_of(image):
    return {"type": "image", "value": {"image": image.pk, "description": "一张图", "caption": ""}}


def test_a_picture_asks_for_sign_in_and_stays_in_the_readers_own_cache(client, cast, image, sign_in):
    for address, kind in ((image.file.url, "image/png"), (image.get_rendition("width-800|format-webp").url, "image/webp")):
        client.logout()
        assert client.get(address).status_code == 302
        answer = sign_in(cast.learner).get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        assert answer["Cache-Control"].startswith("private, max-age=")


def test_nothing_but_pictures_is_served(cast, image, sign_in, settings):
    document = get_document_model().objects.create(title="表", file=SimpleUploadedFile("form.pdf", PDF))
    (settings.MEDIA_ROOT / "original_images" / "stray.png").write_bytes(b"x")
    (settings.MEDIA_ROOT.parent / "secret.png").write_bytes(b"x")
    client = sign_in(cast.learner)
    name = image.file.name
    for path in (
        document.file.name,
        "original_images/stray.png",
        "images/nothing.png",
        "images/../../secret.png",
        "images/%2e%2e/%2e%2e/secret.png",
        f"images/../{name}",
        f"/{name}",
        "original_images/",
    ):
        assert client.get(f"/media/{path}").status_code == 404, path


def test_a_picture_of_another_county_is_seen_only_with_its_shared_course(cast, image, sign_in):
    other = next(person for person in vars(cast).values() if getattr(person, "unit_id", None) and not same_county(person, cast))
    client = sign_in(other)
    course = publish(cast.county, picture_of(image))
    assert client.get(image.file.url).status_code == 404
    course.is_shared = True
    course.save()
    assert client.get(image.file.url).status_code == 200


def same_county(person, cast):
    return person.unit.path.startswith(cast.county.path)


def test_the_image_of_an_edition_keeps_its_file(cast, image, sign_in):
    client, address = sign_in(cast.trainer), reverse("wagtailimages:edit", args=[image.pk])
    facts = {"title": "新名", "collection": image.collection_id, "tags": "", "description": ""}
    before = image.file.name
    publish(cast.county, picture_of(image))

    refused = client.post(address, facts | {"file": png("red")})
    assert refused.status_code == 200
    assert "作为新文件上传" in refused.text
    assert client.post(address, facts).status_code == 302  # the title alone may change
    image.refresh_from_db()
    assert (image.file.name, image.title) == (before, "新名")


def test_an_image_that_no_edition_shows_may_get_another_file(cast, image, sign_in):
    before = image.file.name
    facts = {"title": "图", "collection": image.collection_id, "tags": "", "description": "", "file": png("red")}
    assert sign_in(cast.trainer).post(reverse("wagtailimages:edit", args=[image.pk]), facts).status_code == 302
    image.refresh_from_db()
    assert image.file.name != before


def test_the_document_of_an_edition_keeps_its_file(cast, sign_in):
    catalogues.open_catalogue(county=cast.county)
    collection = catalogues.collection_of(cast.county)
    document = get_document_model().objects.create(title="表", file=SimpleUploadedFile("form.pdf", PDF), collection=collection)
    before = document.file.name
    address = reverse("wagtaildocs:edit", args=[document.pk])
    client, facts = sign_in(cast.trainer), {"title": "表", "collection": collection.pk, "tags": ""}
    assert client.post(address, facts | {"file": SimpleUploadedFile("other.pdf", PDF)}).status_code == 302
    document.refresh_from_db()
    assert document.file.name != before
    before = document.file.name
    publish(cast.county, {"type": "document", "value": {"document": document.pk, "note": ""}})

    assert "作为新文件上传" in client.post(address, facts | {"file": SimpleUploadedFile("third.pdf", PDF)}).text
    document.refresh_from_db()
    assert document.file.name == before


def test_the_walks_lesson_has_a_block_of_every_kind(cast):
    kinds = {block["type"] for block in every_block(cast.county)} | {"quiz"}

    assert kinds == set(LessonBody().child_blocks)


@pytest.fixture
def video(cast):
    catalogues.open_catalogue(county=cast.county)
    file = SimpleUploadedFile("clip.webm", CLIP, "video/webm")
    return get_document_model().objects.create(title="片", file=file, collection=catalogues.collection_of(cast.county))


def video_of(video):
    captions = get_document_model().objects.create(
        title="字幕", file=SimpleUploadedFile("clip.vtt", b"WEBVTT\n"), collection=video.collection
    )
    return {"type": "video", "value": {"video": video.pk, "captions": captions.pk, "title": "怎么数工作日", "transcript": ""}}


@pytest.mark.parametrize(
    ("film", "captions", "wrong"),
    [
        ("clip.webm", "clip.vtt", {}),
        ("CLIP.MP4", "CLIP.VTT", {}),
        ("plan.xlsx", "clip.vtt", {"video": "plan"}),
        ("clip.webm", "form.pdf", {"captions": "form"}),
        ("clip.vtt", "clip.webm", {"video": "clip", "captions": "clip"}),
    ],
)
def test_a_video_takes_only_what_a_browser_plays_and_says_at_which_field(cast, film, captions, wrong):
    made = [get_document_model().objects.create(title=name, file=SimpleUploadedFile(name, b"x")) for name in (film, captions)]
    block = VideoBlock()
    value = block.to_python({"video": made[0].pk, "captions": made[1].pk, "title": "怎么数工作日", "transcript": ""})
    if not wrong:
        assert block.clean(value)["video"] == made[0]
        return
    with pytest.raises(StructBlockValidationError) as refused:
        block.clean(value)
    said = {name: str(error.messages[0]) for name, error in refused.value.block_errors.items()}
    assert said.keys() == wrong.keys() and all(start in said[name] and "无法播放" in said[name] for name, start in wrong.items())


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=100-9999999", 100, SIZE - 1),
        ("bytes=-10", SIZE - 10, SIZE - 1),
        ("bytes=-9999999", 0, SIZE - 1),
        (" Bytes = 5 - 6 ", 5, 6),
    ],
)
def test_a_video_comes_in_the_range_that_is_asked_for(cast, video, sign_in, asked, first, last):
    answer = sign_in(cast.learner).get(video.url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.getvalue() == CLIP[first : last + 1]
    assert (int(answer["Content-Length"]), answer["Content-Type"]) == (last + 1 - first, "video/webm")


@pytest.mark.parametrize(
    "asked", ["", "bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "seconds=0-1", "bytes=a-b", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_that_is_none_gets_the_whole_video(cast, video, sign_in, asked):
    answer = sign_in(cast.learner).get(video.url, headers={"Range": asked})
    assert (answer.status_code, answer["Accept-Ranges"], answer.getvalue()) == (200, "bytes", CLIP)
    assert "Content-Range" not in answer


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_refused_with_the_size(cast, video, sign_in, asked):
    answer = sign_in(cast.learner).get(video.url, headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{SIZE}")


def test_the_rest_of_a_video_that_changed_is_not_sent(cast, video, sign_in):
    client = sign_in(cast.learner)
    etag = client.get(video.url)["ETag"]
    assert client.get(video.url, headers={"Range": "bytes=5-", "If-Range": etag}).status_code == 206
    assert client.get(video.url, headers={"Range": "bytes=5-", "If-Range": '"old"'}).getvalue() == CLIP
    assert client.get(video.url, headers={"If-None-Match": etag}).status_code == 304


@given(size=st.integers(0, 10**12), first=st.integers(0, 10**12), length=st.integers(1, 10**12))
def test_a_part_is_what_was_asked_for_as_far_as_the_file_goes(size, first, length):
    part = files.part_of(f"bytes={first}-{first + length - 1}", size=size)
    assert len(part) == max(min(length, size - first), 0)
    if part:
        assert (part.start, part.stop <= size) == (first, True)
    assert len(files.part_of(f"bytes=-{length}", size=size)) == min(length, size)


@given(st.text(max_size=40))
def test_no_header_breaks_the_reading_of_ranges(header):
    part = files.part_of(header, size=100)
    assert part is None or 0 <= part.stop <= 100


def test_a_video_asks_for_sign_in_and_stays_in_its_county(client, cast, video, sign_in):
    part = {"Range": "bytes=0-9"}
    assert client.get(video.url, headers=part).status_code == 302
    assert sign_in(cast.stranger).get(video.url, headers=part).status_code == 404
    course = publish(cast.county, video_of(video))
    assert client.get(video.url, headers=part).status_code == 404
    course.is_shared = True
    course.save()
    assert client.get(video.url, headers=part).status_code == 206


def test_a_document_without_a_county_is_open_as_wagtail_leaves_it(client, cast):
    document = get_document_model().objects.create(title="表", file=SimpleUploadedFile("form.pdf", PDF))
    answer = client.get(document.url)
    assert (answer.getvalue(), answer["Content-Disposition"]) == (PDF, "inline")
    assert answer["Content-Security-Policy"] == "default-src 'none'"
    Path(document.file.path).unlink()
    assert client.get(document.url).status_code == 404


def test_nginx_sends_the_file_where_it_is_told_to(cast, video, image, sign_in, settings):
    settings.X_ACCEL_LOCATION = "/kept/"
    client = sign_in(cast.learner)
    for address, name in ((video.url, video.file.name), (image.file.url, image.file.name)):
        answer = client.get(address)
        assert (answer["X-Accel-Redirect"], answer.content) == (f"/kept/{name}", b"")
    assert sign_in(cast.stranger).get(video.url).status_code == 404


def test_the_demos_picture_is_drawn_once(cast, settings):
    from home.demo import load

    block = {"drawing": "twenty_working_days", "description": "四周的日历", "caption": "怎么数"}
    first, second = (load.block_of("image", block, county=cast.county)["value"]["image"] for _ in range(2))
    assert first == second
    assert get_image_model().objects.get().width == 800


def test_the_demos_form_is_written_once_with_fourteen_columns_and_an_example(cast, settings, tmp_path):
    from home.demo import load, sheets

    block = {"sheet": "catalogue_form", "note": "空白表"}
    first, second = (load.block_of("document", block, county=cast.county)["value"]["document"] for _ in range(2))
    assert first == second
    page = openpyxl.load_workbook(get_document_model().objects.get().file).active
    assert sum(len(columns) for _group, columns, _widths in sheets.HEADING) == 14 == page.max_column
    groups, small, example = (list(row) for row in page.iter_rows(min_row=2, max_row=4, values_only=True))
    assert [group for group in groups if group] == [group for group, _columns, _widths in sheets.HEADING]
    assert small[8:] == ["全社会", "特定群体", "主动", "依申请", "县级", "乡级"] and example[2] == "机关简介"


@pytest.fixture
def read(cast, open_page, enter, live_server):
    """`read(block)` opens a lesson with this block on the learner's phone."""

    def opened(block):
        course = publish(cast.county, block)
        enrolments.enrol(person=cast.learner, course=course, at=clock.now())
        page = enter(open_page(PHONE), cast.learner)
        page.goto(f"{live_server.url}{reverse('lesson', args=[course.pk, 'a'])}")
        return page

    return opened


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_learner_sees_the_picture_of_a_lesson(image, read):
    page = read(picture_of(image))
    picture = page.locator("figure.lesson-figure img")
    picture.scroll_into_view_if_needed()
    until(page, "document.querySelector('figure.lesson-figure img').complete")
    assert picture.evaluate("img => img.naturalWidth") > 0


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_captions_of_a_video_are_shown_while_it_plays(cast, read):
    page = read(next(block for block in every_block(cast.county) if block["type"] == "video"))
    until(page, "document.querySelector('video').textTracks[0]?.cues?.length === 2")
    track = "document.querySelector('video').textTracks[0]"
    assert page.evaluate(f"[{track}.kind, {track}.language, {track}.mode]") == ["captions", "zh", "showing"]
    shown = page.evaluate(
        """() => new Promise((done) => {
          const video = document.querySelector("video"), track = video.textTracks[0];
          track.addEventListener("cuechange", () => track.activeCues.length && done(track.activeCues[0].text));
          video.currentTime = 8;
        })"""
    )
    assert shown == "节假日顺延到下一个工作日。"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_learner_seeks_in_the_video_of_a_lesson(video, read):
    page = read(video_of(video))
    address = page.evaluate("document.querySelector('video').currentSrc || document.querySelector('video source').src")
    part = page.request.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status, len(part.body())) == (206, 100)
    until(page, "document.querySelector('video').readyState >= 1")
    assert page.evaluate("[document.querySelector('video').duration, document.querySelector('video').seekable.end(0)]") == [12, 12]
    at = page.evaluate(
        """() => new Promise((done) => {
          const video = document.querySelector("video");
          video.addEventListener("seeked", () => done(video.currentTime));
          video.currentTime = 9;
        })"""
    )
    assert at == 9
