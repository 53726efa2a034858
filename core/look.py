"""How a reader wants pages to look: kept in one cookie, applied by the server, so that nothing flashes."""

from collections.abc import Mapping
from dataclasses import dataclass

COOKIE = "look"
MAX_AGE = 365 * 24 * 3600  # seconds
THEMES = ("auto", "light", "dark")
SIZES = ("normal", "big")


@dataclass(frozen=True)
class Look:
    """theme: auto follows the device. size: big is 125 %."""

    theme: str = "auto"
    size: str = "normal"

    @classmethod
    def read(cls, cookies: Mapping[str, str]) -> "Look":
        """From the cookie, like "dark.big"; anything unknown in it counts as not set."""
        theme, _dot, size = cookies.get(COOKIE, "").partition(".")
        return cls(theme if theme in THEMES else "auto", size if size in SIZES else "normal")

    def changed(self, *, theme: str = "", size: str = "") -> "Look":
        """With what was asked for; what is unknown stays as it was."""
        return Look(theme if theme in THEMES else self.theme, size if size in SIZES else self.size)

    def __str__(self) -> str:
        return f"{self.theme}.{self.size}"
