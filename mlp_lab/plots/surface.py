"""What a net says of each place of the plane."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.plots.canvas import colours, drawable, new_axes

_PLACES = 200  # along each side
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
    """Draw what a net says of the plane, and points in their class's colour.

    Of two classes the probability of the second is drawn, of more the likeliest class, the paler
    the less sure.

    Args:
        points: Coordinates ``(N, 2)``.
        labels: The class of each, ``(N,)``.
        class_names: Names of the K classes.
        probabilities: Gives those of all classes ``(M, K)`` for places ``(M, 2)``.
        title: What is shown.
    """
    low, high = points.min(0), points.max(0)
    margin = _MARGIN * (high - low)
    sides = [
        np.linspace(a, b, _PLACES, dtype=np.float32)
        for a, b in zip(low - margin, high + margin, strict=True)
    ]
    first, second = np.meshgrid(*sides)
    places = np.stack([first.ravel(), second.ravel()], 1)
    surface = probabilities(places).reshape(_PLACES, _PLACES, -1)

    figure, axes = new_axes(6, 5, xlabel="first feature", ylabel="second feature", title=title)
    axes.grid(visible=False)
    shades = list(_TWO_COLOURS) if len(class_names) == 2 else colours(len(class_names))
    if len(class_names) == 2:
        levels = np.linspace(0, 1, 21)
        filled = axes.contourf(first, second, surface[..., 1], levels=levels, cmap="PuOr")
        axes.contour(first, second, surface[..., 1], levels=[0.5], colors="black", linewidths=1.5)
        bar = figure.colorbar(filled, ax=axes, ticks=np.linspace(0, 1, 6).tolist())
        bar.set_label(f"probability of {drawable(class_names)[1]}")
    else:
        _fill_regions(axes, (first, second), surface, shades)
    for label, (name, colour) in enumerate(zip(drawable(class_names), shades, strict=True)):
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


def _fill_regions(
    axes: Axes,
    grid: tuple[NDArray[np.floating], NDArray[np.floating]],
    surface: NDArray[np.floating],
    shades: Sequence[str],
) -> None:
    """Colour each place by its likeliest class, paler where the net is less sure."""
    axes.pcolormesh(
        *grid,
        surface.argmax(-1),
        cmap=ListedColormap(list(shades)),
        vmin=-0.5,
        vmax=len(shades) - 0.5,
        alpha=0.6 * surface.max(-1),
        shading="nearest",
    )
