"""Signing keys: made once, rotated, retired, withdrawn; private halves in files alone."""

import stat
import threading
from datetime import timedelta
from io import StringIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from wagtail.models import ModelLogEntry

from certificates import checks, keyring
from certificates.models import SigningKey
from certificates.services import keys as service
from core import reconcile
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.conftest import a_completion

LATER = NOON + timedelta(days=30)


@pytest.fixture
def bare(cast, settings, tmp_path):
    """A site without keys."""
    SigningKey.objects.all().delete()
    settings.KEYS_ROOT = tmp_path / "other-keys"
    keyring.forget()
    return settings.KEYS_ROOT


def test_ensure_makes_one_key_of_each_purpose_and_nothing_more_the_second_time(bare):
    assert [key.purpose for key in service.ensure(at=NOON)] == ["badge", "ca", "paper"]
    assert service.ensure(at=LATER) == []
    assert sorted(path.name for path in bare.iterdir()) == sorted(f"{key.kid}.pem" for key in SigningKey.objects.all())


def test_private_files_are_for_their_owner_alone(bare):
    service.ensure(at=NOON)

    assert stat.S_IMODE(bare.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in bare.iterdir()} == {0o600}


def test_with_a_passphrase_the_files_are_encrypted_and_another_passphrase_reads_nothing(bare, settings):
    settings.SIGNING_KEYS_PASSPHRASE = "correct horse"
    service.ensure(at=NOON)
    assert all(b"BEGIN ENCRYPTED PRIVATE KEY" in path.read_bytes() for path in bare.iterdir())
    assert keyring.sign(b"root of a day")[0].startswith("badge-20260615-")

    settings.SIGNING_KEYS_PASSPHRASE = "battery staple"
    keyring.forget()
    with pytest.raises(Refused) as refusal:
        keyring.sign(b"root of a day")
    assert refusal.value.code == "no_key" and "correct horse" not in str(refusal.value)


