import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlp_lab.data import TensorFile
from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError
from mlp_lab.tables import Column
from mlp_lab.tables.columns import Kind
from tests.conftest import CommandLine

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def write(path: Path, **arrays: Any) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        tensors = {k: torch.from_numpy(v) if k != "classes" else v for k, v in arrays.items()}
        torch.save(tensors, path)
    return path


def load(path: Path, **settings: Any) -> Any:
    return TensorFile(path, **settings).load(Path("anywhere"), download=False)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_parts_images_labels_and_names_come_through(tmp_path: Path, suffix: str) -> None:
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:6], "y_test": LABELS[:6]}
    path = write(tmp_path / f"ein Satz ö{suffix}", **arrays, classes=["a", "ö", "c d"])
    source = TensorFile(path)
    assert source.parts == {"train", "test"}
    assert source.input_shape == (3, 6, 5)
    assert source.class_names == ("a", "ö", "c d")
    parts = source.load(tmp_path, download=False)
    np.testing.assert_array_equal(parts["train"].inputs, IMAGES.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(parts["test"].labels, LABELS[:6])
    assert parts["train"].inputs.dtype == torch.uint8


def test_x_and_y_or_data_and_target_are_the_training_part(tmp_path: Path) -> None:
    first = load(write(tmp_path / "a.npz", x=IMAGES, y=LABELS))
    second = load(write(tmp_path / "b.pt", data=IMAGES, target=LABELS))
    assert first.keys() == second.keys() == {"train"}
    assert torch.equal(first["train"].inputs, second["train"].inputs)


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((4, 7), "auto", (7,)),
        ((4, 8, 9), "auto", (1, 8, 9)),
        ((4, 8, 9, 3), "auto", (3, 8, 9)),
        ((4, 1, 8, 9), "auto", (1, 8, 9)),
        ((4, 3, 9, 3), "NCHW", (3, 9, 3)),
        ((4, 3, 9, 3), "NHWC", (3, 3, 9)),
    ],
)
def test_layouts(tmp_path: Path, shape: tuple[int, ...], layout: Any, expected: object) -> None:
    x = np.zeros(shape, dtype=np.float32)
    source = TensorFile(write(tmp_path / "x.npz", x=x, y=np.arange(4)), layout=layout)
    assert source.input_shape == expected
    assert source.load(tmp_path, download=False)["train"].inputs.shape == (4, *expected)


@pytest.mark.parametrize(
    ("y", "classes", "names", "expected"),
    [
        ([55, 0, 58, 0], ["apple", "otter", "truck"], ("apple", "otter", "truck"), [1, 0, 2, 0]),
        ([55, 0, 58, 0], None, ("0", "55", "58"), [1, 0, 2, 0]),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], None, ("0", "1"), [1, 0, 1, 1]),
        ([0, 2, 2, 0], ["a", "b", "c"], ("a", "b", "c"), [0, 2, 2, 0]),
        ([1.0, 0.0, 1.0, 0.0], None, ("0", "1"), [1, 0, 1, 0]),
    ],
)
def test_labels_are_numbered_from_zero(
    tmp_path: Path, y: Any, classes: Any, names: object, expected: list[int]
) -> None:
    named = {} if classes is None else {"classes": classes}
    source = TensorFile(write(tmp_path / "x.npz", x=np.zeros((4, 2)), y=np.array(y), **named))
    assert source.class_names == names
    assert source.load(tmp_path, download=False)["train"].labels.tolist() == expected


