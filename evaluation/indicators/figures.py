"""The figures that formulas may name, each with its definition. The one place where a figure is declared.

A counted figure is a sum over the people lines of a unit; only who is counted (`PersonLine.counted`) comes in. A reported
figure comes from an officer and is confirmed by another (`UnitFigure`). Pure: no database, no clock.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evaluation.models import PersonLine


@dataclass(frozen=True)
class Figure:
    """`of` says what one counted person adds; None: the figure is reported. `among` names the figure whose people may count here.

    With a `duty` the figure of an organ counts those who hold it in a posting of that organ, wherever else they are counted.
    """

    name: str
    words: str | Promise
    of: Callable[[PersonLine], int | Decimal] | None = None
    among: str = ""
    duty: str = ""

    @property
    def is_reported(self) -> bool:
        return self.of is None

    def of_organ(self, line: PersonLine, organ: int) -> int | Decimal:
        """What one counted person adds to the figure of an organ, given by its key."""
        is_there = self.duty in line.duties_in(organ) if self.duty else line.organ_id == organ
        return self.of(line) if is_there and self.of else 0


def _trained(line: PersonLine) -> bool:
    return line.required > 0


def _finished(line: PersonLine) -> bool:
    return line.required > 0 and line.done >= line.required


def _reached(line: PersonLine) -> bool:
    return line.required > 0 and (line.target is None or line.hours >= line.target)


def _passed(line: PersonLine) -> bool:
    return line.tests > 0 and line.passed >= line.tests


_ALL = [
    Figure("在册人数", _("People of the opening roster, with who joined early enough and without who was away too long."), lambda line: 1),
    Figure(
        "应训人数",
        _("Of these, whoever has at least one required course, by the rules that stood when the year was cut off."),
        _trained,
        "在册人数",
    ),
    Figure("完成必修人数", _("Of those to be trained, whoever had finished every required course by the cut-off."), _finished, "应训人数"),
    Figure("应考人数", _("Of the people counted, whoever has a test in a required course."), lambda line: line.tests > 0, "在册人数"),
    Figure(
        "首轮或补考合格人数",
        _("Of these, whoever had passed every such test by the cut-off, in the first round or a resit."),
        _passed,
        "应考人数",
    ),
    Figure(
        "达到角色学时目标人数",
        _(
            "Of those to be trained, whoever has reached the hours that the duty asks for in the year; a duty without a target asks for none."
        ),
        _reached,
        "应训人数",
    ),
    Figure(
        "主要领导人数",
        _("Chief leaders of the unit who have a required course; also those who are counted in another unit and lead this one beside it."),
        _trained,
        duty="chief",
    ),
    Figure("主要领导完成必修人数", _("Of these, whoever had finished every required course."), _finished, "主要领导人数", "chief"),
    Figure(
        "分管领导人数",
        _(
            "Deputies in charge in the unit who have a required course; also those who are counted in another unit and are in charge here beside it."
        ),
        _trained,
        duty="deputy",
    ),
    Figure("分管领导完成必修人数", _("Of these, whoever had finished every required course."), _finished, "分管领导人数", "deputy"),
    Figure("学时合计", _("Hours of the ledger of all people counted, of the year up to the cut-off."), lambda line: line.hours, "在册人数"),
    Figure("审核通过的标准目录条目", _("Entries of the standards catalogue that were approved in the period; reported and confirmed.")),
    Figure("年度任务数", _("Tasks of drafting that the unit was given for the year; reported and confirmed.")),
]
FIGURES = {figure.name: figure for figure in _ALL}
COUNTED = [figure for figure in _ALL if figure.of is not None]
REPORTED = [figure for figure in _ALL if figure.of is None]


def count(lines: Iterable[PersonLine], organ: int) -> dict[str, Decimal]:
    """Every counted figure of an organ, given by its key, from the lines of its people and of whoever holds a duty in it."""
    counted = [line for line in lines if line.counted]
    return {figure.name: sum((Decimal(figure.of_organ(line, organ)) for line in counted), Decimal(0)) for figure in COUNTED}


__all__ = ["COUNTED", "FIGURES", "REPORTED", "Figure", "count"]
