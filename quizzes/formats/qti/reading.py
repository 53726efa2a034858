"""QTI items as questions: choice, text entry, inline choice, order, match and extended text, and cases of these."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from core import sanitize
from quizzes.formats import moodle, xml
from quizzes.formats.base import Found, Item, alone, from_facts, point_text, read_facts, settle, settled
from quizzes.formats.markup import Reading
from quizzes.formats.qti import marking
from quizzes.formats.qti.package import Entry
from quizzes.kinds import Wrong
from quizzes.kinds.base import LETTERS, lettered
from quizzes.kinds.judge import NO, YES
from quizzes.rules import EXACT, decimal_text, number

INLINE = {"qti-text-entry-interaction", "qti-inline-choice-interaction"}
TAKEN = INLINE | {"qti-choice-interaction", "qti-order-interaction", "qti-match-interaction", "qti-extended-text-interaction"}
FOREIGN_MEDIA = {"object", "audio", "video", "qti-media-interaction"}
KNOWN_CHILDREN = {
    *("qti-response-declaration", "qti-outcome-declaration", "qti-item-body", "qti-response-processing", "qti-modal-feedback"),
    *("qti-context-declaration", "qti-stylesheet"),
}
REFUSED_CHILDREN = {"qti-template-declaration", "qti-template-processing", "qti-assessment-stimulus-ref"}
META = re.compile(r"[.?*+{}()\[\]|^$]")


def found(entry: Entry) -> Found:
    """The item of an entry, or why there is none."""
    found = Found(entry.place, code=entry.code[:80])
    with alone(found):
        if entry.fault:
            raise Wrong(entry.fault)
        if "<!DOCTYPE" in entry.text or "<!ENTITY" in entry.text:
            raise Wrong(_("it declares a document type or entities"))
        root = xml.parsed(entry.text)
        found.place = f"{entry.place} {settle(root.get('title') or '')[:60]}".strip()
        _read(found, root, entry)
    return found


@dataclass
class _Question:
    """One question, or one part of a case, while it is read."""

    reading: Reading
    files: Mapping[str, bytes]
    declared: dict[str, etree._Element]
    processing: etree._Element | None
    known: dict[str, str]
    root: etree._Element
    interactions: list[etree._Element] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    stem: str = ""

    def text(self, element: etree._Element | None, inside: Callable | None = None) -> str:
        return "" if element is None else self.reading.tree(element, self.files, inside=inside or self.aside)

    def aside(self, element: etree._Element) -> str | None:
        """Feedback and rubrics stand beside the question, not in it."""
        name = xml.name_of(element)
        if name in ("qti-feedback-inline", "qti-feedback-block"):
            self.notes.append((_("Feedback"), self.text(element, lambda _part: None)))
            return ""
        return None

    def response(self, interaction: etree._Element) -> etree._Element:
        found = self.declared.get(interaction.get("response-identifier") or "")
        if found is None:
            raise Wrong(_("%(name)s: its response is not declared") % {"name": xml.name_of(interaction)})
        return found


# ---- the item ------------------------------------------------------------------------------


def _read(found: Found, root: etree._Element, entry: Entry) -> None:
    """Fill `found`. Raises: Wrong."""
    name = xml.name_of(root)
    if name != "qti-assessment-item":
        older = name in ("assessmentItem", "questestinterop", "item")
        raise Wrong(_("is an item of an older QTI; taken is QTI 3.0") if older else _("“%(name)s” is no QTI item") % {"name": name[:40]})
    body = root.find("{*}qti-item-body")
    if body is None:
        raise Wrong(_("there is no qti-item-body"))
    if (root.get("adaptive") or "").lower() in ("true", "1"):
        raise Wrong(_("adaptive items are not taken"))
    reading = Reading()
    for child in root:
        child_name = xml.name_of(child)
        if child_name in REFUSED_CHILDREN:
            raise Wrong(_("items with %(name)s are not taken") % {"name": child_name})
        if child_name and child_name not in KNOWN_CHILDREN:
            reading.lose(_("The element <%(tag)s> was not read.") % {"tag": child_name[:40]})
    for element in root.iter():
        if xml.name_of(element) in FOREIGN_MEDIA:
            raise Wrong(_("it holds sound, film or a drawing (%(tag)s), which the bank cannot keep") % {"tag": xml.name_of(element)})
    reading.disarmed(sanitize.disarm(root))
    known, tags = read_facts(entry.keywords)
    declared = {element.get("identifier") or "": element for element in root.iterfind("{*}qti-response-declaration")}
    question = _Question(reading, entry.files, declared, root.find("{*}qti-response-processing"), known, body)
    parts = [element for element in body.iter() if element.get("class") == "part" and element.get("data-kind")]
    kind, content, key = _case(question, parts) if parts else _simple(question)
    found.kind = kind
    if not marking.is_usual(root, parts=max(1, len(parts))):
        reading.lose(_("The file's own way of marking is not kept: it is marked as the quiz says."))
    explanation = _explanation(question, root)
    fields = from_facts({"difficulty": entry.level} | known)
    item = settled(
        Item(
            kind=kind,
            stem=question.stem,
            content=content,
            key=key,
            code=entry.code or settle(root.get("identifier") or ""),
            explanation=moodle.folded(reading, explanation, question.notes),
            point=point_text(entry.point),
            tags=tags,
            images=reading.images,
            **fields,
        )
    )
    found.item, found.changes, found.code = item, reading.changes, item.code


def _explanation(question: _Question, root: etree._Element) -> str:
    """The feedback that we write ourselves; that of others is folded in with what it is said to."""
    explanation = ""
    for feedback in root.iterfind("{*}qti-modal-feedback"):
        if feedback.get("identifier") == "explanation":
            explanation = question.text(feedback)
        else:
            question.notes.append((settle(feedback.get("identifier") or _("Feedback"))[:40], question.text(feedback)))
    return explanation


def _case(question: _Question, parts: list[etree._Element]) -> tuple[str, dict, Any]:
    made, key = [], []
    for element in parts:
        known = {name.removeprefix("data-"): value for name, value in element.attrib.items() if name.startswith("data-")}
        part = _Question(question.reading, question.files, question.declared, question.processing, known, element)
        kind, content, answer = _simple(part)
        made.append({"kind": kind, "stem": part.stem, "content": content, "points": known.get("points", "1")})
        key.append(answer)
    chosen = set(parts)
    question.stem = question.text(question.root, lambda element: "" if element in chosen else question.aside(element))
    return "case", {"parts": made}, key


def _simple(question: _Question) -> tuple[str, dict, Any]:
    """(kind, content, key) of what stands below the root. Raises: Wrong."""
    found = []
    for element in question.root.iter():
        name = xml.name_of(element)
        if name.endswith("-interaction"):
            if name not in TAKEN:
                raise Wrong(_("questions of the type “%(type)s” are not taken") % {"type": name.removeprefix("qti-")[:40]})
            found.append(element)
    question.interactions = found
    names = {xml.name_of(element) for element in found}
    if not found:
        raise Wrong(_("there is no interaction in it"))
    if len(found) > moodle.MOST_OPTIONS:
        raise Wrong(_("there are more than %(limit)d options") % {"limit": moodle.MOST_OPTIONS})
    if len(found) > 1 and not (len(names) == 1 and names <= INLINE):
        raise Wrong(_("it holds several interactions of different kinds"))
    for interaction in found:
        declared = question.declared.get(interaction.get("response-identifier") or "")
        if declared is not None and declared.find("{*}qti-default-value") is not None:
            question.reading.lose(_("The answer that the file fills in beforehand is not kept."))
        if mask := interaction.get("pattern-mask"):
            question.reading.lose(_("That only answers of the form “%(mask)s” can be given is not kept.") % {"mask": mask[:60]})
    made = _READERS[names.pop()](question)
    if not question.stem:
        question.stem = _stem(question, "")
    return made


def _stem(question: _Question, blank: str) -> str:
    """The text of the question; what an interaction asks above its options belongs to it."""
    interactions = set(question.interactions)

    def inside(element: etree._Element) -> str | None:
        if element in interactions:
            prompt = element.find("{*}qti-prompt")
            return blank if xml.name_of(element) in INLINE else f"\n{question.text(prompt)}\n" if prompt is not None else ""
        if blank and (length := element.get("data-blank")):
            return length
        if xml.name_of(element) == "qti-rubric-block" and element.get("view") not in (None, "candidate"):
            if xml.name_of(question.interactions[0]) != "qti-extended-text-interaction":
                question.notes.append((_("For markers"), question.text(element, lambda _part: None)))
            return ""
        return question.aside(element)

    return settle(question.text(question.root, inside))


# ---- answers -------------------------------------------------------------------------------


def _right(declared: etree._Element) -> list[str]:
    return [(value.text or "").strip() for value in declared.iterfind("{*}qti-correct-response/{*}qti-value")]


def _mapped(declared: etree._Element) -> list[tuple[str, Fraction]]:
    """(key, value) of the mapping, with values above 0. Raises: Wrong."""
    entries = [
        (entry.get("map-key") or "", _worth(entry, "mapped-value")) for entry in declared.iterfind("{*}qti-mapping/{*}qti-map-entry")
    ]
    return [(key, value) for key, value in entries if value > 0]


def _deductions(declared: etree._Element) -> list[Fraction]:
    """What the mapping takes off for each wrong answer that it names, and for those that it does not, if it takes anything. Raises: Wrong."""
    values = [_worth(entry, "mapped-value") for entry in declared.iterfind("{*}qti-mapping/{*}qti-map-entry")]
    values += [_worth(mapping, "default-value") for mapping in declared.iterfind("{*}qti-mapping")]
    return [value for value in values if value < 0]


def _worths(declared: etree._Element, names: Iterable[str]) -> set[Fraction]:
    """The different values of these answers, named in the mapping or not. Raises: Wrong."""
    known = {entry.get("map-key") or "": _worth(entry, "mapped-value") for entry in declared.iterfind("{*}qti-mapping/{*}qti-map-entry")}
    default = next((_worth(mapping, "default-value") for mapping in declared.iterfind("{*}qti-mapping")), Fraction(0))
    return {known.get(name, default) for name in names}


def _worth(element: etree._Element, name: str) -> Fraction:
    value = number(element.get(name) or "0")
    if value is None:
        raise Wrong(_("“%(text)s” is not a number") % {"text": (element.get(name) or "")[:40]}, _("answer"))
    return value


def _choices(question: _Question, interaction: etree._Element, name: str) -> dict[str, str]:
    """{identifier: text} in the order of the file. Raises: Wrong."""
    found: dict[str, str] = {}
    options = list(interaction.iterfind(f"{{*}}{name}"))
    is_judgement = {(one.get("identifier") or "").lower() for one in options} == {"true", "false"}  # which has an order of its own
    if not is_judgement and (interaction.get("shuffle") == "false" or any(one.get("fixed") == "true" for one in options)):
        question.reading.lose(_("That options keep their order is not kept: the quiz says whether they are shuffled."))
    for choice in options:
        identifier = choice.get("identifier") or ""
        if identifier in found:
            raise Wrong(_("the identifier “%(name)s” stands twice") % {"name": identifier[:40]})
        found[identifier] = question.text(choice)
        if len(found) > moodle.MOST_OPTIONS:
            raise Wrong(_("there are more than %(limit)d options") % {"limit": moodle.MOST_OPTIONS}, _("options"))
    return found


def _bounded(question: _Question, interaction: etree._Element, of: str, count: int) -> None:
    """Say where the file bounds how many may, or must, be chosen."""
    least, most = interaction.get(f"min-{of}") or "0", interaction.get(f"max-{of}") or "0"
    if least not in ("0", "1", str(count)) or most not in ("0", str(count)):
        question.reading.lose(_("How many may be chosen is not kept."))


def _named(identifiers: list[str], known: Mapping[str, str]) -> None:
    for identifier in identifiers:
        if identifier not in known:
            raise Wrong(_("the right answer names “%(name)s”, which is not there") % {"name": identifier[:40]}, _("answer"))


def _choice(question: _Question) -> tuple[str, dict, Any]:
    (interaction,) = question.interactions
    declared = question.response(interaction)
    texts = _choices(question, interaction, "qti-simple-choice")
    if declared.get("cardinality") == "multiple":
        _bounded(question, interaction, "choices", len(texts))
    mapped = _mapped(declared)
    right = _right(declared) or [key for key, _value in mapped]
    _named(right, texts)
    if declared.get("cardinality") != "multiple":
        if _deductions(declared):
            question.reading.lose(_("Deductions for wrong options are not kept."))
        truth = {identifier.lower(): settle(text).lower() for identifier, text in texts.items()}
        if set(truth) == {"true", "false"} and truth["true"] in YES and truth["false"] in NO and len(right) == 1:
            return "judge", {}, right[0].lower() == "true"
        if any(key not in right for key, _value in mapped):
            question.reading.lose(_("Part of the mark for another option is not kept: one option is right."))
    elif any(key not in right for key, _value in mapped):
        question.reading.lose(_("Part of the mark for a choice is not kept."))
    elif mapped and len(_worths(declared, right)) > 1:
        question.reading.lose(_("The weights of the right options are not kept: each counts the same, as the quiz is marked."))
    if declared.get("cardinality") == "multiple" and len(_worths(declared, texts.keys() - set(right))) > 1:
        question.reading.lose(_("The deductions of the wrong options are not kept: each counts the same, as the quiz is marked."))
    letters = dict(zip(texts, LETTERS, strict=False))
    if len(texts) > len(letters):
        raise Wrong(_("at most %(limit)d options") % {"limit": len(LETTERS)}, _("options"))
    kind = "multiple" if declared.get("cardinality") == "multiple" else "single"
    return kind, {"options": lettered(texts.values())}, sorted(letters[identifier] for identifier in right)


def _text_entry(question: _Question) -> tuple[str, dict, Any]:
    interactions = question.interactions
    if len(interactions) == 1:
        declared = question.response(interactions[0])
        is_apart = _is_in(interactions[0], "answer")
        if declared.get("base-type") in ("float", "integer"):
            question.stem = _stem(question, "" if is_apart else "____")
            return _numeric(question, declared)
        if patterns := _patterns(question, declared):
            question.stem = _stem(question, "" if is_apart else "____")
            return "short", {}, patterns
    key, weights = [], set()
    for number_of, interaction in enumerate(interactions, start=1):
        declared = question.response(interaction)
        if declared.get("base-type") not in ("string", None):
            question.reading.lose(_("Numbers in blanks are compared as they are written."))
        mapped = _mapped(declared)
        best = max((value for _key, value in mapped), default=Fraction(0))
        if any(value != best for _key, value in mapped):
            question.reading.lose(_("Answers that earn a part of the mark earn nothing."))
        weights.add(best or 1)
        accepted = list(dict.fromkeys([*_right(declared), *(settle(key) for key, value in mapped if value == best)]))
        if _deductions(declared):
            question.reading.lose(_("Deductions for wrong answers are not kept."))
        if not accepted:
            raise Wrong(_("blank %(number)s has no right answer") % {"number": number_of}, _("answer"))
        if any(entry.get("case-sensitive") == "true" for entry in declared.iterfind("{*}qti-mapping/{*}qti-map-entry")):
            question.reading.lose(_case_lost())
        if any(map(_is_cased, accepted)) and _is_exact(question, declared):
            question.reading.lose(_case_lost())
        key.append(accepted)
    if len(weights) > 1:
        question.reading.lose(_("The weights of the blanks are not kept: each counts the same."))
    question.stem = _stem(question, "____")
    return "fill", {"blanks": len(key)}, key


def _case_lost() -> str:
    return _("That upper and lower case count is not kept.")


def _is_cased(text: str) -> bool:
    return text.lower() != text.upper()


def _is_exact(question: _Question, declared: etree._Element) -> bool:
    """Whether the response is compared with the right text sign for sign, not by the mapping."""
    is_template = question.processing is not None and marking.template_of(question.processing) in marking.EXACT
    return is_template or bool(_processed(question, declared, "qti-match"))


def _is_in(element: etree._Element, of_class: str) -> bool:
    return any(above.get("class") == of_class for above in element.iterancestors())


def _numeric(question: _Question, declared: etree._Element) -> tuple[str, dict, Any]:
    right = _right(declared) or [key for key, _value in _mapped(declared)]
    if len(right) != 1:
        raise Wrong(_("one number must earn the full mark, here are %(count)d") % {"count": len(right)}, _("answer"))
    tolerance, is_relative = "0", False
    for equal in _processed(question, declared, "qti-equal"):
        sizes = (equal.get("tolerance") or "").split() or ["0"]
        is_relative = equal.get("tolerance-mode") == "relative"
        if len(set(sizes)) > 1:
            question.reading.lose(_("The tolerance is the same on both sides; it was not in the file."))
        if equal.get("tolerance-mode") in ("absolute", "relative"):
            tolerance = moodle.plain_number(sizes[0])
    if is_relative:
        tolerance = question.known.get("tolerance") or decimal_text(Fraction(tolerance) / 100, EXACT)
    return "numeric", {"units": {}}, {"value": moodle.plain_number(right[0]), "tolerance": tolerance, "relative": is_relative}


def _processed(question: _Question, declared: etree._Element, name: str) -> list[etree._Element]:
    """The tests of this name that look at the response."""
    if question.processing is None:
        return []
    identifier = declared.get("identifier")
    return [
        element
        for element in question.processing.iterfind(f".//{{*}}{name}")
        if any(part.get("identifier") == identifier for part in element.iterfind("{*}qti-variable"))
    ]


def _patterns(question: _Question, declared: etree._Element) -> list[dict]:
    """The patterns that the marking tries, with what each of them earns."""
    patterns = []
    for test in _processed(question, declared, "qti-pattern-match"):
        branch = next((above for above in test.iterancestors() if xml.name_of(above) in ("qti-response-if", "qti-response-else-if")), None)
        value = None if branch is None else branch.find("{*}qti-set-outcome-value/{*}qti-base-value")
        share = number("1" if value is None else (value.text or ""))
        if share is None or not 0 < share <= 1:
            raise Wrong(
                _("“%(text)s” is no share: above 0 %%, at most 100 %%") % {"text": "" if value is None else (value.text or "")[:20]}
            )
        pattern = pattern_of(test.get("pattern") or "")
        if _is_cased(pattern) and xml.name_of(test.getparent()) != "qti-and":  # as we write it, meaning either case
            question.reading.lose(_case_lost())
        patterns.append({"pattern": pattern, "share": decimal_text(share)})
    return patterns


def pattern_of(expression: str) -> str:
    """A simple regular expression as a pattern with *. Raises: Wrong, when it is more than that."""
    made, at = [], 0
    while at < len(expression):
        sign = expression[at]
        if sign == "\\" and at + 1 < len(expression) and not expression[at + 1].isalnum():
            made.append("\\*" if expression[at + 1] == "*" else expression[at + 1])
            at += 2
        elif expression.startswith(".*", at):
            made.append("*")
            at += 2
        elif META.match(sign) or sign == "\\":
            raise Wrong(_("the expression “%(text)s” is not taken: only texts and .*") % {"text": expression[:60]}, _("answer"))
        else:
            made.append(sign)
            at += 1
    return "".join(made)


def _inline_choice(question: _Question) -> tuple[str, dict, Any]:
    gaps, key, weights = [], [], set()
    for interaction in question.interactions:
        declared = question.response(interaction)
        texts = _choices(question, interaction, "qti-inline-choice")
        mapped = _mapped(declared)
        right = _right(declared) or [name for name, _value in mapped]
        if any(name not in right for name, _value in mapped):
            question.reading.lose(_("Part of the mark for a choice is not kept."))
        if _deductions(declared):
            question.reading.lose(_("Deductions for wrong answers are not kept."))
        weights |= {value for name, value in mapped if name in right}
        if len(right) != 1:
            raise Wrong(_("blank %(number)d needs exactly one right choice") % {"number": len(gaps) + 1}, _("answer"))
        _named(right, texts)
        gaps.append(list(texts.values()))
        key.append(texts[right[0]])
    if len(weights) > 1:
        question.reading.lose(_("The weights of the blanks are not kept: each counts the same."))
    question.stem = _stem(question, "____")
    return "cloze", {"gaps": gaps}, key


def _order(question: _Question) -> tuple[str, dict, Any]:
    (interaction,) = question.interactions
    texts = _choices(question, interaction, "qti-simple-choice")
    _bounded(question, interaction, "choices", len(texts))
    right = _right(question.response(interaction))
    _named(right, texts)
    return "order", {"items": list(texts.values())}, [texts[identifier] for identifier in right]


def _match(question: _Question) -> tuple[str, dict, Any]:
    (interaction,) = question.interactions
    declared = question.response(interaction)
    columns = [_choices(question, column, "qti-simple-associable-choice") for column in interaction.iterfind("{*}qti-simple-match-set")]
    if len(columns) != 2:
        raise Wrong(_("a matching question has two columns"))
    left, right = columns
    key: dict[str, str] = {}
    mapped = _mapped(declared)
    pairs = _right(declared) or [name for name, _value in mapped]
    if len({value for _name, value in mapped}) > 1 or any(name not in pairs for name, _value in mapped):
        question.reading.lose(_("The weights of the pairs are not kept: each right one counts the same."))
    if _deductions(declared):
        question.reading.lose(_("Deductions for wrong answers are not kept."))
    for pair in pairs:
        one, _space, other = pair.partition(" ")
        if one in right and other in left:
            one, other = other, one
        _named([one], left)
        _named([other.strip()], right)
        if left[one] in key:
            raise Wrong(_("“%(text)s” is paired twice") % {"text": left[one][:40]}, _("answer"))
        key[left[one]] = right[other.strip()]
    return "match", {"left": list(left.values()), "right": list(right.values())}, key


def _essay(question: _Question) -> tuple[str, dict, Any]:
    blocks = [block for block in question.root.iterfind(".//{*}qti-rubric-block") if block.get("view") not in (None, "candidate")]
    read = [question.reading.with_rubric(block, question.files) for block in blocks]
    sample = "\n".join(text for text, _rubric in read if text)
    return moodle.essay(question.known, rubric=[criterion for _text, rubric in read for criterion in rubric], sample=sample)


_READERS = {
    "qti-choice-interaction": _choice,
    "qti-text-entry-interaction": _text_entry,
    "qti-inline-choice-interaction": _inline_choice,
    "qti-order-interaction": _order,
    "qti-match-interaction": _match,
    "qti-extended-text-interaction": _essay,
}
