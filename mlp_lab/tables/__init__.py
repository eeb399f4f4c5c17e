"""Tables: what their columns are, and how files and frames become numbers. Imports no torch."""

from mlp_lab.tables.columns import Column, encode
from mlp_lab.tables.reading import (
    SUFFIXES,
    Cells,
    estimate_size,
    is_table,
    read_frame,
    read_table,
)

__all__ = [
    "SUFFIXES",
    "Cells",
    "Column",
    "encode",
    "estimate_size",
    "is_table",
    "read_frame",
    "read_table",
]
