"""Pages of lists that may be very long."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 10_000


class UpToMost(Paginator):
    """Pages over the first MOST rows of a list that can count up to a limit: counting a million rows takes longer than a page may.

    `has_more` tells whether there are more than `count`; whoever needs them narrows the list, or takes the export.
    """

    @cached_property
    def _counted(self) -> int:
        return self.object_list.count(MOST + 1)  # type: ignore[attr-defined]

    @cached_property
    def count(self) -> int:  # type: ignore[override]
        return min(self._counted, MOST)

    @property
    def has_more(self) -> bool:
        return self._counted > MOST
