"""Papers made before an exam: parallel ones from the blueprint, fixed ones by hand, sealed by two persons."""

import hashlib
import random
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Prefetch
from django.utils.translation import gettext as _
from wagtail.log_actions import registry

from core import audit
from core.errors import Refused
from people.models import Person
from quizzes.models import Attempt, Paper, PaperItem, Question, Quiz, Seal, Sitting
from quizzes.models.papers import SEALS
from quizzes.permissions import is_author
from quizzes.services import papers

MOST_PAPERS = 20
MOST_ITEMS = 200


@transaction.atomic
def make_parallel(*, quiz: Quiz, count: int, by: Person, at: datetime, may_starve: bool = False) -> list[Paper]:
    """Solve the blueprint into so many papers that share no question and are as hard as each other.

    What stands on them is kept out of course quizzes. Unless `may_starve`, nothing is made where one of
    these would then have too few questions.

    Raises:
        Refused: bad_count (1 to 20), no_draws, bank_cannot_serve (naming what is missing for all of them), starves.
    """
    served = _served(quiz, set(quiz.banks))
    _hold(quiz)
    if not 1 <= count <= MOST_PAPERS:
        raise Refused(_("Between 1 and %(most)d papers can be made at once.") % {"most": MOST_PAPERS}, code="bad_count")
    seed = secrets.token_hex(16)
    rng = random.Random(seed)  # noqa: S311 - the seed is secret and random
    made = []
    for drawn in papers.draw_parallel(quiz, count, rng=rng):
        if quiz.shuffle_questions:
            rng.shuffle(drawn)
        made.append(_write(quiz, [(candidate.id, rule.points) for candidate, rule in drawn], by=by, at=at))
    _refuse_to_starve(served, may_starve)
    return made


def _served(exam: Quiz, banks: set[str]) -> list[Quiz]:
    """The course quizzes of the county that these banks serve now."""
    others = Quiz.objects.filter(county=exam.county_id, is_exam=False).order_by("key")
    return [quiz for quiz in others if set(quiz.banks) & banks and quiz.draws.exists() and not papers.missing_for(quiz)]


def _refuse_to_starve(served: list[Quiz], may_starve: bool) -> None:
    starved = [(quiz, lacks) for quiz in served if not may_starve and (lacks := papers.missing_for(quiz))]
    if starved:
        lines = "；".join(_("“%(quiz)s”: %(lacks)s") % {"quiz": quiz.title, "lacks": "、".join(lacks)} for quiz, lacks in starved)
        raise Refused(
            _("Nothing was made: these questions would be kept out of course quizzes, and nobody could take %(quizzes)s any more.")
            % {"quizzes": lines},
            code="starves",
        )


@transaction.atomic
def make_fixed(*, quiz: Quiz, chosen: Sequence[tuple[str, Decimal]], by: Person, at: datetime, may_starve: bool = False) -> Paper:
    """A paper of these questions (by code) for so many points each, in this order.

    Raises:
        Refused: bad_choice, naming codes that are unknown, doubled, not in use, or at the exam's ceiling of uses;
            points that are not above 0. starves, as `make_parallel`.
    """
    codes = [code for code, _points in chosen]
    if not 1 <= len(codes) <= MOST_ITEMS:
        raise Refused(_("A paper has between 1 and %(most)d questions.") % {"most": MOST_ITEMS}, code="bad_choice")
    doubled = sorted({code for code in codes if codes.count(code) > 1})
    if doubled:
        raise Refused(_("Named twice: %(codes)s.") % {"codes": "、".join(doubled)}, code="bad_choice")
    if any(points <= 0 for _code, points in chosen):
        raise Refused(_("Every question needs points above 0."), code="bad_choice")
    _hold(quiz)
    found = Question.objects.drawable().filter(county=quiz.county_id, code__in=codes).values_list("code", "pk", "course_code")
    known, served = {code: pk for code, pk, _bank in found}, _served(quiz, {bank for _code, _pk, bank in found})
    missing = [code for code in codes if code not in known]
    if missing:
        raise Refused(_("Not in the county's bank, or not in use: %(codes)s.") % {"codes": "、".join(missing)}, code="bad_choice")
    exhausted = papers.used_up_of(quiz, known.values())
    spent = [code for code in codes if known[code] in exhausted]
    if spent:
        raise Refused(
            _("Used %(most)d times already, papers that wait included, as often as this exam allows: %(codes)s.")
            % {"most": quiz.most_uses, "codes": "、".join(spent)},
            code="bad_choice",
        )
    made = _write(quiz, [(known[code], points) for code, points in chosen], by=by, at=at)
    _refuse_to_starve(served, may_starve)
    return made


