"""The pages of the ledger, the roots as files, and the proof that goes with a certificate."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from certificates import keyring, ledger, merkle, rules, services
from certificates.models import DayRoot
from people.models import ReadingOfOthers
from tests.cast import EVERYBODY, NOON
from tests.certificates.badges import happened
from tests.certificates.conftest import a_completion

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READERS = {"learner", "own_leader", "liaison", "hr", "auditor"}
PROGRAM = Path(__file__).resolve().parents[2] / "docs" / "check_proof.py"


@pytest.fixture
def book(cast, kinds, private):
    """The learner's certificate among seven of one day, revoked on the next; both days are closed."""
    others = [cast.colleague, cast.liaison, cast.hr, cast.trainer, cast.reviewer, cast.admin]
    mine = [services.issue(completion=a_completion(person), at=NOON) for person in [*others, cast.learner]][-1]
    services.chain(at=NOON)
    happened(mine, "revoked", by=cast.hr, at=NOON + DAY)
    services.chain(at=NOON + DAY)
    services.publish_roots(at=NOON + 2 * DAY)
    return mine


@pytest.fixture
def issuer():
    """The issuer's document, as the site serves it."""
    methods = [{"id": f"did:web:example.cn#{kid}", "publicKeyMultibase": key} for kid, key in keyring.badge_keys().items()]
    return {"id": "did:web:example.cn", "verificationMethod": methods}


# ---- the public pages ---------------------------------------------------------------------------


