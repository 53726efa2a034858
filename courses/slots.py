"""What apps above plug into a course, without this app knowing them.

A quiz embedded in a lesson and the certificate a course awards live in apps above. They
register here, in their AppConfig.ready, under a name; pages store only keys.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Slot:
    """One kind of thing an app above provides: its choices for editors and its title by key."""

    name: str
    _choices: Callable[[], Iterable[tuple[str, str]]] = field(default=lambda: ())
    _title: Callable[[str], str | None] = field(default=lambda key: None)

    def fill(self, *, choices: Callable[[], Iterable[tuple[str, str]]], title: Callable[[str], str | None]) -> None:
        self._choices, self._title = choices, title

    def choices(self) -> list[tuple[str, str]]:
        """(key, label) pairs that an editor may choose from, now."""
        return list(self._choices())

    def title(self, key: str) -> str | None:
        """The present title of the thing with this key; None if there is none."""
        return self._title(key) if key else None


QUIZZES = Slot("quizzes")
CERTIFICATES = Slot("certificates")
