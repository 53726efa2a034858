"""A number, within a tolerance, in a unit of a list where there is one."""

import random
import re
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Cells, ItemKind, Malformed, OnPaper, Pick, Shown, Wrong, clean_text, lettered
from quizzes.rules import EXACT, decimal_text, number

LONGEST_NUMBER = 40
MOST_UNITS = 10
TOLERANCE = re.compile(r"±|\+/?-")
COUNTED = "个"  # the measure word that may stand behind any number: 15个工作日
QUOTIENT = re.compile(r"\s*([-+负−]?)\s*([0-9]{1,30})\s*/\s*([0-9]{1,30})\s*")  # in 1 1/2 there is another number before it
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
UNIT = re.compile(r"^(.+?)(?:(?<!\s)\s*+[=＝]\s*(.+))?$")


class Numeric(ItemKind):
    """content {"units": {name: factor to the base unit}}: {} is a bare number, the base unit has the factor 1.

    key {"value", "tolerance", "relative"}: decimals as texts, in the base unit; a relative tolerance is a
    share of the value (0.05 is 5 %). Numbers are compared exactly.
    """

    key = "numeric"
    rank = 60
    label = gettext_lazy("Numeric")
    names = ("数值", "数字", "计算")
    shape = "map"
    template = "quizzes/kinds/numeric.html"
    hint = gettext_lazy(
        "First line: the number, with its tolerance if there is one (20 ± 0.5 or 20 ± 5%). Then one unit a line with its size: "
        "元 = 1, below it 万元 = 10000."
    )
    sheet_hint = gettext_lazy(
        "The answer is 20 or 20 ± 0.5 or 20 ± 5%; the options are the units with their size, as in 元 = 1 and 万元 = 10000."
    )

    def instruction_for(self, shown: dict) -> Any:
        if len(shown["units"]) > 1:
            return _("Write a number and choose its unit.")
        return _("Write a number.")

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        units = content.get("units") if isinstance(content, dict) else None
        if not isinstance(units, dict) or len(units) > MOST_UNITS:
            raise Wrong(_("at most %(limit)d units") % {"limit": MOST_UNITS}, _("unit"))
        for name, factor in units.items():
            if not name.strip() or len(name) > 20 or number(name) is not None:
                raise Wrong(_("“%(name)s” is no unit") % {"name": name[:20]}, _("unit"))
            size = _read(factor)
            if size is None or size <= 0:
                raise Wrong(_("the size of “%(name)s” must be a number above 0") % {"name": name}, _("unit"))
        if units and not any(_read(factor) == 1 for factor in units.values()):
            raise Wrong(_("one unit must have the size 1: the answer is given in it"), _("unit"))
        if not isinstance(key, dict) or _read(key.get("value")) is None:
            raise Wrong(_("the answer must be a number"), _("answer"))
        tolerance = _read(key.get("tolerance"))
        if tolerance is None or tolerance < 0 or not isinstance(key.get("relative"), bool):
            raise Wrong(_("the tolerance must be a number of 0 or more"), _("answer"))

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        content, key = self.from_lines([cells.answer, *(cells.options[letter] for letter in sorted(cells.options))])
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        answer, *units = self.to_lines(content, key)
        return Cells(stem, lettered(units), answer)

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        answer, units = row.get("answer"), row.get("units") or {}
        if isinstance(units, Mapping):
            made = {"units": {str(name).strip(): str(factor) for name, factor in units.items()}}
        else:
            made = {"units": _units([str(name) for name in units] if isinstance(units, list) else [str(units)])}
        if isinstance(answer, Mapping):
            is_relative = answer.get("relative", False)
            key = {"value": str(answer.get("value")), "tolerance": str(answer.get("tolerance", 0)), "relative": is_relative}
        else:
            key = _answer(str(answer))
        self.check(str(row.get("stem", "")), made, key)
        return made, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        if not lines:
            raise Wrong(_("no right answer is given"), _("answer"))
        content, key = {"units": _units(lines[1:])}, _answer(lines[0])
        self.check("", content, key)
        return content, key

    def is_same_key(self, one: Any, other: Any) -> bool:
        """2.5 and 2.50 are the same number: banks from before keep the one, files bring the other."""
        return one["relative"] == other["relative"] and all(Fraction(one[name]) == Fraction(other[name]) for name in ("value", "tolerance"))

    def to_lines(self, content: Any, key: Any) -> list[str]:
        return [_said(key), *(f"{name} = {factor}" for name, factor in _sorted(content["units"]))]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {"stem": stem, "units": [name for name, _factor in _sorted(content["units"])]}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        if set(shown["units"]) != set(content["units"]):
            raise Wrong(_("the units are no longer those that were shown"))
        return {**key, "units": content["units"]}

    def amend(self, content: Any, mended: Any, key: Any) -> tuple[Any, Any]:
        return mended, key  # the sizes of the units say in which of them the number is

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        units = [name for name, _factor in _sorted(content["units"])]
        return OnPaper([f"（{' / '.join(units)}）"] if units else [], key=[f"{_said(key)} {_base(content['units'])}".strip()])

    def read(self, shown: dict, response: Any) -> Any:
        if response in (None, "", {}):
            return None
        if not isinstance(response, dict) or set(response) - {"value", "unit"}:
            raise Malformed("not a number with a unit")
        value, unit = clean_text(response.get("value") or "", LONGEST_NUMBER), response.get("unit") or ""
        if unit not in ("", *shown["units"]):
            raise Malformed("no such unit")
        return {"value": value, "unit": unit} if value or unit else None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        given = response or {"value": "", "unit": ""}
        units = [{"name": name, "chosen": name == given["unit"]} for name in shown["units"]]
        return [{"value": given["value"], "units": units, "longest": LONGEST_NUMBER}]

    def said(self, shown: dict, response: Any) -> list[str]:
        return [f"{response['value']} {response['unit']}".strip()] if response else []

    def is_complete(self, shown: dict, response: Any) -> bool:
        return response is not None and _amount(response, dict.fromkeys(shown["units"], "1")) is not None

    def mark(self, key: Any, response: Any) -> Fraction:
        amount = _amount(response, key["units"])
        if amount is None:
            return Fraction(0)
        value, tolerance = Fraction(key["value"]), Fraction(key["tolerance"])
        return Fraction(int(abs(amount - value) <= (tolerance * abs(value) if key["relative"] else tolerance)))

    def explain(self, shown: dict, key: Any, response: Any) -> list[Shown]:
        own = f"{response['value']} {response['unit']}".strip() if response else ""
        base = _base(key["units"])
        return [Shown(_("Answer"), "", own, f"{_said(key)} {base}".strip(), bool(own), bool(own) and self.mark(key, response) == 1, True)]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        amount = _amount(response, key["units"])
        return ["?" if amount is None else _code(amount)]

    def picks(self, shown: dict, key: Any, mended: Any) -> list[Pick]:
        value = decimal_text(Fraction(mended["value"]), EXACT)
        return [Pick(value, f"{value} {_base(mended['units'])}".strip(), True)]

    def right(self, shown: dict, key: Any) -> Any:
        return {"value": key["value"], "unit": _asked(key["units"])}

    def wrong(self, shown: dict, key: Any) -> Any:
        value, tolerance = Fraction(key["value"]), Fraction(key["tolerance"])
        return {
            "value": decimal_text(value + 1 + 2 * (tolerance * abs(value) if key["relative"] else tolerance), EXACT),
            "unit": _asked(key["units"]),
        }


