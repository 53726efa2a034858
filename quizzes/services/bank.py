"""The question bank's one door for files and for rows: read, judge, report, write."""

import hashlib
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import xlsxwriter
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import audit, tables
from core.errors import Refused, RefusedRows, RowError
from courses.models import CataloguePage, Course, CoursePage
from people.models import Person, Unit
from quizzes import kinds
from quizzes.kinds.base import LETTERS, Cells
from quizzes.models import KnowledgePoint, Question

COLUMNS = ["编号", "题型", "课程", "难度", "题干", "答案"]
OPTION_COLUMNS = {letter: f"选项{letter}" for letter in LETTERS}
SHEET = [*COLUMNS[:5], *OPTION_COLUMNS.values(), "答案", "解析", "依据", "核对", "知识点"]  # all columns, in the order of a file
LEVELS = {"1": 1, "易": 1, "容易": 1, "简单": 1, "2": 2, "中": 2, "中等": 2, "3": 3, "难": 3, "困难": 3}
LONGEST_STEM = 4000
LIMITS = {"code": 40, "course_code": 20, "point": 80, "stem": LONGEST_STEM, "explanation": 4000, "source": 200}
CONTENT = ["course_code", "kind", "difficulty", "stem", "content", "key", "explanation", "source", "mark"]


@dataclass(frozen=True)
class Draft:
    """One question as a file says it, already judged by its kind."""

    code: str
    course_code: str
    kind: str
    difficulty: int
    stem: str
    content: dict
    key: Any
    explanation: str
    source: str
    mark: str
    point: str


@dataclass
class Report:
    """What an import did, or would do: codes of new, changed and unchanged questions, each refused row with its reason.

    `warnings` name good rows that a person should look at: they are imported all the same.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    refused: list[RowError] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.new) + len(self.changed) + len(self.same) + len(self.refused)


def import_file(
    file: BinaryIO, *, name: str, county: Unit, at: datetime, by: Person | None = None, skip_bad: bool = False, dry_run: bool = False
) -> Report:
    """Import a spreadsheet (xlsx, or CSV in UTF-8 or GBK) with the columns 编号 题型 课程 难度 题干 选项A… 答案 解析 依据 核对 知识点.

    See `import_rows` for what it does with the rows. Sheets without these columns are left aside,
    unless none has them.

    Raises:
        Refused: no spreadsheet, no header; RefusedRows.
    """
    drafts: list[tuple[int, Draft, list]] = []
    refused: list[RowError] = []
    found, missing = False, None
    for sheet in tables.read(file, name=name):
        try:
            _header, rows = sheet.rows(COLUMNS)
        except Refused as error:
            missing = missing or error
            continue
        found = True
        for row in rows:
            _take(drafts, refused, row.number, row.text("编号"), lambda row=row: _from_row(row), _as_handed_in(row))
    if not found:
        raise missing or Refused(_("The file has no sheet."), code="no_header")
    return _import(drafts, refused, county=county, at=at, by=by, skip_bad=skip_bad, dry_run=dry_run)


def import_rows(
    rows: Iterable[Mapping], *, county: Unit, at: datetime, by: Person | None = None, skip_bad: bool = False, dry_run: bool = False
) -> Report:
    """Import questions given as mappings: id, type, course, diff, stem, options / items / left and right, answer, explain, source, v, point.

    A code that the county has already: nothing happens when nothing differs, else the question
    changes and its version rises; attempts keep what they saw. A refused row refuses all of them
    unless `skip_bad`; a dry run writes nothing and reports. Locks the county's bank; a handful of
    queries for any number of rows.

    Raises:
        RefusedRows: some rows are refused, and neither `skip_bad` nor `dry_run` was asked for.
    """
    drafts: list[tuple[int, Draft, list]] = []
    refused: list[RowError] = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            refused.append(RowError(number, "", _("is not a question: names with values are expected")))
            continue
        _take(drafts, refused, number, str(row.get("id", "")), lambda row=row: _from_mapping(row), [str(value) for value in row.values()])
    return _import(drafts, refused, county=county, at=at, by=by, skip_bad=skip_bad, dry_run=dry_run)


def refused_file(report: Report) -> bytes:
    """The refused rows of `import_file` as a workbook, with the reason in the last column: mend them and hand it in again.

    Every cell is text, so no spreadsheet evaluates what stands there.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        text, head = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        used = [at for at, name in enumerate(SHEET) if name in COLUMNS or any(error.values[at] for error in report.refused)]
        page = book.add_worksheet("题库")
        page.set_column(0, len(used), 16, text)
        page.set_column(len(used) + 1, len(used) + 1, 60, text)
        for place, title in enumerate([*(SHEET[at] for at in used), "原行号", "拒绝原因"]):
            page.write_string(0, place, title, head)
        for line, error in enumerate(report.refused, start=1):
            reason = f"{error.field}：{error.message}" if error.field else error.message
            for place, value in enumerate([*(error.values[at] for at in used), str(error.row), reason]):
                page.write_string(line, place, value[:32_767], text)  # more is no cell
    return out.getvalue()


