"""Whether the best setting lies at an edge of what was tried."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.report.config_diff import last_part
from mlp_lab.report.formatting import format_setting
from mlp_lab.report.run_summary import is_number

_FEWEST = 3  # of two values either is at an edge


def describe_edges(best: Mapping[str, Any], tried: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the numbers of the best setting than which none larger, or none smaller, was tried.

    None smaller than 0 is no edge: most settings end there.

    Args:
        best: The best setting's values by dotted key.
        tried: Those of all settings, the best among them.

    Returns:
        A sentence for each.

    Example:
        >>> describe_edges({"lr": 0.01}, [{"lr": lr} for lr in (0.0001, 0.001, 0.01)])
        ['The best lr, 0.01, is the largest of 3 that were tried; a better one may lie beyond it.']
    """
    sentences = []
    for key, value in best.items():
        values = {other[key] for other in tried if is_number(other.get(key))}
        if len(values) < _FEWEST or value not in (min(values), max(values)) or value == 0:
            continue
        edge = "largest" if value == max(values) else "smallest"
        sentences.append(
            f"The best {last_part(key)}, {format_setting(value)}, is the {edge} of {len(values)} "
            "that were tried; a better one may lie beyond it."
        )
    return sentences
