"""The console: tables, and no adverts or warnings that nobody can act on."""

import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mlp_lab.errors import MLPLabWarning
from mlp_lab.files.plain_text import as_shown

_WIDE = 200


def quieten() -> None:
    """Keep adverts, and warnings that nobody can act on, off the console; show our own plainly."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # configured on purpose
    for advert in (
        ".*does not have many workers.*",  # batches come from memory by one index operation
        ".*isinstance.treespec, LeafSpec.*",  # Lightning 2.6 with torch 2.14
        ".*Checkpoint directory .* exists and is not empty.*",  # that is what resuming means
        ".*number of training batches .* is smaller than the logging interval.*",
        ".*It is recommended to use .self.log.*sync_dist=True.*",  # the task sums before it logs
        ".*could not find the monitored key.*",  # not every training validates, or each epoch
        ".*checkpoint that ended before the epoch ended.*",  # last.ckpt is always an epoch's end
        ".*callbacks used to create the checkpoint need to be provided.*",  # a test trains nothing
    ):
        warnings.filterwarnings("ignore", advert)
    warnings.formatwarning = _format_plainly


_format_fully = warnings.formatwarning


def _format_plainly(
    message: Warning | str, category: type[Warning], *where: Any, **line: Any
) -> str:
    if issubclass(category, MLPLabWarning):
        return f"warning: {as_shown(str(message))}\n"
    return _format_fully(message, category, *where, **line)


def print_rows(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table with a column for each key that any row has a value for."""
    from rich.console import Console  # see below
    from rich.table import Table
    from rich.text import Text

    columns = [key for key in rows[0] if any(row[key] != "" for row in rows)] if rows else []
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(Text(as_shown(_four_digits(row[key]))) for key in columns))
    # A file has no width to keep to.
    Console(width=None if sys.stdout.isatty() else _WIDE, force_jupyter=False).print(table)


def print_table(title: str, rows: Mapping[str, Any]) -> None:
    """Print a table of names and values, numbers with four digits."""
    # Imported before Lightning, rich would be first to use Optional[Union[float, int]]; Python then
    # gives Lightning's Optional[Union[int, float]] the same object, and the parser reads 1 as 1.0.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", show_header=False)
    for key, value in rows.items():
        table.add_row(Text(as_shown(key)), Text(as_shown(_four_digits(value))))
    # A notebook's own display would not be silenced with standard output.
    Console(force_jupyter=False).print(table)


def _four_digits(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
