"""Who gets the badge; what programs find at the public addresses of the issuer and the status lists."""

import base64
import gzip
import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from certificates import badge, keyring, proofs, services, status_lists
from certificates.models import Certificate
from certificates.services import keys as keys_of
from core import clock
from people.models import ReadingOfOthers
from tests.cast import EVERYBODY, NOON
from tests.certificates.badges import happened
from tests.certificates.conftest import a_completion
from tests.certificates.test_doors import READERS

LATER = NOON + timedelta(days=30)


@pytest.mark.parametrize("who", sorted(EVERYBODY))
def test_the_holder_and_those_who_may_read_the_record_get_the_badge_others_find_nothing(cast, certificate, sign_in, who):
    reader = getattr(cast, who)
    response = sign_in(reader).get(reverse("certificate_badge", args=[certificate.number]))
    assert response.status_code == (200 if who in READERS else 404)
    if who in READERS:
        assert response.content == badge.file(certificate)
    logged = ReadingOfOthers.objects.filter(reader=reader, subject=cast.learner)
    assert logged.count() == (1 if who in READERS - {"learner"} else 0)


def test_signed_out_one_is_sent_to_sign_in(client, certificate):
    response = client.get(reverse("certificate_badge", args=[certificate.number]))
    assert response.status_code == 302 and "/accounts/login/" in response["Location"]


def test_the_badge_comes_with_its_type_and_name(cast, certificate, sign_in):
    response = sign_in(cast.learner).get(f"/certificates/{certificate.number}.badge.json?download")
    assert response["Content-Type"] == "application/vc"
    assert response["Content-Disposition"].startswith("attachment;") and certificate.number in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"] and "noindex" in response["X-Robots-Tag"]


def test_without_a_key_the_badge_says_what_to_do_and_the_list_says_it_to_programs(cast, certificate, sign_in):
    keyring.path_of(keyring.kid_in_use("badge")).unlink()
    keyring.forget()
    response = sign_in(cast.learner).get(reverse("certificate_badge", args=[certificate.number]))
    assert response.status_code == 409 and keyring.kid_in_use("badge") in response.content.decode()
    response = Client().get(reverse("status_list", args=["revocation", 0]))
    assert response.status_code == 503 and response.json()["code"] == "no_key"


def test_anybody_s_program_reads_who_signs_here(client, cast):
    response = client.get("/.well-known/did.json")
    assert response.json() == badge.issuer_document()
    assert response["Content-Type"] == "application/did+ld+json" and response["Access-Control-Allow-Origin"] == "*"
    assert client.get("/.well-known/did.json", headers={"If-None-Match": response["ETag"]}).status_code == 304
    assert client.post("/.well-known/did.json").status_code == 405


def test_under_its_former_address_the_site_answers_in_its_former_name(client, cast, certificate, settings):
    settings.FORMER_SITE_URLS = ["https://old.yaoan.example"]
    document = client.get("/.well-known/did.json", headers={"Host": "old.yaoan.example"}).json()
    assert document["id"] == "did:web:old.yaoan.example" == document["verificationMethod"][0]["controller"]
    path = reverse("status_list", args=["revocation", 0])
    old = json.loads(client.get(path, headers={"Host": "old.yaoan.example"}).content)
    assert (old["issuer"], old["id"]) == (document["id"], "https://old.yaoan.example" + path)
    assert proofs.is_by(old, next(iter(keyring.badge_keys().values())))
    assert client.get("/.well-known/did.json", headers={"Host": "anything.example"}).json()["id"] == badge.site_did()


# ---- status lists -------------------------------------------------------------------------------


def bit(document: dict, place: int) -> bool:
    """As the Recommendation says that a list is read, by other means than ours."""
    encoded = document["credentialSubject"]["encodedList"]
    assert encoded.startswith("u") and "=" not in encoded
    data = gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4)))
    assert len(data) * 8 == 131_072
    return f"{data[place // 8]:08b}"[place % 8] == "1"


def the_list(purpose: str, block: int = 0) -> dict:
    response = Client().get(reverse("status_list", args=[purpose, block]))
    assert response.status_code == 200
    return json.loads(response.content)


def test_a_list_is_signed_and_says_how_long_it_counts(certificate, settings):
    listed = the_list("revocation")
    kid = keyring.kid_in_use("badge")
    assert proofs.is_by(listed, keyring.badge_keys()[kid])
    assert listed["issuer"] == badge.site_did() and listed["id"] == status_lists.address("revocation", 0)
    served = status_lists.signed("revocation", 0, at=LATER)
    since, until = (clock.local(LATER).fromisoformat(served[name]) for name in ("validFrom", "validUntil"))
    assert since <= LATER < until and (until - since).total_seconds() == settings.STATUS_LIST_MINUTES * 60
    assert until - LATER > timedelta(minutes=settings.STATUS_LIST_MINUTES / 2), "whoever fetches one has a good part of its life"


