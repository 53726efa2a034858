"""The menu of every page: what a person with these roles comes here for."""

from dataclasses import dataclass
from functools import lru_cache

from django import template
from django.urls import NoReverseMatch, get_urlconf, reverse
from django.utils.translation import gettext_lazy as _

register = template.Library()

EVERYBODY: frozenset[str] = frozenset()
READERS = frozenset({"liaison", "leader", "hr", "auditor"})


@dataclass(frozen=True)
class Door:
    """One entry: the URL's name, its words, its icon, and the roles it is for (none: everybody signed in)."""

    name: str
    label: str
    icon: str
    roles: frozenset[str] = EVERYBODY


LEARNING = (
    Door("my_learning", _("My learning"), "house"),
    Door("course_list", _("Courses"), "book"),
    Door("my_certificates", _("Certificates"), "award"),
)
MANAGING = (
    Door("dashboard", _("Dashboard"), "speedometer2", READERS),
    Door("records", _("Records"), "table", READERS),
    Door("records_units", _("Units"), "building", READERS),
    Door("periods", _("Evaluation"), "bar-chart-line", READERS),
    Door("person_list", _("Staff"), "people", frozenset({"hr", "administrator"})),
    Door("sittings_manage", _("Exam sittings"), "calendar-event", frozenset({"hr", "administrator"})),
    Door("wagtailadmin_home", _("Teaching"), "pencil-square", frozenset({"trainer", "reviewer", "administrator"})),
    Door("marking", _("Marking"), "journal-check", frozenset({"trainer", "reviewer"})),
    Door("remark_list", _("Re-markings"), "clock-history", frozenset({"auditor"})),
    Door("audit_readings", _("Reading log"), "eye", frozenset({"readings"})),
    Door("audit_accounts", _("Account log"), "key", frozenset({"administrator"})),
    Door("system", _("System"), "shield-check", frozenset({"administrator"})),
)
SEARCH = Door("search", _("Search"), "search")


@dataclass
class Entry:
    label: str
    icon: str
    url: str
    current: str = ""  # value of aria-current: "page", "true" (below it) or ""


@dataclass
class Menu:
    """`all` in order, `managing` (what roles add) and `tabs` (four at most, for a phone's foot).

    `key` says all that the menu depends on beside the language: what is shown, and which is current.
    """

    all: list[Entry]
    managing: list[Entry]
    tabs: list[Entry]
    key: str


@lru_cache(maxsize=64)
def _address(name: str, urlconf: str | None) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:  # an app that a deployment leaves out
        return None


def _entries(doors) -> list[Entry]:
    urlconf = get_urlconf()
    return [Entry(door.label, door.icon, url) for door in doors if (url := _address(door.name, urlconf))]


def _mark_current(entries: list[Entry], path: str) -> str:
    # /records/units/ also begins with /records/: the longest match alone is the current one.
    here = max((entry for entry in entries if path.startswith(entry.url)), key=lambda entry: len(entry.url), default=None)
    if here is None:
        return ""
    here.current = "page" if path == here.url else "true"
    return f"{here.url}:{here.current}"


@register.simple_tag(takes_context=True)
def site_menu(context) -> Menu:
    """The menu of the signed-in person on this page. One query (the role grants) the first time on a page."""
    request = context.get("request")
    if request is not None and hasattr(request, "_site_menu"):  # a page shows it three times
        return request._site_menu
    held = context.get("held")
    roles = held() if callable(held) else set(held or ())
    learning, managing = _entries(LEARNING), _entries(door for door in MANAGING if door.roles & roles)
    tabs = [*learning, *(managing[:1] or _entries([SEARCH]))]
    entries = [*learning, *managing]
    current = _mark_current([*learning, *managing, *([] if managing else tabs[-1:])], request.path if request is not None else "")
    menu = Menu(entries, managing, tabs, key=f"{'|'.join(entry.url for entry in entries)}@{current}")
    if request is not None:
        request._site_menu = menu
    return menu
