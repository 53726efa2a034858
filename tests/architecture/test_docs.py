"""What the documents name exists."""

import re
from gettext import GNUTranslations
from pathlib import Path

import pytest
import wagtail

ROOT = Path(__file__).resolve().parents[2]
ARROW = re.compile(r"([\u4e00-\u9fff]*)\** → \**([\u4e00-\u9fff]*)")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_and_picture_leads_somewhere(document):
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    dead = [target for target in targets if not target.startswith("http") and not (document.parent / target).exists()]

    assert dead == []


def test_every_command_that_the_readme_names_exists():
    from django.core.management import get_commands

    named = set(re.findall(r"manage\.py (\w+)", "".join(path.read_text() for path in DOCUMENTS)))

    assert named - set(get_commands()) == set()


def test_every_button_and_page_that_an_arrow_leads_to_is_called_so():
    """题库 → 测试: the words are those of our catalogue or of Wagtail's, with or without the dots of a page that asks once more."""
    catalogues = [*ROOT.glob("locale/zh_Hans/*/*.mo"), *Path(wagtail.__file__).parent.glob("**/zh_Hans/*/*.mo")]
    known = {said.split(" ")[0].rstrip("…") for path in catalogues for said in GNUTranslations(path.open("rb"))._catalog.values()}
    named = {word for path in DOCUMENTS for pair in ARROW.findall(path.read_text()) for word in pair if word}

    assert len(named) > 20 and named - known == set()


def test_every_make_target_that_the_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`make (\w+)`|^make (\w+)", (ROOT / "README.md").read_text(), re.M))

    assert [target for pair in named for target in pair if target and f"\n{target}:" not in makefile] == []


def test_every_process_of_make_run_is_a_service_of_systemd_that_the_readme_counts():
    procfile = dict(re.findall(r"^(\w+): exec (\w+)", (ROOT / "deploy/Procfile").read_text(), re.M))
    services = {path.stem.removeprefix("learning-"): path.read_text() for path in (ROOT / "deploy/systemd").glob("*.service")}

    assert {name for name, program in procfile.items() if f"/bin/{program} " in services.get(name, "")} == set(procfile) == set(services)
    assert f"five processes under systemd ({', '.join(procfile)})" in (ROOT / "README.md").read_text()
