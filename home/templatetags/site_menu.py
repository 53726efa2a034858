"""The menu of every page: what a person with these roles comes here for."""

from dataclasses import dataclass

from django import template
from django.urls import NoReverseMatch, reverse
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
    Door("person_list", _("Staff"), "people", frozenset({"hr", "administrator"})),
    Door("wagtailadmin_home", _("Teaching"), "pencil-square", frozenset({"trainer", "reviewer"})),
    Door("audit_readings", _("Reading log"), "eye", frozenset({"auditor"})),
)
SEARCH = Door("search", _("Search"), "search")


@dataclass
class Entry:
    label: str
    icon: str
    url: str
    current: str  # value of aria-current: "page", "true" (below it) or ""


def _entry(door: Door, path: str) -> Entry | None:
    try:
        url = reverse(door.name)
    except NoReverseMatch:  # an app that a deployment leaves out
        return None
    current = "page" if path == url else ("true" if path.startswith(url) and url != "/" else "")
    return Entry(door.label, door.icon, url, current)


def _entries(doors, path: str) -> list[Entry]:
    found = [entry for door in doors if (entry := _entry(door, path))]
    # /records/units/ also begins with /records/: the longest match alone is the current one.
    below = sorted((entry for entry in found if entry.current), key=lambda entry: len(entry.url))
    for entry in below[:-1]:
        entry.current = ""
    return found


@register.simple_tag(takes_context=True)
def site_menu(context) -> dict:
    """`all` in order, `managing` (what roles add) and `tabs` (four at most, for a phone's foot)."""
    request = context.get("request")
    if request is not None and hasattr(request, "_site_menu"):  # a page shows it three times
        return request._site_menu
    held = context.get("held")
    roles = held() if callable(held) else set(held or ())
    path = request.path if request is not None else ""
    managing = [door for door in MANAGING if door.roles & roles]
    entries = _entries([*LEARNING, *managing], path)
    count = len(LEARNING) if len(entries) == len(LEARNING) + len(managing) else len(entries) - len(managing)
    fourth = entries[count : count + 1] or _entries([SEARCH], path)
    menu = {"all": entries, "managing": entries[count:], "tabs": entries[:count] + fourth}
    if request is not None:
        request._site_menu = menu
    return menu
