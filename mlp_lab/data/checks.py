"""Checks of the data's settings before anything is loaded, and of its classes after the split."""

from typing import TYPE_CHECKING, Literal, get_args

from mlp_lab.data.split import Resample
from mlp_lab.errors import ConfigError, EmptyClassError, check_choice, did_you_mean

if TYPE_CHECKING:
    from mlp_lab.data.datamodule import LabDataModule

ValidateOn = Literal["val", "test"]
PredictSplit = Literal["train", "val", "test", "all"]

_CHOICES = {
    "validate_on": get_args(ValidateOn),
    "resample": (None, *get_args(Resample)),
    "predict_split": get_args(PredictSplit),
}


def check_settings(data: "LabDataModule") -> None:
    """Refuse settings that cannot work, with each other or with the source.

    Raises:
        ConfigError: There is one.
    """
    for key, choices in _CHOICES.items():
        check_choice(f"data.{key}", getattr(data, key), choices)
    _check_folds(data)
    _check_sizes(data)
    if data.num_targets:
        _check_regression(data)
    else:
        _check_balance(data)


def check_training_classes(data: "LabDataModule") -> None:
    """Refuse, after ``setup``, a class that has validation or test samples and no training ones.

    Raises:
        EmptyClassError: There is one.
    """
    untrained = data.class_counts("train") == 0
    for part in ("val", "test"):
        missing = untrained & (data.class_counts(part) > 0)
        if missing.any():
            name = data.class_names[int(missing.nonzero()[0])]
            raise EmptyClassError(
                f"Class {name!r} has samples in {part} and none in train, so it cannot be "
                "learnt. Add training samples of it, or choose the other classes by "
                "data.source.classes."
            )


def _check_folds(data: "LabDataModule") -> None:
    """Check the number of folds, the fold, and what leaves nothing to deal out into folds."""
    if data.folds is None:
        if data.fold is not None:
            raise ConfigError(
                f"data.fold is {data.fold}, and data.folds, of how many, is not set. Add "
                "--data.folds 5."
            )
        return
    if data.folds < 2:
        raise ConfigError(f"data.folds is {data.folds}; it must be at least 2.")
    if data.fold is None or not 0 <= data.fold < data.folds:
        which = "not set" if data.fold is None else data.fold
        raise ConfigError(
            f"data.folds is {data.folds} and data.fold is {which}; it must be one of 0 to "
            f"{data.folds - 1}. mlp-lab sweep --folds {data.folds} trains them all."
        )
    if data.validate_on == "test":
        raise ConfigError(
            f"data.folds is {data.folds} while data.validate_on is 'test': then no training sample "
            "validates. Leave one of the two out."
        )
    if data.val_fraction is not None:
        raise ConfigError(
            f"data.val_fraction is {data.val_fraction} while data.folds is {data.folds}: then a "
            "fold validates. Leave one of the two out."
        )
    if "val" in data.source.parts:
        raise ConfigError(
            f"data.folds is {data.folds}, but {data.source.name} has a validation part of its own. "
            "Leave data.folds out."
        )


def _check_sizes(data: "LabDataModule") -> None:
    """Check ranges, and fractions that the source or another setting forbids."""
    if data.batch_size < 1:
        raise ConfigError(
            f"data.batch_size is {data.batch_size}; it must be at least 1. "
            "Try --data.batch_size 128."
        )
    if data.steps_per_execution is not None and data.steps_per_execution < 1:
        raise ConfigError(
            f"data.steps_per_execution is {data.steps_per_execution}; it must be at least 1."
        )
    if data.split_seed < 0:
        raise ConfigError(f"data.split_seed is {data.split_seed}; it must not be negative.")
    for key, fraction in (
        ("val_fraction", data.val_fraction),
        ("test_fraction", data.test_fraction),
    ):
        if fraction is not None and not 0 < fraction < 1:
            raise ConfigError(
                f"data.{key} is {fraction}; it must lie strictly between 0 and 1. "
                f"Try --data.{key} 0.1."
            )
    if sum(data.fractions) >= 1:
        test, val = data.fractions
        raise ConfigError(
            f"data.test_fraction is {test} and data.val_fraction is {val}: together they leave "
            "nothing to train on. Their sum must lie below 1."
        )
    if data.test_fraction is not None and "test" in data.source.parts:
        raise ConfigError(
            f"data.test_fraction is {data.test_fraction}, but {data.source.name} has a test "
            "part of its own, which stays as it is. Leave data.test_fraction out."
        )
    if data.val_fraction is not None and data.validate_on == "test":
        raise ConfigError(
            f"data.val_fraction is {data.val_fraction} while data.validate_on is 'test': "
            "then all training samples train. Leave one of the two out."
        )
    if data.val_fraction is not None and "val" in data.source.parts:
        raise ConfigError(
            f"data.val_fraction is {data.val_fraction}, but {data.source.name} has a "
            "validation part of its own. Leave data.val_fraction out."
        )
    if data.augment and len(data.input_shape) != 3:
        raise ConfigError(
            f"data.augment is for images, and {data.source.name} has inputs of shape "
            f"{data.input_shape}. Leave it out."
        )


def _check_regression(data: "LabDataModule") -> None:
    for key in ("imbalance", "resample", "class_weights"):
        if (value := getattr(data, key)) is not None:
            raise ConfigError(
                f"data.{key} is {value!r}, but {data.source.name} has regression targets and no "
                f"classes. Leave data.{key} out."
            )
    if data.mixes_labels:
        raise ConfigError(
            f"data.augment mixes the labels of classes, and {data.source.name} has regression "
            "targets. Leave Mixup and CutMix out."
        )


def _check_balance(data: "LabDataModule") -> None:
    for name, share in (data.imbalance or {}).items():
        if name not in data.class_names:
            raise ConfigError(
                f"Unknown class {name!r} in data.imbalance. {did_you_mean(name, data.class_names)}"
            )
        if not 0 < share <= 1:
            raise ConfigError(
                f"data.imbalance keeps {share} of class {name!r}; it must lie in (0, 1]."
            )
    if data.resample and data.class_weights is not None:
        raise ConfigError(
            f"data.resample is {data.resample!r} and data.class_weights is "
            f"{data.class_weights!r}: two answers to the same question. Leave one of them out."
        )
    if isinstance(data.class_weights, str):
        check_choice("data.class_weights", data.class_weights, ["balanced"])
    elif data.class_weights is not None and (
        len(data.class_weights) != data.num_classes or min(data.class_weights) < 0
    ):
        raise ConfigError(
            f"data.class_weights is {data.class_weights}; {data.source.name} needs "
            f"{data.num_classes} weights, none negative, or 'balanced'."
        )
