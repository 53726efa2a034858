"""Images and formulas in questions: kept once, shown to those who may see them, never a way in for markup."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import Refused
from courses.services import catalogues
from quizzes import stems
from quizzes.models import BankImage, Question
from quizzes.services import images
from tests.cast import EVERYBODY, NOON
from tests.quizzes.test_admin import question


def picture(colour="teal", size=(40, 30), kind="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def image(cast):
    return images.keep(data=picture(), county=cast.county, at=NOON)


# ---- keeping


def test_the_same_bytes_are_kept_once_in_a_county(cast, image, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):  # one, and the savepoint around it
        assert images.keep(data=picture(), county=cast.county, at=NOON) == image
    assert images.keep(data=picture(), county=cast.other_county, at=NOON) != image
    assert (image.width, image.height, image.content_type) == (40, 30, "image/png") and image.file.read() == picture()
    assert image.digest == images.digest_of(picture()) and re.fullmatch("[0-9a-f]{16}", image.digest)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_browsers_show_is_taken(cast, kind):
    assert images.keep(data=picture(kind=kind), county=cast.county, at=NOON).content_type == f"image/{kind.lower()}"


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg onload=alert(1)>", picture()[:60], b"%PDF-1.7", picture()[:-20], b"GIF89a" + b"\0" * 20, picture(kind="BMP")],
    ids=["nothing", "svg", "cut off", "pdf", "tail missing", "empty gif", "bmp"],
)
def test_what_is_no_picture_is_refused_and_nothing_is_kept(cast, data):
    with pytest.raises(Refused):
        images.keep(data=data, county=cast.county, at=NOON)
    assert not BankImage.objects.exists()


def test_a_picture_of_too_many_pixels_or_bytes_is_refused_unopened(cast):
    header = picture(size=(1, 1))[:16] + (30_000).to_bytes(4, "big") * 2 + picture(size=(1, 1))[24:]
    for data in (header, picture() + b"\0" * 5 * 2**20):
        with pytest.raises(Refused):
            images.keep(data=data, county=cast.county, at=NOON)


# ---- showing


def test_an_image_is_shown_in_its_county_and_to_nobody_else(cast, image, sign_in):
    for name in EVERYBODY:
        response = sign_in(getattr(cast, name)).get(f"/quizzes/images/{image.digest}/")
        assert response.status_code == (404 if name in {"stranger", "other_hr"} else 200), name
    client = sign_in(cast.learner)
    response = client.get(f"/quizzes/images/{image.digest}/")
    assert response["Content-Type"] == "image/png" and b"".join(response.streaming_content) == picture()
    assert "private" in response["Cache-Control"] and "immutable" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert client.get("/quizzes/images/ffffffffffffffff/").status_code == 404
    client.logout()
    assert client.get(f"/quizzes/images/{image.digest}/").status_code == 302


def test_who_sits_another_countys_quiz_sees_its_images(cast, attempt, image, sign_in):
    from people.models import Person

    Person.objects.filter(pk=cast.learner.pk).update(unit=cast.other_county)  # moved away after the attempt
    assert sign_in(Person.objects.get(pk=cast.learner.pk)).get(f"/quizzes/images/{image.digest}/").status_code == 200


def test_who_may_sit_a_shared_quiz_sees_its_images(cast, quiz, image, sign_in):
    from courses.models import Course

    assert sign_in(cast.stranger).get(f"/quizzes/images/{image.digest}/").status_code == 404
    Course.objects.update(is_shared=True)
    assert sign_in(cast.stranger).get(f"/quizzes/images/{image.digest}/").status_code == 200


def test_an_image_whose_file_is_gone_is_not_found(cast, image, sign_in):
    image.file.storage.delete(image.file.name)
    assert sign_in(cast.learner).get(f"/quizzes/images/{image.digest}/").status_code == 404


# ---- the trainer's form


@pytest.fixture
def trainer(cast, quiz, sign_in):
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


def add(client, data=None, alt="流程图", **more):
    return client.post("/admin/questions/images/", {"image": SimpleUploadedFile("a.png", data or picture()), "alt": alt} | more)


def test_a_trainer_puts_an_image_into_a_question_and_learners_see_it(trainer, cast):
    marker = add(trainer, county=cast.county.pk).json()["marker"]
    digest = BankImage.objects.get(county=cast.county).digest
    assert marker == f"![流程图](image:{digest} 40x30)"
    reply = trainer.post("/admin/questions/new/", question(stem=f"见图 {marker}，几日？", county=cast.county.pk))
    assert reply.status_code == 302, reply.context["form"].errors
    preview = trainer.post("/admin/questions/preview/", question(stem=f"见图 {marker}", county=cast.county.pk)).text
    assert f'src="/quizzes/images/{digest}/"' in preview and 'alt="流程图"' in preview and 'width="40"' in preview
    assert "见图 [流程图]，几日？" in trainer.get("/admin/questions/").text
    said = str(Question.objects.get(code="N1"))
    assert said == "N1 见图 [流程图]，几日？" and "image:" not in said


def test_an_image_without_words_or_that_is_none_is_refused_in_words(trainer, cast):
    assert "用文字说明" in add(trainer, alt=" ").json()["error"]
    assert "不是" in add(trainer, data=b"<svg/>").json()["error"]
    assert trainer.post("/admin/questions/images/", {"alt": "图"}).status_code == 400
    assert not BankImage.objects.exists()


def test_only_authors_add_images_and_only_to_their_county(trainer, cast, sign_in):
    assert add(trainer, county=cast.other_county.pk).status_code == 404
    assert add(sign_in(cast.learner)).status_code in {302, 403} and not BankImage.objects.exists()


def test_a_question_cannot_name_an_image_that_the_county_does_not_have(trainer, cast):
    foreign = images.keep(data=picture(), county=cast.other_county, at=NOON)
    page = trainer.post("/admin/questions/new/", question(stem=f"![图](image:{foreign.digest}) 几日？", county=cast.county.pk))
    assert page.status_code == 200 and "stem" in page.context["form"].errors and not Question.objects.filter(code="N1").exists()


# ---- texts

HOSTILE = [
    r"\( \text{<script>alert(1)</script>} \)",
    r"\( \text{</annotation></semantics></math><img src=x onerror=alert(1)>} \)",
    r"\( \href{javascript:alert(1)}{x} \)",
    r"\( \style{background:url(//evil)}{x} \)",
    r"\( \class{a}{x} \)",
    '![" onerror="alert(1)](image:0123456789abcdef)',
    "![<script>](image:0123456789abcdef)",
    "![x](image:javascript:alert(1))",
    "<svg onload=alert(1)>",
    r"\( " + "{" * 400 + "}" * 400 + r" \)",
    r"\( \rule{99999em}{99999em} \)",
]
ELEMENTS = "math semantics mrow mi mn mo mtext mspace msqrt mtable mtr mtd mstyle mpadded mphantom mfrac msub msup munder mover mroot"
ALLOWED = re.compile(
    rf"</?({ELEMENTS.replace(' ', '|')}|msubsup|munderover|annotation)( (?!on|style|href|class|id)[a-z]+=\"[^\"<>]*\")*>|<br>|</?p>|"
    r"<img class=\"quiz-image\" src=\"/quizzes/images/[0-9a-f]{16}/\" alt=\"[^\"<>]*\"( width=\"\d+\" height=\"\d+\")? loading=\"lazy\">"
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_comes_out_of_a_text(text):
    assert "<" not in ALLOWED.sub("", stems.html(text))


@given(
    st.text(alphabet=r"<>\"'&(){}[]!:ax1_^ \ " + "\n题", max_size=60)
    | st.builds(r"\( {} \)".format, st.text(alphabet=r"<>\"&{}[]ax1_^ \frcstqe", max_size=40))
)
def test_any_text_becomes_html_of_known_elements(text):
    assert "<" not in ALLOWED.sub("", stems.html(text)) and "<" not in ALLOWED.sub("", stems.paragraphs(text))
    stems.plain(text), stems.fault(text)


@pytest.mark.parametrize(
    ("latex", "part"),
    [
        (r"\frac{80}{100}", "<mfrac><mrow><mn>80</mn></mrow><mrow><mn>100</mn></mrow></mfrac>"),
        (r"\text{公开率}=\frac{a}{b}\times 100\%", "<mtext>公开率</mtext>"),
        (r"x^2 \le y_1", "<msup><mi>x</mi><mn>2</mn></msup>"),
        (r"\begin{cases}1&x>2\\3&4\end{cases}", "<mtable>"),
        (r"\begin{pmatrix}abc\\def\end{pmatrix}", "<mtable>"),
    ],
)
def test_a_formula_is_drawn_with_its_latex_beside_it(latex, part):
    for opening, closing in ((r"\(", r"\)"), (r"\[", r"\]")):
        html = stems.html(f"求 {opening} {latex} {closing} 。")
        assert part in html and "alttext=" in html and 'encoding="application/x-tex"' in html
        assert ('display="block"' in html) == (opening == r"\[") and stems.fault(f"{opening}{latex}{closing}") is None


@pytest.mark.parametrize(
    "text",
    [
        r"\( \frac{1 \)",
        r"\( \nosuch x \)",
        r"\( x",
        r"x \)",
        r"\( \frac \)",
        r"\[ x \)",
        r"\( a____b \)",
        "![图](image:xyz)",
        "![____](image:0123456789abcdef)",
        r"\(" + "x" * 501 + r"\)",
    ],
)
def test_what_cannot_be_drawn_is_said_and_shown_as_it_is_written(text):
    assert stems.fault(text)
    assert "<math" not in stems.html(text) or "____" in text


def test_lists_and_labels_get_plain_text():
    assert stems.plain("见 ![流程图](image:0123456789abcdef 4x3)\n求 \\( x^2 \\)") == "见 [流程图] 求 x^2"
    assert stems.digests("![a](image:0123456789abcdef) ![b](image:fedcba9876543210 4x3)") == {"0123456789abcdef", "fedcba9876543210"}


def test_line_breaks_stay():
    assert stems.html("一\n二 & <三>") == "一<br>二 &amp; &lt;三&gt;" and stems.paragraphs("一\n\n二") == "<p>一</p><p>二</p>"
