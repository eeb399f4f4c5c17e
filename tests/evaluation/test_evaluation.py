"""What a test leaves on its task, and the report of its classes."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from sklearn import metrics

from mlp_lab.callbacks.extra_scores import score_samples
from mlp_lab.data import Digits, LabDataModule, SigmoidCurve
from mlp_lab.evaluation.evaluation import Evaluation, Gatherer, classification_report
from mlp_lab.evaluation.metrics import confusion_matrix
from mlp_lab.nets import MLP
from mlp_lab.tasks import ClassificationTask, RegressionTask
from tests.helpers.guesses import guesses


def test_report_is_scikit_learns_digit_for_digit() -> None:
    probabilities, labels = guesses(300, 4)
    predicted = probabilities.argmax(1)
    names = ["a", "zwei ö", "c", "あ"]
    expected = metrics.classification_report(labels, predicted, target_names=names, digits=4)
    assert classification_report(confusion_matrix(predicted, labels, 4), names) == expected


def test_so_it_is_where_classes_are_missing_and_names_are_long() -> None:
    labels, predicted = torch.tensor([0, 0, 1, 1, 4]), torch.tensor([0, 1, 1, 3, 4])
    names = ["a name that is longer than any average", "b", "never seen", "never true", "e"]
    expected = metrics.classification_report(
        labels, predicted, labels=range(5), target_names=names, digits=4, zero_division=0.0
    )
    assert classification_report(confusion_matrix(predicted, labels, 5), names) == expected


def evaluate(task: pl.LightningModule, data: LabDataModule, **settings: Any) -> Evaluation:
    trainer = pl.Trainer(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        accelerator="cpu",
        **settings,
    )
    trainer.test(task, datamodule=data, verbose=False)
    assert isinstance(task, ClassificationTask | RegressionTask)
    assert task.evaluation is not None
    return task.evaluation


def test_a_test_leaves_every_output_and_what_follows_from_them(tmp_path: Path) -> None:
    data = LabDataModule(Digits(), root=tmp_path, batch_size=50)
    task = ClassificationTask((1, 8, 8), 10, net=partial(MLP, dropout=0.5))
    evaluation = evaluate(task, data)
    test = data.subsets["test"]
    inputs, labels = test[torch.arange(len(test))]
    torch.testing.assert_close(evaluation.outputs, task.eval()(inputs).detach())
    assert torch.equal(evaluation.labels, labels)
    predicted = evaluation.outputs.argmax(1)
    assert evaluation.metrics["acc"] == pytest.approx((predicted == labels).float().mean().item())
    summary = evaluation.summary()
    confusion = confusion_matrix(predicted, labels, 10)
    assert summary["confusion"] == confusion.tolist()
    expected = metrics.f1_score(labels, predicted, average="macro", zero_division=0.0)
    assert summary["f1_macro"] == pytest.approx(expected)
    assert summary["classes"]["3"]["roc_auc"] == evaluation.roc.classes["3"].area
    assert summary["roc_auc_macro"] == evaluation.roc.averages["macro"].area
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.outputs = evaluation.outputs  # type: ignore[misc]  # that is the point
    scores = score_samples(task, test, batch_size=50)
    assert torch.equal(scores.confusion, confusion)  # type: ignore[arg-type]  # there are classes


def test_of_targets_there_are_no_curves(tmp_path: Path) -> None:
    evaluation = evaluate(RegressionTask((1,), 1), LabDataModule(SigmoidCurve(), root=tmp_path))
    assert evaluation.probabilities is None
    assert evaluation.summary() == evaluation.metrics
    assert set(evaluation.metrics) == {"loss", "rmse", "mae", "r2"}


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_part_of_a_test_is_not_taken_for_all_of_it(tmp_path: Path) -> None:
    """One batch is 1 to Lightning, and all batches are 1.0."""
    data = LabDataModule(Digits(), root=tmp_path, batch_size=50)
    evaluation = evaluate(ClassificationTask((1, 8, 8), 10), data, limit_test_batches=1)
    assert len(evaluation.outputs) == 50
    assert not evaluation.is_complete
    assert set(evaluation.summary()) == {"loss", "acc", "f1_macro", "classes", "confusion"}


def test_batches_are_gathered_in_their_order() -> None:
    gatherer = Gatherer()
    rows = torch.arange(30.0).view(10, 3)
    for batch in torch.split(rows, [4, 1, 5]):
        gatherer.add(batch)
    assert torch.equal(gatherer.of_all_processes(), rows)


def test_processes_have_every_other_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.arange(33.0).view(11, 3)
    module = "mlp_lab.evaluation.evaluation"
    monkeypatch.setattr(f"{module}.distributed.is_initialized", lambda: True)
    monkeypatch.setattr(f"{module}.gather_all_tensors", lambda _: [rows[n::3] for n in range(3)])
    assert torch.equal(Gatherer().of_all_processes(), rows)
