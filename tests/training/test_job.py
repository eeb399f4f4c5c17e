from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest

from mlp_lab.data import LabDataModule, Moons
from mlp_lab.runs.origin import Origin
from mlp_lab.tasks import BinaryTask
from mlp_lab.training.job import Job


def job_with(callbacks: Any = None, flags: Sequence[str] = ()) -> Job:
    trainer = SimpleNamespace(callbacks=callbacks)
    config = {"data": {"batch_size": 8, "root": "here"}}
    origin = Origin(config={"data": {"batch_size": 4, "root": "there"}})
    settings = SimpleNamespace(trainer=trainer)
    task, data = BinaryTask((2,), 2), LabDataModule(Moons())
    return Job(task, data, settings, config, origin, configs=(), flags=flags)


ONE = pl.Callback()


@pytest.mark.parametrize(
    ("configured", "expected"), [(None, []), ([], []), (ONE, [ONE]), ([ONE, ONE], [ONE, ONE])]
)
def test_callbacks_are_a_list_however_they_are_given(
    configured: Any, expected: list[pl.Callback]
) -> None:
    assert job_with(configured).user_callbacks == expected


def test_what_nobody_typed_has_not_changed() -> None:
    """Between versions a default may: a run goes on with its own."""
    assert job_with().changed_settings("training") == []
    assert job_with(flags=["--data.batch_size=8"]).changed_settings("training") == [
        "data.batch_size"
    ]
