"""What a net says of each place of the plane."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

_PLACES = 200  # along each side
_MARGIN = 0.15  # of the points' extent

# The two ends of the colour map "PuOr", which everybody can tell apart.
_COLOURS = ("#b35806", "#542788")


def plot_decision_surface(
    points: NDArray[np.floating],
    names: Sequence[str],
    class_names: tuple[str, str],
    probability: Callable[[Tensor], Tensor],
    title: str,
) -> Figure:
    """Draw the probability of the second class over the plane, and points in their class's colour.

    Args:
        points: Coordinates ``(N, 2)``.
        names: The class of each.
        class_names: The two classes.
        probability: Gives that of the second class ``(M,)`` for places ``(M, 2)``.
        title: What is shown.
    """
    low, high = points.min(0), points.max(0)
    margin = _MARGIN * (high - low)
    sides = [
        np.linspace(a, b, _PLACES, dtype=np.float32)
        for a, b in zip(low - margin, high + margin, strict=True)
    ]
    first, second = np.meshgrid(*sides)
    places = torch.from_numpy(np.stack([first.ravel(), second.ravel()], 1))
    surface = probability(places).numpy().reshape(first.shape)

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot()
    filled = axes.contourf(first, second, surface, levels=np.linspace(0, 1, 21), cmap="PuOr")
    axes.contour(first, second, surface, levels=[0.5], colors="black", linewidths=1.5)
    figure.colorbar(filled, ax=axes, ticks=np.linspace(0, 1, 6).tolist())
    labels = np.asarray(names)
    for name, colour in zip(class_names, _COLOURS, strict=True):
        chosen = points[labels == name]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=12,
            color=colour,
            edgecolors="white",
            linewidths=0.4,
            label=name,
        )
    axes.set(xlabel="first feature", ylabel="second feature", title=title)
    axes.legend(title="class", loc="upper right")
    return figure
