"""Check a certificate's proof without the site that issued it.

    python check_proof.py PROOF.json did.json

PROOF.json is the proof that came with the certificate, did.json the issuer's document (https://SITE/.well-known/did.json,
fetched by you, or given to you by somebody you trust). Needs Python 3.9 and the package "cryptography".
Ends with 0 where something is proven and nothing is wrong, 1 where something is wrong, 2 where nothing is proven yet.
The format is told in docs/certificates.md, "The ledger".
"""

import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def sha(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def need(truth, words):
    if not truth:
        sys.exit(f"NOT GENUINE: {words}")


def key_of(issuer, kid):
    for method in issuer["verificationMethod"]:
        if method["id"].endswith("#" + kid):
            number = 0
            for character in method["publicKeyMultibase"][1:]:
                number = number * 58 + BASE58.index(character)
            return Ed25519PublicKey.from_public_bytes(number.to_bytes(34, "big")[2:])
    sys.exit(f"NOT GENUINE: the issuer's document knows no key {kid}")


def signed_bytes(root):
    return b"certificate-ledger/root/1\n" + canonical(root["statement"])


def need_signed(root, issuer):
    """The root is signed by the issuer; or, where that key counts no more, a later one is, and each names the one before it."""
    day, found = root["statement"]["day"], root
    for later in root.get("later", []):
        need(later["statement"]["previous"] == sha(signed_bytes(found)).hex(), f"the roots after {day} do not follow each other")
        found = later
    try:
        key_of(issuer, found["kid"]).verify(bytes.fromhex(found["signature"]), signed_bytes(found))
    except InvalidSignature:
        need(False, f"the root of {found['statement']['day']} was not signed by the issuer")
    return found


def check(proof, issuer):
    need(proof["format"] == "certificate-ledger-proof/1", "this is no such proof")
    need(proof["facts"]["number"] == proof["number"], "the facts are those of another certificate")
    need(sha(canonical(proof["facts"])).hex() == proof["facts_digest"], "the facts were changed")
    need(proof["entries"], "there is no entry: it is not in the ledger yet")
    proven = 0
    for entry in proof["entries"]:
        leaf = entry["leaf"]
        need((leaf["number"], leaf["facts_digest"]) == (proof["number"], proof["facts_digest"]), "an entry of another certificate")
        what = f"{leaf['kind']} {leaf['at']}, entry {leaf['sequence']}"
        if entry["root"] is None:
            print(f"{what}: PENDING, its day's root is not published yet")
            continue
        root = proof["roots"][entry["root"]]
        statement, index, last = root["statement"], entry["index"], entry["size"] - 1
        signer = need_signed(root, issuer)
        in_range = statement["first"] + index == leaf["sequence"] and statement["first"] + last == statement["last"]
        need(in_range and 0 <= index <= last, f"{what} lies outside its root")
        found = sha(b"\x00" + sha(b"certificate-ledger/entry/1\n" + canonical(leaf)))
        for sibling in map(bytes.fromhex, entry["path"]):  # RFC 9162, section 2.1.3.2
            if index % 2 or index == last:
                found = sha(b"\x01" + sibling + found)
                while index and not index % 2:
                    index, last = index // 2, last // 2
            else:
                found = sha(b"\x01" + found + sibling)
            index, last = index // 2, last // 2
        need(last == 0 and found.hex() == statement["tree"], f"{what} is not in the root of {entry['root']}")
        vouched = "" if signer is root else f", which that of {signer['statement']['day']} vouches for"
        print(f"{what}: in the root of {statement['day']}{vouched}, signed with {signer['kid']}")
        proven += 1
    if not proven:
        print("NOTHING PROVEN: no signature was checked; download the proof again when the day's root is published", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    files = []
    for name in sys.argv[1:3]:
        with open(name, encoding="utf-8") as file:
            files.append(json.load(file))
    try:
        check(*files)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        sys.exit(f"NOT GENUINE: the proof cannot be read ({type(fault).__name__}: {fault})")
