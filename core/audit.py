"""Traces of acts, in Wagtail's own audit log, so that its filters and reports find them."""

from collections.abc import Collection, Iterable, Sequence

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone
from wagtail.log_actions import log, registry


def record(instance, action: str, *, by=None, **data) -> None:
    """Write one trace: what was done (`action`, registered in wagtail_hooks), to what, by whom, with which data."""
    log(instance=instance, action=action, user=by if by is not None and by.is_authenticated else None, data=data)


def record_on_all(instances: Iterable[Model], action: str, *, by=None) -> None:
    """The same trace on each of these things, which are of one model. One insert."""
    instances = list(instances)
    if not instances:
        return
    entries = registry.get_log_model_for_instance(instances[0])
    about, at = ContentType.objects.get_for_model(instances[0]), timezone.now()
    entries.objects.bulk_create(
        [
            entries(content_type=about, object_id=str(each.pk), label=str(each), action=action, timestamp=at, user=by, data={})
            for each in instances
        ],
        batch_size=500,
    )


def newest(model: type[Model], pks: Sequence[int], actions: Collection[str], *, size: int = 5000) -> dict[int, str]:
    """By key: which of these actions was traced last on things of the model; those without a trace are absent. One query for each `size` keys."""
    entries = registry.get_log_model_for_model(model)
    about, found = ContentType.objects.get_for_model(model), {}
    for start in range(0, len(pks), size):
        traced = entries.objects.filter(content_type=about, action__in=actions, object_id__in=[str(pk) for pk in pks[start : start + size]])
        found.update({int(pk): action for pk, action in traced.order_by("pk").values_list("object_id", "action")})
    return found
