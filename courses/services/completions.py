"""Requirements met, and the completion that follows from them: the middle of the one flow."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Count, F, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from core.prepared import Prepared
from core.reconcile import Gap
from courses import outlines, rules
from courses.models import Completion, EditionRequirement, Enrolment, RequirementMet, Reversal, Withdrawal
from courses.services import policies
from courses.signals import completion_reversed, course_completed
from people.models import Person
from people.models.snapshot import copied_from, served_at

log = structlog.get_logger(__name__)
Kind = EditionRequirement.Kind
_met_by = Prepared(
    lambda enrolment: RequirementMet.objects.standing().filter(enrolment=enrolment).values_list("requirement_id", "at", "score")
)


def meet(
    *, enrolment: Enrolment, kind: str, key: str, evidence: str, score: Decimal | None = None, at: datetime, met_at: datetime | None = None
) -> Completion | None:
    """Write that a requirement is met, once, then try to fulfil; the completion if there is one now.

    `met_at` is when the person did it, where that is known only later (an essay that was marked, results that were
    held); `at` is now. Locks the enrolment. The first proof that was not withdrawn stands: later ones change nothing. Something the pinned
    edition does not ask for is ignored. Where all is met again after a completion fell with a requirement, it counts in a later round
    (docs/decisions/0011-markings-are-rows.md). If completing fails — a receiver could not issue or credit —
    what was met stays written, the failure is logged, and reconcile completes later.
    """
    with transaction.atomic():
        Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.pk)
        requirement = EditionRequirement.objects.filter(edition=enrolment.edition_id, kind=kind, key=str(key)).first()
        if requirement is None:
            return Completion.objects.filter(enrolment=enrolment).first()
        met = _write_met(enrolment, requirement.pk, at=met_at or at, evidence=evidence, score=score)
        if met is not None and met.turn:
            enrolment = _round_that_counts(enrolment, at)
    try:
        return fulfil(enrolment=enrolment, at=at)
    except Exception:
        log.exception("fulfil_failed", enrolment=enrolment.pk)
        return None


def _write_met(enrolment: Enrolment, requirement: int, **proof) -> RequirementMet | None:
    """What was written; None where it stands already."""
    before = list(RequirementMet.objects.filter(enrolment=enrolment, requirement=requirement).values_list("withdrawal", flat=True))
    if None in before:
        return None
    return RequirementMet.objects.create(enrolment=enrolment, requirement_id=requirement, turn=len(before), **proof)


def _round_that_counts(enrolment: Enrolment, at: datetime) -> Enrolment:
    """The round itself, or where its completion fell and all is met again a new one of the same edition, with what was met.

    Never one that was begun already: what was met there, or is being sat, may fall, too, or be of another year. Also where another round
    was completed meanwhile: that one may fall, too, and hours count once.
    """
    met = list(RequirementMet.objects.standing().filter(enrolment=enrolment).order_by("pk"))
    asked = EditionRequirement.objects.filter(edition=enrolment.edition_id).count()
    if len(met) < asked or not Completion.objects.filter(enrolment=enrolment).exists():
        return enrolment
    Person.objects.select_for_update(no_key=True, of=("self",)).get(pk=enrolment.person_id)  # as whoever begins a round
    following = Enrolment.objects.create(
        **copied_from(enrolment),
        course_id=enrolment.course_id,
        edition_id=enrolment.edition_id,
        round=Enrolment.next_round(enrolment.person_id, enrolment.course_id),
        enrolled_at=at,
    )
    for row in met:
        _write_met(following, row.requirement_id, at=row.at, evidence=row.evidence, score=row.score)
    return following


@transaction.atomic
def fulfil(*, enrolment: Enrolment, at: datetime) -> Completion | None:
    """The completion of this enrolment, written once as soon as every requirement of its edition is met.

    Locks the enrolment. The completion carries the instant at which the last requirement was met
    (not that of a later marking or repair), the person's unit and post of that day, and the hours by the
    policy of that day in the county of that unit. What follows from it, hours and certificate, is written `at` the instant it is written. course_completed is sent inside the transaction: a receiver that fails
    undoes the completion.
    """
    enrolment = (
        Enrolment.objects.select_for_update(no_key=True, of=("self",))
        .select_related("edition", "course__county", "person__unit")
        .get(pk=enrolment.pk)
    )
    standing = Completion.objects.filter(enrolment=enrolment).first()
    if standing is not None:
        return standing
    asked = set(EditionRequirement.objects.filter(edition=enrolment.edition_id).values_list("pk", flat=True))
    met = list(RequirementMet.objects.standing().filter(enrolment=enrolment, requirement__in=asked).order_by("pk"))
    if not asked or {row.requirement_id for row in met} != asked:
        return None
    completed_at = max(row.at for row in met)
    score = rules.mean_score(row.score for row in met)
    edition, course = enrolment.edition, enrolment.course
    has_test = EditionRequirement.objects.filter(edition=edition, kind=Kind.QUIZ).exists()
    served = served_at(enrolment.person, on=clock.today(completed_at))
    policy = policies.in_force(day=clock.today(completed_at), county=policies.county_for(served["unit"], course))
    completion = Completion(
        enrolment=enrolment,
        course=course,
        edition=edition,
        round=enrolment.round,
        course_code=course.code,
        course_title=edition.title,
        edition_number=edition.number,
        line=edition.line,
        minutes=edition.minutes,
        certificate=edition.certificate,
        policy=policy,
        study_hours=rules.credit_hours(edition.minutes * 60, policy.bands),
        test_hours=policy.test_passed if has_test else Decimal(0),
        score=score,
        completed_at=completed_at,
        evidence=[row.pk for row in met],
        **served,
    )
    completion.save()
    course_completed.send(sender=Completion, completion=completion, at=at)
    return completion


@dataclass(frozen=True)
class Item:
    """One requirement: whether it is met, when, with which score (percent), and what to do if not."""

    kind: str
    key: str
    title: str
    lesson_key: str
    is_met: bool
    at: datetime | None
    score: Decimal | None

    @property
    def words(self) -> str:
        if self.is_met:
            return self.title
        if self.kind == Kind.QUIZ:
            return _("Pass the quiz “%(title)s”") % {"title": self.title}
        return _("Finish the lesson “%(title)s”") % {"title": self.title}


@dataclass(frozen=True)
class Explanation:
    """Why an enrolment is complete or not: one answer for the learner, the manager and the refusal."""

    enrolment: Enrolment
    items: tuple[Item, ...]
    completion: Completion | None

    @property
    def met(self) -> list[Item]:
        return [item for item in self.items if item.is_met]

    @property
    def missing(self) -> list[Item]:
        return [item for item in self.items if not item.is_met]

    @property
    def percent(self) -> int:
        return 100 if self.completion else rules.percent(len(self.met), len(self.items))

    @property
    def is_complete(self) -> bool:
        return self.completion is not None

    @property
    def reversal(self) -> Reversal | None:
        return getattr(self.completion, "reversal", None)

    def __str__(self) -> str:
        if self.reversal:
            day = clock.today(self.reversal.at)
            return _("Your completion was reversed on %(day)s: take the course again.") % {"day": day.isoformat()}
        if self.completion:
            day = clock.today(self.completion.completed_at)
            return _("Completed on %(day)s.") % {"day": day.isoformat()}
        if not self.missing:
            return _("Everything is met; the completion is being written.")
        return _("Still missing: %(things)s.") % {"things": _("; ").join(item.words for item in self.missing)}


def counted_beside(enrolment: Enrolment) -> Completion | None:
    """The last completion that stands of another round than this one, which is under way or was reversed. One query at most."""
    completion = getattr(enrolment, "completion", None)
    if (enrolment.round == 1 and completion is None) or (completion is not None and not hasattr(completion, "reversal")):
        return None
    others = Completion.objects.standing().filter(person=enrolment.person_id, course=enrolment.course_id)
    return others.order_by("round").last()


def explain(enrolment: Enrolment) -> Explanation:
    """What of the pinned edition is met and what is missing. One query when the outline is known in this process."""
    outline = outlines.of_edition(enrolment.edition, enrolment.course.code)
    met: dict[int | None, tuple[datetime | None, Decimal | None]] = {
        requirement: (at, score) for requirement, at, score in _met_by(enrolment.pk)
    }
    items = []
    for asked in outline.requirements:
        at, score = met.get(asked.id, (None, None))
        items.append(Item(asked.kind, asked.key, asked.title, asked.lesson_key, asked.id in met, at, score))
    return Explanation(enrolment, tuple(items), getattr(enrolment, "completion", None))


def percents(*, person, courses) -> dict[int, int]:
    """Progress of the person's open enrolments in these courses, in percent by course id. One query."""
    asked = _counted(EditionRequirement.objects.filter(edition=OuterRef("edition")), "edition")
    got = _counted(RequirementMet.objects.standing().filter(enrolment=OuterRef("pk")), "enrolment")
    begun = Enrolment.objects.filter(person=person, course__in=list(courses), completion__isnull=True).annotate(asked=asked, got=got)
    return {course: rules.percent(met, total) for course, met, total in begun.values_list("course", "got", "asked")}


