"""Hashes of the ledger of certificates, and trees of them: pure functions.

Trees are those of RFC 6962 section 2.1 (Certificate Transparency), with SHA-256: a leaf is hashed behind 0x00, two
nodes behind 0x01, and an odd node moves up as it is. Every other hash begins with the name of what it is over, so
that none passes for another. What is hashed is JSON with sorted keys, no blanks, UTF-8.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

FACTS = b"certificate-ledger/facts/1\n"
ENTRY = b"certificate-ledger/entry/1\n"
ROOT = b"certificate-ledger/root/1\n"
NOTHING = "0" * 64  # what stands for the hash before the first

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def canonical(value: Any) -> str:
    """The one way to write it as JSON."""
    return _encode(value)


def facts_hash(text: str) -> str:
    """The hash, in hex, of the part of an entry that an entry's leaf only hints at."""
    return sha256(FACTS + text.encode()).hexdigest()


def entry_hash(leaf: Mapping[str, Any]) -> str:
    """The hash, in hex, that stands for an entry in the chain and in its day's tree."""
    return sha256(ENTRY + _encode(leaf).encode()).hexdigest()


def root_bytes(statement: Mapping[str, Any]) -> bytes:
    """What is signed for a day: the statement with its name before it."""
    return ROOT + _encode(statement).encode()


def root_hash(statement: Mapping[str, Any]) -> str:
    return sha256(root_bytes(statement)).hexdigest()


def named_hashes(values: Mapping[str, Any], salt: str) -> dict[str, str]:
    """A short salted hash of each value: enough to tell later which of them was changed, and nothing of what it was."""
    return {name: sha256(f"{salt}\n{name}\n{_encode(value)}".encode()).hexdigest()[:16] for name, value in values.items()}


def salted_hash(values: Mapping[str, Any], salt: str) -> str:
    """One hash, in hex, of all the values."""
    return sha256(f"{salt}\n{_encode(values)}".encode()).hexdigest()


# ---- trees ------------------------------------------------------------------------------------


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf. Keeps as many hashes as it is high: a day may have any number of leaves."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, bytes]] = []  # height and hash of the complete trees so far, the highest first

    def add(self, data: bytes) -> None:
        height, found = 0, leaf(data)
        while self._waiting and self._waiting[-1][0] == height:
            found = node(self._waiting.pop()[1], found)
            height += 1
        self._waiting.append((height, found))

    def root(self) -> bytes:
        if not self._waiting:
            return sha256(b"").digest()
        found = self._waiting[-1][1]
        for _height, left in reversed(self._waiting[:-1]):
            found = node(left, found)
        return found


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over the data of leaves."""
    tree = Tree()
    for data in leaves:
        tree.add(data)
    return tree.root()


def levels(leaves: Iterable[bytes]) -> list[list[bytes]]:
    """The whole tree over at least one leaf: the hashes of the leaves first, the root last."""
    tree = [[leaf(data) for data in leaves]]
    while len(tree[-1]) > 1:
        below = tree[-1]
        above = [node(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
        tree.append(above + below[len(above) * 2 :])
    return tree


def path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root, lowest first (RFC 6962 section 2.1.1)."""
    found = []
    for level in tree[:-1]:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        index //= 2
    return found


def root_by_path(data: bytes, index: int, size: int, hashes: Iterable[bytes]) -> bytes | None:
    """The root that a leaf's path leads to in a tree of so many leaves (RFC 9162 section 2.1.3.2); None if it cannot be its path."""
    found, last = leaf(data), size - 1
    if not 0 <= index < size:
        return None
    for sibling in hashes:
        if last == 0:
            return None
        if index % 2 or index == last:
            found = node(sibling, found)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            found = node(found, sibling)
        index, last = index // 2, last // 2
    return found if last == 0 else None
