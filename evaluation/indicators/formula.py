"""The language of formulas: numbers, named figures, + - * /, brackets, min max round abs. Everything is a decimal.

`simpleeval` does the arithmetic. What it could do beyond this language is refused before it sees the text, with the reason
in words. Pure: no database, no clock.
"""

import ast
import re
import unicodedata
from collections.abc import Collection, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException, localcontext

from django.utils.translation import gettext as _
from simpleeval import InvalidExpression, SimpleEval

from core.errors import Refused

LONGEST = 300
DEEPEST = 12
MOST_DIGITS = 9
LARGEST = Decimal(9_999_999)  # more than any figure of a unit
BOUND = Decimal(10) ** 15  # from here on 28 digits hold no millionth of a point
_NUMBER = re.compile(r"\d+(\.\d+)?")
_PRECISION = Context(prec=28, rounding=ROUND_HALF_UP)


class Void(Exception):
    """The formula divides by nothing: it has no value here."""


class Formula:
    """One formula, read once and evaluated for as many units as there are.

    Raises:
        Refused: empty, too_long, lookalike, syntax, too_deep, forbidden, number, unknown (name), arguments, or void whatever the
            figures are. The message names the part.
    """

    def __init__(self, text: str, *, known: Collection[str]) -> None:
        self.text = text.strip()
        self.tree = _read(self.text)
        self.names = _check(self.tree, self.text, known)
        self._refuse_void()

    def _refuse_void(self) -> None:
        """A figure may be nothing in one unit; what holds no figure is nothing in all of them, and the item could never count."""
        for node in ast.walk(self.tree):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)) or _names_a_figure(node.right):
                continue
            try:
                with localcontext(_PRECISION):
                    is_void = not _Evaluator({}).eval(self.text, previously_parsed=node.right)
            except (ZeroDivisionError, DecimalException):
                is_void = True
            if is_void:
                part = ast.get_source_segment(self.text, node) or self.text
                raise Refused(_("“%(part)s” divides by nothing, whatever the figures are.") % {"part": part[:60]}, code="void")

    def value(self, figures: Mapping[str, Decimal]) -> Decimal:
        """What it comes to with these figures, which must hold every one of `names`.

        Raises:
            Void: something is divided by nothing, or the result is beyond what can be counted.
        """
        evaluator = _Evaluator(figures)
        try:
            with localcontext(_PRECISION):
                return evaluator.eval(self.text, previously_parsed=self.tree)
        except (ZeroDivisionError, DecimalException) as error:
            raise Void from error
        except InvalidExpression as error:  # what `_check` lets through has a value; a name that is missing here is a fault of ours
            raise LookupError(f"{self.text}: {error}") from error

    def require_usable(self) -> None:
        """Refuse what a new formula may not be, though one that stands is read: a remark behind it, which the language has not, and what
        comes, with the largest figures, each tried against small ones too, to more than can be counted.

        Raises:
            Refused: forbidden, too_large.
        """
        if "#" in self.text:
            raise _forbidden(self.text[self.text.index("#") :])
        small, large = dict.fromkeys(self.names, Decimal(1)), dict.fromkeys(self.names, LARGEST)
        tries = [small, large]
        for name in sorted(self.names):
            tries += [small | {name: LARGEST}, large | {name: Decimal(1)}]
        for figures in tries:
            try:
                with localcontext(_PRECISION):
                    value = _Evaluator(figures).eval(self.text, previously_parsed=self.tree)
            except ZeroDivisionError:  # void with just these figures
                continue
            except DecimalException:
                value = BOUND
            if abs(value) >= BOUND:
                raise Refused(_("With large figures the formula comes to more than can be counted."), code="too_large")


def _names_a_figure(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id not in FUNCTIONS for node in ast.walk(tree))


def _divide(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise ZeroDivisionError  # 0/0 as well, which decimals call by another name
    return left / right


def _round(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    """Half up (四舍五入), as people round; Python's own rounds half to even."""
    return value.quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)


OPERATORS = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: _divide,
    ast.USub: lambda value: -value,
    ast.UAdd: lambda value: value,
}
FUNCTIONS = {"min": min, "max": max, "abs": abs, "round": _round}
_ARGUMENTS = {"min": (2, 20), "max": (2, 20), "abs": (1, 1), "round": (1, 2)}
_NODES = (ast.Expression, ast.Expr, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Load, ast.operator, ast.unaryop)


