"""What a plan says: the units and the people that would change, and in which words."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from people.models import Duty, Person, Role, Unit
from people.services.roster.file import Parsed, RosterError

OPENS = frozenset({"open", "move", "renew"})  # a posting begins
PLACES = OPENS | {"correct", "reopen"}  # the person's unit and post follow
# What of the file is not read at all, and what becomes of records and power that stand: read before the rest.
NOTED_FIRST = (
    "sheet_left",
    "not_read",
    "role_left",
    "duty_carried",
    "duty_left",
    "role_kept",
    "moves_before",
    "renewed",
    "name_changed_gone",
    "name_changed",
)


@dataclass
class UnitChange:
    """A unit to make, or to change: {field: (old, new)}."""

    code: str
    name: str
    kind: str
    parent_code: str
    is_new: bool
    short_name: str = ""
    is_vertical: bool = False
    fields: dict[str, tuple] = field(default_factory=dict)
    former_code: str = ""

    @property
    def lines(self) -> list[str]:
        return [_old_new(_UNIT_LABELS[name], old, new) for name, (old, new) in self.fields.items()]

    @property
    def kind_label(self) -> str:
        return str(Unit.Kind(self.kind).label)


@dataclass
class PersonChange:
    """A person to make, or to change. `posting` is "", open, move, renew, correct, redate, reopen or close.

    `renew` begins a stretch in the same post: a later first day takes nothing from the years before it. `redate` corrects the
    first day, see `_continued` in `postings.py`. `roles_gained` and `roles_lost` are (role, code and name of the unit that it reaches).
    `roles_left` are the keys of those lost that were granted by hand in a county which the person leaves. `stays_stopped`: somebody who comes back without
    sign-in, because an administrator stopped it.
    """

    row: int
    number: str
    name: str
    is_new: bool
    fields: dict[str, tuple] = field(default_factory=dict)
    posting: str = ""
    unit_code: str = ""
    unit_label: str = ""
    title: str = ""
    since: date | None = None
    before: str = ""
    place_before: str = ""  # another posting whose last day moves with the first day of this one, and that day as it stands
    until_before: date | None = None
    duties_added: list[str] = field(default_factory=list)
    duties_ended: list[str] = field(default_factory=list)
    roles_gained: list[tuple[str, str, str]] = field(default_factory=list)
    roles_lost: list[tuple[str, str, str]] = field(default_factory=list)
    roles_left: list[int] = field(default_factory=list)
    ends: bool = False
    stays_stopped: bool = False

    @property
    def ends_password(self) -> bool:
        """Whether somebody who is gone gets another name: who knew the old one's password does not come back by it."""
        return self.ends and not self.is_new and "name" in self.fields

    @property
    def is_change(self) -> bool:
        """Whether anything becomes of the person; roles alone where a unit above them moves or changes its kind."""
        facts = self.is_new or self.fields or self.posting or self.duties_added or self.duties_ended
        return bool(facts or self.roles_gained or self.roles_lost)

    @property
    def lines(self) -> list[str]:
        """What would change, one line each, in the reader's language."""
        found = (
            []
            if self.is_new
            else [
                _old_new(_PERSON_LABELS[name], _shown(name, old), _shown(name, new))
                for name, (old, new) in self.fields.items()
                if name in _PERSON_LABELS
            ]
        )
        if self.stays_stopped:
            found.append(_("sign-in stays stopped: an administrator stopped it, and an administrator allows it again"))
        place = f"{self.unit_label} {self.title}".strip()
        since = self.since.isoformat() if self.since else ""
        if self.posting == "open":
            found.append(_("posting opens: %(place)s, from %(since)s") % {"place": place, "since": since})
        elif self.posting == "move":
            found.append(_("transfer: %(before)s → %(place)s, from %(since)s") % {"before": self.before, "place": place, "since": since})
        elif self.posting == "renew":
            found.append(
                _("a new stretch in the same post: %(place)s, from %(since)s; the one from %(before)s ends the day before")
                % {"before": self.before, "place": place, "since": since}
            )
        elif self.posting == "correct":
            found.append(
                _("posting corrected (same day %(since)s): %(before)s → %(place)s")
                % {"before": self.before, "place": place, "since": since}
            )
        elif self.posting == "redate":
            found.append(_("start of the posting corrected: %(before)s → %(since)s") % {"before": self.before, "since": since})
        elif self.posting == "reopen":
            found.append(_("posting goes on: %(place)s, from %(since)s") % {"place": place, "since": since})
        elif self.posting == "close":
            found.append(_("posting ends: %(before)s") % {"before": self.before})
        if self.duties_added:
            found.append(_("duties added: %(duties)s") % {"duties": "、".join(str(Duty(duty).label) for duty in self.duties_added)})
        if self.duties_ended:
            found.append(_("duties ended: %(duties)s") % {"duties": "、".join(str(Duty(duty).label) for duty in self.duties_ended)})
        if self.roles_gained:
            found.append(_("roles gained: %(roles)s") % {"roles": _roles_in_words(self.roles_gained)})
        if self.roles_lost:
            found.append(_("roles lost: %(roles)s") % {"roles": _roles_in_words(self.roles_lost)})
        return found


