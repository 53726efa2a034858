"""The fault test: many people sit an exam while web workers, the job worker and PostgreSQL are killed with kill -9.

Afterwards every answer that was acknowledged must be in the database, every attempt handed in and marked exactly once with
the latest acknowledged answers, and reconcile must read zero.

    python -m bench.faults --people 200 --seconds 60

The product runs as `deploy/Procfile` starts it: gunicorn with its workers, Celery's three with the broker on disk, the scheduler. PostgreSQL is
a cluster of its own where initdb is found, so that the server itself can be killed; else the one at BENCH_DATABASE_URL, whose connections
to this database are cut instead. A candidate does what the page does: makes a token for each act and sends it again until it is
acknowledged or refused for good.
"""

import argparse
import asyncio
import contextlib
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg

from bench import crowd
from bench.client import Unreachable, Visitor

ROOT = Path(__file__).resolve().parents[1]
ITEMS = 20
LATE = 10.0  # an act that waited longer says so, as the page does
THINK = 3.0  # seconds between two answers of one person, on average
LEAVE_OPEN = 0.3  # share of people who never hand in themselves
EVERY = (1.0, 3.0)  # seconds between two faults


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _kill(pid: int, act: Callable[[int, int], None] = os.kill) -> None:
    """kill -9; what has just gone by itself is no error."""
    with contextlib.suppress(ProcessLookupError):
        act(pid, signal.SIGKILL)


# ---- PostgreSQL ----------------------------------------------------------------------------


class OwnCluster:
    """A PostgreSQL of our own, run by a user who may (never root), that can be killed and started again."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.programs, self.port = programs, free_port()
        self.data = folder / "pg"
        self.data.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chmod(folder, 0o755)  # the other user has to come through
            shutil.chown(self.data, "postgres", "postgres")
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses='127.0.0.1'\nport={self.port}\nunix_socket_directories='{self.data}'\nmax_connections=60\n"
                "restart_after_crash=on\nlogging_collector=on\n"
            )
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}"

    def _run(self, program: str, *arguments) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def start(self) -> None:
        for patience in reversed(range(20)):
            try:
                return self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.data / "start.log", "start")
            except subprocess.CalledProcessError:  # a process of the old server still holds its memory
                if not patience:
                    sys.exit((self.data / "start.log").read_text()[-2000:])
                time.sleep(0.5)

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def faults(self) -> dict[str, Callable[[], str]]:
        return {"PostgreSQL backend": self.kill_backend, "PostgreSQL server": self.kill_server}

    def kill_backend(self) -> str:
        """One backend dies; the server then throws all others out and recovers from its log."""
        children = [int(pid) for pid in Path(f"/proc/{self.postmaster()}/task/{self.postmaster()}/children").read_text().split()]
        clients = [pid for pid in children if b"127.0.0.1" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        if not clients:
            return "no backend was there"
        _kill(random.choice(clients))
        return "kill -9 of one backend"

    def kill_server(self) -> str:
        """The server dies with everything below it, and is started again."""
        server = self.postmaster()
        children = [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
        for pid in (server, *children):
            _kill(pid)
        self.start()
        return f"kill -9 of the server and its {len(children)} processes, started again"

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


class SharedServer:
    """Somebody's PostgreSQL: its server stays; all connections to our database are cut."""

    def __init__(self, url: str) -> None:
        self.url = url

    def faults(self) -> dict[str, Callable[[], str]]:
        return {"PostgreSQL connections": self.cut}

    def cut(self) -> str:
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            count = connection.execute("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = 'faults'").fetchone()[
                0
            ]
        return f"all {count} connections cut (the server is not ours to kill)"

    def stop(self) -> None:
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute("drop database if exists faults with (force)")


def postgres(folder: Path) -> OwnCluster | SharedServer:
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (programs / "initdb").exists() and (os.getuid() != 0 or shutil.which("setpriv")):
            return OwnCluster(folder, programs)
    url = os.environ.get("BENCH_DATABASE_URL")
    if not url:
        found = subprocess.run([sys.executable, "deploy/find_postgres.py"], cwd=ROOT, capture_output=True, text=True)
        if found.returncode:
            sys.exit("The fault test needs PostgreSQL: its programs in /usr/lib/postgresql, or BENCH_DATABASE_URL.")
        url = found.stdout.strip()
    return SharedServer(url.rpartition("/")[0])


