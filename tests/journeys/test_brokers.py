"""Jobs over the brokers of production: a real worker on Redis and on RabbitMQ, where they are on this machine."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds

WEB = """
import sys
import django
django.setup()
from django.core.cache import cache
from django.core.management import call_command
from core.health import BEAT
from core.tasks import heartbeat
call_command("createcachetable")
for line in sys.stdin:
    if line.strip() == "send":
        heartbeat.delay()
        print("sent", flush=True)
    else:
        print(cache.get(BEAT) or "", flush=True)
"""


def free_port() -> int:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_until(holds, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"waited {PATIENCE} s until {what}"
        time.sleep(0.2)


class Redis:
    """A server of our own, which can go away and come back as it was."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--dir", str(self.folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        wait_until(self.answers, "Redis answers")

    def answers(self) -> bool:
        with closing(socket.socket()) as calling:
            return calling.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class Jobs:
    """The product's jobs over one broker, with a database and files of their own."""

    def __init__(self, folder: Path, broker: str, cache: str = "") -> None:
        clean = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TEST_DATABASE_URL")}
        self.environment = clean | {"VAR_DIR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "config.settings.local"}
        self.environment |= {"CELERY_BROKER_URL": broker, "REDIS_URL": cache}
        self.worker: subprocess.Popen | None = None
        told = {"env": self.environment, "cwd": ROOT, "text": True}
        self.web = subprocess.Popen([sys.executable, "-c", WEB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **told)
        assert self.ask("look") == ""  # its table is made

    def ask(self, what: str) -> str:
        self.web.stdin.write(f"{what}\n")
        self.web.stdin.flush()
        return self.web.stdout.readline().strip()

    def start_worker(self) -> None:
        command = [
            "-m",
            "celery",
            "--quiet",
            "-A",
            "config",
            "worker",
            "-Q",
            "celery",
            "--concurrency=1",
            "--without-gossip",
            "--without-mingle",
        ]
        self.worker = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=self.environment, start_new_session=True)

    def kill_worker(self) -> None:
        if self.worker:
            os.killpg(self.worker.pid, 9)
            self.worker.wait()

    def kill(self) -> None:
        self.kill_worker()
        self.web.kill()
        self.web.wait()

    def send_beat(self) -> None:
        assert self.ask("send") == "sent"

    def beaten_at(self) -> str:
        """When the worker beat last; empty before the first time."""
        return self.ask("look")

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """The cache's table cannot be written: a job that has begun waits."""
        with closing(sqlite3.connect(Path(self.environment["VAR_DIR"]) / "db.sqlite3", isolation_level=None)) as blocking:
            blocking.execute("BEGIN IMMEDIATE")
            yield


def unacknowledged(address: str) -> int:
    """How many messages of its virtual host a worker has taken and not yet done."""
    host = address.rpartition("/")[2]
    counts = ["rabbitmqctl", "-q", "list_queues", "-p", host, "--no-table-headers", "name", "messages_unacknowledged"]
    lines = subprocess.run(counts, capture_output=True, text=True, check=True).stdout.splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.split()[0] == "celery")


@pytest.fixture
def jobs(tmp_path) -> Iterator:
    begun: list[Jobs] = []

    def begin(broker: str, cache: str = "") -> Jobs:
        begun.append(Jobs(tmp_path, broker, cache))
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()


@pytest.fixture
def redis(tmp_path) -> Iterator[Redis]:
    if not shutil.which("redis-server"):
        pytest.skip("needs redis-server")
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def rabbitmq() -> Iterator[str]:
    """The address of a virtual host of our own."""
    name = f"county-{uuid4().hex[:12]}"
    made = shutil.which("rabbitmqctl") and subprocess.run(["rabbitmqctl", "-q", "add_vhost", name], capture_output=True, check=False)
    if not made or made.returncode:
        pytest.skip("needs a RabbitMQ that this may add a virtual host to")
    subprocess.run(["rabbitmqctl", "-q", "set_permissions", "-p", name, "guest", ".*", ".*", ".*"], check=True)
    yield f"amqp://guest:guest@127.0.0.1:5672/{name}"
    subprocess.run(["rabbitmqctl", "-q", "delete_vhost", name], check=True)


@pytest.mark.slow
def test_jobs_over_redis_go_on_after_it_was_killed_and_came_back(jobs, redis):
    county = jobs(redis.url, redis.url)
    county.start_worker()
    county.send_beat()
    wait_until(county.beaten_at, "the worker beats")
    first = county.beaten_at()

    redis.stop()
    redis.start()
    county.send_beat()

    wait_until(lambda: county.beaten_at() not in ("", first), "it beats again")


@pytest.mark.slow
def test_what_waits_in_redis_while_no_worker_runs_is_done_by_the_next(jobs, redis):
    county = jobs(redis.url)
    county.send_beat()
    redis.stop()
    redis.start()

    county.start_worker()

    wait_until(county.beaten_at, "the worker beats")


@pytest.mark.slow
def test_a_job_that_a_killed_worker_had_taken_from_rabbitmq_is_done_by_the_next(jobs, rabbitmq):
    county = jobs(rabbitmq)
    with county.held_up():
        county.start_worker()
        county.send_beat()
        wait_until(lambda: unacknowledged(rabbitmq) == 1, "the worker has the job")
        county.kill_worker()
        assert not county.beaten_at()

    county.start_worker()

    wait_until(county.beaten_at, "the next worker beats")
