"""Binary classification by one logit."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from mlp_lab.data import LabDataModule, Moons
from mlp_lab.errors import ConfigError
from mlp_lab.tasks import BinaryTask
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training, killed_at_step

LOGITS = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]])
LABELS = torch.tensor([1, 0, 0, 1])


def moons(root: Path, **settings: object) -> LabDataModule:
    data = LabDataModule(Moons(), root=root, **settings)  # type: ignore[arg-type]  # settings of any kind
    data.prepare_data()
    data.setup("fit")
    return data


def test_loss_is_that_of_two_logits() -> None:
    task = BinaryTask((2,), 2)
    two = torch.cat([torch.zeros_like(LOGITS), LOGITS], 1)
    expected = F.cross_entropy(two, LABELS)
    assert task.training_loss(LOGITS, LABELS).item() == pytest.approx(expected.item())
    totals = task.batch_totals(LOGITS, LABELS)
    assert task.metrics_of(totals)["loss"].item() == pytest.approx(expected.item())
    assert totals["confusion"].tolist() == [[1, 1], [1, 1]]
    assert task.step_metrics(LOGITS[None], LABELS[None])["acc"].tolist() == [0.5]


def test_probabilities_are_of_both_classes_and_never_lost() -> None:
    task = BinaryTask((2,), 2)
    two = torch.cat([torch.zeros_like(LOGITS), LOGITS], 1)
    probabilities = task.probabilities(torch.cat([LOGITS, torch.tensor([[60.0]])]))
    assert probabilities is not None
    assert torch.allclose(probabilities[:-1], two.softmax(1))
    assert probabilities[-1, 0] > 0


def test_pos_weight_counts_the_second_class_more_often() -> None:
    plain = F.binary_cross_entropy_with_logits(LOGITS[:, 0], LABELS.float(), reduction="none")
    expected = (plain * torch.tensor([3.0, 1.0, 1.0, 3.0])).mean()
    task = BinaryTask((2,), 2, pos_weight=3.0)
    assert task.training_loss(LOGITS, LABELS).item() == pytest.approx(expected.item())
    scored = task.metrics_of(task.batch_totals(LOGITS, LABELS))["loss"]
    assert scored.item() == pytest.approx(plain.mean().item())


def test_class_weights_count_both(tmp_path: Path) -> None:
    task = BinaryTask((2,), 2)
    task.take_statistics(moons(tmp_path, class_weights=[0.5, 3.0]))
    plain = F.binary_cross_entropy_with_logits(LOGITS[:, 0], LABELS.float(), reduction="none")
    expected = (plain * torch.tensor([3.0, 0.5, 0.5, 3.0])).mean()
    assert task.training_loss(LOGITS, LABELS).item() == pytest.approx(expected.item())


def test_mixed_labels_are_shares_of_the_second_class() -> None:
    task = BinaryTask((2,), 2)
    mixed = torch.tensor([[0.0, 1.0], [0.7, 0.3], [1.0, 0.0], [0.5, 0.5]])
    expected = F.binary_cross_entropy_with_logits(LOGITS, mixed[:, 1:])
    assert task.training_loss(LOGITS, mixed) == expected
    assert task.step_metrics(LOGITS[None], mixed[None])["acc"].tolist() == [0.75]


def test_other_than_two_classes_or_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"have 10 classes; .*Use --model ClassificationTask, or"):
        BinaryTask((1, 8, 8), 10)
    with pytest.raises(ConfigError, match=r"numbers to be predicted; .*Use --model Regression"):
        BinaryTask((1,), 0)
    with pytest.raises(ConfigError, match=r"model.pos_weight is 0.0; it must be positive"):
        BinaryTask((2,), 2, pos_weight=0.0)
    task = BinaryTask((2,), 2, pos_weight=2.0)
    with pytest.raises(ConfigError, match=r"model.pos_weight is 2.0: two weights for one class"):
        task.take_statistics(moons(tmp_path, class_weights="balanced"))


def test_trains_resumes_and_predicts_as_any_task(mlp_lab: CommandLine) -> None:
    words = ["--model=BinaryTask", "--data.source=Moons", "--data.batch_size=50"]
    words += ["--trainer.max_epochs=12", "--model.optimizer.lr=0.02", "--data.class_weights=[1, 2]"]
    whole = mlp_lab("fit", *words).run_dir
    metrics = json.loads((whole / "metrics.json").read_text())
    assert metrics["test/acc"] > 0.95
    assert set(metrics["test/classes"]) == {"0", "1"}
    with killed_at_step(30):
        mlp_lab("fit", *words)
    killed = whole.parent / "version_1"
    assert mlp_lab("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole, killed)
    assert mlp_lab("predict", f"--run_dir={killed}").code == 0
    head = (killed / "predictions.csv").read_text().splitlines()[0]
    assert head == "index,label,predicted,confidence,0,1"


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_any_precision_does(mlp_lab: CommandLine, precision: str) -> None:
    words = ["--model=BinaryTask", "--data.source=Moons", "--trainer.max_epochs=2"]
    weighted = ["--data.class_weights=balanced", f"--trainer.precision={precision}"]
    outcome = mlp_lab("fit", *words, *weighted)
    assert outcome.code == 0, outcome.err


def test_one_batch_is_learnt_by_heart(mlp_lab: CommandLine) -> None:
    words = ["--model=BinaryTask", "--data.source=XOR", "--model.optimizer.lr=0.02"]
    outcome = mlp_lab("fit", *words, "--trainer.overfit_batches=1")
    assert outcome.code == 0
    assert outcome.last_line.startswith("overfit check passed: train loss 0.0")