# ---- the product ---------------------------------------------------------------------------


@dataclass
class Program:
    """One line of deploy/Procfile, which is started again whenever it dies."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> str:
        """kill -9 of the whole program, and start again."""
        _kill(self.process.pid, os.killpg)
        self.process.wait()
        self.start()
        return f"kill -9 of {self.name} with all its processes, started again"

    def kill_child(self) -> str:
        """kill -9 of one of its processes; the program makes another by itself."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return f"{self.name} had no process to kill"
        _kill(int(random.choice(children)))
        return f"kill -9 of one process of {self.name}"

    def stop(self) -> None:
        if self.process is not None:
            _kill(self.process.pid, os.killpg)
            self.process.wait()


def product(folder: Path) -> dict[str, Program]:
    programs = Path(sys.executable).parent
    worker = [
        programs / "celery",
        "-A",
        "config",
        "worker",
        "--loglevel=WARNING",
        "--concurrency=1",
        "--without-gossip",
        "--without-mingle",
    ]
    lines = {
        "web": [programs / "gunicorn", "config.wsgi", "--config", "deploy/gunicorn.conf.py"],
        "worker": [*worker, "-Q", "celery"],
        "papers": [*worker, "-Q", "papers", "-n", "papers@%h"],
        "questions": [*worker, "-Q", "questions", "-n", "questions@%h"],
        "scheduler": [programs / "celery", "-A", "config", "beat", "--loglevel=WARNING"],
    }
    return {name: Program(name, [str(part) for part in command], folder / f"{name}.log") for name, command in lines.items()}


# ---- the candidates ------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """One answer that was acknowledged."""

    item: int
    token: str
    response: str
    seq: int


@dataclass
class Candidate:
    """Somebody who sits the exam as the page does it: each act is sent until it is acknowledged or refused for good."""

    visitor: Visitor
    sitting: int
    hands_in: bool
    attempt: int = 0
    acknowledged: list[Act] = field(default_factory=list)
    device: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    told: Counter = field(default_factory=Counter)

    async def sit(self, over: asyncio.Event) -> None:
        """Enter, whatever strikes meanwhile, and answer until it is over, once at least; then hand in, or leave that to the clock."""
        await asyncio.sleep(random.random() * 3)
        if not await self._enter():
            return
        items = await self._paper()
        while items and not (over.is_set() and self.acknowledged):
            item = random.choice(list(items))
            if not await self._answer(item, random.choice(items[item])):
                return
            await asyncio.sleep(random.expovariate(1 / THINK))
        if self.hands_in:
            await self._insist(lambda: self.visitor.post(f"/attempts/{self.attempt}/submit/"), {302})

    async def _enter(self) -> bool:
        """Through the door, with the place in the line that the page was told where many come at once."""
        turn, patience = b"", time.monotonic() + 300
        while time.monotonic() < patience:
            reply = await self._insist(lambda turn=turn: self.visitor.post(f"/sittings/{self.sitting}/", turn), {302, 409})
            if reply is None:
                return False
            if found := re.fullmatch(r"/attempts/(\d+)/", reply.headers.get("location", "")):
                self.attempt = int(found[1])
                return True
            self.told[str(reply.status)] += 1
            wait, token = re.search(rb'data-turn-in="(\d+)"', reply.body), re.search(rb'name="turn" value="([^"]+)"', reply.body)
            if not wait or not token:
                return False
            turn = b"turn=" + quote(token[1].decode()).encode()
            await asyncio.sleep(int(wait[1]) / 1000 + 0.1)
        return False

    async def _paper(self) -> dict[int, list[str]]:
        """What can be answered, read from the page itself."""
        reply = await self._insist(lambda: self.visitor.get(f"/attempts/{self.attempt}/"), {200})
        items: dict[int, list[str]] = {}
        for item, token in re.findall(r'name="r-(\d+)" value="([^"]+)"', reply.body.decode() if reply else ""):
            items.setdefault(int(item), []).append(token)
        return items

    async def _answer(self, item: int, response: str) -> bool:
        token, asked = f"{self.device}.{uuid.uuid4().hex[:24]}", time.monotonic()
        base = max((act.seq for act in self.acknowledged if act.item == item), default=0)

        def post():
            body = {"item": item, "response": response, "token": token, "base": base, "late": time.monotonic() - asked > LATE}
            return self.visitor.post_json(f"/attempts/{self.attempt}/answers/", body)

        reply = await self._insist(post, {200, 409})
        if reply is None or reply.status == 409:
            return False
        self.acknowledged.append(Act(item, token, response, reply.json()["seq"]))
        return True

    async def _insist(self, request, expected: set[int]):
        """Ask until one of the expected answers comes; None when the server is gone for two minutes."""
        pause, patience = 0.2, time.monotonic() + 120
        while time.monotonic() < patience:
            try:
                reply = await request()
            except Unreachable:
                self.told["unreachable"] += 1
            else:
                if reply.status in expected:
                    return reply
                self.told[str(reply.status)] += 1
            await asyncio.sleep(pause + random.random() * pause)
            pause = min(pause * 2, 3)
        return None