def _read(text: Any) -> Fraction | None:
    """A number of the bank: a plain decimal, as text."""
    return number(text) if isinstance(text, str) and len(text) <= LONGEST_NUMBER and re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def _plain(text: str, field: str) -> str:
    """What a trainer wrote as a plain decimal, to the last digit; one that is plain already stays as it stands."""
    value = number(text)
    if value is None:
        raise Wrong(_("“%(text)s” is not a number") % {"text": text.strip()[:40]}, field)
    return text.strip() if PLAIN.fullmatch(text.strip()) else decimal_text(value, EXACT)


def _answer(line: str) -> dict:
    value, *rest = TOLERANCE.split(line)
    if len(rest) > 1:
        raise Wrong(_("“%(text)s” is not a number") % {"text": line[:40]}, _("answer"))
    tolerance = rest[0].strip() if rest else "0"
    is_relative = tolerance.endswith(("%", "％"))
    if is_relative:
        tolerance = decimal_text((number(tolerance[:-1]) or Fraction(0)) / 100, EXACT) if number(tolerance[:-1]) is not None else tolerance
    return {"value": _plain(value, _("answer")), "tolerance": _plain(tolerance, _("answer")), "relative": is_relative}


def _units(lines: list[str]) -> dict[str, str]:
    units: dict[str, str] = {}
    for line in lines:
        match = UNIT.match(line.strip())
        if not match or match[1] in units:
            raise Wrong(_("“%(name)s” is no unit") % {"name": line[:20]}, _("unit"))
        units[match[1]] = _plain(match[2], _("unit")) if match[2] else "1"
    return units


