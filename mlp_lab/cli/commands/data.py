"""stats and prepare: describe a data set, and write it with its split as one file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab import __version__
from mlp_lab.cli.commands.column_stats import column_figures, print_columns
from mlp_lab.cli.console import print_table
from mlp_lab.cli.invocation import ConfiguredCommand, read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.data import PARTS, LabDataModule, SampleSubset
from mlp_lab.data.split import class_counts_by_step
from mlp_lab.data.statistics import in_chunks, mean_std_of
from mlp_lab.errors import ConfigError
from mlp_lab.files.atomic import replacing
from mlp_lab.nets import normalise
from mlp_lab.plots import plot_class_bars, plot_curve, plot_images, plot_points, write_figure
from mlp_lab.seeding import generator, global_seed

_CLASSES_SHOWN = 20
_IMAGES_SHOWN = 10
_MOST_CHANNELS_LISTED = 4


def stats(words: Sequence[str]) -> int:
    """Print sizes, counts and statistics of a data set, draw them, and return the exit code."""
    data, out = _load("stats", words)
    _print_stats(data)
    path = getattr(data.source, "path", None)  # of one's own data: each file has figures of its own
    directory = out or Path("stats") / (_short(path) if path else type(data.source).__name__)
    for name, figure in _figures(data).items():
        path = directory / f"{name}.png"
        write_figure(figure, path)
        print(f"figure: {path}")
    return 0


def _short(path: str | Path) -> str:
    """Return the name of a file without its endings, or of a directory."""
    place = Path(path).resolve()
    return place.name if place.is_dir() else Path(place.name.removesuffix(".gz")).stem


def prepare(words: Sequence[str]) -> int:
    """Write the samples of every split as one file, which TensorFile reads back.

    Raises:
        ConfigError: No file is named, or not a ``.pt``.
    """
    data, out = _load("prepare", words)
    if out is None or out.suffix != ".pt":
        raise ConfigError("prepare writes one file: name it with --out FILE.pt.")
    _write_prepared(data, out)
    return 0


def _load(command: ConfiguredCommand, words: Sequence[str]) -> tuple[LabDataModule, Path | None]:
    """Load the data that a command line names, and return them with its ``--out``."""
    invocation = read_invocation(command, words)
    cli = LabCLI(command, invocation)
    print(invocation.summary)
    data = cli.datamodule
    data.prepare_data()
    data.setup("fit")
    return data, cli.config.out


def _print_stats(data: LabDataModule) -> None:
    num_bytes = sum(s.inputs.nbytes + s.labels.nbytes for s in data.samples)
    rows = {
        "columns" if data.columns else "shape of an input": " x ".join(map(str, data.input_shape)),
        **{f"{part} samples": f"{len(data.subsets[part]):,}" for part in PARTS},
        "validation": data.validation_origin,
        **({} if data.num_targets else {"classes": data.num_classes}),
        **({} if data.columns else _measure_channels(data)),
        "memory": f"{num_bytes / 1e6:,.1f} MB",
    }
    if data.source.provenance:
        rows["prepared from"] = data.source.provenance.get("source", "unknown")
    print_table(data.source.name, rows)
    if data.num_targets:
        print_table("targets", {part: _describe_targets(data.subsets[part]) for part in PARTS})
    else:
        counts = {part: data.class_counts(part).tolist() for part in PARTS}
        table = {
            name: "  ".join(f"{part} {counts[part][label]:,}" for part in PARTS)
            for label, name in enumerate(data.class_names)
        }
        print_table("samples of each class", table)
    if data.columns:
        print_columns(data)


def _measure_channels(data: LabDataModule) -> dict[str, str]:
    """Return mean and standard deviation of the channels, raw and as a task normalises them."""
    train = data.subsets["train"]
    shape = (-1, *[1] * (len(data.input_shape) - 1))
    std = torch.where(data.std > 0, data.std, 1.0)
    scale = data.mean.float().view(shape), std.float().view(shape)
    chunks = in_chunks(torch.arange(len(train)), data.input_shape)
    mean, std = mean_std_of(normalise(train[positions][0], *scale) for positions in chunks)
    return {
        "mean": _format_channels(data.mean),
        "standard deviation": _format_channels(data.std),
        "mean, normalised": _format_channels(mean),
        "standard deviation, normalised": _format_channels(std),
    }


def _describe_targets(samples: SampleSubset) -> str:
    targets = samples.labels.double()
    return (
        f"{targets.min():.4f} to {targets.max():.4f}, mean {targets.mean():.4f}, "
        f"standard deviation {targets.std(correction=0):.4f}"
    )


def _figures(data: LabDataModule) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    if data.num_classes:
        figures["class_balance"] = plot_class_bars(
            class_counts_by_step(data), data.class_names, "samples", "Samples of each class"
        )
    if data.columns:
        return figures | column_figures(data)
    train = data.subsets["train"]
    title = "Training samples"
    if len(data.input_shape) == 3:
        figures["samples"] = plot_images(_first_images(data, train), title)
        if data.augment:
            figures["augmented"] = _plot_augmented(data, train)
        return figures
    inputs, labels = (values.numpy() for values in train[torch.arange(len(train))])
    if data.input_shape == (1,) and data.num_targets == 1:
        curve = inputs.flatten(), labels.flatten()
        figures["samples"] = plot_curve({"training samples": curve}, title)
    elif data.input_shape == (2,) and data.num_classes:
        names = [data.class_names[label] for label in labels]
        figures["samples"] = plot_points(inputs, names, title)
    return figures


def _first_images(data: LabDataModule, train: SampleSubset) -> dict[str, NDArray[np.generic]]:
    """Return the first images of each class, or of regression data, each of them once."""
    if data.num_targets:
        return {"first": train[torch.arange(min(_IMAGES_SHOWN, len(train)))][0].numpy()}
    labels = train.labels
    rows = {
        name: torch.unique(train.indices[labels == label])[:_IMAGES_SHOWN]
        for label, name in enumerate(data.class_names[:_CLASSES_SHOWN])
    }
    return {name: train.samples.inputs[first].numpy() for name, first in rows.items()}


def _plot_augmented(data: LabDataModule, train: SampleSubset) -> Figure:
    """Plot the same images before augmentation and after it, in three epochs."""
    draws = generator(global_seed())
    picked = torch.randperm(len(train), generator=draws)[:_IMAGES_SHOWN]
    batch = train[picked]
    rows = {"before": batch[0].numpy()}
    for epoch in (1, 2, 3):
        rows[f"after, {epoch}"] = data.augmented(batch, draws)[0].numpy()
    return plot_images(rows, "The same images before and after augmentation")


def _write_prepared(data: LabDataModule, out: Path) -> None:
    parts = [part for part in PARTS if part != "val" or data.validate_on == "val"]
    content: dict[str, object] = {}
    for part in parts:
        subset = data.subsets[part]
        content[f"x_{part}"], content[f"y_{part}"] = subset[torch.arange(len(subset))]
    if data.num_classes:
        content["classes"] = list(data.class_names)
    if data.columns:
        content["columns"] = data.columns
    if data.source.target_names:
        content["target_names"] = list(data.source.target_names)
    content |= {
        "mean": data.mean,
        "std": data.std,
        "provenance": {
            "source": data.source.name,
            "mlp_lab": __version__,
            "split_seed": data.split_seed,
            "sha256": data.fingerprints(),
            "notes": data.source.notes,
            "provenance": data.source.provenance,
        },
    }
    with replacing(out) as unfinished:
        try:
            torch.save(content, unfinished)
        except RuntimeError as error:  # what torch raises when the disk is full
            raise OSError(str(error).split("\n")[0]) from error
    sizes = ", ".join(f"{len(data.subsets[part]):,} {part}" for part in parts)
    print(
        f"written: {out} ({sizes}); train on it with --data.source TensorFile "
        f"--data.source.path {out}{' --data.source.targets numbers' if data.num_targets else ''}"
    )


def _format_channels(values: torch.Tensor) -> str:
    """Format a number for each channel, or their range where there are many."""
    if len(values) > _MOST_CHANNELS_LISTED:
        return f"{values.min():.4f} to {values.max():.4f}"
    return ", ".join(f"{value:.4f}" for value in values.tolist())
