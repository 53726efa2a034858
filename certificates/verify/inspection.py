"""Has a PDF looked into by `inspector`, in a process that may do nothing but answer."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.utils.translation import gettext as _

from core import turns
from core.errors import Refused

log = structlog.get_logger(__name__)
INSPECTOR = Path(__file__).with_name("inspector.py")
MEMORY = 640 * 1024 * 1024  # bytes of addresses; an ordinary paper needs a third of it
SECONDS = 5  # of processor time; an ordinary paper needs one
PATIENCE = 10  # seconds by the clock
LONGEST_REPORT = 2 * 1024 * 1024


def inspect(
    data: bytes, *, certificates: list[x509.Certificate], authorities: list[x509.Certificate], withdrawn: Sequence[x509.Certificate] = ()
) -> dict[str, Any]:
    """What `inspector` reports of the file; its `fault` is "too_much" where it hit a limit or the process died.

    Takes about a second, most of it the start of the process. Nothing of the file is kept or logged.

    Raises:
        Refused: as many files as this machine may look into are being looked into ("busy"). It does not wait: a web process would.
    """
    with turns.one_of("certificates.file", settings.VERIFY_FILES_AT_ONCE) as is_ours:
        if not is_ours:
            raise Refused(_("Many files are being checked just now. Please try again in a minute."), code="busy")
        known = {"certificates": certificates, "authorities": authorities, "withdrawn": withdrawn}
        return _asked(data, {name: [_pem(one) for one in those] for name, those in known.items()})


def _asked(data: bytes, known: dict[str, list[str]]) -> dict[str, Any]:
    head = {"limits": {"memory": MEMORY, "seconds": SECONDS}, **known}
    try:
        done = subprocess.run(  # noqa: S603 - our own program; the file comes as its input
            [sys.executable, "-I", INSPECTOR],
            input=json.dumps(head).encode() + b"\n" + data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode == 0 and len(done.stdout) <= LONGEST_REPORT:
            return json.loads(done.stdout)
        log.warning("file_not_inspected", status=done.returncode, size=len(data))
    except (subprocess.TimeoutExpired, ValueError):
        log.warning("file_not_inspected", status="timeout", size=len(data))
    return {"what": "pdf", "fault": "too_much"}


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
