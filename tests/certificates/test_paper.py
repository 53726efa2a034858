"""The paper and the picture, read back by programs that we did not write."""

import subprocess

import pytest
from PIL import Image
from pypdf import PdfReader
from pyzbar.pyzbar import decode

from certificates import files, paper, picture, rules, services, tasks
from certificates.models import Certificate
from core import fonts
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.conftest import a_completion

RARE = "䶮㛃𬎆𡋾"
FOUR_LINES = (
    "姚安县基层政务公开标准目录编制与县级政府信息公开平台网上录入发布实务操作及依申请公开办理流程暨政策解读"
    "回应关切能力提升专题培训班（第二期）——以社会救助、义务教育、公共文化服务等二十六个试点领域为例的案例教学、演练与考核"
)


def text_of(data: bytes, tmp_path) -> str:
    """All text of a PDF as poppler reads it, without white space."""
    file = tmp_path / "paper.pdf"
    file.write_bytes(data)
    return "".join(subprocess.run(["pdftotext", file, "-"], capture_output=True, check=True, text=True).stdout.split())


def codes_in(data: bytes, tmp_path) -> list[str]:
    file = tmp_path / "paper.pdf"
    file.write_bytes(data)
    subprocess.run(["pdftoppm", "-r", "110", "-png", "-singlefile", file, tmp_path / "page"], check=True)
    return [code.data.decode() for code in decode(Image.open(tmp_path / "page.png"))]


@pytest.fixture
def issued(cast, kinds, private):
    def issue(**facts):
        return services.issue(completion=a_completion(cast.learner, **facts), at=NOON)

    return issue


def test_every_fact_can_be_read_back_from_the_pdf(issued, tmp_path):
    certificate = issued()
    text = text_of(paper.pdf(certificate), tmp_path)
    for fact in (
        "培训合格证书",
        "张小明",
        "姚安县教育体育局办公室",
        "政务公开政策解读",
        certificate.course_code,
        "第1版",
        "2.5学时",
        "92.5分",
        "姚安县人民政府",
        "2026年6月15日",
        "2028年6月15日",
        certificate.number,
        "不属于法定证照",
        "/verify/" + certificate.number,
    ):
        assert fact in text, fact
    assert "电子证照" not in text


