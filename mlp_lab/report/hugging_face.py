"""The metadata of a model card, by Hugging Face's keys and names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlp_lab.inference import ModelInfo
from mlp_lab.report.formatting import format_metric
from mlp_lab.report.run_summary import RunSummary

_LIBRARIES = {".onnx": "onnx", ".pth": "pytorch"}
# In the order of their importance; those without a name of their own there have ours.
_METRICS = {
    **{"acc": "accuracy", "f1_macro": "f1", "roc_auc_macro": "roc_auc"},
    **{"rmse": "rmse", "mae": "mae", "r2": "r_squared"},
}


def describe_for_hub(info: ModelInfo, summary: RunSummary, files: Sequence[str]) -> dict[str, Any]:
    """Return the metadata that a model card begins with, in plain types.

    The licence is ``unknown``, which Hugging Face has a name for; of other things that are not
    known there is no key.

    Args:
        info: The model's description.
        summary: The run, with the metrics of this very model.
        files: Names of the model's files.

    Reference:
        Hugging Face, "Model Cards", https://huggingface.co/docs/hub/model-cards.
    """
    split = "test" if _scores_of(summary, "test") else "validation"
    scores = _scores_of(summary, split)
    name = str(summary.data_info.get("source", ""))
    dataset = _to_id(name)
    task = _find_task(info)
    metadata = {
        "license": "unknown",
        "library_name": "mlp_lab",
        "pipeline_tag": task,
        "tags": ["mlp_lab", *(_LIBRARIES[Path(file).suffix] for file in files)],
        "datasets": [dataset] if dataset else [],
        "metrics": [_METRICS[key] for key in scores if key in _METRICS],
        "model-index": [
            {
                "name": info.run or "unnamed",
                "results": [_describe_results(task or "other", dataset, name, split, scores)],
            }
        ]
        if scores and dataset
        else [],
    }
    return {key: value for key, value in metadata.items() if value}


def _describe_results(
    task: str, dataset: str, name: str, split: str, scores: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "task": {"type": task, "name": task.replace("-", " ").capitalize()},
        "dataset": {"type": dataset, "name": name, "split": split},
        "metrics": [
            {
                "type": _METRICS.get(key, key),
                "value": value,
                "name": f"{split.capitalize()} {format_metric(key)}",
            }
            for key, value in scores.items()
        ],
    }


def _to_id(name: str) -> str:
    """Return a name as data sets are called there.

    Example:
        >>> _to_id("FashionMNIST"), _to_id("CIFAR10"), _to_id("ImageFolder 'My photos'")
        ('fashion_mnist', 'cifar10', 'image_folder-my-photos')
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9_.]+", "-", words.lower()).strip("-.")


def _find_task(info: ModelInfo) -> str | None:
    """Return the task's name; there is none for numbers predicted from images."""
    if info.head == "none":
        return None if info.takes_images else "tabular-regression"
    return "image-classification" if info.takes_images else "tabular-classification"


def _scores_of(summary: RunSummary, split: str) -> dict[str, float]:
    part = "val" if split == "validation" else split
    found = {key: summary.number(f"{part}/{key}") for key in (*_METRICS, "loss")}
    return {key: value for key, value in found.items() if value is not None}
