import json
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.report.search import read_search_summary
from tests.conftest import CommandLine
from tests.report.helpers import write_run

RECORD: dict[str, Any] = {
    "score": "val/acc",
    "mode": "max",
    "trials": [
        {"number": 0, "state": "complete", "value": 0.5, "params": {"model.optimizer.lr": 0.1}},
        {"number": 1, "state": "pruned", "value": 0.25, "params": {"model.optimizer.lr": 0.2}},
        {"number": 2, "state": "pruned", "value": None, "params": {"model.optimizer.lr": 0.2}},
        {"number": 3, "state": "fail", "value": None, "params": {"model.optimizer.lr": 9.0}},
        {"number": 4, "state": "running", "value": None, "params": {}},
    ],
    "importances": {"model.optimizer.lr": 1.0},
}


def test_what_was_tried_is_read_back(tmp_path: Path) -> None:
    assert read_search_summary(tmp_path) is None
    (tmp_path / "search.json").write_text(json.dumps(RECORD))
    search = read_search_summary(tmp_path)
    assert search is not None
    assert search.scores == {"complete": ([0.0], [0.5]), "pruned": ([1.0], [0.25])}
    assert search.keys == ["model.optimizer.lr"]
    assert search.num_pruned == 2
    assert search.caution.startswith(
        "The best was chosen among 4 settings, 2 of which were given up early, by validation acc"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"trials": None},
        {"trials": [{}]},
        {"importances": 3},
        {"score": "val/\x1b[2J"},
        {"score": "val/acc](http://elsewhere)"},
        {"score": "test/acc"},
        {"score": ["val/acc"]},
    ],
)
def test_a_damaged_record_is_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "search.json").write_text(json.dumps(RECORD | change))
    with pytest.raises(ChecksumError, match=r"search\.json' is damaged"):
        read_search_summary(tmp_path)


def test_what_others_have_written_does_not_reach_the_terminal_as_it_is(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    for number, lr in enumerate((0.1, 0.2)):
        odd = {"net": {"class_path": f"mlp_lab.nets.MLP\x1b[{number}J"}}
        write_run(tmp_path / "lab" / f"version_{number}", lr=lr, source="\x1b[2J", settings=odd)
    (tmp_path / "lab" / "search.json").write_text(json.dumps(RECORD))
    outcome = mlp_lab("report", "lab")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out + outcome.err
    assert "\\x1b[2J" in outcome.out
    assert "MLP\\x1b[1J" in outcome.out
