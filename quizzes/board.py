"""What an invigilator sees of a sitting: who is in, who is silent, who has not come.

Reads only. The number of queries depends neither on candidates nor on answers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.db.models.enums import TextChoices
from django.db.models.functions import Length
from django.utils.translation import gettext_lazy as _

from quizzes.models import Answer, Attempt, AttemptItem, Candidate, Incident, Sitting, Submission
from quizzes.services.attempts import is_overdue

SILENT_AFTER = timedelta(seconds=60)
LINES_A_PAGE = 60
NO_ROOM = "-"


class State(TextChoices):
    """Where somebody stands, those first whom an invigilator should look at."""

    SILENT = "silent", _("Silent")
    UNSAVED = "unsaved", _("Answers not saved yet")
    ABSENT = "absent", _("Not come yet")
    WORKING = "working", _("Answering")
    PAPER = "paper", _("Goes on on paper")
    DONE = "done", _("Handed in")


RANK = {state: rank for rank, state in enumerate(State)}


@dataclass
class Line:
    """One person on the board."""

    person: int
    name: str
    number: str
    room: str
    seat: str
    state: State
    is_listed: bool = True
    attempt: Attempt | None = None  # the newest in this sitting
    tries: int = 0  # attempts in this sitting
    silent_for: timedelta = timedelta(0)
    unacknowledged: int = 0
    left: timedelta | None = None  # until the person's own end
    answered: int = 0
    questions: int = 0
    incidents: dict[str, int] = field(default_factory=dict)  # how often each kind was noted

    def is_in(self, state: State) -> bool:
        """Whether the line counts under this state: answers not saved yet are told of whoever has some, also of who is silent."""
        return self.unacknowledged > 0 if state == State.UNSAVED else self.state == state

    @property
    def is_sheet(self) -> bool:
        """Whether it was written by hand from the first question on: there are no answers to count, and no moment of handing in."""
        return self.state == State.DONE and getattr(getattr(self.attempt, "submission", None), "cause", "") == Submission.Cause.PAPER

    @property
    def noted(self) -> list[tuple[str, int]]:
        """What was noted, in words, with how often; coming back is the other half of leaving."""
        return [(str(Incident.Kind(kind).label), n) for kind, n in sorted(self.incidents.items()) if kind != Incident.Kind.RETURNED]

    @property
    def order(self) -> tuple:
        """Trouble first: by state, the longest silence, the most that was noted; then by place."""
        noted = sum(n for kind, n in self.incidents.items() if kind != Incident.Kind.RETURNED)
        return (
            RANK[self.state],
            -self.silent_for,
            -self.unacknowledged,
            -noted,
            len(self.room),
            self.room,
            len(self.seat),
            self.seat,
            self.number,
        )


@dataclass(frozen=True)
class Board:
    """One page of lines, and the figures over everybody in the chosen room. Who is silent with answers not saved counts under both."""

    page: Page
    numbers: dict[State, int]
    everybody: int
    at: datetime


def of(sitting: Sitting, *, at: datetime, room: str = "", state: str = "", page: str | int | None = 1) -> Board:
    """The board at an instant. `room` "" is all, NO_ROOM those without one. Five queries."""
    lines = sorted(_lines(sitting, room, at), key=lambda line: line.order)
    numbers = {each: sum(line.is_in(each) for line in lines) for each in State}
    shown = [line for line in lines if line.is_in(State(state))] if state in State.values else lines
    found = Paginator(shown, LINES_A_PAGE).get_page(page)
    _count_answers(found)
    return Board(found, numbers, len(lines), at)


def rooms_of(sitting: Sitting) -> list[tuple[str, int]]:
    """Each room with how many are to sit there; "" for those without one. One query."""
    return list(Candidate.objects.filter(sitting=sitting).order_by(Length("room"), "room").values_list("room").annotate(people=Count("pk")))


def _lines(sitting: Sitting, room: str, at: datetime) -> list[Line]:
    in_room = Q(room="" if room == NO_ROOM else room) if room else Q()
    listed = Candidate.objects.filter(in_room, sitting=sitting)
    tried = Attempt.objects.filter(sitting=sitting).timed().select_related("submission", "gone_on_paper", "presence").in_order()
    if room:
        tried = tried.filter(person__in=listed.values("person"))
    newest = {attempt.person_id: attempt for attempt in tried}
    tries = Counter(attempt.person_id for attempt in tried)
    incidents: dict[int, dict[str, int]] = defaultdict(dict)
    noted = (
        Incident.objects.filter(attempt__in=tried.order_by().values("pk")) if room else Incident.objects.filter(attempt__sitting=sitting)
    )
    for attempt, kind, count in noted.order_by().values_list("attempt", "kind").annotate(n=Count("pk")):
        incidents[attempt][kind] = count
    lines = [
        _line(Line(person, name, number, at_room, seat, State.ABSENT), newest.pop(person, None), incidents, at)
        for person, name, number, at_room, seat in listed.values_list("person", "person__name", "person__employee_number", "room", "seat")
    ]
    for attempt in newest.values():  # they entered without being on the list
        line = Line(attempt.person_id, attempt.person_name, attempt.employee_number, "", "", State.ABSENT, is_listed=False)
        lines.append(_line(line, attempt, incidents, at))
    for line in lines:
        line.tries = tries[line.person]
    return lines


def _line(line: Line, attempt: Attempt | None, incidents: dict[int, dict[str, int]], at: datetime) -> Line:
    if attempt is None:
        return line
    line.attempt, line.incidents = attempt, incidents.get(attempt.pk, {})
    if hasattr(attempt, "gone_on_paper"):
        line.state = State.PAPER
        return line
    if hasattr(attempt, "submission") or is_overdue(attempt, at):
        line.state = State.DONE
        return line
    line.left = max(attempt.due_at - at, timedelta(0)) if attempt.due_at else None
    presence = getattr(attempt, "presence", None)
    silence = at - (presence.seen_at if presence else attempt.started_at)
    line.unacknowledged = presence.unacknowledged if presence else 0
    if silence > SILENT_AFTER:
        line.state, line.silent_for = State.SILENT, silence
    else:
        line.state = State.UNSAVED if line.unacknowledged else State.WORKING
    return line


def _count_answers(lines: Iterable[Line]) -> None:
    """How many questions of each paper have an answer. Two queries."""
    of_attempt = {line.attempt.pk: line for line in lines if line.attempt}
    asked = AttemptItem.objects.filter(attempt__in=of_attempt).order_by().values_list("attempt").annotate(n=Count("pk"))
    for attempt, count in asked:
        of_attempt[attempt].questions = count
    stands: dict[tuple[int, int], bool] = {}
    acts = Answer.objects.filter(attempt__in=of_attempt).annotate(says=ExpressionWrapper(Q(response__isnull=False), BooleanField()))
    for attempt, item, says in acts.order_by("attempt", "seq").values_list("attempt", "item", "says"):
        stands[(attempt, item)] = says
    for (attempt, _item), is_answered in stands.items():
        of_attempt[attempt].answered += is_answered