class _Evaluator(SimpleEval):
    def __init__(self, figures: Mapping[str, Decimal]) -> None:
        super().__init__(operators=OPERATORS, functions=FUNCTIONS, names=figures)
        self.nodes = {kind: act for kind, act in self.nodes.items() if issubclass(kind, _NODES)}  # type: ignore[has-type]
        self.nodes[ast.Constant] = self._decimal

    @staticmethod
    def _decimal(node: ast.Constant) -> Decimal:
        # The digits as written: at most MOST_DIGITS of them, which a float gives back without loss.
        return Decimal(repr(node.value))


def _read(text: str) -> ast.expr:
    if not text:
        raise Refused(_("The formula is empty."), code="empty")
    if len(text) > LONGEST:
        raise Refused(_("The formula has more than %(most)d signs.") % {"most": LONGEST}, code="too_long")
    for sign in text:
        # Python reads ｍｉｎ as min: what looks otherwise than it reads is refused.
        if unicodedata.normalize("NFKC", sign) != sign or unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cn", "Cs"}:
            raise Refused(
                _("The sign “%(sign)s” (U+%(point)04X) is not taken: write figures, brackets and signs in half width.")
                % {"sign": sign if sign.isprintable() else "", "point": ord(sign)},
                code="lookalike",
            )
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        place = getattr(error, "offset", None)
        raise Refused(
            _("The formula cannot be read at sign %(place)d.") % {"place": place} if place else _("The formula cannot be read."),
            code="syntax",
        ) from error


def _check(tree: ast.expr, text: str, known: Collection[str]) -> frozenset[str]:
    """The figures that a formula names, once all of it is in the language."""
    names: set[str] = set()
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise Refused(_("The formula is nested more than %(most)d deep.") % {"most": DEEPEST}, code="too_deep")
        part = ast.get_source_segment(text, node) or ""
        if isinstance(node, ast.Call):
            waiting += [(argument, depth + 1) for argument in _arguments(node, part)]
        elif isinstance(node, ast.BinOp | ast.UnaryOp):
            if type(node.op) not in OPERATORS:
                raise _forbidden(part)
            waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        elif isinstance(node, ast.Constant):
            _check_number(part)
        elif isinstance(node, ast.Name):
            if node.id not in known:
                raise Refused(_("There is no figure “%(name)s”.") % {"name": node.id}, code="unknown")
            names.add(node.id)
        else:
            raise _forbidden(part)
    return frozenset(names)


def _arguments(node: ast.Call, part: str) -> list[ast.expr]:
    name = node.func.id if isinstance(node.func, ast.Name) else None
    if name not in FUNCTIONS or node.keywords:
        raise _forbidden(part)
    least, most = _ARGUMENTS[name]
    if not least <= len(node.args) <= most:
        raise Refused(
            _("“%(part)s”: %(name)s takes from %(least)d to %(most)d values.") % {"part": part, "name": name, "least": least, "most": most},
            code="arguments",
        )
    if name == "round" and len(node.args) == 2:
        places = node.args[1]
        if not (isinstance(places, ast.Constant) and type(places.value) is int and 0 <= places.value <= 6):
            raise Refused(_("“%(part)s”: round takes a number of places from 0 to 6.") % {"part": part}, code="arguments")
    return node.args


def _check_number(part: str) -> None:
    if not _NUMBER.fullmatch(part):
        raise _forbidden(part)
    if len(part.replace(".", "")) > MOST_DIGITS:
        raise Refused(_("The number %(part)s has more than %(most)d digits.") % {"part": part[:40], "most": MOST_DIGITS}, code="number")


def _forbidden(part: str) -> Refused:
    return Refused(
        _("“%(part)s” is not part of the language of formulas: numbers, figures, + - * / ( ), min, max, round, abs.") % {"part": part[:60]},
        code="forbidden",
    )
