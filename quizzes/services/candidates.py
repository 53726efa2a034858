"""Who sits an exam, in which room and on which seat: lists that are looked at before they are written."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, count, islice
from typing import Any, BinaryIO

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext as _

from core import audit, clock, tables
from core.errors import Refused, RefusedRows, RowError
from core.text import squeeze
from courses.models import Completion, Course, Enrolment
from people.models import Person, Posting, Unit
from people.services.roles import GONE
from quizzes import rules
from quizzes.models import Attempt, Candidate, Sitting
from quizzes.services import exam_papers, sittings

NUMBER, ROOM, SEAT = "工号", "考场", "座位"
MOST_ROWS = 20_000
LONGEST_ROOM = Candidate._meta.get_field("room").max_length or 0
LONGEST_SEAT = Candidate._meta.get_field("seat").max_length or 0
_DIVIDERS = re.compile(r"[\t,，;；、]|\s+")


# ---- what was handed in --------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of a list: where it stands, whom it names, and the place; an empty place changes nothing."""

    line: int
    number: str
    room: str = ""
    seat: str = ""


def rows_of_text(text: str) -> list[Row]:
    """One person a line: employee number, then room and seat where wanted, divided by tab, comma or blank.

    Raises:
        Refused: too_many_rows.
    """
    rows = []
    for line, content in enumerate(text.splitlines(), start=1):
        cells = [squeeze(cell) for cell in content.split("\t")]
        if len(cells) == 1:
            cells = [squeeze(cell) for cell in _DIVIDERS.split(content.strip())]
        if any(cells) and cells[0] != NUMBER:
            rows.append(Row(line, *[*cells, "", ""][:3]))
    return _bounded(rows)


def rows_of_file(file: BinaryIO, *, name: str) -> list[Row]:
    """The rows of an xlsx or CSV file with a column 工号 and, where wanted, 考场 and 座位.

    Raises:
        Refused: as `core.tables` says; no_header; too_many_rows.
    """
    missing: Refused | None = None
    for sheet in tables.read(file, name=name):
        try:
            _header, found = sheet.rows([NUMBER])
        except Refused as refusal:
            missing = missing or refusal
            continue
        return _bounded([Row(row.number, row.text(NUMBER), row.text(ROOM), row.text(SEAT)) for row in found])
    raise missing or Refused(_("The file is empty."), code="empty")


def rows_of_people(people: Iterable[Person]) -> list[Row]:
    """A row for each person, without a place."""
    return _bounded([Row(line, person.employee_number) for line, person in enumerate(people, start=1)])


def as_text(rows: Iterable[Row]) -> str:
    """The rows as `rows_of_text` reads them, line by line where they stood."""
    lines: list[str] = []
    for row in rows:
        lines += [""] * (row.line - 1 - len(lines))
        lines.append("\t".join([row.number, row.room, row.seat]))
    return "\n".join(lines)


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise Refused(_("At most %(limit)d people are taken at once.") % {"limit": MOST_ROWS}, code="too_many_rows")
    return rows


def serving_in(sitting: Sitting, *, unit: Unit | None = None, duties: Iterable[str] = ()) -> list[Person]:
    """Those on duty in the sitting's county, in this unit and below it, with one of these duties where any is given."""
    people = Person.objects.serving().within(unit or sitting.quiz.county).within(sitting.quiz.county)
    duties = list(duties)
    if duties:
        people = people.having_duty(*duties)
    return list(people.order_by("unit__path", "employee_number"))


def enrolled_in(sitting: Sitting, course: Course, *, only_open: bool) -> list[Person]:
    """Those on duty in the sitting's county who are enrolled in the course; `only_open`: and have not completed it."""
    enrolled = Enrolment.objects.filter(course=course)
    if only_open:
        enrolled = enrolled.filter(completion__isnull=True)
    people = Person.objects.serving().within(sitting.quiz.county).filter(pk__in=enrolled.values("person"))
    return list(people.order_by("unit__path", "employee_number"))


# ---- the plan ------------------------------------------------------------------------------


