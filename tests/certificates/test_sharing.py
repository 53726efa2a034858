"""The link by which a holder shows a certificate: who makes it, who gets in, when it ends."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from certificates import badge, services
from certificates.models import ShareLink
from core import clock
from core.errors import Refused
from tests.cast import EVERYBODY, NOON
from tests.certificates.badges import happened
from tests.certificates.conftest import a_completion
from tests.certificates.test_doors import READERS

FILES = ["certificate.pdf", "badge.json"]


@pytest.fixture
def link(certificate, cast):
    return services.share(certificate=certificate, by=cast.learner, at=clock.now())


def page_of(link) -> str:
    return reverse("shared_certificate", args=[link.key])


def test_whoever_has_the_link_sees_the_certificate_and_its_files_without_signing_in(link, certificate):
    client = Client()
    response = client.get(page_of(link))
    page = response.content.decode()
    assert response.status_code == 200 and certificate.person_name in page and certificate.number in page
    for name in FILES:
        assert reverse("shared_certificate_file", args=[link.key, name]) in page
    file = client.get(reverse("shared_certificate_file", args=[link.key, "badge.json"]))
    assert file.content == badge.file(certificate) and file["Content-Type"] == "application/vc"
    assert client.get(reverse("shared_certificate_file", args=[link.key, "certificate.pdf"])).content.startswith(b"%PDF-")
    assert client.get(reverse("shared_certificate_file", args=[link.key, "secrets.txt"])).status_code == 404


@pytest.mark.parametrize("path", ["", "badge.json", "certificate.pdf"])
def test_nothing_of_it_is_kept_found_or_told_on(link, path):
    response = Client().get(page_of(link) + path)
    assert "noindex" in response["X-Robots-Tag"] and "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"


def test_a_key_cannot_be_guessed(link, cast, kinds, private):
    other = services.share(certificate=services.issue(completion=a_completion(cast.learner), at=NOON), by=cast.learner, at=NOON)
    assert len(link.key) >= 22 and link.key != other.key
    for key in (link.key[:-1], link.key.swapcase(), "x" * 300, "%00"):
        assert Client().get(f"/certificates/shared/{key}/").status_code == 404


def test_asking_again_gives_the_link_that_stands(link, certificate, cast):
    assert services.share(certificate=certificate, by=cast.learner, at=clock.now()) == link


def test_a_link_that_was_ended_leads_nowhere_and_a_new_one_has_another_key(link, certificate, cast):
    assert services.stop_sharing(certificate=certificate, by=cast.learner, at=clock.now())
    assert not services.stop_sharing(certificate=certificate, by=cast.learner, at=clock.now())
    for path in ("", *FILES):
        assert Client().get(page_of(link) + path).status_code == 404
    again = services.share(certificate=certificate, by=cast.learner, at=clock.now())
    assert again.key != link.key and Client().get(page_of(link)).status_code == 404
    assert list(ModelLogEntry.objects.filter(action__contains="shar").order_by("pk").values_list("action", flat=True)) == [
        "certificates.share",
        "certificates.stop_sharing",
        "certificates.share",
    ]


def test_a_link_ends_with_its_days(certificate, cast, settings):
    settings.SHARE_LINK_DAYS = 7
    made = clock.now() - timedelta(days=7, minutes=1)
    old = services.share(certificate=certificate, by=cast.learner, at=made)
    assert Client().get(page_of(old)).status_code == 404
    new = services.share(certificate=certificate, by=cast.learner, at=clock.now())
    assert new.key != old.key and Client().get(page_of(new)).status_code == 200


@pytest.mark.parametrize("who", sorted(set(EVERYBODY) - {"learner"}))
def test_nobody_shares_another_s_certificate(cast, certificate, sign_in, who):
    person = getattr(cast, who)
    with pytest.raises(PermissionDenied):
        services.share(certificate=certificate, by=person, at=NOON)
    client = sign_in(person)
    for door in ("certificate_share", "certificate_unshare"):
        assert client.post(reverse(door, args=[certificate.number])).status_code == (403 if who in READERS else 404)
    assert not ShareLink.objects.exists()
    page = client.get(reverse("certificate", args=[certificate.number]))
    assert page.status_code == 404 or "share-title" not in page.content.decode()


def test_the_holder_makes_and_ends_it_on_the_page_of_the_certificate(cast, certificate, sign_in):
    client = sign_in(cast.learner)
    assert reverse("certificate", args=[certificate.number]) + "#share" in client.get(reverse("my_certificates")).content.decode()
    assert client.get(reverse("certificate_share", args=[certificate.number])).status_code == 405
    client.post(reverse("certificate_share", args=[certificate.number]))
    link = ShareLink.objects.get()
    page = client.get(reverse("certificate", args=[certificate.number])).content.decode()
    assert badge.site() + page_of(link) in page and reverse("certificate_unshare", args=[certificate.number]) in page
    client.post(reverse("certificate_unshare", args=[certificate.number]))
    link.refresh_from_db()
    assert link.ended_at is not None
    page = client.get(reverse("certificate", args=[certificate.number])).content.decode()
    assert link.key not in page and reverse("certificate_share", args=[certificate.number]) in page


def test_signed_out_one_is_sent_to_sign_in(client, certificate):
    for door in ("certificate_share", "certificate_unshare"):
        assert "/accounts/login/" in client.post(reverse(door, args=[certificate.number]))["Location"]


@pytest.mark.parametrize("kind", ["suspended", "revoked", "replaced"])
def test_a_certificate_that_is_not_in_force_is_shown_as_that_and_its_files_are_kept_back(cast, certificate, link, sign_in, kind):
    happened(certificate, kind, by=cast.hr, at=clock.now())
    page = Client().get(page_of(link))
    assert page.status_code == 200 and "text-bg-success" not in page.content.decode() and "badge.json" not in page.content.decode()
    for name in FILES:
        response = Client().get(page_of(link) + name)
        assert (response.status_code, response["Location"]) == (302, page_of(link))
    services.stop_sharing(certificate=certificate, by=cast.learner, at=clock.now())
    with pytest.raises(Refused) as refusal:
        services.share(certificate=certificate, by=cast.learner, at=clock.now())
    assert refusal.value.code == "not_in_force"
    client = sign_in(cast.learner)
    client.post(reverse("certificate_share", args=[certificate.number]))
    assert ShareLink.objects.filter(ended_at=None).count() == 0


def test_what_has_expired_on_record_is_shown_as_expired_everywhere_when_the_clock_is_set_back(cast, certificate, link, sign_in):
    services.expire_due(at=NOON + timedelta(days=733))  # a day that the clock, set back, calls one to come
    for who, page in (
        (cast.learner, page_of(link)),
        (cast.learner, reverse("my_certificates")),
        (cast.learner, reverse("certificate", args=[certificate.number])),
        (cast.hr, reverse("certificates_issued")),
    ):
        text = sign_in(who).get(page).text
        assert "已过期" in text and ("有效</span>" not in text), page
    assert certificate.state_on(clock.today()) == "expired"  # read without its events, too


def test_visits_from_one_address_are_limited(link, settings):
    settings.SHARED_PER_MINUTE = 3
    caches["local"].clear()
    statuses = [Client().get(page_of(link)).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert Client().get(page_of(link) + "badge.json").status_code == 429


def test_the_shared_page_costs_three_queries_at_most(link, django_assert_max_num_queries):
    client = Client()
    client.get(page_of(link))
    with django_assert_max_num_queries(3):
        client.get(page_of(link))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_link(private):
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")
    from tests.cast import assemble

    cast = assemble()
    services.ensure_kinds(cast.county)
    certificate = services.issue(completion=a_completion(cast.learner), at=NOON)
    keys, start = [], threading.Barrier(4)

    def work():
        try:
            start.wait()
            keys.append(services.share(certificate=certificate, by=cast.learner, at=NOON).key)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 4 and len(set(keys)) == 1 and ShareLink.objects.count() == 1
