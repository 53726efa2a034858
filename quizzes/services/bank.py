"""The question bank's one door for files and for rows: read, judge, report, write; and the way out."""

import hashlib
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from time import monotonic
from typing import Any, BinaryIO

from django.contrib.admin.utils import label_for_field
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import audit, clock, uploads
from core.errors import Refused, RefusedRows, RowError
from courses.models import CataloguePage, Course, CoursePage
from people.models import Person, Role, Unit
from quizzes import formats, kinds, rules
from quizzes.formats import Found, Item, Outcome
from quizzes.formats import rows as mappings
from quizzes.formats.base import LONGEST_STEM, MADE_CODE, bounded, named_images
from quizzes.formats.sheet import refused_rows
from quizzes.kinds import Wrong
from quizzes.models import BankImage, Question, QuestionVersion
from quizzes.permissions import holds_over
from quizzes.services import images, readiness
from quizzes.services.points import Tree

CONTENT = Question.CONTENT
ROWS_AT_ONCE = 500
PROGRESS_EVERY = 100  # items, or
PROGRESS_AFTER = 1  # seconds: few items may take long
MOST_PAIRS = 100

__all__ = [
    "LONGEST_STEM", "Judged", "Report", "change", "examine", "export", "import_file", "import_found", "import_judged", "import_rows", "items_of",
    "keep_versions", "read", "refuse_review", "refused_file", "settle_status", "similar", "similar_to", "write",
]  # fmt: skip


@dataclass(frozen=True)
class ItemError(RowError):
    """One item to speak of, and where it stands in a file that need not have rows."""

    place: str = ""

    def __str__(self) -> str:
        if self.values:  # of a row
            return super().__str__()
        where = f"{self.place}, {self.field}" if self.field else self.place
        return f"{where}: {self.message}"


