"""Data Integrity proofs `eddsa-rdfc-2022` (W3C Recommendation vc-di-eddsa): made and checked."""

import hashlib
from collections.abc import Callable
from typing import Any

import base58

from certificates import canonical, keyring

SUITE = "eddsa-rdfc-2022"
_MEMBERS = {"type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"}


def signed(document: dict[str, Any], *, created: str, method: str, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """The document with its proof. The same document, key and time give the same proof."""
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
    }
    value = "z" + base58.b58encode(sign(_hashed(document, options, canonical.of))).decode()
    return {**document, "proof": {**options, "proofValue": value}}


def is_by(document: dict[str, Any], public_key: str, *, canonicalise: Callable[[dict[str, Any]], bytes] = canonical.of) -> bool:
    """Whether the document's proof is of this suite and made with this key (multibase) over exactly this document.

    Raises:
        canonical.NotOurs, pyld.jsonld.JsonLdError: from `canonicalise`.
    """
    proof = document.get("proof")
    if not isinstance(proof, dict) or not is_of_suite(proof):
        return False
    value = proof["proofValue"]
    try:
        signature = base58.b58decode(value[1:])
    except ValueError:
        return False
    if len(signature) != 64:
        return False
    options = {name: each for name, each in proof.items() if name != "proofValue"}
    bare = {name: each for name, each in document.items() if name != "proof"}
    return keyring.is_signed(public_key, _hashed(bare, options, canonicalise), signature)


def is_of_suite(proof: Any) -> bool:
    """Whether this has the form of such a proof, with nothing beside it."""
    return (
        isinstance(proof, dict)
        and set(proof) == _MEMBERS
        and all(isinstance(each, str) and len(each) < 400 for each in proof.values())
        and (proof["type"], proof["cryptosuite"], proof["proofPurpose"]) == ("DataIntegrityProof", SUITE, "assertionMethod")
        and proof["proofValue"].startswith("z")
        and len(proof["proofValue"]) <= 90
    )


def _hashed(document: dict[str, Any], options: dict[str, Any], canonicalise: Callable[[dict[str, Any]], bytes]) -> bytes:
    """What is signed: SHA-256 of the proof's options, then SHA-256 of the document, each in canonical form."""
    config = {"@context": document["@context"], **options}
    return hashlib.sha256(canonicalise(config)).digest() + hashlib.sha256(canonicalise(document)).digest()
