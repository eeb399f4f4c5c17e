import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import CommandLine


def test_it_begins_with_what_is_needed(mlp_lab: CommandLine, tmp_path: Path) -> None:
    outcome = mlp_lab("new", "my_lab")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.last_line == "begin with: cd my_lab && mlp-lab fit --config first.yaml"
    names = {path.name for path in (tmp_path / "my_lab").iterdir()}
    assert names == {".gitignore", "README.md", "first.yaml", "my_net.py", "my_source.py"}
    assert [path.name for path in tmp_path.iterdir()] == ["my_lab"]


def test_an_empty_directory_will_do(mlp_lab: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "my_lab").mkdir()
    assert mlp_lab("new", "my_lab/").code == 0
    assert (tmp_path / "my_lab" / "first.yaml").is_file()


@pytest.mark.parametrize("occupied", ["my_lab", "my_lab/notes.txt"])
def test_what_is_there_is_left_alone(mlp_lab: CommandLine, tmp_path: Path, occupied: str) -> None:
    path = tmp_path / occupied
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    outcome = mlp_lab("new", "my_lab")
    assert outcome.code == 2
    assert outcome.err == "mlp-lab: error: 'my_lab' is there and not empty; name a new directory.\n"
    assert path.read_text() == "mine"
    assert len([*tmp_path.rglob("*")]) == len(Path(occupied).parts)


def test_a_place_that_cannot_be_written_is_named(mlp_lab: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = mlp_lab("new", "file/my_lab")
    assert outcome.code == 1
    assert "'file/my_lab' could not be written: Not a directory." in outcome.err


def test_every_command_of_its_readme_works(
    mlp_lab: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mlp_lab("new", "my_lab").code == 0
    monkeypatch.chdir(tmp_path / "my_lab")
    np.savez("points.npz", x=np.zeros((3, 2), np.float32))
    readme = (tmp_path / "my_lab" / "README.md").read_text()
    (block,) = re.findall(r"```bash\n(.*?)```", readme, re.DOTALL)
    lines = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    assert [words[0] for words in lines] == [*["fit"] * 4, "report", "test", "infer"]
    for words in lines:
        if words[0] == "infer":  # exporting is tested elsewhere
            continue
        few = ["--trainer.max_epochs=2"] if words[0] == "fit" and "overfit" not in words[-1] else []
        assert mlp_lab(*words, *few).code == 0, words
    for name in ("my_net", "my_source"):
        del sys.modules[name]
