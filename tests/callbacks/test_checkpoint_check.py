"""A checkpoint is one that a training can go on from, or is refused by what it lacks."""

from pathlib import Path
from typing import Any

import pytest

from mlp_lab.callbacks import check_fits
from mlp_lab.errors import ChecksumError
from tests.helpers.checkpoints import task_of, write_checkpoint


def test_the_epochs_behind_it_are_counted(tmp_path: Path) -> None:
    task = task_of(3)
    assert check_fits(write_checkpoint(tmp_path / "x.ckpt", task), task, resumes=True) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loops": {}}, "does not say how many epochs it has."),
        (
            {"loops": {"fit_loop": {"epoch_progress": {"current": {"processed": -1}}}}},
            "gives -1 as its number of epochs.",
        ),
    ],
)
def test_without_its_epochs_nothing_goes_on(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    task = task_of(3)
    for resumes in (True, False):
        with pytest.raises(ChecksumError, match=message):
            check_fits(
                write_checkpoint(tmp_path / "x.ckpt", task, **changes), task, resumes=resumes
            )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer_states": []}, "has 0 optimizer_states, and this training has 1."),
        ({"optimizer_states": None}, "has 0 optimizer_states, and this training has 1."),
        ({"lr_schedulers": [{}]}, "has 1 lr_schedulers, and this training has 0."),
        ({"callbacks": None}, "has lost the state of BestCheckpoint."),
        ({"callbacks": {"BestCheckpoint": {"a": 1}}}, "has lost the state of LastCheckpoint."),
    ],
)
def test_a_training_needs_its_states_and_a_new_one_does_not(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    task = task_of(3)
    path = write_checkpoint(tmp_path / "x.ckpt", task, **changes)
    assert check_fits(path, task) == 3
    with pytest.raises(ChecksumError, match=message):
        check_fits(path, task, resumes=True)
