"""A person's archive: everything that the platform keeps of them, in plain JSON values (个人信息保护法 art. 45).

One dict, from which the file for programs and the paper (`archive_paper`) are made, so that the two never differ. Its format
is told field by field in docs/archive.md; whoever changes it, counts `FORMAT` up.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Prefetch, Q, QuerySet
from django.utils import translation

from certificates.models import Attestation, Basis, Certificate, ShareLink, StatusEvent
from core import clock
from core.snapshots import one_snapshot
from courses.models import Completion, Enrolment, LessonPlace, RequirementMet
from evaluation import services
from evaluation.models import Appeal, AppealDecision, ClaimDecision, HourClaim, LearningReminder, LedgerEntry, PersonLine, Reminder
from evaluation.models.evidence import EvidenceFile
from people.models import DutyAssignment, Leave, Person, Posting, Role, RoleGrant, ServedAt, Unit
from people.models.unit import record_names, within_paths
from people.permissions import paths_of
from quizzes.models import Allowance, Attempt, AttemptItem, Candidate, Incident, ItemMark, LatePaper, Marking, MarkingTask, Sitting
from quizzes.services import keys, rating_corrections, ratings

FORMAT = "county-learning-archive/1"
Row = TypeVar("Row", bound=Model)
Told = list[dict[str, Any]]


def archive_of(person: Person, *, at: datetime, reader: Person | None = None) -> dict[str, Any]:
    """All that is kept of a person, every section there even when it is empty. The same at any moment at which nothing was written between.

    With a `reader` other than the person it holds the rows that they may read, and `withheld` counts the others by section.
    What may not be known yet is in nobody's: the items of an attempt that is not over, results that wait. Keys to questions
    never are. A fixed number of queries, all as of one moment; words are Chinese whatever language is spoken.
    """
    if reader is not None and reader.pk == person.pk:
        reader = None
    with one_snapshot(), translation.override("zh-hans"):
        return _told(person, _Sieve(reader), at)


def text_of(archive: dict[str, Any]) -> str:
    """The archive as the file for programs."""
    return json.dumps(archive, ensure_ascii=False, indent=1) + "\n"


def rows_in(archive: dict[str, Any]) -> int:
    """How many rows its sections have."""
    return sum(len(section) for section in archive.values() if isinstance(section, list))


@dataclass
class _Sieve:
    """Lets through what a reader may see of somebody else's rows; the person's own archive has all of them."""

    reader: Person | None
    withheld: dict[str, int] = field(default_factory=dict)

    def through(self, section: str, rows: QuerySet[Row], seen_by: Callable[[Any], QuerySet[Row]]) -> list[Row]:
        """The rows that may be seen, by `seen_by(reader)`; counts the others. One query, with those of its prefetches."""
        if self.reader is None:
            return list(rows)
        found = list(rows.annotate(seen=Exists(seen_by(self.reader).filter(pk=OuterRef("pk")))))
        shown = [row for row in found if row.seen]  # type: ignore[attr-defined]
        if len(shown) < len(found):
            self.withheld[section] = len(found) - len(shown)
        return shown


def _told(person: Person, sieve: _Sieve, at: datetime) -> dict[str, Any]:
    hours = _hours(person, sieve)
    by_year: dict[int, Decimal] = {}
    for entry in hours:
        by_year[entry["year"]] = by_year.get(entry["year"], Decimal(0)) + Decimal(entry["hours"])
    found = {
        **_posts(person, sieve),
        "leaves": _leaves(person, sieve),
        "enrolments": _enrolments(person, sieve),
        "attempts": _attempts(person, sieve, at),
        "sittings": _sittings(person, sieve),
        "allowances": _allowances(person, sieve),
        "completions": _completions(person, sieve),
        "certificates": _certificates(person, sieve, at),
        "attestations": _attestations(person, sieve),
        "hours_by_year": {str(year): _two(by_year[year]) for year in sorted(by_year)},
        "hours": hours,
        "claims": _claims(person, sieve),
        "evaluations": _evaluations(person, sieve),
        "appeals": _appeals(person, sieve),
        "responsibility_reminders": _responsibility(person, sieve),
        "learning_reminders": _reminders(person, sieve),
    }
    made_for = "person" if sieve.reader is None else "hr"
    return {"format": FORMAT, "made_at": _instant(at), "made_for": made_for, "withheld": sieve.withheld, **found}


# Who the person is, where they served, when they were away


def _posts(person: Person, sieve: _Sieve) -> dict[str, Any]:
    """`person`, `roles` and `postings`. Five queries."""
    duties = DutyAssignment.objects.order_by("starts_on", "pk")
    served = person.postings.select_related("unit").prefetch_related(Prefetch("duties", duties)).order_by("starts_on", "pk")
    postings = sieve.through("postings", served, Posting.objects.visible_to)
    held = person.role_grants.select_related("unit", "granted_by").order_by("starts_on", "pk")
    grants = sieve.through("roles", held, RoleGrant.objects.visible_to)
    own = Unit.objects.filter(pk=person.unit_id)
    names = record_names([*own, *(posting.unit for posting in postings), *(grant.unit for grant in grants)])
    return {
        "person": {
            "number": person.employee_number,
            "name": person.name,
            "unit": names.get(person.unit_id, ""),
            "post": person.post_title,
            **_fields(person, "staff_type", "status"),
            "phone": person.phone if sieve.reader is None else person.masked_phone,
            "email": person.email,
            "may_sign_in": person.is_active,
            "recorded_at": _instant(person.date_joined),
        },
        "roles": [
            {
                "role": grant.role,
                "unit": names[grant.unit_id],
                **_fields(grant, "starts_on", "ends_on", "from_duty"),
                "granted_by": _name(grant.granted_by),
            }
            for grant in grants
        ],
        "postings": [
            {
                "unit": names[posting.unit_id],
                "post": posting.title,
                **_fields(posting, "is_main", "starts_on", "ends_on"),
                "duties": [_fields(one, "duty", "starts_on", "ends_on") for one in posting.duties.all()],
            }
            for posting in postings
        ],
    }


def _leaves(person: Person, sieve: _Sieve) -> Told:
    rows = Leave.objects.filter(person=person).select_related("by").order_by("pk")
    return [
        {
            **_fields(leave, "id", "kind", "starts_on", "ends_on", "voucher"),
            "replaces": leave.replaces_id,
            **_fields(leave, "is_void", "reason"),
            **_by(leave),
            **_served(leave),
        }
        for leave in sieve.through("leaves", rows, Leave.objects.visible_to)
    ]


# What was learned


def _enrolments(person: Person, sieve: _Sieve) -> Told:
    """Three queries."""
    met = RequirementMet.objects.select_related("requirement", "withdrawal").order_by("at", "pk")
    places = LessonPlace.objects.select_related("lesson").defer("lesson__body").order_by("lesson__position")
    rows = (
        Enrolment.objects.filter(person=person)
        .select_related("course", "edition")
        .defer("edition__search_text")
        .prefetch_related(Prefetch("met", met), Prefetch("places", places))
        .order_by("enrolled_at", "pk")
    )
    return [
        {
            **_course_of(row),
            "course_title": row.edition.title,
            "edition": row.edition.number,
            "enrolled_at": _instant(row.enrolled_at),
            **_served(row),
            "requirements_met": [
                {
                    **_fields(one.requirement, "title", "kind"),
                    **_fields(one, "at", "score", "evidence"),
                    "withdrawal": _fields(one.withdrawal, "at", "reason") if hasattr(one, "withdrawal") else None,
                }
                for one in row.met.all()
            ],
            "lessons": [
                {
                    "title": place.lesson.title,
                    **_fields(place, "opened_at", "seen_at", "seconds"),
                    "furthest_percent": place.furthest,
                }
                for place in row.places.all()
            ],
        }
        for row in sieve.through("enrolments", rows, Enrolment.objects.visible_to)
    ]


def _attempts(person: Person, sieve: _Sieve, at: datetime) -> Told:
    """The result of an attempt where it may be known now (`quizzes.services.sittings.results_wait_for`), and its items where the
    reader may read them: while the person or the reader sits an exam, of none on the same bank. Fifteen queries at most."""
    rows = (
        Attempt.objects.filter(person=person)
        .timed()
        .select_related("submission", "gone_on_paper", "sitting", "quiz", "enrolment__course")
        .prefetch_related(Prefetch("incidents", Incident.objects.order_by("at", "pk")))
        .prefetch_related(Prefetch("late_papers", LatePaper.objects.select_related("decision").order_by("pk")))
        .order_by("started_at", "pk")
    )
    known = Attempt.objects.counted().filter(person=person, submission__isnull=False).with_results_out(at)
    read = Attempt.objects.filter(person=person)
    if sieve.reader is not None:
        read = read.readable_by(sieve.reader)
    markings = Marking.objects.current().filter(submission__attempt__in=known.values("pk")).select_related("submission")
    results = {one.submission.attempt_id: one for one in markings}
    sat = keys.banks_sat(person, at=at) | (keys.banks_kept_from(sieve.reader, at=at) if sieve.reader is not None else set())
    same = [row.pk for row in rows if any((row.quiz.county_id, bank) in sat for bank in row.quiz.banks)]
    items = _items(known.with_keys_out(at).filter(pk__in=read.values("pk")).exclude(pk__in=same))
    readable = set(read.values_list("pk", flat=True))
    return [
        {
            "id": row.pk,
            **_course_of(row.enrolment),
            "quiz": row.quiz_title,
            "sitting": row.sitting and row.sitting.title,
            **_fields(row, "number", "started_at", "due_at"),
            "submitted_at": _instant(row.submission.at) if hasattr(row, "submission") else None,
            "cause": row.submission.cause if hasattr(row, "submission") else None,
            "pass_percent": row.pass_percent,
            **_served(row),
            "gone_on_paper": _fields(row.gone_on_paper, "reason", "at") if hasattr(row, "gone_on_paper") else None,
            "late_papers": [_late_paper(one) for one in row.late_papers.all()],
            "state": _state_of(row, results),
            "result": _result(results[row.pk]) if row.pk in results else None,
            "items": items.get(row.pk) if row.pk in results and row.pk in readable else None,
            "incidents": [_fields(one, "kind", "at", "detail") for one in row.incidents.all()] if row.pk in readable else None,
        }
        for row in sieve.through("attempts", rows, Attempt.objects.visible_to)
    ]


def _late_paper(late: LatePaper) -> dict[str, Any]:
    decision = getattr(late, "decision", None)
    return {**_fields(late, "from_at", "until", "reason", "at"), "decision": decision and _fields(decision, "approved", "reason", "at")}


def _state_of(attempt: Attempt, results: dict[int, Marking]) -> str:
    """Why there is a result, or none."""
    if hasattr(attempt, "gone_on_paper"):
        return "on_paper"
    if not hasattr(attempt, "submission"):
        return "open"
    return "known" if attempt.pk in results else "results_wait"


def _result(marking: Marking) -> dict[str, Any]:
    return _fields(marking, "score", "out_of", "percent", "passed", "is_complete", "cause", "at")


def _items(over: QuerySet[Attempt]) -> dict[int, Told]:
    """The items of these attempts as they were shown, with what was answered and earned. Keys are not even read, but of what people marked, for its
    rubric. Four queries, five with such."""
    tasks: dict[int, list[MarkingTask]] = {}
    for task in MarkingTask.objects.filter(submission__attempt__in=over.values("pk")).with_ratings():
        tasks.setdefault(task.item_id, []).append(task)
    with_rubric = AttemptItem.objects.in_bulk(tasks)
    marks = (
        ItemMark.objects.filter(marking__superseded_by=None, marking__submission__attempt__in=over.values("pk"))
        .select_related("item", "answer", "marking")
        .defer("item__key", "item__explanation", "item__source")
        .order_by("item__attempt", "item__position")
    )
    found: dict[int, Told] = {}
    for mark in marks:
        item, response = mark.item, mark.answer and mark.answer.response
        marked = [task for task in tasks.get(item.pk, ()) if mark.marking.is_complete]
        mark.item = with_rubric.get(item.pk, item)
        by_criteria = [(ratings.texts([mark])[item.pk, task.part], task.standing_points) for task in marked if task.standing_points]
        found.setdefault(item.attempt_id, []).append(
            {
                **_fields(item, "position", "kind", "points", "shown"),
                "response": response,
                "answer": item.item_kind.said(item.shown, response),
                "answered_at": _instant(mark.answer.at) if mark.answer else None,
                "earned": _two(mark.earned),
                "comments": [comment for several in ratings.comments(marked).values() for comment in several],
                "criteria": [[_two(point) for point in points] for _text, points in by_criteria],
                "rubrics": [
                    [{"name": one["name"], "points": _two(Decimal(one["points"]))} for one in text.rubric] for text, _points in by_criteria
                ],
                "corrections": [_fields(one, "at", "reason", "before", "after") for one in rating_corrections.told(marked, [mark])],
            }
        )
    return found


def _sittings(person: Person, sieve: _Sieve) -> Told:
    """Published sittings that the person was put on the list of."""
    rows = Candidate.objects.filter(person=person, sitting__is_draft=False).select_related("sitting__quiz")

    def seen_by(reader: Any) -> QuerySet[Candidate]:
        return Candidate.objects.filter(sitting__in=Sitting.objects.visible_to(reader))

    return [
        {
            "sitting": one.sitting.title,
            "quiz": one.sitting.quiz.title,
            **_fields(one.sitting, "opens_at", "closes_at"),
            **_fields(one, "room", "seat"),
        }
        for one in sieve.through("sittings", rows.order_by("sitting__opens_at", "pk"), seen_by)
    ]


def _allowances(person: Person, sieve: _Sieve) -> Told:
    rows = Allowance.objects.filter(person=person).select_related("quiz", "sitting").order_by("at", "pk")

    def seen_by(reader: Any) -> QuerySet[Allowance]:
        """As the page of allowances: for HR of the whole county."""
        given = Allowance.objects.all()
        return given if reader.is_superuser else given.filter(quiz__county__path__in=paths_of(reader, [Role.HR]))

    return [
        {
            "quiz": one.quiz.title,
            "sitting": one.sitting and one.sitting.title,
            **_fields(one, "extra_minutes", "extra_attempts", "reason", "at"),
        }
        for one in sieve.through("allowances", rows, seen_by)
    ]


def _completions(person: Person, sieve: _Sieve) -> Told:
    rows = Completion.objects.filter(person=person).select_related("policy", "reversal__by").order_by("completed_at", "pk")
    return [
        {
            **_fields(row, "course_code", "course_title"),
            "edition": row.edition_number,
            **_fields(row, "round", "line", "minutes", "study_hours", "test_hours", "score", "completed_at"),
            "policy": str(row.policy),
            **_served(row),
            "reversal": {"reason": row.reversal.reason, **_by(row.reversal)} if hasattr(row, "reversal") else None,
        }
        for row in sieve.through("completions", rows, Completion.objects.visible_to)
    ]


# What was earned


def _certificates(person: Person, sieve: _Sieve, at: datetime) -> Told:
    """Four queries."""
    rows = (
        Certificate.objects.filter(person=person)
        .with_state()
        .select_related("kind", "version", "renews", "replaces")
        .prefetch_related(
            Prefetch("events", StatusEvent.objects.select_related("by", "second").order_by("pk")),
            Prefetch("basis", Basis.objects.order_by("pk")),
            Prefetch("share_links", ShareLink.objects.order_by("pk")),
        )
        .order_by("issued_at", "pk")
    )
    today, own = clock.today(at), sieve.reader is None
    return [
        {
            "number": row.number,
            "kind": row.kind.key,
            "issued_at": _instant(row.issued_at),
            "state": row.state_on(today).value,
            "facts": row.facts(),
            "facts_digest": row.facts_digest,
            "rests_on": [one.condition for one in row.basis.all()],
            "events": [
                {
                    **_fields(event, "kind", "reason", "at"),
                    "by": [officer.name for officer in (event.by, event.second) if officer],
                }
                for event in row.events.all()
            ],
            # whom a holder shows a certificate to is nobody else's business
            "share_links": [_fields(link, "made_at", "expires_at", "ended_at") for link in row.share_links.all()] if own else None,
            **_served(row),
        }
        for row in sieve.through("certificates", rows, Certificate.objects.of_people_read_by)
    ]


def _attestations(person: Person, sieve: _Sieve) -> Told:
    rows = Attestation.objects.filter(person=person).select_related("by", "kind").order_by("at", "pk")
    return [
        {
            "certificate": one.kind.title,
            "condition": one.title,
            **_fields(one, "is_met", "evidence"),
            **_by(one),
            **_served(one),
        }
        for one in sieve.through("attestations", rows, Attestation.objects.visible_to)
    ]


def _hours(person: Person, sieve: _Sieve) -> Told:
    """Three queries."""
    rows = LedgerEntry.objects.filter(person=person).with_reasons().order_by("at", "pk")
    return [
        {
            **_fields(entry, "at", "year", "kind", "hours", "course_code", "course_title"),
            "round": entry.completion and entry.completion.round,
            "claim": entry.claim_id,
            "answers": entry.answers and _fields(entry.answers, "at", "kind", "course_code", "course_title", "hours"),
            "policy": entry.policy and str(entry.policy),
            "rule": services.words_of(entry),
            "reason": entry.reason,
            "by": _name(entry.author),
            **_served(entry),
        }
        for entry in sieve.through("hours", rows, LedgerEntry.objects.visible_to)
    ]


def _claims(person: Person, sieve: _Sieve) -> Told:
    """Three queries."""
    decisions = ClaimDecision.objects.select_related("by").order_by("step")
    rows = (
        HourClaim.objects.filter(person=person)
        .select_related("policy", "filed_by")
        .prefetch_related(Prefetch("decisions", decisions), "evidence")
        .order_by("at", "pk")
    )
    return [
        {
            **_fields(claim, "id", "at", "kind", "title", "organiser", "starts_on", "ends_on", "hours", "note"),
            "filed_by": _name(claim.filed_by),
            "filing_reason": claim.filing_reason,
            "policy": str(claim.policy),
            "state": str(claim.state),
            **_served(claim),
            "evidence": _evidence(claim.evidence.all()),
            "decisions": [{**_fields(one, "step", "verdict", "reason"), **_by(one)} for one in claim.said],
        }
        for claim in sieve.through("claims", rows, HourClaim.objects.visible_to)
    ]


def _evidence(files: Iterable[EvidenceFile]) -> Told:
    return [_fields(one, "name", "content_type", "size", "sha256") for one in files]


# The yearly evaluation


def _evaluations(person: Person, sieve: _Sieve) -> Told:
    rows = PersonLine.objects.filter(person=person).select_related("calculation__period__county").order_by("calculation__at", "pk")
    return [
        {
            **_period_of(line.calculation),
            "purpose": line.calculation.purpose,
            "calculation": line.calculation.number,
            "at": _instant(line.calculation.at),
            "unit": line.unit_name,
            "post": line.post_title,
            **_fields(line, "duties", "counted", "reason", "required", "done", "tests", "passed", "hours", "target"),
        }
        for line in sieve.through("evaluations", rows, PersonLine.objects.visible_to)
    ]


def _appeals(person: Person, sieve: _Sieve) -> Told:
    """Those about the person, and those that they filed for a unit. Three queries."""
    decisions = AppealDecision.objects.select_related("by").order_by("step")
    rows = (
        Appeal.objects.filter(Q(person=person) | Q(by=person, person=None))
        .select_related("period__county")
        .prefetch_related(Prefetch("decisions", decisions), "evidence")
        .order_by("at", "pk")
    )
    return [
        {
            **_fields(appeal, "id", "at"),
            **_period_of(appeal),
            "about": "unit" if appeal.person_id is None else "person",
            "name": appeal.about,
            "item": appeal.item_key,
            **_fields(appeal, "text", "due_on"),
            "state": str(appeal.state),
            "evidence": _evidence(appeal.evidence.all()),
            "decisions": [
                {**_fields(one, "step", "verdict", "record", "link"), "item": one.item_key, **_fields(one, "points", "reason"), **_by(one)}
                for one in appeal.said
            ],
        }
        for appeal in sieve.through("appeals", rows, Appeal.objects.visible_to)
    ]


def _responsibility(person: Person, sieve: _Sieve) -> Told:
    """Two queries."""
    rows = Reminder.objects.filter(person=person).select_related("period__county", "line").prefetch_related("answers")
    return [
        {
            **_period_of(one),
            "unit": one.line.unit_name,
            **_fields(one, "level", "action", "duties"),
            **_fields(one.line, "total", "band"),
            "at": _instant(one.at),
            "answers": [_fields(answer, "text", "at") for answer in one.answers.all()],
        }
        for one in sieve.through("responsibility_reminders", rows.order_by("at", "pk"), Reminder.objects.visible_to)
    ]


def _reminders(person: Person, sieve: _Sieve) -> Told:
    rows = LearningReminder.objects.filter(person=person).select_related("unit", "by").order_by("at", "pk")

    def seen_by(reader: Any) -> QuerySet[LearningReminder]:
        sent = LearningReminder.objects.all()
        return sent if reader.is_superuser else sent.filter(within_paths(paths_of(reader, [Role.HR])))

    return [
        {"day": _day(one.day), "unit": one.unit.name, "missing": one.missing, **_by(one)}
        for one in sieve.through("learning_reminders", rows, seen_by)
    ]


# Values


def _fields(row: Model, *names: str) -> dict[str, Any]:
    """These columns of a row, as JSON knows them."""
    return {name: _value(getattr(row, name)) for name in names}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return _day(value)
    return _two(value) if isinstance(value, Decimal) else value


def _instant(at: datetime | None) -> str | None:
    """To the second, in the county's time zone."""
    return None if at is None else clock.local(at).isoformat(timespec="seconds")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _two(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _name(person: Person | None) -> str | None:
    return None if person is None else person.name


def _by(row: Any) -> dict[str, Any]:
    """Who did it, and when."""
    return {"by": row.by.name, "at": _instant(row.at)}


def _served(row: ServedAt) -> dict[str, Any]:
    """Where and as what the person served at the event."""
    return {"unit": row.unit_name, "post": row.post_title, "duties": row.duties, "staff_type": row.staff_type}


def _course_of(enrolment: Enrolment) -> dict[str, Any]:
    return {"course_code": enrolment.course.code, "round": enrolment.round}


def _period_of(row: Any) -> dict[str, Any]:
    return {"county": row.period.county.name, "year": row.period.year}


__all__ = ["FORMAT", "archive_of", "rows_in", "text_of"]
