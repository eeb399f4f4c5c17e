"""What the columns of a table hold: pure functions on arrays."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mlp_lab.tables import Column

_MOST_NAMED = 4


def describe_column(column: Column, values: NDArray[np.floating]) -> dict[str, str]:
    """Return kind, share of missing cells, and what the others hold, for people.

    Args:
        column: The column.
        values: Its cells ``(N,)``: numbers, 0 and 1, or codes; NaN where missing.

    Example:
        >>> describe_column(Column("age", "numeric"), np.array([1.0, 2.0, 6.0, np.nan]))
        {'kind': 'numeric', 'missing': '25.0 %', 'values': 'median 2, mean 3, from 1 to 6'}
    """
    present = values[~np.isnan(values)]
    missing = 1 - len(present) / max(len(values), 1)
    if not len(present):
        text = ""
    elif column.kind == "numeric":
        text = (
            f"median {np.median(present):.6g}, mean {present.mean(dtype=np.float64):.6g}, "
            f"from {present.min():.6g} to {present.max():.6g}"
        )
    else:
        codes, names = categorise(column, present)
        ranked = [(names[code], num) for code, num in Counter(codes.tolist()).most_common()]
        shown = [f"{name} {100 * num / len(present):.1f} %" for name, num in ranked[:_MOST_NAMED]]
        more = len(ranked) - _MOST_NAMED
        text = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    return {
        "kind": column.kind,
        "missing": f"{100 * missing:.1f} %" if missing else "",
        "values": text,
    }


def categorise(
    column: Column, values: NDArray[np.floating]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return what each cell is, ``(N,)`` in 0..K+1, and the names of these.

    They are the K known categories, or truth values, then all others, then what is missing.
    """
    known = column.categories if column.kind == "categorical" else ("False", "True")
    codes = np.where(np.isnan(values), len(known) + 1, np.minimum(values, len(known)))
    return codes.astype(np.int64), (*known, "other", "missing")


def correlation(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Pearson's correlation of all pairs of columns, each over the rows that have both.

    NaN where one of the two does not vary there.

    Shape:
        values ``(N, D)``, NaN where missing; result ``(D, D)``.
    """
    num = values.shape[1]
    found = np.full((num, num), np.nan)
    for i in range(num):
        for j in range(i + 1):
            pair = values[:, [i, j]].astype(np.float64)
            pair = pair[~np.isnan(pair).any(1)]
            if len(pair) > 1 and pair.std(0).all():
                scaled = (pair - pair.mean(0)) / pair.std(0)
                found[i, j] = found[j, i] = scaled.prod(1).mean()
    return found
