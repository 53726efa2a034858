"""Spreadsheets: xlsx both ways, CSV in. One row a question, columns by name."""

import io
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import xlsxwriter
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import tables
from core.errors import Refused
from core.text import squeeze
from quizzes import kinds
from quizzes.formats.base import (
    FIELDS,
    CannotCarry,
    Format,
    Found,
    Item,
    Outcome,
    alone,
    bound,
    carried,
    day,
    level,
    named_images,
    settle,
    settled,
    uses,
)
from quizzes.formats.rows import kind_named, named_code
from quizzes.kinds import Wrong
from quizzes.kinds.base import LETTERS, Cells

COLUMNS = ["编号", "题型", "课程", "难度", "题干", "答案"]
OPTION_COLUMNS = {letter: f"选项{letter}" for letter in LETTERS}
DAYS = ["依据施行日期", "依据失效日期"]
SHEET = [
    *COLUMNS[:5],
    *OPTION_COLUMNS.values(),
    "答案",
    "解析",
    "依据",
    "核对",
    "知识点",
    "标签",
    *DAYS,
    "用途",
]  # all columns, in the order of a file
WIDTHS = {"题干": 60, "答案": 24, "解析": 40} | dict.fromkeys(OPTION_COLUMNS.values(), 18)
STATUS = "审核状态"  # written for people to read; only a reviewer calls a question reviewed
REVIEWED = "已审"
STATES = {"draft": "草稿", "reviewed": REVIEWED, "retired": "停用"}
LONGEST_CELL = 32_767
TOLD = ["原行号", "拒绝原因"]  # what `refused_rows` adds for the person
LOOKS_LIKE_QUESTIONS = 3  # of COLUMNS in one row
TRUTH = {True: "正确", False: "错误"}


class Sheet(Format):
    """The columns 编号 题型 课程 难度 题干 选项A… 答案 解析 依据 核对 知识点 标签 依据施行日期 依据失效日期 用途; sheets without the first of them are left aside."""

    key = "xlsx"
    label = gettext_lazy("Excel workbook (xlsx)")
    suffix = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    hint = gettext_lazy("All kinds. Images are named only: they have to be in the bank already. CSV is read, too.")
    export_hint = gettext_lazy("All kinds. Images stay in the bank of this county: the row holds only their mark.")

    def read(self, data: bytes, *, name: str = "") -> Iterator[Found]:
        with_questions, missing, left_aside = [], None, []
        for sheet in tables.read(io.BytesIO(data), name=name):
            try:
                header, rows = sheet.rows(COLUMNS)
            except Refused as error:
                missing = missing or error
                if _looks_like_questions(sheet):
                    left_aside.append(Found(_("“%(sheet)s”") % {"sheet": sheet.name}).refuse(Wrong(error.message)))
                continue
            sheet.refuse_doubled(header, SHEET)
            with_questions.append((sheet.name, rows))
        if not with_questions:
            raise missing or Refused(_("The file has no sheet."), code="no_header")
        is_told = False
        for title, rows in with_questions:
            for row in rows:
                found = _found(row, title if len(with_questions) > 1 else "")
                if not is_told and row.text(STATUS).startswith(REVIEWED):
                    found.doubts.append(_("“审核状态” is not taken over: only reviewers call questions reviewed."))
                    is_told = True
                yield found
        yield from left_aside

    def write(self, items: Iterable[Item], out: BinaryIO) -> list[Outcome]:
        line = 0
        with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
            text, head = book.add_format({"num_format": "@", "text_wrap": True}), book.add_format({"bold": True, "num_format": "@"})
            page = book.add_worksheet("题库")
            for place, title in enumerate([*SHEET, STATUS]):
                page.set_column(place, place, WIDTHS.get(title, 10), text)
                page.write_string(0, place, title, head)
            page.freeze_panes(1, 1)

            def put(item: Item) -> list[str]:
                nonlocal line
                cells = _cells(item)
                line += 1
                for place, value in enumerate([*cells, STATES.get(item.status, "")]):
                    if value:
                        page.write_string(line, place, value, text)
                return [_("The image stays in the bank of this county; the row holds only its mark.")] if named_images(item) else []

            return carried(items, put)


# ---- reading -------------------------------------------------------------------------------


def _looks_like_questions(sheet: tables.Sheet) -> bool:
    """Whether a sheet without all the columns has so many of them that somebody may have meant it: a sheet of hints has none."""
    return any(len({squeeze(cell) for cell in row} & set(COLUMNS)) >= LOOKS_LIKE_QUESTIONS for row in sheet.grid[: tables.HEADER_WITHIN])


def _found(row: tables.Row, sheet: str) -> Found:
    place = _("“%(sheet)s”, row %(row)d") % {"sheet": sheet, "row": row.number} if sheet else _("row %(row)d") % {"row": row.number}
    found = Found(place, row=row.number, code=row.text("编号")[:80], values=_as_handed_in(row))
    left_out = _left_out(row)
    with alone(found):
        found.item, told = _item(row)
        found.kind, found.changes = found.item.kind, left_out + told
    if found.item is None:
        found.doubts += left_out  # the workbook of refused rows does not hold them either
    return found


def _left_out(row: tables.Row) -> list[str]:
    """What the row says in columns that are not read, and where it only seems to say something."""
    unknown = {name: text for name, value in row.cells.items() if name not in [*SHEET, *TOLD, STATUS] and (text := settle(value))}
    said = _("the column “%(column)s” is not read: “%(text)s” is left out.")
    told = [
        said % {"column": name, "text": text[:40]}
        for name, text in (unknown | {column: settle(cell) for column, cell in row.beside.items()}).items()
    ]
    alone = _("“%(column)s” is merged with the cell of row %(row)d and counts for that row alone.")
    return told + [alone % {"column": name, "row": number} for name, number in row.joined.items() if name in SHEET and number < row.number]


