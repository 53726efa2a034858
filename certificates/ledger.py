"""The ledger as it is read: how events and certificates are written into it, its documents, and proofs of inclusion.

What is in it and what it proves: docs/certificates.md. It is checked by `certificates.ledger_check`, written by
`services.chaining`.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from certificates import keyring, merkle
from certificates.models import Certificate, ChainEntry, DayRoot, StatusEvent
from certificates.models.ledger import instant
from certificates.storage import papers

PROOF_FORMAT = "certificate-ledger-proof/1"
ROOT_FORMAT = "certificate-ledger-root/1"
FOLDER = "ledger"
HEADS = "heads"
_HEAD = re.compile(r"([0-9]{1,18})-([0-9a-f]{64})")

CERTIFICATE_COLUMNS = [field.attname for field in Certificate._meta.concrete_fields]
_OF_CERTIFICATE = [f"certificate__{name}" for name in CERTIFICATE_COLUMNS]
EVENT_COLUMNS = [
    "pk", "kind", "certificate__number", "at", "certificate__facts_digest", "by_id", "second_id", "proposal_id", "reason", *_OF_CERTIFICATE
]  # fmt: skip


def _as_json(field: models.Field) -> Callable[[Any], Any] | None:
    """How a column is written for hashing; None: as it is."""
    if isinstance(field, models.DateTimeField):
        return instant
    if isinstance(field, models.DateField):
        return date.isoformat
    if isinstance(field, models.DecimalField):
        return f"{{:.{field.decimal_places}f}}".format
    return None


_WRITERS = [(at, write) for at, field in enumerate(Certificate._meta.concrete_fields) if (write := _as_json(field)) is not None]


def certificate_values(row: Sequence[Any]) -> dict[str, Any]:
    """Every column of a certificate, given in the order of CERTIFICATE_COLUMNS, as it is hashed."""
    values = list(row)
    for at, write in _WRITERS:
        if values[at] is not None:
            values[at] = write(values[at])
    return dict(zip(CERTIFICATE_COLUMNS, values, strict=True))


def facts_of_event(row: Sequence[Any], *, salt: str) -> str:
    """What an entry keeps of an event beside its leaf; the row is one of EVENT_COLUMNS.

    At the issue also a hash of all columns of the certificate, and a short one of each, so that one can say which was changed.
    """
    facts: dict[str, Any] = {"by": row[5], "second": row[6], "proposal": row[7], "reason": row[8], "salt": salt}
    if row[1] == StatusEvent.Kind.ISSUED:
        values = certificate_values(row[9:])
        facts |= {"record": merkle.salted_hash(values, salt), "columns": merkle.named_hashes(values, salt)}
    return merkle.canonical(facts)


def is_as_chained(certificate_id: int) -> bool:
    """Whether every column of a certificate is as it was when its issue was chained; so is one that waits to be chained. One query.

    Columns that came later are covered for later certificates.
    """
    issued = ChainEntry.objects.filter(event__certificate=certificate_id, kind=StatusEvent.Kind.ISSUED)
    for text, *row in issued.values_list("facts", *(f"event__{name}" for name in _OF_CERTIFICATE)):
        facts, values = json.loads(text), certificate_values(row)
        values = {name: value for name, value in values.items() if name in facts.get("columns", ())}
        if "record" in facts and merkle.salted_hash(values, facts["salt"]) != facts["record"]:
            return False
    return True


# ---- what is published ------------------------------------------------------------------------


def document_of(root: DayRoot) -> dict[str, Any]:
    """A root as it is published. The public key is named for convenience: believe the issuer's document."""
    key = keyring.badge_keys().get(root.kid)
    document = {"format": ROOT_FORMAT, "statement": root.statement(), "hash": root.hash, "kid": root.kid, "signature": root.signature}
    return document | ({"public_key": key} if key else {})


def genesis() -> str | None:
    """The hash of the first entry: the name of this ledger."""
    return ChainEntry.objects.filter(sequence=1).values_list("hash", flat=True).first()


def folder() -> str:
    """Where copies of this ledger's roots lie; by its name, so that another database beside the same files keeps its own."""
    return f"{FOLDER}/{(genesis() or '')[:16]}"


def copy_name(root: DayRoot) -> str:
    return f"{folder()}/{root.day}.json"


def copies() -> set[str]:
    """The names of the copies of this ledger's roots. One listing."""
    try:
        return set(papers().listdir(folder())[1])
    except FileNotFoundError:
        return set()


def heads() -> list[tuple[int, str]]:
    """Sequence and hash that were kept of newest entries, until a root closed their day: several of one sequence contradict each other.

    In order. One listing.
    """
    try:
        names = papers().listdir(f"{folder()}/{HEADS}")[1]
    except FileNotFoundError:
        return []
    return sorted((int(found[1]), found[2]) for name in names if (found := _HEAD.fullmatch(name)))


