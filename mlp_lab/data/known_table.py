"""What a trained net knows of a table, for whoever reads another table for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mlp_lab.tables import Column


@dataclass(frozen=True)
class KnownTable:
    """What a trained net knows of the table that it is given.

    Attributes:
        columns: Its columns, in the order of its inputs.
        class_names: Its classes; None where the table's own count, as for a new last layer.
        place: What errors call it.
    """

    columns: tuple[Column, ...]
    class_names: tuple[str, ...] | None
    place: str


find_known: ContextVar[Callable[[], KnownTable | None]] = ContextVar(
    "known table", default=lambda: None
)


@contextmanager
def reading_tables_for(find: Callable[[], KnownTable | None]) -> Iterator[None]:
    """Let each Table that is made meanwhile have the columns that a trained net knows.

    The net's codes of categories come from its own training rows. A configuration does not hold
    them, and another split or file has other rows.

    Args:
        find: Returns what the net knows; called once there is a table.
    """
    token = find_known.set(find)
    try:
        yield
    finally:
        find_known.reset(token)
