"""What a form was opened on: nothing is saved over what somebody else saved meanwhile, and the refusal says who that was, and when."""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Max, Model
from django.utils.translation import gettext as _
from wagtail.log_actions import registry

from core import clock
from core.errors import Refused
from people.models import Person

LONGEST_STAMP = 40


def stamp(facts: Any, *, trace: int) -> str:
    """What somebody looks at who opens a form: a digest of these facts, and the newest trace there was (`newest_trace`).

    `facts` are those that the page shows, not read anew: what changes between two readings would pass for looked at.
    """
    return f"{digest(facts)}.{trace}"


def newest_trace(thing: Model) -> int:
    """The newest trace of the thing by its number, 0 where it has none. One query."""
    return registry.get_logs_for_instance(thing).aggregate(newest=Max("pk"))["newest"] or 0


def digest(facts: Any) -> str:
    """Tells facts that JSON can say from any others; dates, decimals and what is lazy included."""
    said = json.dumps(facts, sort_keys=True, cls=DjangoJSONEncoder)
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def refuse_older(thing: Model, facts: Any, *, acts: Collection[str], seen: str, by: Person | None) -> None:
    """Refuse a form that was opened on other facts than these, which stand now; the caller holds the lock.

    `seen` is the stamp that the form was opened on; without one nothing is refused. `acts` are the traces of who writes such facts.
    One query where it is refused, else none.

    Raises:
        Refused: edited.
    """
    was, _dot, trace = seen[:LONGEST_STAMP].partition(".")
    if seen and was != digest(facts):
        since = registry.get_logs_for_instance(thing).filter(action__in=acts, pk__gt=int(trace) if trace.isdecimal() else 0)
        raise _older(since.select_related("user").order_by("-pk").first(), by=by)


def _older(last: Any, *, by: Person | None) -> Refused:
    who = last.user if last else None
    facts = {"name": who.name if who else "", "at": clock.local(last.timestamp).strftime("%Y-%m-%d %H:%M") if last else ""}
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
