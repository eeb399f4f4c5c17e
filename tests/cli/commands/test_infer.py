"""mlp-lab infer: images, directories and arrays in, a table out."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_lab.data import Digits
from tests.conftest import CommandLine


@pytest.fixture
def model(digits_run: Path) -> Path:
    return digits_run / "model.onnx"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Thirty digits in folders that are called as their classes."""
    samples = Digits().load(Path(), download=False)["train"]
    for number in range(30):
        name = str(int(samples.labels[number]))
        path = tmp_path / "photos" / name / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.inputs[number, 0].numpy()).save(path)
    return tmp_path / "photos"


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_folders_called_as_classes_give_the_accuracy(
    mlp_lab: CommandLine, model: Path, folders: Path, tmp_path: Path
) -> None:
    outcome = mlp_lab("infer", model, folders, "--out", "a.csv", "--batch_size", 7)
    assert (outcome.code, outcome.err) == (0, "")
    rows = rows_of(tmp_path / "a.csv")
    assert [Path(row["input"]).name for row in rows] == sorted(
        (p.name for p in folders.rglob("*.png")),
        key=lambda name: str(next(folders.rglob(name))),
    )
    assert all(row["label"] == Path(row["input"]).parent.name for row in rows)
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert f"30 inputs, accuracy {right / 30:.4f} of 30 labelled" in outcome.out
    assert "... and 10 more" in outcome.out
    assert right > 20


def test_predict_writes_the_same_table(
    mlp_lab: CommandLine, tmp_path: Path, own_run: Path, folders: Path
) -> None:
    """What version 0.1 called input is there for one more release, behind all other columns."""
    table = mlp_lab("predict", f"--run_dir={own_run}", f"--data.predict_dir={folders}")
    inferred = mlp_lab("infer", own_run, folders, "--out=a.csv")
    assert "'input' is deprecated since 0.2 and removed in 0.3: use 'file' or" in inferred.out
    of_predict = rows_of(Path(table.last_line.removeprefix("predictions: ")))
    of_infer = rows_of(tmp_path / "a.csv")
    assert [*of_infer[0]] == [*of_predict[0], "input"]
    assert len(of_infer) == len(of_predict) == 30
    for mine, other in zip(of_infer, of_predict, strict=True):
        assert (mine["input"], mine["file"]) == (str(folders / other["file"]), other["file"])
        assert mine["label"] == other["label"] == Path(other["file"]).parent.name
        assert (mine["index"], mine["predicted"]) == (other["index"], other["predicted"])
        probabilities = [float(row[mine["predicted"]]) for row in (mine, other)]
        assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-5)
        assert mine[mine["predicted"]] == mine["confidence"]


def test_of_several_directories_files_are_named_as_typed(
    mlp_lab: CommandLine, model: Path, folders: Path, tmp_path: Path
) -> None:
    typed = [folders / "0", folders / "1"]
    assert mlp_lab("infer", model, *typed, "--out=a.csv").code == 0
    rows = rows_of(tmp_path / "a.csv")
    files = [str(path) for folder in typed for path in sorted(folder.iterdir())]
    assert [row["file"] for row in rows] == [row["input"] for row in rows] == files


def test_images_are_counted_and_arrays_have_indices(
    mlp_lab: CommandLine, model: Path, folders: Path, tmp_path: Path
) -> None:
    np.savez("a.npz", x=np.zeros((2, 1, 8, 8), np.uint8))
    images = sorted(map(str, folders.rglob("*.png")))[:3]
    assert mlp_lab("infer", model, *images, "a.npz", images[0], "--out=a.csv").code == 0
    found = [(row["index"], row["file"]) for row in rows_of(tmp_path / "a.csv")]
    assert found == [*zip("012", images, strict=True), ("0", ""), ("1", ""), ("3", images[0])]


def test_a_broken_image_is_refused_or_left_out(
    mlp_lab: CommandLine, model: Path, folders: Path, tmp_path: Path
) -> None:
    broken, *others = sorted(folders.rglob("*.png"))
    broken.write_text("no image")
    refused = mlp_lab("infer", model, folders, "--out=a.csv", "--batch_size=7")
    assert refused.code == 2
    assert f"'{broken}' is no image. --broken skip leaves it out." in refused.err
    assert not (tmp_path / "a.csv").exists()
    for batch_size in (1, 7):
        words = ("--out=a.csv", f"--batch_size={batch_size}", "--broken=skip")
        outcome = mlp_lab("infer", model, folders, *words)
        assert outcome.code == 0, outcome.err
        assert f"1 of 30 images are broken and left out, as '{broken}'" in outcome.out
        rows = rows_of(tmp_path / "a.csv")
        assert [row["input"] for row in rows] == [*map(str, others)]
        assert all(row["label"] == Path(row["input"]).parent.name for row in rows)
    listed = mlp_lab("infer", model, others[0], broken, others[1], "--broken=skip", "--out=b.csv")
    assert f"1 of 3 images are broken and left out, as '{broken}'" in listed.out
    assert [row["input"] for row in rows_of(tmp_path / "b.csv")] == [*map(str, others[:2])]
    alone = mlp_lab("infer", model, broken, "--broken=skip")
    assert (alone.code, alone.out) == (2, "")
    assert f"None of the 1 images can be read, as '{broken}'." in alone.err