def test_the_code_on_paper_and_picture_leads_to_the_check_page(issued, tmp_path, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://xuexi.yaoan.example.cn/"
    certificate = issued()
    address = f"https://xuexi.yaoan.example.cn/verify/{certificate.number}/"
    assert codes_in(paper.pdf(certificate), tmp_path) == [address]
    (tmp_path / "picture.png").write_bytes(picture.png(certificate))
    image = Image.open(tmp_path / "picture.png")
    assert image.size == (1080, 1350)
    assert [code.data.decode() for code in decode(image)] == [address]
    assert [code.data.decode() for code in decode(image.resize((540, 675)))] == [address]  # as a chat program shrinks it


def test_rare_characters_and_long_names_are_text_on_one_page(issued, tmp_path):
    name = RARE + "·阿卜杜热合曼·尔古买"
    certificate = issued(name=name, title=FOUR_LINES[:120])
    data = paper.pdf(certificate)
    text = text_of(data, tmp_path)
    assert name in text and FOUR_LINES[:120] in text
    reader = PdfReader(tmp_path / "paper.pdf")
    assert len(reader.pages) == 1
    assert RARE in "".join(reader.pages[0].extract_text().split())
    width, height = reader.pages[0].mediabox[2:]
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (297, 210)
    assert picture.png(certificate).startswith(b"\x89PNG")


def test_a_character_that_no_font_has_is_refused_by_name(issued):
    certificate = issued(name="张\U0001f600三")
    for make in (paper.pdf, picture.png):
        with pytest.raises(Refused) as refused:
            make(certificate)
        assert refused.value.code == "missing_glyph" and "U+1F600" in refused.value.message


def test_the_four_faces_know_the_rare_characters_of_chinese_names():
    assert fonts.missing([RARE, "𠅤𤣰𣲗𬭳㵑䲢", "葛󠄀"]) == []  # the last with a variation selector
    assert fonts.missing(["a\U000323af"]) == ["\U000323af"]


def test_markup_in_names_and_titles_comes_out_as_it_was_typed(issued, tmp_path):
    name, title = '#panic("x")', '[*粗*] $x^2$ _a_ <b>b</b> <script>alert(1)</script> @ref \\u{41} // /* `c` = - "q"'
    text = text_of(paper.pdf(issued(name=name, title=title)), tmp_path)
    assert "".join(name.split()) in text and "".join(title.split()) in text


@pytest.mark.parametrize("title", ["A" * 120, "x" * 60 + " " + "y" * 59, "公" * 120])
def test_a_run_without_a_break_stays_on_the_paper(issued, tmp_path, title):
    data = paper.pdf(issued(title=title, name="W" * 60))
    (tmp_path / "wide.pdf").write_bytes(data)
    boxes = subprocess.run(["pdftotext", "-bbox", tmp_path / "wide.pdf", "-"], capture_output=True, check=True, text=True).stdout
    edges = [float(part.split('"')[1]) for part in boxes.split("xMax=")[1:] for part in ["=" + part]]
    assert edges and max(edges) <= 842 - 40
    assert len(PdfReader(tmp_path / "wide.pdf").pages) == 1


def test_a_certificate_of_any_instant_can_be_printed(cast, kinds, private):
    at = NOON.replace(microsecond=123456)
    certificate = services.issue(completion=a_completion(cast.learner, at=at), at=at)
    assert paper.pdf(certificate).startswith(b"%PDF-")


def test_the_same_certificate_gives_the_same_bytes(issued):
    certificate = issued()
    assert paper.pdf(certificate) == paper.pdf(certificate)


def test_invisible_and_turning_characters_are_not_printed(issued, tmp_path):
    text = text_of(paper.pdf(issued(name="张\u202e明\u200b三")), tmp_path)
    assert "张明三" in text


def test_files_are_made_once_and_again_when_they_are_lost(issued, private):
    certificate = issued()
    tasks.render(certificate.pk)
    stem = files.stem_of(certificate.number, certificate.facts_digest)
    names = {f"{stem}.pdf", f"{stem}.png"}
    folder = private / "certificates" / "2026"
    assert {path.name for path in folder.iterdir()} == names
    tasks.render(certificate.pk)
    assert {path.name for path in folder.iterdir()} == names

    first = files.read(certificate, "pdf")
    (folder / f"{stem}.pdf").write_bytes(first[:1000])  # a crash while writing
    again = files.read(certificate, "pdf")
    assert again.startswith(first[: first.index(b"%%EOF")]) and again[-32:] == first[-32:]  # the same paper, signed anew
    (folder / f"{stem}.png").unlink()
    assert files.read(certificate, "png").startswith(b"\x89PNG")


def test_another_databases_paper_of_the_same_number_is_never_served(issued, private):
    theirs = issued(name="别人")
    tasks.render(theirs.pk)
    ours = Certificate(**{f.attname: getattr(theirs, f.attname) for f in Certificate._meta.fields} | {"person_name": "自己"})
    ours.facts_digest = rules.digest(ours.facts())

    assert files.read(ours, "pdf") != files.read(theirs, "pdf")


def test_papers_lie_outside_the_public_media_folder(issued, private, settings):
    certificate = issued()
    tasks.render(certificate.pk)
    assert not (settings.MEDIA_ROOT / "certificates").exists()
    assert private not in settings.MEDIA_ROOT.parents


def test_missing_files_are_a_gap_that_closes(issued, private):
    from datetime import timedelta

    certificate = issued()
    later = NOON + timedelta(minutes=5)
    assert services.gaps_of_paper(NOON) == []  # the job may still be under way
    [gap] = services.gaps_of_paper(later)
    assert certificate.number in gap.what
    gap.mend()
    assert services.gaps_of_paper(later) == []


def test_a_repair_run_makes_few_papers_itself_and_queues_the_rest(issued, private, monkeypatch):
    from datetime import timedelta

    queued: list[int] = []
    monkeypatch.setattr(services.gaps, "MADE_AT_ONCE", 1)
    monkeypatch.setattr(tasks.render, "delay", queued.append)
    first, second = issued(), issued()
    later = NOON + timedelta(minutes=5)
    for gap in services.gaps_of_paper(later):
        gap.mend()

    assert queued == [second.pk]
    [gap] = services.gaps_of_paper(later)  # told until it is made
    assert second.number in gap.what and first.number not in gap.what


def test_a_paper_that_nobody_asked_for_in_a_fortnight_is_no_gap_and_comes_when_asked(issued, private):
    from datetime import timedelta

    certificate = issued()
    assert services.gaps_of_paper(NOON + timedelta(days=14)) == []
    assert files.read(certificate, "pdf").startswith(b"%PDF-")


def test_a_load_of_hundreds_queues_no_paper(issued, private, django_capture_on_commit_callbacks):
    def papers() -> int:
        return sum("chaining" not in callback.__qualname__ for callback in queued)  # the ledger asks for its own job

    with django_capture_on_commit_callbacks() as queued, services.papers_on_request():
        issued()
    assert papers() == 0
    with django_capture_on_commit_callbacks() as queued:
        issued()
    assert papers() == 1


def test_a_missing_font_names_the_package(monkeypatch):
    from django.core.exceptions import ImproperlyConfigured

    fonts.path_of.cache_clear()
    monkeypatch.setattr(fonts, "FOLDERS", ())
    with pytest.raises(ImproperlyConfigured, match="fonts-noto-cjk"):
        fonts.path_of("NotoNowhere.ttc")
    fonts.path_of.cache_clear()


@pytest.mark.parametrize("width", [300, 420, 640, 880])
def test_the_picture_breaks_no_word_number_or_bracket(width):
    text = "GB/T 1.1—2020 结构与要素：rules for drafting（8号/80号/42号/54号）（P03，第1版）" + "很长" * 30
    face, size = (fonts.SERIF,), 40
    lines = picture.wrapped(text, face, size, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for whole in ("2020", "rules", "drafting", "80号", "54号", "P03", "第1版"):
        assert any(whole in line for line in lines), (whole, lines)
    assert [line for line in lines if line[0] in "，。：）/" or line[-1] in "（"] == []
    assert len(picture.wrapped("x" * 200, face, size, width)) > 2  # what no line has room for is broken after all


def test_a_character_of_private_use_from_a_font_of_the_county_costs_the_level_not_the_paper(issued, tmp_path, settings):
    """PDF/A-3 level A forbids such characters; level U takes them."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    from core import typesetting

    pen = TTGlyphPen(None)
    for number, point in enumerate([(100, 0), (100, 700), (600, 700), (600, 0)]):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "made"])
    builder.setupCharacterMap({0xE000: "made"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "made": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (700, 0), "made": (700, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "County", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    (tmp_path / "fonts").mkdir()
    builder.save(tmp_path / "fonts" / "county.ttf")
    certificate = issued(name="张\ue000")
    with pytest.raises(Refused):
        paper.pdf(certificate)
    settings.CERTIFICATE_FONTS = [str(tmp_path / "fonts" / "county.ttf")]
    typesetting._compiler.cache_clear()
    try:
        data = paper.pdf(certificate)
    finally:
        typesetting._compiler.cache_clear()
    assert b"<pdfaid:part>3" in data and b"<pdfaid:conformance>U" in data and b"<pdfuaid:part>1" in data
    assert "张\ue000" in text_of(data, tmp_path)


@pytest.mark.parametrize("kind", ["suspended", "revoked", "replaced"])
def test_paper_and_picture_are_those_of_the_issue_whatever_became_of_the_certificate(issued, cast, kind):
    """What it is worth is asked at its address: a file that somebody keeps would say the wrong thing tomorrow."""
    from tests.certificates.badges import happened

    certificate = issued()
    before = files.read(certificate, "pdf"), files.read(certificate, "png")
    happened(certificate, kind, by=cast.hr, at=NOON)
    certificate = Certificate.objects.with_state().get(pk=certificate.pk)
    assert (files.read(certificate, "pdf"), files.read(certificate, "png")) == before
    assert picture.png(certificate) == before[1]


def test_paper_and_picture_follow_no_later_name_unit_or_template(issued, cast, kinds):
    certificate = issued()
    made = paper.pdf(certificate), picture.png(certificate)
    cast.learner.name, cast.learner.post_title, cast.learner.unit = "李四光", "局长", cast.county
    cast.learner.save()
    certificate.unit.name = "另一个单位"
    certificate.unit.save()
    kinds[0].title, kinds[0].issuer, kinds[0].wording = "另一个标题", "另一个机构", "{name}通过考核。"
    kinds[0].save()

    again = Certificate.objects.get(pk=certificate.pk)
    assert (paper.pdf(again), picture.png(again)) == made
    assert "李四光" not in str(paper.printed(again)) and "另一" not in str(paper.printed(again))


def test_a_certificate_without_a_course_has_its_paper_badge_and_picture(issued, tmp_path):
    """One that follows from others: no completion, no course, no score."""
    earned = issued()
    rest = {field.attname: getattr(earned, field.attname) for field in Certificate._meta.fields if field.attname != "id"}
    number = rules.compose_number(prefix="YAZWGK", category="05", year=2026, county_code="532325", serial=7)
    none = {"completion_id": None, "course_code": "", "course_title": "", "edition_number": None, "score": None, "number": number}
    certificate = Certificate(**rest | none)
    certificate.facts_digest = rules.digest(certificate.facts())
    certificate.save()
    text = text_of(files.read(certificate, "pdf"), tmp_path)
    assert number in text and "张小明" in text and "None" not in text and "版）" not in text
    (tmp_path / "picture.png").write_bytes(files.read(certificate, "png"))
    assert codes_of(tmp_path / "picture.png") == [paper.check_address(number)]


def codes_of(path) -> list[str]:
    return [code.data.decode() for code in decode(Image.open(path))]


def test_the_layout_keeps_the_rules_of_archives_and_screen_readers_at_any_length(issued):
    """typst refuses what breaks PDF/A-3a or PDF/UA-1."""
    for facts in ({}, {"title": FOUR_LINES[:120], "name": RARE}, {"title": "A" * 120, "name": "W" * 60}, {"score": None}):
        assert b"<pdfuaid:part>1" in paper.pdf(issued(**facts))