@dataclass
class Report:
    """What an import did, or would do: codes of new, changed and unchanged questions, each refused row with its reason.

    `warnings` name good rows that a person should look at: they are imported all the same. `outcomes`
    says for each item, in the order of the file, whether it came over as it was, changed in meaning, or not at all. `met` is a
    digest of the questions with these codes as they stood in the bank.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    refused: list[ItemError] = field(default_factory=list)
    warnings: list[ItemError] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    met: str = ""

    @property
    def total(self) -> int:
        return len(self.new) + len(self.changed) + len(self.same) + len(self.refused)

    def counts(self) -> dict[str, int]:
        """Figures for pages and logs."""
        said = [outcome.outcome for outcome in self.outcomes]
        return {
            "new": len(self.new),
            "updated": len(self.changed),
            "same": len(self.same),
            **{name: said.count(name) for name in ("imported", "changed", "refused")},
            "warnings": len(self.warnings),
        }

    def as_refused(self, file_name: str) -> list[Outcome]:
        """The outcomes of a file that is not written because questions of it are refused: a first line says so of the whole file.

        The good ones are not imported either, and say why. The outcomes as they are where nothing is refused.
        """
        if not self.refused:
            return self.outcomes
        count = {"count": len(self.refused)}
        head = Outcome(file_name, "refused", [_("Nothing was written: %(count)d questions of this file are refused.") % count])
        why = _("Good by itself, but nothing of the file was written, because %(count)d other questions are refused.") % count
        left = [
            one if one.outcome == "refused" else replace(one, outcome="refused", reasons=[why, *one.reasons], bank="")
            for one in self.outcomes
        ]
        return [head, *left]


def import_file(
    file: BinaryIO,
    *,
    name: str,
    county: Unit,
    at: datetime,
    by: Person | None = None,
    format: str = "xlsx",
    course_code: str = "",
    skip_bad: bool = False,
    dry_run: bool = False,
) -> Report:
    """Import a file of questions; `format` is a key of `quizzes.formats`.

    See `import_found` for what it does with the items. Questions without a course get `course_code`.

    Raises:
        Refused: no such file; RefusedRows.
    """
    found = list(read(file, name=name, format=format))
    return import_found(found, county=county, at=at, by=by, course_code=course_code, skip_bad=skip_bad, dry_run=dry_run)


def read(file: BinaryIO, *, name: str, format: str, progress: Callable[[int], None] = lambda done: None) -> Iterator[Found]:
    """What stands in a file, item by item; nothing is looked up and nothing written. `progress` hears how many were read, each second at least.

    Raises:
        Refused: the file is too large, or none of this format.
    """
    data, told = uploads.check_bank(file), monotonic()
    for number, found in enumerate(bounded(formats.of(format).read(data, name=name)), start=1):
        yield found
        if number % PROGRESS_EVERY == 0 or monotonic() - told >= PROGRESS_AFTER:
            progress(number)
            told = monotonic()


def import_rows(
    rows: Iterable, *, county: Unit, at: datetime, by: Person | None = None, skip_bad: bool = False, dry_run: bool = False
) -> Report:
    """Import questions given as mappings: id, type, course, diff, stem, options / items / left and right, answer, explain, source, v, point, use.

    See `import_found`.

    Raises:
        RefusedRows.
    """
    return import_found(mappings.read(rows), county=county, at=at, by=by, skip_bad=skip_bad, dry_run=dry_run)


def import_found(
    found: Iterable[Found],
    *,
    county: Unit,
    at: datetime,
    by: Person | None = None,
    course_code: str = "",
    skip_bad: bool = False,
    dry_run: bool = False,
) -> Report:
    """Judge what was read, and bring it into the bank of a county. See `examine` and `import_judged`; no transaction of a caller's goes round it.

    Raises:
        RefusedRows.
    """
    judged = examine(found, county=county, course_code=course_code)
    return import_judged(judged, county=county, at=at, by=by, skip_bad=skip_bad, dry_run=dry_run)


@dataclass
class Judged:
    """What was read, with what the bank says to it; for one import."""

    several: list[Found]
    doubled: list[ItemError]  # stems that are much alike

    def kept(self) -> dict[str, Found]:
        return {one.code: one for one in self.several if one.item is not None}


def examine(found: Iterable[Found], *, county: Unit, course_code: str = "") -> Judged:
    """Refuse what cannot be brought in, and compare the stems with each other and with the bank. Two queries.

    May take minutes for thousands of questions. Locks nothing, and belongs into no transaction: on SQLite each holds the one lock there is.
    """
    judged = Judged(_judged([replace(one, doubts=[*one.doubts]) for one in found], county, course_code), [])
    judged.doubled += _doubled_stems(county, judged.kept())
    return judged


@transaction.atomic
def import_judged(
    judged: Judged,
    *,
    county: Unit,
    at: datetime,
    by: Person | None = None,
    skip_bad: bool = False,
    dry_run: bool = False,
    seen: str = "",
    told: Collection[str] = (),
) -> Report:
    """Bring what was judged into the bank of a county.

    A code that the county has already: nothing happens when nothing differs, else the question
    changes, as by `write`: other content is another version, and attempts keep what they saw; tags, point and use
    are beside it. A refused row refuses all of them
    unless `skip_bad`; a dry run writes nothing and reports. What somebody brings in is a draft until
    somebody else has reviewed it; an operator (nobody's name) answers for what is brought in. Locks the
    county's bank and these questions; a handful of queries, and one more for each 500 questions
    written, which a dry run takes back where questions of the bank change: what that shakes, and did not stand so before, is told
    beforehand. `seen` is `Report.met` of a dry run that somebody looked at, and `told` are its warnings: what others changed since is never
    overwritten, and no exam or quiz is stopped that was not told.

    Raises:
        RefusedRows: some rows are refused, and neither `skip_bad` nor `dry_run` was asked for.
        Refused: edited.
    """
    kept = judged.kept()
    county = Unit.objects.select_for_update(no_key=True).get(pk=county.pk)
    tree = Tree(county)
    inside = Question.objects.filter(county=county, code__in=list(kept))
    # whoever edits one of them meanwhile comes before us, or after
    standing = {q.code: q for q in inside.select_for_update(of=("self",), no_key=True).order_by("pk")}
    report, made, altered = Report(met=_digest(standing.values())), [], []
    if seen and report.met != seen:
        raise Refused(_("Questions of this file were changed in the bank since it was checked; nothing was written."), code="edited")
    for one in judged.several:
        bank = ""
        if one.item is not None:
            question = standing.get(one.code)
            if not one.item.mark:
                one.item = replace(one.item, mark=_unsaid_mark(question, one.item))
            bank = "new" if question is None else "updated" if _differs(question, one.item, tree) else "same"
            {"new": report.new, "updated": report.changed, "same": report.same}[bank].append(one.code)
            if bank == "new":
                made.append((Question(county=county, code=one.code), one.item))
            elif bank == "updated" and question is not None:
                one.doubts += _told_beside(question, one.item)
                altered.append((question, one.item))
        _note(report, one, bank)
    drafted = [kept[question.code] for question, item in altered if by is not None and _is_drafted(question, item)]
    report.warnings += [*_unknown_courses(county, kept), *_unchecked(kept), *_to_review(drafted), *judged.doubled]
    report.warnings.sort(key=lambda warning: warning.row)
    if dry_run and not altered:
        return report
    if report.refused and not skip_bad and not dry_run:
        raise RefusedRows(_("%(count)d rows are refused; nothing was written.") % {"count": len(report.refused)}, list(report.refused))
    changing = [question for question, _item in altered]
    banks = {(county.pk, code) for question, item in altered for code in (question.course_code, item.course_code)}
    with transaction.atomic():
        before = readiness.shaken_by(changing, at=at, also=banks)
        _write(made, altered, tree, by=by, at=at)
        shaken = [said for said in readiness.shaken_by(changing, at=at, also=banks) if said not in before]
        transaction.set_rollback(dry_run)
    if seen and not {*shaken} <= {*told}:
        raise Refused(_("It would stop exams or quizzes that the check did not name; nothing was written."), code="edited")
    if not dry_run:
        images.keep_all({digest: data for _q, item in [*made, *altered] for digest, data in item.images.items()}, county=county, at=at)
    report.warnings[:0] = [ItemError(0, "", said, place=_("exams and quizzes after this import")) for said in shaken]
    if (made or altered) and not dry_run:
        audit.record(
            county,
            "quizzes.questions_imported",
            by=by,
            new=len(made),
            changed=len(altered),
            refused=len(report.refused),
            digest=hashlib.sha256("".join(sorted(kept)).encode()).hexdigest()[:16],
        )
    return report


def _digest(questions: Iterable[Question]) -> str:
    """Differs as soon as one of the questions was changed in any way, or there is another one."""
    return hashlib.sha256("\n".join(sorted(f"{one.code} {one.stamp}" for one in questions)).encode()).hexdigest()


def refused_file(found: Iterable[Found], *, county: Unit, course_code: str = "") -> bytes:
    """The refused rows of a spreadsheet as a workbook, with the reason in the last column: mend them and hand it in again. One query."""
    out = io.BytesIO()
    refused_rows([one for one in _judged(list(found), county, course_code) if one.item is None], out)
    return out.getvalue()


# ---- judging -------------------------------------------------------------------------------


def _judged(several: list[Found], county: Unit, course_code: str) -> list[Found]:
    """The items with their course; refused what has none, what comes twice, and what names images that nobody has. One query."""
    first: dict[str, Found] = {}
    alike: dict[str, list[Found]] = {}
    wanted: set[str] = set()
    for number, one in enumerate(several, start=1):
        one.row = one.row or number
        if one.item is None:
            continue
        one.item = replace(one.item, course_code=one.item.course_code or course_code)
        one.code = one.item.code
        if rules.lacks_source(one.item.mark, one.item.source):
            one.doubts.append(
                _("marked %(mark)s without its source clause (依据): no reviewer can call it reviewed") % {"mark": one.item.mark}
            )
        if not one.item.course_code:
            one.refuse(Wrong(_("the course is missing"), _("course (课程)")))
        elif one.code in first and one.code.startswith(MADE_CODE):
            said = _("the stem is doubled: the same question, without a code, stands in %(place)s already")
            one.refuse(Wrong(said % {"place": first[one.code].place}))
        else:
            first.setdefault(one.code, one)
            alike.setdefault(one.code, []).append(one)
            wanted |= named_images(one.item) - one.item.images.keys()
    for doubled in alike.values():  # which of them is meant only a person can say
        for one in doubled if len(doubled) > 1 else []:
            others = [other.place for other in doubled if other is not one]
            shown = "、".join(others[:8]) + ("…" if len(others) > 8 else "")
            one.refuse(Wrong(_("the code stands in %(place)s too") % {"place": shown}))
    missing = images.absent(county, wanted)
    for one in first.values():
        if one.item is not None and (lost := missing & (named_images(one.item) - one.item.images.keys())):
            one.refuse(Wrong(_("the image %(digest)s is neither in the file nor in the bank") % {"digest": min(lost)}))
    return several


def _unsaid_mark(question: Question | None, item: Item) -> str:
    """What a file that says nothing of a check leaves: the mark of a question that it only repeats, else to be checked."""
    is_same = question is not None and not _is_other_content(question, replace(item, mark=question.mark))
    return question.mark if question is not None and is_same else rules.UNMARKED


def _is_other_content(question: Question, other: Question | Item) -> bool:
    """Whether it is another version, which somebody else has to review; a key that is only written otherwise makes none."""
    is_same_key = question.kind == other.kind and kinds.of(other.kind).is_same_key(question.key, other.key)
    return any(getattr(question, name) != getattr(other, name) for name in CONTENT if name != "key" or not is_same_key)


def _is_drafted(question: Question, item: Item) -> bool:
    return question.status == Question.Status.REVIEWED and not item.is_retired and _is_other_content(question, item)


def _differs(question: Question, item: Item, tree: Tree) -> bool:
    """Whether the item would change the question; what the file does not say of point, tags and use stays as it is."""
    if _is_other_content(question, item):
        return True
    if item.tags and list(item.tags) != question.tags:
        return True
    if (item.is_reserved and not question.is_reserved) or (item.is_retired and question.status != Question.Status.RETIRED):
        return True
    point = tree.find(item.point) if item.point else None
    return bool(item.point) and (point is None or point.pk != question.point_id)


BESIDE = ("course_code", "difficulty", "explanation", "source", "source_since", "source_until", "mark")


def _told_beside(question: Question, item: Item) -> list[str]:
    """What of a question's facts beside its text an import changes or empties: a file need not hold them, and says nothing of it."""
    changed = [(name, getattr(question, name), getattr(item, name)) for name in BESIDE if getattr(question, name) != getattr(item, name)]
    said = _("%(fact)s changes in the bank: %(old)s → %(new)s")
    return [
        said % {"fact": label_for_field(name, Question), "old": str(old or "—")[:60], "new": str(new or "—")[:60]}
        for name, old, new in changed
    ]


def _note(report: Report, one: Found, bank: str) -> None:
    if one.item is None:
        report.refused.append(_error(one, one.refusal, one.field))
        report.outcomes.append(Outcome(one.place, "refused", [one.reason, *one.doubts], one.code, one.kind))
    else:
        outcome = "changed" if one.changes else "imported"
        report.outcomes.append(Outcome(one.place, outcome, [*one.changes, *one.doubts], one.code, one.kind, bank))
    report.warnings += [_error(one, doubt) for doubt in one.doubts]


def _error(one: Found, message: str, field_name: str = "") -> ItemError:
    label = " ".join(part for part in (one.code[:40], field_name) if part)
    return ItemError(one.row, label, message, one.values, place=one.place)


def _unknown_courses(county: Unit, kept: dict[str, Found]) -> Iterator[ItemError]:
    """Courses that nobody of the county has written yet, each at its first question: often a slip of the pen. Three queries."""
    known = known_courses(county)
    of_course: dict[str, list[Found]] = {}
    for one in kept.values():
        if one.item is not None and one.item.course_code not in known:
            of_course.setdefault(one.item.course_code, []).append(one)
    for code, several in of_course.items():
        yield _error(several[0], no_such_course(code, len(several)))


def known_courses(county: Unit) -> set[str]:
    """The codes of courses that somebody of the county has written, or is writing. Three queries."""
    known = set(Course.objects.filter(county=county).values_list("code", flat=True))
    catalogue = CataloguePage.objects.filter(county=county).first()
    if catalogue is not None:
        known.update(CoursePage.objects.child_of(catalogue).values_list("code", flat=True))
    return known


def course_codes(counties: QuerySet[Unit]) -> QuerySet:
    """The banks that have questions, in order."""
    return Question.objects.filter(county__in=counties).order_by("course_code").values_list("course_code", flat=True).distinct()


def no_such_course(code: str, count: int) -> str:
    said = ngettext(
        "the county has no course %(course)s: no quiz will draw this question until there is one",
        "the county has no course %(course)s: no quiz will draw these %(count)d questions until there is one",
        count,
    )
    return said % {"course": code, "count": count}


def _unchecked(kept: dict[str, Found]) -> Iterator[ItemError]:
    """What no paper will draw whatever a reviewer says of it, at its first question."""
    several = [one for one in kept.values() if one.item is not None and one.item.mark == rules.UNMARKED]
    if several:
        said = ngettext(
            "this question is marked M or not marked at all (核对): no paper draws it before somebody has checked and marked it",
            "%(count)d questions are marked M or not marked at all (核对): no paper draws them before somebody has checked and marked them",
            len(several),
        )
        yield _error(several[0], said % {"count": len(several)})


def _to_review(several: list[Found]) -> Iterator[ItemError]:
    """Reviewed questions that get other content, at the first of them."""
    if several:
        said = ngettext(
            "this question was reviewed and gets other content: it is a draft, and no paper draws it, until somebody else has reviewed it",
            "%(count)d reviewed questions get other content: they are drafts, and no paper draws them, until somebody else has reviewed them",
            len(several),
        )
        yield _error(several[0], said % {"count": len(several)})


def _doubled_stems(county: Unit, kept: dict[str, Found]) -> Iterator[ItemError]:
    """Questions whose stem is much like that of another in the file, or of one in the bank. One query."""
    in_file = {code: one.item.stem for code, one in kept.items() if one.item is not None}
    texts = dict(Question.objects.filter(county=county).exclude(code__in=in_file).values_list("code", "stem")) | in_file
    for pair in rules.similar(texts, to=in_file.keys(), most=1):
        if pair.first in in_file:
            said = _("its stem is %(share)s %% the same as that of %(code)s (%(place)s)")
        else:
            said = _("its stem is %(share)s %% the same as that of %(code)s, which is in the bank already")
        place = kept[pair.first].place if pair.first in in_file else ""
        yield _error(kept[pair.second], said % {"share": int(pair.share * 100), "code": pair.first, "place": place})


def similar(county: Unit) -> list[tuple[Question, Question, Fraction]]:
    """Pairs of questions in use whose stems are much alike, the most alike first; a hundred at most. Two queries."""
    stems = Question.objects.filter(county=county).exclude(status=Question.Status.RETIRED).values_list("pk", "stem")
    pairs = rules.similar(dict(stems))[:MOST_PAIRS]
    found = Question.objects.in_bulk({pk for pair in pairs for pk in (pair.first, pair.second)})
    return [(found[pair.first], found[pair.second], pair.share) for pair in pairs]


def similar_to(question: Question) -> list[tuple[Question, Fraction]]:
    """The questions in use that this one's stem is much alike to, the most alike first. Two queries."""
    others = Question.objects.filter(county=question.county_id).exclude(pk=question.pk).exclude(status=Question.Status.RETIRED)
    pairs = rules.similar({None: question.stem} | dict(others.values_list("pk", "stem")), to=[None])
    shares = {pair.first: pair.share for pair in pairs[:5]}
    found = Question.objects.in_bulk([pk for pk in shares if pk is not None])
    return [(found[pk], share) for pk, share in shares.items() if pk is not None]


# ---- writing -------------------------------------------------------------------------------


def _write(made: list[tuple[Question, Item]], altered: list[tuple[Question, Item]], tree: Tree, *, by: Person | None, at: datetime) -> None:
    both = [*made, *altered]
    points = tree.ensure(item.point for _q, item in both if item.point)
    risen = []
    for question, item in both:
        if _is_other_content(question, item):
            for name in CONTENT:
                setattr(question, name, getattr(item, name))
            if question.pk:
                question.version += 1
            if question.status != Question.Status.RETIRED:
                question.status = Question.Status.REVIEWED if by is None else Question.Status.DRAFT
            question.edited_by = by
            risen.append(question)
        if item.point:
            question.point = points[item.point]
        if item.tags:
            question.tags = list(item.tags)
        if item.is_retired:
            question.status = Question.Status.RETIRED
        question.is_reserved = question.is_reserved or item.is_reserved
        question.updated_at = at
    Question.objects.bulk_create([question for question, _item in made], batch_size=ROWS_AT_ONCE)
    fields = [*CONTENT, "point", "tags", "version", "updated_at", "edited_by", "status", "is_reserved"]
    rows = [question for question, _item in altered]  # bulk_update takes twenty times as long, under the locks
    Question.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE, update_conflicts=True, unique_fields=["pk"], update_fields=fields)
    keep_versions(risen, by=by, at=at)


