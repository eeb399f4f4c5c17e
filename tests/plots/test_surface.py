import numpy as np
from numpy.typing import NDArray

from mlp_lab.plots import plot_decision_surface
from tests.plots.helpers import legend_texts


def test_a_surface_shows_the_predictions_over_the_plane() -> None:
    points, labels = np.random.default_rng(0).random((30, 2)), np.arange(30) % 3
    seen: list[int] = []

    def probabilities(places: NDArray[np.floating]) -> NDArray[np.floating]:
        seen.append(len(places))
        return np.ones((len(places), num)) / num

    for num in (2, 3):
        names = ["a", "b", "c"][:num]
        figure = plot_decision_surface(points, labels % num, names, probabilities, "")
        assert legend_texts(figure) == names
    assert seen == [40_000] * 2
