"""What `make run` starts, as a new county would: web, workers and scheduler in processes of their own, on an empty folder."""

import os
import re
import signal
import socket
import subprocess
import time
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import psycopg
import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
SIGN_INS = ["learner", "liaison", "leader", "trainer", "reviewer", "hr", "hr2", "auditor", "admin"]
PATIENCE = 900  # seconds for a first start; a slow machine with other tests beside it takes minutes


class Product:
    """The product as `make run` starts it, its data in `folder`; what it says is kept in `said`."""

    def __init__(self, folder: Path, database: str) -> None:
        self.var = folder / "var"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.said = folder / "said.txt"
        # Nothing of the tests' own settings: what a person who typed `make run` has, with DATABASE_URL where they gave one.
        ours = ("DJANGO_", "DATABASE_", "TEST_", "CELERY_", "REDIS_", "PYTEST_", "SECRET_", "DEMO_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        clean |= {"VAR_DIR": str(self.var), "PORT": str(self.port)} | ({"DATABASE_URL": database} if database else {})
        with self.said.open("w") as said:
            # `make` itself would make the environment anew, which the tests stand in: what follows it is the same command.
            self.process = subprocess.Popen(["deploy/run.sh"], cwd=ROOT, env=clean, stdout=said, stderr=said, start_new_session=True)

    def told(self, pattern: str, seconds: float) -> re.Match:
        """What it says, as soon as it says it."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.said.read_text())):
            assert self.process.poll() is None and time.monotonic() < end, self.said.read_text()[-4000:]
            time.sleep(0.5)
        return found

    def sign_in(self, name: str, password: str) -> requests.Session:
        session = requests.Session()
        session.get(f"{self.url}/accounts/login/").raise_for_status()
        sent = {"login": name, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        answer = session.post(f"{self.url}/accounts/login/", data=sent)
        assert answer.status_code == 200 and "sessionid" in session.cookies, f"{name}: {answer.url} {answer.status_code}"
        return session

    def stop(self) -> None:
        """As Ctrl+C does: to everything that runs in the terminal."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)

    def running(self) -> list[int]:
        """Every process that it started and that is left, in whatever group: each has its folder in its environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if f"VAR_DIR={self.var}".encode() in (place / "environ").read_bytes().split(b"\0"):
                    found.append(int(place.name))
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
        return found

    def kill(self) -> None:
        while left := self.running():
            for process in left:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request):
    """A PostgreSQL database of its own; or none: then it is SQLite, in the folder."""
    if request.param == "sqlite":
        yield ""
        return
    if not (url := os.environ.get("TEST_DATABASE_URL")):
        pytest.skip("needs PostgreSQL")
    name = f"make_run_{os.getpid()}"
    with psycopg.connect(url.rpartition("/")[0] + "/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        yield f"{url.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def start(tmp_path, database):
    started = []

    def begin() -> Product:
        started.append(Product(tmp_path, database))
        return started[-1]

    yield begin
    for product in started:
        product.kill()


def token_in(page: requests.Response) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]


@pytest.mark.slow
def test_a_county_starts_it_signs_in_has_work_done_stops_it_and_finds_everything_again(start):
    product = start()
    password = product.told(r"Password: +(\S+)", PATIENCE)[1]
    names = product.told(r"Demo sign-ins: (.+)", 5)[1].split()
    product.told(rf"Open +http://localhost:{product.port}/", 120)
    assert names == SIGN_INS
    assert requests.get(f"{product.url}/").status_code == 200

    for name in names:
        session = product.sign_in(name, password)
        assert "我的学习" in session.get(f"{product.url}/my/").text, name

    hr = product.sign_in("hr", password)
    address = f"{product.url}/certificates/batches/"
    form = hr.get(address)
    unit = re.search(r'<select name="unit".*?<option value="(\d+)"', form.text, re.DOTALL)[1]  # the county, above all others
    sent = {"kind": "pack", "unit": unit, "year": "0", "purpose": "年度归档", "csrfmiddlewaretoken": token_in(form)}
    ordered = hr.post(address, data=sent)
    assert re.search(r"/batches/\d+/$", ordered.url), ordered.text[:4000]
    end = time.monotonic() + 300
    while not (package := re.search(r'href="(/certificates/batches/\d+/package-1\.zip)"', hr.get(ordered.url).text)):
        assert time.monotonic() < end, product.said.read_text()[-4000:]  # the workers do not work
        time.sleep(1)
    papers = zipfile.ZipFile(BytesIO(hr.get(product.url + package[1]).content))
    assert papers.testzip() is None and sum(name.endswith(".pdf") for name in papers.namelist()) > 10

    assert len(product.running()) > 6  # honcho, web and its workers, two job workers, scheduler
    product.stop()
    assert product.running() == []
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{product.url}/healthz", timeout=5)

    again = start()
    again.told(r"Open +http://localhost", PATIENCE)
    assert f"Password:      {password}" in again.said.read_text() and "[demo] learners" not in again.said.read_text()
    assert hr.get(f"{again.url}{package[1]}").content  # the same session, the same file
    again.stop()
    assert "Traceback" not in again.said.read_text(), again.said.read_text()[-4000:]
