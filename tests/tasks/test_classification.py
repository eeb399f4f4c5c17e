import math
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch.nn import functional as F

from mlp_lab.data import Digits, LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.nets import MLP
from mlp_lab.tasks import ClassificationTask, Task
from mlp_lab.tasks.optimizer import describe_optimizer, make_optimizer
from tests.helpers.training import loss_and_outputs


def make_task(**arguments: Any) -> ClassificationTask:
    torch.manual_seed(0)
    net = partial(MLP, hidden_dims=[16])
    return ClassificationTask((1, 8, 8), 10, net=net, **arguments)


def make_trainer(**settings: Any) -> pl.Trainer:
    settings |= {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return pl.Trainer(accelerator="cpu", enable_model_summary=False, **settings)


@pytest.fixture
def digits(tmp_path: Path) -> LabDataModule:
    return LabDataModule(Digits(), root=tmp_path, batch_size=100)


def random_batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return images, torch.arange(30) % 10


def test_normalised_training_images_have_mean_zero_and_variance_one(digits: LabDataModule) -> None:
    task = make_task()
    make_trainer(fast_dev_run=True).fit(task, datamodule=digits)
    train = digits.subsets["train"]
    normalised = task.normalise(train.samples.inputs[train.indices])
    assert normalised.dtype == torch.float32
    assert normalised.mean().item() == pytest.approx(0, abs=1e-5)
    assert normalised.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_constant_channels_are_not_divided_by_zero() -> None:
    task = make_task()

    class Constant:
        mean, std = torch.tensor([0.5]).double(), torch.tensor([0.0]).double()
        class_weights = None
        mixes_labels = False
        trainer = None
        batch_size, subsets = 4, MappingProxyType({"train": "eight..."})

        def training_class_weights(self) -> torch.Tensor:
            return torch.ones(10)

    task.take_statistics(Constant())  # type: ignore[arg-type]  # all that it uses of the data
    grey = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    assert torch.equal(task.normalise(grey), torch.full((2, 1, 8, 8), 0.5))


def test_floats_are_not_scaled() -> None:
    inputs = torch.randn(3, 1, 8, 8)
    assert torch.equal(make_task().normalise(inputs), inputs)


def test_loss_weighs_and_smooths_in_training_alone() -> None:
    images, labels = random_batch()
    weighted = make_task(label_smoothing=0.1)
    weighted.loss.weight = torch.arange(1.0, 11.0)
    logits = weighted(images)
    expected = F.cross_entropy(logits, labels, weight=torch.arange(1.0, 11.0), label_smoothing=0.1)
    loss, _ = loss_and_outputs(weighted, (images, labels))
    assert loss.item() == pytest.approx(expected.item())
    totals = weighted.batch_totals(logits, labels)
    plain = F.cross_entropy(logits, labels)
    assert weighted.metrics_of(totals)["loss"].item() == pytest.approx(plain.item(), rel=1e-6)


def test_step_returns_detached_metrics_on_the_device() -> None:
    task = make_task()
    task._trainer = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=[{"lr": 0.1}])])  # type: ignore[assignment]  # all that it looks at
    images, labels = random_batch()
    step = task.training_step((images, labels), 0)
    metrics = step["steps"]
    assert step["loss"].requires_grad
    assert metrics["lr"] == [0.1]
    assert not metrics["train/loss"].requires_grad
    assert metrics["train/loss"] == step["loss"]
    right = (task(images).argmax(1) == labels).float().mean()
    assert metrics["train/acc"].item() == pytest.approx(right.item())


def test_steps_are_measured_together_as_each_alone() -> None:
    task = make_task()
    batches = [(task(images).detach(), labels) for images, labels in [random_batch()] * 2]
    batches.append((batches[0][0].flip(0), batches[0][1]))
    together = task.measure_steps(*map(torch.stack, zip(*batches, strict=True)))
    alone = [task.measure_steps(outputs[None], labels[None]) for outputs, labels in batches]
    assert together["train/acc"].tolist() == [one["train/acc"].item() for one in alone]


