"""How a credit policy comes in."""

from decimal import Decimal
from pathlib import Path

import yaml
from django.core.cache import caches
from django.db import transaction

from courses.models import CreditPolicy
from courses.rules import bands_of

DEFAULT = Path(__file__).resolve().parent.parent / "data" / "credit_policy.yaml"


@transaction.atomic
def ensure_default() -> CreditPolicy:
    """The general policy of data/credit_policy.yaml, written once. A policy that stands is never touched."""
    data = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    policy, _ = CreditPolicy.objects.get_or_create(
        county=None,
        name=data["name"],
        valid_from=data["valid_from"],
        defaults={
            "source": data["source"],
            "mark": data["mark"],
            "bands": bands_of(data["online_video"]),
            "test_passed": Decimal(str(data["test_passed"])),
            "yearly_target": Decimal(str(data["yearly_online_target"])),
            "duty_targets": {data["duty_keys"][duty]: str(hours) for duty, hours in data["topic_target_by_role"].items()},
            "step": Decimal(data["rounding"]),
            "once_per_course_per_year": data["once_per_course_per_year"],
            "reading_share": Decimal(str(data["reading_share"])),
        },
    )
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
