"""`make bench`: the figures that the issues name, each beside its target.

Starts the product on PostgreSQL (BENCH_DATABASE_URL or the local default) with gunicorn and the
workers of deploy/gunicorn.conf.py, loads the demo, signs people in, and drives it with wrk on loopback. The
load generator shares the cores with the product and the database. Exit status 1 when a target is missed.
"""

import os
import platform
import random
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from datetime import timedelta
from typing import Self

import psycopg

from bench import badges, bank, bulk, evaluation, exam, exports, ledger, million, papers
from bench.server import ROOT, Server

PORT = int(os.environ.get("BENCH_PORT", "8399"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
BASE = f"http://127.0.0.1:{PORT}"
LEARNERS = 16


def database() -> str:
    """A fresh database for the bench; its address."""
    url = os.environ.get("BENCH_DATABASE_URL")
    if not url:
        found = subprocess.run([sys.executable, "deploy/find_postgres.py"], cwd=ROOT, capture_output=True, text=True)
        if found.returncode:
            sys.exit("make bench needs a PostgreSQL (BENCH_DATABASE_URL).")
        url = found.stdout.strip().rpartition("/")[0] + "/county_bench"
    base, _, name = url.rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}"')
    return url


def prepare() -> None:
    os.environ["DATABASE_URL"] = database()
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="bench-")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.local"
    os.environ["DEMO_PASSWORD"] = f"Bench-{secrets.token_hex(6)}"
    os.environ["LOG_LEVEL"] = "WARNING"
    os.environ["VERIFY_PER_MINUTE"] = "0"  # one address asks thousands of times here
    os.environ["SITE_URL"] = BASE
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    call_command("collectstatic", interactive=False, verbosity=0)


def time_roster() -> float:
    """Seconds to read, plan and write the sample roster into an empty database."""
    from core import clock
    from people.services import roster

    with (ROOT / "home/demo/roster.xlsx").open("rb") as file:
        started = time.perf_counter()
        plan = roster.plan(file, "roster.xlsx")
        roster.apply(plan, by=None, at=clock.now())
        return time.perf_counter() - started


def time_gift(count: int = 5000) -> float:
    """Seconds to read, judge and write a GIFT file of so many questions, with codes, categories and explanations."""
    import io

    from core import clock
    from people.models import Unit
    from quizzes.services import bank

    text = "".join(
        f"$CATEGORY: $course$/top/第{n % 9}章/第{n % 60}节\n\n// [id:BENCH-{n}] [tag:course=BENCH] [tag:difficulty={n % 3 + 1}]\n"
        f"::第{n}题::第{n}份申请不能当场答复的，应当自收到之日起几个工作日内答复？{{\n\t~7\n\t~15\n\t=20\n\t~30\n\t####见条例第三十三条。\n}}\n\n"
        for n in range(count)
    )
    file = io.BytesIO(text.encode())
    started = time.perf_counter()
    report = bank.import_file(file, name="bench.txt", format="gift", county=Unit.objects.counties()[0], at=clock.now())
    assert len(report.new) == count
    return time.perf_counter() - started


def sit_down() -> dict:
    """Learners in the middle of a course and of a quiz, with their cookies; and the paths to drive."""
    from django.test import Client

    from certificates.models import Certificate
    from core import clock
    from courses.models import Course
    from courses.services import enrolments, progress
    from home.demo import load
    from people.models import Duty, Person
    from quizzes.models import Quiz
    from quizzes.services import attempts

    people = Person.objects.serving().having_duty(Duty.STAFF).exclude(employee_number__in=["learner", "liaison"])
    course = next(c for c in Course.objects.open().order_by("code") if c.current.lessons.count() >= 5)
    quiz = Quiz.objects.get(key=f"{course.code.lower()}-final")
    seats = []
    for person in people.filter(enrolments__isnull=True)[:LEARNERS]:
        at = clock.now()
        for needed in enrolments.lacking_prerequisites(person=person, course=course):
            load.walk(person, needed, stage="done", at=at - timedelta(days=9), draw=random.Random(1))
        enrolment = enrolments.enrol(person=person, course=course, at=at)
        for lesson in enrolment.edition.lessons.all():
            progress.open_lesson(enrolment=enrolment, lesson=lesson, at=at)
        attempt = attempts.start(person=person, quiz=quiz, at=at)
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(person)
        client.get(f"/attempts/{attempt.pk}/")
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        item = attempt.items.filter(kind="single").first()
        options = item.shown["options"]
        tokens = (
            list(options)
            if isinstance(options, dict)
            else [option["token"] if isinstance(option, dict) else option[0] for option in options]
        )
        seats.append(
            {
                "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
                "csrf": cookies["csrftoken"],
                "attempt": attempt.pk,
                "item": item.pk,
                "response": tokens[0],
            }
        )
    lesson = course.current.lessons.all()[1]
    return {
        "seats": seats,
        "course": f"/courses/{course.pk}/",
        "lesson": f"/courses/{course.pk}/{lesson.slug}/",
        "verify": f"/verify/{Certificate.objects.order_by('pk').first().number}/",
        "lessons": course.current.lessons.count(),
    }


