"""What all figures share: axes, distinguishable colours, names in any script."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib import colormaps, rcParams, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font

MAX_COLOURS = 10  # that are distinguishable
_MAX_NAME_LENGTH = 24


def new_axes(width: float = 6, height: float = 4, **settings: Any) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches with one pair of axes; settings are those of Axes.set.

    Reference:
        The colours are from Petroff, "Accessible Color Sequences for Data Visualization", 2021,
        https://arxiv.org/abs/2107.02270.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    with style.context("petroff10"):
        axes = figure.add_subplot()
    axes.grid(visible=True, alpha=0.3)
    axes.set(**settings)
    return figure, axes


def choose_colours(num: int) -> list[Any]:
    """Return a colour for each class."""
    if num <= MAX_COLOURS:
        return [entry["color"] for entry in style.library["petroff10"]["axes.prop_cycle"]][:num]
    return list(colormaps["viridis"](np.linspace(0, 1, num)))


def format_names(names: Sequence[str], max_length: int = _MAX_NAME_LENGTH) -> list[str]:
    r"""Shorten names, and make the fonts that they need available.

    A name that no installed font can draw becomes the number of its class.

    Example:
        >>> format_names(["otter", "5 $", "a name as long as no class should ever have"])
        ['otter', '5 \\$', 'a name as long as no cl…']
    """
    return [
        _shorten(name, max_length) if _find_fonts(name) else f"class {number}"
        for number, name in enumerate(names)
    ]


def _shorten(name: str, max_length: int) -> str:
    short = name if len(name) <= max_length else f"{name[: max_length - 1]}…"
    return short.replace("$", r"\$")  # else it would begin a formula


def _find_fonts(name: str) -> bool:
    """Add the fonts that a name needs to matplotlib's; return whether there are any."""
    for letter in {*name} - {" "}:
        family = _font_with(letter)
        if family is None:
            return False
        if family not in rcParams["font.family"]:
            rcParams["font.family"] = [*rcParams["font.family"], family]
    return True


@cache
def _font_with(letter: str) -> str | None:
    """Return the family of a font that has a letter, the default one first."""
    if ord(letter) in _charmap(fontManager.findfont(FontProperties())):
        return str(rcParams["font.family"][0])
    for entry in fontManager.ttflist:
        special = entry.name.startswith(("Last Resort", "STIX", "cm"))  # no letters to read
        if not special and ord(letter) in _charmap(entry.fname):
            return entry.name
    return None


@cache
def _charmap(path: str) -> frozenset[int]:
    return frozenset(get_font(path).get_charmap())
