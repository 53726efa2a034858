"""Higher certificates: what each asks for, who has met it, and the only writer of conditions, attestations and these certificates.

A higher certificate is issued in the transaction of the event that met the last condition: a lower certificate was
issued, a course completed, a condition attested. `explain` says what is met and what is missing; the decision, the
learner's page, HR's page and the dry run all read it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import NoReturn

import structlog
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates import rules
from certificates.models import (
    Attestation,
    Basis,
    Certificate,
    CertificateKind,
    CertificateQuerySet,
    ConditionSet,
    State,
    StatusEvent,
)
from certificates.permissions import counties_of
from certificates.services import issuing
from certificates.services.kinds import version_in_force
from core import audit, clock
from core.errors import Refused
from core.prepared import Prepared
from core.reconcile import Gap
from courses.models import Completion, Course
from people.models import Person, Role, Unit
from people.models.snapshot import served_at

log = structlog.get_logger(__name__)
ATTESTS = (Role.HR, Role.TRAINER, Role.REVIEWER)
LONGEST_LINE = 120  # what Certificate.course_title holds
Key = tuple[str, str]  # what a condition asks for: ("kind" | "course" | "attested", key)


@dataclass(frozen=True)
class Point:
    """One condition of one person: met or not, by which fact, and what to do next."""

    asks: str  # "kind", "course", "attested"
    key: str
    title: str
    words: str
    is_met: bool
    fact: Certificate | Completion | Attestation | None = None
    url: str = ""  # where to go on, for the person: "" where there is nothing that they can do themselves
    is_barred: bool = False  # the fact is there, but an earlier certificate of the kind rested on it

    @property
    def day(self) -> date | None:
        at = (
            self.fact.issued_at
            if isinstance(self.fact, Certificate)
            else self.fact.completed_at
            if isinstance(self.fact, Completion)
            else self.fact.at
            if self.fact
            else None
        )
        return clock.today(at) if at else None


@dataclass(frozen=True)
class Explanation:
    """What of a higher certificate's conditions a person has met: one answer for all who ask."""

    person: Person
    conditions: ConditionSet
    points: tuple[Point, ...]
    held: Certificate | None  # in force or suspended: nothing is issued beside it
    round: int  # of the certificate that would be issued
    is_new: bool  # something is met by a fact on which no earlier certificate of the kind rested

    @property
    def kind(self) -> CertificateKind:
        return self.conditions.kind

    @property
    def met(self) -> list[Point]:
        return [point for point in self.points if point.is_met]

    @property
    def missing(self) -> list[Point]:
        return [point for point in self.points if not point.is_met]

    @property
    def is_suspended(self) -> bool:
        """Whether what is held counts nothing for now."""
        return self.held is not None and (self.held.decided() or (None,))[0] == StatusEvent.Kind.SUSPENDED

    @property
    def is_earned(self) -> bool:
        """Whether the certificate is to be issued now."""
        return self.held is None and not self.missing and self.is_new

    @property
    def percent(self) -> int:
        return 100 if self.held else 100 * len(self.met) // len(self.points)

    @property
    def words(self) -> str:
        if self.held is not None:
            state = self.held.state_on(clock.today())
            return (
                _("Held: %(number)s.") if state == State.VALID else _("Held, but suspended: %(number)s. While it is, no other is issued.")
            ) % {"number": self.held.number}
        if self.missing:
            return _("Still missing: %(things)s.") % {"things": _("; ").join(point.words for point in self.missing)}
        if not self.is_new:
            return _("Everything that is met was counted for an earlier certificate already: one of the conditions has to be met anew.")
        return _("Everything is met; the certificate is being issued.")


# ---- reading -----------------------------------------------------------------------------------


def sets_in_force(county: Unit | int | None = None) -> list[ConditionSet]:
    """The conditions that stand, of a county or of all, with their kinds. One query."""
    if county is None:
        return list(_sets())
    return _sets_of(county.pk if isinstance(county, Unit) else county)


def _sets() -> QuerySet[ConditionSet]:
    return ConditionSet.objects.in_force().select_related("kind__county").order_by("kind__category", "kind__key", "pk")


_sets_of = Prepared(lambda county: _sets().filter(kind__county=county))  # asked whenever somebody completes anything


