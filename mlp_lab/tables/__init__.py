"""Tables: what their columns are, and how files and frames become numbers. Imports no torch."""

from mlp_lab.tables.columns import Column, encode
from mlp_lab.tables.reading import SUFFIXES, Cells, is_table, read_frame, read_table

__all__ = ["SUFFIXES", "Cells", "Column", "encode", "is_table", "read_frame", "read_table"]
