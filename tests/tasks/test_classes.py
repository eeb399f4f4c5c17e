"""What both classification tasks have in common."""

from functools import partial

import pytest
import torch

from mlp_lab.errors import ConfigError
from mlp_lab.nets import MLP, memory
from mlp_lab.tasks import BinaryTask, ClassesTask, ClassificationTask, RegressionTask


def test_metrics_are_computed_from_sums() -> None:
    totals = {"loss": torch.tensor(6.0), "confusion": torch.tensor([[3, 1], [2, 6]])}
    metrics = ClassificationTask((2,), 2).metrics_of(totals)
    assert {key: value.item() for key, value in metrics.items()} == pytest.approx(
        {"loss": 0.5, "acc": 0.75, "f1_macro": (2 * 3 / 9 + 2 * 6 / 15) / 2}
    )


class ByLoss(ClassificationTask):
    """As version 0.1 let a task choose."""

    score = "val/loss"
    score_mode = "min"


def test_the_score_is_chosen() -> None:
    chosen = [ClassificationTask((2,), 2), BinaryTask((2,), 2, score="val/loss")]
    assert [(task.score, task.score_mode) for task in chosen] == [
        ("val/acc", "max"),
        ("val/loss", "min"),
    ]
    assert RegressionTask((2,), 1, score="val/r2").score_mode == "max"
    assert (ByLoss((2,), 2).score, ByLoss((2,), 2).score_mode) == ("val/loss", "min")
    with pytest.raises(ConfigError, match=r"model.score is 'val/f1'. Did you mean 'val/f1_macro'"):
        ClassificationTask((2,), 2, score="val/f1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (ClassificationTask((2,), 2), [[0.25, 0.75]]),
        (BinaryTask((2,), 2), [[0.25, 0.75]]),
    ],
)
def test_predictions_are_a_probability_for_each_class(
    task: ClassesTask, expected: list[list[float]]
) -> None:
    with torch.no_grad():
        for parameter in task.net.parameters():
            parameter.zero_()
        last = list(task.net.parameters())[-1]
        last[-1] = torch.tensor(3.0).log()  # odds of 3 to 1 for the second class
    batch = torch.randn(1, 2), torch.zeros(1).long()
    torch.testing.assert_close(task.predict_step(batch, 0), torch.tensor(expected))


def test_classes_are_not_weighted_by_default() -> None:
    task = ClassificationTask((2,), 3)
    assert not task.weighs_classes
    assert task.class_weights.tolist() == [1, 1, 1]
    assert "class_weights" in task.state_dict()


def test_a_confusion_matrix_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_physical_memory", lambda: 8 * 100**2 - 1)
    net = partial(MLP, hidden_dims=[])
    ClassificationTask((2,), 99, net=net)
    with pytest.raises(ConfigError, match="The confusion matrix of 100 classes would take"):
        ClassificationTask((2,), 100, net=net)
