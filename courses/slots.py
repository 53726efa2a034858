"""What apps above plug into a course, without this app knowing them.

A quiz embedded in a lesson and the certificate a course awards live in apps above. They
register here, in their AppConfig.ready, under a name; pages store only keys.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from people.models import Person, Unit

if TYPE_CHECKING:
    from courses.models import Course

Choices = Callable[[Unit | None], Iterable[tuple[str, str]]]
Title = Callable[[str, int | None], str | None]  # key, county


@dataclass
class Slot:
    """One kind of thing an app above provides: its choices for editors and its title by key."""

    name: str
    _choices: Choices = field(default=lambda county: ())
    _title: Title = field(default=lambda key, county: None)
    _terms: Callable[[str], list[str]] = field(default=lambda key: [])
    _lacks: Callable[[Iterable[str]], dict[str, list[str]]] = field(default=lambda keys: {})

    def fill(
        self,
        *,
        choices: Choices,
        title: Title,
        terms: Callable[[str], list[str]] = lambda key: [],
        lacks: Callable[[Iterable[str]], dict[str, list[str]]] = lambda keys: {},
    ) -> None:
        self._choices, self._title, self._terms, self._lacks = choices, title, terms, lacks

    def choices(self, county: Unit | None = None) -> list[tuple[str, str]]:
        """(key, label) pairs that the editors of a county may choose from, now; of all counties when none is named."""
        return list(self._choices(county))

    def title(self, key: str, county: int | None = None) -> str | None:
        """The present title of the thing with this key; None if there is none. `county`: whose, where each county has its own."""
        return self._title(key, county) if key else None

    def terms(self, key: str) -> list[str]:
        """What the thing with this key asks, in words, for whoever reviews the page that it stands in."""
        return self._terms(key) if key else []

    def lacks(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """Key → what keeps everybody from it now, in sentences, of those of these things that nobody could take."""
        keys = list(keys)
        return self._lacks(keys) if keys else {}


@dataclass
class Lookup:
    """What an app above has hanging on completions, in words, by completion id."""

    _of: Callable[[list[int]], dict[int, str]] = field(default=lambda completions: {})

    def fill(self, of: Callable[[list[int]], dict[int, str]]) -> None:
        self._of = of

    def of(self, completions: list[int]) -> dict[int, str]:
        """One query for any number of completions."""
        return self._of(completions) if completions else {}


@dataclass
class Gate:
    """What an app above says to somebody who wants to begin a course: that it cannot be begun yet, or may be begun again."""

    _check: Callable[["Person", "Course", datetime], None] = field(default=lambda person, course, at: None)
    _reopens: Callable[["Person", "Course", datetime], bool] = field(default=lambda person, course, at: False)

    def fill(
        self, *, check: Callable[["Person", "Course", datetime], None], reopens: Callable[["Person", "Course", datetime], bool]
    ) -> None:
        self._check, self._reopens = check, reopens

    def check(self, *, person: "Person", course: "Course", at: datetime) -> None:
        """Let the person begin the course.

        Raises:
            Refused: why not, and from when on.
        """
        self._check(person, course, at)

    def reopens(self, *, person: "Person", course: "Course", at: datetime) -> bool:
        """Whether the person may begin the completed course again although this year's turn is taken."""
        return self._reopens(person, course, at)


QUIZZES = Slot("quizzes")
CERTIFICATES = Slot("certificates")
HANGING = Lookup()  # certificate numbers, which a reversed completion takes with it
RENEWAL = Gate()  # courses that renew certificates
