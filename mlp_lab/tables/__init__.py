"""Tables: what their columns are, and how files and frames become numbers. Imports no torch."""

from mlp_lab.tables.columns import Column, PlainColumn, encode
from mlp_lab.tables.reading import (
    MISSING,
    SUFFIXES,
    Cells,
    is_frame,
    is_table,
    read_frame,
    read_table,
    read_texts,
)

__all__ = [
    "MISSING",
    "SUFFIXES",
    "Cells",
    "Column",
    "PlainColumn",
    "encode",
    "is_frame",
    "is_table",
    "read_frame",
    "read_table",
    "read_texts",
]
