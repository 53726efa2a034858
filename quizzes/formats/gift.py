r"""GIFT, Moodle's plain text format (https://docs.moodle.org/en/GIFT_format).

Items are divided by blank lines. `\` before ~ = # { } : takes their meaning away, `\n` is a line
end. The code and the tags stand in a comment, as Moodle writes them: // [id:P01-01] [tag:…].
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes import rules
from quizzes.formats import moodle
from quizzes.formats.base import (
    LONGEST_ITEM,
    CannotCarry,
    Format,
    Found,
    Item,
    Outcome,
    alone,
    carried,
    check_carried,
    doubted,
    facts,
    from_facts,
    read_facts,
    settle,
    settled,
    text_of,
)
from quizzes.formats.markup import Reading, data_uri, is_plain, to_html
from quizzes.formats.moodle import Answer
from quizzes.kinds import Wrong

# Escaped signs stand as control characters while the structure is read; text itself has none.
_SIGNS = "\\:#={}~\n"
_HIDDEN = {("n" if sign == "\n" else sign): chr(0x10 + place) for place, sign in enumerate(_SIGNS)}
_SHOWN = {ord(hidden): ("\n" if sign == "n" else sign) for sign, hidden in _HIDDEN.items()}
_RAW = {ord(hidden): ("\\n" if sign == "n" else sign) for sign, hidden in _HIDDEN.items()}
ESCAPED = re.compile(r"\\([\\:#={}~n])")
ESCAPE = {ord(sign): f"\\{sign}" for sign in "\\:#={}~"} | {ord("\n"): "\\n"}
CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")
NAMED = re.compile(r"::(.*?)::", re.DOTALL)
MARKED = re.compile(r"\[(html|moodle|plain|markdown)\]")
WEIGHT = re.compile(r"%(-?\d{1,3}(?:\.\d*)?)%")
ORDER = re.compile(r">(?:\s*+(\d++)?[ \t]*+([A-Z_01 \t]*+)\n|\s*\n)(.*)", re.DOTALL)
EMBEDDED = re.compile(r"data\\?:image/[\w.+-]{1,20};base64,[A-Za-z0-9+/\\=\s%]*", re.IGNORECASE)
# What is not closed is taken as well, with nothing for the last group: else its end would be looked for again from each opening.
BRACKET = re.compile(r"\[(id|tag|explanation|fullwidth):((?:\\.|[^\]\\])*+)(\]?)")
# {1:SHORTANSWER:=…}, as Moodle's Cloze questions have it (docs.moodle.org/en/Embedded_Answers_(Cloze)_question_type): GIFT has no such braces.
CLOZE = re.compile(r"\d*\s*:\s*(SHORTANSWER|SA|MW|NUMERICAL|NM|MULTICHOICE|MULTIRESPONSE|MC|MR)_?[A-Z_]{0,4}\s*:", re.IGNORECASE)
# Full-width signs, as a Chinese keyboard types them. They are text wherever they may be meant as such.
WIDE = str.maketrans("＝～｛｝", "=~{}")
WIDE_BRACES = re.compile(r"[^｛｝]*｛\s*+(?:[=~#＝～]|(?:TRUE|FALSE|T|F)\s*+(?=[#｝]))[^｛｝]*｝[^｛｝]*")
WIDE_SIGN = re.compile(
    r"^[^\S\n]*+[＝～](?!$)|(?<!\S)[＝～](?=\S)", re.MULTILINE
)  # where a sign stands: at the head of a line or behind a blank
FORMULA = re.compile(r"\$|\\[A-Za-z(\[]|[_^]\{")
FEEDBACK = re.compile(r"#[^=~]*+")
TRUTH = {"T": True, "TRUE": True, "F": False, "FALSE": False}


@dataclass
class _Block:
    """What stands between two blank lines."""

    line: int
    lines: list[str]


class Gift(Format):
    key = "gift"
    label = gettext_lazy("GIFT (Moodle)")
    suffix = "gift.txt"
    content_type = "text/plain; charset=utf-8"
    hint = gettext_lazy(
        "Plain text. Choices, true or false, matching, ordering, numbers without units, short answers, one blank, essays without a rubric."
    )

    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        text, doubt = text_of(data)
        return doubted(self._read(text), doubt)

    def _read(self, text: str) -> Iterator[Found]:
        category = ""
        for block in _blocks(text):
            found = Found(_("line %(line)d") % {"line": block.line})
            with alone(found):
                text, comments = _parts(block)
                if text.startswith("$CATEGORY:"):
                    category, _end, text = text.removeprefix("$CATEGORY:").strip().partition("\n")
                    text = text.strip()
                if text:
                    _read_item(found, text, comments, category)
            if found.item or found.refusal:
                yield found

    def estimate(self, data: bytes) -> int:
        return data.count(b"{")

    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        point = ""

        def put(item: Item) -> list[str]:
            nonlocal point
            text = _written(item)
            if item.point != point:
                point = item.point
                out.write(f"$CATEGORY: {moodle.category_of(point)}\n\n".encode())
            out.write(text.encode())
            return []

        return carried(items, put)


# ---- reading -------------------------------------------------------------------------------


def _blocks(text: str) -> Iterator[_Block]:
    for block in _paragraphs(text):
        yield from _apart(block) if sum("}" in line for line in block.lines) > 1 else [block]


def _apart(block: _Block) -> Iterator[_Block]:
    """Items between which somebody forgot the blank line: one ends with its brace, and behind it stands another with braces of its own."""
    begins, is_open, has_answer = 0, False, False
    last = max((place for place, line in enumerate(block.lines) if "{" in ESCAPED.sub("", line)), default=-1)
    for place, line in enumerate(block.lines):
        bare = "" if line.lstrip().startswith("//") else ESCAPED.sub("", line)
        if has_answer and not is_open and begins < place <= last:
            yield _Block(block.line + begins, block.lines[begins:place])
            begins, has_answer = place, False
        for sign in re.findall("[{}]", bare):
            is_open, has_answer = sign == "{", sign == "}"
        has_answer = has_answer and bare.rstrip().endswith("}")
    yield _Block(block.line + begins, block.lines[begins:])


def _paragraphs(text: str) -> Iterator[_Block]:
    block: _Block | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            if block is not None:
                yield block
            block = None
        elif block is None:
            block = _Block(number, [line])
        elif line.startswith("$CATEGORY:") and any(not each.lstrip().startswith("//") for each in block.lines[-3:]):
            yield block
            block = _Block(number, [line])
        else:
            block.lines.append(line)
    if block is not None:
        yield block


def _parts(block: _Block) -> tuple[str, str]:
    """(the text with escaped signs hidden, the comments)."""
    said = "\n".join(block.lines)
    if "\x00" in said:
        raise Wrong(_("it holds a NUL character"))
    if len(said) > LONGEST_ITEM and len(EMBEDDED.sub("", said)) > LONGEST_ITEM:
        raise Wrong(_("is longer than %(limit)d characters") % {"limit": LONGEST_ITEM})
    if "//" in said:
        comments = [line for line in block.lines if line.lstrip().startswith("//")]
        said = "\n".join(line for line in block.lines if not line.lstrip().startswith("//"))
    else:
        comments = []
    said = CONTROL.sub("", said).strip()
    return ESCAPED.sub(lambda sign: _HIDDEN[sign.group(1)], said) if "\\" in said else said, "\n".join(comments)


def _read_item(found: Found, text: str, comments: str, category: str) -> None:
    """Fill `found` with the item. Raises: Wrong."""
    named = NAMED.match(text)
    if named:
        found.place = f"{found.place} {settle(named.group(1).translate(_SHOWN))[:60]}"
        text = text[named.end() :].strip()
    known: dict[str, list[str]] = {"id": [], "tag": [], "explanation": [], "fullwidth": []}
    for name, value, close in BRACKET.findall(comments):
        if close:
            known[name].append(re.sub(r"\\(.)", r"\1", value))
    found.code = settle(known["id"][0])[:80] if known["id"] else ""
    reading = Reading()
    before, answer, after = _cut(reading, text)
    stem, style = _text(reading, f"{before}_____{after}" if after.strip() else before)
    answer = answer.strip()
    has_feedback = "####" in answer and not ORDER.match(answer)
    answer, _sign, feedback = answer.rpartition("####") if has_feedback else (answer, "", "")
    explanation = _text(reading, feedback, style)[0] if has_feedback else reading.html("".join(known["explanation"]))
    facts_of, tags = read_facts(known["tag"])
    notes: list[tuple[str, str]] = []
    answer = answer.strip() if known["fullwidth"] else _with_signs(reading, answer.strip())
    kind, content, key = _answers(reading, answer, style, stem, facts_of, notes)
    found.kind = kind
    item = settled(
        Item(
            kind=kind,
            stem=stem,
            content=content,
            key=key,
            code=found.code,
            explanation=moodle.folded(reading, explanation, notes),
            point=moodle.path_of(category) if category else "",
            tags=tags,
            images=reading.images,
            **from_facts(facts_of),
        )
    )
    found.item, found.changes, found.code = item, reading.changes, item.code


def _cut(reading: Reading, text: str) -> tuple[str, str, str]:
    """(what stands before the braces, in them, behind them). Raises: Wrong."""
    is_wide = "｛" in text or "｝" in text
    if "{" not in text and "}" not in text:
        if not is_wide:
            raise Wrong(_("there are no braces with an answer: a description without a question is not taken"))
        if not WIDE_BRACES.fullmatch(text):
            raise Wrong(_("there are no braces with an answer, only full-width ones ｛ ｝: write { and }"))
        reading.lose(_("The full-width braces ｛ ｝ were read as { and }."))
        text = text.replace("｛", "{").replace("｝", "}")
    signs = re.sub("[^{}]", "", text)
    if signs == "{}":
        before, _sign, rest = text.partition("{")
        return before, *rest.partition("}")[::2]
    if re.fullmatch(r"(\{\}){2,}", signs) and not FORMULA.search(text):
        said = _(
            "it has braces with an answer in %(count)d places, and GIFT knows one: divide the question, or bring several blanks by xlsx or Moodle XML"
        )
        raise Wrong(said % {"count": len(signs) // 2})
    if is_wide:
        raise Wrong(_("the braces do not match: some are full-width ｛ ｝; write { and }"))
    if "{" not in text:
        raise Wrong(_("the braces do not match"))
    raise Wrong(_("the braces do not match; those of a formula are written \\{ and \\}"))


def _with_signs(reading: Reading, answer: str) -> str:
    """The answer in which full-width ＝ and ～ are signs where it has no others and each stands where a sign does.

    Raises:
        Wrong: they may be signs or text.
    """
    if not ("＝" in answer or "～" in answer) or ORDER.match(answer):
        return answer
    has_signs = "=" in answer or "~" in answer
    if not has_signs and len(answer) > 1 and answer[0] in "＝～":
        read = WIDE_SIGN.sub(lambda sign: sign.group().translate(WIDE), answer)
        if "＝" not in read and "～" not in read:
            reading.lose(_("The full-width signs ＝ ～ were read as = and ~."))
            return read
    elif not WIDE_SIGN.search(FEEDBACK.sub("", answer)):
        return answer
    raise Wrong(_("full-width ＝ or ～ stand where GIFT has the signs = and ~: write those; as text they have no blank before them"))


def _text(reading: Reading, text: str, style: str = "moodle") -> tuple[str, str]:
    """(our text, the style that holds for what follows)."""
    text = text.strip()
    marked = MARKED.match(text)
    if marked:
        style, text = marked.group(1), text[marked.end() :].strip()
    text = text.translate(_SHOWN)
    if style == "plain":
        return reading.plain(text), style
    if style == "markdown" and re.search(r"[*`]|(?<![_\w])_(?!_)\w|^#|\]\(", text, re.MULTILINE):
        reading.lose(_("Markdown was taken as plain text."))
    return reading.html(text, breaks=style != "html"), style


def _answers(reading: Reading, text: str, style: str, stem: str, known: dict, notes: list) -> tuple[str, dict, Any]:
    if not text:
        return moodle.essay(known)
    if CLOZE.match(text):
        raise Wrong(_("it has the syntax of Moodle's Cloze questions, which GIFT does not know: export it as Moodle XML"))
    if text[0] == "#":
        return _number(reading, text[1:], style, known, notes)
    if ordered := ORDER.match(text):
        return _order(reading, ordered, known)
    if "~" in text:
        return _choice(reading, text, style, notes)
    if "=" in text and "->" in text:
        pairs = [_pair(reading, part, style) for part in text.split("=") if part.strip()]
        return moodle.matching(pairs, right_order=known.get("right", ""))
    truth = text.partition("#")[0].strip()
    if truth in TRUTH:
        _said, *feedback = text.split("#", 2)
        notes += [
            (label, _text(reading, said, style)[0]) for label, said in zip((_("When wrong"), _("When right")), feedback, strict=False)
        ]
        return "judge", {}, TRUTH[truth]
    return _typed(reading, text, style, stem, known, notes)


def _choice(reading: Reading, text: str, style: str, notes: list) -> tuple[str, dict, Any]:
    answers = []
    for part in text.replace("=", "~=").split("~"):
        if not (part := part.strip()):
            continue
        share = moodle.percent("100" if part[0] == "=" else "0")
        weight = WEIGHT.match(part)
        if part[0] == "=":
            part = part[1:]
        elif weight:
            share, part = moodle.percent(weight.group(1)), part[weight.end() :]
        option, _sign, feedback = part.partition("#")
        answers.append(Answer(_text(reading, option, style)[0], share, _text(reading, feedback, style)[0]))
        if len(answers) > moodle.MOST_OPTIONS:
            break
    made = moodle.choice(reading, answers, is_single="=" in text)
    notes += [(letter, answer.feedback) for letter, answer in zip(made[1]["options"], answers, strict=True)]
    return made


def _pair(reading: Reading, part: str, style: str) -> tuple[str, str]:
    left, sign, right = part.partition("->")
    if not sign:
        raise Wrong(_("“%(text)s” is no pair: write left -> right") % {"text": part.strip()[:40]}, _("answer"))
    return _text(reading, left, style)[0], settle(right.translate(_SHOWN))


def _weighted(reading: Reading, text: str, style: str, notes: list) -> Iterator[tuple[str, str]]:
    """(answer, weight) of typed answers and numbers."""
    for part in text.split("="):
        if not (part := part.strip()):
            continue
        weight = WEIGHT.match(part)
        said, _sign, feedback = (part[weight.end() :] if weight else part).partition("#")
        marked = MARKED.match(said.strip())
        said = settle((said.strip()[marked.end() :] if marked else said).translate(_SHOWN))
        notes.append((said, _text(reading, feedback, style)[0]))
        yield said, weight.group(1) if weight else "100"


def _typed(reading: Reading, text: str, style: str, stem: str, known: dict, notes: list) -> tuple[str, dict, Any]:
    answers = [Answer(said, moodle.percent(weight)) for said, weight in _weighted(reading, text, style, notes)]
    return moodle.typed(reading, stem, answers, kind=known.get("kind", ""))


def _number(reading: Reading, text: str, style: str, known: dict, notes: list) -> tuple[str, dict, Any]:
    text, sign, otherwise = text.partition("~")
    if sign:
        notes.append((_("When wrong"), _text(reading, otherwise.partition("#")[2], style)[0]))
    answers = []
    for said, weight in _weighted(reading, text, style, notes):
        low, between, high = said.partition("..")
        value, _colon, tolerance = said.partition(":")
        if between:
            value, tolerance = moodle.between(low, high)
        answers.append(Answer(value.strip(), moodle.percent(weight), tolerance=tolerance.strip() or "0"))
    return moodle.numeric(reading, answers, relative=known.get("tolerance", ""))


def _order(reading: Reading, found: re.Match, known: dict) -> tuple[str, dict, Any]:
    """The ordering type of Moodle's plug-in: items as they are, one a line, no escapes but for braces and the backslash."""
    count, _how, body = found.groups()
    steps = [reading.html(line.translate(_RAW), breaks=True) for line in body.split("\n") if line.strip()]
    asked = rules.number(count or "")
    if asked is not None and asked < len(steps) and "ALL" not in _how.split():
        reading.lose(_("All steps are asked, not %(count)s of them.") % {"count": count})
    return moodle.ordering(steps, order=known.get("order", ""))


