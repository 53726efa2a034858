"""Claims of hours learned outside the platform: the only writers, and what there is to know about one.

The person files it with evidence, or HR for somebody who cannot; two officers of HR approve it, one after the other, neither of them
who filed it; the second approval enters the hours. What was entered wrongly is answered by a correction, as every entry of the ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from core.figures import figure
from courses.models import Completion
from courses.services import policies
from evaluation import rules
from evaluation.evidence import File, keep, kinds_of
from evaluation.models import ClaimDecision, Evidence, HourClaim, LedgerEntry
from evaluation.models.claim import FACE_TO_FACE, HourClaimQuerySet
from evaluation.permissions import deciders_on, decides_q, over_q, people_to_file_for
from evaluation.services import days_of
from people.models import Person, Role, Unit
from people.models.snapshot import copied_from, served_at
from people.permissions import has_role

Verdict = ClaimDecision.Verdict


@dataclass(frozen=True)
class Facts:
    """What a person says of what they learned."""

    kind: str
    title: str
    organiser: str
    starts_on: date
    ends_on: date
    hours: Decimal
    note: str = ""


@transaction.atomic
def file(
    *, person: Person, facts: Facts, files: Sequence[File], form_key: str, at: datetime, by: Person | None = None, reason: str = ""
) -> HourClaim:
    """File a claim: one's own, or as HR `by` for somebody who cannot, with the `reason`, which leaves an audit entry. The same form sent
    twice gives one claim. Locks the person's row.

    Raises:
        Refused: no unit on that day ("no_unit"), days or hours that cannot be ("order", "future", "two_years", "too_old", "none",
            "steps", "too_many"; "too_many_together" with other claims for the same days), or evidence that is missing, too much, too large or of another kind
            ("no_evidence", "too_many_files", "too_large", "wrong_content"). For another: no right over them ("not_hr"), no reason
            ("no_reason"), or a last day on which they served where `by` is not HR ("elsewhere").
    """
    other = by if by is not None and by.pk != person.pk else None
    if other is not None and not may_file_for(other, person):
        raise Refused(_("Hours of somebody else are claimed by HR of the person's unit or county only."), code="not_hr")
    if other is not None and not reason.strip():
        raise Refused(_("Say why the person does not file it: the person and the officers read it."), code="no_reason")
    _lock(person.pk)
    standing = HourClaim.objects.filter(person=person, form_key=form_key).first()
    if standing is not None:
        return standing
    served = served_at(person, on=facts.ends_on)
    if served["unit"] is None:
        raise Refused(_("No unit is on record for %(day)s: hours cannot be entered for it.") % {"day": facts.ends_on}, code="no_unit")
    if other is not None and not Unit.objects.filter(over_q(other), pk=served["unit"].pk).exists():
        raise Refused(
            _("On %(day)s the person served where you are not HR: HR of that unit files it.") % {"day": facts.ends_on}, code="elsewhere"
        )
    wrong_days = rules.check_days(starts_on=facts.starts_on, ends_on=facts.ends_on, today=clock.today(at))
    if wrong_days is not None:  # before a policy is asked for, which may not reach so far back
        raise Refused(_said(wrong_days, None), code=wrong_days)
    policy = policies.in_force(day=facts.ends_on, county=served["unit"].county)
    terms = rules.ClaimTerms(policy.step, policy.hours_per_day if facts.kind in FACE_TO_FACE else None)
    problem = rules.check_claim(starts_on=facts.starts_on, ends_on=facts.ends_on, hours=facts.hours, today=clock.today(at), terms=terms)
    if problem is not None:
        raise Refused(_said(problem, terms), code=problem)
    _refuse_crowded(person, facts, terms)
    kinds = kinds_of(files)
    if not files:
        raise Refused(_("Add the evidence: a notice, a sign-in sheet or a certificate, as PDF or photograph."), code="no_evidence")
    claim = HourClaim.objects.create(
        **served,
        kind=facts.kind,
        title=facts.title.strip(),
        organiser=facts.organiser.strip(),
        starts_on=facts.starts_on,
        ends_on=facts.ends_on,
        hours=facts.hours,
        note=facts.note.strip(),
        policy=policy,
        filed_by=other,
        filing_reason=reason.strip() if other is not None else "",
        form_key=form_key,
        at=at,
    )
    keep(Evidence, files, kinds, folder=f"claims/{claim.year}/{claim.pk}", claim=claim)
    if other is not None:
        audit.record(person, "evaluation.claim_filed", by=other, claim=claim.pk, hours=str(claim.hours), reason=claim.filing_reason)
    return claim


def _refuse_crowded(person: Person, facts: Facts, terms: rules.ClaimTerms) -> None:
    """A day has 24 hours for all that is claimed, and for lectures and exchange together those of the policy."""
    standing = _linked(person, facts)
    alike = [one for one in standing if one.kind in FACE_TO_FACE] if facts.kind in FACE_TO_FACE else []
    if not (_fits(standing, facts, None) and _fits(alike, facts, terms.hours_per_day)):
        raise Refused(
            _("With what is claimed for these days already (%(titles)s) it is more than a day may count.")
            % {"titles": "、".join(one.title for one in standing)},
            code="too_many_together",
        )


def _fits(standing: Sequence[HourClaim], facts: Facts, hours_per_day: Decimal | None) -> bool:
    spans = [(one.starts_on, one.ends_on, one.hours) for one in [*standing, facts]]
    return rules.is_within_days(spans, hours_per_day=hours_per_day)


def _linked(person: Person, facts: Facts) -> list[HourClaim]:
    """The live claims whose hours these may push to another day: that share a day with them, or with one that does."""
    starts_on, ends_on = facts.starts_on, facts.ends_on
    while True:
        found = _live(_touching(person.pk, starts_on, ends_on))
        first, last = min([starts_on, *(one.starts_on for one in found)]), max([ends_on, *(one.ends_on for one in found)])
        if (first, last) == (starts_on, ends_on):
            return found
        starts_on, ends_on = first, last


def _touching(person_id: int, starts_on: date, ends_on: date) -> HourClaimQuerySet:
    """The claims of a person that share a day with these."""
    return HourClaim.objects.filter(person=person_id, starts_on__lte=ends_on, ends_on__gte=starts_on)


def _live(claims: QuerySet[HourClaim]) -> list[HourClaim]:
    """Those that wait or are credited."""
    ended = (HourClaim.State.REFUSED, HourClaim.State.WITHDRAWN)
    return [one for one in claims.select_related("filed_by").prefetch_related("decisions") if one.state not in ended]


def _said(problem: str, terms: rules.ClaimTerms | None) -> str:
    if terms and problem == "too_many" and terms.hours_per_day:
        return _("At most %(hours)s hours of lectures and exchange count for a day.") % {"hours": figure(terms.hours_per_day)}
    return {
        "order": _("The last day lies before the first."),
        "future": _("The last day has not come yet: claim hours when they are over."),
        "two_years": _("Hours count in one year: file one claim for each year."),
        "too_old": _("Hours can be claimed for this year and the last only."),
        "none": _("Say how many hours."),
        "steps": _("Hours are counted in steps of %(step)s.") % {"step": figure(terms.step) if terms else ""},
        "too_many": _("A day has 24 hours."),
    }[problem]


@transaction.atomic
def approve(*, claim: HourClaim, by: Person, at: datetime, is_another: bool = False) -> HourClaim:
    """Approve as the first officer, or as the second: then the hours are in the ledger. Locks the claim and the person's row.

    A course counts once a year where the policy says so: where another claim of the year for a course of this title and
    organiser is credited, the officer has to say that this `is_another` course; the decision and its audit entry keep it.

    Where who approved it first decides on it no more, this is the first approval.

    Raises:
        Refused: no right ("not_hr"), one's own claim ("own_claim"), filed by the officer for the person ("filed_it"), approved by the same officer before ("same_officer"), it is
            over ("over"), or the course is credited already ("same_course").
    """
    held = _held(claim, by)
    _lock(held.person_id)
    step = 1 if first_word(held) is None else 2
    credited = doubled(held)
    if credited and not is_another:
        raise Refused(
            _("“%(title)s” by %(organiser)s is credited in this year already, on %(days)s: a course counts once a year.")
            % {"title": held.title, "organiser": held.organiser, "days": _(", ").join(days_of(one) for one in credited)},
            code="same_course",
        )
    reason = ""
    if credited:
        reason = _("Another course than that of %(days)s.") % {"days": _(", ").join(days_of(one) for one in credited)}
    ClaimDecision.objects.create(claim=held, step=step, verdict=Verdict.APPROVED, reason=reason, by=by, at=at)
    other = {"another_than": [one.pk for one in credited]} if credited else {}
    audit.record(held.person, "evaluation.claim_approved", by=by, claim=held.pk, hours=str(held.hours), step=step, **other)
    if step == 2:
        _credit(held, by, at)
    return HourClaim.objects.get(pk=held.pk)


def _credit(claim: HourClaim, by: Person, at: datetime) -> LedgerEntry:
    return LedgerEntry.objects.create(
        **copied_from(claim),
        kind=claim.kind,
        year=claim.year,
        hours=claim.hours,
        course_title=claim.title,
        claim=claim,
        policy_id=claim.policy_id,
        author=by,
        at=at,
    )


@transaction.atomic
def refuse(*, claim: HourClaim, by: Person, reason: str, at: datetime) -> HourClaim:
    """Refuse it, with a reason that the person reads. Locks the claim. Writes an audit entry.

    Raises:
        Refused: no reason ("no_reason"), or as `approve`. Who approved it first and has noticed a mistake may refuse it
            until the second has approved; the person can claim anew.
    """
    if not reason.strip():
        raise Refused(_("A refusal needs a reason: the person reads it."), code="no_reason")
    held = _held(claim, by, may_have_approved=True)
    ClaimDecision.objects.create(claim=held, step=len(held.steps) + 1, verdict=Verdict.REFUSED, reason=reason.strip(), by=by, at=at)
    audit.record(held.person, "evaluation.claim_refused", by=by, claim=held.pk, reason=reason.strip())
    return HourClaim.objects.get(pk=held.pk)


@transaction.atomic
def withdraw(*, claim: HourClaim, by: Person, at: datetime) -> HourClaim:
    """The person takes the claim back, as long as it is not decided; who filed it for them while nobody has approved. Locks the claim.

    Raises:
        Refused: not one's own ("not_own"), it is over ("over"), or approved once and not one's own ("approved").
    """
    held = HourClaim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    if by.pk not in (held.person_id, held.filed_by_id):
        raise Refused(_("A claim is withdrawn by the person whose hours it claims."), code="not_own")
    _require_open(held)
    if held.person_id != by.pk and held.said:
        raise Refused(_("An officer has approved it: the person may withdraw it, or an officer refuse it."), code="approved")
    ClaimDecision.objects.create(claim=held, step=len(held.steps) + 1, verdict=Verdict.WITHDRAWN, by=by, at=at)
    return HourClaim.objects.get(pk=held.pk)


def _held(claim: HourClaim, by: Person, *, may_have_approved: bool = False) -> HourClaim:
    held = HourClaim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    if held.person_id == by.pk:
        raise Refused(_("Nobody decides on their own hours."), code="own_claim")
    if held.filed_by_id == by.pk:
        raise Refused(_("You have filed this claim for the person: two other officers decide on it."), code="filed_it")
    if not HourClaim.objects.filter(decides_q(by), pk=held.pk).exists():
        raise Refused(_("Claims are decided by HR of the person's unit or county."), code="not_hr")
    _require_open(held)
    if not may_have_approved and has_approved(held, by):
        raise Refused(_("You have approved this claim: another officer has to do it as well."), code="same_officer")
    return held


def deciders(claim: HourClaim) -> frozenset[int]:
    """The keys of those who may decide on it now. Two queries."""
    return frozenset(deciders_on(claim).values_list("pk", flat=True))


def first_word(claim: HourClaim, *, among: frozenset[int] | None = None) -> ClaimDecision | None:
    """The first officer's approval, which a second one confirms; None where there is none, or who gave it decides on it no more.

    `among`: the `deciders`, where the caller knows them already.
    """
    first = next(iter(claim.steps), None)
    if first is None:
        return None
    return first if first.by_id in (deciders(claim) if among is None else among) else None


def has_approved(claim: HourClaim, officer: Person, *, among: frozenset[int] | None = None) -> bool:
    """Whether the approval that an open claim waits for has to be another officer's than theirs."""
    return officer.pk in _spoken(claim, among)