def explain(person: Person, conditions: ConditionSet, *, at: datetime) -> Explanation:
    """What of these conditions the person has met. Seven queries at most."""
    return explain_all([person], [conditions], at=at)[person.pk][0]


def explain_all(people: Iterable[Person], sets: Iterable[ConditionSet], *, at: datetime) -> dict[int, list[Explanation]]:
    """The same for many people and condition sets, by person id, in the order of the sets. Seven queries, however many."""
    people, sets = list(people), list(sets)
    facts = _Facts(people, sets, clock.today(at))
    return {person.pk: [facts.explained(person, conditions) for conditions in sets] for person in people}


class _Facts:
    """All that decides about some people and condition sets, read with a fixed number of queries."""

    def __init__(self, people: list[Person], sets: list[ConditionSet], day: date) -> None:
        self.day = day
        counties = {one.kind.county_id for one in sets}
        keys = {key for one in sets for key in one.kinds} | {one.kind.key for one in sets}
        codes = {code for one in sets for code in one.courses}
        own = {one.kind_id for one in sets}
        self.kinds = {
            (kind.county_id, kind.key): kind for kind in CertificateKind.objects.filter(county__in=counties, key__in=keys).order_by("pk")
        }
        courses = Course.objects.filter(county__in=counties, code__in=codes).select_related("current") if codes else Course.objects.none()
        self.courses = {(course.county_id, course.code): course for course in courses}
        self.certificates: dict[tuple[int, int], list[Certificate]] = defaultdict(list)
        held = Certificate.objects.filter(person__in=people, kind__in=self.kinds.values()).with_state()
        for one in held.order_by("pk"):
            self.certificates[one.person_id, one.kind_id].append(one)
        self.completions: dict[tuple[int, int], list[Completion]] = defaultdict(list)
        if self.courses:
            done = Completion.objects.standing().filter(person__in=people, course__in=self.courses.values())
            for completion in done.order_by("completed_at", "pk"):
                self.completions[completion.person_id, completion.course_id].append(completion)
        self.attested: dict[tuple[int, int, str], Attestation] = {}
        if any(one.attested for one in sets):
            for said in Attestation.objects.filter(person__in=people, kind__in=own).order_by("pk"):
                self.attested[said.person_id, said.kind_id, said.key] = said
        self.used: dict[tuple[int, int], list[Basis]] = defaultdict(list)
        for fact in Basis.objects.filter(certificate__person__in=people, certificate__kind__in=own).select_related("certificate", "lower"):
            self.used[fact.certificate.person_id, fact.certificate.kind_id].append(fact)

    def explained(self, person: Person, conditions: ConditionSet) -> Explanation:
        kind = conditions.kind
        earlier = self.certificates[person.pk, kind.pk]
        held = next((one for one in reversed(earlier) if one.state_on(self.day) in (State.VALID, State.SUSPENDED)), None)
        if held is None:  # suspended ones that have run out still wait for HR's decision
            held = next((one for one in reversed(earlier) if (one.decided() or (None,))[0] == StatusEvent.Kind.SUSPENDED), None)
        used = self.used[person.pk, kind.pk]
        revoked = {one.pk for one in earlier if (one.decided() or (None,))[0] == StatusEvent.Kind.REVOKED}
        counted: dict[str, set] = {
            "lower": {fact.lower.lineage for fact in used if fact.lower},  # a corrected one is nothing new
            "revoked": {fact.lower.lineage for fact in used if fact.lower and fact.certificate_id in revoked},
            "completion": {fact.completion_id for fact in used} - {None},
            "attestation": {fact.attestation_id for fact in used} - {None},
        }
        points = [
            *(self._lower(person, kind, key, counted["revoked"]) for key in conditions.kinds),
            *(self._course(person, kind, code, counted["completion"]) for code in conditions.courses),
            *(self._said(person, kind, asked, counted["attestation"]) for asked in conditions.attested),
        ]
        by_hand = [one.round for one in earlier if one.completion_id is None and one.replaces_id is None]
        fresh = [
            point for point in points if point.fact and not (isinstance(point.fact, Certificate) and point.fact.lineage in counted["lower"])
        ]
        return Explanation(person, conditions, tuple(points), held, max(by_hand, default=0) + 1, bool(fresh))

    def _lower(self, person: Person, kind: CertificateKind, key: str, barred: set) -> Point:
        lower = self.kinds.get((kind.county_id, key))
        title = lower.title if lower else key
        mine = self.certificates[person.pk, lower.pk] if lower else []
        in_force = [one for one in mine if one.state_on(self.day) == State.VALID]
        counting = [one for one in in_force if one.lineage not in barred]
        words = _("Hold “%(title)s” in force") % {"title": title}
        if in_force and not counting:
            words = _("Hold a new “%(title)s”: the one held was counted for a certificate that was revoked") % {"title": title}
        url = reverse("certificate_ladder") + f"#kind-{key}"
        fact = max(counting, key=lambda one: (one.valid_until or date.max, one.pk), default=None)
        return Point("kind", key, title, words, fact is not None, fact, url, bool(in_force and not counting))

    def _course(self, person: Person, kind: CertificateKind, code: str, barred: set) -> Point:
        course = self.courses.get((kind.county_id, code))
        title = f"{code} {course.current.title}" if course and course.current else code
        done = self.completions[person.pk, course.pk] if course else []
        counting = [one for one in done if one.pk not in barred]
        url = reverse("course", args=[course.pk]) if course and course.is_open and course.current else ""
        if done and not counting:
            words = _("Complete “%(title)s” anew: the last completion was counted for an earlier certificate") % {"title": title}
        elif url:
            words = _("Complete the course “%(title)s”") % {"title": title}
        else:
            words = _("Complete the course “%(title)s”, which is not open yet") % {"title": title}
        fact = counting[-1] if counting else None
        return Point("course", code, title, words, fact is not None, fact, url, bool(done and not counting))

    def _said(self, person: Person, kind: CertificateKind, asked: dict, barred: set) -> Point:
        said = self.attested.get((person.pk, kind.pk, asked["key"]))
        if said is not None and not said.is_met:
            said = None
        is_barred = said is not None and said.pk in barred
        words = _("“%(title)s”: a trainer, a reviewer or HR attests it") % {"title": asked["title"]}
        if is_barred:
            words = _("“%(title)s” anew: what was attested was counted for an earlier certificate") % {"title": asked["title"]}
        fact = None if is_barred else said
        return Point("attested", asked["key"], asked["title"], words, fact is not None, fact, "", is_barred)


