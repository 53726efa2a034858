"""<question> elements of Moodle XML as questions."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from quizzes.formats import moodle
from quizzes.formats.base import Found, Item, from_facts, read_facts, settle, settled
from quizzes.formats.markup import Reading
from quizzes.formats.moodle import Answer
from quizzes.formats.moodlexml.writing import SOURCE
from quizzes.kinds import Wrong
from quizzes.rules import decimal_text, number

PLAIN = {"plain_text", "2"}
# Where the blanks of a cloze question are; a sign after a backslash is text. One that is not closed is found as well, with
# nothing for the last group: else its end would be looked for again from each opening.
GAP = re.compile(r"\{(\d*):([A-Z_]+):((?:\\.|[^\\}])*+)(\}?)", re.DOTALL)
GAP_KINDS = {
    **dict.fromkeys(("SHORTANSWER", "SA", "MW", "SHORTANSWER_C", "SAC", "MWC"), "fill"),
    **dict.fromkeys(("MULTICHOICE", "MC", "MULTICHOICE_V", "MCV", "MULTICHOICE_H", "MCH"), "cloze"),
    **dict.fromkeys(("MULTICHOICE_S", "MCS", "MULTICHOICE_VS", "MCVS", "MULTICHOICE_HS", "MCHS"), "cloze"),
    **dict.fromkeys(("NUMERICAL", "NM"), "number"),
}
GAP_PART = re.compile(r"(?:^|~)((?:\\.|[^\\~])*)", re.DOTALL)
GAP_ANSWER = re.compile(r"(?:\\.|&#|[^\\#])*", re.DOTALL)
GAP_WEIGHT = re.compile(r"=|%(-?\d{1,3}(?:\.\d*)?)%")
SLOT = re.compile(r"\[\[(\d{1,3})\]\]")
# Said by Moodle to everybody, in every question; and what only concerns how Moodle shows or tries a question.
USUAL_FEEDBACK = {
    "", "your answer is correct.", "your answer is partially correct.", "your answer is incorrect.", "correct", "incorrect",
    "回答正确", "回答正确。", "回答部分正确", "回答部分正确。", "部分正确", "部分正确。", "回答错误", "回答错误。", "回答不正确", "回答不正确。",
}  # fmt: skip
USUAL_PENALTIES = {Fraction(0), Fraction(1), Fraction("0.1"), Fraction("0.3333333")}
READ = {
    *("name", "questiontext", "generalfeedback", "defaultgrade", "penalty", "hidden", "idnumber", "single", "shuffleanswers", "answer"),
    *("correctfeedback", "partiallycorrectfeedback", "incorrectfeedback", "hint", "tags", "coursetags", "usecase", "units"),
    *("unitgradingtype", "unitpenalty", "instructions", "subquestion", "graderinfo", "responsetemplate", "attachments"),
    *("minwordlimit", "maxwordlimit"),
    *("selecttype", "selectcount", "selectoption", "dragbox", "file"),
}
SHOWING = {
    *("answernumbering", "showstandardinstruction", "shownumcorrect", "showunits", "unitsleft", "layouttype", "showgrading"),
    *("gradingtype", "numberingstyle", "responseformat", "responserequired", "responsefieldlines"),
    *("attachmentsrequired", "maxbytes", "filetypeslist", "version", "length", "qtype", "stamp", "image", "image_base64"),
}


# ---- reading -------------------------------------------------------------------------------


@dataclass
class _Question:
    """One question while it is read."""

    element: etree._Element
    reading: Reading
    known: dict[str, str]
    stem: str
    notes: list[tuple[str, str]]

    def value(self, name: str, default: str = "") -> str:
        found = self.element.findtext(name)
        return default if found is None else found.strip()

    def says_no(self, name: str) -> bool:
        return self.value(name).lower() in ("0", "false")

    def says_yes(self, name: str) -> bool:
        return self.value(name).lower() in ("1", "true")

    def text(self, element: etree._Element | None) -> str:
        return _text(self.reading, element)

    def answers(self) -> list[tuple[etree._Element, Fraction]]:
        found = self.element.findall("answer")
        if len(found) > moodle.MOST_OPTIONS:
            raise Wrong(_("there are more than %(limit)d options") % {"limit": moodle.MOST_OPTIONS}, _("options"))
        return [(answer, moodle.percent(answer.get("fraction") or "0")) for answer in found]

    def feedback(self, answer: etree._Element) -> str:
        return self.text(answer.find("feedback"))


def fill(found: Found, element: etree._Element, category: str) -> None:
    """Fill `found` with the item. Raises: Wrong."""
    name = settle(plain_text(element.find("name"))).replace("\n", " ")
    found.place = f"{found.place} {name[:60]}".strip()
    found.code = settle(element.findtext("idnumber") or "")[:80]
    of_type = (element.get("type") or "").strip()
    reader = _READERS.get(of_type)
    if reader is None:
        raise Wrong(_("questions of the type “%(type)s” are not taken") % {"type": of_type[:40]})
    known, tags = read_facts(plain_text(tag) for tag in element.iterfind("*/tag"))
    reading = Reading()
    stem = "" if reader is _cloze else _text(reading, element.find("questiontext"))
    question = _Question(element, reading, known, stem, [])
    found.kind, content, key = reader(question)
    explanation, source = _explanation(question)
    _usual(question)
    item = settled(
        Item(
            kind=found.kind,
            stem=question.stem,
            content=content,
            key=key,
            code=found.code,
            explanation=moodle.folded(reading, explanation, question.notes),
            point=moodle.path_of(category) if category else "",
            tags=tags,
            images=reading.images,
            **(from_facts(known) | ({"source": source} if source else {})),
        )
    )
    found.item, found.changes, found.code = item, reading.changes, item.code


def plain_text(element: etree._Element | None) -> str:
    """What stands in <text>, or in the element itself in old files; markup that was not escaped is written out."""
    if element is None:
        return ""
    text = element.find("text")
    element = element if text is None else text
    if len(element):
        inner = (etree.tostring(child, encoding="unicode") for child in element if child.tag not in ("file", "text"))
        return (element.text or "") + "".join(inner)
    return element.text or ""


def _files(element: etree._Element) -> Mapping[str, bytes]:
    """The files beside a text, by path."""
    found = {}
    for file in element.iterfind("file"):
        path = f"{(file.get('path') or '/').strip('/')}/{file.get('name') or ''}".strip("/")
        try:
            found[path] = base64.b64decode(re.sub(r"\s", "", file.text or ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Wrong(_("an embedded image is damaged")) from error
    return found


def _text(reading: Reading, element: etree._Element | None) -> str:
    if element is None:
        return ""
    text, style = plain_text(element), (element.get("format") or "html").lower()
    if style in PLAIN:
        return reading.plain(text)
    if style == "markdown" and re.search(r"[*`]|^#|\]\(", text, re.MULTILINE):
        reading.lose(_("Markdown was taken as plain text."))
    return reading.html(text, _files(element), breaks=style != "html")


def _explanation(question: _Question) -> tuple[str, str]:
    """(explanation, source clause)."""
    element = question.element.find("generalfeedback")
    if element is None or 'class="source"' not in plain_text(element):
        return question.text(element), ""
    sources: list[str] = []

    def source(part: etree._Element) -> str | None:
        if part.get("class") != "source":
            return None
        sources.append(settle("".join(part.itertext())).removeprefix(SOURCE))
        return ""

    return question.reading.tree(question.reading.root(plain_text(element)), _files(element), inside=source), next(iter(sources), "")


def _usual(question: _Question) -> None:
    """What stands in every question: taken over, folded into the explanation, or reported."""
    reading, element = question.reading, question.element
    for name, label in (
        ("correctfeedback", _("When right")),
        ("partiallycorrectfeedback", _("When partly right")),
        ("incorrectfeedback", _("When wrong")),
    ):
        said = question.text(element.find(name))
        if said.lower() not in USUAL_FEEDBACK:
            question.notes.append((label, said))
    question.notes += [(_("Hint"), question.text(hint)) for hint in element.iterfind("hint")]
    grade, penalty = number(question.value("defaultgrade", "1") or "1"), number(question.value("penalty", "0") or "0")
    if grade != 1:
        said = question.value("defaultgrade")[:20] if grade is None else decimal_text(grade)
        reading.lose(_("The default grade %(grade)s is not kept: the quiz gives the points.") % {"grade": said})
    if penalty not in USUAL_PENALTIES:
        reading.lose(_("The penalty for further tries is not kept."))
    if question.says_yes("hidden"):
        reading.lose(_("It was hidden in Moodle; here it is not."))
    if question.says_no("shuffleanswers"):
        reading.lose(_("That the answers stay in their order is not kept: the quiz decides."))
    for name in dict.fromkeys(child.tag for child in element if isinstance(child.tag, str)):
        if name in ("image", "image_base64") and not question.value(name):
            continue
        if name not in READ and (name not in SHOWING or name.startswith("image")):
            reading.lose(_("The element <%(tag)s> was not read.") % {"tag": name[:40]})


def _choice(question: _Question) -> tuple[str, dict, Any]:
    answers = [Answer(question.text(answer), share, question.feedback(answer)) for answer, share in question.answers()]
    made = moodle.choice(question.reading, answers, is_single=not question.says_no("single"))
    question.notes += [(letter, answer.feedback) for letter, answer in zip(made[1]["options"], answers, strict=True)]
    return made


def _judge(question: _Question) -> tuple[str, dict, Any]:
    truth = None
    for answer, share in question.answers():
        said = settle(plain_text(answer)).lower()
        if said not in ("true", "false"):
            raise Wrong(_("“%(answer)s” is neither true nor false") % {"answer": said[:20]}, _("answer"))
        if share > 0:
            truth = said == "true"
        question.notes.append((_("True") if said == "true" else _("False"), question.feedback(answer)))
    if truth is None:
        raise Wrong(_("no right answer is given"), _("answer"))
    return "judge", {}, truth


def _typed(question: _Question) -> tuple[str, dict, Any]:
    if question.says_yes("usecase"):
        question.reading.lose(_("That upper and lower case count is not kept."))
    answers = []
    for answer, share in question.answers():
        said = settle(plain_text(answer))
        answers.append(Answer(said, share))
        question.notes.append((said, question.feedback(answer)))
    return moodle.typed(question.reading, question.stem, answers, kind=question.known.get("kind", ""))


def _numeric(question: _Question) -> tuple[str, dict, Any]:
    answers = []
    for answer, share in question.answers():
        said = settle(plain_text(answer))
        answers.append(Answer(said, share, tolerance=settle(answer.findtext("tolerance") or "0") or "0"))
        question.notes.append((said, question.feedback(answer)))
    if instructions := question.text(question.element.find("instructions")):
        question.notes.append((_("Instruction"), instructions))
    return moodle.numeric(question.reading, answers, units=_units(question), relative=question.known.get("tolerance", ""))


def _units(question: _Question) -> dict[str, str]:
    """Our factors to the base unit; Moodle's multipliers go the other way."""
    written = dict(part.split("=", 1) for part in question.known.get("units", "").split(";") if "=" in part)
    units = {}
    for unit in question.element.iterfind("units/unit"):
        name, size = settle(unit.findtext("unit_name") or ""), number(unit.findtext("multiplier") or "")
        if not size:
            raise Wrong(_("the size of “%(name)s” must be a number above 0") % {"name": name[:20]}, _("unit"))
        units[name] = decimal_text(1 / size)
        if name not in written and Fraction(units[name]) * size != 1:
            question.reading.lose(_("The size of the unit “%(name)s” is rounded.") % {"name": name})
    if units and question.value("unitgradingtype", "0") == "0" and len(units) > 1:
        question.reading.lose(_("The unit has to be chosen; in Moodle it could be left out."))
    elif units and number(question.value("unitpenalty", "1") or "1") != 1:
        question.reading.lose(_("An answer in a wrong unit earns nothing."))
    return written if written.keys() == units.keys() else units


