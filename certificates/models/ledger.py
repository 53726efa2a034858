"""The chain of all that became of certificates, and the roots that are published of it."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certificates import merkle
from certificates.models.status import StatusEvent
from core.models import Fact, FactQuerySet


class ChainEntryQuerySet(FactQuerySet):
    def explanations(self) -> "ChainEntryQuerySet":
        return self.filter(event=None, kind=ChainEntry.Kind.EXPLAINED)  # an index finds those without event

    def explained(self) -> "ChainEntryQuerySet":
        """Those whose time an explanation names. One query at once."""
        return self.filter(_named())

    def ahead(self) -> "ChainEntryQuerySet":
        """Those whose time an explanation names when it was yet to come: a clock that ran ahead wrote it. One query at once."""
        return self.filter(_named(when_yet_to_come=True))


def _named(*, when_yet_to_come: bool = False) -> Q:
    """The entries that explanations name; or of them those that claimed a later time than that of the explanation."""
    named = Q(pk__in=[])
    for facts, explained_at in ChainEntry.objects.explanations().values_list("facts", "chained_at"):
        with suppress(ValueError, TypeError, KeyError):  # one that somebody edited explains nothing, and verify_ledger tells
            for entries in explained_ranges(facts):
                named |= Q(sequence__range=entries, at__gt=explained_at) if when_yet_to_come else Q(sequence__range=entries)
    return named


class ChainEntry(Fact):
    """One status event, as it stood when it was chained; its hash covers the hash of the entry before.

    Written by `services.chaining` after the event's commit, in one sequence without gaps for the whole deployment.
    The first is the genesis, which counts what was there already; an "explained" entry says why times of earlier
    ones look wrong. `facts` is the part that only holders and officers see, with a salt of its own: a stranger who
    follows a neighbour's path learns nothing by guessing.
    """

    class Kind(models.TextChoices):
        GENESIS = "genesis", _("The ledger begins")
        EXPLAINED = "explained", _("A time is explained")

    sequence = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(StatusEvent, on_delete=models.PROTECT, null=True, related_name="entry")
    kind = models.CharField(max_length=10)  # the event's, or one of Kind
    number = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()  # the event's
    facts = models.TextField()  # canonical JSON: who, why, and hashes of every column of the certificate
    facts_digest = models.CharField(max_length=64, blank=True)  # the certificate's
    chained_at = models.DateTimeField(db_index=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = ChainEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of the certificate ledger")
        verbose_name_plural = _("entries of the certificate ledger")
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.number} {self.kind}"

    def leaf(self) -> dict[str, str | int | None]:
        """What its hash is over, as a stranger gets it."""
        return leaf_of(
            self.sequence, self.event_id, self.kind, self.number, self.at, self.facts, self.facts_digest, self.chained_at, self.previous
        )


def explained_ranges(facts: str) -> list[tuple[int, int]]:
    """The entries, first and last of each range, whose times an explanation with these facts explains.

    Raises:
        ValueError, TypeError, KeyError: somebody edited it.
    """
    return [(int(first), int(last)) for first, last in json.loads(facts)["entries"]]


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as can be, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def leaf_of(
    sequence: int,
    event: int | None,
    kind: str,
    number: str,
    at: datetime,
    facts: str,
    facts_digest: str,
    chained_at: datetime,
    previous: str,
) -> dict[str, str | int | None]:
    """The leaf of an entry, from its columns in their order."""
    return {
        "sequence": sequence,
        "event": event,
        "kind": kind,
        "number": number,
        "at": instant(at),
        "event_digest": merkle.facts_hash(facts),
        "facts_digest": facts_digest,
        "chained_at": instant(chained_at),
        "previous": previous,
    }


def instant(at: datetime) -> str:
    """An instant in the one way that the ledger writes it: UTC."""
    return at.astimezone(UTC).isoformat()


class DayRoot(Fact):
    """What is published of a day on which something was chained: the root of the tree over its entries, signed.

    Made when the day is over in the county's time zone; days without entries have none. It covers the entries from
    `first` to `last`, which follow those of the root before, and names that one: so the newest root vouches for
    the whole ledger. It never changes, and a copy lies in the storage of private files.
    """

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3 … without gaps
    day = models.DateField(unique=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    tree = models.CharField(max_length=64)  # the root of the Merkle tree over the hashes of the entries
    head = models.CharField(max_length=64)  # the hash of the last entry
    previous = models.CharField(max_length=64)  # the hash of the root before
    made_at = models.DateTimeField()
    hash = models.CharField(max_length=64)
    kid = models.CharField(max_length=40)
    signature = models.CharField(max_length=128)

    class Meta:
        verbose_name = _("daily root")
        verbose_name_plural = _("daily roots")
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.day}: {self.hash}"

    @property
    def entries(self) -> int:
        return self.last - self.first + 1

    def statement(self) -> dict[str, str | int]:
        """What is signed."""
        return statement_of(self.number, self.day, self.first, self.last, self.tree, self.head, self.previous, self.made_at)


def statement_of(
    number: int, day: date, first: int, last: int, tree: str, head: str, previous: str, made_at: datetime
) -> dict[str, str | int]:
    """The statement of a root, from its columns in their order."""
    return {
        "number": number,
        "day": day.isoformat(),
        "first": first,
        "last": last,
        "tree": tree,
        "head": head,
        "previous": previous,
        "made_at": instant(made_at),
    }
