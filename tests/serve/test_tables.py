"""A model of a table as a service."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlp_lab.cli.main import main
from mlp_lab.inference import Predictor
from tests.helpers.service import JSON, Client, serving
from tests.helpers.small_table import COLUMNS, words_of, write_small_table


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("table")
    words = words_of(write_small_table(directory / "small.csv"), "kind")
    words += ["--trainer.max_epochs=1", "--figures=false", f"--runs_dir={directory}"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("sys.argv", ["mlp-lab", "fit", *words])
        assert main() == 0
    return directory / "base" / "version_0"


@pytest.fixture(scope="module")
def client(run_dir: Path) -> Iterator[Client]:
    with serving(run_dir) as client:
        yield client


def test_rows_and_a_csv_are_answered_as_by_infer(
    client: Client, run_dir: Path, tmp_path: Path
) -> None:
    rows = [
        {"size": 1.5, "noise": 0, "wet": True, "colour": "red"},
        {"size": None, "noise": -1, "wet": None, "colour": "never seen"},
    ]
    text = b"colour,size,wet,noise,more\nred,1.5,true,0,x\nnever seen,,,-1,y\n"
    path = tmp_path / "two.csv"
    path.write_bytes(text)
    (expected,) = Predictor(run_dir).predict_files(path)
    assert expected.probabilities is not None
    for answer in (
        client.post("/api/predict", {"rows": rows}),
        client.send("/api/predict", text, "text/csv"),
    ):
        found = [prediction["probabilities"] for prediction in answer.json["predictions"]]
        np.testing.assert_allclose(found, expected.probabilities, atol=1e-6)


def test_card_and_samples_say_the_columns(client: Client) -> None:
    card = client.get("/api/model").json
    assert card["kind"] == "table"
    assert [column["name"] for column in card["columns"]] == [*COLUMNS]
    samples = client.get("/api/samples").json["samples"]
    rows = [sample["input"] for sample in samples]
    assert rows
    assert all(row.keys() == {*COLUMNS} for row in rows)
    assert len(client.post("/api/predict", {"rows": rows}).json["predictions"]) == len(rows)


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (json.dumps({"rows": [{"size": 1}]}).encode(), JSON, 422, "Row 1 has no 'noise'."),
        (b'{"rows": 3}', JSON, 422, "The rows must be a list of objects"),
        (b"{}", JSON, 422, 'The object lacks "rows", a list of objects.'),
        (b"size,noise\n1\n", "text/csv", 422, "Row 1 of the CSV has 1 cells"),
        (
            b"size;noise;wet;colour\n1;2;true;red\n",
            "text/csv",
            422,
            "The CSV has no column 'size', read with ',' between its cells.",
        ),
        (
            b"size,noise,wet,colour\nx,2,true,red\n",
            "text/csv",
            422,
            "and 'x' in row 1. Correct it.",
        ),
        (b"\xff", "text/csv", 400, "The CSV is not in UTF-8"),
        (b"size\n" + b"1\n" * 5000, "text/csv", 413, "inputs are too many"),
    ],
)
def test_bad_rows_are_one_sentence(
    client: Client, body: bytes, kind: str, status: int, words: str
) -> None:
    answer = client.send("/api/predict", body, kind)
    assert answer.status == status
    assert words in answer.error
