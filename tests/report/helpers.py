"""Run directories without a training."""

import json
from pathlib import Path
from typing import Any

import yaml


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
        "data": {"source": {"class_path": f"mlp_lab.data.{source}"}, "root": "/some/where"},
    }
    (directory / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    manifest = {
        "status": "finished",
        "end": "2026-01-02T03:04:05+00:00",
        "command": ["mlp-lab", "fit"],
        "versions": {"torch": "2"},
        "data": {
            "source": source,
            "sha256": {"data": source, "split": split, "test": tested},
            "validation": validation,
            "samples": {"train": 10},
            "notes": ["a note"],
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