def candidates(kind: CertificateKind, conditions: ConditionSet, *, day: date) -> QuerySet:
    """The people who have met these conditions and hold no certificate of the kind: the same rule as `Explanation.is_earned`, as one query."""
    held = Certificate.objects.with_state().filter(person=OuterRef("pk"), kind=kind)
    undecided = Q(decided_kind=None) | Q(decided_kind=StatusEvent.Kind.RESTORED)
    held = held.filter(Q(decided_kind=StatusEvent.Kind.SUSPENDED) | undecided & (Q(valid_until=None) | Q(valid_until__gte=day)))
    found = Person.objects.filter(~Exists(held))
    counted = Basis.objects.filter(certificate__kind=kind, certificate__person=OuterRef("person"))
    revoked = StatusEvent.objects.filter(certificate=OuterRef("certificate"), kind=StatusEvent.Kind.REVOKED)
    any_new = Q(pk__in=[])
    for key in conditions.kinds:
        lower = Certificate.objects.in_force(day).filter(
            person=OuterRef("pk"), kind__county=kind.county_id, kind__key=key, issued_on__lte=day
        )
        found = found.filter(Exists(_without(lower, counted.filter(Exists(revoked)))))
        any_new |= Q(Exists(_without(lower, counted)))
    for code in conditions.courses:
        done = Completion.objects.standing().filter(person=OuterRef("pk"), course__county=kind.county_id, course__code=code)
        found = found.filter(Exists(done.filter(~Exists(counted.filter(completion=OuterRef("pk"))))))
    later = Attestation.objects.filter(person=OuterRef("person"), kind=OuterRef("kind"), key=OuterRef("key"), pk__gt=OuterRef("pk"))
    for asked in conditions.attested:
        said = Attestation.objects.filter(person=OuterRef("pk"), kind=kind, key=asked["key"], is_met=True)
        found = found.filter(Exists(said.filter(~Exists(later), ~Exists(counted.filter(attestation=OuterRef("pk"))))))
    return found if conditions.courses or conditions.attested else found.filter(any_new)