# ---- reading -------------------------------------------------------------------------------


def _take(drafts: list, refused: list, number: int, code: str, make, values: list) -> None:
    try:
        drafts.append((number, make(), values))
    except kinds.Wrong as wrong:
        label = " ".join(part for part in (code[:40], wrong.field) if part)
        refused.append(RowError(number, label, str(wrong), values))


def _as_handed_in(row: tables.Row) -> list[str]:
    """The cells in the order of SHEET, as text that would be read the same again."""
    words = {True: "正确", False: "错误"}
    return [words[value] if isinstance(value := row.cells.get(name), bool) else _plain(value) for name in SHEET]


def _plain(value: object) -> str:
    """Cell text with its line breaks kept."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
        return "\n".join(line.strip(" \t") for line in text.strip().split("\n"))
    return tables.as_text(value)


def _from_row(row: tables.Row) -> Draft:
    kind = _kind(row.text("题型"), _("kind (题型)"))
    stem = _plain(row.cells.get("题干"))
    if not stem:
        raise kinds.Wrong(_("there is no stem"), _("stem (题干)"))
    options = {letter: row.text(column) for letter, column in OPTION_COLUMNS.items() if row.text(column)}
    answer = row.cells.get("答案")
    text = row.text("答案") if not isinstance(answer, bool) else ("正确" if answer else "错误")
    if not text:
        raise kinds.Wrong(_("no right answer is given"), _("answer (答案)"))
    _bounded("stem", stem)
    stem, content, key = kind.from_cells(Cells(stem, options, text))
    return _draft(
        kind=kind,
        code=row.text("编号"),
        course_code=row.text("课程"),
        difficulty=row.text("难度"),
        stem=stem,
        content=content,
        key=key,
        explanation=_plain(row.cells.get("解析")),
        source=row.text("依据"),
        mark=row.text("核对"),
        point=row.text("知识点"),
    )


def _from_mapping(row: Mapping) -> Draft:
    kind = _kind(str(row.get("type", "")), "type")
    stem = _plain(row.get("stem"))
    if not stem:
        raise kinds.Wrong(_("there is no stem"), "stem")
    _bounded("stem", stem)
    content, key = kind.from_mapping({**row, "stem": stem})
    kind.check(stem, content, key)
    return _draft(
        kind=kind,
        code=tables.as_text(row.get("id")),
        course_code=tables.as_text(row.get("course")),
        difficulty=tables.as_text(row.get("diff", row.get("difficulty", 1))),
        stem=stem,
        content=content,
        key=key,
        explanation=_plain(row.get("explain", row.get("explanation", ""))),
        source=tables.as_text(row.get("source")),
        mark=tables.as_text(row.get("v", row.get("mark", ""))),
        point=tables.as_text(row.get("point")),
    )


def _kind(name: str, field_name: str) -> kinds.ItemKind:
    kind = kinds.named(name) if name else None
    if kind is None:
        known = "、".join(str(kind.label) for kind in kinds.every())
        raise kinds.Wrong(_("“%(name)s” is no kind of question; there are: %(known)s") % {"name": name[:20], "known": known}, field_name)
    return kind


def _draft(*, kind: kinds.ItemKind, difficulty: str, mark: str, **facts) -> Draft:
    if not facts["code"]:
        raise kinds.Wrong(_("the question has no code"), _("code (编号)"))
    if not facts["course_code"]:
        raise kinds.Wrong(_("the course is missing"), _("course (课程)"))
    level = LEVELS.get(difficulty or "1")
    if level is None:
        raise kinds.Wrong(_("“%(value)s” is no difficulty: 1, 2 or 3") % {"value": difficulty[:20]}, _("difficulty (难度)"))
    mark = (mark or "V").upper()
    if mark not in {"V", "S", "D", "M"}:
        raise kinds.Wrong(_("“%(value)s” is no evidence mark: V, S, D or M") % {"value": mark[:20]}, _("evidence (核对)"))
    for name in LIMITS:
        _bounded(name, facts[name])
    return Draft(kind=kind.key, difficulty=level, mark=mark, **facts)


def _bounded(name: str, text: str) -> None:
    if len(text) > LIMITS[name]:
        raise kinds.Wrong(_("is longer than %(limit)d characters") % {"limit": LIMITS[name]}, name)


# ---- writing -------------------------------------------------------------------------------


@transaction.atomic
def _import(
    drafts: list[tuple[int, Draft, list]],
    refused: list[RowError],
    *,
    county: Unit,
    at: datetime,
    by: Person | None,
    skip_bad: bool,
    dry_run: bool,
) -> Report:
    county = Unit.objects.select_for_update(no_key=True).get(pk=county.pk)
    report = Report(refused=list(refused))
    first_rows: dict[str, int] = {}
    kept: list[Draft] = []
    for number, draft, values in drafts:
        if draft.code in first_rows:
            report.refused.append(
                RowError(
                    number,
                    draft.code,
                    _("the code stands in row %(row)d already") % {"row": first_rows[draft.code]},
                    values,
                )
            )
            continue
        first_rows[draft.code] = number
        kept.append(draft)
    report.refused.sort(key=lambda error: error.row)
    report.warnings = [*_unknown_courses(county, kept, first_rows), *_doubled_stems(county, kept, first_rows)]
    report.warnings.sort(key=lambda warning: warning.row)
    standing = {q.code: q for q in Question.objects.filter(county=county, code__in=list(first_rows)).select_related("point")}
    made: list[tuple[Question, Draft]] = []
    altered: list[tuple[Question, Draft]] = []
    for draft in kept:
        question = standing.get(draft.code)
        if question is None:
            report.new.append(draft.code)
            made.append((Question(county=county, code=draft.code), draft))
        elif any(getattr(question, name) != getattr(draft, name) for name in CONTENT) or _point_name(question) != (
            draft.point or _point_name(question)
        ):
            report.changed.append(draft.code)
            altered.append((question, draft))
        else:
            report.same.append(draft.code)
    if dry_run:
        return report
    if report.refused and not skip_bad:
        raise RefusedRows(_("%(count)d rows are refused; nothing was written.") % {"count": len(report.refused)}, report.refused)
    points = _points(county, {draft.point for _q, draft in [*made, *altered] if draft.point})
    for question, draft in [*made, *altered]:
        for name in CONTENT:
            setattr(question, name, getattr(draft, name))
        if draft.point:
            question.point = points[draft.point]
        question.updated_at = at or timezone.now()
    for question, _d in altered:
        question.version += 1
    Question.objects.bulk_create([question for question, _d in made], batch_size=500)
    Question.objects.bulk_update([question for question, _d in altered], [*CONTENT, "point", "version", "updated_at"], batch_size=200)
    if made or altered:
        audit.record(
            county,
            "quizzes.questions_imported",
            by=by,
            new=len(made),
            changed=len(altered),
            refused=len(report.refused),
            digest=hashlib.sha256("".join(sorted(first_rows)).encode()).hexdigest()[:16],
        )
    return report


def _unknown_courses(county: Unit, drafts: list[Draft], rows: dict[str, int]) -> Iterator[RowError]:
    """Questions for a course that nobody of the county has written yet: often a slip of the pen. Three queries."""
    known = set(Course.objects.filter(county=county).values_list("code", flat=True))
    catalogue = CataloguePage.objects.filter(county=county).first()
    if catalogue is not None:
        known.update(CoursePage.objects.child_of(catalogue).values_list("code", flat=True))
    for draft in drafts:
        if draft.course_code not in known:
            yield RowError(
                rows[draft.code],
                draft.code,
                _("the county has no course %(course)s: no quiz will draw this question until there is one")
                % {"course": draft.course_code},
            )


def _doubled_stems(county: Unit, drafts: list[Draft], rows: dict[str, int]) -> Iterator[RowError]:
    """Questions with the same stem as one before them in the file, or as another of the bank. One query."""
    bank: dict[str, set[str]] = {}
    for code, stem in Question.objects.filter(county=county).values_list("code", "stem"):
        bank.setdefault(_letters(stem), set()).add(code)
    in_file: dict[str, str] = {}
    for draft in drafts:
        letters = _letters(draft.stem)
        first, others = in_file.setdefault(letters, draft.code), bank.get(letters, set()) - rows.keys()
        if first != draft.code:
            said = _("has the same stem as %(code)s in row %(row)d") % {"code": first, "row": rows[first]}
        elif others:
            said = _("has the same stem as %(code)s, which is in the bank already") % {"code": min(others)}
        else:
            continue
        yield RowError(rows[draft.code], draft.code, said)


def _letters(stem: str) -> str:
    """A stem without width, case, blanks and punctuation, so that two that read alike are alike."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", stem).lower() if sign.isalnum())


def _point_name(question: Question) -> str:
    return question.point.name if question.point else ""


def _points(county: Unit, names: set[str]) -> dict[str, KnowledgePoint]:
    known = {point.name: point for point in KnowledgePoint.objects.filter(county=county, name__in=names)}
    fresh = [KnowledgePoint(county=county, name=name) for name in sorted(names - known.keys())]
    KnowledgePoint.objects.bulk_create(fresh)
    return known | {point.name: point for point in fresh}


@transaction.atomic
def write(question: Question, *, by: Person | None) -> Question:
    """Save a question that a trainer edited; its version rises when what learners see or how it is marked changed.

    Locks the question. Attempts keep the copy that they saw.
    """
    if question.pk is None:
        question.version = 1
        question.save()
        return question
    before = Question.objects.select_for_update(of=("self",)).get(pk=question.pk)
    question.version = before.version + any(getattr(before, name) != getattr(question, name) for name in CONTENT)
    question.save()
    return question
