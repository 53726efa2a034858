"""Whether the ledger still says what the tables say: finds edited, removed, inserted, re-ordered and back-dated rows.

Reads everything once, in streams, with a fixed number of queries and without keeping rows. What it cannot find stands
in docs/certificates.md.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.core.files.storage import Storage
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Window
from django.db.models.functions import Lag

from certificates import keyring, ledger, merkle, rules
from certificates.models import Certificate, ChainEntry, DayRoot, NumberSequence, SigningKey, StatusEvent, TemplateVersion
from certificates.models.ledger import explained_ranges, instant, leaf_of
from certificates.storage import papers
from core import clock

CHUNK = 2000
SKEW = timedelta(minutes=5)  # so far the clocks of servers may differ
LATE = timedelta(hours=1)  # so late an event may be chained after a day was closed that it claims to lie in
SETTLED = timedelta(minutes=2)  # so long an event may wait for the chain
SHOWN = 40  # characters of a value in a finding
NAMED = 20  # missing numbers of one sequence that are told one by one

_ENTRY = ["sequence", "event_id", "kind", "number", "at", "facts", "facts_digest", "chained_at", "previous", "hash"]
_EVENT = [f"event__{name}" for name in ledger.EVENT_COLUMNS]
_BEYOND = [f"event__certificate__{name}" for name in ("version__digest", "renews__number", "replaces__number")]
_E, _C = len(_ENTRY), len(_ENTRY) + 9  # where the event and the certificate begin in a row
_NUMBER = _C + ledger.CERTIFICATE_COLUMNS.index("number")


@dataclass(frozen=True)
class Finding:
    """One row that is not as it was, and what is wrong with it."""

    row: str
    what: str

    def __str__(self) -> str:
        return f"{self.row}: {self.what}"


@dataclass
class Check:
    """One reading of the ledger. Take `findings()` to its end, then look at `rows` and `notes`."""

    at: datetime
    since: date | None = None
    against: Sequence[dict[str, Any]] = ()  # roots that somebody kept, as published
    rows: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong, in the order of reading."""
        kept, copies = ledger.heads(), sorted(ledger.copies())  # before the state that is read: what is chained meanwhile is no finding
        with _one_state():
            self._roots = list(DayRoot.objects.order_by("number"))
            self._explained: list[tuple[int, int]] = []
            self._numbers: dict[str, _Given] = {}
            yield from self._explanations()
            yield from self._statements()
            yield from self._entries()
            yield from self._order()
            yield from self._unchained()
            if self.since is None:
                yield from self._given_numbers()
            yield from self._versions()
            yield from self._kept_roots(copies)
            yield from self._kept_heads(kept)

    # ---- roots --------------------------------------------------------------------------------

    def _statements(self) -> Iterator[Finding]:
        """Each root by itself and after the one before: numbers, hashes, signature, times."""
        previous, last, day, expected = merkle.NOTHING, 0, None, 1
        known = dict(SigningKey.objects.filter(purpose=SigningKey.Purpose.BADGE).values_list("kid", "public_key"))
        withdrawn = known.keys() - keyring.badge_keys().keys()
        for root in self._roots:
            self.rows["roots"] += 1
            row = f"root {root.number} of {root.day}"
            if root.number != expected:
                yield Finding(f"root {_range(expected, root.number - 1)}", "is missing")
            elif root.previous != previous:
                yield Finding(row, "names another root before it than there is: one of the two was edited or replaced")
            if root.first != last + 1 and root.number == expected:
                yield Finding(row, f"begins with entry {root.first}, though the root before ends with {last}")
            statement = root.statement()
            if merkle.root_hash(statement) != root.hash:
                yield Finding(row, "does not give its hash: a column of it was edited")
            if root.kid not in known:
                yield Finding(row, f"is signed by an unknown key, {root.kid}")
            elif not _is_signed(known[root.kid], statement, root.signature):
                yield Finding(row, "does not bear its signature: a column of it was edited, or it was made by somebody else")
            elif root.kid in withdrawn and root is self._roots[-1]:
                yield Finding(row, f"is the newest and signed by a key that was withdrawn, {root.kid}")
            elif root.kid in withdrawn:
                self.notes.append(f"{row}: its key {root.kid} was withdrawn; later roots, which name it, vouch for it")
            if day is not None and root.day <= day:
                yield Finding(row, f"follows the root of {day}")
            if root.made_at < clock.end_of(root.day):
                yield Finding(row, "was made before its day was over")
            previous, last, day, expected = root.hash, root.last, root.day, root.number + 1

    def _kept_roots(self, there: Sequence[str]) -> Iterator[Finding]:
        """The copies beside the papers, and those that were given, with the table."""
        by_day = {root.day.isoformat(): root for root in self._roots}
        storage = papers()
        for name in there:
            if self.since is not None and name < self.since.isoformat():
                continue
            self.rows["copies"] += 1
            yield from self._compare(_read(storage, name), by_day, f"copy {name}")
        copied = {name.removesuffix(".json") for name in there}
        lacking = [day for day in by_day if day not in copied and (self.since is None or day >= self.since.isoformat())]
        if lacking:
            self.notes.append(f"{len(lacking)} roots have no copy beside the papers, the first is that of {lacking[0]}")
        for document in self.against:
            self.rows["kept roots"] += 1
            yield from self._compare(document, by_day, "kept root")

    def _kept_heads(self, kept: Sequence[tuple[int, str]]) -> Iterator[Finding]:
        """Entries with the hashes that were kept of them beside the papers: until a root closes their day, or for good where they disagree."""
        if kept:
            self.rows["kept heads"] += len(kept)
        for sequence, _then, now in ledger.contradicted(kept):
            if now is None:
                yield Finding(f"entry {sequence}", "was removed: its hash was kept when it was chained")
            else:
                yield Finding(
                    f"entry {sequence}", "has another hash than was kept when it was chained: it or one before it was chained anew"
                )

    def _compare(self, document: Any, by_day: dict[str, DayRoot], what: str) -> Iterator[Finding]:
        try:
            statement, signature, kid = document["statement"], document["signature"], document["kid"]
            day = str(statement["day"])
        except (TypeError, KeyError):
            yield Finding(what, "cannot be read as a published root")
            return
        root = by_day.get(day)
        if root is None:
            yield Finding(f"root of {day}", f"was removed: a {what.split()[0]} of it exists")
        elif statement != root.statement() or (signature, kid) != (root.signature, root.kid):
            yield Finding(
                f"root of {day}", f"differs from its published {what.split()[0]}: it was replaced, or the {what.split()[0]} was edited"
            )

    # ---- entries, with their events and certificates --------------------------------------------

    def _explanations(self) -> Iterator[Finding]:
        for sequence, facts in ChainEntry.objects.explanations().values_list("sequence", "facts"):
            try:
                found = explained_ranges(facts)
                self.notes.append(
                    f"entry {sequence} explains the times of {', '.join(_range(*each) for each in found)}: {json.loads(facts)['reason']}"
                )
                self._explained += found
            except (ValueError, TypeError, KeyError):
                yield Finding(f"entry {sequence}", "its facts cannot be read")

    def _entries(self) -> Iterator[Finding]:
        expected, previous, at_root = 1, {merkle.NOTHING}, 0
        if self.since is not None:
            while at_root < len(self._roots) and self._roots[at_root].day < self.since:
                at_root += 1
            if at_root:
                expected, previous = self._roots[at_root - 1].last + 1, {self._roots[at_root - 1].head}
        tree, head, closed = merkle.Tree(), "", self._roots[at_root - 1] if at_root else None
        stream = ChainEntry.objects.filter(sequence__gte=expected).order_by("sequence").values_list(*_ENTRY, *_EVENT, *_BEYOND)
        for row in stream.iterator(chunk_size=CHUNK):
            sequence = row[0]
            self.rows["entries"] += 1
            while at_root < len(self._roots) and sequence > self._roots[at_root].last:
                yield from self._closed(at_root, tree, head)
                if not self._is_explained(self._roots[at_root].last):  # else it was closed by a clock that ran ahead
                    closed = self._roots[at_root]
                tree, at_root = merkle.Tree(), at_root + 1
            if sequence != expected:
                yield Finding(f"entry {_range(expected, sequence - 1)}", "is missing")
            elif row[8] not in previous:
                yield Finding(f"entry {sequence}", f"does not follow entry {sequence - 1}: one of the two was edited, replaced or moved")
            computed = merkle.entry_hash(leaf_of(*row[:9]))
            yield from self._one(row, computed, previous)
            yield from self._times(row, closed)
            expected, previous, head = sequence + 1, {row[9], computed}, row[9]
            tree.add(_bytes(head))
        while at_root < len(self._roots):
            yield from self._closed(at_root, tree, head)
            tree, at_root = merkle.Tree(), at_root + 1
        yield from self._open_days()

    def _closed(self, at_root: int, tree: merkle.Tree, head: str) -> Iterator[Finding]:
        """A root against the entries that were just read."""
        root = self._roots[at_root]
        row = f"root {root.number} of {root.day}"
        if tree.root().hex() != root.tree:
            yield Finding(
                row, f"entries {root.first} to {root.last} do not give it: one was edited, removed, inserted or moved, or the root was"
            )
        elif head != root.head:
            yield Finding(row, "names another newest entry than there is")

    def _open_days(self) -> Iterator[Finding]:
        """Entries of days that should have a root by now."""
        last = self._roots[-1].last if self._roots else 0
        closed = self._roots[-1].day if self._roots else date.min
        waiting = ChainEntry.objects.filter(sequence__gt=last).order_by("sequence").values_list("sequence", "chained_at").first()
        if waiting is not None and clock.today(self.at) - max(clock.today(waiting[1]), closed) > timedelta(days=1):
            day = clock.today(waiting[1])
            yield Finding(f"root of {day}", f"was not published, or was removed: entry {waiting[0]} and later ones have none")

    def _one(self, row: Sequence[Any], computed: str, previous: set[str]) -> Iterator[Finding]:
        """An entry by itself, and what it was made from."""
        sequence, event, kind, number, _at, text = row[:6]
        entry = f"entry {sequence} ({kind} {number})" if number else f"entry {sequence} ({kind})"
        try:
            facts = json.loads(text)
            if not isinstance(facts, dict):
                raise ValueError
        except ValueError:
            yield Finding(entry, "its facts cannot be read: they were edited")
            return
        is_intact = computed == row[9]
        if event is None:
            if not is_intact:
                yield Finding(entry, "does not give its hash: it was edited")
            if kind not in ChainEntry.Kind.values:
                yield Finding(entry, "belongs to no status event")
            return
        self.rows["events"] += 1
        status = f"status event {event} ({kind} of {number})"
        live = row[_E:_C]
        if live[1] is None:  # its key comes from the entry, everything else from the joined row
            if not is_intact:
                yield Finding(entry, "does not give its hash: it was edited")
            yield Finding(status, "was removed")
            return
        edited = "" if is_intact else _edited(row, previous)
        if edited:
            yield Finding(entry, f"its {edited} was edited")
        elif not is_intact:
            yield Finding(entry, "does not give its hash: it was edited")
        if row[_NUMBER] is None:
            yield Finding(f"certificate {number}", f"was removed, or {status} was made to name another")
            return
        if is_intact or edited:  # else what the entry says is no measure
            chained = (kind, number, row[4], row[6], *(facts.get(name) for name in _NAMES[4:]))
            for name, was, now in zip(_NAMES, chained, live[1:], strict=True):
                # at the issue the columns of the certificate are told one by one
                if was != now and name != edited and (name != "facts_digest" or row[_E + 1] != StatusEvent.Kind.ISSUED):
                    what = f"certificate {number}" if name == "facts_digest" else status
                    yield Finding(what, f"{name} is {_short(now)}, was {_short(was)} when it was chained")
        if "record" in facts:
            yield from self._certificate(number, row, facts, is_measure=bool(is_intact or edited))

    def _certificate(self, number: str, row: Sequence[Any], facts: dict[str, Any], *, is_measure: bool) -> Iterator[Finding]:
        """A certificate at its issue: all its columns as they were chained, and the facts with their digest."""
        self.rows["certificates"] += 1
        columns, salt = facts.get("columns", {}), facts.get("salt", "")
        raw = row[_C:-3]
        values = ledger.certificate_values(raw)
        if values.keys() != columns.keys():  # columns that came later are covered for later certificates
            gone = sorted(columns.keys() - values.keys())
            if gone and f"columns gone: {gone}" not in self.notes:
                self.notes.append(f"columns gone: {gone}")
            values = {name: value for name, value in values.items() if name in columns}
        if is_measure and merkle.salted_hash(values, salt) != facts["record"]:
            named = merkle.named_hashes(values, salt)
            for name in (name for name in values if named[name] != columns[name]):
                yield Finding(f"certificate {number}", f"{name} was edited after it was chained (now {_short(values[name])})")
        issued = _issued(raw, *row[-3:])
        if rules.digest(Certificate.facts(issued)) != issued.facts_digest:
            yield Finding(f"certificate {number}", "what it says does not give its facts_digest")
        self._count(issued.number)

    def _times(self, row: Sequence[Any], newest: DayRoot | None) -> Iterator[Finding]:
        """What an entry claims of its time, with the clock that chained it and the root that was published before."""
        sequence, event, kind, number, at, _facts, _digest, chained_at = row[:8]
        if event is None or self._is_explained(sequence):
            return
        status = f"status event {event} ({kind} of {number}), entry {sequence}"
        if at > self.at + SKEW:
            yield Finding(status, f"claims {_when(at)}, which is yet to come: the clock ran ahead, unless it is behind now")
        elif at > chained_at + SKEW:
            yield Finding(status, f"claims {_when(at)}, but was chained before, at {_when(chained_at)}")
        if newest is None:
            return
        closed = clock.end_of(newest.day)
        if chained_at < closed:
            yield Finding(
                status, f"was chained by a clock that showed {_when(chained_at)}, though {newest.day} was closed: the clock was set back"
            )
        elif at < closed and chained_at - at > LATE:
            yield Finding(
                status, f"is back-dated: it claims {_when(at)}, but was chained at {_when(chained_at)}, after {newest.day} was closed"
            )

    def _order(self) -> Iterator[Finding]:
        """Events of one certificate that claim a time before the one that they follow."""
        before = Window(Lag("at"), partition_by="number", order_by="sequence")
        measured = ChainEntry.objects.exclude(event=None).exclude(pk__in=ChainEntry.objects.explained().values("pk"))
        entries = measured.annotate(before=before).filter(at__lt=F("before")).order_by("sequence")
        for sequence, event, kind, number, at, earlier in entries.values_list("sequence", "event_id", "kind", "number", "at", "before"):
            if earlier - at > SKEW:
                yield Finding(
                    f"status event {event} ({kind} of {number}), entry {sequence}",
                    f"is back-dated: it claims {_when(at)}, before the event that it follows, {_when(earlier)}",
                )

    def _is_explained(self, sequence: int) -> bool:
        return any(first <= sequence <= last for first, last in self._explained)

    # ---- rows that no entry tells of ------------------------------------------------------------

    def _unchained(self) -> Iterator[Finding]:
        events = StatusEvent.objects.filter(~Exists(ChainEntry.objects.filter(event=OuterRef("pk")))).order_by("pk")
        waiting = 0
        for pk, kind, at, number in events.values_list("pk", "kind", "at", "certificate__number").iterator(chunk_size=CHUNK):
            self.rows["events"] += 1
            if kind == StatusEvent.Kind.ISSUED and number:
                self._count(number)
            if at > self.at - SETTLED:
                waiting += 1
            else:
                yield Finding(
                    f"status event {pk} ({kind} of {number})", "is not in the ledger: it was inserted, or nothing has been chained since"
                )
        if waiting:
            self.notes.append(f"{waiting} status events of the last minutes wait to be chained")
        issued = StatusEvent.objects.filter(certificate=OuterRef("pk"), kind=StatusEvent.Kind.ISSUED)
        for number in (
            Certificate.objects.filter(~Exists(issued)).order_by("pk").values_list("number", flat=True).iterator(chunk_size=CHUNK)
        ):
            self.rows["certificates"] += 1
            yield Finding(f"certificate {number}", "has no event of its issue: it was inserted, or the event was removed")

    def _given_numbers(self) -> Iterator[Finding]:
        """Numbers have no gaps: as many certificates as were numbered, and none that was not."""
        sequences = NumberSequence.objects.values_list("prefix", "category", "year", "county_code", "last")
        given = {f"{prefix}-{category}-{year}-{code}": last for prefix, category, year, code, last in sequences}
        for name in sorted(given.keys() | self._numbers.keys()):
            last, seen = given.get(name, 0), self._numbers.get(name, _Given())
            if (seen.count, seen.highest) == (last, last):
                continue
            numbers = Certificate.objects.filter(number__startswith=f"{name}-").values_list("number", flat=True)
            there = {_serial(number)[1] for number in numbers.iterator(chunk_size=CHUNK)}
            missing = sorted(set(range(1, last + 1)) - there)
            for serial in missing[:NAMED]:
                yield Finding(f"certificate {name}-{serial:05d}", "was removed: its number was given out")
            if len(missing) > NAMED:
                yield Finding(f"certificates {name}", f"{len(missing) - NAMED} more were removed: their numbers were given out")
            for serial in sorted(serial for serial in there if serial > last)[:NAMED]:
                yield Finding(
                    f"certificate {name}-{serial:05d}", "was inserted, or the sequence was edited: its number was never given out"
                )

    def _count(self, number: str) -> None:
        name, serial = _serial(number)
        seen = self._numbers.setdefault(name, _Given())
        seen.count, seen.highest = seen.count + 1, max(seen.highest, serial)

    def _versions(self) -> Iterator[Finding]:
        """The designs that certificates name: their digests stand in the facts of those."""
        for pk, kind, number, content, digest in TemplateVersion.objects.order_by("pk").values_list(
            "pk", "kind", "number", "content", "digest"
        ):
            if rules.digest(content) != digest:
                yield Finding(f"template version {pk} (version {number} of kind {kind})", "its content does not give its digest")


