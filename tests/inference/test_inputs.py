"""Labels beside inputs become the model's class indices, whatever the file calls them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_lab.errors import ChecksumError
from mlp_lab.inference.info import ModelInfo
from mlp_lab.inference.inputs import read_batches
from tests.inference.conftest import Bomb


def model_of(*class_names: str) -> ModelInfo:
    return ModelInfo(
        net={"class_path": "mlp_lab.nets.MLP", "init_args": {}},
        input_shape=(1, 8, 8),
        input_type="uint8",
        num_outputs=len(class_names),
        head="softmax",
        class_names=class_names,
        mean=(0.5,),
        std=(0.5,),
        run="",
        metrics={},
        mlp_lab="0",
    )


def labels_of(path: Path, *class_names: str) -> list[int] | None:
    (batch,) = read_batches([path], model_of(*class_names), batch_size=100)
    return None if batch.labels is None else batch.labels.tolist()


def images(num: int) -> np.ndarray:
    return np.zeros((num, 1, 8, 8), np.uint8)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_classes_of_the_file_are_found_by_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    x, y, classes = images(4), np.array([0, 1, 2, -1]), ["a", "b", "c"]
    if suffix == ".npz":
        np.savez(path, x_test=x, y_test=y, classes=classes)
    else:
        arrays = {"x_test": torch.tensor(x), "y_test": torch.tensor(y)}
        torch.save({**arrays, "classes": classes}, path)
    assert labels_of(path, "c", "a") == [1, -1, 0, -1]


def test_without_names_labels_are_the_models_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=images(3), y=np.array([0, 1, 1]))
    assert labels_of(tmp_path / "a.npz", "zero", "one") == [0, 1, 1]


def test_classes_that_are_numbers_are_found_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=images(4), y=np.array([2, 5, 7, 9]))
    assert labels_of(tmp_path / "a.npz", "7", "2", "5") == [1, 2, 0, -1]


def test_labels_without_a_class_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", x=images(2), y=np.array([0, 2]))
    assert labels_of(tmp_path / "a.npz", "zero", "one") is None
    assert "has labels without a class, as 2: left out" in capsys.readouterr().out


def test_samples_used_in_place_of_test_samples_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", x_train=images(2), y_train=np.array([0, 1]))
    assert labels_of(tmp_path / "a.npz", "zero", "one") == [0, 1]
    assert "a.npz' is used: there is no x_test, and no x" in capsys.readouterr().out


def test_a_folder_of_another_name_is_of_no_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "other", "zero"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "photos" / name / "a.png")
    assert labels_of(tmp_path / "photos", "zero", "one") == [1, -1, 0]
    line = "folders that are no class of the model, predicted without a label: 'other'\n"
    assert capsys.readouterr().out == line
    assert labels_of(tmp_path / "photos", "two", "three") is None


def test_a_file_named_like_a_class_has_no_label(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    assert labels_of(tmp_path, "zero", "one.png") is None


def test_npz_with_objects_is_refused_and_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    np.savez(tmp_path / "bomb.npz", x_test=np.array([Bomb(mark)], dtype=object))
    mark.unlink(missing_ok=True)
    with pytest.raises(ChecksumError, match="holds pickled objects"):
        labels_of(tmp_path / "bomb.npz", "zero")
    assert not mark.exists()