def test_the_page_tells_what_it_is_and_the_newest_roots(client, book, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        page = client.get(reverse("ledger")).content.decode()
    for root in DayRoot.objects.all():
        assert root.hash in page and reverse("ledger_root", args=[root.day]) in page
    assert book.number not in page and book.person_name not in page
    assert "sessionid" not in client.cookies


def test_an_empty_ledger_says_what_comes_first(client, cast):
    page = client.get(reverse("ledger"))
    assert page.status_code == 200 and 'class="empty"' in page.content.decode()
    assert client.get(reverse("ledger_latest")).status_code == 404


def test_entries_that_wait_for_their_root_are_told(client, book, cast):
    assert "2026-06-17" not in client.get(reverse("ledger")).content.decode()
    services.issue(completion=a_completion(cast.learner), at=NOON + 2 * DAY)
    services.chain(at=NOON + 2 * DAY)
    assert "2026-06-17" in client.get(reverse("ledger")).content.decode()


def test_a_root_is_published_for_programs_and_never_changes(client, book, cast):
    first = client.get(reverse("ledger_root", args=["2026-06-15"]))
    assert first["Cache-Control"] == "public, max-age=31536000" and first["Access-Control-Allow-Origin"] == "*"
    document = first.json()
    assert document["statement"]["day"] == "2026-06-15" and document["statement"]["last"] == 8
    signature = bytes.fromhex(document["signature"])
    assert keyring.is_signed(document["public_key"], merkle.root_bytes(document["statement"]), signature)

    services.issue(completion=a_completion(cast.learner), at=NOON + 3 * DAY)
    services.publish_roots(at=NOON + 5 * DAY)
    assert client.get(reverse("ledger_root", args=["2026-06-15"])).content == first.content
    latest = client.get(reverse("ledger_latest"))
    assert latest["Cache-Control"] == "public, max-age=60"
    assert latest.json()["hash"] == DayRoot.objects.latest("number").hash


@pytest.mark.parametrize(
    ("day", "status", "code"), [("2026-06-14", 404, "not_found"), ("2026-13-01", 422, "malformed"), ("x", 422, "malformed")]
)
def test_a_day_without_root_is_a_plain_answer(client, book, day, status, code):
    response = client.get(reverse("ledger_root", args=[day]))
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response["Content-Type"] == "application/problem+json" and response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("door", ["ledger", "ledger_latest"])
def test_nothing_is_sent_there(client, book, door):
    assert client.post(reverse(door)).status_code == 405


# ---- who gets a proof ---------------------------------------------------------------------------


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_holder_and_those_who_may_read_the_record_get_the_proof(cast, book, sign_in, who):
    reader = getattr(cast, who)
    response = sign_in(reader).get(reverse("certificate_proof", args=[book.number]))
    assert response.status_code == (200 if who in READERS else 404)
    logged = ReadingOfOthers.objects.filter(reader=reader, subject=cast.learner, what="certificate proof")
    assert logged.count() == (1 if who in READERS - {"learner"} else 0)


def test_signed_out_there_is_no_proof(client, book):
    response = client.get(reverse("certificate_proof", args=[book.number]))
    assert response.status_code == 302 and "/accounts/login/" in response["Location"]


def test_the_proof_comes_as_a_file_that_no_cache_keeps(cast, book, sign_in):
    response = sign_in(cast.learner).get(reverse("certificate_proof", args=[book.number]) + "?download")
    assert response["Content-Type"] == "application/json" and "no-store" in response["Cache-Control"]
    assert response["Content-Disposition"].startswith("attachment;") and "proof.json" in response["Content-Disposition"]
    assert response.json() == ledger.proof_of(book)


def test_the_page_of_a_certificate_offers_it(cast, book, sign_in):
    page = sign_in(cast.learner).get(reverse("certificate", args=[book.number])).content.decode()
    assert reverse("certificate_proof", args=[book.number]) in page and reverse("ledger") in page


# ---- what it proves -------------------------------------------------------------------------------


def test_a_proof_leads_from_each_entry_to_the_signed_root(book):
    proof = ledger.proof_of(book)
    assert (proof["status"], proof["number"], proof["facts"]) == ("proven", book.number, book.facts())
    assert rules.digest(proof["facts"]) == proof["facts_digest"] == book.facts_digest
    assert [entry["leaf"]["kind"] for entry in proof["entries"]] == ["issued", "revoked"]
    for entry in proof["entries"]:
        tree = proof["roots"][entry["root"]]["statement"]["tree"]
        data = bytes.fromhex(merkle.entry_hash(entry["leaf"]))
        assert merkle.root_by_path(data, entry["index"], entry["size"], map(bytes.fromhex, entry["path"])).hex() == tree


def test_reasons_and_people_stay_out_of_it(book, cast):
    text = json.dumps(ledger.proof_of(book), ensure_ascii=False)
    assert "查实替考" not in text and cast.hr.name not in text
    for other in (cast.colleague, cast.liaison):
        assert other.name not in text and other.certificates.get().number not in text


def test_before_the_day_is_over_it_says_so(cast, kinds, private):
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    assert (ledger.proof_of(certificate)["status"], ledger.proof_of(certificate)["entries"]) == ("pending", [])
    services.chain(at=NOON)
    proof = ledger.proof_of(certificate)
    assert proof["status"] == "pending" and proof["entries"][0]["root"] is None and "尚未公布" in proof["note"]
    services.publish_roots(at=NOON + DAY)
    happened(certificate, "revoked", by=cast.hr, at=NOON + DAY)
    services.chain(at=NOON + DAY)
    assert ledger.proof_of(certificate)["status"] == "partly"


def test_proofs_of_one_day_share_its_tree(book, cast, django_assert_max_num_queries):
    ledger.proof_of(book)
    with django_assert_max_num_queries(8):
        ledger.proof_of(cast.colleague.certificates.get())


# ---- the program for strangers --------------------------------------------------------------------


def run(tmp_path, proof: dict, issuer: dict) -> tuple[int, str]:
    """What the program says, run by itself: without Django, without this repository."""
    for name, content in (("proof.json", proof), ("did.json", issuer)):
        (tmp_path / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-I", str(PROGRAM), "proof.json", "did.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_program_needs_nothing_of_ours():
    imported = [line for line in PROGRAM.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert {line.split()[1].partition(".")[0] for line in imported} == {"hashlib", "json", "sys", "cryptography"}


def test_the_program_can_be_taken_from_the_page(client, cast):
    assert reverse("ledger_program") in client.get(reverse("ledger")).content.decode()
    response = client.get(reverse("ledger_program"))
    assert response.content == PROGRAM.read_bytes() and "check_proof.py" in response["Content-Disposition"]


def test_the_program_finds_a_genuine_proof_genuine(book, issuer, tmp_path):
    code, said = run(tmp_path, ledger.proof_of(book), issuer)
    assert code == 0, said
    assert "issued 2026-06-15" in said and "revoked 2026-06-16" in said and said.count("in the root of") == 2


def test_the_program_says_what_is_pending(book, cast, issuer, tmp_path):
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON + 2 * DAY)
    services.chain(at=NOON + 2 * DAY)
    code, said = run(tmp_path, ledger.proof_of(certificate), issuer)
    assert code == 2 and "PENDING" in said and "in the root" not in said and "NOTHING PROVEN" in said


def broken(proof: dict, how: str) -> dict:
    """A proof that somebody tampered with."""
    entry = proof["entries"][0]
    root = proof["roots"][entry["root"]]
    if how == "name":
        proof["facts"]["name"] = "李四"
    elif how == "name and digest":
        proof["facts"]["name"] = "李四"
        proof["facts_digest"] = rules.digest(proof["facts"])
    elif how == "name, digest and leaf":
        proof["facts"]["name"] = "李四"
        proof["facts_digest"] = entry["leaf"]["facts_digest"] = rules.digest(proof["facts"])
        proof["entries"] = [entry]
    elif how == "time":
        entry["leaf"]["at"] = "2020-01-01T00:00:00+00:00"
    elif how == "kind":
        proof["entries"][1]["leaf"]["kind"] = "restored"
    elif how == "path":
        entry["path"][0] = "0" * 64
    elif how == "shorter path":
        entry["path"].pop()
    elif how == "place":
        entry["index"] -= 1
    elif how == "size":
        entry["size"] += 1
    elif how == "tree":
        root["statement"]["tree"] = "0" * 64
    elif how == "signature":
        root["signature"] = "0" * 128
    elif how == "key":
        root["kid"] = "badge-of-somebody-else"
    elif how == "no entries":
        proof["entries"] = []
    elif how == "number":
        proof["number"] = "YAZWGK-01-2026-532325-00001-T"
    elif how == "format":
        proof["format"] = "certificate-ledger-proof/2"
    else:
        del proof["roots"]
    return proof


@pytest.mark.parametrize(
    "how",
    ["name", "name and digest", "name, digest and leaf", "time", "kind", "path", "shorter path", "place", "size", "tree", "signature", "key",
     "no entries", "number", "format", "no roots"],
)  # fmt: skip
def test_the_program_finds_whatever_was_changed(book, issuer, tmp_path, how):
    code, said = run(tmp_path, broken(ledger.proof_of(book), how), issuer)
    assert code == 1 and "NOT GENUINE" in said


def test_the_program_believes_no_key_that_the_proof_brings_along(book, issuer, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    proof, forger = ledger.proof_of(book), Ed25519PrivateKey.generate()
    for root in proof["roots"].values():
        root["signature"] = forger.sign(merkle.root_bytes(root["statement"])).hex()
        root["public_key"] = keyring.multibase_of(forger.public_key())
    code, said = run(tmp_path, proof, issuer)
    assert code == 1 and "not signed by the issuer" in said


def test_after_a_rotation_the_proof_still_checks(book, tmp_path):
    from certificates.services import keys

    keys.rotate(purpose="badge", at=NOON + 3 * DAY)
    methods = [{"id": f"did:web:example.cn#{kid}", "publicKeyMultibase": key} for kid, key in keyring.badge_keys().items()]
    assert len(methods) == 2
    assert run(tmp_path, ledger.proof_of(book), {"verificationMethod": methods})[0] == 0


def test_after_a_withdrawal_a_later_root_vouches_for_the_one_by_that_key(book, cast, tmp_path):
    from certificates.services import keys

    kid = keyring.kid_in_use("badge")
    keys.retire(kid=kid, at=NOON + 3 * DAY, compromised=True)

    def issuer():
        methods = [{"id": f"did:web:example.cn#{kid}", "publicKeyMultibase": key} for kid, key in keyring.badge_keys().items()]
        return {"verificationMethod": methods}

    waiting = ledger.proof_of(book)
    assert waiting["status"] == "pending" and waiting["roots"] == {} and "已作废" in waiting["note"]
    assert run(tmp_path, waiting, issuer())[1].count("PENDING") == 2

    services.issue(completion=a_completion(cast.learner), at=NOON + 3 * DAY)
    services.chain(at=NOON + 3 * DAY)
    services.publish_roots(at=NOON + 4 * DAY)
    proof = ledger.proof_of(book)
    code, said = run(tmp_path, proof, issuer())
    assert code == 0 and proof["status"] == "proven" and said.count("vouches for") == 2, said
    for change in (
        lambda later: later[0]["statement"].update(previous="0" * 64),
        lambda later: later[-1].update(signature="00" * 64),
        lambda later: later.pop(),
    ):
        forged = json.loads(json.dumps(proof))
        change(forged["roots"]["2026-06-15"]["later"])
        code, said = run(tmp_path, forged, issuer())
        assert code == 1 and "NOT GENUINE" in said
