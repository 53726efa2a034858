"""The hour ledger: the only writers, and the answer to "why 7.5 hours?"."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from core.figures import figure, share
from courses.models import Completion, CreditPolicy, Reversal
from evaluation import changes, rules
from evaluation.models import HourClaim, LearnedElsewhere, LedgerEntry
from evaluation.permissions import reversible_q
from people.models import Duty, Person, Role, Unit
from people.models.snapshot import copied_from, served_at
from people.permissions import has_role, paths_of, reaches

GIVEN_BACK = "given-back:"  # begins the once_key of an entry that keeps a reversal from taking what was taken by hand before
ONLINE, TEST, CORRECTION = LedgerEntry.Kind.ONLINE, LedgerEntry.Kind.TEST, LedgerEntry.Kind.CORRECTION


# Writing


@transaction.atomic
def credit(*, completion: Completion, at: datetime) -> list[LedgerEntry]:
    """Enter the hours that a completion earns, once; return the entries that stand for it.

    The year is the county's calendar year of the completion. Where the policy counts a course
    once a year and another completion of it holds this year's turn, nothing is written and the
    list is empty. Hours hang on the completion, whether or not a certificate is awarded. Locks
    the person's row: entries of one person are written one after the other.
    """
    _lock(completion.person_id)
    return _credit(completion, at)


def _credit(completion: Completion, at: datetime) -> list[LedgerEntry]:
    standing = list(completion.ledger_entries.filter(kind__in=[ONLINE, TEST]))
    if standing:
        return standing
    year = clock.year_of(completion.completed_at)
    of_course = LedgerEntry.objects.filter(person_id=completion.person_id, year=year, completion__course_id=completion.course_id)
    counted = of_course.filter(kind=ONLINE).count()
    taken_back = of_course.filter(kind=CORRECTION).count()
    key = None
    if completion.policy.once_per_course_per_year:
        if counted > taken_back:
            return []
        key = rules.turn_key(course_id=completion.course_id, year=year, taken_back=taken_back)
    return [
        LedgerEntry.objects.create(
            **copied_from(completion),
            kind=kind,
            year=year,
            hours=hours,
            course_code=completion.course_code,
            course_title=completion.course_title,
            completion=completion,
            policy_id=completion.policy_id,
            once_key=key,
            at=at,
        )
        for kind, hours in rules.due_entries(study_hours=completion.study_hours, test_hours=completion.test_hours)
    ]


@transaction.atomic
def take_back(*, reversal: Reversal, at: datetime) -> LedgerEntry | None:
    """Answer a reversed completion's hours with one negative entry, once; None if it had earned none.

    If another completion of the course in that year stood back because of it, that one is
    credited now. What HR had taken from it by hand before is given back: nobody loses the same hours twice. Corrections
    that name no entry may have meant it: of these as much is given back as the balance would fall below zero. Locks the person's row.
    """
    completion = reversal.completion
    _lock(completion.person_id)
    entries = list(completion.ledger_entries.all())
    for entry in entries:
        if entry.kind == CORRECTION:
            return entry
    if not entries:
        return None
    year = entries[0].year
    taken = {entry.pk: entry.hours - rules.hours(entry.left) for entry in completion.ledger_entries.credited()}
    correction = LedgerEntry.objects.create(
        **copied_from(completion),
        kind=CORRECTION,
        year=year,
        hours=-sum(entry.hours for entry in entries),
        course_code=completion.course_code,
        course_title=completion.course_title,
        completion=completion,
        policy_id=completion.policy_id,
        reason=reversal.reason,
        author_id=reversal.by_id,
        at=at,
    )
    for entry in entries:
        if taken[entry.pk]:
            _give_back(correction, taken[entry.pk], entry)
    others = Completion.objects.standing().filter(
        person_id=completion.person_id,
        course_id=completion.course_id,
        completed_at__gte=clock.start_of(date(year, 1, 1)),
        completed_at__lt=clock.end_of(date(year, 12, 31)),
    )
    for other in others.exclude(pk=completion.pk).select_related("policy").order_by("completed_at", "pk"):
        if _credit(other, at):
            changes.note(other.pk, changes.Kind.HOURS, at=at)
    if (below := balance(completion.person, year)) < 0:
        _give_back(correction, -below)
    return correction


def _give_back(correction: LedgerEntry, hours: Decimal, entry: LedgerEntry | None = None) -> None:
    """With a reversal's correction, the hours that were taken by hand before: from an entry of the completion, or from none by name."""
    LedgerEntry.objects.create(
        **copied_from(correction),
        kind=CORRECTION,
        year=correction.year,
        hours=hours,
        answers=entry,
        reason=correction.reason,
        author_id=correction.author_id,
        once_key=f"{GIVEN_BACK}{correction.pk}:{entry.pk}" if entry else f"{GIVEN_BACK}{correction.pk}",
        at=correction.at,
    )


