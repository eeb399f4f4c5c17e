"""The backward pass by hand against autograd, finite differences, and a net of torch."""

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mlp_lab.data import SigmoidCurve
from mlp_lab.errors import DivergenceError
from mlp_lab.scratch.regression import (
    Parameters,
    descend,
    forward,
    gradients,
    initial_parameters,
    squared_error,
)
from tests.conftest import CommandLine

NAMES = [field.name for field in fields(Parameters)]


def curve() -> tuple[Tensor, Tensor]:
    train = SigmoidCurve().load(Path(), download=False)["train"]
    return train.inputs.double(), train.labels.double()


def somewhere() -> Parameters:
    """Return parameters at which no gradient is small."""
    draws = torch.Generator().manual_seed(0)
    return Parameters(
        *(
            torch.randn(shape, dtype=torch.float64, generator=draws)
            for shape in ((64, 1), (64,), (1, 64), (1,))
        )
    )


def test_gradients_equal_those_of_autograd() -> None:
    x, targets = curve()
    parameters = somewhere()
    loss, by_hand = gradients(parameters, x, targets)
    tensors = [getattr(parameters, name).requires_grad_() for name in NAMES]
    again = squared_error(forward(parameters, x)[2], targets)
    assert loss.item() == pytest.approx(again.item(), rel=1e-12)
    for name, expected in zip(NAMES, torch.autograd.grad(again, tensors), strict=True):
        torch.testing.assert_close(getattr(by_hand, name), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_equal_finite_differences(name: str) -> None:
    x, targets = curve()
    parameters = somewhere()
    _, by_hand = gradients(parameters, x, targets)
    tensor = getattr(parameters, name)
    step = 1e-6
    for place in range(0, tensor.numel(), 9):
        flat = tensor.view(-1)
        kept = flat[place].item()
        losses = []
        for value in (kept + step, kept - step):
            flat[place] = value
            losses.append(squared_error(forward(parameters, x)[2], targets).item())
        flat[place] = kept
        slope = (losses[0] - losses[1]) / (2 * step)
        assert getattr(by_hand, name).view(-1)[place].item() == pytest.approx(slope, rel=1e-4)


def test_learns_what_autograd_learns_from_the_same_start() -> None:
    x, targets = curve()
    parameters = initial_parameters(64, seed=0)
    net = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 1)).double()
    with torch.no_grad():
        for weight, name in zip(net.parameters(), NAMES, strict=True):
            weight.copy_(getattr(parameters, name))
    by_hand = list(descend(parameters, x, targets, 3000, 1e-4))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    for _ in range(3000):
        optimizer.zero_grad()
        loss = ((net(x) - targets) ** 2).sum()
        loss.backward()
        optimizer.step()
    assert by_hand[-1] == pytest.approx(loss.item(), abs=1e-5)
    assert by_hand[-1] / len(x) < 0.01 < by_hand[0] / len(x)


def test_start_is_small_and_follows_the_seed() -> None:
    first, again, other = (initial_parameters(64, seed) for seed in (0, 0, 1))
    assert torch.equal(first.w1, again.w1)
    assert not torch.equal(first.w1, other.w1)
    assert 0.045 < first.w1.abs().max() <= 0.05
    assert not first.b1.any()
    assert not first.b2.any()


def test_divergence_is_reported() -> None:
    with pytest.raises(DivergenceError, match="Try a lower --learning_rate than 1"):
        list(descend(initial_parameters(64, 0), *curve(), 200, 1.0))


def test_the_command_prints_and_draws(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("scratch", "regression", "--num_steps=500", "--num_hidden=8")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    errors = [float(line.split()[-1]) for line in lines if line.startswith("step")]
    assert len(errors) == 5
    assert errors == sorted(errors, reverse=True)
    for name in ("fit", "loss"):
        assert Path(f"scratch/regression/{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["regression", "--num_steps=4"], "num_steps is 4; it must be at least 5"),
        (["regression", "--learning_rate=-1"], "learning_rate is -1.0; it must be positive"),
        (["regression", "--num_hidden=0"], "num_hidden is 0; it must be at least 1"),
        (["regression", "--hidden=1"], "There is no setting 'hidden'. Did you mean 'num_hidden'?"),
        (["binary", "--data=xo"], "data is 'xo'; it must be one of 'xor', 'circles', 'moons'"),
        (["binary", "--noise=-1"], "data.source.noise is -1.0"),
        (["binary", "--seed=-1"], "seed is -1; it must not be negative"),
        ([], "regression,binary"),
    ],
)
def test_bad_input_is_one_sentence(mlp_lab: CommandLine, words: list[str], message: str) -> None:
    outcome = mlp_lab("scratch", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(Path().iterdir())