def _without(lower: QuerySet, counted: QuerySet) -> QuerySet:
    """Those of some certificates of whose lineage none was counted."""
    same = counted.filter(lower__kind=OuterRef("kind"))
    of_completion = same.filter(lower__completion=OuterRef("completion"))
    of_round = same.filter(lower__completion=None, lower__round=OuterRef("round"))
    return lower.filter(~Exists(of_completion), Q(completion__isnull=False) | ~Exists(of_round))


# ---- issuing -----------------------------------------------------------------------------------


def after_certificate(*, certificate: Certificate, at: datetime) -> list[Certificate]:
    """What a certificate that was just issued brings its holder: the higher ones whose last condition it was.

    One that replaces a faulty one rests on what that rested on.
    """
    if certificate.replaces_id and not certificate.completion_id:
        _keep_basis(certificate)
    county, key = certificate.kind.county_id, certificate.kind.key
    return _advance(certificate.person_id, county, lambda one: key in one.kinds, at=at)


def _keep_basis(certificate: Certificate) -> None:
    for fact in Basis.objects.filter(certificate=certificate.replaces_id):
        kept = {name: getattr(fact, name) for name in ("condition", "lower_id", "completion_id", "attestation_id")}
        Basis.objects.create(certificate=certificate, **kept)


def after_completion(*, completion: Completion, at: datetime) -> list[Certificate]:
    """What a completion brings: the higher certificates whose last condition it was."""
    code = completion.course_code
    return _advance(completion.person_id, completion.course.county_id, lambda one: code in one.courses, at=at)


def _advance(person_id: int, county_id: int, is_touched: Callable[[ConditionSet], bool], *, at: datetime) -> list[Certificate]:
    """Award what is met now. What two events of the same moment meet together, neither sees: a look after the commit does."""
    sets = [one for one in sets_in_force(county_id) if is_touched(one)]
    if not sets:
        return []
    person = Person.objects.select_related("unit").get(pk=person_id)
    issued, open_sets = [], []
    for explanation in explain_all([person], sets, at=at)[person.pk]:
        certificate = _award(explanation, at=at)
        if certificate:
            issued.append(certificate)
        elif explanation.held is None and explanation.met:
            open_sets.append(explanation.conditions)
    if open_sets:
        transaction.on_commit(lambda: _look_again(person, open_sets, at), robust=True)
    return issued


def _look_again(person: Person, sets: list[ConditionSet], at: datetime) -> None:
    for explanation in explain_all([person], sets, at=at)[person.pk]:
        _award(explanation, at=at)


@transaction.atomic
def award(*, person: Person, conditions: ConditionSet, at: datetime) -> Certificate | None:
    """The higher certificate that the person has earned by these conditions, once; None as long as `explain` says why not."""
    return _award(explain(person, conditions, at=at), at=at)


def _award(explanation: Explanation, *, at: datetime) -> Certificate | None:
    """Issue, unless something is missing, somebody was quicker, or the county has not set up what a number needs."""
    if not explanation.is_earned:
        return None
    try:
        with transaction.atomic():
            return _issue(explanation, at=at)
    except IntegrityError:  # another event of the same moment issued it
        if _round_is_taken(explanation):
            return None
        raise
    except Refused as refusal:
        if refusal.code not in issuing.UNREADY:
            raise
        log.error("higher_certificate_not_issued", reason=refusal.code, kind=explanation.kind.key, person=explanation.person.pk)
        return None


def _round_is_taken(explanation: Explanation) -> bool:
    return Certificate.objects.filter(
        person=explanation.person, kind=explanation.kind, round=explanation.round, completion=None, replaces=None
    ).exists()


