"""What a stranger can check with the exported folder alone: no site, no database, programs of others."""

import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.core.management import CommandError, call_command
from wagtail.models import ModelLogEntry

from certificates import files, keyring, services, signing
from core import clock
from tests.cast import NOON
from tests.certificates.badges import changed, happened
from tests.certificates.reading import pdfsig, pdfsig_is_content, pyhanko_is_content, trust
from tests.certificates.test_badge_verifiers import told_by


@pytest.fixture
def exported(certificate, tmp_path) -> Path:
    """The folder, exported when the root of the day of issue was out."""
    services.chain(at=NOON + timedelta(hours=1))
    services.publish_roots(at=NOON + timedelta(days=1))
    call_command("export_certificate", certificate.number.lower(), "--to", str(tmp_path / "for a stranger"), stdout=StringIO())
    return tmp_path / "for a stranger"


@pytest.fixture
def alone(exported, db, settings):
    """The folder, when the site has forgotten everything that it could be asked."""
    shutil.rmtree(settings.KEYS_ROOT)
    keyring.forget()
    signing._ready.clear()
    return exported


def run(*command, folder: Path, **more) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120, **more).stdout


def the(folder: Path, pattern: str) -> Path:
    [found] = folder.glob(pattern)
    return found


def test_the_folder_holds_what_the_issue_names(exported, certificate):
    number = certificate.number
    assert {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()} == {
        f"{number}.pdf",
        f"{number}.badge.json",
        "did.json",
        "status-revocation.json",
        "status-suspension.json",
        "offline-badge.json",
        "offline-status-revocation.json",
        "offline-status-suspension.json",
        "inclusion-proof.json",
        "ca.pem",
        "ca.der",
        "README.txt",
        "check_proof.py",
    }
    assert (exported / f"{number}.pdf").read_bytes() == files.read(certificate, "pdf")
    assert not any(b"PRIVATE" in path.read_bytes() for path in exported.rglob("*") if path.is_file())
    assert ModelLogEntry.objects.filter(action="certificates.export").count() == 1


def test_a_stranger_checks_the_paper_with_poppler_pyhanko_and_openssl(alone, tmp_path):
    pdf = the(alone, "*.pdf")
    authority = x509.load_pem_x509_certificate((alone / "ca.pem").read_bytes())
    assert x509.load_der_x509_certificate((alone / "ca.der").read_bytes()) == authority
    nss = trust(tmp_path, authority)
    assert pdfsig_is_content(pdf.read_bytes(), nss) and pyhanko_is_content(pdf.read_bytes(), authority)

    run("pdfsig", "-dump", pdf.name, folder=alone)
    first, second, end = map(int, re.search(r"\[0 - (\d+)\], \[(\d+) - (\d+)\]", pdfsig(pdf.read_bytes(), nss)).groups())
    (alone / "signed.bin").write_bytes(pdf.read_bytes()[:first] + pdf.read_bytes()[second:end])
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", f"{pdf.name}.sig0", "-content", "signed.bin"]
    command += ["-CAfile", "ca.pem", "-purpose", "any", "-out", "/dev/null"]
    run(*command, folder=alone)
    (alone / "signed.bin").write_bytes(b"x" + pdf.read_bytes()[1:first] + pdf.read_bytes()[second:end])
    assert subprocess.run(command, cwd=alone, capture_output=True).returncode != 0


def test_the_badge_in_the_paper_is_the_badge_beside_it_and_its_key_is_in_the_issuers_document(alone):
    run("pdfdetach", "-save", "1", "-o", "found.json", the(alone, "*.pdf").name, folder=alone)
    assert (alone / "found.json").read_bytes() == the(alone, "*.badge.json").read_bytes()
    badge, document = (json.loads(the(alone, name).read_bytes()) for name in ("*.badge.json", "did.json"))
    assert document["id"] == badge["issuer"]["id"]
    assert badge["proof"]["verificationMethod"] in {method["id"] for method in document["verificationMethod"]}
    assert badge["proof"]["verificationMethod"] in document["assertionMethod"]


