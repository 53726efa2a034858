"""Fixtures shared by all tests."""

import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from allauth.account.internal.flows.login import record_authentication
from hypothesis import HealthCheck, settings

from tests import cast as casting
from tests import remembered
from tests.chromium import browser, enter, open_page
from tests.migrated import Copies

__all__ = ["browser", "enter", "open_page"]

# How long an example takes is the machine's affair, which may be busy: no rule fails by it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def database_copies(request, django_db_modify_db_settings, django_db_use_migrations, django_db_blocker):
    """Where this process has its database from; None where it is asked to make or to keep its own."""
    if not django_db_use_migrations or request.config.getvalue("reuse_db") or request.config.getvalue("create_db"):
        yield None
        return
    with django_db_blocker.unblock():
        copies = Copies()
        copies.begin()
    yield copies
    with django_db_blocker.unblock():
        copies.drop()


@pytest.fixture(scope="session")
def django_db_keepdb(request, database_copies) -> bool:
    return request.config.getvalue("reuse_db") or (database_copies is not None and database_copies.was_copied)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, database_copies, django_db_blocker):
    """The tables as the migrations leave them; behind a test with real transactions they are brought back to that."""
    from django.db import DatabaseError
    from django.db.backends.signals import connection_created
    from django.test import TransactionTestCase

    def bring_back(case):
        """A last request of a browser that is gone may still run then: once more."""
        for _try in range(3):
            try:
                return remembered.restore()
            except DatabaseError:
                time.sleep(1)
        return remembered.restore()

    with django_db_blocker.unblock():
        if database_copies is not None:
            database_copies.end()
        remembered.note_baseline()
    connection_created.connect(remembered.watch_others)
    emptying, TransactionTestCase._fixture_teardown = TransactionTestCase._fixture_teardown, bring_back
    yield
    TransactionTestCase._fixture_teardown = emptying


@pytest.fixture(autouse=True)
def _empty_process_cache():
    """What a process keeps for itself is true for one database; a test begins with a new one, and in Chinese."""
    from django.core.cache import caches
    from django.utils import translation

    from certificates.verify.limits import tally

    caches["local"].clear()
    tally.clear()
    translation.deactivate()
    remembered.begin()


@pytest.fixture
def cast(db) -> casting.Cast:
    return standing_cast()


@remembered.remembered
def standing_cast() -> casting.Cast:
    wagtails_ground()
    return casting.assemble()


@pytest.fixture
def signing_keys(cast, settings, tmp_path) -> None:
    """Signing keys of this test alone, from before anything that it signs."""
    settings.KEYS_ROOT = tmp_path / "keys"
    standing_keys(settings.KEYS_ROOT, at=casting.NOON.replace(year=2020))


def standing_keys(folder: Path, *, at: datetime) -> None:
    """Signing keys in an empty folder."""
    for name, data in _made_keys(at).items():
        folder.mkdir(exist_ok=True)
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(data)


@remembered.remembered
def _made_keys(at: datetime) -> dict[str, bytes]:
    from django.conf import settings

    from certificates.services import keys

    keys.ensure(at=at)
    return {path.name: path.read_bytes() for path in settings.KEYS_ROOT.iterdir()}


def wagtails_ground() -> None:
    """The rows that Wagtail's migrations make, for a run without migrations."""
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


def pytest_collection_modifyitems(items):
    """What no database is asked for, one run proves: it is left out of the run on PostgreSQL.

    What takes minutes begins first, lest all wait for it at the end; but where the order of tests keeps their database
    whole (those that empty it come last), it stays.
    """
    from django.db import connection

    if connection.vendor == "postgresql":
        items[:] = [item for item in items if _asks_postgresql(item)]
    items.sort(key=lambda item: _has_the_database(item) or not item.get_closest_marker("slow"))


def _asks_postgresql(item) -> bool:
    """Whether it has the tests' database, or brings its own PostgreSQL."""
    return _has_the_database(item) or bool(item.get_closest_marker("postgres"))


def _has_the_database(item) -> bool:
    return bool({"db", "transactional_db"} & set(item.fixturenames)) or bool(item.get_closest_marker("django_db"))