def _issue(explanation: Explanation, *, at: datetime) -> Certificate:
    kind, today = explanation.kind, clock.today(at)
    if not kind.live:
        _refuse_unapproved(kind)
    for point in explanation.points:
        if isinstance(point.fact, Certificate):
            point.fact.require_as_issued()
    version = version_in_force(kind, at=at)
    design = version.content
    certificate = Certificate(
        **served_at(explanation.person, on=today),
        kind=kind,
        version=version,
        round=explanation.round,
        number=issuing.next_number(kind, kind.county, at=at),
        title=design["title"],
        issuer=design["issuer"],
        course_title=rules.short_list([_printed(point) for point in explanation.points], LONGEST_LINE),
        hours=_hours(explanation),
        issued_on=today,
        valid_until=rules.last_valid_day(today, design["validity_months"]),
        issued_at=at,
    )
    certificate.text = rules.fill_wording(design["wording"], issuing.words_of(certificate, on=today))
    basis = [_basis(point) for point in explanation.points]
    return issuing.write(certificate=certificate, at=at, basis=basis)


def _refuse_unapproved(kind: CertificateKind) -> NoReturn:
    raise Refused(_("The certificate “%(title)s” is not approved yet: nothing is issued from it.") % {"title": kind.title}, code="no_kind")


def _printed(point: Point) -> str:
    return point.fact.title if isinstance(point.fact, Certificate) else point.title


def _basis(point: Point) -> Basis:
    field = {"kind": "lower", "course": "completion", "attested": "attestation"}[point.asks]
    return Basis(condition=point.title[:160], **{field: point.fact})


def _hours(explanation: Explanation) -> Decimal:
    """The hours of every completion that it rests on, by itself or through lower certificates; each once."""
    completions = {point.fact.pk for point in explanation.points if isinstance(point.fact, Completion)}
    lower = {point.fact.pk for point in explanation.points if isinstance(point.fact, Certificate)}
    seen: set[int] = set()
    while lower - seen:
        seen |= lower
        completions |= set(Certificate.objects.filter(pk__in=lower).exclude(completion=None).values_list("completion", flat=True))
        below = Basis.objects.filter(certificate__in=lower)
        completions |= set(below.exclude(completion=None).values_list("completion", flat=True))
        lower = set(below.exclude(lower=None).values_list("lower", flat=True))
    return sum((one.hours for one in Completion.objects.filter(pk__in=completions)), Decimal(0))


def catch_up(*, conditions: ConditionSet, at: datetime, limit: int = 1000) -> int:
    """Issue to those who meet conditions that were put into force just now; how many. Each in a transaction of its own."""
    found = candidates(conditions.kind, conditions, day=clock.today(at)).select_related("unit").order_by("pk")[:limit]
    return sum(award(person=person, conditions=conditions, at=at) is not None for person in found)


def gaps(at: datetime, *, limit: int = 1000) -> list[Gap]:
    """People who have met all conditions of a higher certificate and have none."""
    found: list[Gap] = []
    for conditions in sets_in_force():
        waiting = candidates(conditions.kind, conditions, day=clock.today(at)).select_related("unit").order_by("pk")
        if not conditions.kind.live:  # one gap for all that wait for the county, and none of them is looked at
            if count := waiting.count():
                found.append(
                    Gap(f"{count} people wait for {conditions.kind.key} to be approved", partial(_refuse_unapproved, conditions.kind))
                )
            continue
        for person in waiting[: limit - len(found)]:
            what = f"{person.employee_number} has met all that {conditions.kind.key} asks for and has no certificate"
            found.append(Gap(what, partial(_mend, person, conditions, at)))
    return found


def _mend(person: Person, conditions: ConditionSet, at: datetime) -> None:
    explanation = explain(person, conditions, at=at)
    if explanation.is_earned:
        with transaction.atomic():
            _issue(explanation, at=at)


# ---- conditions --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """The conditions that somebody wants to put into force."""

    kinds: tuple[str, ...] = ()
    courses: tuple[str, ...] = ()
    attested: tuple[tuple[str, str], ...] = ()  # (key, title)
    source: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.kinds or self.courses or self.attested)

    def of(self, kind: CertificateKind, *, at: datetime, number: int = 0, by: Person | None = None) -> ConditionSet:
        """As a row that is not written yet."""
        return ConditionSet(
            kind=kind,
            number=number,
            kinds=list(self.kinds),
            courses=list(self.courses),
            attested=[{"key": key, "title": title} for key, title in self.attested],
            is_empty=self.is_empty,
            source=self.source,
            by=by,
            at=at,
        )