def _roles_in_words(roles: list[tuple[str, str, str]]) -> str:
    return "、".join(f"{Role(role).label}（{unit}）" for role, _code, unit in roles)


_PERSON_LABELS = {
    "name": pgettext_lazy("of a person", "name"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
    "staff_type": gettext_lazy("staff type"),
    "status": gettext_lazy("status"),
    "is_active": gettext_lazy("may sign in"),
}
_UNIT_LABELS = {
    "name": gettext_lazy("name"),
    "short_name": gettext_lazy("short name"),
    "kind": gettext_lazy("kind"),
    "is_vertical": gettext_lazy("vertical"),
    "parent": gettext_lazy("unit above"),
    "code": gettext_lazy("code"),
}


def _old_new(label: object, old: object, new: object) -> str:
    return f"{label}：{old if old not in ('', None) else '—'} → {new}"


def _shown(name: str, value: object) -> object:
    if name == "staff_type":
        return Person.StaffType(str(value)).label
    if name == "status":
        return Person.Status(str(value)).label
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value


@dataclass
class RosterPlan:
    """What applying the file would do. Good rows only; `errors` are the others."""

    parsed: Parsed
    county: Unit | None
    units: list[UnitChange] = field(default_factory=list)
    people: list[PersonChange] = field(default_factory=list)
    unchanged: int = 0
    errors: list[RosterError] = field(default_factory=list)
    notices: list[RosterError] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    skips_bad_rows: bool = False
    refused_units: set[str] = field(default_factory=set)  # codes of units that may not move for what that does to somebody's power

    @property
    def new_units(self) -> list[UnitChange]:
        return [change for change in self.units if change.is_new]

    @property
    def changed_units(self) -> list[UnitChange]:
        return [change for change in self.units if not change.is_new]

    @property
    def new_people(self) -> list[PersonChange]:
        return [change for change in self.people if change.is_new]

    @property
    def changed_people(self) -> list[PersonChange]:
        return [change for change in self.people if not change.is_new]

    @property
    def bad_rows(self) -> int:
        return len({(error.sheet, error.row) for error in self.errors})

    @property
    def is_empty(self) -> bool:
        return not self.units and not self.people

    @property
    def has_rows(self) -> bool:
        """Whether the file has any row, good or bad, below its headers."""
        return bool(self.parsed.units or self.parsed.people or self.errors)

    @property
    def summary(self) -> dict[str, int]:
        """The counts of the plan, for people and for the record of the import."""
        postings = Counter(change.posting for change in self.people)
        return {
            "units_new": len(self.new_units),
            "units_changed": len(self.changed_units),
            "people_new": len(self.new_people),
            "people_changed": len(self.changed_people),
            "people_unchanged": self.unchanged,
            "postings_opened": sum(postings[kind] for kind in OPENS),
            "postings_closed": postings["close"] + postings["move"] + postings["renew"],
            "postings_corrected": postings["correct"] + postings["redate"] + postings["reopen"],
            "duties_added": sum(len(change.duties_added) for change in self.people),
            "duties_ended": sum(len(change.duties_ended) for change in self.people),
            "roles_gained": sum(len(change.roles_gained) for change in self.people),
            "roles_lost": sum(len(change.roles_lost) for change in self.people),
            "bad_rows": self.bad_rows,
            "missing": len(self.missing),
        }

    @property
    def digest(self) -> str:
        """The same for two plans that would do the same."""
        parts = [repr(change) for change in self.units] + [repr(change) for change in self.people]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
