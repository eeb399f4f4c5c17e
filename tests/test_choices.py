"""Arguments with a few values: Python lets any through, and the constructors refuse the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.data import Digits, ImageFolder, LabDataModule, TensorFile
from mlp_lab.errors import ConfigError
from mlp_lab.nets import CNN, MLP
from mlp_lab.tasks import ClassificationTask, RegressionTask


@pytest.mark.parametrize(
    ("make", "arguments", "sentence"),
    [
        (LabDataModule, {"validate_on": "tst"}, "data.validate_on is 'tst'. Did you mean 'test'?"),
        (LabDataModule, {"resample": "ovr"}, "data.resample is 'ovr'. Did you mean 'over'?"),
        (
            LabDataModule,
            {"class_weights": "balance"},
            "data.class_weights is 'balance'. Did you mean 'balanced'?",
        ),
        (
            LabDataModule,
            {"predict_split": None},
            "data.predict_split is None. There is: train, val, test, all.",
        ),
        (ImageFolder, {"broken": "skp"}, "data.source.broken is 'skp'. Did you mean 'skip'?"),
        (ImageFolder, {"colour": "gray"}, "data.source.colour is 'gray'. Did you mean 'grey'?"),
        (TensorFile, {"layout": "NHCW"}, "data.source.layout is 'NHCW'. Did you mean 'NHW'?"),
        (
            TensorFile,
            {"targets": "number"},
            "data.source.targets is 'number'. Did you mean 'numbers'?",
        ),
        (CNN, {"pooling": "mean"}, "model.net.pooling is 'mean'. There is: max, average, none."),
        (
            MLP,
            {"batch_norm": True},
            "model.net.batch_norm is True. There is: none, before, after.",
        ),
        (MLP, {"init": "ortogonal"}, "model.net.init is 'ortogonal'. Did you mean 'orthogonal'?"),
        (
            ClassificationTask,
            {"weight_decay_on": "weight"},
            "model.weight_decay_on is 'weight'. Did you mean 'weights'?",
        ),
        (
            ClassificationTask,
            {"compile_mode": "max"},
            "model.compile_mode is 'max'. There is: default, reduce-overhead, max-autotune.",
        ),
        (
            ClassificationTask,
            {"score": "val/f1"},
            "model.score is 'val/f1'. Did you mean 'val/f1_macro'?",
        ),
        (
            RegressionTask,
            {"score": "r2"},
            "model.score is 'r2'. There is: val/loss, val/rmse, val/mae, val/r2.",
        ),
    ],
)
def test_another_value_is_refused_with_the_nearest_one(
    make: Callable[..., Any], arguments: dict[str, Any], sentence: str
) -> None:
    needed: dict[Any, tuple[Any, ...]] = {
        LabDataModule: (Digits(),),
        ImageFolder: (Path("photos"),),
        TensorFile: (Path("arrays.npz"),),
    }
    shape = (1, 8, 8)
    with pytest.raises(ConfigError) as refusal:
        make(*needed.get(make, (shape, 2)), **arguments)
    assert str(refusal.value) == sentence
