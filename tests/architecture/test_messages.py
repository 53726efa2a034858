"""The Chinese catalogue is complete, and what is compiled is what is written."""

import gettext
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"


def test_every_message_has_its_chinese():
    catalogue = polib.pofile(str(CATALOGUE))

    assert [entry.msgid for entry in catalogue if not entry.obsolete and not entry.translated()] == []
    assert [entry.msgid for entry in catalogue if entry.fuzzy] == []


def test_every_placeholder_survives_translation():
    import re

    names = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
    broken = []
    for entry in polib.pofile(str(CATALOGUE)):
        texts = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
        wanted = set(names.findall(entry.msgid_plural or entry.msgid))
        broken += [entry.msgid for text in texts if not set(names.findall(text)) <= wanted | set(names.findall(entry.msgid))]

    assert broken == []


def test_the_compiled_catalogue_is_current():
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    stale = [
        e.msgid for e in polib.pofile(str(CATALOGUE)) if not e.msgid_plural and not e.msgctxt and compiled.gettext(e.msgid) != e.msgstr
    ]
    assert stale == []


def test_no_message_in_the_code_is_missing_from_the_catalogue(tmp_path):
    """Runs makemessages into a copy and looks for new entries."""
    import shutil
    import subprocess
    import sys

    copy = tmp_path / "project"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "var", "static", "tests", "__pycache__", ".mypy_cache", "bench")
    )
    (copy / "static").mkdir()
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "zh_Hans", "--no-location", "-v0"],
        cwd=copy,
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "config.settings.test"},
    )
    fresh = polib.pofile(str(copy / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"))

    assert [entry.msgid for entry in fresh if not entry.obsolete and (not entry.translated() or entry.fuzzy)] == []
