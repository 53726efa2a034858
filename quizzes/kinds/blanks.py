"""What the two kinds with blanks (____) in the stem share: typed ones and drop-down ones."""

from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import ItemKind, Policy, Shown, Wrong
from quizzes.stems import BLANK

MOST_BLANKS = 10


def policies(shares: Any, exact: Any) -> dict[str, Policy]:
    """The two ways of marking blanks, with what the learner is told for each."""
    return {
        "blanks": Policy(gettext_lazy("a share for each blank"), shares),
        "exact": Policy(gettext_lazy("all or nothing"), exact),
    }


class Blanks(ItemKind):
    """The stem is split at its blanks; a response is one text or token for each. A kind says which of them are right."""

    shape = "list"
    stem_in_fields = True

    def check_blanks(self, stem: str, count: int) -> None:
        blanks = len(BLANK.findall(stem))
        if blanks != count:
            raise Wrong(
                _("the stem has %(blanks)d blanks (____), but there are %(answers)d answers") % {"blanks": blanks, "answers": count},
                _("answer"),
            )
        if count > MOST_BLANKS:
            raise Wrong(_("at most %(limit)d blanks") % {"limit": MOST_BLANKS}, _("answer"))

    def outcome(self, key: Any, response: Any) -> list[bool]:
        """Whether each blank is right."""
        raise NotImplementedError

    def filled(self, shown: dict, response: list[str]) -> list[str]:
        """What stands in each blank, in words."""
        return response

    def said(self, shown: dict, response: Any) -> list[str]:
        texts = [] if response is None else self.filled(shown, response)
        return texts if len(texts) == 1 else [f"（{number}）{text}" for number, text in enumerate(texts, start=1) if text]

    def is_complete(self, shown: dict, response: Any) -> bool:
        return response is not None and all(response)

    def mark(self, key: Any, response: Any) -> Fraction:
        outcome = self.outcome(key, response)
        return Fraction(int(all(outcome))) if self.policy_of(key) == "exact" else Fraction(sum(outcome), len(outcome))

    def lines(self, own: list[str], right: list[str], outcome: list[bool], *, is_typed: bool) -> list[Shown]:
        """A line of the result page for each blank."""
        return [
            Shown(_("Blank %(number)d") % {"number": number}, "", *texts, bool(texts[0]), is_right, is_typed)
            for number, (*texts, is_right) in enumerate(zip(own, right, outcome, strict=True), start=1)
        ]