def _matching(question: _Question) -> tuple[str, dict, Any]:
    pairs = [(question.text(pair), settle(plain_text(pair.find("answer")))) for pair in question.element.iterfind("subquestion")]
    return moodle.matching(pairs, right_order=question.known.get("right", ""))


def _ordering(question: _Question) -> tuple[str, dict, Any]:
    steps = [question.text(answer) for answer, _share in question.answers()]
    count = number(question.value("selectcount"))
    if question.value("selecttype", "ALL") not in ("ALL", "EXACT", "0") and count is not None and 0 < count < len(steps):
        question.reading.lose(_("All steps are asked, not %(count)s of them.") % {"count": count})
    return moodle.ordering(steps, order=question.known.get("order", ""))


def _essay(question: _Question) -> tuple[str, dict, Any]:
    if question.text(question.element.find("responsetemplate")):
        question.reading.lose(_("The template of the answer is not kept."))
    if question.value("attachments", "0") not in ("", "0"):
        question.reading.lose(_("That files are handed in is not kept."))
    if any(question.value(limit, "0") not in ("", "0") for limit in ("minwordlimit", "maxwordlimit")):
        question.reading.lose(_("The limits in words are not kept: the length is given in characters."))
    element = question.element.find("graderinfo")
    if element is None or 'class="rubric"' not in plain_text(element):
        return moodle.essay(question.known, sample=question.text(element))
    sample, rubric = question.reading.with_rubric(question.reading.root(plain_text(element)), _files(element))
    return moodle.essay(question.known, sample=sample, rubric=rubric)


