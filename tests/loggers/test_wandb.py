"""W&B offline: what was logged is read back out of its file."""

import json
import struct
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import MLPLabWarning
from mlp_lab.loggers import WandbTracker
from mlp_lab.runs.metrics_csv import read_rows
from tests.conftest import CommandLine

WANDB = "--trainer.logger=mlp_lab.loggers.WandbTracker"
FIT = ["--data.source=Moons", "--trainer.max_epochs=3"]

BLOCK, HEADER, FILE_HEADER = 32768, struct.Struct("<IHB"), 7  # LevelDB's log


def read_records(path: Path) -> list[Any]:
    """Return the records of a file in LevelDB's log format, in which W&B keeps a run."""
    make_record = import_module("wandb.proto.wandb_internal_pb2").Record

    content, place, parts, records = path.read_bytes(), FILE_HEADER, b"", []
    while place + HEADER.size <= len(content):
        if BLOCK - place % BLOCK < HEADER.size:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(content, place)
        place += HEADER.size
        parts += content[place : place + length]
        place += length
        if kind in (1, 4):  # whole, or the last part
            record = make_record()
            record.ParseFromString(parts)
            records.append(record)
            parts = b""
    return records


def read_charts(run_dir: Path) -> set[str]:
    """Return the names of what is charted: all that was logged and is not hidden, but figures."""
    logged, hidden = set(), set()
    for file in sorted((run_dir / "wandb").glob("offline-run-*/*.wandb")):
        for record in read_records(file):
            logged |= {item.key or "/".join(item.nested_key) for item in record.history.item}
            hidden |= {record.metric.name} if record.metric.options.hidden else set()
    return {n for n in logged - hidden if not n.startswith(("_", "plots/"))}


def read_offline(run_dir: Path) -> tuple[dict[str, Any], dict[str, dict[int, Any]]]:
    """Return settings and summary, and series by step."""
    values: dict[str, Any] = {}
    series: dict[str, dict[int, Any]] = defaultdict(dict)
    for file in sorted((run_dir / "wandb").glob("offline-run-*/*.wandb")):
        for record in read_records(file):
            for item in (*record.config.update, *record.summary.update, *record.run.config.update):
                key = item.key or "/".join(item.nested_key)
                values[key] = json.loads(item.value_json)
            row = {
                item.key or "/".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            for key in row.keys() - {"step", "epoch"}:
                if not key.startswith("_"):
                    series[key][int(row["step"])] = row[key]
    return values, series


@pytest.mark.slow
@pytest.mark.figures
def test_everything_is_read_back(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", *FIT, WANDB)
    assert (outcome.code, outcome.err) == (0, "")
    run_dir = outcome.run_dir
    again = mlp_lab("fit", "--run_dir", run_dir, "--trainer.max_epochs=4")
    assert (again.code, again.err) == (0, "")
    values, series = read_offline(run_dir)
    rows = read_rows(run_dir / "metrics.csv")
    for key in ("train/loss", "train/acc", "val/loss", "val/acc", "lr"):
        expected = {int(row["step"]): float(row[key]) for row in rows if row[key]}
        assert series[key] == pytest.approx(expected), key
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert list(series["test/acc"].values())[-1] == pytest.approx(metrics["test/acc"])
    assert values["model.optimizer.lr"] == 0.001
    assert values["checkpoints/best"].endswith("best.ckpt")
    figures = {key.rpartition("/")[0] for key in series}  # each with its file, size and so on
    assert {"plots/confusion_before", "plots/confusion", "plots/roc", "plots/loss"} <= figures
    files = [*(run_dir / "wandb").glob("offline-run-*/*.wandb")]
    assert len({file.stem for file in files}) == 1  # one run, gone on with


def test_a_missing_client_is_one_warning_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    logger = WandbTracker()
    with pytest.warns(MLPLabWarning, match=r"needs pip install 'mlp_lab\[wandb\]'"):
        logger.log_metrics({"val/acc": 0.5}, step=0)
    logger.finalize("success")
    logger.close()
