"""What a version of an indicator says, as data: read, checked, and refused with each fault in its place. No database, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from django.utils.translation import gettext as _
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from core.errors import Refused
from core.figures import figure
from evaluation.indicators.figures import FIGURES
from evaluation.indicators.formula import Formula
from people.models import Duty


def _plain_number(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, float) and value != value):
        raise ValueError
    return str(value) if isinstance(value, int | float) else value  # 0.1 is 0.1, not its binary neighbour


Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,19}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Points = Annotated[Decimal, BeforeValidator(_plain_number), Field(gt=0, le=1000, max_digits=6, decimal_places=2)]
Least = Annotated[Decimal, BeforeValidator(_plain_number), Field(ge=0, le=1000, max_digits=6, decimal_places=2)]
Day = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
DutyKey = Literal[tuple(Duty.values)]  # type: ignore[valid-type]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Part):
    """One item: its points at most, and the formula that gives them."""

    key: Key
    name: Name
    points: Points
    formula: Annotated[str, BeforeValidator(_plain_number), StringConstraints(strip_whitespace=True)]

    @cached_property
    def read(self) -> Formula:
        return Formula(self.formula, known=FIGURES)


class Extra(_Part):
    """A bonus or a deduction: so many points for each case, `max` at most."""

    key: Key
    name: Name
    each: Points
    max: Points
    also: Annotated[str, StringConstraints(max_length=200)] = ""


class Band(_Part):
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
    min: Least


class Rung(_Part):
    """One level of the chain of responsibility: whom it reaches, and what follows."""

    level: Literal["joint", "direct", "primary"]
    duties: Annotated[list[DutyKey], Field(min_length=1)]  # type: ignore[valid-type]
    action: Name


class Dates(_Part):
    """Proposed for a period: month-day of opening and cut-off in its year, of the freeze in the next."""

    open: Day = "01-01"
    cutoff: Day = "12-20"
    publicity_days: Annotated[int, Field(ge=1, le=60)] = 5
    appeal_days: Annotated[int, Field(ge=1, le=60)] = 5
    freeze: Day = "01-10"

    def of(self, year: int) -> tuple[date, date, date]:
        """The days of opening, cut-off and freeze for the evaluation of a year."""
        return _day(year, self.open), _day(year, self.cutoff), _day(year + 1, self.freeze)


def _day(year: int, text: str) -> date:
    month, day = (int(part) for part in text.split("-"))
    return date(year, month, day)


class Rules(_Part):
    """Months from which somebody who joined counts, and from which somebody who was away no longer does."""

    months_joined: Annotated[int, Field(ge=0, le=11)] = 3
    months_away: Annotated[int, Field(ge=1, le=12)] = 3


class Spec(_Part):
    full: Points
    items: Annotated[list[Item], Field(min_length=1, max_length=20)]
    bonus: Annotated[list[Extra], Field(max_length=20)] = []
    deduct: Annotated[list[Extra], Field(max_length=20)] = []
    bands: Annotated[list[Band], Field(min_length=1, max_length=10)]
    chain: Annotated[list[Rung], Field(max_length=3)] = []
    chain_below: Least = Decimal(0)
    period: Dates = Dates()
    rules: Rules = Rules()

    def band_of(self, total: Decimal) -> str:
        """The name of the first band that a total reaches; the bands fall."""
        return next(band.name for band in self.bands if total >= band.min)

    @property
    def mark(self) -> Decimal:
        """Below it the people of the chain answer for the result; 0: nobody does."""
        return self.chain_below if self.chain else Decimal(0)

    @property
    def best(self) -> Decimal:
        """The most that a unit can have: all items and all bonuses."""
        return self.full + sum((one.max for one in self.bonus), Decimal(0))


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: "item 2 (K2), formula"."""

    place: str
    message: str

    def __str__(self) -> str:
        return _("%(place)s: %(message)s") % {"place": self.place, "message": self.message} if self.place else self.message