def wrk(path: str, *, cookies: list[str], script: str | None = None, connections: int = 8) -> tuple[float, int]:
    """Requests a second that answered 2xx, and how many did not: the better of two runs after a short one that warms up."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False) as lua:
        lua.write(script or _get_script(cookies))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", lua.name, BASE + path]
    subprocess.run([*command[:3], "-d2s", *command[4:]], capture_output=True)
    runs = []
    for _run in range(2):
        out = subprocess.run(command, capture_output=True, text=True).stdout
        rate = float(next(line.split(":")[1] for line in out.splitlines() if "Requests/sec" in line))
        bad = sum(int(line.split(":")[1]) for line in out.splitlines() if "Non-2xx" in line)
        runs.append((rate, bad))
    return max(rate for rate, _bad in runs), sum(bad for _rate, bad in runs)


def _get_script(cookies: list[str]) -> str:
    quoted = ",".join(f"[==[{cookie}]==]" for cookie in cookies)
    return f"""
local cookies = {{{quoted}}}
local n = 0
request = function()
  n = n + 1
  if #cookies > 0 then wrk.headers["Cookie"] = cookies[n % #cookies + 1] end
  return wrk.format("GET")
end
"""


def _save_script(seats: list[dict], *, and_look: bool = False) -> str:
    """Saves by all seats in turn; with `and_look` each is followed by a view of the page, which then shows the new answer."""
    rows = ",".join(
        f"{{cookie=[==[{s['cookie']}]==], csrf=[==[{s['csrf']}]==], path=[==[/attempts/{s['attempt']}/answers/]==], page=[==[/attempts/{s['attempt']}/]==], item={s['item']}, response=[==[{s['response']}]==]}}"
        for s in seats
    )
    return f"""
