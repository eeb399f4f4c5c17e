"""The description of a trained net, and the samples that its file is checked on."""

import pytest
import torch

from mlp_lab import __version__
from mlp_lab.export.model_info import NUM_CHECKED, describe_model, samples_to_check
from tests.export.conftest import make


def test_a_classifier_is_described() -> None:
    task, data = make("linear")
    metrics = {"val/acc": 0.5, "test/f1": 1, "test/confusion": [1], "train/loss": 0.1, "epoch": 3}
    info = describe_model(task, data, "base/version_7", metrics)
    assert info.net["class_path"] == "mlp_lab.nets.mlp.MLP"
    assert info.net["init_args"]["hidden_dims"] == []
    assert (info.input_shape, info.input_type) == ((1, 8, 8), "uint8")
    assert (info.num_outputs, info.head) == (10, "softmax")
    assert info.class_names == tuple("0123456789")
    assert info.mean == pytest.approx(data.mean.flatten().tolist())
    assert info.std == pytest.approx(data.std.flatten().tolist())
    assert (info.run, info.mlp_lab) == ("base/version_7", __version__)
    assert info.metrics == {"val/acc": 0.5, "test/f1": 1.0}


def test_the_validation_loss_that_training_saw_is_not_that_of_a_calibrated_model() -> None:
    task, data = make("linear")
    metrics = {"val/loss": 2.0, "val/acc": 0.5, "test/loss": 1.0}
    for temperature, left_out in ((1.0, set()), (1.5, {"val/loss"})):
        task.temperature = torch.tensor(temperature)
        assert metrics.keys() - describe_model(task, data, "", metrics).metrics.keys() == left_out


def test_a_regression_has_no_classes() -> None:
    info = describe_model(*make("regression"), "", {})
    assert (info.input_shape, info.input_type) == ((1,), "float32")
    assert (info.num_outputs, info.head, info.class_names) == (1, "none", ())


@pytest.mark.parametrize(("case", "dtype"), [("linear", torch.uint8), ("binary", torch.float32)])
def test_the_first_test_samples_are_checked(case: str, dtype: torch.dtype) -> None:
    _, data = make(case)
    samples, test = samples_to_check(data), data.subsets["test"]
    assert len(samples) == min(NUM_CHECKED, len(test))
    assert samples.dtype == dtype
    assert torch.equal(samples[:3], test[torch.arange(3)][0])
