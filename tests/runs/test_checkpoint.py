"""A checkpoint is one of this project, or is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mlp_lab.errors import ChecksumError, RunNotFoundError
from mlp_lab.runs.checkpoint import read_checkpoint


def test_a_missing_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match=r"ckpt_path '.*no.ckpt' is not there."):
        read_checkpoint(tmp_path / "no.ckpt")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state_dict": {}},
        {"state_dict": {}, "mlp_lab": {}},
        {"state_dict": {}, "mlp_lab": {"config": None}},
        {"state_dict": {}, "mlp_lab": "text"},
        {"mlp_lab": {"config": {}}},
        {"state_dict": [torch.zeros(1)], "mlp_lab": {"config": {}}},
    ],
)
def test_one_of_another_project_is_refused(tmp_path: Path, content: dict[str, Any]) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(ChecksumError, match=r"x.ckpt' is no checkpoint of mlp_lab."):
        read_checkpoint(tmp_path / "x.ckpt")


def test_is_what_was_saved(tmp_path: Path) -> None:
    content = {"state_dict": {"w": torch.ones(2)}, "mlp_lab": {"config": {"a": 1}}, "epoch": 3}
    torch.save(content, tmp_path / "x.ckpt")
    read = read_checkpoint(tmp_path / "x.ckpt")
    assert read["state_dict"]["w"].tolist() == [1, 1]
    assert (read["mlp_lab"], read["epoch"]) == (content["mlp_lab"], 3)