@transaction.atomic
def correct(
    *,
    person: Person,
    year: int,
    hours: Decimal,
    reason: str,
    by: Person,
    at: datetime,
    answers: LedgerEntry | None = None,
    form_key: str | None = None,
) -> LedgerEntry:
    """Take hours, or give back what was taken, by a new row with a reason and an author. HR over the person may, and of an entry HR where
    the person served for it.

    `hours` is signed. `answers` is the entry that it takes them from, or gives them back to; the correction stands where that one stands, by
    the policy there. `form_key` is made by the form: sending the same form twice writes one row.
    Locks the person's row. Writes an audit entry.

    Raises:
        Refused: no right over this person, one's own hours, no reason, zero, not in the policy's
            steps, a year that has not begun, more taken than there is, more given back without an entry than corrections without one
            took in the year ("given_back"), or an entry that is not of this person and year
            ("answers") or of which less is left ("answers_more").
    """
    if by.pk == person.pk:
        raise Refused(_("Nobody corrects their own hours: another HR officer has to do it."), code="own_hours")
    if not may_correct(by, person, answers):
        raise Refused(_("Hours are corrected by HR of the person's unit or county only."), code="not_hr")
    reason = reason.strip()
    if not reason:
        raise Refused(_("A correction needs a reason: it is shown in the learning file."), code="no_reason")
    if year > clock.year_of(at):
        raise Refused(_("The year %(year)s has not begun.") % {"year": year}, code="future_year")
    _lock(person.pk)
    once = f"correction:{form_key}" if form_key else None
    if once and (standing := LedgerEntry.objects.filter(person=person, kind=CORRECTION, once_key=once).first()):
        return standing
    policy = policies_on(day_of(year, at)).of(person.unit if answers is None else answers.unit)
    step = policy.step if policy else Decimal("0.25")
    verdict = rules.check_correction(balance=balance(person, year), change=hours, step=step)
    if verdict.problem == "zero":
        raise Refused(_("A correction of 0 hours changes nothing."), code="zero")
    if verdict.problem == "steps":
        raise Refused(
            _("Hours are counted in steps of %(step)s (%(source)s).") % {"step": figure(step), "source": policy.source if policy else "—"},
            code="steps",
        )
    if verdict.problem == "below_zero":
        raise Refused(
            _("That would leave %(left)s hours: at most the balance of %(balance)s can be taken.")
            % {"left": figure(verdict.left), "balance": figure(balance(person, year))},
            code="below_zero",
        )
    if answers is not None:
        _check_answer(answers, person, year, hours)
    elif hours > 0:
        _check_given_back(person, year, hours)
    entry = LedgerEntry.objects.create(
        **(served_at(person) if answers is None else copied_from(answers)),
        kind=CORRECTION,
        year=year,
        hours=hours,
        answers=answers,
        policy=policy,
        reason=reason,
        author=by,
        once_key=once,
        at=at,
    )
    if answers is not None and answers.completion_id is not None:
        changes.note(answers.completion_id, changes.Kind.HOURS, at=at)
    named = {"answers": answers.pk} if answers is not None else {}
    audit.record(person, "evaluation.correct_hours", by=by, year=year, hours=str(hours), reason=reason, entry=entry.pk, **named)
    return entry


def _check_given_back(person: Person, year: int, hours: Decimal) -> None:
    unnamed = LedgerEntry.objects.filter(person=person, year=year, kind=CORRECTION, answers=None, completion=None)
    taken = max(-rules.hours(unnamed.aggregate(total=Sum("hours"))["total"]), Decimal(0))
    if hours > taken:
        raise Refused(
            _(
                "A correction that names no entry gives back what such corrections took: in %(year)s %(hours)s hours. "
                "What was taken from an entry is given back to that entry. "
                "After a reversal by mistake the person takes the course again: it counts anew. "
                "Everything else the person claims with evidence, and two officers approve it."
            )
            % {"year": year, "hours": figure(taken)},
            code="given_back",
        )


