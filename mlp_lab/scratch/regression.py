"""Fit a curve with one hidden layer whose backward pass is written out, without autograd.

The net is ``y = W2 relu(W1 x + b1) + b2``, the loss the squared error summed over all points, and
each step goes against the gradient of that sum, over all points at once:

    loss      L = sum (y - t)^2
    output    dL/dy  = 2 (y - t)             dL/dW2 = dL/dy^T h      dL/db2 = sum dL/dy
    hidden    dL/dh  = dL/dy W2              h = relu(z)
    before    dL/dz  = dL/dh where z > 0     dL/dW1 = dL/dz^T x      dL/db1 = sum dL/dz

Reference:
    Cybenko, "Approximation by Superpositions of a Sigmoidal Function", 1989; Rumelhart, Hinton and
    Williams, "Learning Representations by Back-Propagating Errors", Nature 323, 1986.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mlp_lab.data import SigmoidCurve
from mlp_lab.errors import ConfigError, DivergenceError
from mlp_lab.plots import plot_curve, plot_history, write_figure
from mlp_lab.seeding import generator

_BOUND = 0.05
_NUM_SHOWN = 5  # fits in the figure, and lines on the console


@dataclass
class Parameters:
    """Weights and biases of H hidden neurons: ``(H, 1)``, ``(H,)``, ``(1, H)`` and ``(1,)``."""

    w1: Tensor
    b1: Tensor
    w2: Tensor
    b2: Tensor


def initial_parameters(num_hidden: int, seed: int) -> Parameters:
    """Draw weights uniformly from +-0.05; biases are 0. All are float64."""
    draws = generator(seed)
    w1, w2 = (
        torch.empty(shape, dtype=torch.float64).uniform_(-_BOUND, _BOUND, generator=draws)
        for shape in ((num_hidden, 1), (1, num_hidden))
    )
    return Parameters(w1, torch.zeros_like(w1[:, 0]), w2, torch.zeros_like(w2[:, 0]))


def forward(parameters: Parameters, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the hidden layer before and after its ReLU, ``(N, H)``, and the output, ``(N, 1)``."""
    z = x @ parameters.w1.T + parameters.b1
    h = z.clamp(min=0)
    y = h @ parameters.w2.T + parameters.b2
    return z, h, y


def squared_error(y: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error summed over all points."""
    return ((y - targets) ** 2).sum()


def gradients(parameters: Parameters, x: Tensor, targets: Tensor) -> tuple[Tensor, Parameters]:
    """Return the loss and its gradient with respect to each parameter, by the chain rule."""
    z, h, y = forward(parameters, x)
    dy = 2 * (y - targets)
    dz = (dy @ parameters.w2) * (z > 0)
    return squared_error(y, targets), Parameters(
        w1=dz.T @ x, b1=dz.sum(0), w2=dy.T @ h, b2=dy.sum(0)
    )


def descend(
    parameters: Parameters, x: Tensor, targets: Tensor, num_steps: int, learning_rate: float
) -> Iterator[float]:
    """Change the parameters step by step, and yield the loss before each step.

    Raises:
        DivergenceError: The loss is no longer finite.
    """
    for step in range(num_steps):
        loss, gradient = gradients(parameters, x, targets)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"The loss is {float(loss)} after {step} steps: the gradient is a sum over "
                f"{len(x)} points. Try a lower --learning_rate than {learning_rate}."
            )
        parameters.w1 -= learning_rate * gradient.w1
        parameters.b1 -= learning_rate * gradient.b1
        parameters.w2 -= learning_rate * gradient.w2
        parameters.b2 -= learning_rate * gradient.b2
        yield float(loss)


def regression(
    num_steps: int = 50_000,
    learning_rate: float = 1e-4,
    num_hidden: int = 64,
    noise: float = 0.05,
    seed: int = 0,
    out: Path = Path("scratch/regression"),
) -> None:
    """Fit a noisy sigmoid by gradient descent with the backward pass by hand.

    Args:
        num_steps: Steps over all points at once, at least 5.
        learning_rate: How far a step goes against the summed gradient, positive.
        num_hidden: Neurons of the hidden layer, at least 1.
        noise: Standard deviation of what is added to the curve.
        seed: Of the points and of the initial weights.
        out: Directory of the figures.

    Raises:
        ConfigError: A number out of its range.
        DivergenceError: The loss is no longer finite.
    """
    check_numbers(num_steps, learning_rate, num_hidden, seed)
    parts = SigmoidCurve(noise=noise, seed=seed).load(Path(), download=False)
    x, targets = parts["train"].inputs.double(), parts["train"].labels.double()
    true_x, true_y = parts["test"].inputs.double(), parts["test"].labels.double()
    parameters = initial_parameters(num_hidden, seed)
    fits = {}
    losses = []
    shown = steps_shown(num_steps)
    for step, loss in enumerate(descend(parameters, x, targets, num_steps, learning_rate), start=1):
        losses.append(loss / len(x))
        if step in shown:
            _, _, y = forward(parameters, true_x)
            fits[f"after {step:,} steps"] = (true_x[:, 0].numpy(), y[:, 0].numpy())
            mean = float(squared_error(forward(parameters, x)[2], targets)) / len(x)
            rmse = float(squared_error(y, true_y) / len(y)) ** 0.5
            print(
                f"step {step:>6,}  mean squared error {mean:.6f}  "
                f"root mean squared error to the true curve {rmse:.4f}",
                flush=True,
            )
    points = {"noisy points": (x[:, 0].numpy(), targets[:, 0].numpy())}
    truth = {"true curve": (true_x[:, 0].numpy(), true_y[:, 0].numpy())}
    history = {"mean squared error": (range(1, num_steps + 1), losses)}
    figures = {
        "fit": plot_curve(
            points, "A sigmoid, fitted with a hand-written backward pass", fits, truth
        ),
        "loss": plot_history(history, "step", "Loss", log=True),
    }
    for name, figure in figures.items():
        write_figure(figure, out / f"{name}.png")
        print(f"figure: {out / name}.png")


def steps_shown(num_steps: int) -> set[int]:
    """Return the steps after which metrics are printed."""
    return {num_steps * number // _NUM_SHOWN for number in range(1, _NUM_SHOWN + 1)}


def check_numbers(num_steps: int, learning_rate: float, num_hidden: int, seed: int) -> None:
    """Check the arguments that both commands have.

    Raises:
        ConfigError: A number out of its range.
    """
    if num_steps < _NUM_SHOWN:
        raise ConfigError(f"num_steps is {num_steps}; it must be at least {_NUM_SHOWN}.")
    if not 0 < learning_rate < math.inf:
        raise ConfigError(f"learning_rate is {learning_rate}; it must be positive.")
    if num_hidden < 1:
        raise ConfigError(f"num_hidden is {num_hidden}; it must be at least 1.")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must not be negative.")
