"""What a badge says, and that what is signed is what RDFC-1.0 makes of it."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import base58
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pyld import jsonld

from certificates import badge, canonical, keyring, proofs, rules, services
from certificates.models import Certificate
from certificates.services import keys as key_service
from core.errors import Refused
from tests.cast import NOON
from tests.certificates.badges import DATA, changed, read
from tests.certificates.conftest import a_completion


def test_a_badge_says_every_fact_of_the_certificate(certificate, settings):
    settings.WAGTAILADMIN_BASE_URL = "https://learning.yaoan.example"
    said = read(certificate)
    subject = said["credentialSubject"]
    names = {each["identityType"]: each["identityHash"] for each in subject["identifier"]}

    assert names == {"name": certificate.person_name, "ext:unitName": certificate.unit_name}
    assert subject.get("role", "") == certificate.post_title
    assert (said["name"], said["issuer"]["name"]) == (certificate.title, certificate.issuer)
    assert subject["licenseNumber"] == certificate.number
    assert said["id"] == f"https://learning.yaoan.example/verify/{certificate.number}/"
    assert (subject["creditsEarned"], subject["result"][0]["value"]) == (2.5, "92.5")
    achievement = subject["achievement"]
    assert (achievement["name"], achievement["humanCode"], achievement["version"]) == (
        certificate.course_title,
        certificate.course_code,
        "1",
    )
    assert achievement["criteria"]["narrative"] == certificate.text
    assert (said["validFrom"], said["validUntil"]) == ("2026-06-15T12:00:00+08:00", "2028-06-15T23:59:59+08:00")
    assert said["issuer"]["id"] == "did:web:learning.yaoan.example"


def test_without_score_or_end_it_says_so(cast, kinds, private):
    kinds[0].validity_months = 0
    kinds[0].save()
    certificate = services.issue(completion=a_completion(cast.learner, score=None), at=NOON)
    said = read(certificate)

    assert "validUntil" not in said and said["credentialSubject"]["result"][0]["value"] == "合格"


@pytest.mark.parametrize(
    ("address", "did"),
    [
        ("https://learning.yaoan.example", "did:web:learning.yaoan.example"),
        ("https://learning.yaoan.example:8443/", "did:web:learning.yaoan.example%3A8443"),
        ("http://localhost:8000", "did:web:localhost%3A8000"),
    ],
)
def test_the_site_s_name_as_an_issuer(settings, address, did):
    settings.WAGTAILADMIN_BASE_URL = address
    assert badge.site_did() == did


def test_the_same_key_makes_the_same_bytes_whenever_it_is_asked(certificate):
    assert badge.file(certificate) == badge.file(Certificate.objects.get(pk=certificate.pk))


def test_a_later_change_of_the_person_or_the_kind_changes_no_badge(certificate, cast, kinds):
    before = badge.file(certificate)
    cast.learner.name = "李四"
    cast.learner.save()
    kinds[0].title = "另一个标题"
    kinds[0].issuer = "另一个机构"
    kinds[0].save()

    assert badge.file(Certificate.objects.get(pk=certificate.pk)) == before


def test_a_badge_costs_one_query_beside_the_key_s(certificate, django_assert_num_queries):
    badge.file(certificate)
    read = Certificate.objects.with_ledger().select_related("version", "renews", "replaces").get(pk=certificate.pk)
    with django_assert_num_queries(1):  # the columns as they were chained
        badge.file(read)


def test_without_a_key_it_says_what_to_do(certificate):
    keyring.path_of(keyring.kid_in_use("badge")).unlink()
    keyring.forget()
    with pytest.raises(Refused) as refusal:
        badge.file(certificate)
    assert refusal.value.code == "no_key"


def test_the_issuer_s_document_names_retired_keys_and_no_withdrawn_one(cast):
    first = keyring.kid_in_use("badge")
    (second,) = key_service.rotate(purpose="badge", at=NOON)
    document = badge.issuer_document()
    assert [method["id"].rpartition("#")[2] for method in document["verificationMethod"]] == [first, second.kid]
    assert document["assertionMethod"] == [method["id"] for method in document["verificationMethod"]]

    key_service.retire(kid=first, at=NOON, compromised=True)
    assert [method["id"].rpartition("#")[2] for method in badge.issuer_document()["verificationMethod"]] == [second.kid]


# ---- what is signed -----------------------------------------------------------------------------


def test_no_context_is_ever_fetched():
    with pytest.raises(canonical.NotOurs):
        canonical.load("https://example.org/context.json")
    document = {"@context": ["https://www.w3.org/ns/credentials/v2", "https://example.org/context.json"], "type": ["VerifiableCredential"]}
    with pytest.raises(jsonld.JsonLdError):
        canonical.strictly(document)


def test_every_word_of_a_badge_is_a_term_of_its_contexts(certificate):
    document = read(certificate)
    proof = document.pop("proof")
    canonical.strictly(document)
    canonical.strictly({"@context": document["@context"], **proof})
    with pytest.raises(canonical.NotOurs, match="grade"):
        canonical.strictly(changed(document, credentialSubject__grade="甲等"))
    with pytest.raises(canonical.NotOurs):
        canonical.strictly(changed(document, credentialSubject__result__0__type=["Resultat"]))


# As people write, and as programs trip: quotes, strokes, marks of ours, nodes of PyLD's, rare characters, line breaks.
TRAPS = st.sampled_from(
    ['张"小\\明', "urn:slot:3", "_:b0", "_:c14n0", "900000001", "𬎆㛃䶮", "一\n二", "\\n", "", " ", "<a>", "@zh", "©￼\U000f0000"]
)
TEXT = TRAPS | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@st.composite
def certificates(draw):
    return Certificate(
        pk=draw(st.integers(1, 10**9)),
        kind_id=draw(st.integers(1, 10**6)),
        number="YAZWGK-01-2026-532325-00001-T",
        title=draw(TEXT),
        text=draw(TEXT),
        issuer=draw(TEXT),
        person_name=draw(TEXT),
        unit_name=draw(TEXT),
        post_title=draw(TEXT),
        course_code=draw(st.sampled_from(["", "P01", "课/1 %"])),
        course_title=draw(TEXT),
        edition_number=draw(st.none() | st.integers(0, 10**6)),
        hours=draw(st.decimals(0, 999, places=2)),
        score=draw(st.none() | st.decimals(0, 9999, places=2)),
        valid_until=draw(st.none() | st.dates(date(2026, 1, 1), date(2100, 1, 1))),
        issued_at=draw(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))),
    )


@given(certificates(), st.sampled_from(["did:web:localhost%3A8000", "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"]))
@settings(max_examples=150, deadline=None)
def test_the_quick_way_is_pyld_s_way(certificate, issuer):
    document = json.loads(badge.as_json(badge.unsigned(certificate, issuer=issuer)))
    options = {
        "@context": document["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-rdfc-2022",
        "created": document["validFrom"],
        "verificationMethod": f"{issuer}#badge-1",
        "proofPurpose": "assertionMethod",
    }
    assert canonical.of(document) == canonical.by_pyld(document)
    assert canonical.of(options) == canonical.by_pyld(options)


def test_what_the_quick_way_cannot_decide_goes_the_long_way(monkeypatch):
    """Two nodes without a name that say the same: labels by RDFC-1.0 whole."""
    twins = [{"type": "IdentityObject", "hashed": False, "identityHash": "张明", "identityType": "name"}] * 2
    document = {
        "@context": badge.CONTEXT,
        "type": ["VerifiableCredential"],
        "credentialSubject": {"type": ["AchievementSubject"], "identifier": twins},
    }
    assert canonical.of(document) == canonical.by_pyld(document)
    with pytest.raises(canonical.NotOurs, match="alike"):
        canonical.strictly(document)


def test_a_whole_number_with_a_point_is_not_signed():
    with pytest.raises(ValueError, match="whole number"):
        canonical.of({"@context": badge.CONTEXT, "type": ["AchievementSubject"], "creditsEarned": 40.0})


@pytest.mark.parametrize("hours", ["0.25", "7.5", "40.00", "0.00", "120.10"])
def test_hours_are_written_as_every_program_reads_them(certificate, hours):
    certificate.hours = Decimal(hours)
    certificate.facts_digest = rules.digest(certificate.facts())
    said = read(certificate)["credentialSubject"]["creditsEarned"]
    assert said == float(hours) and str(said) == f"{float(hours):g}"


def test_the_w3c_s_own_example_is_signed_and_verified_bit_by_bit(monkeypatch):
    """Test vector of the Recommendation vc-di-eddsa (B.1 eddsa-rdfc-2022)."""
    monkeypatch.setitem(
        canonical.CONTEXTS,
        "https://www.w3.org/ns/credentials/examples/v2",
        json.loads((DATA / "credentials-examples-v2.json").read_text()),
    )
    example = json.loads((DATA / "eddsa-rdfc-2022-signed-credential.json").read_text())
    pair = json.loads((DATA / "eddsa-rdfc-2022-key-pair.json").read_text())
    bare = {name: value for name, value in example.items() if name != "proof"}
    options = {name: value for name, value in example["proof"].items() if name != "proofValue"}
    hashes = [(DATA / f"eddsa-rdfc-2022-{name}-hash.txt").read_text().strip() for name in ("proof-config", "doc")]

    for canonicalise in (canonical.of, canonical.by_pyld, canonical.strictly):
        assert proofs._hashed(bare, options, canonicalise).hex() == "".join(hashes)
        assert proofs.is_by(example, pair["publicKeyMultibase"], canonicalise=canonicalise)
        assert not proofs.is_by(example | {"name": "Alumni"}, pair["publicKeyMultibase"], canonicalise=canonicalise)
    private = Ed25519PrivateKey.from_private_bytes(base58.b58decode(pair["privateKeyMultibase"][1:])[2:])
    made = proofs.signed(bare, created=options["created"], method=options["verificationMethod"], sign=private.sign)
    assert made == example


def test_the_contexts_are_word_for_word_what_was_published():
    from hashlib import sha256

    folder = Path(canonical.__file__).parent / "contexts"
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.json")} == {
        "credentials-v2.json": "8a9f494a89ecc51db093e90e84713e07e84d6d9204364a9b3c7868b21751236f",
        "open-badges-3.0.3.json": "ef2fa9c7846dce233cc166b43639027278be4ee44f00bb1d45c75de2dd0cd761",
    }


def test_a_batch_is_signed_without_going_through_pyld_whole(certificate, monkeypatch):
    first = badge.signed(certificate)
    whole = []
    monkeypatch.setattr(canonical, "by_pyld", whole.append)
    certificate.issued_at += timedelta(days=1)
    assert badge.signed(certificate) != first and not whole
