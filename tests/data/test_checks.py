"""Settings of the data that cannot work are refused before anything is loaded."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.data import (
    KMNIST,
    XOR,
    CutMix,
    Digits,
    HorizontalFlip,
    LabDataModule,
    PadCrop,
    Part,
    Samples,
    SigmoidCurve,
    Source,
)
from mlp_lab.data.checks import check_training_classes
from mlp_lab.errors import ConfigError, EmptyClassError


class ThreeParts(Source):
    """Two classes, the second one missing in the parts that are named."""

    input_shape = (1,)
    class_names = ("left", "right")
    parts = frozenset({"train", "val", "test"})

    def __init__(self, missing: tuple[Part, ...] = ()) -> None:
        super().__init__()
        self.missing = missing

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        labels = torch.tensor([0, 1])
        return {
            part: Samples(torch.zeros(2, 1), labels * (part not in self.missing))
            for part in ("train", "val", "test")
        }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "data.batch_size is 0; it must be at least 1. Try --data.batch_size"),
        ({"steps_per_execution": 0}, "data.steps_per_execution is 0; it must be at least 1"),
        ({"val_fraction": 1.5}, r"data.val_fraction is 1.5; it must lie strictly between 0 and 1"),
        ({"val_fraction": 0.0}, "data.val_fraction is 0.0; it must lie strictly"),
        ({"test_fraction": 0.2}, "KMNIST has a test part of its own"),
        ({"split_seed": -1}, "data.split_seed is -1"),
        ({"val_fraction": 0.1, "validate_on": "test"}, "data.validate_on is 'test'"),
        ({"class_weights": [1.0, 2.0]}, "KMNIST needs 10 weights"),
        ({"class_weights": [1.0] * 9 + [-1.0]}, "10 weights, none negative, or 'balanced'"),
        ({"imbalance": {"k": 0.1}}, "Unknown class 'k' in data.imbalance. Did you mean 'ki'"),
        ({"imbalance": {"ki": 0.0}}, r"data.imbalance keeps 0.0 of class 'ki'; it must lie in"),
        ({"fold": 1}, "data.fold is 1, and data.folds, of how many, is not set. Add --data.folds"),
        ({"folds": 1, "fold": 0}, "data.folds is 1; it must be at least 2"),
        (
            {"folds": 5},
            "data.folds is 5 and data.fold is not set; it must be one of 0 to 4. mlp-lab sweep --f",
        ),
        ({"folds": 5, "fold": 5}, "data.fold is 5; it must be one of 0 to 4"),
        ({"folds": 5, "fold": -1}, "data.fold is -1; it must be one of 0 to 4"),
        (
            {"folds": 5, "fold": 0, "validate_on": "test"},
            "data.folds is 5 while data.validate_on is 'test': then no training sample validates",
        ),
        (
            {"folds": 5, "fold": 0, "val_fraction": 0.1},
            "data.val_fraction is 0.1 while data.folds is 5: then a fold validates. Leave one",
        ),
        (
            {"resample": "over", "class_weights": "balanced"},
            "data.resample is 'over' and data.class_weights is 'balanced': two answers",
        ),
    ],
)
def test_contradictions_are_refused_at_construction(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LabDataModule(KMNIST(), **settings)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, None)])
def test_fractions_leave_something_to_train_on(fractions: tuple[float, float | None]) -> None:
    test, val = fractions
    with pytest.raises(ConfigError, match=f"data.test_fraction is {test} .* nothing to train on"):
        LabDataModule(Digits(), test_fraction=test, val_fraction=val)


def test_an_own_validation_part_leaves_no_fraction_to_hold_out() -> None:
    with pytest.raises(ConfigError, match="ThreeParts has a validation part of its own"):
        LabDataModule(ThreeParts(), val_fraction=0.1)


def test_an_own_validation_part_leaves_no_folds() -> None:
    with pytest.raises(ConfigError, match="folds is 2, but ThreeParts has a validation part of"):
        LabDataModule(ThreeParts(), folds=2, fold=0)


def test_augmentation_is_for_images() -> None:
    with pytest.raises(ConfigError, match=r"for images, and XOR has inputs of shape \(2,\)"):
        LabDataModule(XOR(), augment=[PadCrop()])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"imbalance": {"a": 0.5}}, r"data.imbalance is {'a': 0.5}, but SigmoidCurve has regressi"),
        ({"resample": "under"}, "data.resample is 'under', but .* Leave data.resample out"),
        ({"class_weights": "balanced"}, "has regression targets and no classes"),
    ],
)
def test_regression_refuses_what_only_classes_have(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LabDataModule(SigmoidCurve(), **settings)


def test_regression_refuses_mixed_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SigmoidCurve, "input_shape", (1, 8, 8))
    LabDataModule(SigmoidCurve(), augment=[HorizontalFlip()])
    with pytest.raises(ConfigError, match=r"regression targets. Leave Mixup and CutMix out"):
        LabDataModule(SigmoidCurve(), augment=[HorizontalFlip(), CutMix()])


@pytest.mark.parametrize(
    ("missing", "part"),
    [(("train",), "val"), (("train", "val"), "test"), (("train", "test"), "val")],
)
def test_a_class_is_trained_before_it_is_evaluated(missing: tuple[Part, ...], part: Part) -> None:
    data = LabDataModule(ThreeParts(missing))
    data.setup("fit")
    with pytest.raises(EmptyClassError, match=f"Class 'right' has samples in {part} and none in"):
        check_training_classes(data)


@pytest.mark.parametrize("missing", [(), ("val", "test"), ("train", "val", "test")])
def test_a_class_without_evaluation_needs_no_training(missing: tuple[Part, ...]) -> None:
    data = LabDataModule(ThreeParts(missing))
    data.setup("fit")
    check_training_classes(data)


def test_regression_has_no_classes_to_train() -> None:
    data = LabDataModule(SigmoidCurve())
    data.setup("fit")
    check_training_classes(data)
