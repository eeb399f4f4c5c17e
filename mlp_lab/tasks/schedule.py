"""Learning-rate schedules: the rate as a function of the training progress."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from mlp_lab.errors import ConfigError

Interval = Literal["step", "epoch"]


@dataclass(kw_only=True, init=False)
class Schedule(ABC):
    """Multiply the optimiser's learning rate by a factor that depends on the epoch, counted from 0.

    The factor is a function of the step, so a resumed run has the same rates as an uninterrupted
    one. ``Plateau`` alone has a state, which the checkpoint keeps.

    A subclass is best a dataclass whose fields are its own arguments; these two follow them, and
    their lines of --help come from here.

    Args:
        by: Whether the rate changes at every ``step`` or stays the same for an ``epoch``.
        warmup_epochs: Epochs, or parts of one, in which the rate rises from 0 beforehand.

    Attributes:
        has_horizon: Whether it stretches over all epochs, so that their number cannot change later.
        needs_validation: Whether it follows the validation score.

    Raises:
        ConfigError: A negative warm-up.
    """

    has_horizon: ClassVar[bool] = False
    needs_validation: ClassVar[bool] = False

    by: Interval = "step"
    warmup_epochs: float = 0.0

    def __init__(self, by: Interval = "step", warmup_epochs: float = 0.0) -> None:
        # For subclasses that are no dataclass; the others have an __init__ of all fields.
        self.by = by
        self.warmup_epochs = warmup_epochs
        Schedule.__post_init__(self)

    def __post_init__(self) -> None:
        if self.warmup_epochs < 0:
            raise ConfigError(
                f"model.schedule.warmup_epochs is {self.warmup_epochs}; it must not be negative."
            )

    @abstractmethod
    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return the factor after the warm-up.

        Args:
            epoch: Epochs since the warm-up, fractions included.
            num_epochs: Epochs from the warm-up to the end.
        """

    def observe(self, score: float, mode: Literal["min", "max"]) -> None:
        """Record a validation score; does nothing unless overridden."""
        return

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs; empty unless overridden."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a state; does nothing unless overridden."""
        return

    def factor_of_step(self, steps_per_epoch: int, num_steps: int) -> Callable[[int], float]:
        """Return the factor as a function of the number of steps done."""
        steps_per_change = steps_per_epoch if self.by == "epoch" else 1

        def factor(step: int) -> float:
            step -= step % steps_per_change
            epoch = step / steps_per_epoch
            if epoch < self.warmup_epochs:
                # The first step already learns.
                return min(1.0, (step + steps_per_change) / steps_per_epoch / self.warmup_epochs)
            num_epochs = num_steps / steps_per_epoch - self.warmup_epochs
            if num_epochs <= 0:  # called after the last step of a training that was all warm-up
                return 1.0
            return self.factor(epoch - self.warmup_epochs, num_epochs)

        return factor


@dataclass(eq=False)
class Constant(Schedule):
    """Keep the rate as it is, after a warm-up."""

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return 1."""
        return 1.0


@dataclass(eq=False)
class StepDecay(Schedule):
    """Multiply the rate by gamma every so many epochs.

    Args:
        every_epochs: Epochs between two changes, at least 1.
        gamma: The factor, positive.
    """

    every_epochs: int = 10
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every_epochs < 1:
            raise ConfigError(
                f"model.schedule.every_epochs is {self.every_epochs}; it must be at least 1."
            )

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return gamma to the number of changes so far."""
        return math.pow(self.gamma, epoch // self.every_epochs)


@dataclass(eq=False)
class MultiStepDecay(Schedule):
    """Multiply the rate by gamma at given epochs.

    Args:
        milestones: The epochs after which the rate changes.
        gamma: The factor, positive.
    """

    milestones: Sequence[float]
    gamma: float = 0.1

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return gamma to the number of milestones passed."""
        return math.pow(self.gamma, sum(epoch >= milestone for milestone in self.milestones))


@dataclass(eq=False)
class Linear(Schedule):
    """Change the rate evenly until the end.

    Args:
        final: The factor at the end.
    """

    has_horizon = True

    final: float = 0.0

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return the point on the straight line from 1 to ``final``."""
        return 1 + (self.final - 1) * epoch / num_epochs


@dataclass(eq=False)
class Cosine(Schedule):
    """Lower the rate along half a cosine until the end.

    Args:
        final: The factor at the end.

    Reference:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017,
        https://arxiv.org/abs/1608.03983.
    """

    has_horizon = True

    final: float = 0.0

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return the point on the half cosine from 1 to ``final``."""
        return _half_cosine(1.0, self.final, epoch / num_epochs)


@dataclass(eq=False)
class OneCycle(Schedule):
    """Raise the rate to the optimiser's own, then lower it far below its start, on half cosines.

    Args:
        peak_at: Share of the training after which the rate is highest, in (0, 1).
        start: The factor at the start.
        final: The factor at the end.

    Reference:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
        Learning Rates", 2018, https://arxiv.org/abs/1708.07120.
    """

    has_horizon = True

    peak_at: float = 0.3
    start: float = 0.04
    final: float = 4e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.peak_at < 1:
            raise ConfigError(f"model.schedule.peak_at is {self.peak_at}; it must lie in (0, 1).")

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return the point on the rising or the falling half cosine."""
        progress = epoch / num_epochs
        if progress < self.peak_at:
            return _half_cosine(self.start, 1.0, progress / self.peak_at)
        return _half_cosine(1.0, self.final, (progress - self.peak_at) / (1 - self.peak_at))


@dataclass(eq=False)
class Plateau(Schedule):
    """Multiply the rate by gamma when the score of validation has stopped improving.

    Args:
        gamma: The factor, in (0, 1).
        patience: Validations in a row without improvement that pass before a change.
        min_factor: What the product of the factors does not fall below.
        by: Whether the warm-up rises at every ``step`` or stays the same for an ``epoch``.
    """

    needs_validation = True

    gamma: float = 0.1
    patience: int = 5
    min_factor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.gamma < 1:
            raise ConfigError(f"model.schedule.gamma is {self.gamma}; it must lie in (0, 1).")
        if self.patience < 0:
            raise ConfigError(
                f"model.schedule.patience is {self.patience}; it must not be negative."
            )
        self._factor = 1.0
        self._best: float | None = None
        self._bad_validations = 0

    def factor(self, epoch: float, num_epochs: float) -> float:
        """Return the product of the factors so far."""
        return self._factor

    def observe(self, score: float, mode: Literal["min", "max"]) -> None:
        """Count the validations since the best one, and change the factor after too many."""
        sign = 1 if mode == "max" else -1
        if self._best is None or sign * score > sign * self._best:
            self._best, self._bad_validations = score, 0
            return
        self._bad_validations += 1
        if self._bad_validations > self.patience:
            self._factor = max(self._factor * self.gamma, self.min_factor)
            self._bad_validations = 0

    def state_dict(self) -> dict[str, Any]:
        """Return factor, best score, and the number of validations since it."""
        return {
            "factor": self._factor,
            "best": self._best,
            "bad_validations": self._bad_validations,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore factor, best score, and the number of validations since it."""
        self._factor = state_dict["factor"]
        self._best = state_dict["best"]
        self._bad_validations = state_dict["bad_validations"]


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
