"""How a credit policy comes in."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import yaml
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core import audit, clock
from core.errors import Refused
from courses.models import Course, CreditPolicy
from courses.rules import HOUR_KINDS, RANK_WORDS, bands_of
from people.models import Unit
from people.rules import DUTY_WORDS, STAFF_TYPE_WORDS

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "credit_policy.yaml"


@transaction.atomic
def ensure_default() -> CreditPolicy:
    """The general policy of data/credit_policy.yaml, written once. A policy that stands is never touched."""
    found = read(yaml.safe_load(DEFAULT.read_text(encoding="utf-8")))
    facts = {field.attname: getattr(found, field.attname) for field in CreditPolicy._meta.concrete_fields if not field.primary_key}
    policy, _made = CreditPolicy.objects.get_or_create(
        county=None, name=facts.pop("name"), valid_from=facts.pop("valid_from"), defaults=facts
    )
    return policy


def read(data: object, *, county: Unit | None = None) -> CreditPolicy:
    """A policy as a file of the form of data/credit_policy.yaml says it; not saved.

    Raises:
        Refused: unreadable (a fact is missing or is none), bands, duty_unknown, steps.
    """
    if not isinstance(data, Mapping):
        raise Refused(_("The file holds no credit policy."), code="unreadable")
    try:
        bands = bands_of(data["online_video"])
    except (KeyError, TypeError, AttributeError):
        raise Refused(_("“%(name)s” is missing or cannot be read.") % {"name": "online_video"}, code="unreadable") from None
    except ValueError as error:
        raise Refused(_("The bands of minutes leave a gap or overlap: %(error)s.") % {"error": error}, code="bands") from error
    targets = {}
    for word, hours in _given(data, "topic_target_by_role", dict).items():
        if word not in DUTY_WORDS:
            raise Refused(_("There is no duty “%(duty)s”.") % {"duty": word}, code="duty_unknown")
        targets[DUTY_WORDS[word]] = str(_hours(hours, "topic_target_by_role"))
    policy = CreditPolicy(
        county=county,
        name=str(_given(data, "name", str)),
        source=str(_given(data, "source", str)),
        mark=str(_given(data, "mark", str)),
        valid_from=_given(data, "valid_from", date),
        bands=bands,
        test_passed=_hours(data.get("test_passed"), "test_passed"),
        yearly_target=_hours(data.get("yearly_online_target"), "yearly_online_target"),
        duty_targets=targets,
        quotas=[_quota(row) for row in _given(data, "quotas", list)] if "quotas" in data else [],
        step=_hours(data.get("rounding"), "rounding"),
        hours_per_day=_hours(_given(data, "face_to_face", dict).get("per_day"), "face_to_face") if "face_to_face" in data else None,
        once_per_course_per_year=_given(data, "once_per_course_per_year", bool),
        reading_share=_hours(data.get("reading_share", 0), "reading_share"),
    )
    keys = [quota["key"] for quota in policy.quotas]
    if len(keys) != len(set(keys)):
        raise Refused(_("Two quotas have the same key: %(keys)s.") % {"keys": "、".join(keys)}, code="quota")
    try:
        policy.clean_fields(exclude=["county", "duty_targets"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Refused(f"{name}: {messages[0]}", code="unreadable") from error
    if policy.reading_share > 1:
        raise Refused(_("“%(name)s” is missing or cannot be read.") % {"name": "reading_share"}, code="unreadable")
    if not policy.step or any(_hours(hours, "credit") % policy.step for hours in (policy.test_passed, *(band["hours"] for band in bands))):
        raise Refused(_("Hours have to be whole steps of %(step)s.") % {"step": policy.step}, code="steps")
    return policy


QUOTA_FACTS = {"key", "title", "staff_types", "rank", "hours", "years", "from_year", "kinds", "carry_over", "source", "mark"}


def _quota(row: object) -> dict:
    """One quota of a policy file as CreditPolicy keeps it; every figure with its source."""
    if not isinstance(row, Mapping):
        raise Refused(_("“%(name)s” is missing or cannot be read.") % {"name": "quotas"}, code="unreadable")
    title = _given(row, "title", str)

    def wrong(name: str) -> Refused:
        return Refused(_("Quota “%(title)s”: “%(name)s” is missing or cannot be read.") % {"title": title, "name": name}, code="quota")

    if unknown := sorted(set(map(str, row)) - QUOTA_FACTS):
        raise wrong(unknown[0])
    hours, years, from_year = _hours(row.get("hours"), "hours"), row.get("years", 1), row.get("from_year")
    staff_types = _given(row, "staff_types", list)
    kinds = _given(row, "kinds", list)
    carry_over = _hours(row["carry_over"], "carry_over") if row.get("carry_over") is not None else None
    checks = {
        "key": re.fullmatch(r"[a-z_]{1,20}", str(row.get("key"))),
        "title": len(title) <= 40,
        "hours": hours > 0,
        "years": isinstance(years, int) and not isinstance(years, bool) and 1 <= years <= 10,
        "from_year": from_year is None or (isinstance(from_year, int) and years > 1 and 2000 <= from_year <= 2100),
        "staff_types": staff_types and all(word in STAFF_TYPE_WORDS for word in staff_types),
        "rank": row.get("rank") is None or row["rank"] in RANK_WORDS,
        "kinds": kinds and all(kind in HOUR_KINDS for kind in kinds),
        "carry_over": carry_over is None or years == 1,  # hours of several years are one sum
        "source": 0 < len(_given(row, "source", str)) <= 200,
        "mark": row.get("mark") in ("V", "S", "D"),
    }
    for name, holds in checks.items():
        if not holds:
            raise wrong(name)
    return {
        "key": row["key"],
        "title": title,
        "staff_types": sorted({STAFF_TYPE_WORDS[word] for word in staff_types}),
        "rank": RANK_WORDS[row["rank"]] if row.get("rank") else "",
        "hours": str(hours),
        "years": years,
        "from_year": from_year,
        "kinds": [kind for kind in HOUR_KINDS if kind in kinds],
        "carry_over": None if carry_over is None else str(carry_over),
        "source": row["source"],
        "mark": row["mark"],
    }


def _given(data: Mapping, name: str, kind: type):
    value = data.get(name)
    if not isinstance(value, kind) or isinstance(value, datetime) or value == "":
        raise Refused(_("“%(name)s” is missing or cannot be read.") % {"name": name}, code="unreadable")
    return value


def _hours(value: object, name: str) -> Decimal:
    try:
        hours = Decimal(str(value))
    except InvalidOperation:
        hours = Decimal(-1)
    if not hours.is_finite() or not 0 <= hours < 1000:
        raise Refused(_("“%(name)s” is missing or cannot be read.") % {"name": name}, code="unreadable")
    return hours


@transaction.atomic
def put_in_force(*, policy: CreditPolicy, by=None, at: datetime) -> CreditPolicy:
    """Write a county's policy that `read` gave. It holds from its day on; what was recorded before keeps its own.

    Locks the county. Writes an audit entry. `by=None` is the system itself.

    Raises:
        Refused: past (it would reach back), twice (another of the county begins on that day).
    """
    if policy.valid_from < clock.today(at):
        raise Refused(
            _("A policy cannot begin in the past (%(day)s): hours of those days are recorded.") % {"day": policy.valid_from.isoformat()},
            code="past",
        )
    Unit.objects.select_for_update(no_key=True).get(pk=policy.county_id)
    if CreditPolicy.objects.filter(county=policy.county_id, valid_from=policy.valid_from).exists():
        raise Refused(_("Another policy of this county begins on %(day)s.") % {"day": policy.valid_from.isoformat()}, code="twice")
    policy.save()
    audit.record(policy.county, "courses.policy_in_force", by=by, name=policy.name, valid_from=policy.valid_from.isoformat())
    return policy


def in_force(*, day, county=None) -> CreditPolicy:
    """The policy of a day; where none was ever set up, the default one."""
    try:
        return CreditPolicy.objects.in_force(day, county)
    except CreditPolicy.DoesNotExist:
        ensure_default()
        return CreditPolicy.objects.in_force(day, county)


def shown() -> list[CreditPolicy]:
    """Every policy there ever was, the later ones last, for pages: at most a minute old. What is recorded never uses this."""
    found = caches["local"].get("policies")
    if found is None:
        found = list(CreditPolicy.objects.history())
        caches["local"].set("policies", found, 60)
    return found


def county_for(unit: Unit | None, course: Course) -> Unit:
    """Whose policy counts somebody's hours: that of the county where they serve, as its target does. No query in the course's own county.

    Whoever serves nowhere is counted by the course's.
    """
    return course.county if unit is None or unit.path.startswith(course.county.path) else unit.county


def promised(*, day, county=None) -> CreditPolicy:
    """The policy by which pages announce hours: `in_force`, at most a minute old. Completions never use this."""
    cache, name = caches["local"], f"policy:{county.pk if county else ''}:{day}"
    policy = cache.get(name)
    if policy is None:
        policy = in_force(day=day, county=county)
        cache.set(name, policy, 60)
    return policy
