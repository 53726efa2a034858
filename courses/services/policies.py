"""How a credit policy comes in."""

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
from courses.models import CreditPolicy
from courses.rules import bands_of
from people.models import Unit
from people.rules import DUTY_WORDS

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
        step=_hours(data.get("rounding"), "rounding"),
        hours_per_day=_hours(_given(data, "face_to_face", dict).get("per_day"), "face_to_face") if "face_to_face" in data else None,
        once_per_course_per_year=_given(data, "once_per_course_per_year", bool),
        reading_share=_hours(data.get("reading_share", 0), "reading_share"),
    )
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


def promised(*, day, county=None) -> CreditPolicy:
    """The policy by which pages announce hours: `in_force`, at most a minute old. Completions never use this."""
    cache, name = caches["local"], f"policy:{county.pk if county else ''}:{day}"
    policy = cache.get(name)
    if policy is None:
        policy = in_force(day=day, county=county)
        cache.set(name, policy, 60)
    return policy