def keep_versions(questions: Iterable[Question], *, by: Person | None, at: datetime) -> None:
    """Write down the versions that these questions have now. One statement for each 500."""
    questions = list(questions)
    for start in range(0, len(questions), ROWS_AT_ONCE):
        QuestionVersion.objects.bulk_create(
            QuestionVersion(question=one, number=one.version, by=by, at=at, **{name: getattr(one, name) for name in CONTENT})
            for one in questions[start : start + ROWS_AT_ONCE]
        )


@transaction.atomic
def write(question: Question, *, by: Person | None, is_agreed: bool = False, seen: str = "") -> Question:
    """Save a question that a trainer edited; its version rises when what learners see or how it is marked changed.

    Locks the question, of a new one the county's bank. Attempts keep the copy that they saw. A reviewed question whose content changed is a draft
    again, unless two persons have agreed on the change (`is_agreed`); only a reviewer who did not edit it last makes it reviewed.
    `seen` is the stamp of what was edited: what somebody else changed meanwhile, be it the status or a tag, is never overwritten.

    Raises:
        Refused: code_taken, edited, not_a_reviewer, own_question, no_source.
    """
    if question.pk:
        before = Question.objects.select_for_update(of=("self",), no_key=True).get(pk=question.pk)
    else:
        before = None
        _refuse_taken_code(question)
    _refuse_stale(before, seen)
    _settle_status(question, before, by, is_agreed=is_agreed)
    question.save()
    if before is None or question.version > before.version:
        keep_versions([question], by=by, at=clock.now())
    return question


