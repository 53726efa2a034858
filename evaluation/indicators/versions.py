"""Versions of indicators: the only writers. A version is written once and holds once somebody else has approved it."""

from datetime import datetime
from pathlib import Path

import yaml
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from core import audit
from core.errors import Refused
from evaluation.indicators import spec as specs
from evaluation.models import Indicator, IndicatorApproval, IndicatorVersion
from people.models import Person, Role, Unit
from people.permissions import paths_of

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "training_indicator.yaml"
MARKS = ("V", "S", "M", "D")


def writes_for(user, county: Unit) -> bool:
    """Whether the user writes and approves indicators of a county: HR over all of it."""
    return user.is_superuser or county.path in paths_of(user, [Role.HR])


@transaction.atomic
def ensure_default(*, at: datetime) -> IndicatorVersion:
    """The indicator of data/training_indicator.yaml, offered to every county and approved, written once. What stands is never touched."""
    data = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    about = {name: data.pop(name) for name in ("key", "name", "source", "mark")}
    indicator, _made = Indicator.objects.get_or_create(county=None, key=about["key"], defaults={"name": about["name"]})
    version, made = IndicatorVersion.objects.get_or_create(
        indicator=indicator,
        number=1,
        defaults={"spec": specs.stored(specs.read(data)), "source": about["source"], "mark": about["mark"], "by": None, "at": at},
    )
    if made:
        IndicatorApproval.objects.create(version=version, author=None, by=None, at=at)
    return version


@transaction.atomic
def propose(
    *, county: Unit, after: IndicatorVersion, data: object, source: str, mark: str, note: str, by: Person, at: datetime, name: str = ""
) -> IndicatorVersion:
    """Write a county's next version of an indicator, from `after`; it waits for somebody else's approval.

    The first one of a county that used the general indicator so far makes the county's own, with the same key and name. A `name` of
    its own makes another indicator, whose first version this is. Locks the county.

    Raises:
        Refused: not_hr, no_note, no_source, mark, newer (somebody wrote a version after `after`), same (nothing differs),
            name (the county has another indicator of that name).
        RefusedSpec: the faults of the text, and formulas that large figures drive beyond what can be counted.
    """
    if not writes_for(by, county):
        raise Refused(_("Indicators are written by HR of the county."), code="not_hr")
    if not source.strip():
        raise Refused(_("Name the document that this version rests on."), code="no_source")
    if mark not in MARKS:
        raise Refused(_("Say how far the source was checked."), code="mark")
    if not note.strip():
        raise Refused(_("Say what is new in this version, and why."), code="no_note")
    if after.indicator.county_id not in (None, county.pk):
        raise Refused(_("This indicator belongs to another county."), code="not_hr")
    given = specs.read(data)
    specs.require_usable(given)
    spec = specs.stored(given)
    Unit.objects.select_for_update(no_key=True).get(pk=county.pk)
    indicator = _indicator(county, after.indicator, name.strip())
    last = indicator.versions.aggregate(last=Max("number"))["last"]
    if last is not None and (after.indicator_id != indicator.pk or after.number != last):
        raise Refused(_("Version %(number)d was written meanwhile: begin from it.") % {"number": last}, code="newer")
    if spec == after.spec and indicator.key == after.indicator.key and not is_orphan(after, county):
        raise Refused(_("Nothing differs from version %(number)d.") % {"number": after.number}, code="same")
    version = IndicatorVersion.objects.create(
        indicator=indicator, number=(last or 0) + 1, spec=spec, source=source.strip(), mark=mark, note=note.strip(), by=by, at=at
    )
    audit.record(indicator, "evaluation.version_written", by=by, version=version.number, note=version.note)
    return version


def is_orphan(version: IndicatorVersion, county: Unit) -> bool:
    """Whether nobody can approve a version any more: who wrote it is HR of the county no longer."""
    author = version.by
    if author is None or IndicatorApproval.objects.filter(version=version).exists():
        return False
    return not (author.is_active and writes_for(author, county))


def _indicator(county: Unit, after: Indicator, name: str) -> Indicator:
    """The county's indicator that a version belongs to: the next one of `after`, or another one by name."""
    if name in ("", after.name):
        return Indicator.objects.get_or_create(county=county, key=after.key, defaults={"name": after.name})[0]
    own = Indicator.objects.filter(county=county)
    if own.filter(name=name).exists():
        raise Refused(_("The county has an indicator of this name: begin from its newest version."), code="name")
    return Indicator.objects.create(county=county, key=f"own-{own.count() + 1}", name=name)


@transaction.atomic
def approve(*, version: IndicatorVersion, by: Person, at: datetime) -> IndicatorApproval:
    """Let a county's version be used: somebody else than its author says so, once. Locks the indicator.

    Raises:
        Refused: not_hr, own (its author), author_gone (its author is HR no more), done (approved already).
    """
    county = version.indicator.county
    if county is None or not writes_for(by, county):
        raise Refused(_("Indicators are approved by HR of the county."), code="not_hr")
    if version.by_id == by.pk:
        raise Refused(_("You wrote this version: another HR officer has to approve it."), code="own")
    if is_orphan(version, county):
        raise Refused(_("Who wrote this version is HR no more: write it anew, beginning from it."), code="author_gone")
    Indicator.objects.select_for_update(no_key=True).get(pk=version.indicator_id)
    if IndicatorApproval.objects.filter(version=version).exists():
        raise Refused(_("This version is approved already."), code="done")
    approval = IndicatorApproval.objects.create(version=version, author=version.by, by=by, at=at)
    audit.record(version.indicator, "evaluation.version_approved", by=by, version=version.number)
    return approval
