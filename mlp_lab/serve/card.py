"""What a client may know of the model: its inputs, its classes, where it comes from."""

from dataclasses import asdict
from typing import Any

import numpy as np

from mlp_lab.errors import ChecksumError
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.tables import decode_row
from mlp_lab.runs.samples import KeptSamples
from mlp_lab.serve.framing import has_dark_background, measure_framing
from mlp_lab.serve.limits import Limits
from mlp_lab.serve.model import ServedModel

_STANDARD_DEVIATIONS = 2.5  # of the training inputs, from their mean to the edge of the plane
_TASKS = {"softmax": "classification", "sigmoid": "binary", "none": "regression"}


def input_kind(info: ModelInfo) -> str:
    """Return what a page shows for an input: ``image``, ``points``, ``table`` or ``features``."""
    if info.columns:
        return "table"
    if info.takes_images and info.input_shape[0] in (1, 3) and info.input_type == "uint8":
        return "image"
    return "points" if info.input_shape in ((1,), (2,)) else "features"


def read_samples(model: ServedModel) -> KeptSamples | None:
    """Return the test samples that the run keeps; None where it keeps none of the model's shape."""
    path = model.run.test_samples_path if model.run else None
    try:
        found = KeptSamples.read(path) if path and path.is_file() else None
    except ChecksumError:
        return None
    info = model.info
    fits = found and found.inputs.shape[1:] == info.input_shape
    return found if fits and found and found.inputs.dtype == info.input_type else None


def describe_samples(samples: KeptSamples | None, info: ModelInfo) -> list[dict[str, Any]]:
    """Return each sample as JSON has it."""
    if samples is None:
        return []
    names = info.class_names
    rows = zip(samples.indices.tolist(), samples.labels.tolist(), samples.inputs, strict=True)
    return [
        {
            "index": index,
            "label": names[label] if names else label,
            "input": decode_row(inputs, info) if info.columns else inputs.tolist(),
        }
        for index, label, inputs in rows
    ]


def describe_model(
    model: ServedModel, samples: KeptSamples | None, limits: Limits
) -> dict[str, Any]:
    """Return the card as JSON has it, all but ``changed_on_disk``."""
    info = model.info
    kind = input_kind(info)
    images = samples.inputs if samples is not None and kind == "image" else None
    framing = measure_framing(images) if images is not None and images.shape[1] == 1 else None
    source = model.run.read_manifest().get("data", {}).get("source") if model.run else None
    return {
        "name": model.name,
        "run": info.run,
        "task": _TASKS[info.head],
        "kind": kind,
        "input": {
            "shape": list(info.input_shape),
            "type": info.input_type,
            "layout": info.input_layout,
        },
        "classes": list(info.class_names),
        "num_outputs": info.num_outputs,
        "metrics": info.metrics,
        "mlp_lab": info.mlp_lab,
        "sha256": model.sha256,
        "data": source,
        "dark_background": None if images is None else has_dark_background(images),
        "framing": asdict(framing) if framing else None,
        "samples": 0 if samples is None else len(samples.inputs),
        "range": _range_of_points(info) if kind == "points" else None,
        "columns": [column.plain() for column in info.columns],
        "limits": {"megabytes": limits.megabytes, "inputs": limits.inputs},
    }


def _range_of_points(info: ModelInfo) -> list[list[float]]:
    """Return where most training inputs lie, lowest and highest of each axis."""
    members = info.members or (info,)
    mean = np.mean([member.mean for member in members], 0)
    reach = np.max([member.std for member in members], 0) * _STANDARD_DEVIATIONS
    return [[float(m - r), float(m + r)] for m, r in zip(mean, reach, strict=True)]
