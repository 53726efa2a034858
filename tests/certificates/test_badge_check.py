"""The check of a badge file: what was changed is named, and nothing wrong is called genuine."""

import json
import time
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates import badge, keyring, proofs, services, status_lists
from certificates.badge_check import LARGEST, Code, verify_badge
from certificates.models import SigningKey, State
from certificates.services import keys as key_service
from tests.cast import NOON
from tests.certificates.badges import changed, happened, read
from tests.certificates.conftest import a_completion

LATER = NOON + timedelta(days=30)


def codes(verdict) -> set[str]:
    return {str(reason.code) for reason in verdict.reasons}


def as_bytes(document) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def test_our_badge_is_genuine_however_a_program_wrote_it_down(certificate):
    document = read(certificate)
    backwards = dict(reversed(document.items()))
    for data in (
        badge.file(certificate),
        as_bytes(document),
        json.dumps(backwards).encode(),
        b"\xef\xbb\xbf" + as_bytes(document),
        document,
    ):
        verdict = verify_badge(data, at=LATER)
        assert verdict.is_genuine and verdict.reasons == ()
        assert (verdict.certificate, verdict.state, verdict.kid) == (certificate, State.VALID, keyring.kid_in_use("badge"))


def test_an_offline_badge_is_genuine_too(certificate):
    assert verify_badge(badge.file(certificate, offline=True), at=LATER).is_genuine


@pytest.mark.parametrize(("kind", "state"), [("revoked", State.REVOKED), ("replaced", State.REPLACED), ("suspended", State.SUSPENDED)])
def test_a_genuine_badge_of_a_certificate_that_counts_no_more_says_so(certificate, cast, kind, state):
    data = badge.file(certificate)
    happened(certificate, kind, by=cast.hr, at=NOON + timedelta(days=3))
    verdict = verify_badge(data, at=LATER)

    assert verdict.is_genuine and verdict.state == state
    assert verify_badge(data, at=NOON + timedelta(days=1)).state == State.VALID
    assert verify_badge(data, at=NOON + timedelta(days=365 * 3)).state == state


def test_an_expired_badge_is_genuine_and_expired(certificate):
    verdict = verify_badge(badge.file(certificate), at=NOON + timedelta(days=365 * 3))
    assert verdict.is_genuine and verdict.state == State.EXPIRED


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "优秀证书"),
        ("issuer__name", "云南省人民政府"),
        ("validFrom", "2025-06-15T12:00:00+08:00"),
        ("validUntil", "2099-06-15T23:59:59+08:00"),
        ("credentialSubject__identifier__0__identityHash", "李四"),
        ("credentialSubject__identifier__1__identityHash", "县委"),
        ("credentialSubject__creditsEarned", 250),
        ("credentialSubject__result__0__value", "100"),
        ("credentialSubject__achievement__name", "省级课程"),
        ("credentialSubject__achievement__criteria__narrative", "免试"),
        ("credentialStatus__0__statusListIndex", "7"),
        ("credentialStatus__0__statusListCredential", "https://elsewhere.example/list.json"),
    ],
)
def test_a_changed_word_is_named(certificate, path, value):
    verdict = verify_badge(as_bytes(changed(read(certificate), **{path: value})), at=LATER)

    assert not verdict.is_genuine and "bad_signature" in codes(verdict)
    assert any(reason.field.startswith(path.replace("__", ".")) for reason in verdict.reasons)
    assert verdict.certificate == certificate, "the page can show what the record says"


def test_what_was_changed_is_told_in_words_with_what_the_record_says(certificate):
    document = changed(read(certificate), credentialSubject__result__0__value="100")
    with override("zh-hans"):
        reason = verify_badge(as_bytes(document), at=LATER).reasons[0]
        assert (reason.code, reason.said, reason.recorded) == (Code.CHANGED, "100", "92.5")
        assert "成绩" in reason.message


