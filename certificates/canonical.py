"""What a signature of a badge covers: the canonical N-Quads of a JSON-LD document (RDFC-1.0), by PyLD.

PyLD needs five milliseconds for a badge, most of them for finding again what each term means. All badges have one of
a few shapes, so each shape goes through PyLD once, with a mark in the place of each value; after that the values are
put into the statements that PyLD made of it, and only the labels of nodes without a name are computed anew, by the
first half of RDFC-1.0. Whatever that half cannot decide goes through PyLD whole. Tests hold both ways equal.
"""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from pyld import jsonld

VC = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
CONTEXTS = {
    address: json.loads((Path(__file__).parent / "contexts" / name).read_text("utf-8"))
    for address, name in ((VC, "credentials-v2.json"), (OPEN_BADGES, "open-badges-3.0.3.json"))
}
SHAPES_KEPT = 64
_IRI = re.compile(r"(?:https?://|did:|urn:)[^\x00-\x20<>\"{}|\\^`]+")
_MARK = re.compile(r"urn:slot:(\d+)")
_NUMBER = re.compile(r"9\d{8}|9\.\d+E8")
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_UNUSUAL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_CONSTANT = {"@context", "type", "cryptosuite", "proofPurpose"}  # their values are terms, or choose them
_FIRST_NUMBER = 900_000_000
Part = str | tuple[str, int]
_lock = threading.Lock()  # PyLD keeps caches of contexts that are not made for threads
_shapes: OrderedDict[str, "Shape"] = OrderedDict()


class NotOurs(ValueError):
    """A document that names a context or a term which is not among those that come with the code."""


