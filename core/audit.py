"""Traces of acts, in Wagtail's own audit log, so that its filters and reports find them."""

from wagtail.log_actions import log


def record(instance, action: str, *, by=None, **data) -> None:
    """Write one trace: what was done (`action`, registered in wagtail_hooks), to what, by whom, with which data."""
    log(instance=instance, action=action, user=by if by is not None and by.is_authenticated else None, data=data)