def test_chosen_classes_are_numbered_in_the_order_given(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", x=np.arange(6.0)[:, None], y=np.array([0, 1, 2, 0, 1, 2]))
    train = load(path, classes=[2, "0"])["train"]
    assert train.inputs.flatten().tolist() == [0, 2, 3, 5]
    assert train.labels.tolist() == [1, 0, 1, 0]


def test_the_file_is_read_once_to_train_and_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TensorFile(write(tmp_path / "x.npz", x=FLAT, y=np.arange(4)))
    with monkeypatch.context() as patch:
        patch.setattr("mlp_lab.data.files._read_arrays", None)
        first = source.load(tmp_path, download=False)["train"]
    assert torch.equal(source.load(tmp_path, download=False)["train"].inputs, first.inputs)


def test_regression_targets(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((2, 5, 3))
    np.savez(tmp_path / "x.npz", x=x, y=y)
    with pytest.raises(ChecksumError, match=r"set --data.source.targets numbers"):
        TensorFile(tmp_path / "x.npz")
    source = TensorFile(tmp_path / "x.npz", targets="numbers")
    assert (source.num_targets, source.num_classes, source.input_shape) == (3, 0, (3,))
    train = source.load(tmp_path, download=False)["train"]
    np.testing.assert_allclose(train.labels, y, rtol=1e-6)
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(5))
    assert TensorFile(tmp_path / "x.npz", targets="numbers").num_targets == 1
    with pytest.raises(ConfigError, match="Leave one of the two out"):
        TensorFile(tmp_path / "x.npz", targets="numbers", classes=[1])
    np.savez(tmp_path / "x.npz", x=x, y=y * np.inf)
    with pytest.raises(ChecksumError, match=r"y_train of .* holds NaN or infinity"):
        TensorFile(tmp_path / "x.npz", targets="numbers")


FLAT = np.zeros((4, 2))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": FLAT}, "has neither x_train nor x; it holds z"),
        ({"x": FLAT}, "has x_train but no y_train"),
        ({"x": FLAT, "y": np.array([0, 1, 1, 0.5])}, "y_train of .* labels that are no integers"),
        ({"x": FLAT, "y": np.arange(3)}, "has 4 samples in x_train but 3 labels in y_train"),
        ({"x": FLAT, "y": np.array([0, 1, np.nan, 1])}, "y_train of .* holds NaN or infinity"),
        ({"x": FLAT, "y": np.eye(4) * 2}, "y_train of .* has rows that are not one-hot"),
        ({"x": FLAT * np.nan, "y": np.arange(4)}, "x_train of .* holds NaN or infinity"),
        ({"x": FLAT.astype(int), "y": np.arange(4)}, "x_train of .* is torch.int64; images are"),
        (
            {"x": FLAT, "y": np.array([0, 1, 7, 1]), "classes": ["a", "b"]},
            "names 2 classes, but its labels are 3 different ones from 0 to 7",
        ),
        (
            {"x": FLAT, "y": np.arange(4), "x_test": np.zeros((2, 3)), "y_test": np.arange(2)},
            r"x_test of .* has samples of shape \(3,\), and x_train of \(2,\)",
        ),
        ({"x": FLAT, "y": np.array([{}] * 4)}, "holds pickled objects; .* it was not loaded"),
        ({"x": FLAT[:, :0], "y": np.arange(4)}, r"shape \(4, 0\): its samples hold no number"),
        (
            {"x": np.zeros((4, 0, 5), np.uint8), "y": np.arange(4)},
            r"shape \(4, 0, 5\): its samples hold no number",
        ),
        (
            {"x": np.zeros(4, [("a", "f4")]), "y": np.arange(4)},
            r"x_train of .* is of type \[\('a', '<f4'\)\]; it must be an array of numbers",
        ),
        ({"x": FLAT.astype("M8[s]"), "y": np.arange(4)}, r"x_train of .* is of type datetime64"),
        ({"x": FLAT, "y": np.array(list("abba"))}, "y_train of .* is of type <U1; it must be an"),
        ({"x": FLAT, "y": np.arange(4, dtype="u8") + 2**63}, r"y_train .* labels beyond 2\*\*63"),
        ({"x": FLAT, "y": np.array([0, 1, 1e300, 1])}, r"y_train .* labels beyond 2\*\*63"),
        ({"x": FLAT, "y": np.arange(4) * 1j}, "y_train of .* is of type complex128; it must be"),
        ({"x": FLAT.astype(np.clongdouble), "y": np.arange(4)}, "x_train of .* is of type complex"),
        ({"x": FLAT, "y": np.arange(4), "classes": np.array(4)}, "classes of .* is 4; it must"),
        ({"x": FLAT, "y": np.arange(4), "classes": np.array("a")}, "classes of .* is 'a'; it must"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, arrays: Any, message: str) -> None:
    with pytest.raises(ChecksumError, match=message):
        load(write(tmp_path / "x.npz", **arrays))


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.longdouble, "f2"])
def test_every_numeric_type_is_read(tmp_path: Path, dtype: Any) -> None:
    x, y = np.arange(8).reshape(4, 2), np.arange(4)
    train = load(write(tmp_path / "x.npz", x=x.astype(dtype), y=y.astype(">i8")))["train"]
    assert torch.equal(train.inputs, torch.from_numpy(x).float())
    assert torch.equal(train.labels, torch.from_numpy(y))


def test_targets_too_large_for_a_loss_are_refused(tmp_path: Path) -> None:
    for largest in (1e39, -1e30, 1e16):
        path = write(tmp_path / "x.npz", x=FLAT, y=np.array([0, 1, largest, 3.0]))
        with pytest.raises(ChecksumError, match=r"y_train of .* reaches 1e\+\d\d, too large for a"):
            TensorFile(path, targets="numbers")


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def test_nothing_is_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ChecksumError, match="so it was not loaded"):
        TensorFile(tmp_path / "evil.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["torn.npz", "torn.pt"])
@pytest.mark.parametrize("size", [0, 1, 300])
def test_torn_files_are_refused(tmp_path: Path, name: str, size: int) -> None:
    whole = write(tmp_path / f"whole{Path(name).suffix}", x=FLAT, y=np.arange(4)).read_bytes()
    (tmp_path / name).write_bytes(whole[:size])
    with pytest.raises(ChecksumError, match=f"'.*{name}' (is torn|holds)"):
        TensorFile(tmp_path / name)


def test_a_missing_file_and_an_unclear_layout_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"data.source.path '.*none.npz' is not there"):
        TensorFile(tmp_path / "none.npz")
    path = write(tmp_path / "x.npz", x=np.zeros((2, 3, 5, 3), np.uint8), y=np.arange(2))
    with pytest.raises(ConfigError, match=r"is ambiguous\. Set --data.source.layout to NHWC or"):
        TensorFile(path)
    with pytest.raises(ConfigError, match=r"layout is 'NHW', but the arrays of .* \(2, 3, 5, 3\)"):
        TensorFile(path, layout="NHW")