def _check_answer(answers: LedgerEntry, person: Person, year: int, hours: Decimal) -> None:
    entry = answerable(person).filter(pk=answers.pk, year=year).first()
    if entry is None:
        raise Refused(
            _("A correction answers an entry of the same person and year whose completion was not reversed: choose it, or none."),
            code="answers",
        )
    left = rules.hours(entry.left)  # type: ignore[attr-defined]  # of `credited`
    if not 0 <= left + hours <= entry.hours:
        raise Refused(
            _(
                "Of the %(hours)s hours of this entry %(left)s are left: a correction takes no more than these, and gives back what was taken."
            )
            % {"hours": figure(entry.hours), "left": figure(left)},
            code="answers_more",
        )


def answerable(person: Person) -> QuerySet[LedgerEntry]:
    """The entries of a person that a correction may answer, each with the hours that are `left` of it, newest first."""
    standing = LedgerEntry.objects.credited().filter(person=person, hours__gt=0, completion__reversal=None)
    return standing.order_by("-at", "-pk")


def correctable(user, person: Person) -> QuerySet[LedgerEntry]:
    """Of the entries that a correction may answer those whose correction by the user is not refused for want of a right."""
    seen = answerable(person).filter(pk__in=LedgerEntry.objects.visible_to(user).filter(person=person))
    if user.pk == person.pk or not has_role(user, Role.HR):
        return seen.none()
    return seen if may_correct(user, person) else seen.filter(reversible_q(user))


def may_correct(user, person: Person, answers: LedgerEntry | None = None) -> bool:
    """Whether the user is HR over the unit where the person serves (or last served), or served for the entry that the correction answers."""
    if not has_role(user, Role.HR):
        return False
    if user.is_superuser:
        return True
    if answers is not None and answers.person_id == person.pk and reaches(user, answers.unit, Role.HR):
        return True
    unit = person.unit
    if unit is None:
        last = person.postings.select_related("unit").first()
        unit = last.unit if last else None
    return unit is not None and any(unit.path.startswith(path) for path in paths_of(user, [Role.HR]))


def _lock(person_id: int) -> None:
    # no_key: rows that merely point at the person go on being written meanwhile.
    Person.objects.select_for_update(no_key=True).only("pk").get(pk=person_id)


# Reading


def balance(person: Person, year: int, *, known_at: datetime | None = None) -> Decimal:
    """The sum of a person's entries of one year; with `known_at`, of those written by then. One query."""
    entries = LedgerEntry.objects.filter(person=person, year=year)
    if known_at is not None:
        entries = entries.filter(at__lte=known_at)
    return rules.hours(entries.aggregate(total=Sum("hours"))["total"])


def balances(person_ids: Iterable[int], year: int) -> dict[int, Decimal]:
    """The same for many people; those without an entry are absent. One query."""
    sums = LedgerEntry.objects.filter(person_id__in=person_ids, year=year).order_by().values("person_id").annotate(total=Sum("hours"))
    return {row["person_id"]: rules.hours(row["total"]) for row in sums}


def balances_by_kind(person_ids: Iterable[int], year: int) -> dict[int, dict[str, Decimal]]:
    """The same by kind of entry; kinds without one are absent. One query."""
    found: dict[int, dict[str, Decimal]] = {}
    sums = LedgerEntry.objects.filter(person_id__in=person_ids, year=year).order_by().values_list("person_id", "kind")
    for person_id, kind, total in sums.annotate(total=Sum("hours")):
        found.setdefault(person_id, {})[kind] = rules.hours(total)
    return found


@dataclass(frozen=True)
class PolicyBook:
    """The policies that hold on one day: the general one and those that counties set for themselves."""

    general: CreditPolicy | None
    own: dict[str, CreditPolicy]  # by the path of the county

    def of(self, unit: Unit | None) -> CreditPolicy | None:
        """The policy for whoever serves in a unit."""
        return self.own.get(unit.county_path, self.general) if unit else self.general