def _spoken(claim: HourClaim, among: frozenset[int] | None = None) -> set[int]:
    """Who may not approve next: who gave the first approval that stands; where none does, whoever gave one."""
    first = first_word(claim, among=among)
    return {first.by_id} if first is not None else {one.by_id for one in claim.said}


def _lock(person_id: int) -> None:
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=person_id)


def _require_open(held: HourClaim) -> None:
    if not held.is_open:
        raise Refused(_("This claim is over: %(state)s.") % {"state": HourClaim.State(held.state).label}, code="over")


# Reading


def listed(user) -> QuerySet[HourClaim]:
    """The claims that the user may read, with what their lists show. Two queries when read."""
    return HourClaim.objects.visible_to(user).select_related("filed_by").prefetch_related("decisions__by")


def may_file_for(user, person: Person) -> bool:
    """Whether the user files claims for somebody else (`people_to_file_for`). One query for HR, none for others."""
    return has_role(user, Role.HR) and people_to_file_for(user).filter(pk=person.pk).exists()


def beside(claim: HourClaim, user) -> list[HourClaim]:
    """Other claims of the person that touch the same days and were not refused, of those that the user reads: what a doubled claim looks
    like. Two queries."""
    found = _touching(claim.person_id, claim.starts_on, claim.ends_on).exclude(pk=claim.pk)
    return _live(found.visible_to(user))


