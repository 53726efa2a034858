"""The second layout: one page whatever is written on it, every fact readable, tagged, and with its pictures."""

import io
import subprocess
import xml.etree.ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader
from pyzbar.pyzbar import decode

from certificates import paper, picture, rules, services
from certificates.models import CertificateKind
from certificates.preview import FOUR_LINES
from core import fonts, typesetting
from tests.cast import NOON
from tests.certificates.conftest import a_completion
from tests.certificates.test_paper import codes_in, text_of
from tests.certificates.test_templates import IN_ENGLISH as ENGLISH
from tests.certificates.test_templates import changed, kept

EVERYTHING = dict(
    ENGLISH,
    signatory_1="段文渊",
    signatory_1_post="县政务公开办公室主任",
    signatory_2="罗秋实",
    signatory_2_post="培训中心负责人",
    signatory_3="李政清",
    signatory_3_post="总讲师",
)
LOOKS = [(orientation, place) for orientation in CertificateKind.Orientation.values for place in CertificateKind.QrPlace.values]
NUMBER = "YAZWGK-01-2026-532325-1234567-X"


def bar(ground=(0, 0, 0, 0)) -> bytes:
    """A bar that no seal looks like."""
    image = Image.new("RGBA", (300, 200), ground)
    image.paste((160, 30, 30, 255), (0, 0, 300, 10))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def look(data: bytes, tmp_path) -> Image.Image:
    (tmp_path / "look.pdf").write_bytes(data)
    subprocess.run(["pdftoppm", "-r", "110", "-png", "-singlefile", tmp_path / "look.pdf", tmp_path / "look"], check=True)
    return Image.open(tmp_path / "look.png")


@pytest.mark.parametrize(("orientation", "place"), LOOKS)
def test_every_fact_stands_on_one_page_whatever_the_look(cast, kinds, private, tmp_path, orientation, place):
    changed(kinds[0], **EVERYTHING, orientation=orientation, qr_place=place, seal=kept(cast, bar()))
    certificate = services.issue(
        completion=a_completion(cast.learner, title=FOUR_LINES[:120], name="䶮㛃𬎆𡋾·阿卜杜热合曼·尔古买"), at=NOON
    )
    data = paper.pdf(certificate)
    text = text_of(data, tmp_path)
    reader = PdfReader(io.BytesIO(data))
    assert len(reader.pages) == 1
    size = tuple(round(float(side) / 72 * 25.4) for side in reader.pages[0].mediabox[2:])
    assert size == ((297, 210) if orientation == "landscape" else (210, 297))
    english = ["CertificateofTraining", "People'sGovernmentofYao'anCounty", "15June2026", "15June2028", "notastatutorylicence"]
    people = ["段文渊", "县政务公开办公室主任", "罗秋实", "李政清", "总讲师"]
    for fact in (*people, *english, certificate.person_name, FOUR_LINES[:120], certificate.number, "92.5分", "不属于法定证照"):
        assert fact in text.replace("’", "'"), fact
    assert codes_in(data, tmp_path) == [paper.check_address(certificate.number)]
    [code] = decode(look(data, tmp_path))
    page = look(data, tmp_path)
    assert (code.rect.top < page.height / 2) == place.startswith("top") and (code.rect.left < page.width / 2) == place.endswith("left")


