"""Single choice: one right option, all or nothing."""

from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Wrong
from quizzes.kinds.choice import Choice


class Single(Choice):
    key = "single"
    rank = 10
    label = gettext_lazy("Single choice")
    names = ("单选", "单项选择", "单项选择题")
    shape = "one"
    input_type = "radio"
    instruction = gettext_lazy("Choose one.")
    hint = gettext_lazy("One option a line; * before the right one.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        if len(key) != 1:
            raise Wrong(_("a single choice has exactly one right answer, here are %(count)d") % {"count": len(key)}, _("answer"))

    def chosen(self, response: Any) -> list[str]:
        return [] if response is None else [response]

    def read(self, shown: dict, response: Any) -> Any:
        return None if response in (None, "") else self.known(shown, response)

    def mark(self, key: Any, response: Any) -> Fraction:
        return Fraction(int(response == key["right"][0]))

    def right(self, shown: dict, key: Any) -> Any:
        return key["right"][0]

    def wrong(self, shown: dict, key: Any) -> Any:
        return next(option["token"] for option in shown["options"] if option["token"] != key["right"][0])


KIND = Single()
