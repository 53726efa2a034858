"""The only writer of the ledger: chains what was committed, closes days, explains times.

Status events are chained after their commit, by one caller at a time (as evaluation.changes numbers records):
a lock on the head of the chain inside the issuing transaction would make a whole county wait in line.
docs/decisions/0015-the-ledger.md
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from secrets import token_hex
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.models import Exists, Max, Min, OuterRef, QuerySet
from django.utils.translation import gettext as _

from certificates import ledger, merkle
from certificates.keyring import sign
from certificates.models import ChainEntry, DayRoot, StatusEvent
from certificates.models.ledger import leaf_of, merged, statement_of
from certificates.storage import papers
from core import clock
from core.errors import Refused
from core.reconcile import Gap

log = structlog.get_logger(__name__)
CHAINING = 7_220_418  # the advisory lock of whoever writes to the chain
PATIENCE = timedelta(seconds=30)  # as long as the longest batch takes on a slow machine
BATCH = 5000
MARGIN = 20_000  # so far behind the newest chained event the usual search looks; reconcile looks everywhere
SETTLED = timedelta(minutes=2)
MOST_RANGES = 100  # of one explanation: a database takes so many conditions and no thousands
ROOTS_LATE = timedelta(hours=2)  # after midnight; the scheduler closes days each hour


def chain(*, at: datetime, everywhere: bool = False) -> int:
    """Append every committed status event that is in no entry yet; how many there were.

    Waits for no writer and makes none wait; an event that commits later is chained later. The order is that of the
    keys within a run. One short query when nothing is new, else a few for each 5,000. With `everywhere` it also finds
    events far behind the newest chained one. Two at once never chain twice: the second waits, then finds nothing.

    Raises:
        OperationalError: others have been chaining for half a minute.
    """
    chained = 0
    while _unchained(everywhere).exists():
        entries = _chain_some(at, everywhere)
        if not entries:
            break
        chained += sum(entry.event_id is not None for entry in entries)
        _keep_once_committed(entries[-1])
    return chained


def _keep_once_committed(newest: ChainEntry) -> None:
    transaction.on_commit(lambda: _keep_head(newest.sequence, newest.hash), robust=True)


def _keep_head(sequence: int, entry_hash: str) -> None:
    """Keep the hash of the newest entry beside the papers until a root closes the day: who can write to the database alone cannot chain it anew."""
    name, storage = ledger.head_name(sequence, entry_hash), papers()
    if not storage.exists(name):
        storage.save(name, ContentFile(b""))


@transaction.atomic
def _chain_some(at: datetime, everywhere: bool) -> list[ChainEntry]:
    _alone()
    sequence, previous = _head()
    rows = list(_unchained(everywhere).values_list(*ledger.EVENT_COLUMNS)[:BATCH])
    entries = []
    if rows and sequence == 0:
        entries.append(_genesis(at))
        sequence, previous = 1, entries[0].hash
    for row in rows:
        sequence += 1
        facts = ledger.facts_of_event(row, salt=token_hex(16))
        entry = _entry(sequence, row[0], row[1], row[2], row[3], facts, row[4], at, previous)
        previous = entry.hash
        entries.append(entry)
    return ChainEntry.objects.bulk_create(entries)


@transaction.atomic
def explain(*, sequences: Sequence[tuple[int, int]], by, reason: str, at: datetime) -> ChainEntry:
    """Say why the times of some entries, given as ranges, look wrong: an import of the past, a clock that went wrong, an outage.

    What is explained is a note and no finding any more. It explains times alone, never an edit, and is an entry itself.

    Raises:
        Refused: no reason ("no_reason"), a range that is not in the ledger ("no_entry"), more than MOST_RANGES ("too_many").
    """
    reason = reason.strip()
    if not reason:
        raise Refused(_("A reason is needed: it stands in the ledger for good."), code="no_reason")
    _alone()
    sequence, previous = _head()
    if not sequences or any(not 1 <= first <= last <= sequence for first, last in sequences):
        raise Refused(
            _("Entries are named by their numbers, such as 17 or 20-35. The newest is %(last)s.") % {"last": sequence}, code="no_entry"
        )
    ranges = merged(sequences)
    if len(ranges) > MOST_RANGES:
        raise Refused(_("Name the entries in %(most)d ranges at most.") % {"most": MOST_RANGES}, code="too_many")
    facts = merkle.canonical({"entries": [list(each) for each in ranges], "reason": reason, "by": by and by.pk, "salt": token_hex(16)})
    entry = _entry(sequence + 1, None, ChainEntry.Kind.EXPLAINED.value, "", at, facts, "", at, previous)
    entry.save()
    return entry


def publish_roots(*, at: datetime) -> list[DayRoot]:
    """Close every finished day on which something was chained: tree, statement, signature. The new roots, oldest first.

    Chains first. Run twice, by two at once, or after days without a scheduler, each day gets one root. A clock that was
    set back closes nothing twice: what was chained meanwhile belongs to the next day that is closed.

    Raises:
        Refused: there is no key to sign with ("no_key").
    """
    chain(at=at, everywhere=True)
    made = []
    while (root := _close_a_day(at)) is not None:
        made.append(root)
        log.info("ledger_root", day=root.day.isoformat(), number=root.number, entries=root.entries, hash=root.hash)
    for root in _uncopied():
        keep_copy(root)
    if made:
        _let_go([head for head in ledger.heads() if head[0] <= made[-1].last])
    return made


def _let_go(heads: list[tuple[int, str]]) -> None:
    """Remove kept heads for which the copy of a root stands now; those that the ledger contradicts stay as evidence."""
    wrong = {(sequence, then) for sequence, then, _now in ledger.contradicted(heads)}
    for head in heads:
        if head not in wrong:
            papers().delete(ledger.head_name(*head))
    if wrong:
        log.error("ledger_contradicted", entries=sorted(sequence for sequence, _then in wrong))


@transaction.atomic
def _close_a_day(at: datetime) -> DayRoot | None:
    _alone()
    newest = DayRoot.objects.order_by("-number").first()
    first = newest.last + 1 if newest else 1
    open_entries = ChainEntry.objects.filter(sequence__gte=first)
    day = _day_to_close(newest)
    if day is None or day >= clock.today(at):
        return None
    last = open_entries.filter(chained_at__lt=clock.end_of(day)).aggregate(last=Max("sequence"))["last"]
    assert last is not None  # the earliest of them lies in that day, or before it
    tree, head = merkle.Tree(), ""
    for head in open_entries.filter(sequence__lte=last).order_by("sequence").values_list("hash", flat=True).iterator(chunk_size=BATCH):
        tree.add(bytes.fromhex(head))
    number, previous = (newest.number + 1, newest.hash) if newest else (1, merkle.NOTHING)
    content = (number, day, first, last, tree.root().hex(), head, previous, at)
    statement = statement_of(*content)
    kid, signature = sign(merkle.root_bytes(statement))
    root = DayRoot(
        number=number,
        day=day,
        first=first,
        last=last,
        tree=content[4],
        head=head,
        previous=previous,
        made_at=at,
        hash=merkle.root_hash(statement),
        kid=kid,
        signature=signature.hex(),
    )
    root.save()
    return root


def _day_to_close(newest: DayRoot | None) -> date | None:
    """The day that the next root is for, over or not: that of the earliest entry without one, but never a day that is closed."""
    open_entries = ChainEntry.objects.filter(sequence__gt=newest.last if newest else 0)
    earliest = open_entries.aggregate(earliest=Min("chained_at"))["earliest"]
    if earliest is None:
        return None
    day = clock.today(earliest)
    return max(day, newest.day + timedelta(days=1)) if newest else day


def keep_copy(root: DayRoot) -> None:
    """Lay a copy of a root beside the papers, once: it outlives what happens to the table. A standing copy is never overwritten."""
    name = ledger.copy_name(root)
    storage = papers()
    if not storage.exists(name):
        written = storage.save(name, ContentFile(json.dumps(ledger.document_of(root), ensure_ascii=False, indent=1).encode()))
        if written != name:  # somebody else was quicker
            storage.delete(written)


def gaps_of_chain(at: datetime) -> list[Gap]:
    """Status events that have been in no entry for two minutes. One gap for all: they are mended together."""
    waiting = _unchained(True).filter(at__lte=at - SETTLED)
    count = waiting.count()
    if not count:
        return []
    first = waiting.values_list("pk", flat=True)[0]
    return [Gap(f"{count} status events are not in the ledger, the first is {first}", partial(chain, at=at, everywhere=True))]


def gaps_of_roots(at: datetime) -> list[Gap]:
    """Days that are over by two hours and have no root; roots without their copy."""
    newest = DayRoot.objects.order_by("-number").first()
    day = _day_to_close(newest)
    is_late = day is not None and day < clock.today(at - ROOTS_LATE)
    gaps = [Gap(f"{day} is over and has no root in the ledger", partial(publish_roots, at=at))] if is_late else []
    wrong = sorted({sequence for sequence, _then, _now in ledger.contradicted(ledger.heads())})
    if wrong:
        gaps.append(Gap(f"entries {wrong} are not as they were chained: run verify_ledger", _no_repair))
    if newest is not None and newest.day >= clock.today(at):
        gaps.append(Gap(f"{newest.day} was closed by a clock that ran ahead: no root follows until it is over", _no_repair))
    return gaps + [Gap(f"the root of {root.day} has no copy", partial(keep_copy, root)) for root in _uncopied()]


def _no_repair() -> None:
    raise Refused(_("The product mends this by itself neither now nor later; docs/certificates.md says what to do."), code="ledger")


def _uncopied() -> Iterator[DayRoot]:
    newest = DayRoot.objects.order_by("-number").first()
    if newest is None:
        return
    there = ledger.copies()
    for root in DayRoot.objects.order_by("number").iterator(chunk_size=1000):
        if ledger.copy_name(root).rpartition("/")[2] not in there:
            yield root


def _unchained(everywhere: bool) -> QuerySet[StatusEvent]:
    newest = None if everywhere else ChainEntry.objects.aggregate(newest=Max("event"))["newest"]
    after = max(0, (newest or 0) - MARGIN)
    chained = ChainEntry.objects.filter(event=OuterRef("pk"), event__gt=after)
    return StatusEvent.objects.filter(~Exists(chained), pk__gt=after).order_by("pk")


def _alone() -> None:
    """Wait until nobody else writes to the chain; until the end of the transaction it is ours."""
    if connection.vendor == "postgresql":  # SQLite: a transaction is alone in writing
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE.total_seconds():.0f}s"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAINING])


def _head() -> tuple[int, str]:
    return ChainEntry.objects.order_by("-sequence").values_list("sequence", "hash").first() or (0, merkle.NOTHING)


def _genesis(at: datetime) -> ChainEntry:
    counted = StatusEvent.objects.aggregate(newest=Max("pk"))
    facts: dict[str, Any] = {"events": StatusEvent.objects.count(), "newest": counted["newest"], "salt": token_hex(16)}
    return _entry(1, None, ChainEntry.Kind.GENESIS.value, "", at, merkle.canonical(facts), "", at, merkle.NOTHING)


def _entry(
    sequence: int,
    event: int | None,
    kind: str,
    number: str,
    at: datetime,
    facts: str,
    facts_digest: str,
    chained_at: datetime,
    previous: str,
) -> ChainEntry:
    return ChainEntry(
        sequence=sequence,
        event_id=event,
        kind=kind,
        number=number,
        at=at,
        facts=facts,
        facts_digest=facts_digest,
        chained_at=chained_at,
        previous=previous,
        hash=merkle.entry_hash(leaf_of(sequence, event, kind, number, at, facts, facts_digest, chained_at, previous)),
    )