def test_a_made_up_file_brings_no_name_or_post_to_light(certificate):
    document = read(certificate)
    document = changed(document, credentialSubject__identifier__0__identityHash="李四", name="x")
    document["credentialSubject"].pop("role", None)
    document["credentialSubject"]["achievement"]["criteria"]["narrative"] = "x"
    document["credentialSubject"]["role"] = "x"
    shown = str([(each.said, each.recorded, each.message) for each in verify_badge(as_bytes(document), at=LATER).reasons])

    assert certificate.person_name not in shown
    assert not certificate.post_title or certificate.post_title not in shown


@pytest.mark.parametrize(
    "extra",
    [
        {"narrative": "全省第一名"},  # a term of Open Badges: the signature would cover it
        {"grade": "甲等"},  # no term at all: the signature covers nothing of it
        {"https://example.org/grade": "甲等"},
        {"grade": None},
        {"evidence": []},
        {"credential.Subject": {}},
    ],
)
def test_a_badge_with_extra_fields_is_refused_and_the_field_named(certificate, extra):
    document = read(certificate)
    document["credentialSubject"] |= extra
    verdict = verify_badge(as_bytes(document), at=LATER)

    assert not verdict.is_genuine and "extra" in codes(verdict)
    (name,) = extra
    assert any(name.split(".")[0] in reason.field for reason in verdict.reasons)


@pytest.mark.parametrize(
    "rewritten",
    [
        {"type": ["VerifiableCredential", "OpenBadgeCredential", "AchievementCredential"]},
        {"https://schema.org/name": "培训合格证书"},
        {"credentialSchema": []},
    ],
)
def test_a_file_written_otherwise_is_not_genuine_though_the_same_is_signed(certificate, rewritten):
    """The signature covers what the words mean. A reader sees the words."""
    verdict = verify_badge(as_bytes(read(certificate) | rewritten), at=LATER)
    assert not verdict.is_genuine and "extra" in codes(verdict)


def test_a_missing_field_is_named(certificate):
    document = read(certificate)
    del document["validUntil"], document["credentialStatus"]
    verdict = verify_badge(as_bytes(document), at=LATER)
    missing = {reason.field for reason in verdict.reasons if reason.code == Code.MISSING}
    assert not verdict.is_genuine and "validUntil" in missing and "credentialStatus.0.id" in missing


def test_a_file_that_says_a_thing_twice_is_refused(certificate):
    text = badge.file(certificate).decode().replace('"name": "培训合格证书"', '"name": "培训合格证书",\n "name": "培训合格证书"', 1)
    verdict = verify_badge(text.encode(), at=LATER)
    assert codes(verdict) == {"duplicate_key"} and "name" in verdict.reasons[0].message


def test_a_record_that_was_edited_behind_the_product_s_back_is_not_covered_up(certificate):
    data = badge.file(certificate)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE certificates_certificate SET score = 60 WHERE id = %s", [certificate.pk])
    verdict = verify_badge(data, at=LATER)

    assert not verdict.is_genuine and codes(verdict) == {"record_differs", "changed"} and verdict.kid


