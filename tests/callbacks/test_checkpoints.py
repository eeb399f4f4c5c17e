"""Checkpoint files: whole, named below their directory, and found again where the run is now."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from mlp_lab.callbacks import BestCheckpoint, LastCheckpoint, WholeFileCheckpointIO
from mlp_lab.callbacks.checkpoints import CheckpointStates, find_checkpoint_to_test
from mlp_lab.errors import ChecksumError, WriteError
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer

SCORE = torch.tensor(0.75)


def best_in(directory: Path) -> BestCheckpoint:
    """A callback that has written best.ckpt."""
    callback = BestCheckpoint(directory, "val/acc", "max")
    path = str(directory / "best.ckpt")
    directory.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
    callback.best_model_path = callback.kth_best_model_path = path
    callback.best_model_score = callback.current_score = SCORE
    callback.best_k_models = {path: SCORE}
    return callback


def test_a_checkpoint_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.ckpt"
    WholeFileCheckpointIO().save_checkpoint({"x": torch.ones(2)}, path)
    assert torch.load(path, weights_only=True)["x"].tolist() == [1, 1]
    assert [*path.parent.iterdir()] == [path]
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"x.ckpt' could not be written: "):
        WholeFileCheckpointIO().save_checkpoint({}, tmp_path / "file" / "x.ckpt")


def test_a_state_names_files_and_no_directory(tmp_path: Path) -> None:
    state = best_in(tmp_path).state_dict()
    assert state["dirpath"] is None
    assert state["best_model_path"] == state["kth_best_model_path"] == "best.ckpt"
    assert (state["last_model_path"], state["best_k_models"]) == ("", {"best.ckpt": SCORE})


def test_a_moved_run_finds_its_best_again(tmp_path: Path) -> None:
    state = best_in(tmp_path / "old").state_dict()
    (tmp_path / "old").rename(tmp_path / "new")
    callback = BestCheckpoint(tmp_path / "new", "val/acc", "max")
    callback.load_state_dict(state)
    path = str(tmp_path / "new" / "best.ckpt")
    assert callback.best_model_path == path
    assert callback.best_k_models == {path: SCORE}
    assert callback.best_model_score == callback.current_score == SCORE


def test_the_best_of_another_run_is_no_rival(tmp_path: Path) -> None:
    callback = BestCheckpoint(tmp_path / "empty", "val/acc", "max")
    callback.load_state_dict(best_in(tmp_path / "other").state_dict())
    assert callback.best_model_path == ""
    assert callback.best_model_score is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../best.ckpt", "names the file '../best.ckpt', which is none below"),
        ("/etc/best.ckpt", "names the file '/etc/best.ckpt', which is none below"),
        ("best.txt", "names the file 'best.txt', which is none below"),
        ("last.ckpt", "names the file 'last.ckpt' in place of 'best.ckpt'"),
        ("a/best.ckpt", "names the file 'a/best.ckpt' in place of 'best.ckpt'"),
        (5, "names the file '5', which is none below"),
    ],
)
def test_a_state_that_names_another_file_is_refused(
    tmp_path: Path, name: object, message: str
) -> None:
    callback = best_in(tmp_path)
    state = callback.state_dict() | {"best_model_path": name}
    with pytest.raises(ChecksumError, match=message):
        callback.load_state_dict(state)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    callback = best_in(tmp_path)
    state = callback.state_dict()
    del state["best_k_models"]
    with pytest.raises(ChecksumError, match="state 'BestCheckpoint' is damaged"):
        callback.load_state_dict(state)


class TestUsersOwn:
    def round_trip(self, before: Path, now: Path, name: str) -> dict[str, Any]:
        """Save in one directory and load in another; return the state that Lightning gets."""
        task = ClassificationTask((2,), 2)
        first, second = (ModelCheckpoint(d, monitor="val/acc", mode="max") for d in (before, now))
        first.best_k_models = {str(before / name): SCORE}
        first.best_model_path = str(before / name)
        first.current_score = SCORE
        checkpoint = {"callbacks": {first.state_key: first.state_dict()}}
        trainers = [fake_trainer(checkpoint_callbacks=[c]) for c in (first, second)]
        CheckpointStates().on_save_checkpoint(trainers[0], task, checkpoint)
        assert checkpoint["callbacks"][first.state_key]["best_model_path"] == name
        CheckpointStates().on_load_checkpoint(trainers[1], task, checkpoint)
        assert second.current_score == SCORE
        return checkpoint["callbacks"][second.state_key]

    def test_its_files_are_found_in_a_moved_run(self, tmp_path: Path) -> None:
        before, now = tmp_path / "a", tmp_path / "b"
        state = self.round_trip(before, now, "epoch=1.ckpt")
        assert state["best_k_models"] == {str(now / "epoch=1.ckpt"): SCORE}
        assert state["best_model_path"] == str(now / "epoch=1.ckpt")
        assert state["dirpath"] == str(now)

    def test_files_elsewhere_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ChecksumError, match=r"'../other.ckpt', which is none below"):
            self.round_trip(tmp_path / "a", tmp_path / "b", "../other.ckpt")


def test_the_best_is_tested_and_without_one_the_last(tmp_path: Path) -> None:
    best, last = best_in(tmp_path), LastCheckpoint(tmp_path)
    last.best_model_path = str(tmp_path / "last.ckpt")
    trainer = fake_trainer(checkpoint_callbacks=[last, best])
    assert find_checkpoint_to_test(trainer) == tmp_path / "best.ckpt"
    best.best_model_path = ""
    assert find_checkpoint_to_test(trainer) == tmp_path / "last.ckpt"
    assert find_checkpoint_to_test(fake_trainer(checkpoint_callbacks=[])) is None