def _settle_status(question: Question, before: Question | None, by: Person | None, *, is_agreed: bool = False) -> None:
    """Version, last editor and status of a question that is about to be saved. Raises: Refused."""
    is_changed = before is None or _is_other_content(before, question)
    question.version = (before.version if before else 0) + is_changed
    if is_changed:
        question.edited_by = by
    if by is None or is_agreed or question.status != Question.Status.REVIEWED:
        return
    if is_changed and before is not None and before.status == Question.Status.REVIEWED:
        question.status = Question.Status.DRAFT
    elif before is None or before.status != Question.Status.REVIEWED:
        refuse_review(question, by)


def settle_status(question: Question, *, by: Person, seen: str = "") -> None:
    """What `write` will make of version and status, for a form that wants to say so beside the field. Raises: as `write`."""
    before = Question.objects.filter(pk=question.pk).first() if question.pk else None
    _refuse_stale(before, seen)
    _settle_status(question, before, by)


def _refuse_taken_code(question: Question) -> None:
    """A file that is being imported may bring the same code: it is waited for."""
    county = Unit.objects.select_for_update(no_key=True).get(pk=question.county_id)
    if Question.objects.filter(county=county, code=question.code).exists():
        raise Refused(_("Another question has the code %(code)s already.") % {"code": question.code}, code="code_taken")