@dataclass
class Plan:
    """What a list would change. Nothing is written by making it."""

    new: list[Candidate] = field(default_factory=list)
    moved: list[tuple[Candidate, str, str]] = field(default_factory=list)  # with the room and the seat that they leave
    standing: int = 0
    errors: list[RowError] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.new and not self.moved

    @property
    def digest(self) -> str:
        """Says whether the plan is still the one that was looked at."""
        what: list[tuple] = [(c.person_id, c.room, c.seat) for c in self.new]
        what += [(c.person_id, c.room, c.seat, *left) for c, *left in self.moved]  # whence too: a colleague may have moved them meanwhile
        return hashlib.sha256(repr((what, [str(error) for error in self.errors])).encode()).hexdigest()[:24]


def plan(*, sitting: Sitting, rows: Iterable[Row], was_sat: bool = False) -> Plan:
    """What these rows would change in the sitting's list; `was_sat`: also of who served in the county on its day and has moved or left
    since. Eight queries, however many rows.
    """
    rows = list(rows)
    made = Plan()
    listed = {candidate.person_id: candidate for candidate in Candidate.objects.filter(sitting=sitting).select_related("person__unit")}
    asked = _asked(sitting, rows, made.errors, was_sat)
    _drop_double_seats(asked, listed, made.errors)
    for person, row in asked.values():
        candidate = listed.get(person.pk)
        if candidate is None:
            made.new.append(Candidate(sitting=sitting, person=person, room=row.room, seat=row.seat))
            continue
        was, place = (candidate.room, candidate.seat), _place(candidate, row)
        if was == place:
            made.standing += 1
        else:
            candidate.room, candidate.seat = place
            made.moved.append((candidate, *was))
    made.errors.sort(key=lambda error: error.row)
    return made


def _asked(sitting: Sitting, rows: list[Row], errors: list[RowError], was_sat: bool) -> dict[int, tuple[Person, Row]]:
    """The rows that name somebody who may be on the list, by person; what is wrong with the others goes to `errors`."""
    numbers = {number for row in rows for number in (row.number, row.number.upper())}
    county = sitting.quiz.county
    then = Posting.objects.lasting(clock.today(sitting.opens_at)).filter(is_main=True, unit__path__startswith=county.path)
    served = Exists(then.filter(person=OuterRef("pk"))) if was_sat else Value(False)
    everyone = Person.objects.annotate(served_then=served).filter(Q(unit__path__startswith=county.path) | Q(served_then=True))
    people = {person.employee_number: person for person in everyone.filter(employee_number__in=numbers).select_related("unit")}
    watching = set(sitting.invigilators.values_list("pk", flat=True))
    insiders = exam_papers.insiders_of(sitting)
    elsewhere = {c.person_id: c.sitting.title for c in sittings.sitting_elsewhere(sitting, [person.pk for person in people.values()])}
    asked: dict[int, tuple[Person, Row]] = {}
    for row in rows:
        person = people.get(row.number) or people.get(row.number.upper())
        where = NUMBER
        if failed := next(((name, cell) for name, cell in ((ROOM, row.room), (SEAT, row.seat)) if tables.is_failed(cell)), None):
            where, wrong = failed[0], _("The formula of this cell gave no value: %(value)s") % {"value": failed[1][:60]}
        elif person is None:
            wrong = _("Nobody in this county has the number “%(number)s”.") % {"number": row.number[:40]}
        elif person.pk in asked:
            wrong = _("%(name)s stands in row %(row)d already.") % {"name": person.name, "row": asked[person.pk][1].line}
        elif (person.status in GONE or not person.is_active) and not person.served_then:
            wrong = _("%(name)s may not sign in.") % {"name": person.name}
        elif person.pk in watching:
            wrong = _("%(name)s is an invigilator of this sitting.") % {"name": person.name}
        elif person.pk in insiders:
            wrong = _("%(name)s made or sealed a paper of this sitting.") % {"name": person.name}
        elif person.pk in elsewhere:
            wrong = _("%(name)s sits “%(sitting)s” at the same time.") % {"name": person.name, "sitting": elsewhere[person.pk]}
        elif len(row.room) > LONGEST_ROOM:
            where, wrong = ROOM, _("At most %(limit)d characters.") % {"limit": LONGEST_ROOM}
        elif len(row.seat) > LONGEST_SEAT:
            where, wrong = SEAT, _("At most %(limit)d characters.") % {"limit": LONGEST_SEAT}
        else:
            asked[person.pk] = (person, row)
            continue
        errors.append(_error(row, where, wrong))
    return asked


