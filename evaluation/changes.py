"""The order in which records change, for programs that read on from where they stopped.

A change is noted in the transaction of its event and numbered after the commit (docs/decisions/0007).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from operator import attrgetter

from django.db import connection, transaction
from django.db.models import Exists, F, Max, Model, OuterRef, Q, QuerySet

from certificates.models import Certificate
from core.reconcile import Gap
from courses.models import Completion
from evaluation.models import LedgerEntry, PeriodStep, RecordChange
from people.models import Unit

Kind = RecordChange.Kind
AT_ONCE = 1000
NUMBERING = 7_220_417  # the advisory lock of whoever gives numbers
PATIENCE = timedelta(seconds=2)
A_PAGE = 5001  # numbers that are taken at once: the longest page of the API and one more, which tells whether there is another
FEW = 5000  # rows whose newest changes are looked up by their keys
STRETCH = 10_000  # numbers that are looked through at once, and more each time

NUMBER_ALL = """
    UPDATE evaluation_recordchange SET number = %s + placed.place, unit_id = placed.unit_id
    FROM (
        SELECT r.id, row_number() OVER (ORDER BY r.id) AS place, COALESCE(c.unit_id, e.unit_id, f.unit_id) AS unit_id
        FROM evaluation_recordchange r
        LEFT JOIN courses_completion c ON c.id = r.completion_id
        LEFT JOIN evaluation_ledgerentry e ON e.id = r.entry_id
        LEFT JOIN certificates_certificate f ON f.id = r.certificate_id
        WHERE r.number IS NULL
    ) AS placed
    WHERE evaluation_recordchange.id = placed.id
"""


def note(completion_id: int, kind: str, *, at: datetime) -> None:
    """Note a change of a completion's record, in the transaction that makes it. One insert; waits for nobody."""
    RecordChange.objects.create(completion_id=completion_id, kind=kind, at=at)


def note_entry(entry_id: int, *, at: datetime) -> None:
    """The same for an entry of hours."""
    RecordChange.objects.create(entry_id=entry_id, kind=Kind.ENTRY, at=at)


def note_step(step_id: int, *, at: datetime) -> None:
    """The same for a step of a period."""
    RecordChange.objects.create(step_id=step_id, kind=Kind.STEP, at=at)


def note_certificate(certificate: Certificate, kind: str, *, at: datetime) -> None:
    """The same for a certificate, and for the record of the completion behind it. One query."""
    found = [RecordChange(certificate=certificate, kind=kind, at=at)]
    if certificate.completion_id:
        found.append(RecordChange(completion_id=certificate.completion_id, kind=Kind.CERTIFICATE, at=at))
    RecordChange.objects.bulk_create(found)


def note_certificates(certificate_ids: list[int], *, at: datetime) -> None:
    """The same for certificates that ran out. Two queries."""
    behind = Completion.objects.filter(certificates__in=certificate_ids).distinct().values_list("pk", flat=True)
    RecordChange.objects.bulk_create(
        [
            *(RecordChange(certificate_id=pk, kind=Kind.STATUS, at=at) for pk in certificate_ids),
            *(RecordChange(completion_id=pk, kind=Kind.CERTIFICATE, at=at) for pk in behind),
        ]
    )


def settle() -> int:
    """Number what has been committed and return the highest number: below it nothing can appear any more.

    Numbers are given to committed rows only, by one caller at a time: when a number can be read, all lower
    ones can. It waits for no writer and makes none wait; a transaction that commits late gets a later
    number. Two queries when nothing is new. Not for use inside a transaction.

    Raises:
        OperationalError: others have been giving numbers for two seconds.
    """
    if RecordChange.objects.filter(number=None).exists():
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":  # SQLite: a transaction is alone in writing
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE.total_seconds():.0f}s"])
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING])
            cursor.execute(NUMBER_ALL, [_highest()])
    return _highest()


def _highest() -> int:
    return RecordChange.objects.aggregate(highest=Max("number"))["highest"] or 0


def read_on(rows: QuerySet, *, after: int, upto: int) -> QuerySet:
    """Of these completions, entries or certificates, those whose newest change lies in (after, upto], as `change`, in that order.

    Each stands there once, at its newest change: read again from the start, none comes twice.
    """
    later = RecordChange.objects.filter(**{_about(rows): OuterRef("pk")}, number__gt=OuterRef("change"))
    changed = rows.annotate(change=F("changes__number")).filter(change__gt=after, change__lte=upto)
    return changed.filter(~Exists(later)).order_by("change")