@pytest.mark.slow
def test_a_program_of_others_verifies_the_badge_and_its_status_with_the_folder_alone(alone):
    found = json.loads(the(alone, "*.badge.json").read_bytes())
    host = found["issuer"]["id"].removeprefix("did:web:").replace("%3A", ":")
    documents = {f"https://{host}/.well-known/did.json": (alone / "did.json").read_text()}
    for name in ("status-revocation.json", "status-suspension.json"):
        documents[json.loads((alone / name).read_bytes())["id"]] = (alone / name).read_text()
    told = told_by("vc", {"badge": found, "edited": changed(found, credentialSubject__licenseNumber="X")}, documents)
    assert told["badge"]["verified"] and told["badge"]["status_verified"], told["badge"]["errors"]
    assert told["badge"]["statuses"] == {"revocation": False, "suspension": False}
    assert not told["edited"]["verified"]


def _is_set(folder: Path, purpose: str) -> bool:
    [entry] = [
        each for each in json.loads(the(folder, "*.badge.json").read_bytes())["credentialStatus"] if each["statusPurpose"] == purpose
    ]
    found = json.loads((folder / f"status-{purpose}.json").read_bytes())
    assert found["id"] == entry["statusListCredential"]
    text = found["credentialSubject"]["encodedList"].removeprefix("u")
    bits = gzip.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    place = int(entry["statusListIndex"])
    return bool(bits[place // 8] & 0x80 >> place % 8)


@pytest.mark.slow
def test_a_program_of_others_verifies_the_badge_by_its_key_and_looks_up_no_document(alone):
    found = json.loads((alone / "offline-badge.json").read_bytes())
    lists = [(alone / f"offline-status-{purpose}.json").read_text() for purpose in ("revocation", "suspension")]
    key = found["issuer"]["id"].removeprefix("did:key:")
    assert key in {method["publicKeyMultibase"] for method in json.loads((alone / "did.json").read_bytes())["verificationMethod"]}
    assert found["issuer"]["id"] in (alone / "README.txt").read_text()

    documents = {json.loads(one)["id"]: one for one in lists}
    told = told_by("vc", {"badge": found, "edited": changed(found, credentialSubject__licenseNumber="X")}, documents)
    assert told["badge"]["verified"] and told["badge"]["status_verified"], told["badge"]["errors"]
    assert told["badge"]["statuses"] == {"revocation": False, "suspension": False}
    assert not told["edited"]["verified"]


def test_the_status_lists_say_what_holds_when_they_are_exported(exported, certificate, cast, tmp_path):
    assert not _is_set(exported, "revocation") and not _is_set(exported, "suspension")
    happened(certificate, "revoked", by=cast.hr, at=clock.now())
    call_command("export_certificate", certificate.number, "--to", str(tmp_path / "later"), stdout=StringIO())
    assert _is_set(tmp_path / "later", "revocation") and not _is_set(tmp_path / "later", "suspension")


def test_a_paper_from_before_the_site_moved_comes_with_the_issuer_and_the_lists_that_its_badge_names(certificate, settings, tmp_path):
    files.read(certificate, "pdf")
    settings.FORMER_SITE_URLS = [settings.WAGTAILADMIN_BASE_URL]
    settings.WAGTAILADMIN_BASE_URL = "https://moved.example"

    call_command("export_certificate", certificate.number, "--to", str(tmp_path / "moved"), stdout=StringIO())

    found, document = (json.loads(the(tmp_path / "moved", name).read_bytes()) for name in ("*.badge.json", "did.json"))
    assert document["id"] == found["issuer"]["id"] == found["proof"]["verificationMethod"].partition("#")[0]
    assert "moved.example" not in document["id"] and document["id"] in (tmp_path / "moved" / "README.txt").read_text()
    for purpose in ("revocation", "suspension"):
        assert not _is_set(tmp_path / "moved", purpose)
        assert json.loads((tmp_path / "moved" / f"status-{purpose}.json").read_bytes())["issuer"] == document["id"]


def check_proof(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-I", "check_proof.py", "inclusion-proof.json", "did.json"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_program_in_the_folder_checks_the_inclusion_proof(alone):
    said = check_proof(alone)
    assert said.returncode == 0 and re.search(r"^issued .*: in the root of 2026-06-15, signed with badge-", said.stdout)


@pytest.mark.parametrize("edit", ["name", "leaf", "path", "tree"])
def test_the_program_in_the_folder_finds_an_edit(alone, edit):
    proof = json.loads((alone / "inclusion-proof.json").read_text())
    issued = proof["entries"][0]
    if edit == "name":
        proof["facts"]["name"] = "张大明"
    elif edit == "leaf":
        issued["leaf"]["at"] = "2025-06-15T04:00:00+00:00"
    elif edit == "path":
        issued["path"][0] = "0" * 64
    else:
        proof["roots"][issued["root"]]["statement"]["tree"] = "0" * 64
    (alone / "inclusion-proof.json").write_text(json.dumps(proof))
    assert check_proof(alone).returncode != 0 and "NOT GENUINE" in check_proof(alone).stderr


def test_the_readme_tells_what_to_compare_in_both_languages(exported, certificate):
    text = (exported / "README.txt").read_text()
    authority = x509.load_pem_x509_certificate((exported / "ca.pem").read_bytes())
    assert text.count(authority.fingerprint(hashes.SHA256()).hex(":").upper()) == 2
    assert "不是依法设立的电子认证服务机构" in text and "not one of a licensed certification authority" in text
    assert text.count(certificate.number) > 8 and "{{" not in text and "{%" not in text and "次日零点" not in text


def test_before_the_days_root_is_out_the_export_says_so(certificate, tmp_path):
    services.chain(at=NOON + timedelta(hours=1))
    call_command("export_certificate", certificate.number, "--to", str(tmp_path / "early"), stdout=StringIO())
    assert json.loads((tmp_path / "early" / "inclusion-proof.json").read_text())["status"] == "pending"
    text = (tmp_path / "early" / "README.txt").read_text()
    assert "当天的根值在次日零点后才公布" in text and "published after midnight" in text
    assert "PENDING" in check_proof(tmp_path / "early").stdout


@pytest.mark.parametrize(
    ("number", "words"), [("YAZWGK-01-2026-532325-00009-", "no certificate"), ("YAZWGK-01-2026-532325-00001-", "校验"), ("x", "证书编号")]
)
def test_a_number_that_was_never_issued_or_is_mistyped_writes_nothing(certificate, tmp_path, number, words):
    from certificates.rules import check_character

    if number.endswith("09-"):
        number += check_character(number.replace("-", ""))
    elif number.endswith("-"):
        number += "A" if not certificate.number.endswith("A") else "B"
    with pytest.raises(CommandError, match=words):
        call_command("export_certificate", number, "--to", str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_a_folder_that_holds_something_is_left_alone(certificate, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(CommandError):
        call_command("export_certificate", certificate.number, "--to", str(tmp_path / "full"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_what_cannot_be_signed_or_written_leaves_nothing_half(certificate, tmp_path, settings, monkeypatch):
    target = tmp_path / "there" / "folder"

    def full_disk(self, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(CommandError, match="No space left"):
            call_command("export_certificate", certificate.number, "--to", str(target))
    assert list((tmp_path / "there").iterdir()) == []

    shutil.rmtree(settings.KEYS_ROOT)
    keyring.forget()
    signing._ready.clear()
    services.ensure_kinds(certificate.kind.county)
    files.papers().delete(files.name_of(certificate, "pdf"))
    with pytest.raises(CommandError):
        call_command("export_certificate", certificate.number, "--to", str(target))
    assert not target.exists() and not ModelLogEntry.objects.filter(action="certificates.export").exists()
