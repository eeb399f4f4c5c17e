"""Tables: what their columns are, and how files and frames become numbers. Imports no torch."""

from mlp_lab.tables.columns import Column, PlainColumn, encode
from mlp_lab.tables.reading import (
    MISSING,
    SUFFIXES,
    Cells,
    estimate_size,
    is_frame,
    is_table,
    read_frame,
    read_table,
)

__all__ = [
    "MISSING",
    "SUFFIXES",
    "Cells",
    "Column",
    "PlainColumn",
    "encode",
    "estimate_size",
    "is_frame",
    "is_table",
    "read_frame",
    "read_table",
]
