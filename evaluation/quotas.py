"""Where people are with the quotas of their staff type and rank. Reads only.

Hours count by the kind of their entry, in the year of the entry, and a correction by hand by the kind of the entry that it answers.
One that names none is of the kind `correction`, which a quota lists or does not. A completion that was reversed, and what answers it,
count nowhere.
"""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from core.figures import figure, share
from courses.models import CreditPolicy
from evaluation import rules, services
from evaluation.models import LedgerEntry

Hours = dict[tuple[int, str], Decimal]  # by year and kind


def hours_by_kind(person_ids: Iterable[int], years: Iterable[int] | None = None) -> dict[int, Hours]:
    """What counts for people, by year and kind of entry; those without an entry are absent. One query."""
    taken_back = LedgerEntry.objects.filter(completion=OuterRef("about"), kind=LedgerEntry.Kind.CORRECTION)
    entries = LedgerEntry.objects.filter(person_id__in=person_ids).annotate(
        about=Coalesce("completion", "answers__completion"), counted=Coalesce(F("answers__kind"), F("kind"))
    )
    entries = entries.filter(Q(about=None) | ~Exists(taken_back))
    if years is not None:
        entries = entries.filter(year__in=list(years))
    found: dict[int, Hours] = {}
    for person_id, year, kind, total in entries.order_by().values_list("person_id", "year", "counted").annotate(total=Sum("hours")):
        found.setdefault(person_id, {})[year, kind] = rules.hours(total)
    return found


def hours_of(entries: Iterable[LedgerEntry]) -> Hours:
    """The same from entries at hand, which are all that a person has in their years."""
    entries = list(entries)
    by_id = {one.pk: one for one in entries}
    taken_back = {one.completion_id for one in entries if one.kind == LedgerEntry.Kind.CORRECTION} - {None}
    found: Hours = {}
    for one in entries:
        about = by_id[one.answers_id] if one.answers_id else one
        if about.completion_id not in taken_back:
            found[one.year, about.kind] = found.get((one.year, about.kind), Decimal(0)) + one.hours
    return found


def asked_of(policy: CreditPolicy | None, staff_type: str, duties: Iterable[str]) -> list[rules.Quota]:
    """The quotas that a policy asks of somebody with this staff type and these duties."""
    duties = set(duties)
    return [quota for quota in rules.quotas_of(policy.quotas) if quota.is_asked_of(staff_type, duties)] if policy else []


def of_desk(policy: CreditPolicy | None, person, duties: Iterable[str], *, year: int, entries: list[LedgerEntry]) -> list[services.Target]:
    """The running quotas of one person from the year's entries at hand; one query where a quota reads earlier years too."""
    asked = asked_of(policy, person.staff_type, duties)
    years = sorted({one for quota in asked for one in quota.reads(year)})
    hours = hours_of(entries) if years in ([], [year]) else hours_by_kind([person.pk], years).get(person.pk, {})
    return told(asked, year, hours)


def told(asked: Iterable[rules.Quota], year: int, hours: Hours) -> list[services.Target]:
    """The state of each quota in words, with its source."""
    return [_target(rules.quota_state(quota, year, hours)) for quota in asked]


def _target(state: rules.QuotaState) -> services.Target:
    quota, first, last = state.quota, state.years[0], state.years[-1]
    words = _("%(title)s: %(hours)s hours; counted in %(years)s: %(counted)s (%(kinds)s)") % {
        "title": quota.title,
        "hours": figure(quota.hours),
        "years": str(last) if first == last else f"{first}—{last}",
        "counted": figure(state.counted),
        "kinds": "、".join(str(LedgerEntry.Kind(kind).label) for kind in quota.kinds),
    }
    if state.carried:
        words += _("; carried over from %(year)s: %(hours)s") % {"year": last - 1, "hours": figure(state.carried)}
    if state.left:
        words += _("; %(hours)s to go") % {"hours": figure(state.left)}
    way = 100 if state.is_reached else max(0, share(state.total, quota.hours) or 0)
    return services.Target(
        hours=quota.hours, words=words, source=quota.source, mark=quota.mark, reached=state.is_reached, share=way, key=quota.key
    )


def in_one_cell(targets: Iterable[services.Target]) -> str:
    """Quotas as one text of an export, each with its source."""
    return "\n".join(
        _("%(words)s. Source: %(source)s (evidence %(mark)s)") % {"words": one.words, "source": one.source, "mark": one.mark}
        for one in targets
    )
