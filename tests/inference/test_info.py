"""A model's description, from and to plain types."""

import json
from dataclasses import replace
from typing import Any

import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.inference import ModelInfo

INFO = ModelInfo(
    net={"class_path": "mlp_lab.nets.MLP", "init_args": {"hidden_dims": [8]}},
    input_shape=(3, 8, 9),
    input_type="uint8",
    num_outputs=2,
    head="softmax",
    class_names=("cat", "dog"),
    mean=(0.1, 0.2, 0.3),
    std=(1, 0.5, 0.25),
    run="base/version_0",
    metrics={"test/acc": 0.75},
    mlp_lab="0.1.0",
)

ENSEMBLE = replace(
    INFO, mean=(), std=(), members=(INFO, replace(INFO, run="base/version_1", sha256="ab"))
)


@pytest.mark.parametrize(
    "info",
    [
        INFO,
        ENSEMBLE,
        replace(INFO, head="sigmoid", num_outputs=1),
        replace(INFO, head="none", num_outputs=5, class_names=()),
    ],
    ids=["softmax", "ensemble", "sigmoid", "none"],
)
def test_plain_types_hold_everything(info: ModelInfo) -> None:
    assert ModelInfo.from_plain(json.loads(json.dumps(info.plain()))) == info


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, "NCHW, uint8, 0..255"),
        ({"input_shape": (4,), "input_type": "float32"}, "ND, float32"),
        ({"input_shape": (1, 4), "input_type": "float32"}, "NCD, float32"),
    ],
)
def test_the_layout_of_inputs(changes: dict[str, Any], layout: str) -> None:
    assert replace(INFO, **changes).input_layout == layout


def test_names_of_outputs() -> None:
    assert INFO.output_names == ["logits", "probabilities"]
    assert replace(INFO, head="none").output_names == ["numbers"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"net": "MLP"}, "net is 'MLP'"),
        ({"input_shape": [1, 2, 3, 4]}, r"input_shape is \[1, 2, 3, 4\]"),
        ({"input_shape": [True]}, r"input_shape is \[True\]"),
        ({"num_outputs": 2**31}, "num_outputs is 2147483648"),
        ({"mean": ["a"]}, r"mean is \['a'\]"),
        ({"metrics": {"acc": None}}, "metrics is {'acc': None}"),
        ({"run": None}, "run is None"),
        ({"head": "sigmoid"}, "2 outputs with sigmoid are not of 2 classes"),
        ({"class_names": []}, "2 outputs with softmax are not of 0 classes"),
    ],
)
def test_an_invalid_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ChecksumError, match=f"^{message}$"):
        ModelInfo.from_plain(INFO.plain() | changes)


def test_a_single_net_has_nothing_of_an_ensemble() -> None:
    assert not INFO.plain().keys() & {"members", "sha256"}


def test_the_members_of_members_are_left_out() -> None:
    content = ENSEMBLE.plain()
    content["members"][0]["members"] = [content]
    assert ModelInfo.from_plain(content) == ENSEMBLE


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "members is {}"),
        (["a"], r"members is \['a'\]"),
        ([{}], "net is None"),
        (
            [INFO.plain() | {"input_type": "float32"}],
            "members differ from the ensemble in their input type",
        ),
        (
            [INFO.plain() | {"class_names": ["dog", "cat"]}],
            "members differ from the ensemble in their classes",
        ),
    ],
)
def test_invalid_members_are_named(members: Any, message: str) -> None:
    with pytest.raises(ChecksumError, match=f"^{message}$"):
        ModelInfo.from_plain(INFO.plain() | {"members": members})


def test_a_missing_field_is_named() -> None:
    content = INFO.plain()
    del content["std"]
    with pytest.raises(ChecksumError, match=r"^std is None$"):
        ModelInfo.from_plain(content)