def _refuse_stale(standing: Question | None, seen: str) -> None:
    if standing is None or not seen or standing.stamp == seen:
        return
    version, *beside = seen.split(".")
    if version != str(standing.version):
        raise Refused(
            _("Version %(now)d was saved while you edited version %(seen)s. Nothing of yours was saved, and nothing of theirs is lost.")
            % {"now": standing.version, "seen": version[:9]},
            code="edited",
        )
    now = dict(zip(Question.BESIDE, standing.stamp.split(".")[1:], strict=True))
    changed = [name for name, was in zip(Question.BESIDE, beside, strict=False) if now[name] != was]
    raise Refused(
        _("Somebody else changed this while you edited: %(facts)s. Nothing of yours was saved, and nothing of theirs is lost.")
        % {"facts": "、".join(str(label_for_field(name, Question)) for name in changed or Question.BESIDE)},
        code="edited",
    )


def refuse_review(question: Question, by: Person) -> None:
    """Raises: Refused (not_a_reviewer, own_question, no_source), unless the person may call the question reviewed."""
    if not holds_over(by, question.county, Role.REVIEWER):
        raise Refused(_("Reviewers call a question reviewed: save it as a draft, and tell a reviewer."), code="not_a_reviewer")
    if question.edited_by_id == by.pk:
        raise Refused(_("You edited %(code)s last: somebody else reviews it.") % {"code": question.code}, code="own_question")
    if rules.lacks_source(question.mark, question.source):
        raise Refused(
            _("%(code)s is marked %(mark)s and names no source clause: nobody can look up what it rests on.")
            % {"code": question.code, "mark": question.mark},
            code="no_source",
        )


