"""MODEL_CARD.md: what a run knows of its model, in the form of Hugging Face's model cards.

What the run does not know is named, so that whoever publishes the model can fill it in.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from mlp_lab import __version__
from mlp_lab.files.atomic import write_text
from mlp_lab.inference import ModelInfo
from mlp_lab.report.columns import describe_columns
from mlp_lab.report.ensemble import EnsembleSummary
from mlp_lab.report.formatting import format_metric, format_value
from mlp_lab.report.hugging_face import describe_for_hub
from mlp_lab.report.pages import metrics_by_part, templates
from mlp_lab.report.run_summary import RunSummary, is_number
from mlp_lab.report.tested_samples import count_right, interval_over_samples

NOT_KNOWN = "not known"

Facts = Mapping[str, str]
"""Facts by their names; NOT_KNOWN where the run does not have one."""

_PARTS = {"test": "test", "val": "validation", "train_eval": "training samples"}
_CLASS_SCORES = ("precision", "recall", "f1", "roc_auc")
_MAX_CLASSES_IN_LINE = 20
_DEFAULT_LOSSES = {"softmax": "CrossEntropyLoss", "sigmoid": "BCEWithLogitsLoss", "none": "MSELoss"}
_ORIGINS = {
    "own part": "a part of its own",
    "test set": "the test set itself",
}
_SIGNATURE = "\n\n<!-- mlp-lab export replaces this card until somebody edits it: {} -->\n"


def card_path(model: Path) -> Path:
    """Return where the card of a model file lies; only that of ``model`` has the plain name.

    Example:
        >>> [card_path(Path(name)).name for name in ("model.onnx", "last.pth")]
        ['MODEL_CARD.md', 'last_MODEL_CARD.md']
    """
    prefix = "" if model.stem == "model" else f"{model.stem}_"
    return model.with_name(f"{prefix}MODEL_CARD.md")


def write_model_card(
    model: Path, info: ModelInfo, summary: RunSummary, ensemble: EnsembleSummary | None = None
) -> bool:
    """Write the card of an exported model beside it.

    Args:
        model: The model file.
        info: Its description.
        summary: The run, with the metrics of this very model; of an ensemble what its runs share.
        ensemble: What an ensemble gains over its members.

    Returns:
        Whether it was written: a card that somebody has edited is left as it is.

    Raises:
        WriteError: It cannot be written.
    """
    path = card_path(model)
    if path.exists() and not is_untouched(path):
        return False
    files = [f.name for kind in (".onnx", ".pth") if (f := model.with_suffix(kind)).is_file()]
    metadata = describe_for_hub(info, summary, files)
    facts = {
        "The model": _model_facts(info, summary),
        "Data": _data_facts(info, summary),
        **({} if ensemble else {"Training": _training_facts(info, summary)}),
    }
    if ensemble is None:
        interval = interval_over_samples([summary], summary.metric)
    else:
        interval = ensemble.interval if ensemble.metric == summary.metric else None
    results = {k: v for k, v in metrics_by_part(summary).items() if v.keys() & _PARTS.keys()}
    content = {
        "metadata": yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True),
        "info": info,
        "summary": summary,
        "ensemble": ensemble,
        "interval": interval,
        "num_tested": ensemble.num_samples if ensemble else (count_right(summary) or (0, 0))[1],
        "purpose": _describe_purpose(info),
        "inputs": f"np.zeros({(5, *info.input_shape)}, dtype=np.{info.input_type})",
        "files": files,
        "facts": facts,
        "columns": describe_columns(info.columns, info.encoding),
        "results": results,
        "parts": {p: title for p, title in _PARTS.items() if any(p in v for v in results.values())},
        "class_scores": [k for k in _CLASS_SCORES if any(k in c.scores for c in summary.classes)],
        "calibration": _calibration(summary),
        "unknown": [name for of in facts.values() for name, v in of.items() if v == NOT_KNOWN],
        "not_known": NOT_KNOWN,
        "quote": partial(json.dumps, ensure_ascii=False),
        "version": __version__,
    }
    write_text(path, _sign(templates().get_template("model_card.md").render(content)))
    return True


def _sign(text: str) -> str:
    """Add what a text that was edited no longer agrees with."""
    digest = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
    return text + _SIGNATURE.format(digest)


def is_untouched(path: Path) -> bool:
    """Whether nobody has edited a card since it was written."""
    content = path.read_text(encoding="utf-8", errors="replace")
    text, _, _ = content.rpartition(_SIGNATURE.partition("{")[0])
    return content == _sign(text)


def _describe_purpose(info: ModelInfo) -> str:
    size = " x ".join(map(str, info.input_shape))
    one = f"an image of {size}" if info.takes_images else f"a sample of {_numbers(size)}"
    if info.columns:
        one = f"a row of {size} column{'' if size == '1' else 's'}"
    if info.head == "none":
        return f"predicts {_numbers(info.num_outputs)} from {one}"
    return f"tells which of {len(info.class_names)} classes {one} belongs to"


def _numbers(number: object) -> str:
    return f"{number} number{'' if str(number) == '1' else 's'}"


def _model_facts(info: ModelInfo, summary: RunSummary) -> Facts:
    net, names = summary.net_info, info.class_names
    widths = {"none": [info.num_outputs], "softmax": [info.num_outputs] * 2, "sigmoid": [1, 2]}
    outputs = zip(info.output_names, widths[info.head], strict=True)
    few = len(names) <= _MAX_CLASSES_IN_LINE
    classes = ", ".join(names) if few else f"{len(names)}, from {names[0]} to {names[-1]}"
    return {
        "Net": _describe_net(info),
        "Trainable parameters": _count(net.get("parameters")),
        "Neurons": _count(net.get("neurons")),
        "Connections": _count(net.get("connections")),
        "Input": f"inputs, {_shape(info.input_shape)} ({info.input_layout}), not normalised: "
        "the model does that",
        "Output": ", and ".join(f"{name}, {_shape([width])}" for name, width in outputs),
        **({"Classes": classes} if names else {}),
    }


def _describe_net(info: ModelInfo) -> str:
    """Describe a net, or those that an ensemble is the mean of."""
    if not info.members:
        return _describe(info.net)
    nets = Counter(_describe(member.net) for member in info.members)
    each = "; ".join(f"{number} x {net}" if number > 1 else net for net, number in nets.items())
    noun = "probabilities" if info.class_names else "predictions"
    return f"the mean {noun} of {len(info.members)} nets: {each}"


def _data_facts(info: ModelInfo, summary: RunSummary) -> Facts:
    data, samples, hashes = summary.data_info, summary.num_samples, summary.hashes
    noun = "images" if info.takes_images else "samples"
    provenance = data.get("provenance")
    prepared = str(provenance.get("source")) if isinstance(provenance, dict) else None

    stratified = ", stratified by class" if info.class_names else ""
    held_out = {"held out of train": "held out"}
    if summary.folds is not None:
        held_out[f"fold {summary.fold} of {summary.folds}"] = summary.validation
    origins = _ORIGINS | {k: f"{v} of the training data{stratified}" for k, v in held_out.items()}

    def origin(part: object) -> str:
        return origins.get(str(part), NOT_KNOWN)

    return {
        "Data set": str(data.get("source", NOT_KNOWN)),
        **({"Prepared from": prepared} if prepared else {}),
        **{
            f"{title} {noun}": _count(samples.get(part))
            for part, title in (("train", "Training"), ("val", "Validation"), ("test", "Test"))
        },
        "Validation part": origin(summary.validation),
        "Test part": origin(data.get("test")),
        "Seed of the split": _setting(summary, "data", "split_seed"),
        **{f"SHA-256 of the {key}": hashes.get(key, NOT_KNOWN) for key in ("data", "split")},
        **{f"Note {number}": note for number, note in enumerate(summary.notes, start=1)},
    }


def _training_facts(info: ModelInfo, summary: RunSummary) -> Facts:
    def setting(*keys: str) -> str:
        return _setting(summary, *keys)

    model = ("model", "init_args")
    loss, precision = setting(*model, "loss"), setting("trainer", "precision")
    optional = {
        "Label smoothing": setting(*model, "label_smoothing"),
        "Weight of the second class": setting(*model, "pos_weight"),
        "Class weights": setting("data", "class_weights"),
        "Resampling": setting("data", "resample"),
        "Classes cut down": setting("data", "imbalance"),
        "Gradient clipping": setting("trainer", "gradient_clip_val"),
        "Callbacks": setting("trainer", "callbacks"),
    }
    seconds, manifest = summary.number("seconds"), summary.manifest
    return {
        "Task": setting("model", "class_path"),
        "Loss": _DEFAULT_LOSSES[info.head] if loss == "none" else loss,
        "Optimiser": setting(*model, "optimizer"),
        "Learning-rate schedule": setting(*model, "schedule"),
        "Batch size": setting("data", "batch_size"),
        "Batches gathered to a step": setting("trainer", "accumulate_grad_batches"),
        "Augmentation": setting("data", "augment"),
        **{k: v for k, v in optional.items() if v not in ("none", "0.0", NOT_KNOWN)},
        "Precision": "32-true" if precision == "none" else precision,
        "Epochs": _count(summary.number("epochs")),
        f"Best epoch, by validation {format_metric(summary.score)}": _count(
            summary.number("best_epoch")
        ),
        "Seed": setting("seed_everything"),
        "Seconds": NOT_KNOWN if seconds is None else f"{seconds:.1f}",
        "Device": str(manifest.get("device", NOT_KNOWN)),
        "Threads": _count(manifest.get("threads")),
        "Ended": str(manifest["end"])[:10] if manifest.get("end") else NOT_KNOWN,
        "Status of the run": str(manifest.get("status", NOT_KNOWN)),
        "Versions": ", ".join(f"{k} {v}" for k, v in summary.versions.items()) or NOT_KNOWN,
        "Commit of mlp_lab": summary.commit or NOT_KNOWN,
    }


def _setting(summary: RunSummary, *keys: str) -> str:
    """Format a value of the configuration; ``none`` where it is not set."""
    value: Any = summary.config
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return NOT_KNOWN
        value = value[key]
    return _describe(value) or "none"


def _describe(value: Any) -> str:
    """Format a class with those of its arguments that are set, or any other value."""
    match value:
        case list():
            return ", ".join(map(_describe, value))
        case {"init_args": dict(arguments)}:
            is_set = {k: "none" if v == [] else v for k, v in arguments.items() if v is not False}
            return format_value({**value, "init_args": is_set})
    return format_value(value)


def _calibration(summary: RunSummary) -> dict[str, float]:
    """Return calibration error, accuracy and mean confidence of the test, if they are known."""
    error, accuracy = summary.number("test/ece"), summary.number("test/acc")
    try:
        bins = summary.metrics["test/reliability"]
        pairs = list(zip(bins["samples"], bins["confidence"], strict=True))
        confidence = math.fsum(n * c for n, c in pairs) / sum(n for n, _ in pairs)
    except (TypeError, KeyError, ValueError, ArithmeticError):  # written by somebody else
        return {}
    if error is None or accuracy is None or not math.isfinite(confidence):
        return {}
    return {"error": error, "accuracy": accuracy, "confidence": confidence}


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(["N", *map(str, shape)])


def _count(number: object) -> str:
    if is_number(number) and math.isfinite(number):
        return f"{number:,.0f}"
    return NOT_KNOWN
