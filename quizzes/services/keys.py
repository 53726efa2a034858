"""Which key stands for an item once questions were marked again, and when keys may be shown: an exam gives none away while it is sat."""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from core import clock
from core.errors import Refused
from people.models import Person
from quizzes import kinds
from quizzes.models import Attempt, AttemptItem, PaperItem, Question, QuestionVersion, Quiz, Remark, Sitting
from quizzes.models.sittings import SittingQuerySet

# ---- which key stands ----------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """By what an item is marked, shown and explained: the key in its own tokens, or full marks whatever was answered."""

    key: Any
    is_given: bool


@dataclass(frozen=True)
class Reach:
    """What a re-marking speaks of: items frozen before it that ask what it is about, as the same kind and in the same words.

    `asked` is the question as it stood when this was proposed. Where nobody kept it (from before versions were kept), items
    of that very version are spoken of, and no older ones.
    """

    remark: Remark
    asked: QuestionVersion | Question | None

    def is_alike(self, item: AttemptItem) -> bool:
        """Whether the item is of the same kind and has the same stem."""
        if self.asked is None or item.question_version > self.remark.version:
            return item.question_version == self.remark.version
        return (item.kind, item.shown.get("stem")) == (self.asked.kind, self.asked.stem)

    def key_of(self, item: AttemptItem) -> dict | None:
        """The item's key in the tokens of its paper as the re-marking wants it (with full marks for all, as it was right); None where it
        does not speak of the item: of a later version or another kind, asked in other words or with other options."""
        if not self.is_alike(item):
            return None
        wanted = self.remark if self.remark.remedy == Remark.Remedy.NEW_KEY else self.asked
        try:
            return item.key if wanted is None else item.item_kind.rekey(item.shown, wanted.content, wanted.key, item.key)
        except kinds.Wrong:
            return None


def reaches_of(remarks: Iterable[Remark]) -> list[Reach]:
    """What each of these speaks of, in their order. One query; none without any."""
    remarks = list(remarks)
    kept: dict[tuple[int, int], QuestionVersion] = {}
    if remarks:
        about = {"question__in": {one.question_id for one in remarks}, "number__in": {one.version for one in remarks}}
        kept = {(one.question_id, one.number): one for one in QuestionVersion.objects.filter(**about)}
    return [Reach(one, kept.get((one.question_id, one.version))) for one in remarks]


def _approved(questions: Iterable[int]) -> dict[int, list[Reach]]:
    """The approved re-markings of these questions, the newest first. Two queries; one where none was marked again."""
    remarks = Remark.objects.filter(question__in=set(questions), decision__approved=True).select_related("decision").order_by("-pk")
    found: dict[int, list[Reach]] = {}
    for reach in reaches_of(remarks):
        found.setdefault(reach.remark.question_id, []).append(reach)
    return found


def standing(items: Iterable[AttemptItem]) -> dict[int, Standing]:
    """What stands for each frozen item, by its id. Two queries; one where none of them was marked again.

    The key is that of the newest approved re-marking with a new key that speaks of the item, else its own; whether everybody is
    given full marks says the newest one that speaks of it.
    """
    items = list(items)
    approved = _approved(item.question_id for item in items)
    return {item.pk: _standing(item, approved.get(item.question_id, [])) for item in items}


def _standing(item: AttemptItem, approved: list[Reach]) -> Standing:
    speaking = [(reach.remark.remedy, key) for reach in approved if (key := reach.key_of(item)) is not None]
    mended = (key for remedy, key in speaking if remedy == Remark.Remedy.NEW_KEY)
    is_given = bool(speaking) and speaking[0][0] == Remark.Remedy.ALL_RIGHT
    return Standing(next(mended, item.key), is_given)


@dataclass(frozen=True)
class Amended:
    """What two persons agreed on since a paper was made, of one of its items."""

    remark: Remark | None  # the newest that speaks of the item
    other: Remark | None  # the newest of all, where it does not speak of the item