@transaction.atomic
def put_into_force(*, kind: CertificateKind, terms: Terms, by: Person | None, at: datetime) -> ConditionSet:
    """From now on a kind asks for these conditions. What was issued stays; who meets them already is issued to after the commit.

    Locks the county's kinds, so that two changes cannot close a circle together. The same conditions again change nothing.

    Raises:
        Refused: unknown lower kinds ("unknown_kind"), a kind asks for itself by others, named ("circle"),
            or a condition named twice ("twice").
    """
    kinds = {one.key: one for one in CertificateKind.objects.select_for_update(of=("self",), no_key=True).filter(county=kind.county_id)}
    check_terms(kind, terms, kinds)
    newest = ConditionSet.objects.filter(kind=kind).order_by("-number").first()
    number = newest.number + 1 if newest else 1
    wanted = terms.of(kind, number=number, by=by, at=at)
    same = ("kinds", "courses", "attested", "source")
    if newest and all(getattr(newest, name) == getattr(wanted, name) for name in same):
        return newest
    wanted.save()
    if by is not None:
        audit.record(kind, "certificates.conditions", by=by, number=number, **{name: getattr(wanted, name) for name in same})
    return wanted


def check_terms(kind: CertificateKind, terms: Terms, kinds: dict[str, CertificateKind] | None = None) -> None:
    """Let conditions pass that can be met. Raises as `put_into_force` does."""
    if kinds is None:
        kinds = {one.key: one for one in CertificateKind.objects.filter(county=kind.county_id)}
    unknown = [key for key in terms.kinds if key not in kinds]
    if unknown:
        raise Refused(_("The county has no certificate with the key %(keys)s.") % {"keys": "、".join(unknown)}, code="unknown_kind")
    for given in (terms.kinds, terms.courses, [key for key, _title in terms.attested]):
        if len(set(given)) != len(given):
            raise Refused(_("A condition is named twice."), code="twice")
    asks = {one.kind.key: one.kinds for one in sets_in_force(kind.county_id)} | {kind.key: list(terms.kinds)}
    if found := rules.circle(asks):
        titles = " → ".join(f"“{kinds[key].title}”" for key in found)
        raise Refused(
            _("These certificates would ask for each other, so nobody could earn them: %(circle)s.") % {"circle": titles}, code="circle"
        )


# What the handbook suggests (政务公开培训手册, D: each county decides), by the keys of DEFAULT_KINDS.
DEFAULT_LADDER = {
    "basic": Terms(courses=("P01", "P03", "P05"), source="县定（D）：初级"),
    "compiler": Terms(
        kinds=("basic",), courses=("S01", "S02", "S03"), attested=(("approved-rows", "一组经审定的目录条目"),), source="县定（D）：中级"
    ),
    "backbone": Terms(
        kinds=("compiler",), courses=("S04",), attested=(("reviewed-draft", "一份经评审的标准草案"),), source="县定（D）：高级"
    ),
    "publisher": Terms(courses=("P01", "P05", "O01"), source="县定（D）：专项"),
}


@transaction.atomic
def ensure_ladder(county: Unit, *, at: datetime) -> list[ConditionSet]:
    """The conditions that a county starts with; nothing where it has any, or has issued certificates: HR looks first who would gain."""
    if ConditionSet.objects.filter(kind__county=county).exists() or Certificate.objects.filter(kind__county=county).exists():
        return []
    kinds = {kind.key: kind for kind in CertificateKind.objects.filter(county=county, key__in=DEFAULT_LADDER)}
    wanted = [(kinds[key], terms) for key, terms in DEFAULT_LADDER.items() if key in kinds]
    return [put_into_force(kind=kind, terms=terms, by=None, at=at) for kind, terms in wanted]


# ---- attestations ------------------------------------------------------------------------------


def may_attest(user, kind: CertificateKind) -> bool:
    """Whether the user is HR, trainer or reviewer over the whole county of the kind."""
    if not user.is_authenticated:
        return False
    return user.is_superuser or any(county.pk == kind.county_id for county in counties_of(user, ATTESTS))


