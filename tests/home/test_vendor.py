"""What comes from elsewhere is what was pinned, and nothing comes from another server."""

import importlib.util
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("vendor", ROOT / "deploy" / "vendor.py")
vendor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vendor)


def test_every_vendored_file_has_the_pinned_digest():
    assert vendor.differing(json.loads(vendor.LOCK.read_text())) == []


def test_a_changed_a_missing_and_a_foreign_file_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor, "VENDOR", tmp_path)
    (tmp_path / "a.css").write_text("changed")
    (tmp_path / "c.js").write_text("foreign")
    lock = {"packages": [{"files": [{"path": "a.css", "sha256": vendor.digest(b"pinned")}, {"path": "b.css", "sha256": "x"}]}]}

    assert vendor.differing(lock) == ["a.css: differs from LOCK.json", "b.css: missing", "c.js: not named in LOCK.json"]


def test_every_package_says_its_version_and_licence():
    for package in json.loads(vendor.LOCK.read_text())["packages"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]) and package["licence"]


def templates() -> list[Path]:
    return [
        path for path in ROOT.glob("**/templates/**/*.html") if not {".venv", "node_modules", "var"} & set(path.relative_to(ROOT).parts)
    ]


def test_every_icon_that_a_template_names_is_in_the_sprite():
    known = set(re.findall(r'<symbol id="([\w-]+)"', (vendor.VENDOR / "icons" / "icons.svg").read_text()))
    asked = {(path.name, name) for path in templates() for name in re.findall(r'{% icon "([\w-]+)"', path.read_text())}
    ours = [path for path in templates() if "wagtailadmin" not in path.read_text()]  # its own icons stand there
    asked |= {(path.name, name) for path in ours for name in re.findall(r'icon="([\w-]+)"', path.read_text())}
    from home.templatetags import site_menu

    asked |= {("site_menu", door.icon) for door in (*site_menu.LEARNING, *site_menu.MANAGING, site_menu.SEARCH)}

    assert {pair for pair in asked if pair[1] not in known} == set()


def test_no_template_carries_inline_style_script_or_foreign_addresses():
    """The policy would block them; axe and eyes would not always notice."""
    found = []
    for path in templates():
        text = path.read_text()
        if "wagtailadmin" in text:
            continue
        if re.search(r"\sstyle=|<style|\son[a-z]+=\"|javascript:", text):
            found.append(f"{path.relative_to(ROOT)}: inline style or handler")
        if re.search(r"<script(?![^>]*(src=|type=\"application/))", text):
            found.append(f"{path.relative_to(ROOT)}: inline script")
        if re.search(r"(src|href)=\"(https?:)?//", text):
            found.append(f"{path.relative_to(ROOT)}: another server")
    assert found == []
