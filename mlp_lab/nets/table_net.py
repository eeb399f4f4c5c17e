"""A net for tables: raw columns to numbers that a net can learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from mlp_lab.errors import ConfigError, check_choice
from mlp_lab.nets.net import Net, NetFactory
from mlp_lab.tables import Column

Scaling = Literal["standard", "quantile"]

_KNOTS = 129  # of the curve that brings a column to a normal distribution


@dataclass(frozen=True)
class TableEncoding:
    """How the columns of a table are encoded.

    Args:
        scaling: How numbers are scaled by those of the training rows: to mean 0 and variance 1
            (``standard``), or by their rank, to a normal distribution (``quantile``), which tames
            outliers and skew.
        one_hot_up_to: Categories of a column that are one-hot; of more, each is a learned vector.
        periodic: Into how many learned numbers each scaled number is turned, by sines and cosines
            of learned frequencies and a layer with ReLU behind them, which lets a net follow steep
            steps; 0 leaves it as it is. 8 to 32 are common.
        frequencies: Number of frequencies of each column.
        frequency_scale: Standard deviation of the frequencies at first; the steeper the steps, the
            larger.

    Raises:
        ConfigError: A value that cannot work.

    Reference:
        Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", 2022.
    """

    scaling: Scaling = "standard"
    one_hot_up_to: int = 16
    periodic: int = 0
    frequencies: int = 48
    frequency_scale: float = 0.01

    def __post_init__(self) -> None:
        check_choice("model.encoding.scaling", self.scaling, get_args(Scaling))
        for key, lowest in {"one_hot_up_to": 0, "periodic": 0, "frequencies": 1}.items():
            if (value := getattr(self, key)) < lowest:
                raise ConfigError(f"model.encoding.{key} is {value}; it must be at least {lowest}.")
        if not self.frequency_scale > 0:
            raise ConfigError(
                f"model.encoding.frequency_scale is {self.frequency_scale}; it must be positive."
            )


class TableEncoder(nn.Module):
    """Turn raw columns into numbers of like size.

    A missing number becomes the median of the training rows, and where these lack some too, a 1 in
    a column of its own. A category is one-hot, or a learned vector; missing, rare and unknown ones
    have a place of their own where the training rows have them, and are 0 throughout else.

    What is learned from the training rows, by ``fit``, is kept as buffers.

    Args:
        columns: The columns, in the order of the inputs.
        encoding: How they are encoded.

    Attributes:
        width: Number W of what comes out.
        is_fixed: Whether it has no weights and needs little memory, so that several batches are
            encoded faster as one.

    Shape:
        ``(N, D)`` float32: numbers, 0 and 1, or codes of categories, NaN where missing; to
        ``(N, W)``.
    """

    def __init__(self, columns: Sequence[Column], encoding: TableEncoding) -> None:
        super().__init__()
        self.scaling = encoding.scaling
        numbers = [i for i, column in enumerate(columns) if column.kind != "categorical"]
        is_wide = [len(column.categories) > encoding.one_hot_up_to for column in columns]
        flagged = [i for i, column in enumerate(columns) if column.has_missing and not is_wide[i]]
        one_hot: list[tuple[int, int]] = []
        wide: list[int] = []
        for i, column in enumerate(columns):
            if column.kind != "categorical":
                continue
            num = len(column.categories)
            if is_wide[i]:
                wide.append(i)
                continue
            one_hot += [(i, code) for code in range(num + column.has_other)]
        self.numbers: Tensor
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long))
        self.flagged: Tensor
        self.register_buffer("flagged", torch.tensor(flagged, dtype=torch.long))
        self.one_hot_columns: Tensor
        self.register_buffer("one_hot_columns", torch.tensor([i for i, _ in one_hot]).long())
        self.one_hot_codes: Tensor
        self.register_buffer("one_hot_codes", torch.tensor([code for _, code in one_hot]).float())
        self.wide = wide
        self.embeddings = nn.ModuleList(_embedding(len(columns[i].categories)) for i in wide)
        self.median: Tensor
        self.register_buffer("median", torch.zeros(len(numbers)))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(len(numbers)))
        self.std: Tensor
        self.register_buffer("std", torch.ones(len(numbers)))
        is_quantile = self.scaling == "quantile"
        knots = torch.zeros(3, len(numbers), _KNOTS - 1) if is_quantile else None
        self.knots: Tensor | None
        self.register_buffer("knots", knots)
        self.periodic = None
        if encoding.periodic and numbers:
            from rtdl_num_embeddings import PeriodicEmbeddings  # takes scikit-learn along

            self.periodic = PeriodicEmbeddings(
                len(numbers),
                encoding.periodic,
                n_frequencies=encoding.frequencies,
                frequency_init_scale=encoding.frequency_scale,
                lite=True,
            )
        embedded = sum(int(table.embedding_dim) for table in self._tables)
        from_numbers = len(numbers) * (encoding.periodic or 1)
        # The quantiles of many rows at once outgrow the processor's cache.
        self.is_fixed = not any(True for _ in self.parameters()) and self.knots is None
        self.width = from_numbers + len(flagged) + len(one_hot) + embedded

    @property
    def _tables(self) -> list[nn.Embedding]:
        return [table for table in self.embeddings if isinstance(table, nn.Embedding)]

    def fit(self, inputs: Tensor, rows: Tensor) -> None:
        """Learn medians and scales from the training rows alone.

        Shape:
            inputs ``(N, D)`` float32; rows ``(n,)`` int64.
        """
        for place, i in enumerate(self.numbers.tolist()):
            values = inputs[:, i].index_select(0, rows).double().numpy()
            present = values[~np.isnan(values)]
            median = float(np.median(present)) if len(present) else 0.0
            filled = np.where(np.isnan(values), median, values)
            self.median[place] = median
            self.mean[place] = filled.mean()
            self.std[place] = filled.std() or 1.0
            if self.knots is not None:
                self.knots[:, place] = torch.from_numpy(_rank_curve(filled))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the encoded columns, ``(N, W)``."""
        values = inputs.index_select(1, self.numbers)
        scaled = self._scale(torch.where(values.isnan(), self.median, values))
        encoded = [scaled if self.periodic is None else self.periodic(scaled).flatten(1)]
        if len(self.flagged):
            encoded.append(inputs.index_select(1, self.flagged).isnan().to(values.dtype))
        if len(self.one_hot_columns):
            codes = inputs.index_select(1, self.one_hot_columns)  # a missing one equals no code
            encoded.append((codes == self.one_hot_codes).to(values.dtype))
        for i, table in zip(self.wide, self._tables, strict=True):
            codes = inputs[:, i]
            missing = table.num_embeddings - 1
            codes = torch.where(codes.isnan(), float(missing), codes)
            encoded.append(table(codes.clamp(0, missing).long()))
        return torch.cat(encoded, 1)

    def _scale(self, values: Tensor) -> Tensor:
        if self.knots is None:
            return (values - self.mean) / self.std
        # A sum of ramps is exact everywhere, and ONNX has it, unlike a search.
        starts, widths, rises = self.knots
        ramps = ((values[:, :, None] - starts) / widths).clamp(0, 1)
        lowest: Tensor = -rises.sum(1) / 2  # the curve is symmetric
        scaled: Tensor = lowest + (ramps * rises).sum(2)
        return scaled


