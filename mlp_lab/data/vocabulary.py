"""What is learned of a table's columns before a net is made: from the training rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mlp_lab.data.source import Part, Samples, SampleSubset, Source
from mlp_lab.tables import Column

_MOST_NAMED = 3


def learn_columns(
    source: Source, parts: Mapping[Part, Samples], subsets: Mapping[Part, SampleSubset]
) -> tuple[Column, ...]:
    """Find the categories that training rows have often enough, and number them anew.

    Those of a table that is read for a model are numbered by it already.

    The codes of the samples are changed in place. A category that no training row has is noted.

    Args:
        source: The table, whose columns have the categories of all rows.
        parts: Its samples.
        subsets: The rows of each split.
    """
    if source.are_columns_learned:
        return source.columns
    learned = []
    for index, column in enumerate(source.columns):
        values = {part: _values(subset, index) for part, subset in subsets.items()}
        learned.append(_learn(column, values["train"], source.min_count))
        if column.kind == "categorical":
            _note_unseen(source, column, values)
            _recode(parts, index, column, learned[-1])
    return tuple(learned)


def _values(subset: SampleSubset, index: int) -> Tensor:
    return subset.samples.inputs[:, index].index_select(0, subset.indices)


def _learn(column: Column, values: Tensor, min_count: int) -> Column:
    present = values[~values.isnan()]
    has_missing = len(present) < len(values)
    if column.kind != "categorical":
        return replace(column, has_missing=has_missing)
    # One more than categories: a prepared file has others, which were too rare before.
    counts = torch.bincount(present.long(), minlength=len(column.categories) + 1).tolist()
    kept = [c for c, num in zip(column.categories, counts, strict=False) if num >= min_count]
    has_other = counts[-1] > 0 or any(0 < num < min_count for num in counts)
    return replace(column, categories=tuple(kept), has_missing=has_missing, has_other=has_other)


def _recode(parts: Mapping[Part, Samples], index: int, before: Column, after: Column) -> None:
    """Change codes of all categories to those of the known ones, in place."""
    if before.categories == after.categories:
        return
    code_of = {category: code for code, category in enumerate(after.categories)}
    other = len(after.categories)
    codes = [float(code_of.get(category, other)) for category in before.categories]
    lookup = torch.tensor([*codes, float(other)])  # a test set of its own may have others still
    for samples in parts.values():
        values = samples.inputs[:, index]
        known = ~values.isnan()
        values[known] = lookup[values[known].long()]


def _note_unseen(source: Source, column: Column, values: Mapping[Part, Tensor]) -> None:
    """Warn of categories that validation or test rows have, and no training row."""
    present = {part: set(v[~v.isnan()].long().tolist()) for part, v in values.items()}
    unseen = sorted(set().union(*present.values()) - present["train"])
    if unseen:
        source.warn(
            f"Column {column.name!r} has {_name(column, unseen)} in validation or test alone; a "
            "net takes it for an unknown category."
        )


def _name(column: Column, codes: Sequence[int]) -> str:
    names = [repr(column.categories[code]) for code in codes if code < len(column.categories)]
    shown = ", ".join(names[:_MOST_NAMED])
    if not shown:
        return "categories that the training file lacks"
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