class RefusedSpec(Refused):
    """A text that is no version of an indicator, with every fault found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults), code="spec")
        self.faults = faults


def read(data: object) -> Spec:
    """A version of an indicator as a mapping says it.

    Raises:
        RefusedSpec: with every fault by its place.
    """
    if not isinstance(data, Mapping):
        raise RefusedSpec([Fault("", _("This is no description of an indicator: items, bands and so on are expected."))])
    try:
        spec = Spec.model_validate(dict(data))
    except ValidationError as error:
        raise RefusedSpec([Fault(_place(one["loc"], data), _said(one)) for one in error.errors()]) from error
    if faults := _faults(spec):
        raise RefusedSpec(faults)
    return spec


def stored(spec: Spec) -> dict:
    """As `IndicatorVersion.spec` keeps it: decimals as strings."""
    return spec.model_dump(mode="json")


def require_usable(spec: Spec) -> None:
    """Refuse a new version with a formula that has a remark or that large figures drive beyond what can be counted, or with a mark above
    all that a unit can have.

    What stands is read all the same.

    Raises:
        RefusedSpec: with every such formula and mark by its place.
    """
    faults = []
    for number, item in enumerate(spec.items, 1):
        try:
            item.read.require_usable()
        except Refused as refusal:
            faults.append(_fault_of_formula(number, item, refusal))
    too_high = _("No unit can have more than %(best)s points.") % {"best": figure(spec.best)}
    faults += [Fault(_row("bands", number, band.name), too_high) for number, band in enumerate(spec.bands, 1) if band.min > spec.best]
    if spec.chain_below > spec.best:
        faults.append(Fault(_field("chain_below"), too_high))
    if faults:
        raise RefusedSpec(faults)


def _fault_of_formula(number: int, item: Item, refusal: Refused) -> Fault:
    return Fault(_row("items", number, item.key) + _(", ") + _field("formula"), refusal.message)


def _faults(spec: Spec) -> list[Fault]:
    """What only the whole shows: formulas, sums, orders, doubled keys."""
    faults = []
    for number, item in enumerate(spec.items, 1):
        try:
            item.read  # noqa: B018 - reading it is the check
        except Refused as refusal:
            faults.append(_fault_of_formula(number, item, refusal))
    total = sum((item.points for item in spec.items), Decimal(0))
    if total != spec.full:
        faults.append(
            Fault(_field("items"), _("The points of the items come to %(total)s, not to %(full)s.") % {"total": total, "full": spec.full})
        )
    seen: set[str] = set()
    for part in ("items", "bonus", "deduct"):
        for number, one in enumerate(getattr(spec, part), 1):
            if one.key in seen:
                faults.append(Fault(_row(part, number, one.key), _("The key “%(key)s” stands twice.") % {"key": one.key}))
            seen.add(one.key)
    faults += _faults_of_order(spec)
    return faults


def _faults_of_order(spec: Spec) -> list[Fault]:
    faults = []
    for number, (higher, lower) in enumerate(zip(spec.bands, spec.bands[1:], strict=False), 2):
        if lower.min >= higher.min:
            faults.append(Fault(_row("bands", number, lower.name), _("Bands fall: each begins below the one before.")))
    if spec.bands[-1].min != 0:
        faults.append(
            Fault(_row("bands", len(spec.bands), spec.bands[-1].name), _("The last band begins at 0, so that every total has one."))
        )
    if len({band.name for band in spec.bands}) < len(spec.bands):
        faults.append(Fault(_field("bands"), _("Two bands have one name.")))
    if len({rung.level for rung in spec.chain}) < len(spec.chain):
        faults.append(Fault(_field("chain"), _("A level of responsibility stands twice.")))
    try:
        opens, cuts_off, freezes = spec.period.of(2026)  # a year without 29 February: what holds in it holds in each
    except ValueError:
        return [*faults, Fault(_field("period"), _("There is no such day in every year."))]
    if not opens < cuts_off < freezes:
        faults.append(Fault(_field("period"), _("The period opens before its cut-off.")))
    return faults


_PARTS = {
    "items": lambda: _("item"),
    "bonus": lambda: _("bonus"),
    "deduct": lambda: _("deduction"),
    "bands": lambda: _("band"),
    "chain": lambda: _("level of responsibility"),
}


def _row(part: str, number: int, key: str = "") -> str:
    words = _("%(part)s %(number)d") % {"part": _PARTS[part](), "number": number}
    return f"{words} ({key})" if key else words


def _field(name: str) -> str:
    return f"“{name}”"


def _place(loc: tuple, data: Mapping) -> str:
    """Where pydantic found something, in words."""
    if len(loc) > 1 and loc[0] in _PARTS and isinstance(loc[1], int):
        row = data[loc[0]][loc[1]]
        key = row.get("key") if isinstance(row, Mapping) else None
        words = _row(loc[0], loc[1] + 1, key if isinstance(key, str) else "")
        return words + _(", ") + _field(str(loc[2])) if len(loc) > 2 else words
    return _field(".".join(str(part) for part in loc))


def _said(error) -> str:
    """What is wrong, in the reader's language; pydantic speaks English alone."""
    kind, context = error["type"], error.get("ctx", {})
    given = str(error.get("input"))[:40]
    if kind == "missing":
        return _("is missing")
    if kind == "extra_forbidden":
        return _("is not known here")
    if kind in {"greater_than", "greater_than_equal", "less_than_equal"}:
        sign = {"greater_than": ">", "greater_than_equal": "≥", "less_than_equal": "≤"}[kind]
        limit = context.get("gt", context.get("ge", context.get("le")))
        return _("%(given)s is out of bounds: %(sign)s %(limit)s") % {"given": given, "sign": sign, "limit": limit}
    if kind == "literal_error":
        return _("“%(given)s” is none of: %(known)s") % {"given": given, "known": context.get("expected", "")}
    if kind in {"too_long", "too_short", "string_too_long", "string_too_short"}:
        return _("is too long or too short")
    return _("“%(given)s” cannot be read here") % {"given": given}