def _as_handed_in(row: tables.Row) -> list[str]:
    """The cells in the order of SHEET, as text that would be read the same again; what a failed formula left stays that."""
    return [_text(row.cells.get(name)) for name in SHEET]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return TRUTH[value]
    return value if isinstance(value, tables.Failed) else settle(value)


def _item(row: tables.Row) -> tuple[Item, list[str]]:
    """The question, and what of the row its kind does not read or writes otherwise. Raises: Wrong."""
    for name in SHEET:
        if isinstance(left := row.cells.get(name), tables.Failed):
            raise Wrong(_("the formula of the cell gave no value: %(left)s") % {"left": left[:60]}, name)
    name = row.text("题型")
    kind = kind_named(name, _("kind (题型)"))
    stem = settle(row.cells.get("题干"))
    if not stem:
        raise Wrong(_("there is no stem"), FIELDS["stem"]())
    bound("stem", stem)
    options = {letter: text for letter, column in OPTION_COLUMNS.items() if (text := settle(row.cells.get(column)))}
    answer = row.cells.get("答案")
    text = TRUTH[answer] if isinstance(answer, bool) else settle(answer)
    if not text:
        raise Wrong(_("no right answer is given"), _("answer (答案)"))
    cells = Cells(stem, options, text)
    with kinds.read_as(kind, name):
        stem, content, key = kind.from_cells(cells)
    said = _("“%(column)s” is not read: a question of the kind “%(kind)s” has no options. “%(text)s” is left out.")
    unread = [
        said % {"column": OPTION_COLUMNS[letter], "kind": kind.label, "text": options[letter][:40]}
        for letter in kind.unread(cells, stem, content, key)
    ]
    reworded = kind.reworded(cells, stem)
    return settled(
        Item(
            kind=kind.key,
            stem=stem,
            content=content,
            key=key,
            code=named_code(row.text("编号")),
            course_code=row.text("课程"),
            difficulty=level(row.text("难度")),
            explanation=settle(row.cells.get("解析")),
            source=row.text("依据"),
            source_since=day(row.cells.get("依据施行日期") or "", "since"),
            source_until=day(row.cells.get("依据失效日期") or "", "until"),
            mark=row.text("核对").upper(),
            point=row.text("知识点"),
            tags=tuple(re.split(r"[;；]", row.text("标签"))),
            **uses(re.split(r"[;；、]", row.text("用途"))),
        )
    ), [*unread, *([reworded] if reworded else [])]


# ---- writing -------------------------------------------------------------------------------


def _cells(item: Item) -> list[str]:
    """The row in the order of SHEET. Raises: CannotCarry."""
    try:
        cells = kinds.cells(item.kind, item.stem, item.content, item.key)
    except Wrong as wrong:
        raise CannotCarry(_("A row cannot hold it: %(reason)s.") % {"reason": wrong}) from wrong
    if any(re.search(r"[;；]", tag) for tag in item.tags):
        raise CannotCarry(_("A tag holds a semicolon, which separates tags in a row."))
    values = {
        "编号": item.code,
        "题型": str(kinds.of(item.kind).called),
        "课程": item.course_code,
        "难度": str(item.difficulty),
        "题干": cells.stem,
        "答案": cells.answer,
        "解析": item.explanation,
        "依据": item.source,
        "依据施行日期": str(item.source_since or ""),
        "依据失效日期": str(item.source_until or ""),
        "核对": item.mark,
        "知识点": item.point,
        "标签": "；".join(item.tags),
        "用途": "；".join([*(["仅供考试"] if item.is_reserved else []), *(["停用"] if item.is_retired else [])]),
    } | {OPTION_COLUMNS[letter]: text for letter, text in cells.options.items()}
    if any(len(value) > LONGEST_CELL for value in values.values()):
        raise CannotCarry(_("A text is longer than a cell holds."))
    return [values.get(name, "") for name in SHEET]


def refused_rows(found: Iterable[Found], out: BinaryIO) -> None:
    """The refused rows as they were handed in, with the reason in the last column: mend them and hand it in again.

    Every cell is text, so no spreadsheet evaluates what stands there; but one whose formula failed shows that error again,
    else the text of the error would be taken for an answer.
    """
    rows = [one for one in found if one.values]  # a sheet that was left aside is no row
    used = [at for at, name in enumerate(SHEET) if name in COLUMNS or any(one.values[at] for one in rows)]
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        text, head = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        page = book.add_worksheet("题库")
        page.set_column(0, len(used), 16, text)
        page.set_column(len(used) + 1, len(used) + 1, 60, text)
        for place, title in enumerate([*(SHEET[at] for at in used), "原行号", "拒绝原因"]):
            page.write_string(0, place, title, head)
        for line, one in enumerate(rows, start=1):
            about = " ".join(part for part in (one.code[:40], one.field) if part)
            reason = f"{about}：{one.refusal}" if about else one.refusal
            for place, value in enumerate([*(one.values[at] for at in used), str(one.row), reason]):
                if isinstance(value, tables.Failed):
                    page.write_formula(line, place, "=NA()", text, value if value in tables.ERRORS else "#N/A")
                else:
                    page.write_string(line, place, value[:LONGEST_CELL], text)  # more is no cell


FORMAT = Sheet()