# ---- questions with blanks --------------------------------------------------------


@dataclass
class _Gap:
    kind: str
    weight: str
    answers: list[Answer]


def _cloze(question: _Question) -> tuple[str, dict, Any]:
    element = question.element.find("questiontext")
    text = plain_text(element)
    places = list(GAP.finditer(text))
    gaps = [_gap(question.reading, found) for found in places if found.group(4)]
    text = GAP.sub("____", text)
    if len(gaps) < len(places) or re.search(r"\{\d*:[A-Z]", text) or not gaps:
        raise Wrong(_("there is a blank that cannot be read"))
    question.stem = _stem_with_blanks(question.reading, text, element)
    if len({gap.weight for gap in gaps}) > 1:
        question.reading.lose(_("The weights of the blanks are not kept: each counts the same."))
    question.notes += [(answer.text, answer.feedback) for gap in gaps for answer in gap.answers]
    return _blanks(question.reading, gaps)


def _stem_with_blanks(reading: Reading, text: str, element: etree._Element | None) -> str:
    breaks = element is not None and (element.get("format") or "html") != "html"
    files = {} if element is None else _files(element)
    return reading.tree(reading.root(text), files, breaks=breaks, inside=lambda part: part.get("data-blank"))


def _gap(reading: Reading, found: re.Match) -> _Gap:
    weight, of_type, body, _close = found.groups()
    kind = GAP_KINDS.get(of_type)
    if kind is None:
        raise Wrong(_("blanks of the type “%(type)s” are not taken") % {"type": of_type[:40]})
    if of_type in ("SHORTANSWER_C", "SAC", "MWC"):
        reading.lose(_("That upper and lower case count is not kept."))
    answers = []
    for part in GAP_PART.findall(body):
        part = part.strip()
        share = GAP_WEIGHT.match(part)
        said, feedback = _cut(part[share.end() :] if share else part)
        size = moodle.percent((share.group(1) or "100") if share else "0")
        text = reading.html(_bare(said))
        if kind == "number" and (":" in text):
            text, _colon, tolerance = text.partition(":")
            if number(tolerance) != 0:
                raise Wrong(_("a blank for a number with a tolerance is not taken"))
        answers.append(Answer(text, size, reading.html(_bare(feedback))))
    if len(answers) > moodle.MOST_OPTIONS:
        raise Wrong(_("there are more than %(limit)d options") % {"limit": moodle.MOST_OPTIONS}, _("options"))
    return _Gap(kind, weight or "1", answers)


