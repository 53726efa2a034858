"""Marking by people: the queue, a rating, and what follows when an answer is settled."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from core.reconcile import Gap
from people.models import Person
from quizzes import kinds, rules
from quizzes.models import GoneOnPaper, ItemMark, Marking, MarkingTask, Quiz, Rating, Submission
from quizzes.services import keys, marking

CLAIM = timedelta(minutes=30)  # so long an answer that somebody opened is kept from the others


def waiting(user, quiz: Quiz | None = None) -> QuerySet[MarkingTask]:
    """Answers that this person could mark now: open, not one's own, not rated by oneself. Question by question."""
    rows = MarkingTask.objects.visible_to(user).waiting().exclude(ratings__marker=user)
    if quiz is not None:
        rows = rows.filter(submission__attempt__quiz=quiz)
    return rows.order_by("item__question", "pk")


def marked_by(user) -> QuerySet[Rating]:
    """What this person marked, the newest first: a slip is found again here."""
    own = Rating.objects.filter(marker=user, task__in=MarkingTask.objects.visible_to(user))
    return own.select_related("task__submission__attempt").order_by("-at", "-pk")  # by `at`: PostgreSQL would read all markers' by number


def overview(user) -> list[dict]:
    """For each quiz with answers to mark: how many are open, settled, and in dispute (a third marker is asked). One query."""
    rows = (
        MarkingTask.objects.visible_to(user)
        .annotate(all_gave=Exists(Rating.objects.filter(task=OuterRef("pk"), stage=OuterRef("markers"))))
        .values("submission__attempt__quiz", "submission__attempt__quiz__title")
        .annotate(
            open=Count("pk", filter=Q(settled_at=None)),
            settled=Count("pk", filter=Q(settled_at__isnull=False)),
            disputed=Count("pk", filter=Q(settled_at=None, all_gave=True)),
        )
        .order_by("submission__attempt__quiz__title")
    )
    return [
        {
            "quiz": row["submission__attempt__quiz"],
            "title": row["submission__attempt__quiz__title"],
            **{name: row[name] for name in ("open", "settled", "disputed")},
        }
        for row in rows
    ]


@transaction.atomic
def claim(*, marker: Person, at: datetime, quiz: Quiz | None = None) -> MarkingTask | None:
    """The next answer for this marker, kept from others for half an hour; None when nothing is left.

    What one has open already comes first. Locks the row that it takes and waits for none.
    """
    free = Q(claimed_by=None) | Q(claimed_until__lte=at) | Q(claimed_by=marker)
    rows = waiting(marker, quiz).filter(free).order_by("item__question", "pk")
    mine = rows.filter(claimed_by=marker, claimed_until__gt=at)
    for wanted in (mine, rows):
        found = MarkingTask.objects.select_for_update(
            no_key=True, of=("self",), skip_locked=connection.features.has_select_for_update_skip_locked
        ).filter(free, pk__in=wanted.values("pk")[:50])  # `free` once more: of the row as it is when it is locked
        task = found.order_by("item__question", "pk").first()
        if task is not None:
            task.claimed_by, task.claimed_until = marker, at + CLAIM
            task.save(update_fields=["claimed_by", "claimed_until"])
            return task
    return None


@dataclass(frozen=True)
class Rated:
    """What a rating led to: settled, or another marker is asked."""

    rating: Rating
    is_settled: bool


@transaction.atomic
def rate(*, task: MarkingTask, marker: Person, points: Sequence[Decimal], comment: str = "", at: datetime) -> Rated:
    """Write what a marker gives: points for each criterion of the rubric, or a percentage where there is none.

    Locks the submission. When the markers that are asked for agree within the quiz's difference, the
    mean of their shares stands; else a third is asked, whose share stands. When the last open answer
    of a submission is settled its marking is completed, and a pass is told to the course.

    Raises:
        Refused: settled, own_paper, twice, bad_points.
    """
    submission = Submission.objects.select_for_update(no_key=True, of=("self",)).get(pk=task.submission_id)
    task = MarkingTask.objects.select_related("item", "submission__attempt__quiz").get(pk=task.pk)
    attempt = task.submission.attempt
    if attempt.person_id == marker.pk:
        raise Refused(_("Nobody marks their own paper."), code="own_paper")
    if task.settled_at is not None:
        raise Refused(_("This answer has been settled meanwhile: your points were not needed any more."), code="settled")
    ratings = list(task.ratings.order_by("stage"))
    if any(rating.marker_id == marker.pk for rating in ratings):
        raise Refused(_("You have marked this answer: the other marker has to be somebody else."), code="twice")
    most = [Fraction(criterion["points"]) for criterion in criteria_of(task_text(task))]
    share = share_of(most, points)
    rating = Rating.objects.create(
        task=task,
        marker=marker,
        stage=len(ratings) + 1,
        points=[str(point) for point in points],
        fraction=rules.stored(share),
        comment=comment.strip()[:1000],
        at=at,
    )
    # Of the points as they were given: what is stored of a share is rounded, and two who agree would differ by it.
    shares = [share_of(most, [Decimal(point) for point in one.points]) for one in ratings] + [share]
    settled = rules.settled(shares, markers=task.markers, difference=Fraction(attempt.quiz.rating_difference, 100))
    task.claimed_by = task.claimed_until = None
    if settled is not None:
        task.fraction, task.settled_at = rules.kept(settled), at
    task.save(update_fields=["claimed_by", "claimed_until", "fraction", "settled_at"])
    if settled is not None:
        complete(submission=submission, at=at)
    return Rated(rating, settled is not None)


