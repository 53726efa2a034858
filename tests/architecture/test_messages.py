"""The Chinese catalogue is complete, and what is compiled is what is written."""

import gettext
import re
from pathlib import Path

import polib
import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
FOR_WAGTAIL = ROOT / "locale" / "wagtail" / "zh_Hans" / "LC_MESSAGES"
CATALOGUES = {"ours": CATALOGUE, "wagtail": FOR_WAGTAIL / "django.po", "wagtail's scripts": FOR_WAGTAIL / "djangojs.po"}
each_catalogue = pytest.mark.parametrize("path", CATALOGUES.values(), ids=CATALOGUES.keys())
PLACEHOLDERS = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


@each_catalogue
def test_every_message_has_its_chinese(path):
    catalogue = polib.pofile(str(path))

    assert [entry.msgid for entry in catalogue if not entry.obsolete and not entry.translated()] == []
    assert [entry.msgid for entry in catalogue if entry.fuzzy] == []


@each_catalogue
def test_every_placeholder_survives_translation(path):
    broken = []
    for entry in polib.pofile(str(path)):
        texts = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
        wanted = set(PLACEHOLDERS.findall(entry.msgid_plural or entry.msgid))
        broken += [entry.msgid for text in texts if not set(PLACEHOLDERS.findall(text)) <= wanted | set(PLACEHOLDERS.findall(entry.msgid))]

    assert broken == []


@each_catalogue
def test_the_compiled_catalogue_is_current(path):
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    stale = [e.msgid for e in polib.pofile(str(path)) if not e.msgid_plural and not e.msgctxt and compiled.gettext(e.msgid) != e.msgstr]
    assert stale == []


def wagtails(language: str, domain: str) -> dict[tuple, polib.POEntry]:
    """The messages of the parts of Wagtail that we install, in one of its languages."""
    parts = [Path(config.path) for config in apps.get_app_configs() if config.name.startswith("wagtail")]
    found: dict[tuple, polib.POEntry] = {}
    for path in (part / "locale" / language / "LC_MESSAGES" / f"{domain}.po" for part in parts):
        if path.exists():
            found |= {(e.msgctxt, e.msgid): e for e in polib.pofile(str(path)) if not e.obsolete and (language == "en" or e.translated())}
    return found


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_what_wagtail_leaves_in_english_stands_in_a_catalogue_of_ours(domain):
    """After an upgrade: what is new and untranslated, and what Wagtail no longer says."""
    messages = wagtails("en", domain)
    mended = {(e.msgctxt, e.msgid) for e in polib.pofile(str(FOR_WAGTAIL / f"{domain}.po"))}

    assert sorted(msgid for _context, msgid in messages.keys() - wagtails("zh_Hans", domain).keys() - mended) == []
    assert sorted(msgid for _context, msgid in mended - messages.keys()) == []


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
