"""How figures read: one form for hours, scores and shares, on pages, papers and in exports."""

from decimal import ROUND_DOWN, Decimal

HUNDREDTH = Decimal("0.01")


def figure(value: object) -> str:
    """A figure for reading: cut, never rounded, to two places, without idle zeros: 91.666 → 91.66, 7.50 → 7.5, 20.00 → 20.

    Cut, because a score that reads 80 has to be a pass at 80, and 99.999 is not 100.
    """
    text = f"{Decimal(str(value)).quantize(HUNDREDTH, ROUND_DOWN):f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(value: object) -> str:
    """A share in per cent, with its sign: 91.666 → 91.66%, 80.00 → 80%."""
    return f"{figure(value)}%"


def share(part: int | Decimal, whole: int | Decimal) -> int | None:
    """Whole per cent, rounded down, so that 100 is shown only when nothing is missing; None when there is nothing to divide by."""
    return int(part * 100 // whole) if whole else None
