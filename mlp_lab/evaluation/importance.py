"""How much a net relies on each column of a table."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float32], NDArray[Any]], float]
"""The score of inputs ``(N, D)`` with their labels; higher is better."""


def permutation_importance(
    score: Score,
    inputs: NDArray[np.float32],
    labels: NDArray[Any],
    *,
    num_repeats: int,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Shuffle one column at a time, and measure how far the score falls.

    Args:
        score: Scores inputs with their labels.
        inputs: Columns of a table; NaN where missing.
        labels: Class of each row, or its targets.
        num_repeats: How often R each column is shuffled.
        seed: Seed of the shuffling.

    Shape:
        inputs ``(N, D)``; labels ``(N,)`` or ``(N, T)``; result ``(D, R)``.

    Reference:
        Breiman, "Random Forests", 2001, https://doi.org/10.1023/A:1010933404324.
    """
    from sklearn import inspection  # half a second, and for tables alone

    found = inspection.permutation_importance(
        _Fitted(),
        inputs,
        labels,
        scoring=lambda _, rows, truth: score(rows, truth),
        n_repeats=num_repeats,
        random_state=seed,
    )
    drops: NDArray[np.float64] = found.importances
    return drops


class _Fitted:
    """What scikit-learn takes for an estimator; the score knows the net."""

    def fit(self) -> None:
        raise AssertionError("permutation importance trains nothing")