def test_accuracy_agrees_with_scikit_learn() -> None:
    _, labels = random_batch()
    logits = torch.randn(30, 10, generator=torch.Generator().manual_seed(0))
    logits[::2] += 5 * F.one_hot(labels[::2], 10)
    expected = accuracy_score(labels, logits.argmax(1))
    assert 0.4 < expected < 1
    for given in (labels, 0.4 + 0.6 * F.one_hot(labels, 10)):  # plain and mixed
        accuracy = make_task().step_metrics(logits[None], given[None])["acc"]
        assert accuracy.dtype == torch.float32
        assert accuracy.item() == pytest.approx(expected)


def test_evaluation_weighs_a_small_last_batch_by_its_size(digits: LabDataModule) -> None:
    task = make_task()
    trainer = make_trainer(max_epochs=1)
    trainer.fit(task, datamodule=digits)
    scores = trainer.test(task, datamodule=digits, verbose=False)[0]
    test = digits.subsets["test"]
    assert len(test) % digits.batch_size
    with torch.inference_mode():
        probabilities = task.eval()(test.samples.inputs[test.indices]).double().softmax(1).numpy()
    labels = test.labels.numpy()
    assert scores["test/acc"] == pytest.approx(accuracy_score(labels, probabilities.argmax(1)))
    assert scores["test/loss"] == pytest.approx(log_loss(labels, probabilities), rel=1e-5)


def test_predictions_are_probabilities() -> None:
    task = make_task().eval()
    probabilities = task.predict_step(random_batch(), 0)
    np.testing.assert_allclose(probabilities.sum(1).detach(), 1, rtol=1e-6)
    assert torch.equal(probabilities.argmax(1), task(random_batch()[0]).argmax(1))


def test_checkpoint_rebuilds_a_task_made_in_python(digits: LabDataModule, tmp_path: Path) -> None:
    optimizer = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
    task = make_task(optimizer=optimizer, label_smoothing=0.1)
    trainer = make_trainer(max_epochs=1, limit_train_batches=2)
    trainer.fit(task, datamodule=digits)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    loaded = ClassificationTask.load_from_checkpoint(tmp_path / "x.ckpt", weights_only=True)
    images, _ = random_batch()
    assert torch.equal(task.eval()(images), loaded.eval()(images))
    assert loaded.describe() == task.describe()
    made = make_optimizer(loaded.optimizer, loaded.net.parameters())
    assert isinstance(made, torch.optim.SGD)
    assert (made.defaults["lr"], made.defaults["momentum"]) == (0.1, 0.9)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs 2 or more"):
        ClassificationTask((2,), 1)
    with pytest.raises(ConfigError, match=r"model.label_smoothing is 1.0"):
        make_task(label_smoothing=1.0)
    with pytest.raises(ConfigError, match=r"model.optimizer cannot be made: Invalid learning rate"):
        make_task(optimizer=partial(torch.optim.Adam, lr=-1.0))


def test_one_sample_is_no_batch_to_normalise_over(tmp_path: Path) -> None:
    for batch_size in (1, 1257):  # of 1,258 training images
        data = LabDataModule(Digits(), root=tmp_path, batch_size=batch_size)
        data.prepare_data()
        data.setup("fit")
        net = partial(MLP, batch_norm="before")
        with pytest.raises(ConfigError, match=rf"data.batch_size {batch_size} a training batch"):
            ClassificationTask((1, 8, 8), 10, net=net).take_statistics(data)
        make_task().take_statistics(data)


def test_optimizer_is_described_in_plain_types() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    description = describe_optimizer(torch.optim.AdamW(weights, lr=0.002, betas=(0.8, 0.9)))
    assert description["class_path"] == "torch.optim.adamw.AdamW"
    assert description["init_args"]["betas"] == [0.8, 0.9]
    assert "decoupled_weight_decay" not in description["init_args"]


def test_task_itself_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Task()  # type: ignore[abstract, call-arg]  # that is the point


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_loss_of_many_samples_is_summed_in_full(dtype: torch.dtype) -> None:
    task = ClassificationTask((2,), 2)
    totals = task.batch_totals(torch.zeros(9984, 2, dtype=dtype), torch.zeros(9984).long())
    assert task.metrics_of(totals)["loss"].item() == pytest.approx(math.log(2), rel=1e-5)
