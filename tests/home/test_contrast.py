"""The tokens' colours, measured as WCAG 2.2 asks: text 4.5, large marks, borders of inputs and focus rings 3."""

import re
from pathlib import Path

import pytest

CSS = {name: (Path(__file__).parents[2] / "static" / "css" / f"{name}.css").read_text() for name in ("site", "dark")}

TEXT = [
    ("text", "paper"),
    ("text", "surface"),
    ("text", "raised"),
    ("muted", "paper"),
    ("muted", "surface"),
    ("muted", "raised"),
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink", "raised"),
    ("ink-strong", "info-soft"),
    ("ink-strong", "surface"),
    ("on-ink", "ink"),
    ("on-ink", "ink-strong"),
    ("on-band", "band"),
    ("on-band", "band-deep"),
    ("on-band-soft", "band"),
    ("on-band-soft", "band-deep"),
    ("accent", "accent-soft"),
    ("accent", "paper"),
    ("ok", "ok-soft"),
    ("ok", "surface"),
    ("ok", "paper"),
    ("warn", "warn-soft"),
    ("warn", "surface"),
    ("bad", "bad-soft"),
    ("bad", "surface"),
    ("bad", "paper"),
    ("info", "info-soft"),
    ("text", "info-soft"),
    ("text", "warn-soft"),
    ("text", "ok-soft"),
    ("text", "mark"),
    ("muted", "info-soft"),
    ("muted", "warn-soft"),
    ("surface", "ok"),
]
MARKS = [
    ("control", "surface"),
    ("control", "paper"),
    ("focus", "paper"),
    ("focus", "surface"),
    ("glow", "band"),
    ("glow", "band-deep"),
    ("ink", "line"),
    ("ok", "line"),
]


def tokens_of(css: str) -> dict[str, str]:
    return dict(re.findall(r"^\s*--site-([\w-]+): (#[0-9a-f]{6});", css, re.M))


LIGHT = tokens_of(CSS["site"])
DARK = LIGHT | tokens_of(CSS["dark"])


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure_is_the_one_of_wcag():
    assert ratio("#000000", "#ffffff") == 21
    assert round(ratio("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(tokens):
    assert {pair: round(ratio(tokens[pair[0]], tokens[pair[1]]), 2) for pair in TEXT if ratio(tokens[pair[0]], tokens[pair[1]]) < 4.5} == {}


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_inputs_bars_and_focus_rings_can_be_seen(tokens):
    assert {pair: round(ratio(tokens[pair[0]], tokens[pair[1]]), 2) for pair in MARKS if ratio(tokens[pair[0]], tokens[pair[1]]) < 3} == {}


def test_the_colours_that_bootstrap_takes_apart_agree_with_the_tokens():
    names = {
        "primary": "ink",
        "success": "ok",
        "warning": "warn",
        "danger": "bad",
        "body-bg": "paper",
        "body-color": "text",
        "secondary": "muted",
    }
    for css, tokens in ((CSS["site"], LIGHT), (CSS["dark"], DARK)):
        for bootstrap, token in names.items():
            figures = re.search(rf"--bs-{bootstrap}-rgb: ([\d, ]+);", css)[1]
            assert "#{:02x}{:02x}{:02x}".format(*map(int, figures.split(","))) == tokens[token], bootstrap


def test_dark_says_only_what_light_does_not():
    def lines(css):
        return set(re.findall(r"^\s*--[\w-]+: .+;", css, re.M))

    assert lines(CSS["site"]) & lines(CSS["dark"]) == set()
    assert tokens_of(CSS["dark"]).keys() <= LIGHT.keys()