def share_of(most: Sequence[Fraction], points: Sequence[Decimal]) -> Fraction:
    """The share that these points are. Raises: Refused (bad_points)."""
    given = [Fraction(point) for point in points]
    if len(given) != len(most) or any(not 0 <= one <= top for one, top in zip(given, most, strict=False)):
        raise Refused(_("Give each criterion between 0 and its points."), code="bad_points")
    return sum(given, start=Fraction(0)) / sum(most)


def task_text(task: MarkingTask) -> kinds.ForPerson:
    """What the marker sees: the question, the answer, the sample and the rubric. Nothing says whose it is. Two queries."""
    item = task.item
    marks = ItemMark.objects.filter(item=item, marking__superseded_by=None).select_related("answer")
    answer = marks.get().answer
    response = answer.response if answer else None
    return next(one for one in item.item_kind.for_person(item.shown, item.key, response) if one.part == task.part)


@transaction.atomic
def complete(*, submission: Submission, at: datetime) -> Marking | None:
    """Supersede a partial marking when nothing of it is left open; None while something is. Running it twice changes nothing.

    Parts that the machine marks are marked with the key that stands now: a re-marking may have mended it meanwhile, or given
    everybody full marks.
    """
    current = Marking.objects.current().select_related("submission__attempt").get(submission=submission)
    if current.is_complete or submission.cause == Submission.Cause.PAPER:  # of these a second person decides
        return None
    if GoneOnPaper.objects.filter(attempt=submission.attempt_id).exists():  # marks of the sheet take its place
        return None
    marks = list(current.marks.select_related("item", "answer"))
    opened = [mark.item for mark in marks if mark.fraction is None]
    standing = keys.standing(opened)
    spare([item.pk for item in opened if standing[item.pk].is_given], at=at)
    if MarkingTask.objects.filter(submission=submission).waiting().exists():
        return None
    settled = marking.settled_shares(item.pk for item in opened)
    marked = []
    for mark in marks:
        if mark.fraction is None:
            response = mark.answer.response if mark.answer else None
            stands, rated = standing[mark.item_id], settled.get(mark.item_id, {})
            share = Fraction(1) if stands.is_given else marking.joined(mark.item.kind, stands.key, response, rated)
            marked.append(marking.Marked(mark.item, mark.answer, share))
        else:
            marked.append(marking.Marked(mark.item, mark.answer, Fraction(mark.fraction), mark.earned))
    made = marking.append(current.submission, marked, cause=Marking.Cause.PERSON, at=at, supersedes=current)
    audit.record(current.submission.attempt.quiz, "quizzes.marked_by_people", attempt=current.submission.attempt_id)
    return made


def spare(items: Collection[int], *, at: datetime) -> None:
    """Take these items from the queue: everybody is given full marks for them, so nobody has to mark them any more."""
    if items:
        waiting = MarkingTask.objects.filter(item__in=items).waiting()
        waiting.update(fraction=Decimal(1), settled_at=at, claimed_by=None, claimed_until=None)


def tasks_of(submission: Submission) -> list[MarkingTask]:
    """What people had to mark of a paper. Three queries; one where nobody had to."""
    return list(MarkingTask.objects.filter(submission=submission).with_ratings())


def comments(tasks: Iterable[MarkingTask]) -> dict[int, list[str]]:
    """What those markers wrote for the learner whose rating stands, by item id. No query for tasks that came `with_ratings()`."""
    found: dict[int, list[str]] = {}
    for task in tasks:
        found.setdefault(task.item_id, []).extend(rating.comment for rating in task.standing_ratings if rating.comment)
    return found


def texts(marks: Iterable[ItemMark]) -> dict[tuple[int, int], kinds.ForPerson]:
    """What people marked, by item id and part, as it was frozen into the paper. No query for marks with their item and answer."""
    return {
        (mark.item_id, one.part): one
        for mark in marks
        if mark.answer
        for one in mark.item.item_kind.for_person(mark.item.shown, mark.item.key, mark.answer.response)
    }


def criteria_of(text: kinds.ForPerson) -> list[dict]:
    """By what it is marked: the rubric, without one a percentage."""
    return text.rubric or [{"name": _("Share of the full marks in percent"), "points": "100", "levels": []}]


def given(tasks: Iterable[MarkingTask], marks: Iterable[ItemMark]) -> dict[int, dict[int, kinds.Given]]:
    """What each criterion earned, by item id and part; absent where no rating and no correction stands. No query, as above."""
    marked = texts(marks)
    found: dict[int, dict[int, kinds.Given]] = {}
    for task in tasks:
        text, points = marked.get((task.item_id, task.part)), task.standing_points
        if text is not None and points and task.fraction is not None:
            made = kinds.Given(criteria_of(text), points, rules.restored(task.fraction))
            found.setdefault(task.item_id, {})[task.part] = made
    return found


def unfinished_gaps(at: datetime) -> list[Gap]:
    """Submissions whose answers are all settled and whose marking is still partial (a crash between the two)."""
    done = (
        Marking.objects.current()
        .filter(is_complete=False, submission__attempt__gone_on_paper=None)
        .exclude(submission__cause=Submission.Cause.PAPER)
        .exclude(submission__marking_tasks__settled_at=None)
        .select_related("submission")
        .order_by("pk")[:1000]
    )
    return [Gap(f"marking {m.pk} can be completed", partial(complete, submission=m.submission, at=at)) for m in done]
