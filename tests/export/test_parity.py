"""A file that differs from its net is refused, whatever the difference."""

from typing import Any

import numpy as np
import pytest
import torch

from mlp_lab.errors import ExportError
from mlp_lab.export import parity
from mlp_lab.export.parity import check_parity
from tests.export.conftest import make

LOGITS = np.array([[1.0, -3.0], [0.0, 0.5]], np.float32)
PROBABILITIES = np.array([[0.9, 0.1], [0.500008, 0.499992]], np.float32)


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a check of outputs against LOGITS and PROBABILITIES."""
    monkeypatch.setattr(parity, "_expected_outputs", lambda *_: [LOGITS, PROBABILITIES])
    task: Any = None
    return lambda *found: check_parity("m.onnx", lambda _: found, task, torch.zeros(2, 1))


def test_equal_outputs_differ_by_nothing(compare: Any) -> None:
    assert compare(LOGITS, PROBABILITIES) == 0


def test_a_difference_is_relative_to_the_largest_output(compare: Any) -> None:
    found = LOGITS.copy()
    found[1, 0] = 2.4e-5
    assert compare(found, PROBABILITIES) == pytest.approx(0.8e-5)
    found[1, 0] = 3.6e-5
    with pytest.raises(
        ExportError,
        match=r"^m\.onnx differs from the net by up to 1\.2e-05, where 1e-05 is allowed\. "
        r"Nothing was written\.$",
    ):
        compare(found, PROBABILITIES)


def test_outputs_that_are_not_numbers_are_refused(compare: Any) -> None:
    with pytest.raises(ExportError, match="by up to nan"):
        compare(LOGITS * np.nan, PROBABILITIES)


@pytest.mark.parametrize("found", [(LOGITS,), (LOGITS[:1], PROBABILITIES[:1])])
def test_outputs_of_another_shape_are_refused(compare: Any, found: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(ExportError, match=r"^m\.onnx returns outputs of another shape\."):
        compare(*found)


def test_another_class_is_refused(compare: Any) -> None:
    found = PROBABILITIES.copy()
    found[1] = 0.499999, 0.500001  # each differs by less than the tolerance
    with pytest.raises(ExportError, match=r"^m\.onnx predicts another class than the net\."):
        compare(LOGITS, found)


def test_a_tie_may_fall_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, found = np.array([[0.500001, 0.499999]]), np.array([[0.499999, 0.500001]])
    monkeypatch.setattr(parity, "_expected_outputs", lambda *_: [LOGITS[:1], expected])
    task: Any = None
    assert check_parity("m", lambda _: (LOGITS[:1], found), task, torch.zeros(1, 1)) < 1e-5


def test_the_task_stays_as_it_was() -> None:
    task, data = make("mlp")
    task.to(torch.bfloat16).train()
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    samples = data.subsets["train"][torch.arange(5)][0]
    expected = parity._expected_outputs(task, samples)

    def forward(inputs: np.ndarray) -> tuple[Any, ...]:
        return tuple(array[: len(inputs)] for array in expected)

    assert check_parity("m", forward, task, samples) < 1e-5
    assert task.training
    for name, tensor in task.state_dict().items():
        assert tensor.dtype == before[name].dtype, name
        assert torch.equal(tensor, before[name]), name