def amended(items: Iterable[PaperItem]) -> dict[int, Amended]:
    """By item of a paper made beforehand what was agreed on since; absent where nothing was. Two queries; one where nothing was."""
    items = list(items)
    approved = _approved(item.question_id for item in items)
    found = {}
    for item in items:
        later = [reach for reach in approved.get(item.question_id, []) if item.question_version <= reach.remark.version]
        if later:
            shown = _as_shown(item)
            speaking = next((reach.remark for reach in later if reach.key_of(shown) is not None), None)
            newest = later[0].remark
            found[item.pk] = Amended(speaking, None if speaking == newest else newest)
    return found


def _as_shown(item: PaperItem) -> AttemptItem:
    """As an attempt would keep it; unsaved, of no attempt."""
    rng = random.Random(0)  # noqa: S311 - tokens only
    shown, key = item.item_kind.present(item.stem, item.content, item.key, rng=rng, shuffle=False)
    return AttemptItem(question_id=item.question_id, question_version=item.question_version, kind=item.kind, shown=shown, key=key)


# ---- when keys are shown -------------------------------------------------------------------


def running_on(banks: Collection[str], *, person: Person, county: int, at: datetime) -> list[Attempt]:
    """The person's attempts at questions of any of these banks of the county whose time runs. Two queries at most."""
    return [one for one, asked in _running(person, at) if one.quiz.county_id == county and asked & set(banks)]


def banks_sat(person: Person, *, at: datetime) -> set[tuple[int, str]]:
    """(county, bank) of what the person is asked now in exams. Two queries at most."""
    return {(one.quiz.county_id, bank) for one, asked in _running(person, at) if one.sitting_id for bank in asked}


def _running(person: Person, at: datetime) -> list[tuple[Attempt, set[str]]]:
    """Attempts whose time runs, on paper too, each with the banks that its questions may come from; a fixed paper takes them from any."""
    found = Attempt.objects.under_way(at).filter(person=person).select_related("quiz").timed()
    running = [one for one in found if not (one.shuts_at and at >= one.shuts_at)]
    chosen: dict[int | None, set[str]] = {}
    if papers := {one.paper_id for one in running if one.paper_id}:
        for paper, bank in PaperItem.objects.filter(paper__in=papers).values_list("paper", "question__course_code").distinct():
            chosen.setdefault(paper, set()).add(bank)
    return [(one, set(one.quiz.banks) | chosen.get(one.paper_id, set())) for one in running]


def beside_an_exam(quiz: Quiz, *, person: Person, at: datetime) -> Refused | None:
    """Why nobody takes a course quiz while they sit an exam on its bank (its results would be the exam's key): exam_open. Two queries at most."""
    exam = next((one for one in running_on(quiz.banks, person=person, county=quiz.county_id, at=at) if one.sitting_id), None)
    if exam is None:
        return None
    said = _("You are sitting “%(exam)s”, which asks questions of the same bank. Hand it in first.") % {"exam": exam.quiz_title}
    return Refused(said, code="exam_open")


def refuse_who_sits(person: Person, *, at: datetime) -> None:
    """Keep what others answered and what is right from whoever sits an exam now, or may enter one that is open. One query.

    Raises:
        Refused: is_candidate.
    """
    if Sitting.objects.sat_now_by(person, at).exists():
        said = _("You are a candidate of an exam that is open now. Look at this when you have handed it in.")
        raise Refused(said, code="is_candidate")


@dataclass(frozen=True)
class Exam:
    """An exam that somebody sits now, or may enter: the banks (county, course) that it asks of, and when it is over for them; None
    where that is known only when the last of the others has handed in."""

    title: str
    banks: frozenset[tuple[int, str]]
    until: datetime | None

    @property
    def reason(self) -> str:
        """Why its banks are not shown, and until when."""
        words = {"exam": self.title, "banks": "、".join(sorted({bank for _county, bank in self.banks}))}
        why = _("“%(exam)s” asks questions of the bank %(banks)s, and you are one of its candidates.") % words
        if self.until is None:
            return why + _("They are shown to you again when the exam is over for everybody.")
        until = clock.local(self.until).strftime("%Y-%m-%d %H:%M")
        return why + _("They are shown to you again when you have handed it in, or from %(until)s on.") % {"until": until}


