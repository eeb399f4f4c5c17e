"""Two classes, with loss and update by hand."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from mlp_lab.errors import DivergenceError
from mlp_lab.scratch.binary import (
    accuracy,
    descend,
    draw,
    forward,
    initial_parameters,
    log_loss,
    sigmoid,
)
from tests.conftest import CommandLine

EXTREME = torch.tensor([-1e4, -100.0, -1.0, 0.0, 1.0, 100.0, 1e4])


def test_sigmoid_is_safe_where_the_textbook_formula_overflows() -> None:
    assert torch.exp(-EXTREME[0]).isinf()
    assert torch.allclose(sigmoid(EXTREME), torch.sigmoid(EXTREME))
    assert sigmoid(EXTREME[1]) > 0
    z = EXTREME.clone().requires_grad_()
    (slope,) = torch.autograd.grad(sigmoid(z).sum(), z)
    assert slope.isfinite().all()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_log_loss_is_finite_where_the_textbook_formula_is_not(label: float) -> None:
    labels = torch.full_like(EXTREME, label)
    assert torch.log(1 - sigmoid(EXTREME[-1])).isinf()
    expected = F.binary_cross_entropy_with_logits(EXTREME, labels, reduction="sum")
    assert log_loss(EXTREME, labels).item() == pytest.approx(expected.item())
    z = torch.tensor([-1e4, -1.0, 1.0, 1e4], requires_grad=True)
    (slope,) = torch.autograd.grad(log_loss(z, torch.full_like(z, label)), z)
    assert torch.allclose(slope, torch.sigmoid(z) - label)


def test_steps_equal_those_of_torch() -> None:
    points, labels = draw("moons", 0.025, seed=0)
    parameters, expected_parameters = initial_parameters(16, 0), initial_parameters(16, 0)
    losses = list(descend(parameters, points, labels, 20, 1e-3))
    optimizer = torch.optim.SGD(expected_parameters, lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        w1, b1, w2, b2 = expected_parameters
        logits = F.linear(torch.sigmoid(F.linear(points, w1, b1)), w2, b2)[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        optimizer.step()
    assert losses[-1] == pytest.approx(loss.item(), rel=1e-5)
    for parameter, expected in zip(parameters, expected_parameters, strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-4, atol=1e-5)


def test_xor_is_learnt() -> None:
    points, labels = draw("xor", 0.1, seed=0)
    parameters = initial_parameters(16, 0)
    assert accuracy(parameters, points, labels) < 0.7
    losses = list(descend(parameters, points, labels, 1000, 1e-3))
    assert losses[-1] < losses[0] / 10
    assert accuracy(parameters, points, labels) > 0.99
    assert accuracy(parameters, *draw("xor", 0.1, seed=1)) > 0.99
    assert forward(parameters, points).shape == labels.shape


def test_divergence_is_reported() -> None:
    points, labels = draw("xor", 0.1, seed=0)
    with pytest.raises(DivergenceError, match="Try a lower --learning_rate than 1e"):
        list(descend(initial_parameters(16, 0), points, labels, 2000, 1e37))


@pytest.mark.parametrize("data", ["xor", "circles", "moons"])
def test_the_command_prints_and_draws(mlp_lab: CommandLine, data: str) -> None:
    outcome = mlp_lab("scratch", "binary", f"--data={data}", "--num_steps=50")
    assert outcome.code == 0, outcome.err
    assert sum("fresh points" in line for line in outcome.out.splitlines()) == 5
    for name in ("loss", "surface"):
        assert Path(f"scratch/{data}/{name}.png").read_bytes().startswith(b"\x89PNG")
