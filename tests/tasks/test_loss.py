"""Losses by class path: what fits the labels, and what is refused."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mlp_lab.data import Digits, LabDataModule, Mixup, Moons
from mlp_lab.errors import ConfigError
from mlp_lab.tasks import BinaryTask, ClassificationTask, LossFactory, RegressionTask
from mlp_lab.tasks.loss import describe_loss, make_loss, make_scoring_loss
from tests.conftest import CommandLine
from tests.helpers.training import loss_and_outputs

FITTING: dict[Any, list[LossFactory]] = {
    ClassificationTask: [nn.CrossEntropyLoss, nn.MultiMarginLoss],
    BinaryTask: [nn.BCEWithLogitsLoss],
    RegressionTask: [nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss],
}
REFUSED: dict[Any, list[LossFactory]] = {
    ClassificationTask: [
        *(nn.NLLLoss, nn.MSELoss, nn.L1Loss, nn.BCEWithLogitsLoss, nn.KLDivLoss),
        *(nn.MultiLabelSoftMarginLoss, nn.SoftMarginLoss, nn.PReLU),
        partial(nn.CrossEntropyLoss, reduction="none"),
    ],
    BinaryTask: [
        *(nn.CrossEntropyLoss, nn.BCELoss, nn.NLLLoss, nn.MultiMarginLoss),
        *(nn.SoftMarginLoss, nn.MSELoss, nn.L1Loss, nn.HuberLoss),
    ],
    RegressionTask: [
        *(nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.NLLLoss, nn.GaussianNLLLoss),
        nn.SoftMarginLoss,
    ],
}


def cases(losses: dict[Any, list[LossFactory]]) -> list[Any]:
    return [
        pytest.param(task, loss, id=f"{task.__name__}-{getattr(loss, '__name__', 'partial')}")
        for task, some in losses.items()
        for loss in some
    ]


@pytest.mark.parametrize(("task", "loss"), cases(FITTING))
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_fitting_losses_are_descended(task: Any, loss: LossFactory, reduction: str) -> None:
    made = task(
        (2,),
        2,
        loss=partial(loss, reduction=reduction),  # type: ignore[call-arg]  # all of these take it
    )
    labels = torch.tensor([[0.5, 1.0]]) if task is RegressionTask else torch.tensor([1])
    before, _ = loss_and_outputs(made, (torch.ones(1, 2), labels))
    before.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
    with torch.no_grad():
        for weight in made.parameters():
            weight -= 0.001 * weight.grad
    after, _ = loss_and_outputs(made, (torch.ones(1, 2), labels))
    assert after < before


@pytest.mark.parametrize(("task", "loss"), cases(REFUSED))
def test_others_are_refused_with_those_that_fit(task: Any, loss: LossFactory) -> None:
    fitting = ", ".join(cls.__name__ for cls in FITTING[task])
    with pytest.raises(ConfigError, match=rf"model.loss \w+ cannot score .*can: {fitting}.$"):
        task((2,), 2, loss=loss)


class Cubed(nn.Module):
    """A user's loss."""

    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.factor * (outputs - targets).abs().pow(3).mean()


def test_a_users_loss(mlp_lab: CommandLine) -> None:
    words = ["--model=RegressionTask", "--data.source=Line", "--trainer.max_epochs=2"]
    outcome = mlp_lab("fit", *words, "--model.loss=tests.tasks.test_loss.Cubed")
    assert outcome.code == 0, outcome.err
    assert describe_loss(Cubed(3.0))["init_args"] == {"factor": 3.0}


def test_scoring_loss_has_no_weights_smoothing_or_sum() -> None:
    loss = make_scoring_loss(partial(nn.CrossEntropyLoss, label_smoothing=0.3, reduction="sum"))
    logits, labels = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([0, 1])
    assert loss(logits, labels) == nn.CrossEntropyLoss()(logits, labels)


def test_a_loss_with_tensors_is_refused() -> None:
    loss = partial(nn.CrossEntropyLoss, weight=torch.ones(3))
    with pytest.raises(ConfigError, match="brings a tensor 'weight' along, which no checkpoint"):
        ClassificationTask((2,), 3, loss=loss)


class Failing(nn.Module):
    """Refuses everything, without a message."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        raise AssertionError


class Negative(nn.Module):
    """Has its minimum, below 0, where outputs equal targets."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean() - 1


class Constant(nn.Module):
    """Ignores its inputs."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.tensor(1.0)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (Failing, "AssertionError"),
        (Negative, "it does not fall as outputs come nearer to the labels"),
        (Constant, "it does not fall as outputs come nearer to the labels"),
        (partial(nn.MSELoss, reduction="none"), "it gives more than one number"),
    ],
)
def test_the_reason_of_a_refusal_is_given(loss: LossFactory, reason: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"shape \(N, 1\) against .*: {reason}\. Losses that can"
    ):
        RegressionTask((2,), 1, loss=loss)


@pytest.mark.parametrize("num_classes", [2, 3, 4])
@pytest.mark.parametrize("loss", REFUSED[ClassificationTask])
def test_nothing_fits_by_accident(num_classes: int, loss: LossFactory) -> None:
    with pytest.raises(ConfigError, match="cannot score"):
        ClassificationTask((2,), num_classes, loss=loss)


def test_losses_leave_nothing_in_checkpoints() -> None:
    loss = make_loss(nn.BCEWithLogitsLoss, pos_weight=torch.tensor(2.0))
    assert loss.state_dict() == {}
    assert not any(key.startswith("loss") for key in BinaryTask((2,), 2).state_dict())


def test_arguments_that_a_loss_does_not_have_are_named(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--model.loss=MultiMarginLoss", "--model.loss.label_smooth=1"]
    outcome = mlp_lab("fit", *words)
    assert outcome.code == 2
    assert "model.loss has no 'label_smooth'. Did you mean 'label_smoothing'?" in outcome.err
    with pytest.raises(ConfigError, match=r"model.loss cannot be made: .*'label_smoothing'"):
        ClassificationTask((2,), 2, loss=nn.MultiMarginLoss, label_smoothing=0.1)


def test_mixed_labels_need_a_loss_that_takes_them(tmp_path: Path) -> None:
    data = LabDataModule(Digits(), root=tmp_path, augment=[Mixup()])
    data.prepare_data()
    data.setup("fit")
    ClassificationTask((1, 8, 8), 10).take_statistics(data)
    with pytest.raises(ConfigError, match=r"model.loss MultiMarginLoss cannot score"):
        ClassificationTask((1, 8, 8), 10, loss=nn.MultiMarginLoss).take_statistics(data)


class Unweighted(nn.Module):
    """Takes no weights."""

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs, labels)


class UnweightedBinary(nn.Module):
    """Takes no weights."""

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(outputs, labels)


@pytest.mark.parametrize("task", [ClassificationTask, BinaryTask])
def test_class_weights_need_a_loss_that_takes_them(task: Any, tmp_path: Path) -> None:
    data = LabDataModule(Moons(), root=tmp_path, class_weights=[1.0, 3.0])
    data.prepare_data()
    data.setup("fit")
    loss = Unweighted if task is ClassificationTask else UnweightedBinary
    with pytest.raises(ConfigError, match=rf"model.loss {loss.__name__} takes no weights"):
        task((2,), 2, loss=loss).take_statistics(data)
