"""Multiple choice: all right options earn all, some of them without a wrong one half, any wrong one nothing."""

from fractions import Fraction
from typing import Any

from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Malformed
from quizzes.kinds.choice import Choice


class Multiple(Choice):
    key = "multiple"
    label = gettext_lazy("Multiple choice")
    names = frozenset({"多选", "多项选择", "多项选择题"})
    shape = "many"
    input_type = "checkbox"
    instruction = gettext_lazy("Choose all that are right. Some of them without a wrong one earn half, a wrong one earns nothing.")
    hint = gettext_lazy("One option a line; * before each right one.")

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", []):
            return None
        if not isinstance(response, list) or len(response) > len(shown["options"]):
            raise Malformed("not a list of options")
        given = {self.known(shown, token) for token in response}
        return [option["token"] for option in shown["options"] if option["token"] in given]

    def mark(self, key: Any, response: Any) -> Fraction:
        given, right = set(response), set(key["right"])
        if not given or given - right:
            return Fraction(0)
        return Fraction(1) if given == right else Fraction(1, 2)

    def right(self, shown: dict, key: Any) -> Any:
        return self.read(shown, list(key["right"]))

    def wrong(self, shown: dict, key: Any) -> Any:
        outside = [option["token"] for option in shown["options"] if option["token"] not in key["right"]]
        return outside[:1] if outside else list(key["right"])[:1]


KIND = Multiple()
