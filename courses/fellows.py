"""Pages that were fetched together look up together what a listing shows of each: one query a list, not one a row."""

from collections.abc import Callable
from typing import Any

from wagtail.models import Page, PageManager
from wagtail.query import PageQuerySet


class FellowsQuerySet(PageQuerySet):
    """Each page that it fetches knows the others (`fellows_of`). Wagtail's listings fetch their pages through it, too."""

    def _fetch_all(self):
        is_fresh = self._result_cache is None
        super()._fetch_all()
        for row in self._result_cache if is_fresh else []:
            if isinstance(row, Page):
                row._fellows = self._result_cache


FellowsManager = PageManager.from_queryset(FellowsQuerySet)


def fellows_of(page: Page) -> list[Page]:
    """The pages that were fetched with this one, itself among them."""
    fellows = page.__dict__.get("_fellows", ())
    return fellows if any(fellow is page for fellow in fellows) else [page]


class shared_property:
    """A cached property that is looked up for all fellows at once: the function gets them and returns {page's key: value}."""

    def __init__(self, look_up: Callable[[list], dict[int, Any]]) -> None:
        self.look_up, self.__doc__ = look_up, look_up.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, page, owner: type | None = None):
        if page is None:
            return self
        fellows = fellows_of(page)
        found = self.look_up(fellows)
        for fellow in fellows:
            fellow.__dict__.setdefault(self.name, found.get(fellow.pk))
        return page.__dict__[self.name]