def exams_of(person: Person, *, at: datetime) -> list[Exam]:
    """The exams that the person sits now, or may enter. One query where there is none, else three."""
    found = list(Sitting.objects.sat_now_by(person, at).select_related("quiz").timed().order_by("pk"))
    if not found:
        return []
    own = Attempt.objects.under_way(at).filter(person=person, sitting__in=found).timed()
    ends = {one.sitting_id: one.shuts_at for one in own}
    chosen: dict[int, set[str]] = {}
    for sitting, bank in (
        Sitting.papers.through.objects.filter(sitting__in=found).values_list("sitting", "paper__items__question__course_code").distinct()
    ):
        chosen.setdefault(sitting, set()).add(bank)
    return [
        Exam(
            one.title,
            frozenset((one.quiz.county_id, bank) for bank in {*one.quiz.banks, *chosen.get(one.pk, ())}),
            until if (until := ends.get(one.pk) or one.over_at) > at else None,
        )
        for one in found
    ]


def banks_kept_from(person: Person, *, at: datetime) -> set[tuple[int, str]]:
    """(county, bank) of whatever is asked in an exam that the person sits now, or may enter. As many queries as `exams_of`."""
    return {bank for exam in exams_of(person, at=at) for bank in exam.banks}


def refuse_who_sits_on(banks: Iterable[tuple[int, str]], *, person: Person, at: datetime) -> None:
    """Keep questions of these banks (county, course) from whoever sits an exam on one of them now, or may enter it. As many queries
    as `exams_of`; the banks are asked for only where there is an exam.

    Raises:
        Refused: is_candidate, naming the exam and until when.
    """
    exams = exams_of(person, at=at)
    asked = set(banks) if exams else set()
    exam = next((one for one in exams if one.banks & asked), None)
    if exam is not None:
        raise Refused(exam.reason, code="is_candidate")


def wait_for(attempt: Attempt, *, reader: Person, at: datetime) -> str:
    """Why right answers and explanations of an attempt are not shown yet, though its result is; "" when they are.

    They wait while the reader sits an exam or takes a quiz on the same bank, or is yet to sit the very sitting of another's attempt,
    and while another sitting still needs the paper or draws from the same rules: for everybody but those who oversee the attempt and
    do not sit it themselves. Five queries at most.
    """
    running = running_on(attempt.quiz.banks, person=reader, county=attempt.quiz.county_id, at=at)
    if any(one.sitting_id for one in running):
        return _(
            "You are sitting an exam on the same questions. Right answers and explanations are shown again when you have handed it in."
        )
    if running:
        return _("You have a quiz on the same questions open. Right answers and explanations are shown again when you have handed it in.")
    is_own = attempt.person_id == reader.pk
    if not is_own and attempt.sitting_id and Sitting.objects.sat_now_by(reader, at).filter(pk=attempt.sitting_id).exists():
        return _("You are a candidate of this exam, too. Right answers and explanations are shown when you have handed it in.")
    later = _needing(attempt, at)
    if later is None or not (is_own or later.to_be_sat_by(reader, at).exists()):
        return ""
    if later.exists():
        return _("Others still sit this paper. Right answers and explanations are shown when its last sitting is over.")
    return ""


def _needing(attempt: Attempt, at: datetime) -> SittingQuerySet | None:
    """Other sittings, not over, of the paper; of the exam where papers are drawn one by one. None outside sittings."""
    if attempt.sitting_id is None:
        return None
    others = Sitting.objects.still_sat(at).exclude(pk=attempt.sitting_id)
    return others.filter(papers=attempt.paper_id) if attempt.paper_id else others.filter(quiz=attempt.quiz_id, papers=None)