def _drop_double_seats(asked: dict[int, tuple[Person, Row]], listed: dict[int, Candidate], errors: list[RowError]) -> None:
    """Take out rows that give a seat to a second person, until nobody shares one."""
    while True:
        holders: dict[tuple[str, str], list[int]] = defaultdict(list)
        for pk, candidate in listed.items():
            if pk not in asked:
                holders[(candidate.room, candidate.seat)].append(pk)
        for pk, (_person, row) in asked.items():
            holders[_place(listed.get(pk), row)].append(pk)
        doubled = [(place, pk) for place, people in holders.items() if place[1] for pk in people[1:] if pk in asked]
        if not doubled:
            return
        for (room, seat), pk in doubled:
            words: dict[str, Any] = {"seat": seat, "room": room or "—"}
            first = holders[room, seat][0]
            if first in asked:
                words |= {"row": asked[first][1].line, "name": asked[first][0].name}
                text = _("Row %(row)d (%(name)s) asks for seat %(seat)s of room %(room)s already.") % words
            else:
                text = _("Seat %(seat)s of room %(room)s is taken.") % words
            errors.append(_error(asked.pop(pk)[1], SEAT, text))


def _place(candidate: Candidate | None, row: Row) -> tuple[str, str]:
    """Room and seat after the row: an empty cell changes nothing, but another room empties the seat."""
    if candidate is None:
        return row.room, row.seat
    room = row.room or candidate.room
    return room, row.seat or (candidate.seat if room == candidate.room else "")


def _error(row: Row, where: str, message: str) -> RowError:
    return RowError(row.line, where, message, values=[row.number, row.room, row.seat])


# ---- writing -------------------------------------------------------------------------------


@transaction.atomic
def put(*, sitting: Sitting, rows: Iterable[Row], by: Person, at: datetime, seen: str, skip_bad_rows: bool = False) -> Plan:
    """Carry a plan out. `seen` is the digest of the plan that was looked at. Locks the sitting.

    Raises:
        Refused: over (the sitting is closed), changed (the plan would be another one now).
        RefusedRows: some rows are wrong and were not to be left out; nothing is written.
    """
    sitting = _open(sitting, at)
    made = plan(sitting=sitting, rows=rows)
    if made.digest != seen:
        raise Refused(_("The list or the register has changed since this plan was made. Please look at the new plan."), code="changed")
    if made.errors and not skip_bad_rows:
        raise RefusedRows(_("Some rows are wrong; nothing was written."), made.errors)
    Candidate.objects.bulk_create(made.new, batch_size=1000)
    Candidate.objects.bulk_update([candidate for candidate, _room, _seat in made.moved], ["room", "seat"], batch_size=500)
    if not made.is_empty:
        audit.record(sitting, "quizzes.candidates_listed", by=by, new=len(made.new), moved=len(made.moved), refused=len(made.errors))
    return made


@transaction.atomic
def list_late(*, sitting: Sitting, number: str, reason: str, by: Person, at: datetime) -> Candidate:
    """Put somebody on the list of a closed sitting with papers who came unlisted and wrote on a blank sheet. The same
    once more gives back what stands. Locks the sitting.

    What they wrote counts as everybody's does: marks that are a pass wait for a second person, who reads the reason.

    Raises:
        Refused: no_reason, no_papers, not_over, own_listing, listed_already, bad_row (as the plan of a list says of who may sit; who served in
            the county on the sitting's day may, though they have moved or left since).
    """
    if not reason.strip():
        raise Refused(_("Say why somebody is listed after the close; the reason stays in the record."), code="no_reason")
    sitting = sittings.locked(sitting)
    if not sitting.papers.exists():
        raise Refused(_("Nothing was written on paper in this sitting: its list stays as it is."), code="no_papers")
    if sitting.state(at) != Sitting.State.CLOSED:
        raise Refused(_("While the sitting is open people are added to its list."), code="not_over")
    made = plan(sitting=sitting, rows=[Row(1, squeeze(number))], was_sat=True)
    if made.errors:
        raise Refused(made.errors[0].message, code="bad_row")
    if not made.new:
        numbers = {squeeze(number), squeeze(number).upper()}
        listed = Candidate.objects.filter(sitting=sitting, person__employee_number__in=numbers, late_reason=reason.strip()[:300])
        if (standing := listed.exclude(person=by).first()) is not None:  # the same form twice
            return standing
        raise Refused(_("This person is on the list already."), code="listed_already")
    candidate = made.new[0]
    if candidate.person_id == by.pk:
        raise Refused(_("Nobody lists themselves after the close: somebody else has to do it."), code="own_listing")
    candidate.late_reason = reason.strip()[:300]
    candidate.save()
    audit.record(
        sitting, "quizzes.candidates_listed", by=by, new=1, moved=0, refused=0, person=candidate.person_id, reason=reason.strip()[:300]
    )
    return candidate