@transaction.atomic
def attest(*, person: Person, conditions: ConditionSet, key: str, evidence: str, by: Person, at: datetime) -> Attestation:
    """Put on record that the person has met a condition that the platform cannot know, and issue what that completes.

    Locks the conditions. Attesting what is attested returns the row that stands, unless an earlier certificate used it up.

    Raises:
        Refused: no such condition ("unknown"), no evidence ("no_evidence"), oneself ("self"), or of another county ("other_county").
    """
    said = _say(person, conditions, key, is_met=True, evidence=evidence, by=by, at=at)
    _advance(person.pk, conditions.kind.county_id, lambda one: one.kind_id == conditions.kind_id, at=at)
    return said


@transaction.atomic
def withdraw(*, person: Person, conditions: ConditionSet, key: str, reason: str, by: Person, at: datetime) -> Attestation:
    """Take an attestation back by a new row with its reason. Certificates that rest on it are not touched: HR sees them.

    Raises:
        Refused: as `attest`, or nothing is attested ("not_attested").
    """
    return _say(person, conditions, key, is_met=False, evidence=reason, by=by, at=at)


def _say(person: Person, conditions: ConditionSet, key: str, *, is_met: bool, evidence: str, by: Person, at: datetime) -> Attestation:
    kind = conditions.kind
    title = next((asked["title"] for asked in conditions.attested if asked["key"] == key), None)
    if title is None:
        raise Refused(_("“%(title)s” has no such condition.") % {"title": kind.title}, code="unknown")
    if person.pk == by.pk:
        raise Refused(_("Nobody attests for themselves."), code="self")
    if person.unit is None or person.unit.county_path != kind.county.path:
        raise Refused(_("%(name)s does not serve in %(county)s.") % {"name": person.name, "county": kind.county.name}, code="other_county")
    evidence = evidence.strip()
    if not evidence:
        raise Refused(_("Say what shows it: it stays on record with your name."), code="no_evidence")
    ConditionSet.objects.select_for_update(no_key=True, of=("self",)).get(pk=conditions.pk)  # against a double click
    newest = Attestation.objects.filter(person=person, kind=kind, key=key).order_by("-pk").first()
    if newest is not None and newest.is_met and is_met and not Basis.objects.filter(attestation=newest).exists():
        return newest
    if not is_met and (newest is None or not newest.is_met):
        raise Refused(_("Nothing of this is attested."), code="not_attested")
    said = Attestation.objects.create(
        **served_at(person, on=clock.today(at)), kind=kind, key=key, title=title, is_met=is_met, evidence=evidence[:300], by=by, at=at
    )
    audit.record(
        kind, "certificates.attest" if is_met else "certificates.withdraw", by=by, person=person.pk, key=key, evidence=said.evidence
    )
    return said


# ---- what no longer stands ---------------------------------------------------------------------


def shaken(certificates: CertificateQuerySet, *, day: date) -> QuerySet:
    """Of some certificates those in force that rest on something that no longer stands.

    A lower certificate, or the one that it renews, was revoked; a completion reversed; an attestation withdrawn. That a lower
    one ran out, or was replaced by one with corrected facts, shakes nothing.
    """
    revoked = StatusEvent.objects.filter(certificate=OuterRef("lower"), kind=StatusEvent.Kind.REVOKED)
    later = Attestation.objects.filter(
        person=OuterRef("attestation__person"), kind=OuterRef("attestation__kind"), key=OuterRef("attestation__key")
    ).order_by("-pk")
    fallen = Basis.objects.annotate(newest_says=Subquery(later.values("is_met")[:1], output_field=models.BooleanField()))
    fallen = fallen.filter(Exists(revoked) | Q(completion__reversal__isnull=False) | Q(attestation__isnull=False, newest_says=False))
    renewed = StatusEvent.objects.filter(certificate=OuterRef("renews"), kind=StatusEvent.Kind.REVOKED)
    return certificates.in_force(day).filter(Exists(fallen.filter(certificate=OuterRef("pk"))) | Q(Exists(renewed)))


def basis_of(certificate: Certificate) -> list[Basis]:
    """What a certificate rests on, with the facts themselves. One query."""
    return list(certificate.basis.select_related("lower", "completion__reversal", "attestation__by"))