# ---- writing -------------------------------------------------------------------------------


def _written(item: Item) -> str:
    """Raises: CannotCarry."""
    check_carried(item, _WRITERS, Gift.label)
    body, more = _WRITERS[item.kind](item)
    explanation = f"\t####{_said(item, item.explanation)}\n" if item.explanation else ""
    comment = [f"[id:{_bracketed(item.code)}]", *(f"[tag:{_bracketed(tag)}]" for tag in _tags(item, more))]
    comment += ["[fullwidth:text]"] if WIDE_SIGN.search(body) else []  # else reading would ask whether they are signs
    if item.kind == "order" and explanation:
        comment, explanation = [*comment, f"[explanation:{_bracketed(_html(item, item.explanation))}]"], ""
    return f"// {' '.join(comment)}\n::{item.code.translate(ESCAPE)}::{_said(item, item.stem)}{{{body}{explanation}}}\n\n"


def _tags(item: Item, more: dict[str, str]) -> list[str]:
    return facts(item, "course", "difficulty", "mark", "source", "since", "until", "reserved", "retired", **more)


def _bracketed(text: str) -> str:
    return text.replace("\\", "\\\\").replace("]", "\\]")


def _said(item: Item, text: str) -> str:
    if is_plain(text) and not text.startswith("["):
        return text.translate(ESCAPE)
    return f"[html]{_html(item, text).translate(ESCAPE)}"


