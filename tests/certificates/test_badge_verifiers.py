"""Programs that we did not write check our badges: npm's two and PyPI's one. Nothing goes out.

`verified` of a revoked badge may well be true, because its signature fits: what counts is its status.
"""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from certificates import badge, keyring, services, status_lists
from certificates.services import keys as key_service
from core import clock
from tests.certificates.badges import changed, happened, published, read
from tests.certificates.conftest import a_completion

pytestmark = pytest.mark.slow
VERIFIERS = Path(__file__).parent / "verifiers"


@pytest.fixture
def site(settings):
    settings.WAGTAILADMIN_BASE_URL = "https://learning.yaoan.example:8443"
    return settings.WAGTAILADMIN_BASE_URL


@pytest.fixture
def scene(site, cast, kinds, private):
    """A good, a tampered, a revoked, a replaced, a suspended and a restored badge, and one of a retired key."""
    at = clock.now() - timedelta(days=2)
    certificates = {
        name: services.issue(completion=a_completion(cast.learner, at=at), at=at)
        for name in ("good", "revoked", "replaced", "suspended", "restored", "withdrawn")
    }
    badges = {name: read(certificate) for name, certificate in certificates.items()}
    badges["tampered"] = changed(badges["good"], credentialSubject__result__0__value="100")
    badges["extra"] = changed(badges["good"], credentialSubject__narrative="全省第一名")
    badges["undefined"] = changed(badges["good"], credentialSubject__grade="甲等")
    badges["offline"] = read(certificates["good"], offline=True)
    stolen = keyring.kid_in_use("badge")
    key_service.rotate(purpose="badge", at=at)
    badges["after rotation"] = read(certificates["good"])
    for name in ("revoked", "replaced", "suspended"):
        happened(certificates[name], name, by=cast.hr, at=at)
    happened(certificates["restored"], "suspended", by=cast.hr, at=at)
    happened(certificates["restored"], "restored", by=cast.hr, at=at)
    return certificates, badges, stolen


def told_by(program: str, badges: dict[str, dict], documents: dict[str, str], now=None) -> dict[str, dict]:
    """What a program of npm's says of each."""
    assert shutil.which("node") and (VERIFIERS / "node_modules").is_dir(), "deploy/setup.sh test installs node and the verifiers"
    asked = {
        "now": (now or clock.now()).isoformat(),
        "documents": documents,
        "checks": [{"with": program, "credential": each} for each in badges.values()],
    }
    done = subprocess.run(
        ["node", "check.mjs"], cwd=VERIFIERS, input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout)
    assert {address for address in answer["asked"] if address not in documents} == set()
    return dict(zip(badges, answer["answers"], strict=True))


STATUSES = {  # what the two lists say: revoked, suspended
    "good": (False, False),
    "restored": (False, False),
    "after rotation": (False, False),
    "revoked": (True, False),
    "replaced": (True, False),
    "suspended": (False, True),
}


def test_digitalbazaar_s_vc_reads_signature_and_status(scene):
    certificates, badges, _kid = scene
    told = told_by("vc", badges, published([*certificates.values()]))

    for name, (revoked, suspended) in STATUSES.items():
        assert told[name]["verified"], (name, told[name])
        assert told[name]["status_verified"] and told[name]["statuses"] == {"revocation": revoked, "suspension": suspended}, name
    for name in ("tampered", "extra"):
        assert not told[name]["verified"] and "Invalid signature." in told[name]["errors"], name
    assert not told["undefined"]["verified"]
    # Its lists are the site's, and it is the key's own: signature good, status by another issuer and so not taken.
    assert "Issuers of the status list credential and verifiable credential do not match." in told["offline"]["errors"]


def test_an_export_for_reading_offline_is_verified_with_its_own_lists(scene):
    certificates, _badges, _kid = scene
    key_service.rotate(purpose="badge", at=clock.now())
    documents = {
        status_lists.address(purpose, 0): badge.as_json(status_lists.signed(purpose, 0, at=clock.now(), offline=True)).decode()
        for purpose in status_lists.SETS
    }
    offline = {name: read(certificates[name], offline=True) for name in ("good", "revoked")}
    offline["tampered"] = changed(offline["good"], name="优秀证书")
    told = told_by("vc", offline, documents)

    assert told["good"]["verified"] and told["good"]["statuses"] == {"revocation": False, "suspension": False}
    assert told["revoked"]["statuses"] == {"revocation": True, "suspension": False}
    assert not told["tampered"]["verified"]


