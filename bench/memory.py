"""How much memory this process holds, from /proc, in megabytes.

Not `getrusage`: its peak begins at what the process held that started this one, and at everything that this one ever held,
so that a difference of two reads 0 where memory grew.
"""

import re
from pathlib import Path

PROCESS = Path("/proc/self")


def held() -> float:
    """Resident now."""
    return _said("VmRSS")


def peak() -> float:
    """The most that was resident since the process began or `forget_peak`."""
    return _said("VmHWM")


def forget_peak() -> float:
    """Let the next `peak` begin here; what is held now."""
    (PROCESS / "clear_refs").write_text("5")
    return held()


def _said(name: str) -> float:
    return int(re.search(rf"{name}:\s+(\d+)", (PROCESS / "status").read_text())[1]) / 1024  # type: ignore[index]
