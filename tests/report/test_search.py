import json
from pathlib import Path
from typing import Any

import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.report.search import read_search_summary

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


@pytest.mark.parametrize("change", [{"trials": None}, {"trials": [{}]}, {"importances": 3}])
def test_a_damaged_record_is_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "search.json").write_text(json.dumps(RECORD | change))
    with pytest.raises(ChecksumError, match=r"search\.json' is damaged"):
        read_search_summary(tmp_path)