def policy_history() -> list[CreditPolicy]:
    """Every policy there ever was, the later ones last. One query, a handful of rows."""
    return list(CreditPolicy.objects.history())


def policies_on(day: date, history: list[CreditPolicy] | None = None) -> PolicyBook:
    """The policies in force on a day, chosen as CreditPolicy.in_force does. One query, none with the history at hand."""
    general, own = None, {}
    for policy in policy_history() if history is None else history:
        if policy.valid_from > day or (policy.valid_to is not None and policy.valid_to < day):
            continue
        if policy.county_id is None:
            general = policy
        else:
            own[policy.county.path] = policy  # type: ignore[union-attr]
    return PolicyBook(general, own)


def day_of(year: int, at: datetime) -> date:
    """The day that speaks for a year: today in the running year, else its last day."""
    return min(clock.today(at), date(year, 12, 31))


@dataclass(frozen=True)
class Target:
    """Hours that are expected in a year, and who says so. `mark` is how far the source was checked."""

    hours: Decimal
    words: str
    source: str
    mark: str
    reached: bool
    share: int  # per cent of the way, at most 100
    key: str = ""  # of a quota


@dataclass(frozen=True)
class ExplainedEntry:
    entry: LedgerEntry
    words: str


@dataclass(frozen=True)
class HoursExplained:
    """A year's hours: the total, the entries that make it with the rule of each in words, and the targets.

    `topic` is the target by duty (None without such a duty); `online` is the general yearly one.
    """

    year: int
    total: Decimal
    entries: list[ExplainedEntry]
    words: str
    rule: str
    topic: Target | None
    online: Target | None


def explained(*, year: int, entries: list[LedgerEntry], policy: CreditPolicy | None, duties: Iterable[str]) -> HoursExplained:
    """Why a person has so many hours in a year: rows, rules, targets, from what is at hand. No query, if entries came `with_reasons()`."""
    by_kind = {kind: sum((e.hours for e in entries if e.kind == kind), Decimal(0)) for kind in LedgerEntry.Kind.values}
    total = rules.hours(sum(by_kind.values(), Decimal(0)))
    words = _("%(total)s hours = %(online)s for courses + %(test)s for tests passed") % {
        "total": figure(total),
        "online": figure(by_kind[ONLINE]),
        "test": figure(by_kind[TEST]),
    }
    if elsewhere := sum((by_kind[kind] for kind in LearnedElsewhere.values), Decimal(0)):
        words += _(" + %(hours)s learned elsewhere") % {"hours": figure(elsewhere)}
    if any(entry.kind == CORRECTION for entry in entries):
        words += _(", corrections %(hours)s") % {"hours": signed(by_kind[CORRECTION])}
    unnamed = (entry for entry in entries if entry.kind == CORRECTION and entry.completion_id is None and entry.answers_id is None)
    by_hand = sum((entry.hours for entry in unnamed), Decimal(0))
    left = sum((entry.hours for entry in entries if entry.counted_kind in LearnedElsewhere.values), Decimal(0))
    return HoursExplained(
        year=year,
        total=total,
        entries=[ExplainedEntry(entry, words_of(entry)) for entry in entries],
        words=words,
        rule=rule_words(policy) if policy else "",
        topic=topic_target(total, duties, policy),
        online=online_target(total - rules.left_elsewhere(left, by_hand), policy),
    )


def topic_target(total: Decimal, duties: Iterable[str], policy: CreditPolicy | None) -> Target | None:
    """The target by duty: the highest among the duties held. The county sets these figures (mark D)."""
    found = rules.target_of(duties, policy.duty_targets) if policy else None
    if found is None:
        return None
    duty, hours = found
    words = _("This topic, as %(duty)s: %(hours)s hours a year") % {"duty": Duty(duty).label, "hours": figure(hours)}
    return _target(total, hours, words, _("set by the county"), "D")


def online_target(total: Decimal, policy: CreditPolicy | None) -> Target | None:
    """The general yearly target for online learning, of which this topic is one part."""
    if policy is None:
        return None
    words = _("All online learning: %(hours)s hours a year") % {"hours": figure(policy.yearly_target)}
    return _target(total, policy.yearly_target, words, policy.source, policy.mark)