def _said(key: dict) -> str:
    """The answer with its tolerance, as `_answer` reads it."""
    tolerance = Fraction(key["tolerance"])
    if not tolerance and not key["relative"]:
        return key["value"]
    return f"{key['value']} ± {decimal_text(tolerance * 100, EXACT)}%" if key["relative"] else f"{key['value']} ± {key['tolerance']}"


def _sorted(units: Mapping[str, str]) -> list[tuple[str, str]]:
    """Units by size: JSON objects keep no order in every database."""
    return sorted(units.items(), key=lambda unit: (Fraction(unit[1]), unit[0]))


def _base(units: Mapping[str, str]) -> str:
    return next((name for name, factor in _sorted(units) if Fraction(factor) == 1), "")


def _asked(units: Mapping[str, str]) -> str:
    """The base unit as a page gives it back: a single unit is printed there, not chosen."""
    return _base(units) if len(units) > 1 else ""


def _plainly(text: str) -> str:
    """As it is typed with half-width signs, without a closing full stop, with a nought before the point: ５％。 as 5%, .5 as 0.5."""
    folded = unicodedata.normalize("NFKC", text).strip().rstrip("。．.").rstrip()
    return re.sub(r"^([-+]?)\.(?=\d)", r"\g<1>0.", folded)


def _typed(text: str) -> Fraction | None:
    """A number, or a quotient of two whole ones."""
    found = QUOTIENT.fullmatch(text)
    if not found:
        return number(text)
    sign, above, below = found.groups()
    return Fraction(int(above), int(below)) * (-1 if sign in {"-", "−", "负"} else 1) if int(below) else None


def _counted(text: str) -> Fraction | None:
    return _typed(text.rstrip().removesuffix(COUNTED))


def _code(amount: Fraction) -> str:
    """An amount in digits; to twelve places where a quotient never ends."""
    text = decimal_text(amount, EXACT)
    return text if Fraction(text) == amount else decimal_text(amount)


def _amount(response: dict, units: Mapping[str, str]) -> Fraction | None:
    """The number that was given, in the base unit; the unit may be typed behind it, 个 behind the number. None: it cannot be told."""
    value, unit = _plainly(response["value"]), response["unit"]
    given = _typed(value)
    if given is None:
        # The chosen one first: 3万元 with 元 chosen is thirty thousand of them, whether or not 万元 is a unit too.
        names = [*([unit] if unit else []), *sorted(units, key=len, reverse=True)]
        typed = next((name for name in names if value.endswith(_plainly(name))), "")
        if not typed:
            given = _counted(value)
        elif unit in ("", typed):
            given = _counted(value.removesuffix(_plainly(typed)))
        unit = unit or typed
    if given is None:
        return None
    if len(units) == 1:
        unit = next(iter(units))
    if units and unit not in units:
        return None
    return given * Fraction(units[unit]) if units else given


KIND = Numeric()