def parts_of(node, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each part of a tagged PDF in reading order: what it is, and the words that stand for it."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        for each in node:
            parts_of(each, found)
    elif isinstance(node, dict):
        if "/S" in node:
            found.append((node["/S"], str(node.get("/Alt", "") or node.get("/T", ""))))
        parts_of(node.get("/K", []), found)
    return found


def test_the_paper_is_tagged_with_headings_and_words_for_its_pictures(cast, kinds, private, tmp_path):
    changed(kinds[0], **EVERYTHING, seal=kept(cast, bar()), background=kept(cast, bar((255, 250, 240, 255)), use="background"))
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    root = PdfReader(io.BytesIO(paper.pdf(certificate))).trailer["/Root"]
    parts = parts_of(root["/StructTreeRoot"]["/K"], [])
    assert root["/MarkInfo"]["/Marked"] and str(root["/Lang"]).startswith("zh")
    headings = [words for kind, words in parts if kind in ("/H1", "/H2")]
    assert len(headings) == 2 and headings[0].startswith("培训合格证书") and headings[1].startswith("扫码核验真伪")
    # The background is no part of what is read.
    assert sorted(words for kind, words in parts if kind == "/Figure") == sorted(
        ["颁发机构印章图案", f"核验二维码：{paper.check_address(certificate.number)}"]
    )


@pytest.mark.parametrize("standard", ["a-3a", "ua-1"])
def test_the_layout_keeps_what_archives_and_screen_readers_ask(cast, kinds, private, standard):
    changed(kinds[0], **EVERYTHING, seal=kept(cast, bar()), background=kept(cast, bar((255, 250, 240, 255)), use="background"))
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    data = typesetting.typeset(paper.LAYOUTS / "v2.typ", paper.sheet(certificate), at=NOON, pdf_standards=[standard])
    assert data.startswith(b"%PDF-")


def test_what_rests_on_other_certificates_says_so(cast, kinds, private, tmp_path):
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    certificate.completion, certificate.course_code, certificate.course_title = (
        None,
        "",
        "政务公开基础合格证明 YAZWGK-02-2026-532325-00001-1",
    )
    text = text_of(paper.pdf(certificate), tmp_path)
    assert "取得依据" in text and "培训课程" not in text and "YAZWGK-02-2026-532325-00001-1" in text


def test_the_place_for_a_stamp_is_marked_only_without_a_seal(cast, kinds, private, tmp_path):
    kind = changed(kinds[0], marks_seal_place=True)
    assert "盖章处" in text_of(paper.pdf(services.issue(completion=a_completion(cast.learner), at=NOON)), tmp_path)
    changed(kind, seal=kept(cast, bar()))
    assert "盖章处" not in text_of(paper.pdf(services.issue(completion=a_completion(cast.colleague), at=NOON)), tmp_path)


def test_the_share_picture_has_title_and_colours_of_the_version(cast, kinds, private):
    changed(kinds[0], title="新版培训证书", accent="#7a1d1d", ink="#102010")
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    image = Image.open(io.BytesIO(picture.png(certificate))).convert("RGB")
    colours = {colour for _count, colour in image.getcolors(maxcolors=2**24)}
    assert {(0x7A, 0x1D, 0x1D), (0x10, 0x20, 0x10)} <= colours and (0x1D, 0x4E, 0x7A) not in colours


# ---- one page, whatever is written --------------------------------------------------------

PRINTABLE = [chr(code) for code in sorted(fonts.characters_of(fonts.path_of(fonts.SERIF))) if code >= 32 and not 0xE000 <= code <= 0xF8FF]
ALPHABET = st.one_of(st.sampled_from("政务公开培训合格证书，。"), st.sampled_from("WMil m-"), st.sampled_from(PRINTABLE))


def text(limit: int, least: int = 1):
    """A text of a length within the model's limit, and often of the limit itself: mixed, or one character over and over."""
    length = st.one_of(st.integers(least, limit), st.just(limit))
    mixed = length.flatmap(lambda size: st.text(ALPHABET, min_size=size, max_size=size))
    return st.one_of(mixed, st.tuples(ALPHABET, length).map(lambda pair: pair[0] * pair[1]))


def limit(name: str) -> int:
    return CertificateKind._meta.get_field(name).max_length


@st.composite
def sheets(draw):
    """What the layout may be given: every text as long as the models allow, every look."""
    long = 3 * 150  # a wording's placeholders, twice each, filled with long names
    facts = {name: draw(text(longest)) for name, longest in {"name": 60, "unit": 120, "course": 160, "hours": 12, "score": 12}.items()}
    facts |= {"title": draw(text(limit("title"))), "issuer": draw(text(limit("issuer"))), "text": draw(text(limit("wording") + long))}
    facts |= {"issued_on": "2026年12月31日", "valid_until": "2028年12月31日", "number": NUMBER}
    english = None
    if draw(st.booleans()):
        english = {
            "title": draw(text(limit("title_en"))),
            "text": draw(text(limit("wording_en") + long)),
            "issuer": draw(text(limit("issuer_en"))),
            "hours": "123.75 h",
            "score": "Pass",
            "issued_on": "31 December 2026",
            "valid_until": "31 December 2028",
            "note": paper.NOTE_EN,
        }
    orientation, place = draw(st.sampled_from(LOOKS))
    signatories = draw(st.integers(0, 3))
    design = {
        "accent": rules.ACCENT,
        "ink": rules.INK,
        "orientation": orientation,
        "qr_place": place,
        "signatories": [
            {"name": draw(text(limit("signatory_1"))), "post": draw(text(limit("signatory_1_post"), least=0))}
            for _each in range(signatories)
        ],
        "seal": None,
        "marks_seal_place": draw(st.booleans()),
        "background": None,
    }
    facts = {name: rules.printable(value) for name, value in facts.items()}
    english = english and {name: rules.printable(value) for name, value in english.items()}
    return paper.on_sheet(facts, design, english=english, rests_on_others=draw(st.booleans()))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=sheets())
def test_nothing_within_the_limits_makes_a_second_page_or_leaves_the_first(data, tmp_path_factory):
    pdf = typesetting.typeset(paper.LAYOUTS / "v2.typ", data, at=NOON)
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 1
    file = tmp_path_factory.mktemp("page") / "page.pdf"
    file.write_bytes(pdf)
    page = ET.fromstring(_clean(subprocess.run(["pdftotext", "-bbox", file, "-"], capture_output=True, check=True).stdout))
    sheet = next(each for each in page.iter() if each.tag.endswith("page"))
    width, height = float(sheet.get("width")), float(sheet.get("height"))
    for word in (each for each in page.iter() if each.tag.endswith("word")):
        assert float(word.get("xMin")) >= 20 and float(word.get("xMax")) <= width - 20, word.text
        assert float(word.get("yMin")) >= 10 and float(word.get("yMax")) <= height - 10, word.text


def _clean(out: bytes) -> str:
    """Without what XML does not take."""
    return "".join(each for each in out.decode(errors="replace") if each in "\n\t" or ord(each) >= 32)
