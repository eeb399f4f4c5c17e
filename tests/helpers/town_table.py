"""A small table with columns of every kind, and missing, rare and unseen values."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

NAMES = ("row", "age", "town", "street", "member", "price", "bought")
FLAGS = (
    "--data.source=Table",
    "--data.source.target=bought",
    '--data.source.missing=["?"]',
    "--data.source.drop=[row,price]",
    "--data.batch_size=16",
)


def make_rows(num: int = 120) -> list[list[str]]:
    """Return rows for NAMES; ``Oslo`` is in six of them, so that the split decides if it counts."""
    random = np.random.default_rng(0)
    rows = []
    for index in range(num):
        age = int(random.integers(18, 80))
        town = "Oslo" if index % 20 == 7 else ("Bonn", "Lyon", "Wien")[random.integers(3)]
        street = f"street {random.integers(20):02d}"
        member = bool(random.integers(2))
        bought = age + 20 * member + 10 * (town == "Bonn") > 55
        price = 10 * age + 100 * member + random.normal()
        cells = [f"{index:04d}", str(age), town, street, str(member).lower(), f"{price:.2f}"]
        if index % 9 == 0:
            cells[1] = "?"
        if index % 11 == 0:
            cells[2] = ""
        rows.append([*cells, "yes" if bought else "no"])
    return rows


def write_table(path: Path, rows: Sequence[Sequence[str]], names: Sequence[str] = NAMES) -> Path:
    """Write a CSV, and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path
