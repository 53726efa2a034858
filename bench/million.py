"""HR's pages and the API over 10,000 and over 1,000,000 completions: how long each takes, how that grows, how fast a program pulls all.

By itself, on a database with a county and its courses in it:

    DATABASE_URL=… DJANGO_SETTINGS_MODULE=config.settings.local python -m bench.million [ROWS]
"""

import json
import os
import statistics
import sys
import time
import urllib.request
from datetime import timedelta

from bench import exports
from bench.server import Server

PORT = int(os.environ.get("BENCH_PORT", "8398"))
BASE = f"http://127.0.0.1:{PORT}"
FEW, MANY = 10_000, int(os.environ.get("BENCH_EXPORT", "1000000"))
TIMES = 20
PAGE_MS, API_MS, ROWS_A_SECOND = 300, 100, 15_000
BY_ONE_CALL = 5000


def note_changes() -> None:
    """The order of changes, which the rows of `exports.fill` were written without."""
    from django.db import connection

    from evaluation import changes

    with connection.cursor() as cursor:
        for column, table, kind, at in (
            ("completion_id", "courses_completion", "completed", "completed_at"),
            ("entry_id", "evaluation_ledgerentry", "entry", "at"),
        ):
            cursor.execute(
                f"INSERT INTO evaluation_recordchange ({column}, kind, at) SELECT f.id, %s, f.{at} FROM {table} f"
                f" WHERE NOT EXISTS (SELECT 1 FROM evaluation_recordchange r WHERE r.{column} = f.id) ORDER BY f.id",
                [kind],
            )
    changes.settle()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def doors() -> tuple[dict[str, str], dict[str, str], str, str]:
    """HR's pages and the API's lists by name; the cookie of HR and a key of theirs."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from core import clock
    from courses.models import Course
    from people.models import ApiToken, Person, Role, Unit
    from people.services import tokens

    county = Unit.objects.counties()[0]
    hr = Person.objects.filter(role_grants__role=Role.HR, role_grants__unit=county, role_grants__ends_on=None).first()
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(hr)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    at = clock.now()
    _token, key = tokens.create(owner=hr, name="bench", scopes=ApiToken.Scope.values, unit=county, expires_at=at + timedelta(days=1), at=at)
    organ = Unit.objects.filter(path__startswith=county.path, depth=2).first()
    course = Course.objects.open().filter(county=county).order_by("code").first()
    someone = Person.objects.filter(employee_number__startswith="EX").first()
    records = reverse("records")
    pages = {
        "records": records,
        "records of a course": f"{records}?course={course.pk}",
        "records of a unit": f"{records}?unit={organ.pk}",
        "records of a duty": f"{records}?duty=staff",
        "records of a name": f"{records}?q=EX00",
        "records by hours": f"{records}?sort=-hours",
        "records by score": f"{records}?sort=-score",
        "records by name": f"{records}?sort=name",
        "records of one number": f"{records}?q=EX0000123",
        "records, last page": f"{records}?page=200",
        "under way": f"{records}?status=in_progress",
        "not started": f"{records}?status=not_started",
        "units": reverse("records_units"),
        "people of a unit": reverse("records_unit", args=[organ.pk]),
        "who is behind in a unit": reverse("records_unit", args=[organ.pk]) + "?only=behind",
        "people of the county": reverse("records_unit", args=[county.pk]),
        "picture": reverse("county_picture"),
        "years": reverse("years_picture"),
        "dashboard": reverse("dashboard"),
        "export": reverse("export", args=["records"]),
        "learning file": reverse("learning_file", args=[someone.pk]),
        "claims": reverse("claim_list"),
        "evaluations": reverse("periods"),
    }
    half_a_year_ago = (at - timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    lists = {
        "completions": "/api/v1/completions",
        "completions since": f"/api/v1/completions?since={half_a_year_ago}",
        "completions of a unit": f"/api/v1/completions?unit={organ.code}",
        "hours": "/api/v1/hours",
        "people": "/api/v1/people",
        "units": "/api/v1/units",
        "courses": "/api/v1/courses",
        "certificates": "/api/v1/certificates",
    }
    return pages, lists, cookie, key


def ask(path: str, headers: dict[str, str]) -> tuple[float, bytes]:
    """Milliseconds and body of an answer that is no error and no way elsewhere."""
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(BASE + path, headers=headers), timeout=120) as answer:
        body = answer.read()
        assert answer.status == 200 and answer.url == BASE + path, (path, answer.status, answer.url)
    return (time.perf_counter() - began) * 1000, body


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def timed(paths: dict[str, str], headers: dict[str, str]) -> dict[str, float]:
    """The 95th percentile of each, in ms, after one call that warms up; the first is asked often enough to meet every worker."""
    found = {}
    for _time in range(2 * TIMES):
        ask(next(iter(paths.values())), headers)
    for name, path in paths.items():
        ask(path, headers)
        found[name] = p95([ask(path, headers)[0] for _time in range(TIMES)])
    return found


def pull(key: str, expected: int) -> float:
    """Rows a second of a program that reads on from the beginning to the end; each completion comes once."""
    headers = {"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"}
    cursor, seen, began = "", set(), time.perf_counter()
    while True:
        _ms, body = ask(f"/api/v1/completions?limit={BY_ONE_CALL}{cursor}", headers)
        page = json.loads(body)
        seen.update(row["id"] for row in page["items"])
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    seconds = time.perf_counter() - began
    assert len(seen) == expected, (len(seen), expected)
    return len(seen) / seconds


def measure(many: int = MANY) -> tuple[list[tuple[str, str, str, bool]], list[str]]:
    """The rows of the table, and what each page took at both sizes: what stood there or 10,000, then so many."""
    from django.db import connections

    from core import clock
    from courses.models import Completion
    from evaluation import ahead, begun
    from people.models import Unit

    seen: list[tuple[int, list[dict[str, float]]]] = []
    rate = 0.0
    few = max(min(FEW, many), Completion.objects.count() + 2000)  # what other figures left, and some of the people who are asked for below
    for size in (few, many):
        exports.fill(size)
        note_changes()
        ahead.count_all(at=clock.now())  # as the scheduler does every ten minutes
        for ago in (timedelta(hours=1), timedelta(0)):
            begun.look(at=clock.now() - ago)
        pages, lists, cookie, key = doors()
        total = Completion.objects.filter(unit__path__startswith=Unit.objects.counties()[0].path).count()  # what HR and the key reach
        connections.close_all()
        with Server(PORT):
            seen.append((total, [timed(pages, {"Cookie": cookie}), timed(lists, {"Authorization": f"Bearer {key}"})]))
            if size == many:
                time.sleep(61)  # the calls of this minute are used up
                rate = pull(key, total)
    (fewer, few), (total, most) = seen
    rows = []
    for place, name, limit in ((0, "HR's pages", PAGE_MS), (1, "the API's pages", API_MS)):
        slowest = max(most[place], key=most[place].__getitem__)
        slope = max(most[place][one] / few[place][one] for one in most[place])
        said = f"{name} over {total:,} completions, p95 of the slowest ({slowest}); up to {slope:.1f} times that over {fewer:,}"
        rows.append((said, f"{most[place][slowest]:.0f} ms", f"<= {limit} ms", most[place][slowest] <= limit))
    rows.append((f"pull of {total:,} completions by the API", f"{rate:.0f} rows/s", f">= {ROWS_A_SECOND} rows/s", rate >= ROWS_A_SECOND))
    notes = [f"p95 in ms over {fewer:,} and {total:,} completions:"]
    notes += [f"  {name}: {few[place][name]:.0f}, {most[place][name]:.0f}" for place in (0, 1) for name in most[place]]
    return rows, notes


if __name__ == "__main__":
    import django

    django.setup()
    found, said = measure(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
    for row in found:
        print(*row, sep="  ")
    print(*said, sep="\n")
