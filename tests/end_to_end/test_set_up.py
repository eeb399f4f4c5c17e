"""make setup: exactly the lock with any pip; what is half-made is made anew; one sentence each."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.set_up import SetUpError, check_disk, check_python, explain, set_up

ROOT = Path(__file__).parent.parent.parent
SET_UP = ROOT / "tools" / "set_up.py"


def write_wheel(index: Path, name: str, version: str, requires: str = "") -> str:
    """Write an empty package into an index of one's own, and return its SHA-256."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{name.replace('-', '_')}.py": f"VERSION = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Provides-Extra: extra\n" + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = index / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index with a locked package that wants another one's extra, and a newer release."""
    directory = tmp_path / "index"
    directory.mkdir()
    locked = {
        "lab-needs": write_wheel(directory, "lab-needs", "1.0", "lab-core[extra]>=1.0"),
        "lab-core": write_wheel(directory, "lab-core", "1.0"),
    }
    write_wheel(directory, "lab-core", "1.1")
    lines = [f"{name}==1.0 --hash=sha256:{sha}\n" for name, sha in locked.items()]
    (tmp_path / "requirements.txt").write_text("".join(lines))
    return directory


def run_set_up(
    index: Path, *words: str, python: Path = Path(sys.base_prefix) / "bin" / "python3"
) -> "subprocess.CompletedProcess[str]":
    """Run the script, by default on the bare Python that this environment was made of."""
    places = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull}
    command = [str(python), str(SET_UP), *words]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")} | places
    return subprocess.run(
        command, cwd=index.parent, env=environment, capture_output=True, text=True
    )


@pytest.mark.package
def test_a_release_newer_than_the_lock_changes_nothing(index: Path) -> None:
    done = run_set_up(index, "venv", "requirements.txt")
    assert (done.returncode, done.stderr) == (0, "")
    python = index.parent / "venv" / "bin" / "python"
    code = "import lab_core, lab_needs; print(lab_core.VERSION, lab_needs.VERSION)"
    assert subprocess.check_output([python, "-c", code], text=True) == "1.0 1.0\n"

    # What is whole is left as it is, and what is half-made is made anew.
    (index.parent / "venv" / "left").touch()
    assert run_set_up(index, "venv", "requirements.txt").stdout == ""
    assert (index.parent / "venv" / "left").exists()
    (index.parent / "venv" / ".installed").unlink()
    assert "Installing" in run_set_up(index, "venv", "requirements.txt").stdout
    assert not (index.parent / "venv" / "left").exists()


@pytest.mark.package
def test_an_active_environment_is_made_anew_too(index: Path) -> None:
    assert run_set_up(index, "venv", "requirements.txt").returncode == 0
    (index.parent / "venv" / ".installed").unlink()
    own = index.parent / "venv" / "bin" / "python3"
    done = run_set_up(index, "venv", "requirements.txt", python=own)
    assert (done.returncode, done.stderr) == (0, "")
    assert (index.parent / "venv" / ".installed").is_file()


@pytest.mark.package
def test_a_failure_leaves_nothing_that_is_taken_for_whole(index: Path) -> None:
    (index / "lab_core-1.0-py3-none-any.whl").rename(index.parent / "away")
    failed = run_set_up(index, "venv", "requirements.txt")
    assert failed.returncode == 1
    assert failed.stderr.startswith("set-up: error: pip failed: ")
    assert failed.stderr.endswith("All that pip printed is in venv.log.\n")
    assert len(failed.stderr.splitlines()) == 1
    assert not (index.parent / "venv" / ".installed").exists()
    (index.parent / "away").rename(index / "lab_core-1.0-py3-none-any.whl")
    assert run_set_up(index, "venv", "requirements.txt").returncode == 0
    assert not (index.parent / "venv.log").exists()


@pytest.mark.package
def test_a_package_that_is_missing_or_altered_is_refused(index: Path) -> None:
    write_wheel(index, "lab-core", "1.0", "something-else")
    altered = run_set_up(index, "venv", "requirements.txt")
    assert altered.returncode == 1
    assert "is not the one that was locked: its hash differs" in altered.stderr

    requirements = index.parent / "requirements.txt"
    requirements.write_text(requirements.read_text().splitlines()[0])
    incomplete = run_set_up(index, "venv", "requirements.txt")
    assert incomplete.returncode == 1
    assert "lab-needs 1.0 requires lab-core, which is not installed" in incomplete.stderr


@pytest.mark.package
def test_make_says_in_one_sentence_why_not(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements-tools.txt", "tools"):
        (tmp_path / name).symlink_to(ROOT / name)
    # The small environment, so that the test does not hang on how much of the disk is free.
    words = ["make", ".venv-tools/.installed", f"PYTHON={sys.base_prefix}/bin/python3"]
    network = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"}
    environment = os.environ | network | {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    environment |= {"PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(
        "set-up: error: The package index cannot be reached."
    )
    assert not (tmp_path / ".venv-tools" / ".installed").exists()


def test_a_python_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_python()
    for version in ((3, 10, 4), (3, 14, 1), (3, 15, 0), (2, 7, 18)):
        monkeypatch.setattr(sys, "version_info", version)
        name = ".".join(map(str, version))
        with pytest.raises(SetUpError, match=f"Python {name} cannot be used; install Python 3.11"):
            check_python()


def test_a_disk_that_is_too_small_is_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2_340_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    with pytest.raises(SetUpError, match=r"wants 7 GB, and 2.3 GB are free on the disk of"):
        set_up(tmp_path / "venv", [requirements], 7, editable=False)
    assert [*tmp_path.iterdir()] == [requirements]
    check_disk(tmp_path / "venv", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full: 7 GB"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\n"
            "ERROR: Could not find a version that satisfies the requirement torch",
            "The package index cannot be reached.",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "its hash differs"),
        ("Looking\nERROR: Something else.\nmore", "pip failed: Something else."),
        ("Killed", "pip failed: Killed."),
        ("", "pip failed: no reason."),
    ],
)
def test_what_pip_says_becomes_one_sentence(text: str, expected: str) -> None:
    assert expected in explain(text, Path(".venv"), 7)
