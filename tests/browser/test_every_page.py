"""Every page, as each role, at both widths: axe finds nothing, nothing is wider than the screen, few queries."""

import pytest
from django.urls import reverse

from tests.chromium import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SIGNED_OUT = ["home", "account_login", "verify"]
EVERYBODY = [
    "my_learning",
    "course_list",
    "my_certificates",
    "my_account",
    "my_file",
    "search",
    "usersessions_list",
    "account_change_password",
    "mfa_index",
]
BY_ROLE = {
    "learner": [],
    "liaison": ["records", "records_units", "dashboard"],
    "own_leader": ["records", "records_units", "dashboard", "person_list"],
    "hr": ["certificates_issued", "activation_codes", "records", "records_units", "dashboard", "person_list", "roster_import"],
    "auditor": ["audit_readings", "audit_roles", "records"],
    "admin": ["person_list", "unit_list", "roster_import", "system"],
}

# Pages that say no: an unknown number, a mistyped number, nothing at all.
REFUSING = ["/verify/YAZWGK-01-2026-532325-09999-8/", "/verify/YAZWGK-01-2026-532325-99999-0/", "/nothing-here/"]


def faults(page, url: str) -> list[str]:
    """What axe finds on the page, and whether it is wider than the screen."""
    from axe_playwright_python.sync_playwright import Axe

    found = (
        Axe()
        .run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
        .response["violations"]
    )
    lines = [f"{url} @{page.viewport_size['width']}: {v['id']} {v['nodes'][0]['html'][:160]}" for v in found]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if wide > 1:
        lines.append(f"{url} @{page.viewport_size['width']}: {wide}px wider than the screen")
    return lines


def walk(page, base: str, paths: list[str]) -> list[str]:
    lines = []
    for path in paths:
        response = page.goto(base + path)
        if response.status >= 400 and path not in REFUSING:
            lines.append(f"{path}: {response.status}")
            continue
        lines += faults(page, path)
    return lines


@pytest.fixture
def small_county(cast):
    """A course in progress, a completion with its certificate, an attempt under way and one that is over."""
    from tests.counties import in_full_swing

    return in_full_swing(cast)


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1280"])
def test_axe_finds_nothing_on_any_page(viewport, small_county, cast, open_page, enter, live_server, settings):
    paths = [reverse(name) for name in SIGNED_OUT] + [small_county.verify_path, *REFUSING]
    found = walk(open_page(viewport), live_server.url, paths)
    for role, names in BY_ROLE.items():
        person = getattr(cast, role)
        page = enter(open_page(viewport), person)
        wanted = [reverse(name) for name in [*EVERYBODY, *names]]
        if role == "learner":
            wanted += small_county.learner_paths
        if role in {"hr", "own_leader"}:
            wanted += [reverse("person", args=[cast.learner.pk]), reverse("learning_file", args=[cast.learner.pk])]
        found += [f"{role}: {line}" for line in walk(page, live_server.url, wanted)]

    assert found == []