@transaction.atomic
def reverse(*, completion: Completion, by, reason: str, at: datetime) -> Reversal:
    """Answer a wrong completion with a reversal, once; the completion itself stays readable.

    completion_reversed is sent inside the transaction.

    Raises:
        Refused: no reason is given.
    """
    if not reason.strip():
        raise Refused(_("Say why the completion is reversed; the reason stays in the record."), code="no_reason")
    Enrolment.objects.select_for_update(no_key=True, of=("self",)).get(pk=completion.enrolment_id)
    Completion.objects.select_for_update(no_key=True, of=("self",)).get(pk=completion.pk)  # whoever issues for it holds it
    reversal, made = Reversal.objects.get_or_create(completion=completion, defaults={"reason": reason.strip(), "by": by, "at": at})
    if made:
        audit.record(completion, "courses.reverse", by=by, reason=reversal.reason)
        completion_reversed.send(sender=Reversal, reversal=reversal, at=at)
    return reversal


@transaction.atomic
def take_back(*, enrolment: Enrolment, kind: str, key: str, by, reason: str, at: datetime) -> Reversal | Withdrawal | None:
    """Answer that a requirement is not met after all: it is open again, and the completion that rests on it is reversed.

    So is what was carried on from it into a later round. Locks this round and those after it, so that completing and taking back never both win.
    None where nothing rests on it, or where the completion was reversed by hand: that stays as it is. Doing it twice changes nothing.

    Raises:
        Refused: no reason is given.
    """
    if not reason.strip():
        raise Refused(_("Say why it is taken back; the reason stays in the record."), code="no_reason")
    rounds = Enrolment.objects.filter(person=enrolment.person_id, course=enrolment.course_id, round__gte=enrolment.round)
    list(rounds.select_for_update(no_key=True, of=("self",)).order_by("round").values_list("pk"))
    standing = RequirementMet.objects.standing()
    met = standing.filter(enrolment=enrolment, requirement__kind=kind, requirement__key=str(key)).select_related("requirement").first()
    if met is None:
        return None
    carried = standing.filter(enrolment__person=enrolment.person_id, requirement=met.requirement_id, evidence=met.evidence)
    rows = list(carried.order_by("enrolment__round"))
    completion = Completion.objects.filter(enrolment=rows[-1].enrolment_id).select_related("reversal").first()
    reversal = None
    if completion is not None and rows[-1].pk in completion.evidence:
        if hasattr(completion, "reversal") and not Withdrawal.objects.filter(met__in=completion.evidence).exists():
            return None
        fell_before = hasattr(completion, "reversal")
        reversal = reverse(completion=completion, by=by, reason=reason, at=at)
    for row in rows:
        withdrawal = Withdrawal.objects.create(met=row, reason=reason.strip(), by=by, at=at)
    if reversal is None or fell_before:  # else the entry of the reversal tells of it
        audit.record(enrolment, "courses.withdraw", by=by, requirement=met.requirement.title, reason=withdrawal.reason)
    return reversal or withdrawal


def gaps(at: datetime) -> list[Gap]:
    """Enrolments with everything met and no completion, at most 1,000."""
    asked = _counted(EditionRequirement.objects.filter(edition=OuterRef("edition")), "edition")
    got = _counted(RequirementMet.objects.standing().filter(enrolment=OuterRef("pk")), "enrolment")
    ready = (
        Enrolment.objects.filter(completion__isnull=True, met__isnull=False)
        .distinct()
        .annotate(asked=asked, got=got)
        .filter(asked__gt=0, got__gte=F("asked"))
        .select_related("edition")
        .order_by("pk")[:1000]
    )
    return [Gap(f"enrolment {row.pk}: {row}", partial(fulfil, enrolment=row, at=at)) for row in ready]


def _counted(rows, by: str):
    counted = rows.order_by().values(by).annotate(rows=Count("pk")).values("rows")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
