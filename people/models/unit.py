"""The organisation: one tree a county, several trees a deployment."""

from collections.abc import Iterable, Mapping
from datetime import date

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Substr
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet


class UnitQuerySet(MP_NodeQuerySet):
    def within(self, unit: "Unit") -> "UnitQuerySet":
        """The unit and everything below it."""
        return self.filter(path__startswith=unit.path)

    def open(self) -> "UnitQuerySet":
        """Those that have not been dissolved."""
        return self.filter(closed_on=None)

    def counties(self) -> "UnitQuerySet":
        return self.filter(depth=1)

    def visible_to(self, user) -> "UnitQuerySet":
        """The whole tree of one's own county: an organisation chart is no secret inside it."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(path__startswith=user.unit.county_path) if user.unit_id else self.none()


class UnitManager(MP_NodeManager.from_queryset(UnitQuerySet)):
    def get_queryset(self):
        # treebeard's own manager names its QuerySet class outright
        return UnitQuerySet(self.model, using=self._db).order_by("path")


class Unit(MP_Node):
    """A county government, a department or township of it, or a section inside one.

    The root of each tree is a county. Codes are unique in the deployment. A unit that is
    dissolved gets the day on which it closed; it is never deleted, because records point at it.
    One that was merged names the unit that goes on in its place (`merged_into`).
    """

    class Kind(models.TextChoices):
        COUNTY = "county", _("County")
        DEPARTMENT = "department", _("Department")
        TOWNSHIP = "township", _("Township")
        SECTION = "section", _("Section")

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    short_name = models.CharField(_("short name"), max_length=40, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    is_vertical = models.BooleanField(
        _("vertical"),
        default=False,
        help_text=_("Reports to its own system above the county; left out of the county's ranking."),
    )
    history_follows = models.BooleanField(
        _("the whole history follows a transfer"),
        default=True,
        help_text=_("Of a county: whether the new unit of somebody who moved inside it reads the records of earlier units, too."),
    )
    closed_on = models.DateField(_("closed on"), null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged", verbose_name=_("merged into")
    )

    objects = UnitManager()

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.closed_on is None

    @property
    def county_path(self) -> str:
        """The path of this tree's root; everything of one county starts with it."""
        return self.path[: self.steplen]

    @property
    def county(self) -> "Unit":
        """The root. One query, unless this is the root."""
        return self if self.depth == 1 else Unit.objects.get(path=self.county_path)

    @property
    def organ_path(self) -> str:
        """The path of the department, township or county that a section belongs to.

        A section straight below the root (县政府领导) belongs to the county government itself.
        """
        if self.kind == self.Kind.SECTION and self.depth == 2:
            return self.county_path
        return self.path[: self.steplen * 2]

    def is_within(self, other: "Unit") -> bool:
        return self.path.startswith(other.path)

    @property
    def label(self) -> str:
        return self.short_name or self.name

    @property
    def listed_name(self) -> str:
        """The name where one chooses among units: a closed one says so."""
        return self.name if self.is_open else gettext("%(name)s (dissolved)") % {"name": self.name}


def successors(units: Mapping[int, Unit], *, before: date) -> dict[int, Unit]:
    """The unit that went on in the place of each of a county's units, by key, where that had ended before a day; else the unit itself. No query.

    A section of an organ that was merged goes on where the organ does, and whoever goes on may itself have been merged.
    """
    by_path = {unit.path: unit for unit in units.values()}

    def heir(unit: Unit) -> Unit:
        seen: set[int] = set()
        while unit.pk not in seen:
            seen.add(unit.pk)
            above = (by_path.get(unit.path[:end]) for end in range(len(unit.path), unit.steplen, -unit.steplen))
            ended = (one for one in above if one is not None and one.closed_on is not None and one.closed_on < before)
            unit = next((units[one.merged_into_id] for one in ended if one.merged_into_id in units), unit)
        return unit

    return {pk: heir(unit) for pk, unit in units.items()}


def history_follows(path: str) -> Subquery:
    """Inside a query: the setting of the county of the unit whose path stands behind this field."""
    root = Unit.objects.filter(path=Substr(OuterRef(path), 1, Unit.steplen))
    return Subquery(root.values("history_follows"), output_field=models.BooleanField())


def within_paths(paths, field: str = "unit") -> Q:
    """A condition: the unit behind `field` lies in one of the subtrees with these paths.

    The units are looked up for themselves: a join of each row with its unit, inside an "or", keeps the database from using an index.
    """
    inside = Q(pk__in=[])
    for path in paths:
        inside |= Q(path__startswith=path)
    return Q(**{f"{field}__in": Unit.objects.filter(inside)})


def record_names(units: Iterable[Unit]) -> dict[int | None, str]:
    """The names of units as records write them, by key: a section's with its organ before it. One query, where an organ is not among them."""
    units = list(units)
    known = {unit.path: unit.name for unit in units}
    sections = {unit.pk for unit in units if unit.kind == Unit.Kind.SECTION and unit.organ_path != unit.path}
    missing = {unit.organ_path for unit in units if unit.pk in sections} - known.keys()
    if missing:
        known.update(Unit.objects.filter(path__in=missing).values_list("path", "name"))
    longest = 160  # of `ServedAt.unit_name`: one letter less than two longest names with a blank between them
    return {unit.pk: f"{known[unit.organ_path]} {unit.name}"[:longest] if unit.pk in sections else unit.name for unit in units}