@transaction.atomic
def change(*, questions: Collection[int], by: Person, at: datetime, tag: str = "", **facts: Any) -> tuple[list[str], list[Refused]]:
    """Set these facts of many questions of the user's counties, as `write` would of each; add a tag to each.

    Gives the codes of those that changed, and why others were left as they were. Locks them; four queries.
    """
    found = Question.objects.visible_to(by).select_for_update(of=("self",), no_key=True).select_related("county").filter(pk__in=questions)
    changed, refused, risen = [], [], []
    for question in found.order_by("pk"):
        before = copy(question)
        for name, value in facts.items():
            setattr(question, name, value)
        if tag and tag not in question.tags:
            question.tags = [*question.tags, tag]
        if all(getattr(before, name) == getattr(question, name) for name in [*facts, "tags"]):
            continue
        try:
            if "point" in facts and question.point and question.point.county_id != question.county_id:
                raise Refused(_("%(code)s: this knowledge point belongs to another county.") % {"code": question.code}, code="other_county")
            _settle_status(question, before, by)
        except Refused as reason:
            refused.append(reason)
            continue
        question.updated_at = at
        changed.append(question)
        if question.version > before.version:
            risen.append(question)
    Question.objects.bulk_update(changed, [*facts, "tags", "version", "status", "edited_by", "updated_at"], batch_size=200)
    keep_versions(risen, by=by, at=at)
    for county in {question.county for question in changed}:
        codes = [question.code for question in changed if question.county == county]
        audit.record(county, "quizzes.questions_changed", by=by, codes=codes, facts=sorted(facts), tag=tag)
    return [question.code for question in changed], refused