@transaction.atomic
def remove(*, sitting: Sitting, people: Iterable[int], by: Person, at: datetime) -> int:
    """Take these people (by id) off the list; how many were on it. Locks the sitting.

    Raises:
        Refused: over; has_opened (a sitting with papers: who writes on paper has no attempt yet); has_begun (some of them began; nobody is taken off then); last_one (a published list is never empty).
    """
    sitting = _open(sitting, at)
    if not sitting.is_draft and sitting.opens_at <= at and sitting.papers.exists():
        raise Refused(
            _("This sitting hands out papers and has opened: whoever is on the list may be writing, so nobody is taken off."),
            code="has_opened",
        )
    leaving = Candidate.objects.filter(sitting=sitting, person__in=list(people))
    begun = (
        Attempt.objects.filter(sitting=sitting, person__in=leaving.values("person")).values_list("person_name", flat=True).distinct()[:5]
    )
    if begun:
        raise Refused(
            _("Already begun, so they stay on the list: %(people)s. Nobody was taken off.") % {"people": "、".join(begun)}, code="has_begun"
        )
    gone = [person.pk for person in Person.objects.filter(pk__in=leaving.values("person"))]
    leaving.delete()
    if gone and sitting.is_listed and not sitting.is_draft and not sitting.candidates.exists():
        raise Refused(_("A published sitting keeps at least one candidate: withdraw it first."), code="last_one")
    if gone:
        audit.record(sitting, "quizzes.candidates_removed", by=by, count=len(gone), people=gone[:200])
    return len(gone)


@transaction.atomic
def seat(
    *,
    sitting: Sitting,
    places: Mapping[int, tuple[str, str]],
    by: Person,
    at: datetime,
    seen: Mapping[int, tuple[str, str]] | None = None,
) -> int:
    """Give candidates (by id) their rooms and seats; how many changed. Locks the sitting.

    `seen` are the places that were looked at: who was left there stays where others have put them meanwhile, and nobody is moved
    whom others have moved to yet another place.

    Raises:
        Refused: over, too_long, moved_since, seat_taken; nothing is written then.
    """
    sitting = _open(sitting, at)
    changed, elsewhere = [], []
    for candidate in Candidate.objects.filter(sitting=sitting, pk__in=places).select_related("person").order_by("pk"):
        wanted = room, place = _squeezed(places[candidate.pk])
        stands = candidate.room, candidate.seat
        was = _squeezed(seen[candidate.pk]) if seen and candidate.pk in seen else stands
        if len(room) > LONGEST_ROOM or len(place) > LONGEST_SEAT:
            raise _too_long()
        if wanted in (stands, was):
            continue
        if stands != was:
            elsewhere.append(f"{candidate.person.name}（{' '.join(stands).strip() or '—'}）")
        candidate.room, candidate.seat = wanted
        changed.append(candidate)
    if elsewhere:
        raise Refused(
            _("Others have given these a place after you had opened the list: %(people)s. Nothing of yours was saved yet.")
            % {"people": "、".join(elsewhere[:10])},
            code="moved_since",
        )
    return _seated(sitting, changed, by)


def _squeezed(place: tuple[str, str]) -> tuple[str, str]:
    return squeeze(place[0]), squeeze(place[1])