def _html(item: Item, text: str) -> str:
    return to_html(text, lambda digest: data_uri(item.images[digest]))


def _write_choice(item: Item) -> tuple[str, dict]:
    lines = []
    is_single = item.kind == "single"
    for text, share in moodle.shares(item.content, item.key, is_single=is_single):
        said = _said(item, text)
        if is_single and share == 1:
            sign = "="
        else:
            sign = f"~%{moodle.in_percent(share)}%" if share or said.startswith("%") else "~"
        lines.append(f"\t{sign}{said}\n")
    return "\n" + "".join(lines), {}


def _write_judge(item: Item) -> tuple[str, dict]:
    return "TRUE\n" if item.key else "FALSE\n", {}


def _write_typed(item: Item) -> tuple[str, dict]:
    if item.kind == "fill" and len(item.key) != 1:
        raise CannotCarry(_("GIFT carries questions with one blank only."))
    if any("->" in text for text, _share in moodle.patterns_of(item.kind, item.key)):
        raise CannotCarry(_("GIFT takes -> in an answer for a pair."))
    lines = [
        f"\t=%{moodle.in_percent(share)}%{'[plain]' if text.startswith('[') else ''}{text.translate(ESCAPE)}\n"
        for text, share in moodle.patterns_of(item.kind, item.key)
    ]
    return "\n" + "".join(lines), {"kind": item.kind}


