"""Multiple choice: what some of the right options, or a wrong one among them, earn is told by the policy."""

from fractions import Fraction
from typing import Any

from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Malformed, Policy
from quizzes.kinds.choice import Choice

# Policy → share for (right ones chosen, wrong ones chosen, right ones there are). At least one was chosen.
_SHARES = {
    "half": lambda right, wrong, all_: Fraction(0) if wrong else Fraction(1) if right == all_ else Fraction(1, 2),
    "all_or_nothing": lambda right, wrong, all_: Fraction(int(not wrong and right == all_)),
    "share": lambda right, wrong, all_: Fraction(0) if wrong else Fraction(right, all_),
    "penalty": lambda right, wrong, all_: max(Fraction(right - wrong, all_), Fraction(0)),
}


class Multiple(Choice):
    key = "multiple"
    rank = 20
    label = gettext_lazy("Multiple choice")
    names = ("多选", "多项选择", "多项选择题")
    shape = "many"
    input_type = "checkbox"
    policies = {
        "half": Policy(
            gettext_lazy("half for some right ones without a wrong one"),
            gettext_lazy("Choose all that are right. Some of them without a wrong one earn half, a wrong one earns nothing."),
        ),
        "all_or_nothing": Policy(
            gettext_lazy("all or nothing"), gettext_lazy("Choose all that are right. Anything else than exactly these earns nothing.")
        ),
        "share": Policy(
            gettext_lazy("a share for each right one, nothing with a wrong one"),
            gettext_lazy("Choose all that are right. Each right one earns its share; a wrong one among them earns nothing."),
        ),
        "penalty": Policy(
            gettext_lazy("a share for each right one, less one for each wrong one"),
            gettext_lazy("Choose all that are right. Each right one earns its share, each wrong one takes a share away, down to nothing."),
        ),
    }
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
        return _SHARES[self.policy_of(key)](len(given & right), len(given - right), len(right)) if given else Fraction(0)

    def right(self, shown: dict, key: Any) -> Any:
        return self.read(shown, list(key["right"]))

    def wrong(self, shown: dict, key: Any) -> Any:
        outside = [option["token"] for option in shown["options"] if option["token"] not in key["right"]]
        return outside[:1] if outside else list(key["right"])[:1]


KIND = Multiple()
