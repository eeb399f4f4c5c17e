"""The best setting at an edge of what was tried is pointed out."""

import json
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.report.edges import describe_edges
from tests.conftest import CommandLine
from tests.report.helpers import write_run

LARGEST = "The best lr, 0.1, is the largest of 3 that were tried; a better one may lie beyond it."


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [
        ([0.001, 0.01, 0.1], 0.1, [LARGEST]),
        ([0.1, 0.4, 0.2], 0.1, [LARGEST.replace("largest", "smallest")]),
        ([0.001, 0.1, 0.2], 0.1, []),
        ([0.01, 0.1], 0.1, []),  # of two values either is at an edge
        ([0.0, 0.1, 0.2], 0.0, []),  # less dropout than none
        ([None, "a", True, 0.1], 0.1, []),
        ([None, 0.001, 0.01, 0.1, 0.1], 0.1, [LARGEST]),
    ],
)
def test_numbers_at_an_edge_are_named(values: list[Any], best: Any, expected: list[str]) -> None:
    assert describe_edges({"optimizer.lr": best}, [{"optimizer.lr": v} for v in values]) == expected


def write_grid(runs: Path) -> None:
    for number, lr in enumerate((0.001, 0.01, 0.1)):
        write_run(runs / "lab" / f"version_{number}", lr=lr, val_acc=0.8 + lr)


def test_a_comparison_says_so_on_the_console_and_its_pages(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    write_grid(tmp_path / "runs")
    outcome = mlp_lab("report", "runs/lab")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"  {LARGEST}\n" in outcome.out
    for name in ("report.html", "report.md"):
        assert LARGEST in (tmp_path / "runs" / "lab" / name).read_text()


def test_what_a_search_gave_up_was_tried_too(mlp_lab: CommandLine, tmp_path: Path) -> None:
    write_grid(tmp_path / "runs")
    states = {0.001: "complete", 0.01: "complete", 0.1: "complete", 0.3: "pruned"}
    trials = [
        {"number": n, "state": state, "value": lr, "params": {"model.optimizer.lr": lr}}
        for n, (lr, state) in enumerate(states.items())
    ]
    record = {"score": "val/acc", "mode": "max", "trials": trials, "importances": {}}
    (tmp_path / "runs" / "lab" / "search.json").write_text(json.dumps(record))
    outcome = mlp_lab("report", "runs/lab")
    assert "The best was chosen among 4 settings" in outcome.out
    assert "that were tried; a better" not in outcome.out