# ---- the run -------------------------------------------------------------------------------


@dataclass
class Story:
    """What was done, and what was found afterwards."""

    people: int
    faults: Counter = field(default_factory=Counter)
    told: Counter = field(default_factory=Counter)
    acknowledged: int = 0
    entered: int = 0
    problems: list[str] = field(default_factory=list)


async def run(candidates: list[Candidate], faults: dict[str, Callable[[], str]], seconds: float, say: Callable[[str], None]) -> Counter:
    """The candidates sit while one fault after another strikes; how often each did."""
    begun, done = time.monotonic(), Counter()
    over = asyncio.Event()
    sitting = [asyncio.create_task(candidate.sit(over)) for candidate in candidates]
    round_: list[str] = []
    while time.monotonic() < begun + seconds or len(done) < len(faults):
        await asyncio.sleep(random.uniform(*EVERY))
        if not round_:
            round_ = random.sample(list(faults), len(faults))  # each kind strikes before one strikes again
        name = round_.pop()
        told = await asyncio.to_thread(faults[name])
        done[name] += 1
        say(f"{time.monotonic() - begun:6.1f} s  {told}")
    over.set()
    await asyncio.gather(*sitting)
    return done


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(description="Kill everything while people sit an exam.")
    options.add_argument("--people", type=int, default=200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None, help="of the faults and the candidates; else by chance")
    given = options.parse_args(arguments)
    seed = given.seed if given.seed is not None else secrets.randbelow(10**6)
    random.seed(seed)
    story = tell(given.people, given.seconds, say=lambda line: print(line, flush=True))
    print(f"\nseed {seed}; {story.people} people, {story.entered} entered, {story.acknowledged} answers acknowledged")
    print("faults: " + ", ".join(f"{count} × {name}" for name, count in story.faults.items()))
    print("what the candidates met on the way: " + ", ".join(f"{count} × {what}" for what, count in story.told.most_common()))
    for problem in story.problems[:20]:
        print(f"PROBLEM: {problem}")
    print(
        "every acknowledged answer is there, each attempt handed in and marked once, reconcile reads zero"
        if not story.problems
        else "FAILED"
    )
    return 1 if story.problems else 0


def tell(people: int, seconds: float, *, say: Callable[[str], None]) -> Story:
    """The whole test in a folder that goes away. Sets the environment of this process: run it in one of its own."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        database = postgres(folder)
        programs: dict[str, Program] = {}
        try:
            port = _set_up(folder, database)
            say(f"PostgreSQL: {'a cluster of its own' if isinstance(database, OwnCluster) else 'shared, only its connections are cut'}")
            sitting, keys = _seat(people, seconds)
            programs |= product(folder)
            for program in programs.values():
                program.start()
            _wait_until_ready(port)
            candidates = [Candidate(Visitor("127.0.0.1", port, key), sitting, random.random() > LEAVE_OPEN) for key in keys]
            web, worker = programs["web"], programs["worker"]
            faults = database.faults() | {
                "web process": web.kill_child,
                "web server": web.kill,
                "job worker": worker.kill,
            }
            story = Story(people)
            story.faults = asyncio.run(run(candidates, faults, seconds, say))
            for candidate in candidates:
                story.told += candidate.told
                story.acknowledged += len(candidate.acknowledged)
                story.entered += bool(candidate.attempt)
            _let_time_run_out(sitting, say)
            story.problems = check(candidates, sitting)
            if story.entered != people:
                story.problems.append(f"{people - story.entered} of {people} people never got in")
            if not story.acknowledged:
                story.problems.append("nothing was acknowledged: this run proves nothing")
            return story
        finally:
            for program in programs.values():
                program.stop()
            _close_connections()
            database.stop()


def _set_up(folder: Path, database: OwnCluster | SharedServer) -> int:
    """A fresh database with the product's tables, and this process set up to read it; the port for the web."""
    with psycopg.connect(f"{database.url}/postgres", autocommit=True) as connection:
        connection.execute("drop database if exists faults with (force)")
        connection.execute("create database faults")
    port = free_port()
    os.environ |= {
        "DATABASE_URL": f"{database.url}/faults",
        "VAR_DIR": str(folder / "var"),
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "LOG_LEVEL": "CRITICAL",
        "PORT": str(port),
        "SITE_URL": f"http://127.0.0.1:{port}",
    }
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("createcachetable")
    call_command("collectstatic", interactive=False, verbosity=0)
    return port


