"""No page takes more than fifteen queries, for anybody who comes to it, in a county in full swing."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.browser.test_every_page import WALK, address_of, keys

MOST = 15
# Within the admin, Wagtail's own queries come on top: docs/decisions/0016 and tests/home/test_admin_queries.py say what they may take.
ADMIN = "/admin/"
# They make or compare whole calculations of a year, with this many queries whatever it holds.
COMPARING = {"remark": 20, "indicator_dry_run": 20, "period_preview": 28, "period:appeals_period?compare=1": 35}

__all__ = ["keys"]


@pytest.mark.parametrize("who", WALK)
def test_no_page_takes_more_than_fifteen_queries(who, cast, keys, sign_in):
    client = Client() if who == "visitor" else sign_in(getattr(cast, who))
    above = []
    for entry in WALK[who]:
        path, status = address_of(entry, keys)
        if path.startswith(ADMIN):
            continue
        client.get(path)  # what is looked up once a process, and the first trace of reading
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code in (status, 302), path
        written = [query["sql"] or "" for query in seen]  # of a savepoint psycopg tells nothing
        asked = [sql for sql in written if sql and not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
        if len(asked) > COMPARING.get(entry, COMPARING.get(entry.partition(":")[0], MOST)):
            above.append(f"{entry}: {len(asked)}")
    assert not above, "\n".join(above)
