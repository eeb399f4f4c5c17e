import math
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits, make_circles, make_moons

from mlp_lab.data import XOR, Circles, Digits, Line, Moons, SigmoidCurve, Source
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


def test_the_sigmoid_curve_is_noisy_and_its_test_part_true() -> None:
    parts = SigmoidCurve().load(Path(), download=False)
    train, test = parts["train"], parts["test"]
    assert train.inputs.shape == train.labels.shape == (500, 1)
    assert torch.equal(train.inputs[::5].flatten(), torch.arange(100) / 100 - 0.5)
    noise = train.labels - torch.sigmoid(10 * train.inputs)
    assert noise.std().item() == pytest.approx(0.05, rel=0.1)
    assert torch.equal(test.labels, torch.sigmoid(10 * test.inputs))
    assert test.inputs.min() == -0.5
    assert len(test) == 1000


def test_a_line_is_straight() -> None:
    train = Line(num_samples=10, slope=2.0, intercept=-1.0).load(Path(), download=False)["train"]
    assert torch.equal(train.labels, 2 * train.inputs - 1)
    noisy = Line(num_samples=4000, noise=0.2).load(Path(), download=False)["train"]
    noise = noisy.labels - (0.7 * noisy.inputs + 0.3)
    assert noise.std().item() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("settings", [{"num_points": 3}, {"repeats": 0}, {"noise": math.inf}])
def test_impossible_curves_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"data.source.{next(iter(settings))} is"):
        SigmoidCurve(**settings)


@pytest.mark.parametrize("settings", [{"num_samples": 3}, {"noise": -0.1}, {"seed": -1}])
def test_impossible_points_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"data.source.{next(iter(settings))} is"):
        XOR(**settings)
