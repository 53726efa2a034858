"""What a receiver may answer: signed, to this hand-over, each row known and once; else every broken row is named and nothing taken."""

import base64
import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused, RefusedRows
from evaluation.periods import replies

KNOWN = {"U:532325-D03", "P:YA10001", "P:YA10002"}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()


def sign(document: bytes, key=KEY) -> str:
    return base64.b64encode(key.sign(document)).decode()


def written(*rows, **more) -> bytes:
    return json.dumps({"hand_over": "532325-2026-1", "package": "ab" * 32, "rows": list(rows)} | more).encode()


def read(document: bytes):
    return replies.read(document, hand_over="532325-2026-1", package="ab" * 32, known=KNOWN)


ACCEPTED = {"key": "P:YA10001", "verdict": "accepted"}
TURNED_DOWN = {"key": "P:YA10002", "verdict": "refused", "reason": "学时与本单位登记不符"}


def test_verdicts_are_read_from_json_and_from_csv_alike():
    as_csv = (
        "\ufeffhand_over,package,key,verdict,reason\r\n"
        f"532325-2026-1,{'ab' * 32},P:YA10001,accepted,\r\n"
        f"532325-2026-1,{'ab' * 32},P:YA10002,refused,学时与本单位登记不符\r\n"
    )
    assert (
        read(written(ACCEPTED, TURNED_DOWN))
        == read(as_csv.encode())
        == [
            replies.Answer("P:YA10001", "accepted", ""),
            replies.Answer("P:YA10002", "refused", "学时与本单位登记不符"),
        ]
    )


def test_every_broken_row_is_named_and_none_is_taken():
    rows = [
        {"key": "P:YA99999", "verdict": "accepted"},
        ACCEPTED,
        ACCEPTED,
        {"key": "P:YA10002", "verdict": "refused", "reason": " "},
        {"key": "U:532325-D03", "verdict": "maybe"},
    ]
    with pytest.raises(RefusedRows) as refusal:
        read(written(*rows))
    assert [(error.row, error.field) for error in refusal.value.errors] == [(1, "key"), (3, "key"), (4, "reason"), (5, "verdict")]
    assert "P:YA99999" in refusal.value.errors[0].message and "2" in refusal.value.errors[1].message


@pytest.mark.parametrize("field", ["key", "verdict", "reason"])
def test_half_of_a_character_is_named_where_it_stands_and_can_be_told(field):
    with pytest.raises(RefusedRows) as caught:
        read(written(ACCEPTED, TURNED_DOWN | {field: "学时\ud800不符"}))

    assert [(error.row, error.field) for error in caught.value.errors] == [(2, field)]
    assert caught.value.errors[0].message.encode()


def test_the_name_of_another_hand_over_is_told_without_half_of_a_character():
    with pytest.raises(Refused) as caught:
        read(written(ACCEPTED, hand_over="\ud800"))

    assert caught.value.code == "other_package" and caught.value.message.encode()


def test_an_answer_to_another_package_of_the_same_hand_over_names_both_packages():
    with pytest.raises(Refused) as caught:
        read(written(ACCEPTED, package="cd" * 32))

    assert "cd" * 32 in caught.value.message and "ab" * 32 in caught.value.message


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"\xff\xfe\x00", "format"),
        (b"{", "format"),
        (b"[]", "format"),
        (b'{"rows": 3}', "format"),
        (b"[" * 100_000, "format"),
        (written("P:YA10001"), "format"),
        (b"key,verdict\r\nP:YA10001,accepted\r\n", "format"),
        (written(), "empty"),
        (written(ACCEPTED, package="cd" * 32), "other_package"),
        (written(ACCEPTED, hand_over="532325-2025-1"), "other_package"),
    ],
)
def test_an_answer_that_is_none_is_refused_as_a_whole(document, code):
    with pytest.raises(Refused) as refusal:
        read(document)
    assert refusal.value.code == code


def test_only_the_receivers_own_signature_over_these_bytes_passes():
    document = written(ACCEPTED)
    replies.require_signed(document, signature=sign(document) + "\n", public_key=PUBLIC)
    stranger = Ed25519PrivateKey.generate()
    for signature in (sign(document, stranger), sign(document + b" "), "", "AAAA", "ä", sign(document)[:-4]):
        with pytest.raises(Refused) as refusal:
            replies.require_signed(document, signature=signature, public_key=PUBLIC)
        assert refusal.value.code == "signature"


def test_a_key_is_taken_as_pem_or_base64_and_only_an_ed25519_one():
    pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert replies.key_of(pem) == replies.key_of(f"  {PUBLIC}\n") == PUBLIC
    other = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for wrong in ("", "MCowBQYDK2VwAyEA", "ключ", pem.replace("A", "B"), other, PUBLIC + PUBLIC):
        with pytest.raises(Refused) as refusal:
            replies.key_of(wrong)
        assert refusal.value.code == "public_key"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_bytes_come_they_are_read_or_refused(document):
    with contextlib.suppress(Refused):
        read(document)