local seats = {{{rows}}}
local n = 0
local run = tostring(os.time()) .. tostring(math.random(1000000))
local looks, last = {"true" if and_look else "false"}, nil
request = function()
  if looks and last then
    local path, headers = last.page, {{["Cookie"]=last.cookie}}
    last = nil
    return wrk.format("GET", path, headers)
  end
  n = n + 1
  local s = seats[n % #seats + 1]
  last = s
  local body = string.format('{{"item": %d, "response": "%s", "token": "%s-%d"}}', s.item, s.response, run, n)
  return wrk.format("POST", s.path, {{["Cookie"]=s.cookie, ["X-CSRFToken"]=s.csrf, ["Content-Type"]="application/json", ["Referer"]="{BASE}/"}}, body)
end
"""


def _look_script(seats: list[dict]) -> str:
    """Each person's own attempt page, in turn."""
    rows = ",".join(f"{{cookie=[==[{s['cookie']}]==], page=[==[/attempts/{s['attempt']}/]==]}}" for s in seats)
    return f"""
local seats = {{{rows}}}
local n = 0
request = function()
  n = n + 1
  local s = seats[n % #seats + 1]
  return wrk.format("GET", s.page, {{["Cookie"]=s.cookie}})
end
"""


def first_page_weight() -> int:
    """Bytes over the wire of the signed-out front page with everything it names."""
    import gzip
    import re

    def fetch(path: str) -> bytes:
        request = urllib.request.Request(BASE + path, headers={"Accept-Encoding": "gzip", "User-Agent": "bench"})
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()

    page = fetch("/")
    html = gzip.decompress(page).decode() if page[:2] == b"\x1f\x8b" else page.decode()
    parts = {path.split("#")[0] for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', html)}
    return len(page) + sum(len(fetch(path)) for path in parts)


class Rows(list[tuple[str, str, str, bool]]):
    """The figures; each is told on stderr at once, since the whole takes most of an hour and may break."""

    def append(self, row: tuple[str, str, str, bool]) -> None:
        print(f"[bench] {row[0]}: {row[1]}", file=sys.stderr, flush=True)
        super().append(row)

    def __iadd__(self, more: Iterable[tuple[str, str, str, bool]]) -> Self:
        for row in more:
            self.append(row)
        return self


def main() -> None:
    load = os.getloadavg()[0]
    prepare()
    rows = Rows()
    roster_seconds = time_roster()
    rows.append(("roster import, 237 people", f"{roster_seconds:.2f} s", "< 3 s", roster_seconds < 3))
    from django.core.management import call_command

    with open(os.devnull, "w") as nowhere:
        call_command("seed_demo", stdout=nowhere)
    facts = sit_down()
    from django.db import connection, connections

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as on any server that has run for an hour; freshly loaded tables have no statistics
    connections.close_all()
    cookies = [seat["cookie"] for seat in facts["seats"]]
    with Server(PORT):
        weight = first_page_weight() / 1024
        rows.append(("signed-out first page", f"{weight:.0f} KB", "< 300 KB", weight < 300))
        for name, path, target, script, signed in [
            (f"course page, {facts['lessons']} lessons", facts["course"], 250, None, True),
            ("lesson page", facts["lesson"], 250, None, True),
            ("quiz attempt page", "/", 200, _look_script(facts["seats"]), True),
            ("answer save", "/", 400, _save_script(facts["seats"]), True),
            ("verify page, limiter off", facts["verify"], 600, None, False),
        ]:
            used = cookies if signed else []
            rate, bad = wrk(path, cookies=used, script=script)
            rows.append((name, f"{rate:.0f}/s" + (f" ({bad} failed)" if bad else ""), f">= {target}/s", rate >= target and not bad))
        rate, bad = wrk("/", cookies=cookies, script=_save_script(facts["seats"], and_look=True))
        notes = [
            f"attempt page, each view after an answer of its own: {rate / 2:.0f} of both a second" + (f", {bad} failed" if bad else "")
        ]
        exam_rows, exam_notes = exam.measure("127.0.0.1", PORT)
        rows += exam_rows
        notes += exam_notes
    gift_seconds = time_gift()
    rows.append(("import of 5,000 GIFT items", f"{gift_seconds:.1f} s", "< 20 s", gift_seconds < 20))
    rows += bank.measure()
    rows += ledger.measure()
    rows += bulk.measure()
    rows += evaluation.measure()
    million_rows, million_notes = million.measure()
    rows += million_rows
    rows += exports.measure()
    notes += million_notes
    connections.close_all()
    rows += papers.measure()
    rows += badges.measure()  # last: its status events stand in no ledger
    connections.close_all()
    survived = subprocess.run([sys.executable, "-m", "bench.faults"], cwd=ROOT).returncode == 0
    rows.append(("fault test, 200 people, 60 s", "nothing lost" if survived else "FAILED", "nothing lost", survived))
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, PostgreSQL, gunicorn as deployed, wrk on the same machine, better of two runs of {SECONDS} s each,"
        f" load average {load:.1f} before\n"
    )
    raise SystemExit(report(rows, notes))


def report(rows: list[tuple[str, str, str, bool]], notes: list[str]) -> int:
    """Print each figure beside its target, and last whether all are met; the exit status, 1 when one is missed."""
    width = max(len(row[0]) for row in rows)
    for name, figure, target, met in rows:
        print(f"{name:<{width}}  {figure:>16}  target {target:<10} {'met' if met else 'MISSED'}")
    print("", *notes, sep="\n")
    missed = [name for name, _figure, _target, met in rows if not met]
    print(f"\n{len(missed)} of {len(rows)} targets MISSED: {'; '.join(missed)}" if missed else f"\nall {len(rows)} targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
