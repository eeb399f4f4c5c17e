"""What the documents tell a reader to type works, and what they list is there."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from mlp_lab.cli.main import COMMANDS
from tests.conftest import CommandLine
from tests.helpers.documents import BLOCK, ROOT, blocks

PAGES = [*(ROOT / "docs").rglob("*.md")]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
A_RUN = re.compile(r"runs/\w+/version_\d+|(?<= )RUN\b")


def shell_lines() -> list[str]:
    """Return the lines of all shell blocks, comments removed, and the commands within a text."""
    typed = [
        line.partition("#")[0].strip()
        for document in DOCUMENTS
        for block in blocks(document, "bash")
        for line in block.splitlines()
    ]
    texts = (BLOCK.sub("", document.read_text("utf-8")) for document in DOCUMENTS)
    quoted = [c for text in texts for c in re.findall(r"`(mlp-lab [^`]*configs/[^`]*)`", text)]
    return sorted({" ".join(line.split()) for line in (*typed, *quoted) if line})


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("mlp-lab")])
def test_command_parses(
    line: str, mlp_lab: CommandLine, digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *words = shlex.split(A_RUN.sub(str(digits_run), line))[1:]
    module = importlib.import_module(f"mlp_lab.cli.commands.{COMMANDS[command].module}")
    if hasattr(module, "make_parser"):
        _, words = module.make_parser().parse_known_args(words)
        assert not words or command == "sweep"
        if not words:
            return
        command = "fit"  # whose flags a sweep takes
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stop:
        mlp_lab(command, *words, "--print_config")
    assert stop.value.code == 0


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("make")])
def test_make_target_is_there(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)|src(?:set)?=\"([^\"]+)\"", text)
        assert not [a or b for a, b in links if not (document.parent / (a or b)).exists()], document


def test_files_that_are_named_are_there() -> None:
    for document in DOCUMENTS:
        named = re.findall(
            r"`((?:mlp_lab|configs|docs|tests)/[\w./]+)`", document.read_text("utf-8")
        )
        assert not [name for name in named if not (ROOT / name).exists()], document