def _write_number(item: Item) -> tuple[str, dict]:
    if item.content["units"]:
        raise CannotCarry(_("GIFT has no units."))
    tolerance, relative = moodle.absolute(item.key)
    return f"#{item.key['value']}:{tolerance}\n", {"tolerance": relative} if relative else {}


def _write_match(item: Item) -> tuple[str, dict]:
    if any("](image:" in text for text in item.content["right"]):
        raise CannotCarry(_("GIFT has no images in the right column."))
    pairs, right = moodle.pairs_of(item.content, item.key)
    lines = []
    for left, text in pairs:
        said = f"[html]{_html(item, left).replace('->', '-&gt;').translate(ESCAPE)}" if "->" in left else _said(item, left)
        lines.append(f"\t={said} -> {text.translate(ESCAPE)}\n")
    return "\n" + "".join(lines), {"right": right}


def _write_order(item: Item) -> tuple[str, dict]:
    lines = []
    for step in item.key:
        said = _html(item, step)
        said = f"&#47;{said[1:]}" if said.startswith("//") else said
        lines.append(re.sub(r"([\\{}])", r"\\\1", said) + "\n")
    return f">{len(lines)} ALL VERTICAL ALL_OR_NOTHING SHOW\n{''.join(lines)}", {"order": moodle.order_of(item.content, item.key)}


def _write_essay(item: Item) -> tuple[str, dict]:
    if item.content["rubric"] or item.key["sample"]:
        raise CannotCarry(_("GIFT has neither a rubric nor a sample answer."))
    return "", moodle.essay_facts(item.content)


_WRITERS = {
    "single": _write_choice,
    "multiple": _write_choice,
    "judge": _write_judge,
    "fill": _write_typed,
    "short": _write_typed,
    "numeric": _write_number,
    "match": _write_match,
    "order": _write_order,
    "essay": _write_essay,
}

FORMAT = Gift()