def _target(total: Decimal, hours: Decimal, words: str, source: str, mark: str) -> Target:
    way = 100 if total >= hours else max(0, share(total, hours) or 0)
    return Target(hours=hours, words=words, source=source, mark=mark, reached=total >= hours, share=way)


def words_of(entry: LedgerEntry) -> str:
    """The rule that made one entry, in words."""
    if entry.kind == CORRECTION:
        author = entry.author.name if entry.author else "—"
        if entry.completion_id:
            return _("The completion was reversed by %(author)s: %(reason)s") % {"author": author, "reason": entry.reason}
        if (entry.once_key or "").startswith(GIVEN_BACK):
            return _("Taken by hand before it was reversed, so not taken twice: %(reason)s") % {"reason": entry.reason}
        if entry.answers is not None:
            return _("“%(entry)s” corrected by %(author)s: %(reason)s") % {
                "entry": called(entry.answers),
                "author": author,
                "reason": entry.reason,
            }
        return _("Corrected by %(author)s: %(reason)s") % {"author": author, "reason": entry.reason}
    if entry.claim is not None:
        told = {
            "days": days_of(entry.claim),
            "organiser": entry.claim.organiser,
            "officers": _(", ").join(one.by.name for one in entry.claim.steps),
        }
        if filed := entry.claim.filed_words:
            return _("%(days)s, %(organiser)s; %(filed)s; approved by %(officers)s") % (told | {"filed": filed})
        return _("%(days)s, %(organiser)s; approved by %(officers)s") % told
    policy, completion = entry.policy, entry.completion
    if policy is None or completion is None:
        return str(entry.get_kind_display())
    if entry.kind == TEST:
        return _("Test passed: %(hours)s hours (%(source)s)") % {"hours": figure(entry.hours), "source": policy.name}
    band = rules.band_of(completion.minutes, policy.bands)
    if band is None or band.hours != entry.hours:
        return _("%(minutes)s minutes of course (%(source)s)") % {"minutes": completion.minutes, "source": policy.name}
    return _("%(minutes)s minutes of course: %(band)s (%(source)s)") % {
        "minutes": completion.minutes,
        "band": band_words(band),
        "source": policy.name,
    }


def called(entry: LedgerEntry) -> str:
    """An entry of a completion or a claim by its kind and title."""
    return " ".join(filter(None, [str(entry.get_kind_display()), entry.course_code, entry.course_title]))


def days_of(claim: HourClaim) -> str:
    """One day, or the first and the last."""
    if claim.starts_on == claim.ends_on:
        return claim.starts_on.isoformat()
    return f"{claim.starts_on.isoformat()} — {claim.ends_on.isoformat()}"


def rule_words(policy: CreditPolicy) -> str:
    """The whole policy in one sentence."""
    parts = [band_words(band) for band in rules.bands_of(policy.bands)]
    parts.append(_("a passed test gives %(hours)s") % {"hours": figure(policy.test_passed)})
    if policy.once_per_course_per_year:
        parts.append(_("a course counts once a year"))
    return f"{policy.name}：" + "；".join(parts)


def band_words(band: rules.Band) -> str:
    hours = figure(band.hours)
    low, high = figure(band.low), figure(band.high) if band.high is not None else None
    if high is None:
        return (_("from %(low)s minutes: %(hours)s hours") if band.low_included else _("over %(low)s minutes: %(hours)s hours")) % {
            "low": low,
            "hours": hours,
        }
    if band.low == 0:
        return (_("up to %(high)s minutes: %(hours)s hours") if band.high_included else _("under %(high)s minutes: %(hours)s hours")) % {
            "high": high,
            "hours": hours,
        }
    texts = {
        (True, True): _("from %(low)s up to %(high)s minutes: %(hours)s hours"),
        (True, False): _("from %(low)s and under %(high)s minutes: %(hours)s hours"),
        (False, True): _("over %(low)s up to %(high)s minutes: %(hours)s hours"),
        (False, False): _("over %(low)s and under %(high)s minutes: %(hours)s hours"),
    }
    return texts[band.low_included, band.high_included] % {"low": low, "high": high, "hours": hours}


def signed(value: Decimal) -> str:
    return f"+{figure(value)}" if value > 0 else figure(value).replace("-", "−")
