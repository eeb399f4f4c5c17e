"""The pages' sessions give what they print. Building the site itself is `make docs`."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.helpers.documents import BLOCK, ROOT

pytestmark = [pytest.mark.docs, pytest.mark.figures, pytest.mark.export]

PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "```console" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_session_gives_what_the_page_prints(
    page: Path, mlp_lab: CommandLine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: str) -> str:
        program, *words = shlex.split(command)
        if program == "mlp-lab":
            try:
                outcome = mlp_lab(*words)
            except SystemExit:  # of --version
                return capsys.readouterr().out
            return outcome.out + outcome.err
        words = [sys.executable if program == "python" else program, *words]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    for language, block in BLOCK.findall(page.read_text("utf-8")):
        if language == "console":
            for command, expected in commands(block):
                found = run(command)
                flags = ELLIPSIS | NORMALIZE_WHITESPACE
                assert OutputChecker().check_output(expected, found, flags), f"{command}\n{found}"
        elif name := re.match(r"# (\w+\.\w+)\n", block):
            (tmp_path / name[1]).write_text(block)


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a session with the output that is printed below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def test_every_how_to_ends_with_a_session() -> None:
    pages = [*(ROOT / "docs" / "how_to").glob("*.md")]
    assert pages
    for page in pages:
        assert BLOCK.findall(page.read_text("utf-8"))[-1][0] == "console", page