def read_among(found: list[HourClaim], user) -> list[HourClaim]:
    """Those of these claims that the user reads. One query, or none."""
    seen = set(HourClaim.objects.visible_to(user).filter(pk__in=[one.pk for one in found]).values_list("pk", flat=True)) if found else set()
    return [one for one in found if one.pk in seen]


def alike(claim: HourClaim) -> list[HourClaim]:
    """Other live claims of the person in the year for something of the same title, whoever reads them: a rule asks. Two queries."""
    of_year = HourClaim.objects.filter(person=claim.person_id, ends_on__year=claim.year).exclude(pk=claim.pk)
    return [one for one in _live(of_year) if rules.as_compared(one.title) == rules.as_compared(claim.title)]


def completed_alike(claim: HourClaim, user) -> list[Completion]:
    """The person's standing completions in the year of courses of the same title, of those that the user reads. One query."""
    first, last = clock.start_of(date(claim.year, 1, 1)), clock.end_of(date(claim.year, 12, 31))
    done = Completion.objects.visible_to(user).standing().filter(person=claim.person_id, completed_at__gte=first, completed_at__lt=last)
    return [one for one in done.order_by("completed_at") if rules.as_compared(one.course_title) == rules.as_compared(claim.title)]


def doubled(claim: HourClaim, among: list[HourClaim] | None = None) -> list[HourClaim]:
    """Those of `alike` by the same organiser whose hours count, where a course counts once a year. Four queries at most, two with `alike` at hand."""
    organiser = rules.as_compared(claim.organiser)
    same = [one for one in (alike(claim) if among is None else among) if rules.as_compared(one.organiser) == organiser]
    if not same or not claim.policy.once_per_course_per_year:
        return []
    counting = set(LedgerEntry.objects.credited().filter(claim__in=same, left__gt=0).values_list("claim", flat=True))
    return [one for one in same if one.pk in counting]


def lacks_officer(claim: HourClaim, *, among: frozenset[int] | None = None) -> bool:
    """Whether none of the `deciders` could give the approval that it waits for. No query where they are known."""
    there = deciders(claim) if among is None else among
    return claim.is_open and not there - _spoken(claim, there)