def _embedding(num_categories: int) -> nn.Embedding:
    """Make vectors for categories, for all others, and for missing ones."""
    # The width that fastai found to do well over many tables.
    width = min(50, math.ceil(1.6 * num_categories**0.56))
    table = nn.Embedding(num_categories + 2, width)
    with torch.no_grad():
        table.weight[num_categories:] = 0  # what is never trained adds nothing
    return table


def _rank_curve(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return start, width and rise ``(3, _KNOTS - 1)`` of the ramps from a value to its normal."""
    from scipy.stats import norm

    levels = np.linspace(0, 1, _KNOTS)
    half = 0.5 / _KNOTS
    heights = norm.ppf(levels.clip(half, 1 - half))
    knots, place = np.unique(np.quantile(values, levels), return_inverse=True)
    # Of several levels with one value the middle one counts.
    means = np.bincount(place, heights) / np.bincount(place)
    means[[0, -1]] = heights[[0, -1]]
    ramps = np.zeros((3, _KNOTS - 1))
    ramps[0], ramps[1] = knots[-1], 1
    num = len(knots) - 1
    if num:
        ramps[:, :num] = knots[:-1], np.diff(knots), np.diff(means)
    return ramps


class _TableNet(Net):
    """A net behind the encoder of a table's columns.

    Args:
        input_shape: Shape ``(D,)`` of raw columns; known from the data.
        num_outputs: Number of outputs K; known from the data.
        columns: The columns; known from the data.
        net: Class of the net behind it, and its arguments.
        encoding: How the columns are encoded.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_outputs: int,
        columns: Sequence[Column],
        net: NetFactory,
        encoding: TableEncoding,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        self.encoder = TableEncoder(columns, encoding)
        self.net = net((self.encoder.width,), num_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs ``(N, K)`` for raw columns ``(N, D)``."""
        outputs: Tensor = self.net(self.encoder(inputs))
        return outputs

    def describe(self) -> dict[str, Any]:
        """Return class path and arguments of the net behind the encoder."""
        return self.net.describe()


TableNet = _TableNet
"""Its own name is private, so that no list of nets offers it: a task makes it around another."""