@pytest.mark.parametrize(
    ("kinds_of_events", "revoked", "suspended"),
    [
        ([], False, False),
        (["revoked"], True, False),
        (["replaced"], True, False),
        (["suspended"], False, True),
        (["suspended", "restored"], False, False),
        (["suspended", "revoked"], True, False),
        (["suspended", "restored", "suspended"], False, True),
    ],
)
def test_the_lists_say_what_became_of_a_certificate_at_once(cast, certificate, kinds_of_events, revoked, suspended):
    other = services.issue(completion=a_completion(cast.colleague), at=NOON)
    assert not bit(the_list("revocation"), certificate.pk)
    for kind in kinds_of_events:
        happened(certificate, kind, by=cast.hr, at=LATER)
    assert (bit(the_list("revocation"), certificate.pk), bit(the_list("suspension"), certificate.pk)) == (revoked, suspended)
    assert not bit(the_list("revocation"), other.pk) and not bit(the_list("suspension"), other.pk)


@pytest.mark.parametrize("place", [0, 1, 7, 8, 131_071])
def test_each_certificate_has_its_place_in_its_block(cast, certificate, place):
    twin = Certificate.objects.get(pk=certificate.pk)
    twin.pk, twin.number, twin.completion, twin.round = 2 * 131_072 + place, f"X-{place}", None, 9
    twin._state.adding = True
    twin.save()
    happened(twin, "revoked", by=cast.hr, at=LATER)
    entry = status_lists.entries(twin.pk)[0]

    assert (entry["statusListIndex"], entry["statusListCredential"]) == (str(place), status_lists.address("revocation", 2))
    assert bit(the_list("revocation", 2), place) and not bit(the_list("suspension", 2), place)
    assert status_lists.bits("revocation", 2).count(0) == 131_072 // 8 - 1
    assert status_lists.bits("revocation", 0).count(0) == 131_072 // 8


def test_there_are_no_lists_for_what_was_never_issued(client, cast):
    for path in ("revocation/1.json", "revocation/99999999999999999999.json", "message/0.json", "revocation/-1.json"):
        assert client.get(f"/certificates/status/{path}").status_code == 404
    assert client.get("/certificates/status/revocation/0.json").status_code == 200


def test_a_list_that_has_not_changed_is_sent_from_memory_with_one_query(client, certificate, django_assert_num_queries):
    address = reverse("status_list", args=["revocation", 0])
    first = client.get(address)
    with django_assert_num_queries(1):
        second = client.get(address)
    assert second.content == first.content
    with django_assert_num_queries(1):
        again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert first["Access-Control-Allow-Origin"] == "*" and first["Cache-Control"] == "public, max-age=60"
    assert first["Content-Type"] == "application/vc"


def test_a_list_after_an_event_has_another_tag(client, cast, certificate):
    address = reverse("status_list", args=["revocation", 0])
    tag = client.get(address)["ETag"]
    happened(certificate, "revoked", by=cast.hr, at=LATER)
    response = client.get(address, headers={"If-None-Match": tag})
    assert response.status_code == 200 and response["ETag"] != tag


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ("", "application/vc"),
        ("*/*", "application/vc"),
        ("application/vc, application/json", "application/vc"),
        ("application/ld+json, application/json", "application/json"),
    ],
)
def test_a_program_that_asks_for_json_is_told_json(client, cast, accept, told):
    response = client.get(reverse("status_list", args=["revocation", 0]), headers={"Accept": accept} if accept else {})
    assert response["Content-Type"] == told and "Accept" in response["Vary"]


def test_all_processes_send_the_same_bytes_within_a_part_of_its_life(certificate):
    at = LATER.replace(hour=1, minute=0)
    assert badge.as_json(status_lists.signed("revocation", 0, at=at)) == badge.as_json(
        status_lists.signed("revocation", 0, at=at + timedelta(minutes=59))
    )


def test_a_list_is_signed_anew_as_soon_as_its_key_is_withdrawn(certificate):
    def method():
        return json.loads(status_lists.served("revocation", 0, at=LATER).body)["proof"]["verificationMethod"]

    kid = keyring.kid_in_use("badge")
    assert method().endswith(f"#{kid}")
    keys_of.retire(kid=kid, at=LATER, compromised=True)
    assert not method().endswith(f"#{kid}") and method().endswith(f"#{keyring.kid_in_use('badge')}")


def test_a_clock_that_was_set_back_serves_a_list_of_its_own_time(certificate):
    ahead, back = (json.loads(status_lists.served("revocation", 0, at=at).body) for at in (LATER, NOON))
    assert back["validUntil"] < ahead["validFrom"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_not_missed(private, settings, tmp_path):
    """The later number is seen first: a cache that knew the newest number alone would never hear of the other."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    from django.db import transaction

    from certificates.services import keys
    from tests.cast import assemble

    cast = assemble()
    keys.ensure(at=NOON)
    services.ensure_kinds(cast.county)
    slow, quick = (services.issue(completion=a_completion(cast.learner), at=NOON) for _ in range(2))
    written, may_commit = threading.Event(), threading.Event()

    def revoke_slowly():
        try:
            with transaction.atomic():
                happened(slow, "revoked", by=cast.hr, at=LATER)
                written.set()
                may_commit.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=revoke_slowly)
    thread.start()
    assert written.wait(20)
    happened(quick, "revoked", by=cast.hr, at=LATER)
    assert bit(the_list("revocation"), quick.pk) and not bit(the_list("revocation"), slow.pk)
    may_commit.set()
    thread.join()
    assert bit(the_list("revocation"), slow.pk)
