"""Run directories without a training, and reports as they are shown."""

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from markdown_it import MarkdownIt
from numpy.typing import ArrayLike
from PIL import Image

from mlp_lab.runs.outputs import Outputs


def write_run(
    directory: Path,
    *,
    seed: int = 0,
    test_acc: float | None = 0.8,
    val_acc: float = 0.85,
    lr: float = 0.001,
    split: str = "same",
    tested: str = "same",
    source: str = "Digits",
    settings: dict[str, Any] | None = None,
    names: tuple[str, str] = ("yes", "no"),
    losses: tuple[float, ...] = (0.6, 0.4, 0.5),
    validation: str = "held out of train",
    fold: Any = None,
    folds: Any = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write what a finished run leaves, without checkpoints and figures."""
    directory.mkdir(parents=True)
    config = {
        "seed_everything": seed,
        "experiment": directory.parent.name,
        "model": {
            "class_path": "mlp_lab.tasks.ClassificationTask",
            "init_args": {
                "optimizer": {"class_path": "torch.optim.Adam", "init_args": {"lr": lr}},
                **(settings or {}),
            },
        },
        "data": {
            **{"source": {"class_path": f"mlp_lab.data.{source}"}, "root": "/some/where"},
            **({} if fold is None else {"fold": fold, "folds": folds}),
        },
    }
    (directory / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    manifest = {
        "status": "finished",
        "end": "2026-01-02T03:04:05+00:00",
        "command": ["mlp-lab", "fit"],
        "versions": {"torch": "2"},
        "data": {
            "source": source,
            "sha256": {"data": source, "split": split, "test": tested}
            | ({} if fold is None else {"val": f"{split}, {fold}"}),
            "class_names": [*names],
            "validation": validation,
            "samples": {"train": 10},
            "notes": [*notes],
        },
        "git": {"commit": "abc", "dirty": True},
        "net": {"class": "MLP", "parameters": 1234, "neurons": 5, "connections": 6},
        "score": {"metric": "val/acc", "mode": "max"},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    metrics: dict[str, Any] = {"val/acc": val_acc, "best_epoch": 2, "epochs": 3, "seconds": 1.5}
    if test_acc is not None:
        right = round(100 * test_acc)
        metrics |= {
            "test/acc": test_acc,
            "train_eval/acc": 0.95,
            "test/confusion": [[100, 0], [100 - right, right]],
            "test/classes": {
                names[0]: {"precision": 0.5, "recall": 1.0, "f1": 0.6, "samples": 100},
                names[1]: {"precision": 1.0, "recall": test_acc, "f1": 0.7, "samples": 100},
            },
        }
    (directory / "metrics.json").write_text(json.dumps(metrics))
    rows = ["epoch,step,train/loss,val/acc,val/loss"]
    for epoch, loss in enumerate(losses, start=1):
        rows += [f"{epoch},{epoch},{1 / epoch},,", f"{epoch},{epoch},,{val_acc},{loss}"]
    (directory / "metrics.csv").write_text("\n".join(rows) + "\n")
    return directory


FIVE = (0.90, 0.91, 0.92, 0.93, 0.94)
"""Scores of five folds."""


def write_folds(
    directory: Path, scores: tuple[float, ...], lr: float = 0.1, seed: int = 0, **settings: Any
) -> list[Path]:
    """Write a run for each of the first folds of five, with its validation accuracy."""
    shared: dict[str, Any] = {"lr": lr, "seed": seed, "split": "five", "folds": 5} | settings
    return [
        write_run(directory / f"version_{seed}_{fold}", val_acc=score, fold=fold, **shared)
        for fold, score in enumerate(scores)
    ]


class Page(HTMLParser):
    """What a browser would fetch, run and show in tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.attributes: list[dict[str, str]] = []
        self.rows: list[list[str]] = []
        self._is_in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append({name: value or "" for name, value in attrs})
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_in_cell:
            self.rows[-1][-1] += data


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Return the cells of each row of each table, as they are shown."""
    tables: list[list[list[str]]] = []
    is_in_cell = False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        match token.type:
            case "table_open":
                tables.append([])
            case "tr_open":
                tables[-1].append([])
            case "inline" if is_in_cell:
                shown = [child.content for child in token.children or [] if child.type == "text"]
                tables[-1][-1].append("".join(shown))
        is_in_cell = token.type in ("td_open", "th_open")
    return tables


def draw_figures(run: Path, sizes: dict[str, tuple[int, int]]) -> None:
    """Write white figures of some names and sizes into a run."""
    (run / "plots").mkdir()
    for name, size in sizes.items():
        Image.new("RGB", size, "white").save(run / "plots" / f"{name}.png")


def write_answers(run: Path, right: ArrayLike, first: int = 0) -> Path:
    """Write which test samples of two classes a run answered rightly, and metrics that follow.

    Args:
        run: The run.
        right: Whether each sample was.
        first: Place of the first sample in its part of the source; others follow.
    """
    right = np.asarray(right, dtype=bool)
    num = len(right)
    labels = np.arange(num) % 2
    predicted = np.where(right, labels, 1 - labels)
    sure = np.where(predicted[:, None] == np.arange(2), 0.75, 0.25).astype(np.float32)
    Outputs(sure, labels, np.arange(first, first + num)).write(run / "test_outputs.npz")
    confusion = np.zeros((2, 2), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    change_metrics(run, **{"test/acc": float(np.mean(right)), "test/confusion": confusion.tolist()})
    return run


def write_targets(run: Path, predicted: ArrayLike, targets: ArrayLike) -> Path:
    """Write what a regression predicted, with a root mean squared error that follows."""
    outputs, labels = (
        np.array(values, dtype=np.float32)[:, None] for values in (predicted, targets)
    )
    Outputs(outputs, labels, np.arange(len(labels))).write(run / "test_outputs.npz")
    errors = outputs - labels
    metrics = {
        "rmse": float(np.sqrt(np.square(errors).mean())),
        "mae": float(np.abs(errors).mean()),
        "r2": float(1 - np.square(errors).sum() / np.square(labels - labels.mean()).sum()),
    }
    drop = {"test/acc": None, "test/confusion": None, "test/classes": None}
    change_metrics(run, **drop, **{f"test/{key}": value for key, value in metrics.items()})
    return run


def write_regression(directory: Path, val_loss: float = 0.0625, **settings: Any) -> Path:
    """Write a run that predicts one target, whose standard deviation is 4 in validation."""
    scaled = settings.pop("scale_targets", True)
    run = write_run(directory, settings={"scale_targets": scaled}, **settings)
    write_targets(run, [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 6.0])
    scores = {"loss": val_loss, "rmse": 4 * val_loss**0.5, "r2": 1 - val_loss}
    change_metrics(run, **{"val/acc": None, "train_eval/acc": None, "test/loss": 0.25})
    change_metrics(run, **{f"val/{key}": value for key, value in scores.items()})
    change_manifest(run, score={"metric": "val/loss", "mode": "min"})
    return run


def change_manifest(run: Path, **entries: Any) -> None:
    """Change entries of manifest.json; those of ``data`` are added to what it has."""
    path = run / "manifest.json"
    manifest = json.loads(path.read_text())
    entries["data"] = manifest["data"] | entries.get("data", {})
    path.write_text(json.dumps(manifest | entries))


def change_metrics(run: Path, **metrics: object) -> None:
    """Change metrics.json; None removes an entry."""
    path = run / "metrics.json"
    changed = json.loads(path.read_text()) | metrics
    path.write_text(json.dumps({k: v for k, v in changed.items() if v is not None}))
