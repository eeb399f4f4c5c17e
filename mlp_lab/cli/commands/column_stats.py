"""What ``mlp-lab stats`` prints and draws of a table's columns."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlp_lab.cli.console import print_rows
from mlp_lab.data import LabDataModule
from mlp_lab.data.column_statistics import categorise, correlation, describe_column
from mlp_lab.plots import (
    DrawnColumn,
    plot_columns_by_class,
    plot_columns_by_target,
    plot_correlation,
)
from mlp_lab.tables import Column

_MOST_CORRELATED = 40


def print_columns(data: LabDataModule) -> None:
    """Print kind, missing share and values of each column over the training samples."""
    columns, inputs, _ = _training_part(data)
    rows = [
        {"column": column.name, **describe_column(column, inputs[:, place])}
        for place, column in enumerate(columns)
    ]
    print_rows("columns (training samples)", rows)


def column_figures(data: LabDataModule) -> dict[str, Figure]:
    """Draw the columns by class or against the target, and the correlations of numbers."""
    columns, inputs, labels = _training_part(data)
    drawn = [_drawn(column, inputs[:, place]) for place, column in enumerate(columns)]
    numbers = [place for place, column in enumerate(columns) if column.kind != "categorical"]
    numbers = numbers[:_MOST_CORRELATED]
    correlated: dict[str, NDArray[Any]] = {
        columns[place].name: inputs[:, place] for place in numbers
    }
    if data.num_targets:
        (target,) = data.source.target_names or ("target",)
        title = f"{target} by column, training samples"
        by_column = plot_columns_by_target(drawn, labels[:, 0], target, title)
        correlated[f"{target} (target)"] = labels[:, 0]
    else:
        title = "Columns by class, training samples"
        by_column = plot_columns_by_class(drawn, labels, data.class_names, title)
        if data.num_classes == 2:
            correlated[f"class {data.class_names[1]}"] = labels
    figures = {"columns": by_column}
    if len(correlated) > 1:
        matrix = correlation(np.stack([*correlated.values()], 1))
        figures["correlation"] = plot_correlation(
            matrix, [*correlated], "Correlation (Pearson), training samples"
        )
    return figures


def _training_part(
    data: LabDataModule,
) -> tuple[list[Column], NDArray[np.float32], NDArray[Any]]:
    train = data.subsets["train"]
    inputs, labels = (part.numpy() for part in train[torch.arange(len(train))])
    return [Column.from_plain(column) for column in data.columns or ()], inputs, labels


def _drawn(column: Column, values: NDArray[np.floating]) -> DrawnColumn:
    if column.kind == "numeric":
        return DrawnColumn(column.name, values)
    codes, names = categorise(column, values)
    return DrawnColumn(column.name, codes, names)
