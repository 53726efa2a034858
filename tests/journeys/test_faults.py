"""Everything is killed while people sit an exam, and nothing that was acknowledged is lost (bench/faults.py, with smaller numbers)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.postgres
def test_what_was_acknowledged_survives_killed_web_workers_job_workers_and_databases():
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) and not os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("needs PostgreSQL")
    environment = os.environ | {"BENCH_DATABASE_URL": os.environ.get("TEST_DATABASE_URL", "")}

    told = subprocess.run(
        [sys.executable, "-m", "bench.faults", "--people", "20", "--seconds", "15"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )

    assert told.returncode == 0, f"{told.stdout[-4000:]}\n{told.stderr[-4000:]}"
    assert "reconcile reads zero" in told.stdout and "kill -9" in told.stdout