def test_a_list_replayed_from_last_month_is_not_taken(scene):
    certificates, badges, _kid = scene
    documents = published([*certificates.values()])
    month = timedelta(days=31)
    told = told_by("vc", {"revoked": badges["revoked"]}, documents, now=clock.now() + month)
    assert told["revoked"]["status_verified"] is False and not told["revoked"]["verified"]
    told = told_by("core", {"revoked": badges["revoked"]}, documents, now=clock.now() + month)
    assert told["revoked"]["log"]["revocation_status"] == "status_list_expired"


def test_a_list_that_somebody_changed_is_not_taken(scene):
    certificates, badges, _kid = scene
    documents = published([*certificates.values()])
    forged = json.loads(documents[status_lists.address("revocation", 0)])
    forged["credentialSubject"]["encodedList"] = status_lists.encode(bytes(status_lists.LENGTH // 8))
    documents[status_lists.address("revocation", 0)] = json.dumps(forged)
    told = told_by("vc", {"revoked": badges["revoked"]}, documents)

    assert told["revoked"]["status_verified"] is False and not told["revoked"]["verified"]


def test_badges_of_a_retired_key_stay_good_and_of_a_withdrawn_one_do_not(scene):
    certificates, badges, stolen = scene
    key_service.retire(kid=stolen, at=clock.now())
    told = told_by("vc", {"good": badges["good"]}, published([*certificates.values()]))
    assert told["good"]["verified"]

    key_service.retire(kid=stolen, at=clock.now(), compromised=True)
    both = {name: badges[name] for name in ("good", "after rotation")}
    told = told_by("vc", both, published([*certificates.values()]))
    assert not told["good"]["verified"] and told["after rotation"]["verified"]


def test_verifier_core_reads_signature_and_status(scene):
    certificates, badges, _kid = scene
    told = told_by("core", badges, published([*certificates.values()]))

    for name, (revoked, suspended) in STATUSES.items():
        log = told[name]["log"]
        assert log["valid_signature"] is True and log["expiration"] is True, (name, told[name])
        assert (log["revocation_status"], log["suspension_status"]) == (not revoked, not suspended), name
    for name in ("tampered", "extra", "undefined"):
        assert told[name]["log"] == {} and told[name]["errors"], name
    assert told["tampered"]["errors"] == ["invalid_signature"]


def test_openbadgeslib_reads_signature_and_status(scene, site):
    from openbadgeslib.ob3.did import resolve_verification_method
    from openbadgeslib.ob3.ldp import OB3LdpVerifier, verify_data_integrity_proof
    from openbadgeslib.ob3.verifier import OB3VerificationError

    certificates, badges, _kid = scene
    documents = published([*certificates.values()])

    def told(name: str, **options) -> str:
        verifier = OB3LdpVerifier.for_issuer_did(badge.site_did())
        try:
            verifier.verify(badges[name], download=lambda address: documents[address].encode(), **options)
        except OB3VerificationError as fault:
            return str(fault)
        return ""

    # It reads lists with proofs of another kind only (JWT), so the proof of ours is checked by its own function for documents at large.
    status = {"check_status": True, "verify_status_list": False}
    for purpose in status_lists.SETS:
        listed = json.loads(documents[status_lists.address(purpose, 0)])
        method = listed["proof"]["verificationMethod"]
        key = resolve_verification_method(method, download=lambda address: documents[address].encode())
        verify_data_integrity_proof(listed, key)
        with pytest.raises(OB3VerificationError):
            verify_data_integrity_proof(changed(listed, validUntil="2099-01-01T00:00:00Z"), key)
    for name, (revoked, suspended) in STATUSES.items():
        assert told(name) == "", name
        answer = told(name, **status)
        assert ("'revocation' is set" in answer, "'suspension' is set" in answer) == (revoked, suspended), (name, answer)
        assert bool(answer) == (revoked or suspended), (name, answer)
    for name in ("tampered", "extra", "undefined"):
        assert told(name), name


def test_the_official_schema_finds_nothing_but_the_second_status(scene):
    """Open Badges 3.0 knows one status entry, the Verifiable Credentials beneath it any number (1EdTech/openbadges-specification#623).

    docs/decisions says why two stand there all the same. With either one alone the badge is valid word for word.
    """
    _certificates, badges, _kid = scene
    good = badges["good"]
    first, second = good["credentialStatus"]
    asked = {
        "whole": good,
        "revocation alone": good | {"credentialStatus": first},
        "suspension alone": good | {"credentialStatus": second},
        "offline": badges["offline"] | {"credentialStatus": first},
        "broken": changed(good, credentialSubject__result__0__type=["Resultat"]) | {"credentialStatus": first},
    }
    documents = published([])
    told = {name: answer["errors"] for name, answer in told_by("schema", asked, documents).items()}

    assert told["whole"] == ["/credentialStatus must be object"]
    assert told["revocation alone"] == told["suspension alone"] == told["offline"] == []
    assert told["broken"]
