from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.evaluation.importance import permutation_importance

DRAWS = np.random.default_rng(0)
INPUTS = DRAWS.normal(size=(200, 3)).astype(np.float32)
LABELS = (INPUTS[:, 0] > 0).astype(np.int64)


def accuracy(inputs: NDArray[np.float32], labels: NDArray[Any]) -> float:
    """Score a net that looks at the first column alone."""
    return float(((inputs[:, 0] > 0) == labels).mean())


def test_only_the_column_that_the_net_looks_at_costs_anything() -> None:
    drops = permutation_importance(accuracy, INPUTS, LABELS, num_repeats=4)
    assert drops.shape == (3, 4)
    assert drops[0] == pytest.approx(0.5, abs=0.15)  # guessing is right in half of the rows
    np.testing.assert_array_equal(drops[1:], 0)


def test_missing_cells_and_several_targets_are_taken() -> None:
    inputs = INPUTS.copy()
    inputs[::7, 1] = np.nan
    targets = np.stack([inputs[:, 0], inputs[:, 2]], 1)

    def score(rows: NDArray[np.float32], truth: NDArray[Any]) -> float:
        return -float(np.abs(rows[:, [0, 2]] - truth).sum())

    drops = permutation_importance(score, inputs, targets, num_repeats=2)
    assert (drops > 0).all(1).tolist() == [True, False, True]


def test_the_same_seed_shuffles_in_the_same_way() -> None:
    first, again, other = (
        permutation_importance(accuracy, INPUTS, LABELS, num_repeats=2, seed=seed)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
