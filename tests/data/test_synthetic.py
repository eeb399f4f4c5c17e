from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits, make_circles, make_moons

from mlp_lab.data import XOR, Circles, Digits, Moons, Source
from mlp_lab.errors import ConfigError


def test_digits_are_scikit_learns_as_bytes(tmp_path: Path) -> None:
    samples = Digits().load(tmp_path, download=False)["train"]
    images, labels = load_digits(return_X_y=True)
    assert samples.inputs.dtype == torch.uint8
    assert samples.inputs.shape == (1797, 1, 8, 8)
    assert samples.labels.tolist() == labels.tolist()
    assert samples.inputs.max() == 255
    back = samples.inputs.flatten(1).double() * 16 / 255
    assert (back - torch.from_numpy(images)).abs().max() < 0.04


@pytest.mark.parametrize(("source", "make"), [(Circles, make_circles), (Moons, make_moons)])
def test_circles_and_moons_are_scikit_learns(source: type[Source], make: Any) -> None:
    train = source(num_samples=50, noise=0.1, seed=3).load(Path(), download=False)["train"]  # type: ignore[call-arg]  # of these two
    settings = {"factor": 0.5} if source is Circles else {}
    points, labels = make(50, noise=0.1, random_state=3, **settings)
    assert torch.equal(train.inputs, torch.from_numpy(points).float())
    assert train.labels.tolist() == labels.tolist()


def test_xor_is_one_where_exactly_one_coordinate_is() -> None:
    train = XOR(num_samples=400, noise=0.1).load(Path(), download=False)["train"]
    corners = train.inputs.round()
    assert torch.equal((corners[:, 0] != corners[:, 1]).long(), train.labels)
    assert (train.inputs - corners).std().item() == pytest.approx(0.1, rel=0.1)
    assert train.labels.sum() == 200
    other = XOR(num_samples=400, noise=0.1, seed=1).load(Path(), download=False)["train"]
    assert not torch.equal(other.inputs, train.inputs)


@pytest.mark.parametrize("settings", [{"num_samples": 3}, {"noise": -0.1}])
def test_impossible_points_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"data.source.{next(iter(settings))} is"):
        XOR(**settings)
