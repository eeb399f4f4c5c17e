"""A model of a table in use: by every command, by others, and again."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
import torch

from mlp_lab import Predictor, Run
from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.data import LabDataModule, Table
from mlp_lab.export.model_file import write_model
from mlp_lab.export.model_info import describe_model
from mlp_lab.nets import MLP, TableEncoding
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.tasks import ClassificationTask
from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.town_table import FLAGS, NAMES, make_rows, write_table
from tests.helpers.training import assert_same_training, killed_at_step

FIT = ("fit", *FLAGS, "--data.source.path=table.csv", "--trainer.max_epochs=2")
# Of a number and a category that are missing, and categories that no training row has.
NEW = [
    ["a-1", "?", "Bonn", "street 01", "true", "", "yes"],
    ["a-2", "44", "", "street 02", "false", "", "no"],
    ["a-3", "31", "Atlantis", "nowhere", "true", "", "perhaps"],
    ["a-4", "nan", "NA", "", "", "", ""],
]


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", make_rows())
    shuffled = [5, 3, 6, 1, 0, 2, 4]
    rows = [[row[place] for place in shuffled] for row in NEW]
    write_table(tmp_path / "new.csv", rows, [NAMES[place] for place in shuffled])


def answer_as_an_outsider(model: Path, table: Path) -> np.ndarray:
    """Return probabilities by onnxruntime, numpy and what the file says of itself."""
    session = onnxruntime.InferenceSession(model)
    metadata = {
        key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()
    }
    missing = metadata["dialect"]["missing"]

    def code(text: str, column: dict[str, Any]) -> float:
        if text in missing:
            return float("nan")
        if column["kind"] == "categorical":
            known = column["categories"]
            return known.index(text) if text in known else len(known)
        return float(text == "true") if column["kind"] == "boolean" else float(text)

    with table.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    inputs = [[code(row[c["name"]], c) for c in metadata["columns"]] for row in rows]
    found: np.ndarray = session.run(None, {"inputs": np.asarray(inputs, np.float32)})[1]
    return found


def probabilities_in(path: Path) -> np.ndarray:
    with path.open(newline="") as file:
        return np.asarray([[row["no"], row["yes"]] for row in csv.DictReader(file)], np.float64)


@pytest.mark.export
def test_others_predict_what_every_command_predicts(mlp_lab: CommandLine, tmp_path: Path) -> None:
    run_dir = mlp_lab(*FIT).run_dir
    model = run_dir / "model.onnx"
    assert mlp_lab("predict", f"--run_dir={run_dir}", "--data.predict_split=all").code == 0
    (predicted,) = run_dir.rglob("predictions.csv")
    outside = answer_as_an_outsider(model, tmp_path / "table.csv")
    np.testing.assert_allclose(probabilities_in(predicted), outside, atol=1e-5)

    outside = answer_as_an_outsider(model, tmp_path / "new.csv")
    assert mlp_lab("export", str(run_dir), "--format=pth").code == 0
    for file in (model, run_dir / "model.pth", run_dir / "checkpoints" / "best.ckpt"):
        outcome = mlp_lab("infer", file, "new.csv", "--out=p.csv", "--id=row")
        assert outcome.code == 0, outcome.err
        assert "columns of 'new.csv' that the model does not take: price\n" in outcome.out
        assert " of 2 labelled\n" in outcome.out
        np.testing.assert_allclose(probabilities_in(tmp_path / "p.csv"), outside, atol=1e-5)
        with Path("p.csv").open(newline="") as opened:
            rows = [*csv.DictReader(opened)]
        assert [*rows[0]] == ["id", "index", "label", "predicted", "confidence", "no", "yes"]
        assert [row["id"] for row in rows] == ["a-1", "a-2", "a-3", "a-4"]
        assert [row["label"] for row in rows] == ["yes", "no", "", ""]
    frame = pl.read_csv("new.csv", infer_schema=False)
    frame = frame.with_columns(pl.col("member") == "true")
    np.testing.assert_allclose(Predictor(model).predict(frame), outside, atol=1e-5)
    for inputs in (frame, "new.csv"):
        np.testing.assert_allclose(Run(run_dir).predict(inputs), outside, atol=1e-5)

    missing = mlp_lab("infer", model, "new.csv", "--id=rows")
    assert (missing.code, "has no column 'rows'. Did you mean 'row'?" in missing.err) == (2, True)
    assert mlp_lab("infer", model, ".", "--id=row").code == 2
    check_malformed(mlp_lab, run_dir)


def check_malformed(mlp_lab: CommandLine, run_dir: Path) -> None:
    """Refuse files whose columns say something else than they should."""
    content = torch.load(run_dir / "model.pth", weights_only=True)
    proto = onnx.load(run_dir / "model.onnx")
    columns: list[Any] = content["model"]["columns"]
    for wrong in ([3], [{**columns[0], "kind": "date"}, *columns[1:]], columns[1:], "columns"):
        torch.save(content | {"model": content["model"] | {"columns": wrong}}, "bad.pth")
        (entry,) = (prop for prop in proto.metadata_props if prop.key == "columns")
        entry.value = json.dumps(wrong)
        onnx.save(proto, "bad.onnx")
        for name in ("bad.pth", "bad.onnx"):
            outcome = mlp_lab("infer", name, "new.csv")
            assert outcome.code == 2
            assert "column" in outcome.err
            assert outcome.err.count("\n") == 1


ENCODINGS = [
    pytest.param(TableEncoding("quantile", 0), id="quantile, embeddings"),
    pytest.param(TableEncoding("quantile", 99), id="quantile, one-hot"),
    pytest.param(TableEncoding("standard", 0), id="standard, embeddings"),
    pytest.param(TableEncoding("standard", 99), id="standard, one-hot"),
]


@pytest.mark.slow
@pytest.mark.usefixtures("_one_registry")
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_file_answers_as_the_net_from_raw_values(
    tmp_path: Path, encoding: TableEncoding
) -> None:
    torch.manual_seed(0)
    data = LabDataModule(Table(tmp_path / "table.csv", "bought", drop=["row"], missing=["?"]))
    data.setup("fit")
    task = ClassificationTask(
        data.input_shape,
        2,
        net=partial(MLP, hidden_dims=[8]),
        columns=data.columns,
        encoding=encoding,
    )
    task.take_statistics(data)
    with torch.no_grad():
        for table in task.net.encoder.embeddings:  # type: ignore[union-attr]
            table.weight.normal_()  # those of unknown and missing ones too
    inputs = data.samples[0].inputs
    info = describe_model(task, data, "", {})
    with torch.inference_mode():
        expected = task(inputs).softmax(1).numpy()
    text = (tmp_path / "table.csv").read_text().replace("?", "")
    frame = pl.read_csv(text.encode())
    for suffix in ("onnx", "pth"):
        path = tmp_path / f"model.{suffix}"
        assert write_model(task, info, inputs, path) < 1e-5
        np.testing.assert_allclose(Predictor(path).predict(frame), expected, atol=1e-5)


def test_a_killed_run_goes_on_bit_by_bit(mlp_lab: CommandLine) -> None:
    whole = mlp_lab(*FIT).run_dir
    with killed_at_step(8):
        mlp_lab(*FIT)
    resumed = mlp_lab("fit", "--run_dir=runs/base/version_1")
    assert resumed.code == 0, resumed.err
    assert_same_training(whole, Path("runs/base/version_1"))


def test_a_run_keeps_its_own_codes(mlp_lab: CommandLine, tmp_path: Path) -> None:
    """Whatever the split, or the file, what the net was trained on decides what a code means."""
    run_dir = mlp_lab(*FIT, "--data.source.min_count=6").run_dir
    own = read_checkpoint(run_dir / "checkpoints" / "best.ckpt")["mlp_lab"]["model"]["columns"]
    for seed in range(4):
        words = [f"--run_dir={run_dir}", f"--data.split_seed={seed}"]
        assert LabCLI("test", read_invocation("test", words)).job.data.columns == own
    tested = mlp_lab("test", f"--run_dir={run_dir}", "--data.split_seed=1")
    assert tested.code == 0, tested.err

    order = [6, 2, 0, 5, 4, 1, 3]
    rows = [[row[place] for place in order] for row in make_rows()]
    write_table(tmp_path / "other.csv", rows, [NAMES[place] for place in order])
    first = read_metrics(run_dir)
    other = ["--data.source.path=other.csv", "--out=out"]
    assert mlp_lab("test", f"--run_dir={run_dir}", *other).code == 0
    assert read_metrics(tmp_path / "out")["test/loss"] == first["test/loss"]

    write_table(tmp_path / "other.csv", [row[:-1] for row in rows], [NAMES[p] for p in order[:-1]])
    for words in (
        ["test", f"--run_dir={run_dir}"],
        [*FIT, f"--init_from={run_dir}"],
    ):
        refused = mlp_lab(*words, *other[:1])
        assert refused.code == 2
        assert "other.csv' has no column 'street', which " in refused.err
        assert not (tmp_path / "runs" / "base" / "version_1").exists()


@pytest.mark.slow
def test_weights_begin_another_training_with_their_codes(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    words = (f"--init_from={first}", "--data.split_seed=3", "--model.optimizer.lr=0")
    second = mlp_lab(*FIT, *words).run_dir
    models = [
        read_checkpoint(run / "checkpoints" / "best.ckpt")["mlp_lab"]["model"]
        for run in (first, second)
    ]
    assert models[0]["columns"] == models[1]["columns"]


@pytest.mark.slow
def test_a_regression_is_scored_by_its_target(mlp_lab: CommandLine) -> None:
    words = [
        "--model=RegressionTask",
        "--data.source.target=price",
        "--data.source.drop=[row,bought]",
    ]
    run_dir = mlp_lab(*FIT, *words).run_dir
    outcome = mlp_lab("infer", run_dir, "table.csv", "--out=p.csv")
    with Path("p.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    targets, predicted = (
        np.asarray([row[key] for row in rows], np.float64) for key in ("target", "predicted")
    )
    squares = np.square(targets - predicted).mean()
    r2 = 1 - squares / targets.var()
    line = f"120 inputs, R² {r2:.4f}, RMSE {squares**0.5:.4g} of 120 with a target\n"
    assert line in outcome.out


@pytest.mark.slow
def test_names_and_categories_are_texts_whatever_they_look_like(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    odd = ["true", "1e3", "null: {", '"', "~"] * 12
    rows = [[text, text, text, ("yes", "no")[place % 2]] for place, text in enumerate(odd)]
    write_table(tmp_path / "odd.csv", rows, ["null", "1", "[a]", "bought"])
    words = ("--data.source=Table", "--data.source.target=bought", "--data.source.path=odd.csv")
    run_dir = mlp_lab("fit", *words, "--trainer.max_epochs=1").run_dir
    columns = read_checkpoint(run_dir / "checkpoints" / "best.ckpt")["mlp_lab"]["model"]["columns"]
    assert [column["name"] for column in columns] == ["null", "1", "[a]"]
    assert all(column["categories"] == sorted({*odd}) for column in columns)
    assert mlp_lab("test", f"--run_dir={run_dir}").code == 0
