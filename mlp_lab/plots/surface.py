"""Predictions over the plane."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import choose_colours, format_names, new_axes

_RESOLUTION = 200  # along each side
_MARGIN = 0.15  # of the points' extent

# The two ends of the colour map "PuOr", which everybody can tell apart.
_TWO_COLOURS = ("#b35806", "#542788")


def plot_decision_surface(
    points: NDArray[np.floating],
    labels: NDArray[np.integer],
    class_names: Sequence[str],
    probabilities: Callable[[NDArray[np.floating]], NDArray[np.floating]],
    title: str,
) -> Figure:
    """Draw the predictions over the plane, and points ``(N, 2)`` in the colour of their class.

    Of two classes the probability of the second is drawn, of more the most probable class, paler
    where it is less probable. ``probabilities`` takes coordinates ``(M, 2)`` to ``(M, K)``.
    """
    low, high = points.min(0), points.max(0)
    margin = _MARGIN * (high - low)
    x, y = np.meshgrid(*np.linspace(low - margin, high + margin, _RESOLUTION, dtype=np.float32).T)
    surface = probabilities(np.stack([x.ravel(), y.ravel()], 1)).reshape(*x.shape, -1)

    figure, axes = new_axes(6, 5, xlabel="first feature", ylabel="second feature", title=title)
    axes.grid(visible=False)
    names = format_names(class_names)
    colours = list(_TWO_COLOURS) if len(names) == 2 else choose_colours(len(names))
    if len(names) == 2:
        levels = np.linspace(0, 1, 21)
        filled = axes.contourf(x, y, surface[..., 1], levels=levels, cmap="PuOr")
        axes.contour(x, y, surface[..., 1], levels=[0.5], colors="black", linewidths=1.5)
        bar = figure.colorbar(filled, ax=axes, ticks=np.linspace(0, 1, 6).tolist())
        bar.set_label(f"probability of {names[1]}")
    else:
        axes.pcolormesh(
            *(x, y, surface.argmax(-1)),
            cmap=ListedColormap(colours),
            vmin=-0.5,
            vmax=len(colours) - 0.5,
            alpha=0.6 * surface.max(-1),
            shading="nearest",
        )
    for label, (name, colour) in enumerate(zip(names, colours, strict=True)):
        chosen = points[labels == label]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=12,
            color=colour,
            edgecolors="white",
            linewidths=0.4,
            label=name,
        )
    axes.legend(title="class", loc="upper right")
    return figure
