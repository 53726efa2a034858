"""Pictures of lessons: who sees them, that they load, that an edition keeps the files it was reviewed with."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image as Drawing
from wagtail.documents import get_document_model
from wagtail.images import get_image_model

from core import clock
from courses.services import authoring, catalogues, enrolments
from tests.chromium import PHONE
from tests.factories import lesson_body

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF"


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


def test_the_demos_picture_is_drawn_once(cast, settings):
    from home.demo import load

    block = {"drawing": "twenty_working_days", "description": "四周的日历", "caption": "怎么数"}
    first, second = (load.block_of("image", block, county=cast.county)["value"]["image"] for _ in range(2))
    assert first == second
    assert get_image_model().objects.get().width == 800


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_learner_sees_the_picture_of_a_lesson(cast, image, open_page, enter, live_server):
    course = publish(cast.county, picture_of(image))
    enrolments.enrol(person=cast.learner, course=course, at=clock.now())
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}{reverse('lesson', args=[course.pk, 'a'])}")
    picture = page.locator("figure.lesson-figure img")
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('figure.lesson-figure img').complete")
    assert picture.evaluate("img => img.naturalWidth") > 0
