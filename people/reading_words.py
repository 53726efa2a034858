"""What a trace of reading says, in words: what was read of whom, narrowed by what, how many rows."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.models import Duty, Person, ReadingOfOthers

# The narrowing parameters of the doors that write readings; apps above name theirs with the same English keys.
LABELS = {
    "q": gettext_lazy("searched for"),
    "unit": gettext_lazy("unit"),
    "course": gettext_lazy("course"),
    "duty": gettext_lazy("duty"),
    "status": gettext_lazy("status"),
    "since": gettext_lazy("from"),
    "until": gettext_lazy("to"),
    "year": gettext_lazy("year"),
    "only": gettext_lazy("only"),
    "person": gettext_lazy("employee number"),
    "number": gettext_lazy("certificate number"),
    "kind": gettext_lazy("kind of certificate"),
    "on": gettext_lazy("day"),
    "attempt": gettext_lazy("test attempt"),
    "sitting": gettext_lazy("sitting"),
    "room": gettext_lazy("room"),
    "question": gettext_lazy("question of the bank"),
    "token": gettext_lazy("API key"),
    "after": gettext_lazy("after change"),
    "show": gettext_lazy("shown"),
    "purpose": gettext_lazy("purpose"),
    "format": gettext_lazy("format"),
    "columns": gettext_lazy("columns"),
    "download": gettext_lazy("ordered file"),
    "completion": gettext_lazy("number of the completion"),
    "entry": gettext_lazy("number of the entry"),
    "which": gettext_lazy("range"),
    "days": gettext_lazy("within days"),
    "decided": gettext_lazy("decided"),
    "state": gettext_lazy("state of the certificate"),
    "figure": gettext_lazy("figure"),
    "line": gettext_lazy("line of the evaluation"),
    "picture": gettext_lazy("picture"),
    "part": gettext_lazy("part"),
    "sha256": gettext_lazy("checksum of the file (SHA-256)"),
    "hand_over": gettext_lazy("hand-over"),
    "period": gettext_lazy("number of the period"),
    "calculation": gettext_lazy("number of the calculation"),
}
VALUES = {
    "status": {
        "completed": gettext_lazy("Completed"),
        "in_progress": gettext_lazy("In progress"),
        "not_started": gettext_lazy("Required, not started"),
        "reversed": gettext_lazy("Reversed"),
        **dict(Person.Status.choices),
    },
    "duty": dict(Duty.choices),
    "format": {
        "xlsx": gettext_lazy("Excel workbook (.xlsx)"),
        "csv": gettext_lazy("CSV text (.csv)"),
        "jsonl": gettext_lazy("JSON lines, for programs (.jsonl)"),
    },
    "show": {
        "waiting": gettext_lazy("Waiting for me"),
        "open": gettext_lazy("All open"),
        "all": gettext_lazy("All"),
        "answered": gettext_lazy("With an answer"),
        "over": gettext_lazy("No longer below the mark"),
    },
    "only": {"behind": gettext_lazy("Lacking a required course"), "hours": gettext_lazy("Below the hours target")},
    "which": {"soon": gettext_lazy("end soon"), "past": gettext_lazy("have ended")},
    "state": {
        "valid": gettext_lazy("Valid"),
        "expiring": gettext_lazy("Expiring soon"),
        "expired": gettext_lazy("Expired"),
        "suspended": gettext_lazy("Suspended"),
        "replaced": gettext_lazy("Replaced"),
        "revoked": gettext_lazy("Revoked"),
        "not_issued": gettext_lazy("Not yet issued"),
    },
    "picture": {
        "units": gettext_lazy("units"),
        "months": gettext_lazy("months"),
        "items": gettext_lazy("units and items"),
        "years": gettext_lazy("years"),
    },
}
# What an app above calls the codes that it writes under a key: `titles(codes, counties)`, by code; `counties` are the paths of
# the reader's counties, None for all. One query each.
TITLES: dict[str, Callable[[set[str], set[str] | None], dict[str, str]]] = {}
OF_THE_EXTENT = {"found", "page"}


def titles(several: Iterable[dict], counties: set[str] | None) -> dict[str, dict[str, str]]:
    """What apps above call the codes in these filters, by key and code. One query for each key that occurs and has titles."""
    found = {key: {str(filters[key]) for filters in several if key in filters} for key in TITLES}
    return {key: TITLES[key](codes, counties) for key, codes in found.items() if codes}


def conditions(filters: dict, units: dict[str, str], titled: Mapping[str, Mapping[str, str]] = MappingProxyType({})) -> list[str]:
    """Each narrowing parameter as a phrase; `units` gives the names of unit codes, `titled` what `titles` found.

    What nobody has named is shown as it was written.
    """
    phrases = []
    for key, value in filters.items():
        if key in OF_THE_EXTENT:
            continue
        phrases.append(_("%(label)s: %(value)s") % {"label": LABELS.get(key, key), "value": _in_words(key, value, units, titled)})
    return phrases


def _in_words(key: str, value: object, units: dict[str, str], titled: Mapping[str, Mapping[str, str]]) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = str(value)
    if key in titled:
        return titled[key].get(text, text)
    if key == "unit":
        return units.get(text, text)
    if key == "token":
        return f"{text}…"
    return str(VALUES.get(key, {}).get(text, text))


def extent(reading: ReadingOfOthers) -> str:
    """How many rows were shown, of how many that the filter found."""
    rows = 1 if reading.rows is None else reading.rows
    found = reading.filters.get("found")
    if found is None or found == rows:
        return _("%(rows)s rows") % {"rows": rows}
    return _("%(rows)s of %(found)s rows, page %(page)s") % {"rows": rows, "found": found, "page": reading.filters.get("page", 1)}
