"""What a form was opened on: nothing is saved over what somebody else saved meanwhile, and the refusal says who that was, and when."""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.utils.translation import gettext as _
from wagtail.log_actions import registry

from core import clock
from core.errors import Refused
from people.models import Person

LONGEST_STAMP = 60


def stamp(thing: Model, facts: Any, *, acts: Collection[str]) -> str:
    """What somebody looks at who opens a form: a digest of these facts, and the last of these acts in the thing's trace. One query.

    `facts` are those that the page shows, not read anew: what changes between two readings would pass for looked at.
    """
    last = _last(thing, acts)
    return f"{digest(facts)}.{last.pk if last else 0}"


def digest(facts: Any) -> str:
    """Tells facts that JSON can say from any others; dates, decimals and what is lazy included."""
    said = json.dumps(facts, sort_keys=True, cls=DjangoJSONEncoder)
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def refuse_older(thing: Model, facts: Any, *, acts: Collection[str], seen: str, by: Person | None) -> None:
    """Refuse a form that was opened on other facts than these, which stand now; the caller holds the lock.

    `seen` is the stamp that the form was opened on; without one nothing is refused. One query where it is refused, else none.

    Raises:
        Refused: edited.
    """
    was, _dot, act = seen.partition(".")
    if seen and was != digest(facts):
        last = _last(thing, acts)
        raise older(last if last and str(last.pk) != act else None, by=by)


def older(last: Any, *, by: Person | None) -> Refused:
    """The refusal of an older form. `last` is the trace, or any row with `user` or `by`, `timestamp` or `at`, of who was quicker."""
    who = getattr(last, "user", None) or getattr(last, "by", None)
    when = last and (getattr(last, "timestamp", None) or getattr(last, "at", None))
    facts = {"name": getattr(who, "name", ""), "at": when and clock.local(when).strftime("%Y-%m-%d %H:%M")}
    if last is None:
        said = _("This was changed after you had opened it. Nothing of yours was saved, and nothing of theirs is lost.")
    elif who is None:
        said = _("This was changed at %(at)s, after you had opened it. Nothing of yours was saved, and nothing of theirs is lost.") % facts
    elif by is not None and who.pk == by.pk:
        said = _(
            "You saved this yourself at %(at)s, after this form was opened: in another window, or by going back. It was not saved again."
        )
        said %= facts
    else:
        said = (
            _("%(name)s saved this at %(at)s, after you had opened it. Nothing of yours was saved, and nothing of theirs is lost.") % facts
        )
    return Refused(said, code="edited")


def _last(thing: Model, acts: Collection[str]) -> Any:
    return registry.get_logs_for_instance(thing).filter(action__in=acts).select_related("user").order_by("-pk").first()