def _hold(quiz: Quiz) -> None:
    """Lock the quizzes of the county: papers are made one after the other, so that each sees what the others used."""
    list(Quiz.objects.select_for_update(no_key=True, of=("self",)).filter(county=quiz.county_id).order_by("pk"))


def _write(quiz: Quiz, chosen: list[tuple[int, Decimal]], *, by: Person, at: datetime) -> Paper:
    paper = Paper.objects.create(quiz=quiz, label=_next_label(quiz), made_by=by, made_at=at)
    questions = Question.objects.in_bulk([pk for pk, _points in chosen])
    PaperItem.objects.bulk_create(
        PaperItem(paper=paper, position=position, points=points, question=questions[pk], **papers.copied(questions[pk]))
        for position, (pk, points) in enumerate(chosen, start=1)
    )
    audit.record(quiz, "quizzes.paper_made", by=by, paper=paper.label, questions=len(chosen))
    return paper


def _next_label(quiz: Quiz) -> str:
    """A, B, …, Z, AA, AB, …: the one after the last that was ever given, so that traces of a paper thrown away name no other. Two queries."""
    traces = registry.get_logs_for_instance(quiz).filter(action="quizzes.paper_made").values_list("data", flat=True)
    given = {*quiz.papers.values_list("label", flat=True), *(trace["paper"] for trace in traces)}
    number = max(map(_place, given), default=0) + 1
    label = ""
    while number:
        number, letter = divmod(number - 1, 26)
        label = chr(ord("A") + letter) + label
    return label


def _place(label: str) -> int:
    """Which of the labels this is: A is 1, AA is 27."""
    place = 0
    for letter in label:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place


@transaction.atomic
def refresh(*, paper: Paper, by: Person, at: datetime) -> int:
    """Take the questions as they are in the bank now; how many had changed. Seals over the old ones no longer count.

    Raises:
        Refused: sat_already, handed_out (a published sitting of it has opened: some may be writing on paper).
    """
    paper = Paper.objects.select_for_update(of=("self",), no_key=True).get(pk=paper.pk)
    if paper.sittings.filter(is_draft=False, opens_at__lte=at).exists():
        raise Refused(_("This paper was handed out in a sitting: it stays as it is."), code="handed_out")
    if paper.attempts.exists():
        raise Refused(_("Somebody has sat this paper: it stays as it is."), code="sat_already")
    changed = []
    for item in paper.items.select_related("question"):
        if item.question_version != item.question.version:
            for name, value in papers.copied(item.question).items():
                setattr(item, name, value)
            changed.append(item)
    PaperItem.objects.bulk_update(changed, ["question_version", "kind", "stem", "content", "key", "explanation", "source"])
    if changed:
        audit.record(paper.quiz, "quizzes.paper_refreshed", by=by, paper=paper.label, changed=len(changed))
    return len(changed)


@transaction.atomic
def discard(*, paper: Paper, by: Person) -> None:
    """Throw away a paper that nobody sealed and no sitting uses.

    Raises:
        Refused: in_use.
    """
    paper = Paper.objects.select_for_update(of=("self",)).get(pk=paper.pk)
    if paper.seals.exists() or paper.sittings.exists() or paper.attempts.exists():
        raise Refused(_("This paper is sealed or belongs to a sitting: it stays."), code="in_use")
    audit.record(paper.quiz, "quizzes.paper_discarded", by=by, paper=paper.label)
    paper.delete()


@transaction.atomic
def withdraw(*, paper: Paper, by: Person, at: datetime) -> None:
    """Hand this paper out no more: its questions may serve course quizzes again. What was sat stays as it was. Twice is once.

    Raises:
        Refused: in_use (a sitting that is not over for everybody uses it).
    """
    paper = Paper.objects.select_for_update(of=("self",), no_key=True).get(pk=paper.pk)
    if paper.withdrawn_at is not None:
        return
    coming = paper.sittings.unfinished(at).first()
    if coming is not None:
        raise Refused(_("“%(sitting)s” uses this paper and is not over.") % {"sitting": coming.title}, code="in_use")
    paper.withdrawn_at = at
    paper.save(update_fields=["withdrawn_at"])
    audit.record(paper.quiz, "quizzes.paper_withdrawn", by=by, paper=paper.label)