@transaction.atomic
def fill_rooms(
    *, sitting: Sitting, names: Iterable[str], places: int, mixed: bool, everybody: bool, by: Person, at: datetime, seen: str = ""
) -> int:
    """Seat the candidates so many a room, in these rooms and then in numbered ones; how many got a place. Locks the sitting.

    `mixed`: neighbours serve in different organs wherever that is possible; else by unit. `everybody`: also
    those who have a room already; else the free places are filled. `seen` is the stamp of the list that was looked at
    (`sittings.stamp_of_list`): places that others gave since are not undone by seating everybody anew.

    Raises:
        Refused: over, edited, bad_places (1 to `rules.LARGEST_ROOM` a room), too_long.
    """
    names = [squeeze(name) for name in names if squeeze(name)]
    if not 1 <= places <= rules.LARGEST_ROOM:
        raise Refused(_("A room has 1 to %(limit)d places.") % {"limit": rules.LARGEST_ROOM}, code="bad_places")
    if any(len(name) > LONGEST_ROOM for name in names):
        raise _too_long()
    sitting = _open(sitting, at)
    if everybody:
        sittings.refuse_other_list(sitting, seen=seen, by=by)
    every = list(
        Candidate.objects.filter(sitting=sitting).select_related("person__unit").order_by("person__unit__path", "person__employee_number")
    )
    chosen = [candidate for candidate in every if everybody or not candidate.room]
    if mixed:
        organs: dict[str, list[Candidate]] = defaultdict(list)
        for candidate in chosen:
            organs[candidate.person.unit.organ_path if candidate.person.unit else ""].append(candidate)
        chosen = rules.apart(organs.values())
    moving = {candidate.pk for candidate in chosen}
    taken = Counter(candidate.room for candidate in every if candidate.pk not in moving)
    seats = {(candidate.room, candidate.seat) for candidate in every if candidate.pk not in moving}
    for candidate, place in zip(chosen, _free_places(names, places, taken, seats), strict=False):
        candidate.room, candidate.seat = place
    return _seated(sitting, chosen, by)


def _free_places(names: list[str], places: int, taken: Counter, seats: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Room after room, seat after seat, without end; a room is full with so many people, wherever they sit."""
    width = max(2, len(str(places)))
    numbered = (_("Room %(number)d") % {"number": number} for number in count(len(names) + 1))
    used = set()
    for room in chain(names, numbered):
        if room in used:
            continue
        used.add(room)
        free = (place for place in ((room, f"{seat:0{width}d}") for seat in count(1)) if place not in seats)
        yield from islice(free, max(places - taken[room], 0))


def _seated(sitting: Sitting, changed: list[Candidate], by: Person) -> int:
    Candidate.objects.bulk_update(changed, ["room", "seat"], batch_size=500)
    doubled = (
        sitting.candidates.exclude(seat="").values_list("room", "seat").annotate(n=Count("pk")).filter(n__gt=1).order_by("room", "seat")
    )
    if doubled:
        room, place, _n = doubled[0]
        raise Refused(_("Seat %(seat)s of room %(room)s is taken.") % {"seat": place, "room": room or "—"}, code="seat_taken")
    if changed:
        audit.record(sitting, "quizzes.candidates_seated", by=by, count=len(changed))
    return len(changed)


def _too_long() -> Refused:
    return Refused(
        _("The name of a room has at most %(room)d characters, that of a seat %(seat)d.") % {"room": LONGEST_ROOM, "seat": LONGEST_SEAT},
        code="too_long",
    )


def _open(sitting: Sitting, at: datetime) -> Sitting:
    """The sitting, locked; its list is history once it is closed."""
    sitting = sittings.locked(sitting)
    if sitting.state(at) == Sitting.State.CLOSED:
        raise Refused(_("This sitting is closed: its list stays as it is."), code="over")
    return sitting


# ---- what would go wrong on the day --------------------------------------------------------


def lacking_courses(sitting: Sitting) -> QuerySet[Person]:
    """Candidates whom the exam's course would not let in: no round of it is theirs that day, and a course that must be completed first is missing."""
    try:
        course = sittings.course_of(sitting.quiz)
    except Refused:
        return Person.objects.none()
    codes = course.current.prerequisites if course.current else []
    year = clock.start_of(date(clock.year_of(sitting.opens_at), 1, 1))
    of_the_day = Enrolment.objects.filter(course=course).filter(
        Q(completion=None) | Q(completion__reversal=None, completion__completed_at__gte=year)
    )
    people = Person.objects.filter(candidacies__sitting=sitting).exclude(pk__in=of_the_day.values("person"))
    lacks = Q(pk__in=[])
    for needed in Course.objects.open().filter(county=sitting.quiz.county_id, code__in=codes):
        lacks |= ~Q(pk__in=Completion.objects.standing().filter(course=needed).values("person"))
    return people.filter(lacks).order_by("employee_number")