def test_a_batch_size_changes_nothing(mlp_lab: CommandLine, model: Path, folders: Path) -> None:
    for size in (1, 8, 1000):
        assert (
            mlp_lab("infer", model, folders, "--out", f"{size}.csv", "--batch_size", size).code == 0
        )
    first, *others = (rows_of(Path(f"{size}.csv")) for size in (1, 8, 1000))
    for other in others:
        assert [row["predicted"] for row in other] == [row["predicted"] for row in first]


def test_json_and_the_likeliest_classes(
    mlp_lab: CommandLine, model: Path, folders: Path, tmp_path: Path
) -> None:
    image = next(folders.rglob("*.png"))
    outcome = mlp_lab("infer", model, image, "--out", "a.json", "--top_k", 3)
    assert outcome.code == 0
    (row,) = json.loads((tmp_path / "a.json").read_text())
    assert [*row] == [
        *("index", "file", "label", "predicted", "confidence"),
        *("predicted_2", "confidence_2", "predicted_3", "confidence_3", "probabilities", "input"),
    ]
    assert (row["index"], row["file"], row["input"]) == (0, str(image), str(image))
    assert row["probabilities"][row["predicted_2"]] == row["confidence_2"]
    assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert 1 >= row["confidence"] >= row["confidence_2"] >= row["confidence_3"] >= 0