@dataclass
class _Given:
    count: int = 0
    highest: int = 0


_NAMES = ("kind", "number", "at", "facts_digest", "by", "second", "proposal", "reason")


def _issued(row: Sequence[Any], version: str | None, renews: str | None, replaces: str | None) -> Any:
    """The columns of a certificate under their names: enough for Certificate.facts(), and much quicker than a model."""
    found = SimpleNamespace(**dict(zip(ledger.CERTIFICATE_COLUMNS, row, strict=True)), version=SimpleNamespace(digest=version))
    found.renews = renews and SimpleNamespace(number=renews)
    found.replaces = replaces and SimpleNamespace(number=replaces)
    return found


def _edited(row: Sequence[Any], previous: set[str]) -> str:
    """Which column of an entry would give its hash if it were what it should be: that one was edited. "" when none does."""
    live = dict(zip(_NAMES, row[_E + 1 : _C], strict=True))
    right = [(name, place, live[name]) for name, place in (("kind", 2), ("number", 3), ("at", 4), ("facts_digest", 6))]
    for name, place, value in [*right, *(("previous", 8, hash) for hash in previous)]:
        columns = [*row[:place], value, *row[place + 1 : 9]]
        if value is not None and merkle.entry_hash(leaf_of(*columns)) == row[9]:
            return name
    return ""


@contextmanager
def _one_state() -> Iterator[None]:
    """Read one state of the database while others write on; inside a transaction it is that one's."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:  # atomic() would keep writers out
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _serial(number: str) -> tuple[str, int]:
    """The sequence that a number comes from, and its place there; 0 for what is no number."""
    parts = number.split("-")
    return ("-".join(parts[:4]), int(parts[4])) if len(parts) == 6 and parts[4].isdecimal() else (number, 0)


def _is_signed(public_key: str, statement: dict[str, Any], signature: str) -> bool:
    return keyring.is_signed(public_key, merkle.root_bytes(statement), _bytes(signature))


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()


def _read(storage: Storage, name: str) -> Any:
    try:
        with storage.open(f"{ledger.folder()}/{name}") as file:
            return json.load(file)
    except ValueError:
        return None


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _short(value: Any) -> str:
    if isinstance(value, datetime):
        return instant(value)
    text = str(value)
    return f"“{text[:SHOWN]}…”" if len(text) > SHOWN else f"“{text}”" if isinstance(value, str) else text


def _when(at: datetime) -> str:
    return f"{clock.local(at):%Y-%m-%d %H:%M:%S}"
