#!/usr/bin/env python3
"""Copy the pinned front-end files from their npm packages into static/vendor, or check that they still are what was pinned.

    python deploy/vendor.py            fetch the pinned versions and check every file against LOCK.json
    python deploy/vendor.py --update   the same, and write the new digests into LOCK.json (after a version was changed there)
    python deploy/vendor.py --check    no network: do the files on disk match LOCK.json?

Needs npm, except for --check. Exit status 0 or 1; one line per file that differs, on stderr.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
LOCK = VENDOR / "LOCK.json"
# A map that is not shipped would make the manifest storage fail, and browsers ask for it in vain.
SOURCE_MAP = re.compile(rb"\s*/[*/]# sourceMappingURL=[^\n]*\n?")
SYMBOL = re.compile(r"<svg[^>]*viewBox=\"([^\"]+)\"[^>]*>(.*)</svg>", re.S)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def differing(lock: dict) -> list[str]:
    """What on disk is not what the lock says: missing, changed, or not named there."""
    found = []
    named = {"LOCK.json"}
    for package in lock["packages"]:
        for file in package["files"]:
            named.add(file["path"])
            path = VENDOR / file["path"]
            if not path.exists():
                found.append(f"{file['path']}: missing")
            elif digest(path.read_bytes()) != file["sha256"]:
                found.append(f"{file['path']}: differs from LOCK.json")
    found += [
        f"{path.relative_to(VENDOR)}: not named in LOCK.json"
        for path in sorted(VENDOR.rglob("*"))
        if path.is_file() and str(path.relative_to(VENDOR)) not in named
    ]
    return found


def unpacked(name: str, version: str, folder: Path) -> Path:
    """The package's own folder, fetched by npm, which checks its integrity."""
    subprocess.run(["npm", "pack", f"{name}@{version}", "--silent", "--pack-destination", str(folder)], check=True, capture_output=True)
    archive = next(folder.glob("*.tgz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package"


def sprite(package: Path, names: list[str]) -> bytes:
    """One SVG file with a symbol for each icon that the product uses."""
    symbols = []
    for name in sorted(names):
        match = SYMBOL.search((package / "icons" / f"{name}.svg").read_text())
        if match is None:
            raise SystemExit(f"{name}: not an icon that can be read")
        symbols.append(f'<symbol id="{name}" viewBox="{match[1]}">{re.sub(chr(10) + r" *", "", match[2])}</symbol>')
    return ('<svg xmlns="http://www.w3.org/2000/svg" fill="currentColor">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def fetch(lock: dict) -> None:
    for package in lock["packages"]:
        with tempfile.TemporaryDirectory() as folder:
            source = unpacked(package["name"], package["version"], Path(folder))
            for file in package["files"]:
                if "icons" in package and file["from"] == "icons/":
                    data = sprite(source, package["icons"])
                else:
                    data = SOURCE_MAP.sub(b"\n", (source / file["from"]).read_bytes())
                target = VENDOR / file["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    lock = json.loads(LOCK.read_text())
    if not options.check:
        fetch(lock)
    if options.update:
        for package in lock["packages"]:
            for file in package["files"]:
                file["sha256"] = digest((VENDOR / file["path"]).read_bytes())
        LOCK.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")
    found = differing(lock)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
