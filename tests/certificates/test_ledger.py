"""The chain of status events, the daily roots, and what is said of both."""

from datetime import timedelta

import pytest

from certificates import ledger, merkle, services
from certificates.models import ChainEntry, DayRoot, StatusEvent
from core import clock
from tests.cast import NOON
from tests.certificates.conftest import a_completion


def test_each_event_becomes_an_entry_that_names_the_one_before(cast, certificate):
    services.revoke(certificate=certificate, by=cast.hr, reason="查实替考", at=NOON + timedelta(hours=1))

    assert services.chain(at=NOON + timedelta(hours=2)) == 2

    genesis, issued, revoked = ChainEntry.objects.all()
    assert [entry.sequence for entry in (genesis, issued, revoked)] == [1, 2, 3]
    assert genesis.kind == "genesis" and genesis.previous == merkle.NOTHING
    assert (issued.previous, revoked.previous) == (genesis.hash, issued.hash)
    assert (revoked.kind, revoked.number, revoked.at) == ("revoked", certificate.number, NOON + timedelta(hours=1))
    assert all(entry.hash == merkle.entry_hash(entry.leaf()) for entry in (genesis, issued, revoked))
    assert "查实替考" in revoked.facts and "查实替考" not in str(revoked.leaf())
