"""A configuration is read as plain types, or refused with its place; keys are dotted."""

from pathlib import Path

import pytest

from mlp_lab.errors import ConfigError
from mlp_lab.runs.config import flatten, read_config


def test_is_plain_types(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("data: {batch_size: 8}\nseed_everything: 1\n")
    assert read_config(tmp_path / "a.yaml") == {"data": {"batch_size": 8}, "seed_everything": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: [\n", r"a.yaml' is no YAML, line 2, column 1: "),
        (b"a: \xff", r"a.yaml' is no text in UTF-8."),
        (b"a: 2020-13-45", r"a.yaml' cannot be read: month must be in 1..12"),
        (b"[" * 5000, r"exceeded maximum nesting depth|maximum recursion depth"),
        (b"", r"a.yaml' holds no settings of the form key: value."),
        (b"- a", r"a.yaml' holds no settings of the form key: value."),
        (b"model: null", r"a.yaml': model is null; leave it out for its defaults."),
        (b"ckpt_path: x", r"a.yaml' sets ckpt_path; that is typed as --ckpt_path."),
    ],
)
def test_what_is_none_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    (tmp_path / "a.yaml").write_bytes(text)
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "a.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no.yaml' cannot be read: No such file or directory."):
        read_config(tmp_path / "no.yaml")


def test_keys_are_as_they_are_typed() -> None:
    net = {"class_path": "mlp_lab.nets.MLP", "init_args": {"hidden_dims": [3], "bias": True}}
    config = {"model": {"class_path": "T", "init_args": {"net": net}}, "a": None, "b": {}}
    assert flatten(config) == {
        "model.class_path": "T",
        "model.net.class_path": "mlp_lab.nets.MLP",
        "model.net.hidden_dims": [3],
        "model.net.bias": True,
        "a": None,
    }
