"""gunicorn as it is deployed."""

import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path):
    """One worker of the product; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("gunicorn")), "config.wsgi", "--config", "deploy/gunicorn.conf.py"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
            "BIND_ADDRESS": "127.0.0.1",
        },
        stderr=subprocess.DEVNULL,
    )
    address = ("127.0.0.1", port)
    try:
        for _try in range(240):
            try:
                socket.create_connection(address).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "it did not start"
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def ask(*connections: HTTPConnection) -> list[bool]:
    """One request on each, all at once; which of them stay open for a next one."""
    for one in connections:
        one.request("GET", "/healthz")
    answers = [one.getresponse() for one in connections]
    assert [answer.read() for answer in answers] == [b"ok"] * len(answers)
    return [not answer.will_close for answer in answers]


def test_a_worker_gives_back_the_connections_above_its_share(server):
    assert sum(ask(*[HTTPConnection(*server, timeout=30) for _number in range(8)])) <= 3


def test_an_address_that_is_long_is_answered_by_the_product(server):
    connection = HTTPConnection(*server, timeout=30)
    connection.request("GET", f"/api/v1/nothing?cursor={'a' * 8000}")
    answer = connection.getresponse()

    assert answer.status == 404 and answer.getheader("Content-Type").startswith("application/problem+json")


def test_it_listens_on_the_address_that_it_was_told_alone(server):
    _host, port = server

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port))


def test_a_lone_connection_is_kept(server):
    alone = HTTPConnection(*server, timeout=30)

    assert [ask(alone) for _time in range(4)] == [[True]] * 4


@pytest.mark.parametrize(("announced", "keeps"), [(2 * 2**30, False), (64 * 1024, False), (3, True)])
def test_an_answer_says_whether_the_connection_stays_when_nobody_reads_the_body(server, announced, keeps):
    alone = HTTPConnection(*server, timeout=30)
    alone.putrequest("POST", "/healthz")
    alone.putheader("Content-Length", str(announced))
    alone.endheaders(b"abc")
    answer = alone.getresponse()
    answer.read()

    assert answer.getheader("Connection") == ("keep-alive" if keeps else "close")
    if keeps:
        assert ask(alone) == [True]
