from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest

from mlp_lab.data import LabDataModule, Moons
from mlp_lab.runs.origin import Origin
from mlp_lab.settings import Effect
from mlp_lab.tasks import BinaryTask
from mlp_lab.training.job import Job

BEFORE = {
    "seed_everything": 0,
    "data": {"batch_size": 8, "root": "a", "predict_split": "test", "val_fraction": 0.1},
    "trainer": {"max_epochs": 3, "precision": None},
    "experiment": "base",
}
AFTER = {
    "seed_everything": 1,
    "data": {"batch_size": 9, "root": "b", "predict_split": "val", "val_fraction": 0.1},
    "trainer": {"max_epochs": 4, "precision": "64-true", "limit_test_batches": 2},
    "experiment": "other",
}


def job_with(
    callbacks: Any = None, config: dict[str, Any] = AFTER, flags: Sequence[str] = ()
) -> Job:
    settings = SimpleNamespace(trainer=SimpleNamespace(callbacks=callbacks))
    task, data = BinaryTask((2,), 2), LabDataModule(Moons())
    return Job(task, data, settings, config, Origin(config=BEFORE), configs=(), flags=flags)


ONE = pl.Callback()


@pytest.mark.parametrize(
    ("configured", "expected"), [(None, []), ([], []), (ONE, [ONE]), ([ONE, ONE], [ONE, ONE])]
)
def test_callbacks_are_a_list_however_they_are_given(
    configured: Any, expected: list[pl.Callback]
) -> None:
    assert job_with(configured).user_callbacks == expected


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (
            "training",
            [
                *("data.batch_size", "seed_everything"),
                *("trainer.limit_test_batches", "trainer.precision"),
            ],
        ),
        ("test", ["data.predict_split", "trainer.limit_test_batches", "trainer.precision"]),
        (
            "comparison",
            [
                *("data.batch_size", "trainer.limit_test_batches"),
                *("trainer.max_epochs", "trainer.precision"),
            ],
        ),
    ],
)
def test_changed_settings_are_those_with_an_effect(effect: Effect, expected: list[str]) -> None:
    typed = ["--data.batch_size=9"]
    assert job_with(flags=typed).changed_settings(effect) == expected
    assert job_with(config=BEFORE, flags=typed).changed_settings(effect) == []


def test_what_was_no_setting_yet_was_off() -> None:
    for calibrate, norm, expected in (
        (False, "none", []),
        (True, "none", ["model.calibrate"]),
        (False, "before", ["model.net.layer_norm"]),
    ):
        net = {"init_args": {"layer_norm": norm}}
        config = BEFORE | {"model": {"init_args": {"calibrate": calibrate, "net": net}}}
        job = job_with(config=config, flags=["--data.batch_size=9"])
        assert job.changed_settings("test") == expected


def test_what_nobody_typed_has_not_changed() -> None:
    """Between versions a default may: a run goes on with its own."""
    assert job_with().changed_settings("training") == []