def _cut(part: str) -> tuple[str, str]:
    """Answer and feedback at the first # that is neither escaped nor part of an entity."""
    end = GAP_ANSWER.match(part).end()
    return part[:end], part[end:][1:]


def _bare(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _blanks(reading: Reading, gaps: list[_Gap]) -> tuple[str, dict, Any]:
    found = {gap.kind for gap in gaps}
    if found == {"cloze"}:
        key = []
        for place, gap in enumerate(gaps, start=1):
            right = [answer.text for answer in gap.answers if answer.share == 1]
            if len(right) != 1:
                raise Wrong(_("blank %(number)d needs exactly one right choice") % {"number": place}, _("answer"))
            if any(answer.share not in (0, 1) for answer in gap.answers):
                reading.lose(_("Part of the mark for a choice is not kept."))
            key += right
        return "cloze", {"gaps": [[answer.text for answer in gap.answers] for gap in gaps]}, key
    if "cloze" in found:
        raise Wrong(_("it mixes lists to choose from with blanks to type in"))
    if "number" in found:
        reading.lose(_("Numbers in blanks are compared as they are written."))
    accepted = []
    for gap in gaps:
        if any("*" in answer.text.replace("\\*", "") for answer in gap.answers if answer.text != "*" or answer.share > 0):
            raise Wrong(_("a blank accepts a pattern with *, which is not taken"))
        if any(0 < answer.share < 1 for answer in gap.answers):
            reading.lose(_("Answers that earn a part of the mark earn nothing."))
        accepted.append([answer.text.replace("\\*", "*") for answer in gap.answers if answer.share == 1])
    return "fill", {"blanks": len(gaps)}, accepted


def _slots(question: _Question) -> tuple[str, dict, Any]:
    """Missing words to choose from lists (gapselect) or to drag (ddwtos)."""
    choices = []
    for option in [*question.element.iterfind("selectoption"), *question.element.iterfind("dragbox")]:
        choices.append((question.text(option), (option.findtext("group") or "1").strip()))
    if len(choices) > moodle.MOST_OPTIONS:
        raise Wrong(_("there are more than %(limit)d options") % {"limit": moodle.MOST_OPTIONS}, _("options"))
    if question.element.find("dragbox") is not None:
        question.reading.lose(_("Dragging words became choosing them from a list."))
    gaps, key = [], []
    for slot in SLOT.finditer(question.stem):
        if not 1 <= int(slot.group(1)) <= len(choices):
            raise Wrong(_("blank %(number)s names no choice") % {"number": slot.group(1)}, _("answer"))
        right, group = choices[int(slot.group(1)) - 1]
        gaps.append(list(dict.fromkeys(text for text, of in choices if of == group)))
        key.append(right)
    question.stem = SLOT.sub("____", question.stem)
    return "cloze", {"gaps": gaps}, key


_READERS = {
    "multichoice": _choice,
    "truefalse": _judge,
    "shortanswer": _typed,
    "numerical": _numeric,
    "matching": _matching,
    "match": _matching,
    "ordering": _ordering,
    "essay": _essay,
    "cloze": _cloze,
    "multianswer": _cloze,
    "gapselect": _slots,
    "ddwtos": _slots,
}
