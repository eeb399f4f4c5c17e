import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlp_lab.errors import ConfigError, WriteError
from mlp_lab.files.lock import hold, locked

HOLD = """
import sys
from pathlib import Path
from mlp_lab.files.lock import hold
lock = hold(Path(sys.argv[1]), "in use")
print("held", flush=True)
sys.stdin.read()
"""


def assert_in_use(directory: Path) -> None:
    with pytest.raises(ConfigError, match=r"^somebody has it$"):
        hold(directory, "somebody has it")


def test_one_process_at_a_time_until_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert_in_use(tmp_path)
        process.kill()
    lock = hold(tmp_path, "in use")
    assert_in_use(tmp_path)
    lock.release()
    with locked(tmp_path):
        assert_in_use(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with locked(tmp_path):
        pass
    with pytest.raises(WriteError, match="could not be written: Permission denied"):
        hold(tmp_path, "in use")


def test_a_place_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(WriteError, match="could not be written: Is a directory"):
        hold(tmp_path, "in use")
