"""Fixtures shared by all tests."""

import pytest

from tests import cast as casting


@pytest.fixture
def cast(db) -> casting.Cast:
    return casting.assemble()


@pytest.fixture
def sign_in(client):
    """A client signed in as somebody: `sign_in(cast.hr).get(...)`."""

    def enter(person):
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return enter
