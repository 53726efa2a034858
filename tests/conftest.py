"""Fixtures shared by all tests."""

import time
from types import SimpleNamespace

import pytest
from allauth.account.internal.flows.login import record_authentication

from tests import cast as casting
from tests.chromium import browser, enter, open_page

__all__ = ["browser", "enter", "open_page"]


@pytest.fixture(scope="session", autouse=True)
def _patient_emptying():
    """A last request of a browser that is gone may still run when the tables are emptied behind its test: then once more."""
    from django.core.management.base import CommandError
    from django.test import TransactionTestCase

    empty = TransactionTestCase._fixture_teardown

    def patient(case):
        for _try in range(3):
            try:
                return empty(case)
            except CommandError:
                time.sleep(1)
        return empty(case)

    TransactionTestCase._fixture_teardown = patient
    yield
    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(autouse=True)
def _empty_process_cache():
    """What a process keeps for itself is true for one database; a test begins with a new one, and in Chinese."""
    from django.core.cache import caches
    from django.utils import translation

    from certificates.verify.limits import tally

    caches["local"].clear()
    tally.clear()
    translation.deactivate()


@pytest.fixture
def cast(db) -> casting.Cast:
    wagtails_ground()
    return casting.assemble()


@pytest.fixture
def signing_keys(cast, settings, tmp_path) -> None:
    """Signing keys of this test alone, from before anything that it signs."""
    from certificates.services import keys

    settings.KEYS_ROOT = tmp_path / "keys"
    keys.ensure(at=casting.NOON.replace(year=2020))


def wagtails_ground() -> None:
    """The rows that Wagtail's migrations make. A test with real transactions empties the tables behind itself."""
    from django.contrib.contenttypes.models import ContentType
    from wagtail.models import Collection, Locale, Page

    Locale.objects.get_or_create(language_code="zh-hans")
    if not Page.objects.filter(depth=1).exists():
        Page.add_root(title="Root", slug="root", content_type=ContentType.objects.get_for_model(Page))
    if not Collection.objects.filter(depth=1).exists():
        Collection.add_root(name="Root")


@pytest.fixture
def sign_in(client):
    """A client signed in as somebody, just now or so many seconds ago: `sign_in(cast.hr).get(...)`."""

    def enter(person, *, ago=0):
        client.force_login(person)
        session = client.session
        record_authentication(SimpleNamespace(session=session), person, "password", username=person.employee_number)
        session["account_authentication_methods"][0]["at"] -= ago
        session.save()
        return client

    return enter