def test_a_file_that_cannot_be_read_is_logged_without_passphrase_or_content(bare, settings, caplog, capsys):
    settings.SIGNING_KEYS_PASSPHRASE = "correct horse"
    service.ensure(at=NOON)
    path = keyring.path_of(keyring.kid_in_use("badge"))
    whole = path.read_text()
    secrets = ["correct horse", "battery staple", *(line for line in whole.splitlines() if not line.startswith("-----"))]
    told = ""
    for passphrase, content in (("battery staple", whole), ("correct horse", whole[: len(whole) // 2])):
        settings.SIGNING_KEYS_PASSPHRASE = passphrase
        path.write_text(content)
        keyring.forget()
        with pytest.raises(Refused) as refused:
            keyring.sign(b"root of a day")
        told += refused.value.message
    told += caplog.text + "".join(capsys.readouterr())

    assert told.count("signing_key_unreadable") >= 2
    assert not [secret for secret in secrets if secret in told]


def test_no_row_log_or_repr_holds_a_private_key(bare, caplog):
    service.ensure(at=NOON)
    service.rotate(purpose="badge", at=LATER)
    kept = "".join(path.read_text() for path in bare.iterdir())
    secrets = [line for line in kept.splitlines() if not line.startswith("-----")]
    assert len(secrets) >= 8
    rows = str(list(SigningKey.objects.values())) + str(list(ModelLogEntry.objects.values())) + caplog.text + repr(keyring.paper_key())
    assert not [line for line in secrets if line in rows]
    assert "PRIVATE" not in rows


def test_a_signature_is_told_from_a_changed_one(keys, cast):
    kid, signature = keyring.sign(b"root of a day")

    assert len(signature) == 64 and keyring.verify(kid, b"root of a day", signature)
    assert not keyring.verify(kid, b"root of a dax", signature)
    assert not keyring.verify(kid, b"root of a day", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not keyring.verify("badge-20260101-00000000", b"root of a day", signature)


def test_nothing_of_the_form_of_a_badge_s_proof_is_signed_as_a_statement(cast):
    with pytest.raises(ValueError, match="64"):
        keyring.sign(b"x" * 64)


def test_after_a_rotation_the_new_key_signs_and_the_old_signature_still_counts(cast):
    old, signature = keyring.sign(b"root of a day")
    (made,) = service.rotate(purpose="badge", at=LATER)

    assert keyring.sign(b"root of a day")[0] == made.kid != old
    assert keyring.verify(old, b"root of a day", signature)
    assert list(keyring.badge_keys()) == [old, made.kid]


def test_another_process_sees_a_rotation_after_some_seconds(cast):
    from django.core.cache import caches

    old, _signature = keyring.sign(b"root of a day")
    caches["local"].set("keys:badge:in_use", old, keyring.SEEN_WITHIN)
    SigningKey.objects.filter(kid=old).update(retired_at=LATER)  # as another process writes it
    assert keyring.kid_in_use("badge") == old
    caches["local"].delete("keys:badge:in_use")  # what the seconds do
    with pytest.raises(Refused):
        keyring.kid_in_use("badge")
    assert keyring.SEEN_WITHIN <= 5


def test_what_another_process_made_a_moment_ago_is_known_at_once(cast):
    from django.core.cache import caches

    stale = {name: caches["local"].get(name) for name in ("keys:badge",) if keyring.badge_keys()}
    keyring.paper_key()
    stale |= {name: caches["local"].get(name) for name in ("keys:certificates:paper", "keys:certificates:ca")}
    service.rotate(purpose="badge", at=LATER)
    service.rotate(purpose="ca", at=LATER)
    caches["local"].set_many(stale)

    assert keyring.verify(*_signed(b"root of a day")) and keyring.paper_key().kid == keyring.kid_in_use("paper")


def _signed(data: bytes) -> tuple[str, bytes, bytes]:
    kid, signature = keyring.sign(data)
    return kid, data, signature


def test_a_key_in_use_is_not_retired_by_mistake(cast):
    kid = keyring.kid_in_use("badge")
    with pytest.raises(Refused) as refusal:
        service.retire(kid=kid, at=LATER)
    assert refusal.value.code == "in_use" and keyring.path_of(kid).exists()
    with pytest.raises(Refused) as refusal:
        service.retire(kid="badge-none", at=LATER)
    assert refusal.value.code == "unknown_key"


def test_retiring_deletes_the_private_file_and_keeps_the_public_key(cast, django_capture_on_commit_callbacks):
    old, signature = keyring.sign(b"root of a day")
    service.rotate(purpose="badge", at=LATER)
    with django_capture_on_commit_callbacks(execute=True):
        service.retire(kid=old, at=LATER)

    assert not keyring.path_of(old).exists()
    assert keyring.verify(old, b"root of a day", signature)
    with pytest.raises(Refused):
        keyring.private_key(old)


def test_a_compromised_key_is_replaced_at_once_and_nothing_it_signed_counts(cast, django_capture_on_commit_callbacks):
    old, signature = keyring.sign(b"root of a day")
    with django_capture_on_commit_callbacks(execute=True):
        service.retire(kid=old, at=LATER, compromised=True)

    assert old not in keyring.badge_keys() and not keyring.verify(old, b"root of a day", signature)
    assert keyring.sign(b"root of a day")[0] != old
    assert ModelLogEntry.objects.filter(action="certificates.key_withdrawn").count() == 1
    service.retire(kid=old, at=LATER + timedelta(days=1), compromised=True)
    assert SigningKey.objects.get(kid=old).withdrawn_at == LATER


def test_a_stolen_paper_key_is_withdrawn_though_the_authority_is_kept_elsewhere(cast, django_capture_on_commit_callbacks):
    kid = keyring.kid_in_use("paper")
    keyring.path_of(keyring.kid_in_use("ca")).unlink()
    out, err = StringIO(), StringIO()
    with django_capture_on_commit_callbacks(execute=True):
        call_command("signing_keys", "retire", kid, "--compromised", stdout=out, stderr=err)

    assert SigningKey.objects.get(kid=kid).withdrawn_at and not keyring.path_of(kid).exists()
    assert kid not in keyring.paper_certificates() and service.is_lacking("paper") and not service.is_lacking("ca")
    assert "公钥已撤回" in out.getvalue() and "没有使用中的 paper 密钥" in err.getvalue()
    with pytest.raises(Refused):
        keyring.paper_key()
    assert [gap.what for gap in service.gaps_of_keys(LATER)] == ["no paper key"]


def test_with_an_authority_the_paper_keys_below_it_are_withdrawn_and_new_ones_stand(cast):
    first, second = keyring.kid_in_use("paper"), next(key.kid for key in service.rotate(purpose="paper", at=LATER))
    service.rotate(purpose="ca", at=LATER)
    third = keyring.kid_in_use("paper")
    service.retire(kid=next(iter(keyring.authorities())), at=LATER, compromised=True)
    assert set(keyring.paper_certificates()) == {third} and keyring.kid_in_use("paper") == third

    service.retire(kid=keyring.kid_in_use("ca"), at=LATER, compromised=True)
    assert len(keyring.authorities()) == 1 and set(keyring.paper_certificates()) == {keyring.kid_in_use("paper")}
    assert not {first, second, third} & set(keyring.paper_certificates())


def test_a_new_authority_that_gets_no_paper_key_leaves_nothing_behind(cast, monkeypatch):
    make, before = service._make, sorted(keyring.path_of("x").parent.iterdir())
    monkeypatch.setattr(service, "_make", lambda purpose, *, at: make(purpose, at=at) if purpose == "ca" else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        service.rotate(purpose="ca", at=LATER)
    assert sorted(keyring.path_of("x").parent.iterdir()) == before


def test_the_paper_key_hangs_on_the_authority(cast):
    paper = keyring.paper_key()

    paper.certificate.verify_directly_issued_by(paper.ca_certificate)
    paper.ca_certificate.verify_directly_issued_by(paper.ca_certificate)
    assert paper.certificate.public_key() == paper.private_key.public_key()
    usage = paper.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment and usage.digital_signature and not usage.key_cert_sign
    assert paper.ca_certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    signature = paper.private_key.sign(b"paper", ec.ECDSA(hashes.SHA256()))
    paper.certificate.public_key().verify(signature, b"paper", ec.ECDSA(hashes.SHA256()))


def test_a_new_authority_brings_a_new_paper_key_and_the_old_chain_stays_published(cast):
    before = keyring.paper_key()
    assert [key.purpose for key in service.rotate(purpose="ca", at=LATER)] == ["ca", "paper"]
    after = keyring.paper_key()

    assert after.kid != before.kid and after.ca_certificate != before.ca_certificate
    assert len(keyring.authorities()) == len(keyring.paper_certificates()) == 2
    service.retire(kid=next(iter(keyring.authorities())), at=LATER, compromised=True)
    assert list(keyring.authorities().values()) == [after.ca_certificate]


def test_a_lost_file_is_named_and_replaced_only_when_asked(cast):
    kid = keyring.kid_in_use("badge")
    keyring.path_of(kid).unlink()
    keyring.forget()
    for act in (lambda: keyring.sign(b"root of a day"), lambda: service.ensure(at=LATER)):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == "no_key" and kid in refusal.value.message

    (made,) = service.ensure(at=LATER, replace_lost=True)
    assert made.purpose == "badge" and keyring.sign(b"root of a day")[0] == made.kid


def test_the_authority_s_private_file_may_be_kept_elsewhere(cast):
    keyring.path_of(keyring.kid_in_use("ca")).unlink()
    keyring.forget()

    assert service.ensure(at=LATER) == [] and keyring.paper_key()
    assert [gap.what for gap in service.gaps_of_keys(LATER)] == []
    with pytest.raises(Refused):
        service.rotate(purpose="paper", at=LATER)
    assert SigningKey.objects.in_use().filter(purpose="paper").exists(), "a rotation that fails changes nothing"


def test_without_keys_certificates_are_issued_and_reconcile_makes_the_keys(bare, kinds, cast, private):
    from certificates import services

    assert services.issue(completion=a_completion(cast.learner), at=NOON).number
    with pytest.raises(Refused) as refusal:
        keyring.sign(b"root of a day")
    assert "signing_keys ensure" in refusal.value.message
    (outcome,) = [each for each in reconcile.run(at=LATER, mend=True) if each.name == "signing keys"]
    assert (outcome.found, outcome.left) == (3, [])
    assert keyring.sign(b"root of a day")


def test_reconcile_names_a_key_that_cannot_be_read_and_makes_no_other(cast):
    kid = keyring.kid_in_use("badge")
    keyring.path_of(kid).write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    keyring.forget()
    (outcome,) = [each for each in reconcile.run(at=LATER, mend=True) if each.name == "signing keys"]

    assert len(outcome.left) == 1 and kid in outcome.left[0] and "AAAA" not in outcome.left[0]
    assert SigningKey.objects.filter(purpose="badge").count() == 1


def test_two_keys_in_use_of_one_purpose_cannot_be(cast):
    with pytest.raises(IntegrityError):
        SigningKey.objects.create(kid="badge-other", purpose="badge", made_at=NOON)


def test_the_command_makes_lists_rotates_and_retires(cast):
    def told(*args) -> str:
        out = StringIO()
        call_command("signing_keys", *args, stdout=out)
        return out.getvalue()

    old = keyring.kid_in_use("badge")
    assert told("ensure") == ""
    assert "badge-" in told("rotate", "badge")
    assert old in told("retire", old)
    lines = told("list").splitlines()
    assert len(lines) == 4 and next(line for line in lines if old in line).count("已停用") == 1
    with pytest.raises(CommandError, match="badge-none"):
        call_command("signing_keys", "retire", "badge-none")


def test_a_key_folder_that_is_served_or_open_is_named(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.KEYS_ROOT = tmp_path / "keys"
    settings.KEYS_ROOT.mkdir(mode=0o755)
    assert {message.id for message in checks.private_keys_are_out_of_reach(None)} == {"certificates.E001", "certificates.W002"}
    settings.SIGNING_KEYS_PASSPHRASE = ""
    assert [message.id for message in checks.private_keys_are_encrypted(None)] == ["certificates.W001"]
    settings.SIGNING_KEYS_PASSPHRASE = "x"
    assert checks.private_keys_are_encrypted(None) == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_processes_that_start_at_once_make_one_set_of_keys(settings, tmp_path):
    if connection.vendor != "postgresql":
        pytest.skip("real concurrent transactions")
    settings.KEYS_ROOT = tmp_path / "race"
    start, faults = threading.Barrier(6), []

    def run():
        try:
            start.wait()
            service.ensure(at=NOON)
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    kids = set(SigningKey.objects.values_list("kid", flat=True))
    assert len(kids) == 3 and {path.stem for path in settings.KEYS_ROOT.iterdir()} == kids
    assert keyring.paper_key()
