"""What an ensemble gains: as text, written, read back, and damaged."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlp_lab.errors import ChecksumError
from mlp_lab.files.sha256 import hash_file
from mlp_lab.report.ensemble import (
    EnsembleSummary,
    Gain,
    MemberScores,
    find_ensembles,
    may_replace,
    read_ensemble,
    scores_path,
)

SUMMARY = EnsembleSummary(
    model="ensemble.onnx",
    sha256="",
    data="Digits",
    metric="acc",
    num_samples=360,
    validation=0.975,
    test=0.96875,
    interval=(0.945, 0.9825),
    mean=0.95,
    gain=Gain(0.01875, (0.005, 0.0325)),
    members=[
        MemberScores("digits/version_0", "ab", 0.97, 0.94, Gain(0.02875, (0.01, 0.0475))),
        MemberScores("digits/version_1", "cd", None, 0.96875, Gain(0.0, None)),
    ],
)


def test_the_table_ends_with_the_mean_and_the_ensemble() -> None:
    assert [list(row.values()) for row in SUMMARY.rows] == [
        ["digits/version_0", "97.00 %", "94.00 %", "+2.88 % (+1.00 to +4.75 %)"],
        ["digits/version_1", "", "96.88 %", "+0.00 %"],
        ["mean of the members", "", "95.00 %", "+1.88 % (+0.50 to +3.25 %)"],
        ["ensemble", "97.50 %", "96.88 %", ""],
    ]
    known = [replace(member, validation=0.96 + n / 50) for n, member in enumerate(SUMMARY.members)]
    assert replace(SUMMARY, members=known).rows[2]["validation accuracy"] == "97.00 %"
    assert SUMMARY.sentence == (
        "accuracy 96.88 % (94.50 to 98.25 %) on 360 test samples, a gain of +1.88 % "
        "(+0.50 to +3.25 %) over the mean of its 2 members, 95.00 %, and of +0.00 % over the best "
        "of them on these samples, digits/version_1 with 96.88 %"
    )
    as_errors = replace(SUMMARY, metric="mse")  # the least is the best
    assert "on these samples, digits/version_0 with" in as_errors.sentence
    assert replace(SUMMARY, interval=None).sentence.startswith("accuracy 96.88 % on 360 test")


def write(model: Path, content: bytes = b"a model") -> EnsembleSummary:
    """Write a model and its scores."""
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(content)
    summary = replace(SUMMARY, model=model.name, sha256=hash_file(model))
    summary.write(scores_path(model))
    return summary


def test_it_is_read_back_beside_its_model(tmp_path: Path) -> None:
    model = tmp_path / "a" / "ensemble.onnx"
    summary = write(model)
    assert read_ensemble(model) == summary
    (tmp_path / "a" / "model.onnx").touch()
    (tmp_path / "a" / "other.pth").touch()
    (tmp_path / "a" / "other.json").write_text("{}")
    (tmp_path / "a" / "folder.onnx").mkdir()
    assert find_ensembles([tmp_path / "a", tmp_path]) == ([summary], [])
    model.unlink()
    assert find_ensembles([tmp_path / "a"]) == ([], [])


def test_of_two_formats_the_scores_are_of_one(tmp_path: Path) -> None:
    write(tmp_path / "ensemble.onnx", b"onnx")
    summary = write(tmp_path / "ensemble.pth", b"pth")
    assert find_ensembles([tmp_path]) == ([summary], [])


def test_scores_of_another_model_are_not_taken(tmp_path: Path) -> None:
    model = tmp_path / "e.onnx"
    write(model)
    model.write_bytes(b"another model of this name")
    message = (
        f"{str(scores_path(model))!r} does not hold the scores of e.onnx as it is now: one of them "
        "was written without the other. Export the ensemble again."
    )
    with pytest.raises(ChecksumError) as raised:
        read_ensemble(model)
    assert str(raised.value) == message
    assert find_ensembles([tmp_path]) == ([], [f"{message} e.onnx is left out of the ensembles."])


@pytest.mark.parametrize("content", ["{", "", "[1, 2]", '{"kind": "mlp_lab ensemble", "sha256"'])
def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path, content: str) -> None:
    summary = write(tmp_path / "sound.onnx")
    (tmp_path / "bad.onnx").touch()
    (tmp_path / "bad.json").write_text(content)
    found, (sentence,) = find_ensembles([tmp_path])
    assert found == [summary]
    assert sentence.startswith(f"{str(tmp_path / 'bad.json')!r} is damaged: ")
    assert sentence.endswith(" bad.onnx is left out of the ensembles.")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", True),
        (b"{", True),
        (b'{\n  "kind": "mlp_lab ens', True),
        (b'{"kind":"mlp_lab ensemble","sha256":\xff', True),
        (b"[1, 2]", False),
        (b"{}", False),
        (b'{"kind": "mlp_lab sweep"}', False),
        (b"\xff\xfe{", False),
    ],
)
def test_scores_replace_scores_alone(tmp_path: Path, content: bytes, expected: bool) -> None:
    path = tmp_path / "e.json"
    assert may_replace(path)
    path.write_bytes(content)
    assert may_replace(path) is expected
    write(tmp_path / "e.onnx")
    assert may_replace(path)
    assert not may_replace(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": None},
        {"other": 1},
        {"test": "x"},
        {"members": None},
        {"members": [1]},
        {"gain": {"mean": 1.0, "interval": [1.0]}},
        {"interval": 1.0},
        {"num_samples": None},
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    model = tmp_path / "ensemble.onnx"
    write(model)
    content = json.loads(scores_path(model).read_text()) | changes
    scores_path(model).write_text(json.dumps(content))
    with pytest.raises(ChecksumError, match=r"ensemble\.json' is damaged\.$"):
        read_ensemble(model)