def load(address: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The document loader: what comes with the code, and nothing else, ever.

    Raises:
        NotOurs: any other address.
    """
    if address not in CONTEXTS:
        raise NotOurs(address[:200])
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": address, "document": CONTEXTS[address]}


def of(document: dict[str, Any]) -> bytes:
    """The canonical form of a document that we made: under a millisecond from the second of its shape on.

    A document from elsewhere belongs into `strictly`.
    """
    values: list[str | int | float] = []
    marked = _marked(document, "", values)
    key = json.dumps(marked, ensure_ascii=False)
    shape = _shapes.get(key)
    if shape is None:
        shape = _shapes[key] = Shape(_statements(marked))
        while len(_shapes) > SHAPES_KEPT:
            _shapes.popitem(last=False)
    return shape.filled(values) or by_pyld(document)


def by_pyld(document: dict[str, Any]) -> bytes:
    """The canonical form by PyLD alone."""
    with _lock:
        return jsonld.normalize(document, {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load}).encode()


def strictly(document: dict[str, Any]) -> bytes:
    """The canonical form of somebody else's document, whose size must have been bounded before. Costs some milliseconds.

    Only what no badge of ours has takes more than the first half of RDFC-1.0, whose second half can be made to run for
    years ("poison graphs"): it is refused.

    Raises:
        NotOurs: a context from elsewhere, a term that no context defines (the signature would not cover it), or like nodes without a name.
        pyld.jsonld.JsonLdError: no JSON-LD.
    """
    dropped: list[str] = []
    with _lock:
        expanded = jsonld.expand(document, {"documentLoader": load}, on_property_dropped=lambda name: dropped.append(str(name)))
    if dropped:
        raise NotOurs(", ".join(sorted(set(dropped)))[:200])
    _require_absolute(expanded)
    found = Shape(_statements(document), has_marks=False).filled([])
    if found is None:
        raise NotOurs("nodes without a name that are alike")
    return found


def _require_absolute(value: Any) -> None:
    """Relative names and types vanish silently on the way to RDF."""
    if isinstance(value, list):
        for each in value:
            _require_absolute(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "@type":
                for name in each if isinstance(each, list) else [each]:
                    if ":" not in name:
                        raise NotOurs(name[:200])
            elif key == "@id":
                if not _IRI.fullmatch(each):
                    raise NotOurs(each[:200])
            else:
                _require_absolute(each)


def _marked(value: Any, key: str, values: list[str | int | float]) -> Any:
    """The document with a mark for each value that varies, which goes into `values`."""
    if isinstance(value, dict):
        return {name: _marked(each, name, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_marked(each, key, values) for each in value]
    if key in _CONSTANT or isinstance(value, bool):
        return value
    if isinstance(value, str):
        values.append(value)
        return f"urn:slot:{len(values) - 1}"
    if isinstance(value, (int, float)):
        if isinstance(value, float) and value.is_integer():
            raise ValueError("a whole number is written without a point: other programs read it so")
        values.append(value)
        return _FIRST_NUMBER + len(values) - 1 + (0.5 if isinstance(value, float) else 0)
    raise TypeError(f"no JSON for a badge: {type(value).__name__}")


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The document's RDF statements; all in one graph.

    Raises:
        NotOurs: there are more graphs, which neither a badge nor a list has.
    """
    with _lock:
        graphs = jsonld.to_rdf(document, {"documentLoader": load})
    if set(graphs) - {"@default"}:
        raise NotOurs("named graphs")
    return graphs.get("@default", [])


def _double(value: float) -> str:
    """As JSON-LD 1.1 writes a number that is not whole: an xsd:double in canonical form."""
    return re.sub(r"(\d)0*E\+?(-?)0*(\d)", r"\1E\2\3", f"{value:1.15E}")


def _written(kind: str, value: str | int | float) -> str | None:
    """A value in the place of its mark; None where PyLD itself has to look at it."""
    if kind == "number":
        return f'"{value if isinstance(value, int) else _double(value)}"' if not isinstance(value, str) else None
    text = str(value)
    if kind == "iri":
        return f"<{text}>" if _IRI.fullmatch(text) else None
    return None if _UNUSUAL.search(text) else f'"{_escaped(text)}"'


class Shape:
    """The statements of one shape of document, cut where values and nodes without a name stand."""

    def __init__(self, statements: list[dict[str, Any]], *, has_marks: bool = True) -> None:
        self.named: list[list[Part]] = []  # statements between named nodes and values
        self.unnamed: list[list[Part]] = []  # statements with a node that has no name
        for statement in statements:
            parts: list[Part] = []
            for name in ("subject", "predicate", "object"):
                parts += [*_term(statement[name], has_marks), " "]
            parts.append(".\n")
            (self.unnamed if any(isinstance(part, tuple) and part[0] == "node" for part in parts) else self.named).append(parts)
        self.nodes = sorted({part[1] for parts in self.unnamed for part in parts if isinstance(part, tuple) and part[0] == "node"})

    def filled(self, values: list[str | int | float]) -> bytes | None:
        """The canonical form with these values; None where it takes the whole algorithm."""
        written: dict[Part, str] = {}

        def put(part: Part) -> Part:
            if isinstance(part, str) or part[0] == "node":
                return part
            text = written.get(part)
            if text is None:
                text = _written(part[0], values[part[1]])
                if text is None:
                    raise _TakesPyld
                written[part] = text
            return text

        try:
            lines = ["".join(map(put, parts)) for parts in self.named]  # type: ignore[arg-type]
            unnamed = [list(map(put, parts)) for parts in self.unnamed]
        except _TakesPyld:
            return None
        labels = self._labels(unnamed)
        if labels is None:
            return None
        lines += ["".join(part if isinstance(part, str) else labels[part[1]] for part in parts) for parts in unnamed]
        return "".join(sorted(set(lines))).encode()

    def _labels(self, unnamed: list[list[Part]]) -> dict[int, str] | None:
        """Canonical labels by the hashes of first degree; None where two nodes have the same one."""
        hashes: dict[str, int] = {}
        for node in self.nodes:
            about = [  # two statements that differ in another unnamed node alone count twice
                "".join(part if isinstance(part, str) else "_:a" if part[1] == node else "_:z" for part in parts)
                for parts in unnamed
                if ("node", node) in parts
            ]
            hashes[hashlib.sha256("".join(sorted(about)).encode()).hexdigest()] = node
        if len(hashes) < len(self.nodes):
            return None
        return {hashes[each]: f"_:c14n{place}" for place, each in enumerate(sorted(hashes))}


class _TakesPyld(Exception):
    pass


def _term(term: dict[str, Any], has_marks: bool) -> list[Part]:
    """A subject, predicate or object in N-Quads, or the place of the value that goes there."""
    value = term["value"]
    if term["type"] == "blank node":
        return [("node", int(value.removeprefix("_:b")))]
    if term["type"] == "IRI":
        mark = _MARK.fullmatch(value) if has_marks else None
        return [("iri", int(mark[1])) if mark else f"<{value}>"]
    mark, number = (_MARK.fullmatch(value), _NUMBER.fullmatch(value)) if has_marks else (None, None)
    if mark:
        written: Part = ("text", int(mark[1]))
    elif number:
        written = ("number", int(float(value)) - _FIRST_NUMBER)
    else:
        written = f'"{_escaped(value)}"'
    if "language" in term:
        return [written, f"@{term['language']}"]
    return [written] if term["datatype"] == _STRING else [written, f"^^<{term['datatype']}>"]


def _escaped(text: str) -> str:
    """As canonical N-Quads write a literal.

    Raises:
        NotOurs: control characters, which no badge of ours has and programs write differently.
    """
    if _UNUSUAL.search(text):
        raise NotOurs("control characters")
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
