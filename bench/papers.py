"""Signed papers a second on one core, and whether memory stays flat: typst, badge and signature, in a process of its own.

`python -m bench.papers` for these figures alone, on the database that DATABASE_URL names, with its certificates and keys.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench import memory

ROOT = Path(__file__).resolve().parents[1]
PAPERS = int(os.environ.get("BENCH_PAPERS", "2000"))
WARM = 500  # papers until caches have their size


def measure() -> list[tuple[str, str, str, bool]]:
    """Rows for `make bench`."""
    done = subprocess.run([sys.executable, "-m", "bench.papers"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    rate, growth = found["rate"], found["growth"]
    return [
        ("signed PDFs with badge, one core", f"{rate:.0f}/s", ">= 35/s", rate >= 35),
        (f"memory over {found['papers']} signed PDFs", f"{growth:+.1f} MB", "flat", growth < 10),
    ]


def make_papers() -> dict:
    """Processor time, of all threads, and resident memory while papers are made and signed; none is stored."""
    import django

    django.setup()
    from certificates import files
    from certificates.models import Certificate

    found = list(Certificate.objects.select_related("version", "kind")[:WARM])
    assert found, "no certificate to print: load the demo first"
    for n in range(WARM):
        files._signed_paper(found[n % len(found)])
    before, started, seen = memory.held(), time.process_time(), []
    for n in range(PAPERS):
        size = len(files._signed_paper(found[n % len(found)]))
        if n % 250 == 249:
            seen.append(memory.held())
    seconds = time.process_time() - started
    return {
        "papers": PAPERS,
        "rate": PAPERS / seconds,
        "milliseconds": 1000 * seconds / PAPERS,
        "growth": seen[-1] - before,
        "memory": [before, *seen],
        "bytes": size,
    }


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    print(json.dumps(make_papers()))