def first_of(
    rows: QuerySet, *, after: int, upto: int, most: int, shape: Callable[[QuerySet], QuerySet], within: Unit | None = None
) -> list:
    """The first `most` of what `read_on` gives, each read in the given shape. `within`: a unit that they all lie in, where one is known.

    Asked for all at once, a database reads every row and sorts them, for each page anew. So the newest changes, of that unit alone,
    are taken by their numbers, and their rows by key, as long as fewer numbers than a stretch promise the rest. Where they do not,
    the numbers of what is sought are looked up if it is few; else `read_on` looks through stretches of numbers, each longer than the
    one before.
    """
    # By key: the database knows how many changes each of these units has, and so whether to look through all or through theirs.
    there = None if within is None else list(Unit.objects.within(within).values_list("pk", flat=True))
    found: list = []

    def take(newest: QuerySet, *, share: float = 1) -> tuple[int, int]:
        """How many numbers there were, and how many of them are sought; `share` is the part expected to be."""
        nonlocal after
        numbers = dict(newest[: min(A_PAGE, ceil((most - len(found)) / share))])
        last = max(numbers, default=upto)
        changed = rows.annotate(change=F("changes__number")).filter(pk__in=numbers.values(), change__gt=after, change__lte=last)
        some = [row for row in shape(changed) if row.change in numbers]
        found.extend(sorted(some, key=attrgetter("change")))
        after = last
        return len(numbers), len(some)

    share = 1.0
    while len(found) < most and after < upto:
        looked_at, sought = take(_newest(rows, after=after, upto=upto, there=there), share=share)
        if sought * STRETCH < looked_at * (most - len(found)):
            break
        share = sought / max(looked_at, 1) or share
    if len(found) >= most or after >= upto:
        return found[:most]
    few = list(rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    if len(few) <= FEW:
        while len(found) < most and after < upto:
            take(_newest(rows, after=after, upto=upto, there=there).filter(**{f"{_about(rows)}__in": few}))
        return found
    length = STRETCH
    while after < upto and len(found) < most:
        end = min(upto, after + length)
        found += shape(read_on(rows, after=after, upto=end))[: most - len(found)]
        after, length = end, 4 * length
    return found


def _newest(rows: QuerySet, *, after: int, upto: int, there: list[int] | None) -> QuerySet:
    """The numbers in (after, upto] that are the newest of anything of the kind of these rows, in some units, with its key, in order."""
    about = _about(rows)
    later = RecordChange.objects.filter(**{about: OuterRef(about)}, number__gt=OuterRef("number"))
    changes = RecordChange.objects.filter(number__gt=after, number__lte=upto, **{f"{about}__isnull": False})
    if there is not None:
        changes = changes.filter(Q(unit__in=there) | Q(unit=None))
    return changes.filter(~Exists(later)).order_by("number").values_list("number", about)


def _about(rows: QuerySet) -> str:
    """What a change calls one of these rows."""
    return rows.model._meta.get_field("changes").field.name


def unnoted(at: datetime) -> list[Gap]:
    """Completions, reversals, entries of hours, certificates and steps that no change tells of."""
    told = RecordChange.objects.filter(completion=OuterRef("pk"))
    appeared = Completion.objects.filter(~Exists(told)).values_list("pk", flat=True)
    reversed_ = Completion.objects.filter(reversal__isnull=False).filter(~Exists(told.filter(kind=Kind.REVERSED)))
    missing = [(pk, Kind.COMPLETED) for pk in appeared.order_by("pk")[:AT_ONCE]]
    missing += [(pk, Kind.REVERSED) for pk in reversed_.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]]
    gaps = [Gap(f"completion {pk}: {kind}", partial(note, pk, kind, at=at)) for pk, kind in missing]
    for pk in _untold(LedgerEntry, "entry"):
        gaps.append(Gap(f"entry of hours {pk}", partial(note_entry, pk, at=at)))
    for pk in _untold(Certificate, "certificate"):
        gaps.append(Gap(f"certificate {pk}", partial(RecordChange.objects.create, certificate_id=pk, kind=Kind.ISSUED, at=at)))
    for pk in _untold(PeriodStep, "step"):
        gaps.append(Gap(f"step of a period {pk}", partial(note_step, pk, at=at)))
    return gaps


def _untold(model: type[Model], about: str) -> QuerySet:
    told = RecordChange.objects.filter(**{about: OuterRef("pk")})
    return model._default_manager.filter(~Exists(told)).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