def test_another_county_s_badge_is_told_as_such(certificate, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://learning.dayao.example"
    data = badge.file(certificate)
    settings.WAGTAILADMIN_BASE_URL = "https://learning.yaoan.example"
    verdict = verify_badge(data, at=LATER)

    assert codes(verdict) == {"foreign_issuer"} and verdict.certificate is None
    assert "did:web:learning.dayao.example" in verdict.reasons[0].message


@pytest.mark.parametrize("offline", [False, True])
def test_a_badge_from_before_the_site_moved_is_still_genuine(certificate, settings, offline):
    settings.WAGTAILADMIN_BASE_URL = "https://old.yaoan.example"
    data = badge.file(certificate, offline=offline)
    settings.WAGTAILADMIN_BASE_URL = "https://learning.yaoan.example"
    assert not verify_badge(data, at=LATER).is_genuine
    settings.FORMER_SITE_URLS = ["https://older.example:8000", "https://old.yaoan.example/"]
    assert verify_badge(data, at=LATER).is_genuine
    changed_one = changed(json.loads(data), credentialSubject__role="局长")
    assert not verify_badge(as_bytes(changed_one), at=LATER).is_genuine


def signed_by(document: dict, private: Ed25519PrivateKey, method: str) -> dict:
    bare = {name: value for name, value in document.items() if name != "proof"}
    return proofs.signed(bare, created=bare["validFrom"], method=method, sign=private.sign)


def test_a_badge_signed_with_a_key_of_somebody_else_is_refused(certificate):
    document, forger = read(certificate), Ed25519PrivateKey.generate()
    kid = keyring.kid_in_use("badge")
    public = keyring.multibase_of(forger.public_key())
    for method, code in [
        (f"{badge.site_did()}#{kid}", "bad_signature"),  # our key's name, not our key
        (f"{badge.site_did()}#badge-of-mine", "unknown_key"),
        (f"did:key:{public}#{public}", "unknown_key"),
        (f"did:web:elsewhere.example#{kid}", "unknown_key"),
    ]:
        verdict = verify_badge(as_bytes(signed_by(document, forger, method)), at=LATER)
        assert not verdict.is_genuine and codes(verdict) == {code}, method
    own = changed(document, issuer__id=f"did:key:{public}")
    verdict = verify_badge(as_bytes(signed_by(own, forger, f"did:key:{public}#{public}")), at=LATER)
    assert codes(verdict) == {"foreign_issuer"}


def test_the_key_of_papers_signs_no_badge(certificate):
    document = changed(read(certificate), proof__verificationMethod=f"{badge.site_did()}#{keyring.kid_in_use('paper')}")
    assert codes(verify_badge(as_bytes(document), at=LATER)) == {"unknown_key"}


@pytest.mark.parametrize("offline", [False, True])
def test_a_retired_key_s_badge_stays_genuine_and_a_withdrawn_one_s_does_not(certificate, offline):
    data, kid = badge.file(certificate, offline=offline), keyring.kid_in_use("badge")
    key_service.rotate(purpose="badge", at=LATER)
    assert verify_badge(data, at=LATER).is_genuine
    key_service.retire(kid=kid, at=LATER, compromised=True)
    assert codes(verify_badge(data, at=LATER)) == {"withdrawn_key"}
    assert verify_badge(badge.file(certificate, offline=offline), at=LATER).is_genuine, "a new one can be downloaded"


def test_a_proof_is_of_one_kind(certificate):
    document = read(certificate)
    proof = document.pop("proof")
    for other, code in [
        (None, "no_proof"),
        ([proof], "other_proof"),
        (proof | {"cryptosuite": "ecdsa-rdfc-2019"}, "other_proof"),
        (proof | {"type": "Ed25519Signature2020"}, "other_proof"),
        (proof | {"proofPurpose": "authentication"}, "other_proof"),
        (proof | {"domain": "elsewhere.example"}, "other_proof"),
        (proof | {"proofValue": "z" + "1" * 5000}, "other_proof"),
        (proof | {"proofValue": "z0OIl"}, "bad_signature"),
        (proof | {"created": "2020-01-01T00:00:00Z"}, "bad_signature"),
    ]:
        verdict = verify_badge(as_bytes(document | {"proof": other} if other else document), at=LATER)
        assert not verdict.is_genuine and codes(verdict) == {code}, other


def test_a_number_that_was_never_issued_is_not_found(certificate):
    unknown = "YAZWGK-01-2026-532325-99999-0"
    for number in (unknown, "x" * 500, certificate.number[:-1]):
        verdict = verify_badge(as_bytes(changed(read(certificate), credentialSubject__licenseNumber=number)), at=LATER)
        assert codes(verdict) == {"not_found"}


def test_the_badge_of_one_certificate_does_not_pass_for_another_s(cast, certificate):
    other = services.issue(completion=a_completion(cast.colleague), at=NOON)
    mine, theirs = read(certificate), read(other)
    mine["credentialSubject"]["licenseNumber"] = other.number
    assert not verify_badge(as_bytes(mine), at=LATER).is_genuine
    assert not verify_badge(as_bytes(theirs | {"proof": mine["proof"]}), at=LATER).is_genuine


def test_a_status_list_is_no_badge(certificate):
    listed = badge.as_json(status_lists.signed("revocation", 0, at=LATER))
    assert codes(verify_badge(listed, at=LATER)) == {"status_list"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_json"),
        (b"%PDF-1.7", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b"[]", "not_a_badge"),
        (b"{}", "not_a_badge"),
        (b'{"type": "OpenBadgeCredential"}', "not_a_badge"),
        (b'{"type": ["OpenBadgeCredential"]}', "foreign_context"),
        (b'{"a": NaN}', "not_json"),
        (b'{"a": 1e999}', "not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not_json"),
        (b"[" * 30_000, "not_json"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "not_json"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_large"),
        (b" " * (LARGEST + 1), "too_large"),
        (b'{"type": ["OpenBadgeCredential"], "x": [' + b"{}," * 200 + b"{}]}", "too_large"),
        (b'{"type": ["OpenBadgeCredential"], "x": {"@id": "_:b0"}}', "foreign_context"),
        (b'{"type": ["OpenBadgeCredential"], "x": "_:b0"}', "foreign_context"),
        (b'{"\\ud800": "\\ud800"}', "not_json"),
    ],
)
def test_anything_at_all_gets_a_plain_answer(db, data, code):
    verdict = verify_badge(data, at=LATER)
    assert not verdict.is_genuine and codes(verdict) == {code}
    assert str(verdict.reasons[0].message)


def test_an_unusual_file_costs_little(certificate):
    """Many like nodes without a name make RDF canonicalisation run for years: they do not come so far."""
    document = read(certificate)
    document["credentialSubject"]["identifier"] = [document["credentialSubject"]["identifier"][0]] * 30
    document["credentialSubject"]["result"] = [{"type": ["Result"], "result": [{"type": ["Result"]}] * 3} for _ in range(10)]
    long_path = read(certificate) | {"名" * 8000: [1] * 3900}
    many_leaves = read(certificate) | {"名" * 150: [1] * 5000}
    for odd in (document, long_path, many_leaves):
        started = time.process_time()
        verdict = verify_badge(as_bytes(odd), at=LATER)
        assert not verdict.is_genuine and time.process_time() - started < 1
    assert verdict.reasons[0].code == Code.TOO_LARGE


def test_a_badge_with_many_extra_fields_is_compared_field_by_field(certificate):
    verdict = verify_badge(as_bytes(read(certificate) | {f"{'n' * 100}{number}": number for number in range(300)}), at=LATER)
    assert verdict.certificate == certificate and sum(one.code == Code.EXTRA for one in verdict.reasons) == 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8), lambda each: st.lists(each, max_size=3), max_leaves=4
)


def places(value, way=()):
    """Every place in a document."""
    yield way
    for name, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(each, (*way, name))


@given(st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_change_anywhere_leaves_a_badge_genuine(certificate, data):
    document = read(certificate)
    way = data.draw(st.sampled_from([each for each in places(document) if each]))
    at = document
    for name in way[:-1]:
        at = at[name]
    before, after = at[way[-1]], data.draw(JSON)
    act = data.draw(st.sampled_from(["replace", "delete", "add"]))
    if act == "delete":
        del at[way[-1]]
    elif act == "add" and isinstance(at, dict):
        at[data.draw(st.text(min_size=1, max_size=6).filter(lambda name: name not in at))] = after
    else:
        at[way[-1]] = after
        if json.dumps(after) == json.dumps(before):
            return
    verdict = verify_badge(as_bytes(document), at=LATER)
    assert not verdict.is_genuine and verdict.reasons and all(reason.message for reason in verdict.reasons)


def test_a_check_costs_three_queries_at_most(certificate, django_assert_max_num_queries):
    data = badge.file(certificate)
    SigningKey.objects.count()
    with django_assert_max_num_queries(3):
        verify_badge(data, at=LATER)
