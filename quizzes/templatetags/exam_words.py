"""Words for what happens in an exam."""

from datetime import datetime, timedelta

from django import template
from django.utils.translation import gettext as _

from core import clock
from quizzes.models import Incident

register = template.Library()


@register.filter
def span(value: timedelta | None) -> str:
    """A short time in words: 45 s, 3 min, 1 h 20 min."""
    if value is None:
        return ""
    seconds = max(int(value.total_seconds()), 0)
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return _("%(minutes)d min") % {"minutes": minutes}
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}


@register.filter
def beside(moment: datetime, other: datetime) -> str:
    """The time of an instant that stands beside another one: with its day only where that differs."""
    mine, others = clock.local(moment), clock.local(other)
    return mine.strftime("%H:%M" if mine.date() == others.date() else "%m-%d %H:%M")


@register.filter
def until(start: datetime, end: datetime) -> str:
    """A window: 2026-06-15 09:00 – 10:30."""
    return f"{clock.local(start):%Y-%m-%d %H:%M} – {beside(end, start)}"


@register.filter
def in_words(incident: Incident) -> str:
    """An incident as a sentence about what was noticed, without a judgement."""
    detail = incident.detail
    words = [str(incident.get_kind_display())]
    if "away" in detail:
        said = _("away for %(time)s") if incident.kind == Incident.Kind.RETURNED else _("there again after %(time)s")
        words.append(said % {"time": span(timedelta(seconds=detail["away"]))})
    if incident.kind == Incident.Kind.PASTED and "length" in detail:
        words.append(_("%(count)d characters") % {"count": detail["length"]})
    if "question" in detail:
        words.append(_("question %(number)d") % {"number": detail["question"]})
    if incident.kind == Incident.Kind.ADDRESS:
        words.append(f"{detail.get('was', '')} → {detail.get('now', '')}")
    return "，".join(words)
