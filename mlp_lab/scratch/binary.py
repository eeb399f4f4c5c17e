"""Classify two classes with one hidden layer of sigmoids; only the gradients come from autograd.

Parameters, sigmoid, log loss and the update are written out. Two of them differ from the
textbook::

    sigmoid   1 / (1 + exp(-z)) overflows for z far below 0. exp(-|z|) never does, and gives both
              sides: 1 / (1 + e) above 0, and e / (1 + e) below.
    log loss  -t log p - (1 - t) log(1 - p) is infinite where p has been rounded to 0 or 1. From the
              logit z itself it is max(z, 0) - t z + log(1 + exp(-|z|)), and finite everywhere.

Reference:
    Blanchard, Higham and Higham, "Accurately Computing the Log-Sum-Exp and Softmax Functions", IMA
    Journal of Numerical Analysis 41, 2021.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_lab.data import XOR, Circles, Moons, Source
from mlp_lab.errors import DivergenceError
from mlp_lab.plots import plot_decision_surface, plot_history, write_figure
from mlp_lab.scratch.regression import check_numbers, steps_shown
from mlp_lab.seeding import generator

DataName = Literal["xor", "circles", "moons"]

# Common choices; the docstrings of the sources define the noise.
_NOISE: dict[DataName, float] = {"xor": 0.1, "circles": 0.025, "moons": 0.025}
_SOURCES: dict[DataName, type[XOR | Circles | Moons]] = {
    "xor": XOR,
    "circles": Circles,
    "moons": Moons,
}
_NUM_POINTS = 1000


def initial_parameters(num_hidden: int, seed: int) -> list[Tensor]:
    """Draw weights and biases of both layers uniformly from +-1 / sqrt(inputs of the layer)."""
    draws = generator(seed)
    shapes = ((num_hidden, 2), (num_hidden,), (1, num_hidden), (1,))
    parameters = []
    for shape, num_inputs in zip(shapes, (2, 2, num_hidden, num_hidden), strict=True):
        bound = num_inputs**-0.5
        parameters.append(torch.empty(shape).uniform_(-bound, bound, generator=draws))
    return [parameter.requires_grad_() for parameter in parameters]


def sigmoid(z: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-z)), for any z."""
    e = torch.exp(-z.abs())
    return torch.where(z >= 0, 1 / (1 + e), e / (1 + e))


def log_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the log loss summed over all points, finite for any logit."""
    return (logits.clamp(min=0) - labels * logits + torch.log1p(torch.exp(-logits.abs()))).sum()


def forward(parameters: list[Tensor], points: Tensor) -> Tensor:
    """Return the logits ``(N,)`` of points ``(N, 2)``."""
    w1, b1, w2, b2 = parameters
    hidden = sigmoid(points @ w1.T + b1)
    return (hidden @ w2.T + b2)[:, 0]


def descend(
    parameters: list[Tensor], points: Tensor, labels: Tensor, num_steps: int, learning_rate: float
) -> Iterator[float]:
    """Change the parameters step by step, and yield the loss before each step.

    Raises:
        DivergenceError: The loss is no longer finite.
    """
    for step in range(num_steps):
        loss = log_loss(forward(parameters, points), labels)
        value = loss.item()
        if not math.isfinite(value):
            raise DivergenceError(
                f"The loss is {value} after {step} steps: it is a sum over {len(points)} "
                f"points. Try a lower --learning_rate than {learning_rate}."
            )
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= learning_rate * gradient
        yield value


def accuracy(parameters: list[Tensor], points: Tensor, labels: Tensor) -> float:
    """Return the share of points that are predicted correctly."""
    with torch.no_grad():
        return ((forward(parameters, points) > 0) == (labels > 0.5)).float().mean().item()


def binary(
    data: DataName = "xor",
    num_steps: int = 10_000,
    learning_rate: float = 1e-3,
    num_hidden: int = 16,
    noise: float | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Classify points in the plane into two classes, with the loss and the update by hand.

    Args:
        data: The points: xor, circles or moons; 1,000 of them.
        num_steps: Steps over all points at once, at least 5.
        learning_rate: How far a step goes against the summed gradient, positive.
        num_hidden: Neurons of the hidden layer, at least 1.
        noise: Standard deviation of what is added to each coordinate; by default 0.1 for xor and
            0.025 for the others.
        seed: Of the points and of the initial weights.
        out: Directory of the figures; by default ``scratch/DATA``.

    Raises:
        ConfigError: A number out of its range.
        DivergenceError: The loss is no longer finite.
    """
    check_numbers(num_steps, learning_rate, num_hidden, seed)
    noise = _NOISE[data] if noise is None else noise
    points, labels = draw(data, noise, seed)
    fresh = draw(data, noise, seed + 1)
    parameters = initial_parameters(num_hidden, seed)
    losses = []
    shown = steps_shown(num_steps)
    steps = descend(parameters, points, labels, num_steps, learning_rate)
    for step, loss in enumerate(steps, start=1):
        losses.append(loss / len(points))
        if step in shown:
            print(
                f"step {step:>6,}  mean log loss {losses[-1]:.4f}  "
                f"accuracy {accuracy(parameters, points, labels):.4f}  "
                f"on 1,000 fresh points {accuracy(parameters, *fresh):.4f}",
                flush=True,
            )

    def probabilities(places: NDArray[np.floating]) -> NDArray[np.floating]:
        with torch.no_grad():
            logits = forward(parameters, torch.from_numpy(places))
        both: NDArray[np.floating] = sigmoid(torch.stack([-logits, logits], 1)).numpy()
        return both

    surface = (points.numpy(), labels.long().numpy(), ("0", "1"), probabilities)
    history = {"mean log loss": (range(1, num_steps + 1), losses)}
    figures = {
        "loss": plot_history(history, "step", "Loss", log=True),
        "surface": plot_decision_surface(*surface, f"{data}, trained with a hand-written update"),
    }
    out = out or Path("scratch") / data
    for name, figure in figures.items():
        write_figure(figure, out / f"{name}.png")
        print(f"figure: {out / name}.png")


def draw(data: DataName, noise: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return points ``(N, 2)`` and labels ``(N,)`` of 0.0 and 1.0."""
    source: Source = _SOURCES[data](num_samples=_NUM_POINTS, noise=noise, seed=seed)
    samples = source.load(Path(), download=False)["train"]
    return samples.inputs, samples.labels.float()
