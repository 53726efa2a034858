"""Questions as QTI items: body, declarations of the right answers, and the marking that other programs run."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from typing import Any

from django.utils.translation import gettext as _

from quizzes.formats import moodle
from quizzes.formats.base import CannotCarry, Item, check_carried, named_images
from quizzes.formats.markup import picture_facts, rubric_html, to_html
from quizzes.kinds.base import LETTERS
from quizzes.stems import BLANK

NAMESPACE = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
SCHEMA = "https://purl.imsglobal.org/spec/qti/v3p0/schema/xsd/imsqti_asiv3p0p1_v1p0.xsd"
TRUTH = {"true": "正确", "false": "错误"}
INTERACTIONS = {
    "single": ["choiceInteraction"],
    "multiple": ["choiceInteraction"],
    "judge": ["choiceInteraction"],
    "fill": ["textEntryInteraction"],
    "short": ["textEntryInteraction"],
    "numeric": ["textEntryInteraction"],
    "cloze": ["inlineChoiceInteraction"],
    "order": ["orderInteraction"],
    "match": ["matchInteraction"],
    "essay": ["extendedTextInteraction"],
}


@dataclass
class Written:
    """An item file, and what the package has to say and hold for it."""

    text: str
    images: list[str]
    interactions: list[str]
    facts: dict[str, str]


@dataclass
class _Part:
    """The pieces of one question: `score` is an expression for the share that was earned, or steps that set it."""

    body: str
    declarations: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


class _Pen:
    """Writes texts of one item; `prefix` keeps the identifiers of the parts of a case apart."""

    def __init__(self, item: Item, prefix: str = "") -> None:
        self.item, self.prefix = item, prefix

    def html(self, text: str) -> str:
        made = to_html(text, lambda digest: f"../images/{digest}.{picture_facts(self.item.images[digest])[0]}")
        return re.sub(r"<(br|img[^>]*)>", r"<\1/>", made).replace("&nbsp;", "&#160;")

    def response(self, number: int = 0) -> str:
        return f"RESPONSE{self.prefix}{f'_{number}' if number else ''}"

    @property
    def share(self) -> str:
        return f"SHARE{self.prefix}"


def item(item: Item) -> Written:
    """Raises: CannotCarry."""
    check_carried(item, (*_WRITERS, "case"), "QTI")
    parts = _parts(item)
    pen = _Pen(item)
    weights = [Fraction(part["points"]) for part in item.content["parts"]] if item.kind == "case" else [Fraction(1)]
    declared = "".join(line for part in parts for line in part.declarations)
    shares = "".join(_outcome(f"SHARE{_prefix(item, number)}", "float", "0") for number in range(len(parts)))
    steps = "".join(step for part in parts for step in part.steps)
    feedback = ""
    if item.explanation:
        feedback = (
            '<qti-modal-feedback identifier="explanation" outcome-identifier="FEEDBACK" show-hide="show">'
            f"<qti-content-body><div>{pen.html(item.explanation)}</div></qti-content-body></qti-modal-feedback>"
        )
    body = "".join(part.body for part in parts)
    if item.kind == "case":
        body = f'<div class="material">{pen.html(item.stem)}</div>{body}'
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<qti-assessment-item xmlns="{NAMESPACE}" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{NAMESPACE} {SCHEMA}" '
        f'identifier="{_identifier(item.code)}" title="{escape(item.code)}" adaptive="false" time-dependent="false" xml:lang="zh-CN">\n'
        f"{declared}{_outcome('SCORE', 'float', '0')}{_outcome('MAXSCORE', 'float', _decimal(sum(weights, Fraction(0))))}{shares}"
        f"{_outcome('FEEDBACK', 'identifier', 'explanation') if feedback else ''}"
        f"<qti-item-body>{body}</qti-item-body>\n<qti-response-processing>{steps}{_total(item, weights)}</qti-response-processing>\n"
        f"{feedback}</qti-assessment-item>\n"
    )
    names = dict.fromkeys(name for kind in _kinds_of(item) for name in INTERACTIONS[kind])
    return Written(text, sorted(named_images(item)), list(names), {name: value for part in parts for name, value in part.facts.items()})


def _kinds_of(item: Item) -> list[str]:
    return [part["kind"] for part in item.content["parts"]] if item.kind == "case" else [item.kind]


def _prefix(item: Item, number: int) -> str:
    return str(number + 1) if item.kind == "case" else ""


def _parts(item: Item) -> list[_Part]:
    if item.kind != "case":
        return [_WRITERS[item.kind](_Pen(item), item.stem, item.content, item.key)]
    parts = []
    for number, (part, key) in enumerate(zip(item.content["parts"], item.key, strict=True)):
        written = _WRITERS[part["kind"]](_Pen(item, _prefix(item, number)), part["stem"], part["content"], key)
        facts = "".join(f' data-{name}="{escape(value)}"' for name, value in written.facts.items() if value)
        written.body = f'<div class="part" data-kind="{part["kind"]}" data-points="{part["points"]}"{facts}>{written.body}</div>\n'
        written.facts = {}
        parts.append(written)
    return parts


def _identifier(code: str) -> str:
    """The code where XML takes it as an identifier."""
    return code if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", code) else "ITEM"


def _total(item: Item, weights: list[Fraction]) -> str:
    terms = "".join(
        f'<qti-product><qti-base-value base-type="float">{_decimal(weight)}</qti-base-value>'
        f'<qti-variable identifier="SHARE{_prefix(item, number)}"/></qti-product>'
        for number, weight in enumerate(weights)
    )
    return f'<qti-set-outcome-value identifier="SCORE"><qti-sum>{terms}</qti-sum></qti-set-outcome-value>'


def _decimal(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


def _outcome(name: str, base_type: str, value: str) -> str:
    default = f"<qti-default-value><qti-value>{value}</qti-value></qti-default-value>"
    return (
        f'<qti-outcome-declaration identifier="{name}" cardinality="single" base-type="{base_type}">{default}</qti-outcome-declaration>\n'
    )


def _declared(name: str, cardinality: str, base_type: str, values: list[str], mapping: str = "") -> str:
    right = "".join(f"<qti-value>{escape(value, quote=False)}</qti-value>" for value in values)
    right = f"<qti-correct-response>{right}</qti-correct-response>" if right else ""
    return (
        f'<qti-response-declaration identifier="{name}" cardinality="{cardinality}" base-type="{base_type}">'
        f"{right}{mapping}</qti-response-declaration>\n"
    )


def _mapping(entries: list[tuple[str, Fraction]], bounds: str = "", more: str = "") -> str:
    rows = "".join(f'<qti-map-entry map-key="{escape(key)}" mapped-value="{_decimal(value)}"{more}/>' for key, value in entries)
    return f'<qti-mapping default-value="0"{bounds}>{rows}</qti-mapping>'


def _set(name: str, expression: str) -> str:
    return f'<qti-set-outcome-value identifier="{name}">{expression}</qti-set-outcome-value>'


def _when(condition: str, then: str) -> str:
    return f"<qti-response-condition><qti-response-if>{condition}{then}</qti-response-if></qti-response-condition>"


def _mapped(name: str) -> str:
    return f'<qti-map-response identifier="{name}"/>'


def _value(value: str) -> str:
    return f'<qti-base-value base-type="float">{value}</qti-base-value>'


def _all_right(pen: _Pen) -> str:
    name = pen.response()
    condition = f'<qti-match><qti-variable identifier="{name}"/><qti-correct identifier="{name}"/></qti-match>'
    return _when(condition, _set(pen.share, _value("1")))


def _stem(pen: _Pen, stem: str) -> str:
    return f'<div class="stem">{pen.html(stem)}</div>'


# ---- the kinds -----------------------------------------------------------------------------


def _choice(pen: _Pen, stem: str, content: dict, key: list[str], *, is_single: bool) -> _Part:
    name = pen.response()
    options = "".join(
        f'<qti-simple-choice identifier="{letter}">{pen.html(text)}</qti-simple-choice>'
        for letter, text in sorted(content["options"].items())
    )
    shares = [
        Fraction(1) if is_single else Fraction(1, len(key)) if letter in key else Fraction(-1) for letter in sorted(content["options"])
    ]
    entries = [(letter, share) for letter, share in zip(sorted(content["options"]), shares, strict=True) if letter in key or not is_single]
    bounds = ' lower-bound="0" upper-bound="1"'
    cardinality = "single" if is_single else "multiple"
    body = f'<qti-choice-interaction response-identifier="{name}" shuffle="true" max-choices="{int(is_single)}">{options}</qti-choice-interaction>'
    declared = _declared(name, cardinality, "identifier", list(key), _mapping(entries, bounds))
    return _Part(_stem(pen, stem) + body, [declared], [_set(pen.share, _mapped(name))])


def _single(pen: _Pen, stem: str, content: dict, key: list[str]) -> _Part:
    return _choice(pen, stem, content, key, is_single=True)


def _multiple(pen: _Pen, stem: str, content: dict, key: list[str]) -> _Part:
    return _choice(pen, stem, content, key, is_single=False)


def _judge(pen: _Pen, stem: str, content: dict, key: bool) -> _Part:
    name = pen.response()
    options = "".join(f'<qti-simple-choice identifier="{truth}">{text}</qti-simple-choice>' for truth, text in TRUTH.items())
    body = f'<qti-choice-interaction response-identifier="{name}" shuffle="false" max-choices="1">{options}</qti-choice-interaction>'
    return _Part(_stem(pen, stem) + body, [_declared(name, "single", "identifier", ["true" if key else "false"])], [_all_right(pen)])


def _fill(pen: _Pen, stem: str, content: dict, key: list[list[str]]) -> _Part:
    declared = []
    for number, accepted in enumerate(key, start=1):
        entries = [(text, Fraction(1)) for text in accepted]
        mapping = _mapping(entries, more=' case-sensitive="false"')
        declared.append(_declared(pen.response(number), "single", "string", accepted[:1], mapping))
    body = _with_blanks(pen, stem, lambda name, _number: f'<qti-text-entry-interaction response-identifier="{name}"/>')
    return _Part(body, declared, [_mean(pen, len(key))])


def _cloze(pen: _Pen, stem: str, content: dict, key: list[str]) -> _Part:
    declared = []
    for number, (texts, right) in enumerate(zip(content["gaps"], key, strict=True), start=1):
        letter = LETTERS[texts.index(right)]
        declared.append(_declared(pen.response(number), "single", "identifier", [letter], _mapping([(letter, Fraction(1))])))

    def gap(name: str, number: int) -> str:
        texts = content["gaps"][number - 1]
        choices = "".join(
            f'<qti-inline-choice identifier="{letter}">{pen.html(text)}</qti-inline-choice>'
            for letter, text in zip(LETTERS, texts, strict=False)
        )
        return f'<qti-inline-choice-interaction response-identifier="{name}" shuffle="true">{choices}</qti-inline-choice-interaction>'

    return _Part(_with_blanks(pen, stem, gap), declared, [_mean(pen, len(key))])


def _with_blanks(pen: _Pen, stem: str, gap: Callable[[str, int], str]) -> str:
    """The stem with an interaction at each blank; a blank of another length is kept beside it."""
    count = 0

    def written(found: re.Match) -> str:
        nonlocal count
        count += 1
        made = gap(pen.response(count), count)
        return made if found.group() == "____" else f'<span data-blank="{found.group()}">{made}</span>'

    return f'<div class="stem">{BLANK.sub(written, pen.html(stem))}</div>'


def _mean(pen: _Pen, count: int) -> str:
    whole = "".join(_mapped(pen.response(number)) for number in range(1, count + 1))
    return _set(pen.share, f"<qti-divide><qti-sum>{whole}</qti-sum>{_value(str(count))}</qti-divide>")


def _typed(pen: _Pen) -> str:
    return f'<div class="answer"><qti-text-entry-interaction response-identifier="{pen.response()}"/></div>'


def _short(pen: _Pen, stem: str, content: dict, key: list[dict]) -> _Part:
    name, steps = pen.response(), []
    for pattern, share in moodle.patterns_of("short", key):
        said = f'<qti-pattern-match pattern="{escape(expression_of(pattern))}"><qti-variable identifier="{name}"/></qti-pattern-match>'
        better = f'<qti-lt><qti-variable identifier="{pen.share}"/>{_value(_decimal(share))}</qti-lt>'
        steps.append(_when(f"<qti-and>{said}{better}</qti-and>", _set(pen.share, _value(_decimal(share)))))
    return _Part(_stem(pen, stem) + _typed(pen), [_declared(name, "single", "string", [])], steps)


def expression_of(pattern: str) -> str:
    r"""A pattern with * as the regular expression of XML Schema that `reading.pattern_of` reads back."""
    pieces = re.split(r"(\\\*|\*)", pattern)
    return "".join(".*" if piece == "*" else re.sub(r"([\\.?*+{}()\[\]|^$-])", r"\\\1", piece.replace("\\*", "*")) for piece in pieces)


def _numeric(pen: _Pen, stem: str, content: dict, key: dict) -> _Part:
    if content["units"]:
        raise CannotCarry(_("QTI has no units."))
    name, tolerance = pen.response(), key["tolerance"]
    mode, size = ("relative", _percent(tolerance)) if key["relative"] else ("absolute", tolerance)
    right = f'<qti-variable identifier="{name}"/><qti-correct identifier="{name}"/>'
    condition = f'<qti-equal tolerance-mode="{mode}" tolerance="{size} {size}">{right}</qti-equal>'
    declared = _declared(name, "single", "float", [key["value"]])
    steps = [_when(condition, _set(pen.share, _value("1")))]
    return _Part(_stem(pen, stem) + _typed(pen), [declared], steps, {"tolerance": tolerance} if key["relative"] else {})


def _percent(share: str) -> str:
    return moodle.in_percent(Fraction(share))


def _order(pen: _Pen, stem: str, content: dict, key: list[str]) -> _Part:
    name = pen.response()
    named = {text: f"S{place}" for place, text in enumerate(content["items"], start=1)}
    choices = "".join(f'<qti-simple-choice identifier="{named[text]}">{pen.html(text)}</qti-simple-choice>' for text in content["items"])
    body = f'<qti-order-interaction response-identifier="{name}" shuffle="true">{choices}</qti-order-interaction>'
    return _Part(_stem(pen, stem) + body, [_declared(name, "ordered", "identifier", [named[text] for text in key])], [_all_right(pen)])


def _match(pen: _Pen, stem: str, content: dict, key: dict[str, str]) -> _Part:
    name = pen.response()
    left = {text: f"L{place}" for place, text in enumerate(content["left"], start=1)}
    right = {text: f"R{place}" for place, text in enumerate(content["right"], start=1)}
    sets = "".join(
        "<qti-simple-match-set>"
        + "".join(
            f'<qti-simple-associable-choice identifier="{named}" match-max="{most}">{pen.html(text)}</qti-simple-associable-choice>'
            for text, named in column.items()
        )
        + "</qti-simple-match-set>"
        for column, most in ((left, 1), (right, 0))
    )
    pairs = [f"{left[text]} {right[key[text]]}" for text in content["left"]]
    body = (
        f'<qti-match-interaction response-identifier="{name}" shuffle="true" max-associations="{len(pairs)}">{sets}</qti-match-interaction>'
    )
    mapping = _mapping([(pair, Fraction(1, len(pairs))) for pair in pairs])
    return _Part(_stem(pen, stem) + body, [_declared(name, "multiple", "directedPair", pairs, mapping)], [_set(pen.share, _mapped(name))])


def _essay(pen: _Pen, stem: str, content: dict, key: dict[str, Any]) -> _Part:
    name = pen.response()
    said = f'<div class="sample">{pen.html(key["sample"])}</div>' if key["sample"] else ""
    said += rubric_html(content["rubric"])
    block = f'<qti-rubric-block use="scoring" view="scorer"><qti-content-body>{said}</qti-content-body></qti-rubric-block>' if said else ""
    body = f'<qti-extended-text-interaction response-identifier="{name}" expected-length="{content["longest"]}"/>'
    return _Part(_stem(pen, stem) + body + block, [_declared(name, "single", "string", [])], [], moodle.essay_facts(content))


_WRITERS: dict[str, Callable[..., _Part]] = {
    "single": _single,
    "multiple": _multiple,
    "judge": _judge,
    "fill": _fill,
    "cloze": _cloze,
    "short": _short,
    "numeric": _numeric,
    "order": _order,
    "match": _match,
    "essay": _essay,
}