def _seat(people: int, seconds: float) -> tuple[int, list[str]]:
    """An exam of single choices for so many people; whoever has not handed in is ended by the clock soon after the faults."""
    from core import clock
    from quizzes.models import Quiz

    unit = crowd.county(items=ITEMS, kinds=("single",))
    minutes = int(seconds // 60) + 1
    Quiz.objects.filter(key="e01-exam").update(minutes=minutes)
    officer, *made = crowd.people(unit, people + 1)
    sitting = crowd.sitting(officer, made, opens_at=clock.now(), minutes=minutes + 5)
    return sitting.pk, crowd.sessions(made)


def _wait_until_ready(port: int) -> None:
    visitor = Visitor("127.0.0.1", port, "")
    for _attempt in range(120):
        try:
            if asyncio.run(visitor.get("/healthz", timeout=3)).status == 200:
                return
        except Unreachable:
            pass
        time.sleep(0.5)
    raise SystemExit("the product does not become ready")


def _let_time_run_out(sitting: int, say: Callable[[str], None]) -> None:
    """Wait until the worker, which nobody kills any more, has ended whatever is open."""
    from quizzes.models import Attempt

    _close_connections()
    open_now = Attempt.objects.open().filter(sitting=sitting)
    say(f"the faults are over; {open_now.count()} attempts are open, their time runs out")
    patience = time.monotonic() + 240
    while open_now.exists() and time.monotonic() < patience:
        time.sleep(1)


def check(candidates: list[Candidate], sitting: int) -> list[str]:
    """What is not as it must be."""
    from core import clock, reconcile
    from quizzes.models import Answer, Attempt, Marking, Submission

    problems = []
    every = Attempt.objects.filter(sitting=sitting)
    for candidate in candidates:
        stored = {a.token: a for a in Answer.objects.filter(attempt=candidate.attempt)}
        for act in candidate.acknowledged:
            answer = stored.get(act.token)
            if answer is None or (answer.seq, answer.item_id, answer.response) != (act.seq, act.item, act.response):
                problems.append(f"attempt {candidate.attempt}: the acknowledged answer {act.seq} to item {act.item} is lost")
    for attempt in every.prefetch_related("items"):
        submissions = Submission.objects.filter(attempt=attempt)
        markings = Marking.objects.filter(submission__attempt=attempt)
        if (submissions.count(), markings.count()) != (1, 1):
            problems.append(f"attempt {attempt.pk}: {submissions.count()} submissions, {markings.count()} markings")
            continue
        latest = Answer.objects.latest_of(attempt.pk)
        marked = {mark.item_id: mark.answer_id for mark in markings.get().marks.all()}
        if marked != {item.pk: latest[item.pk].pk if item.pk in latest else None for item in attempt.items.all()}:
            problems.append(f"attempt {attempt.pk}: not marked by the latest acknowledged answers")
    doubled = len(candidates) - len({candidate.attempt for candidate in candidates if candidate.attempt})
    missing = sum(not candidate.attempt for candidate in candidates)
    if (
        doubled > missing
        or Attempt.objects.filter(sitting=sitting).values("person").distinct().count() != Attempt.objects.filter(sitting=sitting).count()
    ):
        problems.append("somebody has two attempts")
    reconcile.run(at=clock.now() + timedelta(minutes=10), mend=True)
    for outcome in reconcile.run(at=clock.now() + timedelta(minutes=10), mend=False):
        problems += [f"reconcile {outcome.name}: {what}" for what in outcome.left]
    return problems


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()


if __name__ == "__main__":
    sys.exit(main())
