"""What apps above plug into a course, without this app knowing them.

A quiz embedded in a lesson and the certificate a course awards live in apps above. They
register here, in their AppConfig.ready, under a name; pages store only keys.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from people.models import Unit

Choices = Callable[[Unit | None], Iterable[tuple[str, str]]]


@dataclass
class Slot:
    """One kind of thing an app above provides: its choices for editors and its title by key."""

    name: str
    _choices: Choices = field(default=lambda county: ())
    _title: Callable[[str], str | None] = field(default=lambda key: None)

    def fill(self, *, choices: Choices, title: Callable[[str], str | None]) -> None:
        self._choices, self._title = choices, title

    def choices(self, county: Unit | None = None) -> list[tuple[str, str]]:
        """(key, label) pairs that the editors of a county may choose from, now; of all counties when none is named."""
        return list(self._choices(county))

    def title(self, key: str) -> str | None:
        """The present title of the thing with this key; None if there is none."""
        return self._title(key) if key else None


@dataclass
class Lookup:
    """What an app above has hanging on completions, in words, by completion id."""

    _of: Callable[[list[int]], dict[int, str]] = field(default=lambda completions: {})

    def fill(self, of: Callable[[list[int]], dict[int, str]]) -> None:
        self._of = of

    def of(self, completions: list[int]) -> dict[int, str]:
        """One query for any number of completions."""
        return self._of(completions) if completions else {}


QUIZZES = Slot("quizzes")
CERTIFICATES = Slot("certificates")
HANGING = Lookup()  # certificate numbers, which a reversed completion takes with it
