"""The product under load: gunicorn with the workers of deploy/gunicorn.conf.py, on the database that the settings name."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Server:
    """Answers on its port of this machine as long as the block lasts."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __enter__(self):
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("gunicorn")), "config.wsgi", "--config", "deploy/gunicorn.conf.py"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(self.port), "LOG_LEVEL": "INFO"},  # a line for each request, as in production
            stderr=subprocess.DEVNULL,
        )
        for _ in range(60):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2).read()
                return self
            except OSError:
                time.sleep(0.5)
        raise SystemExit("the server does not become ready")

    def __exit__(self, *_raised):
        self.process.terminate()
        self.process.wait(20)