def test_a_file_trains_tests_and_resumes(mlp_lab: CommandLine, tmp_path: Path) -> None:
    x = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0) + RNG.normal(0, 0.1, (120, 3))
    write(tmp_path / "mine.npz", x=x, y=np.repeat([4, 7, 9], 40), classes=["four", "7", "neun"])
    words = ["--data.source=TensorFile", "--data.source.path=mine.npz", "--trainer.max_epochs=40"]
    outcome = mlp_lab("fit", *words, "--data.batch_size=16")
    assert outcome.code == 0, outcome.err
    assert mlp_lab("predict", f"--run_dir={outcome.run_dir}").code == 0
    header = (outcome.run_dir / "predictions.csv").read_text().splitlines()[0]
    assert header == "index,label,predicted,confidence,four,7,neun"


def test_classes_named_by_numbers_are_chosen_by_name(tmp_path: Path) -> None:
    x, y = np.zeros((6, 2), np.float32), np.array([0, 1, 2] * 2)
    np.savez(tmp_path / "a.npz", x=x, y=y, classes=np.array([3, 1, 2]))
    assert TensorFile(tmp_path / "a.npz").class_names == ("3", "1", "2")
    source = TensorFile(tmp_path / "a.npz", classes=[1, 2])
    assert source.class_names == ("1", "2")
    assert source.load(tmp_path, download=False)["train"].labels.tolist() == [0, 1] * 2


def test_a_run_does_not_go_on_with_other_data(mlp_lab: CommandLine, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((60, 2), np.float32), np.arange(60) % 2
    np.savez(tmp_path / "a.npz", x=x, y=y)
    words = ["--data.source=TensorFile", "--data.source.path=a.npz", "--trainer.max_epochs=1"]
    run = mlp_lab("fit", *words).run_dir
    np.savez(tmp_path / "a.npz", x=x[:-1], y=y[:-1])
    outcome = mlp_lab("fit", f"--run_dir={run}", "--trainer.max_epochs=2")
    assert outcome.code == 2
    assert "The data are not those that" in outcome.err
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert mlp_lab("fit", f"--run_dir={run}", "--trainer.max_epochs=2").code == 0


def prepared_table(path: Path, **changes: Any) -> Path:
    """Write two rows of a number, a boolean and a category of two, as prepare does."""
    kinds: dict[str, Kind] = {"age": "numeric", "wet": "boolean", "colour": "categorical"}
    columns = [
        Column(name, kind, ("red", "blue") if kind == "categorical" else ()).plain()
        for name, kind in kinds.items()
    ]
    x = torch.tensor([[1.5, 0, 2], [math.nan, 1, math.nan]])
    torch.save({"x": x, "y": torch.tensor([0, 1]), "columns": columns} | changes, path)
    return path


def test_a_prepared_table_has_columns_and_missing_cells(tmp_path: Path) -> None:
    source = TensorFile(prepared_table(tmp_path / "t.pt"))
    assert [column.name for column in source.columns] == ["age", "wet", "colour"]
    assert source.columns[2].categories == ("red", "blue")
    inputs = source.load(tmp_path, download=False)["train"].inputs
    assert inputs.isnan().tolist() == [[False] * 3, [True, False, True]]


def test_names_of_columns_alone_make_no_table(tmp_path: Path) -> None:
    path = prepared_table(tmp_path / "t.pt", columns=["a", "b", "c"], x=torch.zeros(2, 3))
    assert TensorFile(path).columns == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": [{"name": "age"}]}, "columns of '.*t.pt' cannot be used: a column is"),
        ({"columns": [Column("a", "numeric").plain()]}, r"describes 1 columns, and x_train .*\(3,"),
        (
            {"x": torch.tensor([[1, 0, 3.0]] * 2)},
            "cells that column 'colour', which is categorical",
        ),
        ({"x": torch.tensor([[1, 0.5, 1]] * 2)}, "cells that column 'wet', which is boolean, cann"),
        ({"x": torch.tensor([[math.inf, 0, 1]] * 2)}, "column 'age', which is numeric, cannot"),
    ],
)
def test_a_prepared_table_that_is_none_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = prepared_table(tmp_path / "t.pt", **changes)
    with pytest.raises(ChecksumError, match=message):
        TensorFile(path).load(tmp_path, download=False)
