"""What the documents tell a reader to type works, and what they list is there."""

import importlib
import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mlp_lab.cli.main import COMMANDS
from mlp_lab.errors import MLPLabWarning
from tests.conftest import CommandLine

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def shell_lines() -> list[str]:
    """Return the lines of all shell blocks, comments removed."""
    blocks = [
        block
        for document in DOCUMENTS
        for block in re.findall(r"```bash\n(.*?)```", document.read_text(), re.DOTALL)
    ]
    lines = (line.split("#")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("mlp-lab")])
def test_command_parses(
    line: str, mlp_lab: CommandLine, digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *words = shlex.split(line.replace("runs/base/version_0", str(digits_run)))[1:]
    module = importlib.import_module(f"mlp_lab.cli.commands.{COMMANDS[command].module}")
    if hasattr(module, "make_parser"):
        module.make_parser().parse_args(words)
        return
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        mlp_lab(command, *words, "--print_config")
    assert stop.value.code == 0


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make")])
def test_make_target_is_there(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.export
def test_python_examples_run(mlp_lab: CommandLine, fake_root: Path, tmp_path: Path) -> None:
    words = [f"--data.root={fake_root}", "--data.download=false", "--trainer.max_epochs=1"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MLPLabWarning)  # the set is a tiny one
        assert mlp_lab("fit", *words).code == 0
    (tmp_path / "photos").mkdir()
    Image.new("L", (28, 28)).save(tmp_path / "photos" / "a.png")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["class_names"][0] == "o"
    assert names["probabilities"].shape == (5, 10)
    trainer = names["trainer"]
    assert trainer.callback_metrics["test/acc"] > 0.85
    written = {path.name for path in (tmp_path / "digits").rglob("*.*")}
    assert written == {"metrics.json", "confusion.png", "roc.png", "precision_recall.png"}


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
        assert all((ROOT / link).exists() for link in links)