def test_images_are_brought_to_the_models_shape(
    mlp_lab: CommandLine, model: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save("colour.png")
    assert mlp_lab("infer", model, "colour.png").code == 0


@pytest.mark.parametrize("kind", ["npz", "pt"])
@pytest.mark.parametrize("layout", ["NCHW", "NHW", "NHWC"])
def test_arrays(mlp_lab: CommandLine, model: Path, tmp_path: Path, kind: str, layout: str) -> None:
    samples = Digits().load(Path(), download=False)["train"]
    x, y = samples.inputs[:50].numpy(), samples.labels[:50].numpy()
    x = {"NCHW": x, "NHW": x[:, 0], "NHWC": x.transpose(0, 2, 3, 1)}[layout]
    if kind == "npz":
        np.savez("a.npz", x_test=x, y_test=y)
    else:
        torch.save({"x_test": torch.tensor(x), "y_test": torch.tensor(y)}, "a.pt")
    outcome = mlp_lab("infer", model, f"a.{kind}", "--out", "a.csv")
    assert outcome.code == 0
    rows = rows_of(tmp_path / "a.csv")
    right = sum(row["label"] == row["predicted"] for row in rows)
    assert f"50 inputs, accuracy {right / 50:.4f} of 50" in outcome.out
    assert right > 40


def test_the_samples_that_a_run_keeps_are_read(mlp_lab: CommandLine, digits_run: Path) -> None:
    samples = digits_run / "test_samples.npz"
    outcome = mlp_lab("infer", digits_run / "model.onnx", samples)
    assert outcome.code == 0
    with np.load(samples) as kept:
        assert f"{len(kept['labels'])} inputs, accuracy " in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.onnx", "a.png"], "'no.onnx' is not there"),
        (["MODEL", "nothing"], "'nothing' is not there"),
        (["MODEL", "empty"], "No images in 'empty'"),
        (["MODEL", "a.txt"], "'a.txt' is neither a directory nor one of .npz, .pt, .bmp"),
        (["MODEL", "text.png"], "'text.png' is no image"),
        (["MODEL", "a.npz", "--top_k=11"], "top_k is 11; the model has 10 classes"),
        (["MODEL", "a.npz", "--batch_size=0"], "batch_size is 0; it must be at least 1"),
        (["MODEL", "a.npz", "--out=a.xml"], "out is 'a.xml'; it must be a .csv or a .json"),
        (["MODEL", "big.npz"], "has inputs of shape (1, 9, 9); the model takes (1, 8, 8)"),
        (["MODEL", "float.npz"], "is of float64; the model takes raw bytes, 0..255"),
        (["MODEL", "other.npz"], "holds z, and none of x_test, x, data, inputs"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    mlp_lab: CommandLine, model: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").touch()
    (tmp_path / "text.png").write_text("no image")
    np.savez("a.npz", x=np.zeros((2, 1, 8, 8), np.uint8))
    np.savez("big.npz", x=np.zeros((2, 1, 9, 9), np.uint8))
    np.savez("float.npz", x=np.zeros((2, 1, 8, 8)))
    np.savez("other.npz", z=np.zeros(3))
    chosen = [str(model) if word == "MODEL" else word for word in words]
    outcome = mlp_lab("infer", *chosen, *([] if "--out" in words[-1] else ["--out=out.csv"]))
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_table_that_cannot_be_written_is_one_sentence(
    mlp_lab: CommandLine, model: Path, tmp_path: Path
) -> None:
    np.savez("a.npz", x=np.zeros((2, 1, 8, 8), np.uint8))
    (tmp_path / "file").touch()
    outcome = mlp_lab("infer", model, "a.npz", "--out=file/a.csv")
    assert outcome.code == 1
    assert "'file/a.csv' could not be written" in outcome.err


def test_labels_may_be_a_column_or_unknown_and_others_are_named_and_left_out(
    mlp_lab: CommandLine, model: Path
) -> None:
    x = np.zeros((3, 1, 8, 8), np.uint8)
    np.savez("column.npz", x=x, y=np.array([[0], [1], [-1]]))
    assert "of 2 labelled" in mlp_lab("infer", model, "column.npz").out
    np.savez("shares.npz", x=x, y=np.array([0.0, 0.5, 1.0]))
    outcome = mlp_lab("infer", model, "shares.npz")
    assert "y in 'shares.npz' is float64 of shape (3,), no labels: left out" in outcome.out
    assert "labelled" not in outcome.out


def test_files_whose_names_are_no_text_are_written(
    mlp_lab: CommandLine, model: Path, tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    for kind in ("csv", "json"):
        outcome = mlp_lab("infer", model, name, f"--out=a.{kind}")
        assert (outcome.code, outcome.err) == (0, "")
        assert "caf\\udce9.png" in outcome.out
    assert rows_of(tmp_path / "a.csv")[0]["input"] == "caf\\udce9.png"
    assert json.loads((tmp_path / "a.json").read_text())[0]["input"] == name


def test_an_output_that_is_not_finite_is_one_sentence(mlp_lab: CommandLine, tmp_path: Path) -> None:
    fit = mlp_lab("fit", "--data.source=Moons", "--trainer.max_epochs=1")
    model = fit.run_dir / "checkpoints" / "best.ckpt"
    np.savez("a.npz", x=np.array([[0, 0], [3e38, -3e38]], np.float32))
    outcome = mlp_lab("infer", model, "a.npz", "--batch_size=1", "--out=a.json")
    assert outcome.code == 2
    assert "answer to input 1 is not finite: its numbers are too large." in outcome.err
    assert not (tmp_path / "a.json").exists()


def test_no_input_leaves_a_head_alone(mlp_lab: CommandLine, model: Path) -> None:
    np.savez("none.npz", x=np.zeros((0, 1, 8, 8), np.uint8))
    assert mlp_lab("infer", model, "none.npz", "--out=a.csv").code == 0
    head = "index,label,predicted,confidence,0,1,2,3,4,5,6,7,8,9,input\n"
    assert Path("a.csv").read_text() == head


def test_numbers_that_are_not_finite_are_refused(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["--data.source=Moons", "--trainer.max_epochs=1"]
    checkpoint = mlp_lab("fit", *words).run_dir / "checkpoints" / "best.ckpt"
    for value in (np.nan, np.inf, 1e300):
        np.savez("a.npz", x=np.array([[0.0, 1.0], [value, 0.0]]))
        outcome = mlp_lab("infer", checkpoint, "a.npz")
        assert outcome.code == 2
        assert "Row 1 of x in 'a.npz' has a number that is not finite, or too large" in outcome.err


def test_tensors_of_any_kind_are_read_or_refused(mlp_lab: CommandLine, model: Path) -> None:
    x = torch.zeros(2, 1, 8, 8)
    for tensor in (torch.nn.Parameter(x), x.to(torch.float8_e4m3fn), torch.empty(2, device="meta")):
        torch.save({"x": tensor}, "a.pt")
        outcome = mlp_lab("infer", model, "a.pt")
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1


def test_a_pipe_is_no_image(mlp_lab: CommandLine, model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    os.mkfifo(tmp_path / "photos" / "a.png")
    outcome = mlp_lab("infer", model, "photos")
    assert outcome.code == 2
    assert "a.png' is no file" in outcome.err


def test_regression_writes_numbers(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    run_dir = mlp_lab("fit", *words).run_dir
    np.savez("a.npz", x=np.linspace(0, 1, 5, dtype=np.float32)[:, None])
    outcome = mlp_lab("infer", run_dir / "checkpoints" / "best.ckpt", "a.npz", "--out", "a.csv")
    assert outcome.code == 0
    rows = rows_of(tmp_path / "a.csv")
    assert [*rows[0]] == ["index", "target", "predicted", "input"]
    assert [row["index"] for row in rows] == [row["input"] for row in rows] == [*"01234"]
    assert len({row["predicted"] for row in rows}) == 5


def test_onnx_needs_no_torch(model: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 8, 8), np.uint8))
    words = ["infer", str(model), "a.png", "a.npz", "--out", "a.json"]
    code = (
        f"import sys; from mlp_lab.cli.main import main; assert main({words}) == 0; "
        "assert not {'torch', 'lightning', 'matplotlib', 'sklearn', 'onnx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=os.environ)
    assert len(json.loads((tmp_path / "a.json").read_text())) == 4
