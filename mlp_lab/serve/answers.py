"""What a model answers, as JSON or as an .npz."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlp_lab.inference import ModelInfo
from mlp_lab.inference.backends import FloatArray

_DECIMALS = 7  # of a probability, which has no more in float32


def describe_predictions(
    results: tuple[FloatArray, ...], info: ModelInfo, top_k: int, files: list[str] | None
) -> list[dict[str, Any]]:
    """Return a prediction for each input, as JSON has it.

    Args:
        results: Outputs and, where there are classes, probabilities, each ``(N, K)``.
        info: Of the model.
        top_k: How many of the likeliest classes are listed.
        files: What the client calls each input, if anything.
    """
    if info.class_names:
        answers = _describe_classes(results[1], info, top_k)
    else:
        answers = [{"value": row} for row in results[0].tolist()]
    names = [{"file": name} for name in files] if files else [{}] * len(answers)
    triples = zip(range(len(answers)), names, answers, strict=True)
    return [{"index": index, **name, **answer} for index, name, answer in triples]


def _describe_classes(
    probabilities: FloatArray, info: ModelInfo, top_k: int
) -> list[dict[str, Any]]:
    names = info.class_names
    rounded = np.round(probabilities.astype(np.float64), _DECIMALS)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k].tolist()
    return [
        {
            "label": names[places[0]],
            "confidence": shares[places[0]],
            "top": [{"label": names[place], "probability": shares[place]} for place in places],
            "probabilities": shares,
        }
        for places, shares in zip(best, rounded.tolist(), strict=True)
    ]


def to_npz(results: tuple[FloatArray, ...], info: ModelInfo) -> bytes:
    """Return an uncompressed .npz with outputs and, of classes, probabilities and predicted."""
    arrays: dict[str, NDArray[Any]] = {"outputs": results[0]}
    if info.class_names:
        arrays |= {"probabilities": results[1], "predicted": results[1].argmax(1)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()
