"""Questions as <question> elements of Moodle XML."""

import base64
import html
import re
from fractions import Fraction

from django.utils.translation import gettext as _

from quizzes.formats import moodle
from quizzes.formats.base import CannotCarry, Item, check_carried, facts
from quizzes.formats.markup import picture_facts, rubric_html, to_html
from quizzes.rules import decimal_text
from quizzes.stems import BLANK

SOURCE = "依据："


# ---- writing -------------------------------------------------------------------------------


def written(item: Item) -> str:
    """Raises: CannotCarry."""
    check_carried(item, _WRITERS, "Moodle XML")
    of_type, stem, body, more = _WRITERS[item.kind](item)
    explanation = to_html(item.explanation, _address(item))
    if item.source:
        explanation += f'<p class="source">{SOURCE}{html.escape(item.source, quote=False)}</p>'
    tags = "".join(
        f"      <tag><text>{_cdata(tag)}</text></tag>\n"
        for tag in facts(item, "course", "difficulty", "mark", "since", "until", "reserved", "retired", **more)
    )
    return (
        f'  <question type="{of_type}">\n    <name><text>{_cdata(item.code)}</text></name>\n'
        f"{_element(item, 'questiontext', stem)}{_element(item, 'generalfeedback', explanation)}"
        "    <defaultgrade>1.0000000</defaultgrade>\n    <penalty>0.3333333</penalty>\n    <hidden>0</hidden>\n"
        f"    <idnumber>{_cdata(item.code)}</idnumber>\n{body}    <tags>\n{tags}    </tags>\n  </question>\n"
    )


def _cdata(text: str) -> str:
    if html.escape(text, quote=False) == text:
        return text
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _address(item: Item):
    return lambda digest: f"@@PLUGINFILE@@/{_file_name(item, digest)}"


def _file_name(item: Item, digest: str) -> str:
    return f"{digest}.{picture_facts(item.images[digest])[0]}"


def _element(item: Item, name: str, said: str, attributes: str = "", more: str = "") -> str:
    """An element with a text in HTML and the images that it names."""
    digests = dict.fromkeys(re.findall(r"@@PLUGINFILE@@/([0-9a-f]{16})\.", said))
    files = "".join(
        f'<file name="{_file_name(item, digest)}" path="/" encoding="base64">{base64.b64encode(item.images[digest]).decode()}</file>\n'
        for digest in digests
        if digest in item.images
    )
    return f'    <{name}{attributes} format="html">\n      <text>{_cdata(said)}</text>\n{files}{more}    </{name}>\n'


def _html(item: Item, text: str) -> str:
    return to_html(text, _address(item))


def _plain_answer(text: str, share: Fraction, more: str = "") -> str:
    return (
        f'    <answer fraction="{moodle.in_percent(share)}" format="plain_text">\n      <text>{_cdata(text)}</text>\n{more}    </answer>\n'
    )


Written = tuple[str, str, str, dict[str, str]]


def _write_choice(item: Item) -> Written:
    is_single = item.kind == "single"
    answers = "".join(
        _element(item, "answer", _html(item, text), f' fraction="{moodle.in_percent(share)}"')
        for text, share in moodle.shares(item.content, item.key, is_single=is_single)
    )
    settings = f"    <single>{'true' if is_single else 'false'}</single>\n    <shuffleanswers>true</shuffleanswers>\n"
    return "multichoice", _html(item, item.stem), f"{settings}    <answernumbering>ABCD</answernumbering>\n{answers}", {}


def _write_judge(item: Item) -> Written:
    answers = [_plain_answer("true", Fraction(int(item.key))), _plain_answer("false", Fraction(int(not item.key)))]
    return "truefalse", _html(item, item.stem), "".join(answers), {}


def _write_short(item: Item) -> Written:
    answers = [_plain_answer(text, share) for text, share in moodle.patterns_of(item.kind, item.key)]
    return "shortanswer", _html(item, item.stem), f"    <usecase>0</usecase>\n{''.join(answers)}", {"kind": item.kind}