# ---- the way out ---------------------------------------------------------------------------


def export(questions: QuerySet, *, county: Unit, format: str, out: BinaryIO) -> list[Outcome]:
    """Write questions of a county as a file of this format, and say for each what became of it.

    Streams: holds some hundred questions at a time, with their images. Two queries for each 500.
    """
    return formats.of(format).write(items_of(questions, county=county), out)


def items_of(questions: QuerySet, *, county: Unit) -> Iterator[Item]:
    """Questions of a county as items, by code, with the images that they name."""
    tree = Tree(county)
    batch: list[Item] = []
    for question in questions.filter(county=county).order_by("code").iterator(chunk_size=ROWS_AT_ONCE):
        batch.append(_item(question, tree))
        if len(batch) == ROWS_AT_ONCE:
            yield from _with_images(batch, county)
            batch = []
    yield from _with_images(batch, county)


def _item(question: Question, tree: Tree) -> Item:
    facts = {name: getattr(question, name) for name in CONTENT}
    return Item(
        **facts,
        code=question.code,
        point=tree.path(question.point_id),
        tags=tuple(question.tags),
        is_reserved=question.is_reserved,
        is_retired=question.status == Question.Status.RETIRED,
        status=question.status,
    )


def _with_images(batch: list[Item], county: Unit) -> Iterator[Item]:
    named = {item.code: named_images(item) for item in batch}
    wanted = set().union(*named.values())
    kept = {image.digest: image for image in BankImage.objects.filter(county=county, digest__in=wanted)} if wanted else {}
    for item in batch:
        found = {digest: _bytes(kept[digest]) for digest in sorted(named[item.code]) if digest in kept}
        yield replace(item, images=found) if found else item


def _bytes(image: BankImage) -> bytes:
    with image.file.open("rb") as file:
        return file.read()
