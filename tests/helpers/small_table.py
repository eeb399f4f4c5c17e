"""A table with a number, a boolean, a category, and holes in them."""

from pathlib import Path

import numpy as np

COLUMNS = ("size", "noise", "wet", "colour")


def write_small_table(path: Path, num_rows: int = 120) -> Path:
    """Write a CSV whose classes ``kind`` and numbers ``price`` follow from size and colour.

    Some sizes and colours are missing, and one colour is rare.
    """
    draws = np.random.default_rng(0)
    size, noise = draws.normal(size=(2, num_rows)).round(3)
    colours = draws.choice(["red", "blue"], num_rows).astype(object)
    price = 1000 + 100 * size + 50 * (colours == "red")
    lines = ["size,noise,wet,colour,kind,price"]
    for row in range(num_rows):
        shown = "" if row % 10 == 3 else f"{size[row]}"
        colour = {4: "", 5: "green"}.get(row % 30, colours[row])
        kind = "large" if size[row] > 0 else "small"
        wet = "true" if noise[row] > 0.3 else "false"
        lines.append(f"{shown},{noise[row]},{wet},{colour},{kind},{price[row]:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def words_of(path: Path, target: str) -> list[str]:
    """Return the words of a command line that learn one of its two targets."""
    other = {"kind": "price", "price": "kind"}[target]
    words = ["--data.source=Table", f"--data.source.path={path}", f"--data.source.target={target}"]
    task = ["--model=RegressionTask"] if target == "price" else []
    return [*words, f"--data.source.drop=[{other}]", *task]