def _write_numeric(item: Item) -> Written:
    tolerance, relative = moodle.absolute(item.key)
    more = {"tolerance": relative} if relative else {}
    body = _plain_answer(item.key["value"], Fraction(1), f"      <tolerance>{tolerance}</tolerance>\n")
    units = sorted(item.content["units"].items(), key=lambda unit: (Fraction(unit[1]) != 1, unit))
    if not units:
        return "numerical", _html(item, item.stem), body, more
    rows, is_exact = "", True
    for name, factor in units:
        multiplier = decimal_text(1 / Fraction(factor))
        is_exact = is_exact and decimal_text(1 / Fraction(multiplier)) == factor and Fraction(multiplier) * Fraction(factor) == 1
        rows += f"      <unit><multiplier>{multiplier}</multiplier><unit_name>{_cdata(name)}</unit_name></unit>\n"
    if not is_exact:
        if any(sign in name for name, _factor in units for sign in ";="):
            raise CannotCarry(_("The size of a unit cannot be written exactly."))
        more["units"] = ";".join(f"{name}={factor}" for name, factor in units)
    body += f"    <units>\n{rows}    </units>\n    <unitgradingtype>1</unitgradingtype>\n    <unitpenalty>1</unitpenalty>\n"
    return "numerical", _html(item, item.stem), f"{body}    <showunits>2</showunits>\n    <unitsleft>0</unitsleft>\n", more


def _write_match(item: Item) -> Written:
    if any("](image:" in text for text in item.content["right"]):
        raise CannotCarry(_("Moodle has no images in the right column."))
    pairs, right = moodle.pairs_of(item.content, item.key)
    body = "".join(
        _element(item, "subquestion", _html(item, left), more=f"      <answer><text>{_cdata(text)}</text></answer>\n")
        for left, text in pairs
    )
    return "matching", _html(item, item.stem), f"    <shuffleanswers>true</shuffleanswers>\n{body}", {"right": right}


def _write_order(item: Item) -> Written:
    steps = "".join(
        _element(item, "answer", _html(item, step), f' fraction="{place}.0000000"') for place, step in enumerate(item.key, start=1)
    )
    settings = (
        "    <layouttype>VERTICAL</layouttype>\n    <selecttype>ALL</selecttype>\n"
        f"    <selectcount>{len(item.key)}</selectcount>\n    <gradingtype>ALL_OR_NOTHING</gradingtype>\n    <showgrading>SHOW</showgrading>\n"
    )
    return "ordering", _html(item, item.stem), f"{settings}{steps}", {"order": moodle.order_of(item.content, item.key)}


def _write_essay(item: Item) -> Written:
    info = _html(item, item.key["sample"]) + rubric_html(item.content["rubric"])
    body = f"    <responseformat>plain</responseformat>\n    <responserequired>1</responserequired>\n{_element(item, 'graderinfo', info)}"
    return "essay", _html(item, item.stem), body, moodle.essay_facts(item.content)


def _write_blanks(item: Item) -> Written:
    gaps = [_fill_gap(texts) for texts in item.key] if item.kind == "fill" else _cloze_gaps(item)
    pieces = iter(gaps)

    def gap(found: re.Match) -> str:
        written = next(pieces)
        return written if found.group() == "____" else f'<span data-blank="{found.group()}">{written}</span>'

    stem = _html(item, item.stem).replace("{", "&#123;")
    return "cloze", BLANK.sub(gap, stem), "", {}


def _fill_gap(accepted: list[str]) -> str:
    texts = (_escaped(text.replace("*", "\\*")) for text in accepted)
    return f"{{1:SHORTANSWER:{'~'.join(f'={text}' for text in texts)}}}"


def _cloze_gaps(item: Item) -> list[str]:
    gaps = []
    for texts, right in zip(item.content["gaps"], item.key, strict=True):
        choices = [f"={_escaped(text)}" if text == right else f"%0%{_escaped(text)}" for text in texts]
        gaps.append(f"{{1:MULTICHOICE:{'~'.join(choices)}}}")
    return gaps


def _escaped(text: str) -> str:
    return re.sub(r'([\\}#~/"])', r"\\\1", to_html(text, str))


_WRITERS = {
    "single": _write_choice,
    "multiple": _write_choice,
    "judge": _write_judge,
    "fill": _write_blanks,
    "cloze": _write_blanks,
    "short": _write_short,
    "numeric": _write_numeric,
    "match": _write_match,
    "order": _write_order,
    "essay": _write_essay,
}