@transaction.atomic
def seal(*, paper: Paper, digest: str, by: Person, at: datetime) -> Seal:
    """Stand behind the paper that one has looked at: `digest` is that of the page one saw. Two persons seal a paper.

    Raises:
        Refused: not_theirs, changed (it is another paper by now), is_candidate (of a sitting that uses it), twice.
    """
    paper = Paper.objects.select_for_update(of=("self",), no_key=True).select_related("quiz").get(pk=paper.pk)
    if not (is_author(by) and Paper.objects.visible_to(by).filter(pk=paper.pk).exists()):
        raise Refused(_("A paper is sealed by those who work on the county's bank."), code="not_theirs")
    if paper.digest() != digest:
        raise Refused(_("The paper changed since you looked at it. Look at it again before you seal it."), code="changed")
    sitting = paper.sittings.filter(candidates__person=by).first()
    if sitting is not None:
        raise Refused(_("You are a candidate of “%(sitting)s”, which uses this paper.") % {"sitting": sitting.title}, code="is_candidate")
    if paper.seals.filter(by=by, digest=digest).exists():
        raise Refused(_("You have sealed this paper: the second seal is somebody else's."), code="twice")
    made = Seal.objects.create(paper=paper, digest=digest, by=by, at=at)
    audit.record(paper.quiz, "quizzes.paper_sealed", by=by, paper=paper.label, digest=digest[:16])
    return made


def sat_by(paper: Paper, person: Person, *, at: datetime) -> Sitting | None:
    """The sitting that is not over, uses the paper, and lists the person or is sat by them: until then it is not for their eyes. One query."""
    return paper.sittings.to_be_sat_by(person, at).first()


def of_quiz(quiz: Quiz) -> list[Paper]:
    """The quiz's papers with items and seals. Four queries."""
    return list(quiz.papers.with_seals().prefetch_related("items", "sittings"))


def sealed_for(quizzes: Iterable[Quiz]) -> list[Paper]:
    """The papers of these quizzes that two persons sealed as they are now. Three queries and one."""
    twice = (
        Paper.objects.filter(quiz__in=quizzes, withdrawn_at=None)
        .annotate(sealers=Count("seals__by", distinct=True))
        .filter(sealers__gte=SEALS)
    )
    found = twice.select_related("quiz").prefetch_related("seals", "items").order_by("quiz__title", "label")
    return [paper for paper in found if paper.is_sealed]


def unsealed_of(sitting: Sitting) -> list[str]:
    """The labels of those of the sitting's papers that lack a seal."""
    return [paper.label for paper in papers_of(sitting) if not paper.is_sealed]


def papers_of(sitting: Sitting) -> list[Paper]:
    """The papers of a sitting with their items and seals. Three queries."""
    return list(
        sitting.papers.select_related("quiz")
        .prefetch_related("seals", Prefetch("items", PaperItem.objects.order_by("position")))
        .order_by("label")
    )


def sealed_of(sitting: Sitting) -> list[Paper]:
    """The papers of a sitting, all of them sealed.

    Raises:
        Refused: not_sealed.
    """
    found = papers_of(sitting)
    unsealed = [paper.label for paper in found if not paper.is_sealed]
    if unsealed:
        raise Refused(
            _("Not sealed by two persons: paper %(labels)s. Tell the county's HR.") % {"labels": "、".join(unsealed)}, code="not_sealed"
        )
    return found


def insiders_of(sitting: Sitting) -> set[int]:
    """Persons (by id) who made or sealed one of the sitting's papers, in whatever state it was then. Two queries."""
    makers = set(sitting.papers.values_list("made_by", flat=True))
    return makers | set(Seal.objects.filter(paper__sittings=sitting).values_list("by", flat=True))


def paper_for(sitting: Sitting, person: Person) -> Paper | None:
    """Which of the sitting's papers somebody gets now: spread evenly, and with another attempt another paper.

    None when papers are drawn one by one.

    Raises:
        Refused: not_sealed, knows_papers (the person made or sealed one of them).
    """
    found = sealed_of(sitting)
    if not found:
        return None
    if any(person.pk == paper.made_by_id or person.pk in {seal.by_id for seal in paper.seals.all()} for paper in found):
        raise Refused(
            _("You made or sealed a paper of this sitting, so you cannot sit it. Tell the county's HR."),
            code="knows_papers",
        )
    return found[_turn(sitting, person, len(found))]


def questions_for(sitting: Sitting, person: Person) -> int:
    """How many questions the person will get: of their paper, or of the blueprint. Two queries at most."""
    counts = list(sitting.papers.order_by("label").annotate(questions=Count("items")).values_list("questions", flat=True))
    return counts[_turn(sitting, person, len(counts))] if counts else sum(draw.count for draw in papers.draws_of(sitting.quiz))


def _turn(sitting: Sitting, person: Person, several: int) -> int:
    """Which of several papers: by chance that anybody can repeat, and with each further attempt the next one. One query."""
    earlier = Attempt.objects.filter(sitting=sitting, person=person.pk, paper__isnull=False).count() if several > 1 else 0
    digest = hashlib.sha256(f"paper:{sitting.pk}:{person.pk}".encode()).digest()
    return (int.from_bytes(digest[:4], "big") + earlier) % several