def contradicted(kept: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str, str | None]]:
    """Those of some kept heads that the ledger does not bear out, each with the hash that its entry has now. A query for 500."""
    for start in range(0, len(kept), 500):
        some = kept[start : start + 500]
        there = dict(ChainEntry.objects.filter(sequence__in={sequence for sequence, _hash in some}).values_list("sequence", "hash"))
        yield from ((*head, there.get(head[0])) for head in some if there.get(head[0]) != head[1])


def head_name(sequence: int, entry_hash: str) -> str:
    return f"{folder()}/{HEADS}/{sequence}-{entry_hash}"


# ---- proofs -----------------------------------------------------------------------------------


def proof_of(certificate: Certificate) -> dict[str, Any]:
    """What shows a stranger that a certificate, and all that became of it, is in the published ledger.

    `status` is "proven"; "partly" while the newest entry waits for its day's root; "pending" while all do. Whoever has
    the proof can check the certificate's facts, each entry, its path to the day's root and the signature, with
    docs/check_proof.py or anything like it. It does not show that nothing followed later. A handful of queries.
    """
    entries = list(ChainEntry.objects.filter(event__certificate=certificate).order_by("sequence"))
    roots: dict[str, Any] = {}
    shown, waits_for_another = [], False
    for entry in entries:
        closed = DayRoot.objects.filter(first__lte=entry.sequence, last__gte=entry.sequence).first()
        root, later = _vouched(closed)
        waits_for_another |= root is not closed
        each: dict[str, Any] = {"leaf": entry.leaf(), "hash": entry.hash, "root": root and root.day.isoformat()}
        if root is not None:
            index = entry.sequence - root.first
            each |= {"index": index, "size": root.entries, "path": [found.hex() for found in merkle.path(_tree(root), index)]}
            roots[root.day.isoformat()] = document_of(root) | ({"later": later} if later else {})
        shown.append(each)
    proven = sum(each["root"] is not None for each in shown)
    status = "pending" if not proven else "proven" if proven == len(shown) else "partly"
    note = "withdrawn" if waits_for_another else status
    return {
        "format": PROOF_FORMAT,
        "number": certificate.number,
        "ledger": genesis(),
        "status": status,
        "note": _NOTES[note](),
        "facts": certificate.facts(),
        "facts_digest": certificate.facts_digest,
        "entries": shown,
        "roots": roots,
    }


def _vouched(root: DayRoot | None) -> tuple[DayRoot | None, list[dict[str, Any]]]:
    """A root and, where its key was withdrawn, the later ones up to the first by a published key: each names the one before it.

    None while there is no such one: then it is as if the root were not published yet.
    """
    published = keyring.badge_keys()
    if root is None or root.kid in published:
        return root, []
    later = DayRoot.objects.filter(number__gt=root.number).order_by("number")
    good = later.filter(kid__in=published).first()
    return (root, [document_of(one) for one in later.filter(number__lte=good.number)]) if good else (None, [])


_NOTES: dict[str, Callable[[], str]] = {
    "withdrawn": lambda: _(
        "The key that signed the day's root was withdrawn. The next root, published after midnight of a day on which something becomes of any certificate, vouches for it; download the proof again then."
    ),
    "proven": lambda: _("Everything that has become of this certificate so far is in the published ledger."),
    "partly": lambda: _(
        "The newest entry is chained, but its day's root is not published yet. It is published after midnight; download the proof again then."
    ),
    "pending": lambda: _(
        "The day's root is not published yet, so there is nothing to check against. It is published after midnight; download the proof again then."
    ),
}


def _tree(root: DayRoot) -> list[list[bytes]]:
    return _grown(root.hash, root.first, root.last)


@lru_cache(maxsize=2)
def _grown(_hash: str, first: int, last: int) -> list[list[bytes]]:
    """The tree of a closed day, which never changes. A process keeps two: certificates of one day are asked for together."""
    hashes = ChainEntry.objects.filter(sequence__gte=first, sequence__lte=last).order_by("sequence").values_list("hash", flat=True)
    return merkle.levels(bytes.fromhex(found) for found in hashes.iterator(chunk_size=5000))


def newest_root() -> DayRoot | None:
    return DayRoot.objects.order_by("-number").first()


def pending_since() -> datetime | None:
    """Since when entries wait for a root."""
    newest = newest_root()
    waiting = ChainEntry.objects.filter(sequence__gt=newest.last if newest else 0).order_by("sequence")
    return waiting.values_list("chained_at", flat=True).first()
