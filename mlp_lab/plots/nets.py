"""Layers, neurons and weights of a net."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import new_axes
from mlp_lab.plots.images import draw_images

if TYPE_CHECKING:  # figures of finished runs are drawn without torch
    from mlp_lab.nets import Layer

_MAX_NEURONS = 12  # drawn of a layer
_MAX_FILTERS = 64
_PERCENTILES = (1, 99)
_TOP = 0.5  # above the neurons of a layer
_ARC_HEIGHT = 0.08  # above that, for each layer that is passed over
_MAX_ARC_HEIGHT = 0.4
_NEGATIVE, _POSITIVE = "#b35806", "#542788"


def plot_net(input_shape: tuple[int, ...], layers: "Sequence[Layer]", title: str) -> Figure:
    """Draw the neurons of each layer, and the connections between those that are drawn.

    A circle is a neuron, or a channel of a convolution. Between linear layers a line is as opaque
    as its weight is large, orange where it is negative and violet where it is positive. An arc
    stands for all connections from a layer, or the input, past others to one further on.
    """
    figure, axes = new_axes(min(max(6.0, 2.2 * (len(layers) + 1)), 30), 5.5, title=title)
    axes.set_axis_off()
    kinds = ["input", *(layer.kind for layer in layers)]
    shapes = [input_shape, *(layer.output_shape for layer in layers)]
    sizes = [_num_units(shape, layer) for shape, layer in zip(shapes, [*layers, None], strict=True)]
    units = [_shown_units(size) for size in sizes]
    arcs = []
    for column, layer in enumerate(layers, start=1):
        arcs += [_arc(source, column) for source in layer.sources if source < column - 1]
        if column - 1 not in layer.sources:
            continue
        before, after = units[column - 1], units[column]
        weights = np.full((len(after), len(before)), np.nan)
        if layer.weight.shape == (sizes[column], sizes[column - 1]):
            weights = layer.weight.cpu().numpy()[np.ix_(list(after), list(before))]
        ends = [
            [(column - 1, low), (column, high)]
            for high in after.values()
            for low in before.values()
        ]
        axes.add_collection(
            LineCollection(ends, colors=_line_colours(weights.ravel()), linewidths=0.9, zorder=1)
        )
    highest = _TOP
    if arcs:
        axes.add_collection(LineCollection(arcs, colors="grey", linewidths=1.5))
        highest = max(float(arc[:, 1].max()) for arc in arcs)
    for column, (kind, shape, size, shown) in enumerate(
        zip(kinds, shapes, sizes, units, strict=True)
    ):
        heights = list(shown.values())
        axes.scatter(
            [column] * len(heights), heights, s=110, zorder=3, color="white", edgecolors="black"
        )
        if size > len(shown):
            axes.text(column, 0, "⋮", ha="center", va="center", fontsize=18, zorder=4)
        text = f"{kind}\n{' x '.join(f'{n:,}' for n in shape)}"
        axes.text(column, -0.56, text, ha="center", va="top", fontsize=9)
    axes.set(xlim=(-0.6, len(layers) + 0.6), ylim=(-0.75, highest + 0.05))
    return figure


def _num_units(shape: tuple[int, ...], next_layer: "Layer | None") -> int:
    """Return how many circles a layer would have: channels of an image that is convolved."""
    if len(shape) == 3 and (next_layer is None or next_layer.kind != "Linear"):
        return shape[0]
    return math.prod(shape)


def _shown_units(num: int) -> dict[int, float]:
    """Return the first and last neurons of a layer, and how high each is drawn."""
    slots: list[int | None] = list(range(num))
    if num > _MAX_NEURONS:
        half = _MAX_NEURONS // 2
        slots[half:-half] = [None]  # a gap, drawn as dots
    heights = np.linspace(0.45, -0.45, len(slots)).tolist() if len(slots) > 1 else [0.0]
    return {unit: y for unit, y in zip(slots, heights, strict=True) if unit is not None}


def _arc(start: int, end: int) -> NDArray[np.floating]:
    """Return points ``(n, 2)`` from one layer to another, over those between them."""
    angles = np.linspace(np.pi, 0, 50)
    radius = (end - start) / 2
    height = min(_ARC_HEIGHT * (end - start - 1), _MAX_ARC_HEIGHT)
    return np.stack([start + radius * (1 + np.cos(angles)), _TOP + height * np.sin(angles)], 1)


def _line_colours(weights: NDArray[np.floating]) -> list[tuple[float, float, float, float]]:
    """Return a colour for each weight; grey where they are not known."""
    if np.isnan(weights).all():
        return [to_rgba("grey", 0.15)] * len(weights)
    top = np.abs(weights).max() or 1.0
    return [
        to_rgba(_NEGATIVE if weight < 0 else _POSITIVE, 0.05 + 0.75 * abs(weight) / top)
        for weight in weights.tolist()
    ]


def plot_filters(weights: NDArray[np.floating], title: str) -> Figure:
    """Draw the weights ``(H, C, h, w)`` of the first 64 neurons as images.

    Each is clipped at its own percentiles.
    """
    shown = weights[:_MAX_FILTERS]
    columns = min(len(shown), 16)
    rows = -(-len(shown) // columns)
    size = (0.7 * columns + 0.3, 0.7 * rows + 0.6)
    places = [divmod(number, columns) for number in range(len(shown))]
    figure, _, _ = draw_images(list(_clip(shown) * 255), places, size, title)
    return figure


def _clip(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale the weights of each neuron to 0..1, clipped at its percentiles."""
    low, high = np.percentile(  # no interpolation: the last weight may be an outlier
        weights, _PERCENTILES, axis=(1, 2, 3), keepdims=True, method="nearest"
    )
    clipped: NDArray[np.floating] = ((weights - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return clipped
