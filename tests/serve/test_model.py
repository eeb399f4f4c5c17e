"""The model that is served, and its file."""

import os
import shutil
from pathlib import Path

import pytest

from mlp_lab.serve.model import ServedModel
from tests.helpers.service import serving, wait_until


@pytest.fixture
def path(digits_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(digits_run / "model.onnx", tmp_path / "model.onnx"))


def test_names_are_plain_however_the_model_is_typed(
    digits_run: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(digits_run)
    for typed in (digits_run, Path(), Path("..", digits_run.name)):
        assert ServedModel(typed).name == "base/version_0"
    for typed in (path, Path("model.onnx")):
        assert ServedModel(typed).name == "model.onnx"
    assert ServedModel(Path("checkpoints", "best.ckpt")).name == "best.ckpt"


def test_a_file_that_is_replaced_is_noticed_and_said_once(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ServedModel(path)
    os.utime(path, (1, 1))
    model.look()
    assert (model.changed_on_disk, capsys.readouterr().err) == (False, "")
    path.write_bytes(path.read_bytes() + b"\0")
    model.look()
    model.look()
    assert model.changed_on_disk
    line = f"{path} was replaced; the model that was opened at the start goes on answering."
    assert capsys.readouterr().err == f"{line} Start anew to serve another.\n"


def test_a_file_that_is_removed_is_noticed_by_the_service(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlp_lab.serve.service._SECONDS_BETWEEN_LOOKS", 0.01)
    with serving(path) as client:
        assert not client.get("/api/model").json["changed_on_disk"]
        path.unlink()
        wait_until(lambda: "was removed" in capsys.readouterr().err)
        assert client.get("/api/model").json["changed_on_disk"]
        assert client.post("/api/predict", {"inputs": [[0] * 8] * 8}).status == 200


def test_checkpoints_know_their_run(digits_run: Path, path: Path) -> None:
    found = [ServedModel(place).run for place in (digits_run, digits_run / "model.onnx")]
    found.append(ServedModel(digits_run / "checkpoints" / "best.ckpt").run)
    assert [run and run.dir for run in found] == [digits_run.absolute()] * 3
    assert ServedModel(path).run is None
