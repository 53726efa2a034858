"""A receiver of webhooks on this machine, and an endpoint of the county that leads there."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evaluation.models import WebhookEndpoint
from evaluation.webhooks import endpoints
from tests.cast import NOON

ALL = WebhookEndpoint.Event.values


@pytest.fixture
def receiver():
    """A local receiver: `got` holds what came, `answers` the statuses of the next calls (200 when it is empty)."""
    got, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, dict(self.headers.items()), body))
            status = answers.pop(0) if answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.got, server.answers = got, answers
    server.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def inside(settings):
    """A site in development that may call this machine."""
    settings.DEBUG = True
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def hook(cast, receiver, inside):
    made, secret = endpoints.register(owner=cast.hr, unit=cast.county, url=receiver.url, events=ALL, at=NOON)
    made.secret = secret
    return made
