"""Make a virtual environment that holds exactly what requirement files lock.

Runs on the bare Python that the environment is for, with the pip that it bundles: a lock is
complete, so nothing is resolved, and no release that is newer than the lock can change anything. An
environment that was interrupted or failed on the way is made anew; one that is complete gets this
project's entry points again and nothing else.

    python tools/set_up.py .venv requirements.txt requirements-dev.txt --gigabytes 6 --editable

Without words it only checks that this Python can be used.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 14)
REFUSED_BY_TORCHVISION = (3, 14, 1)
BYTES_PER_GIGABYTE = 10**9
INTERRUPTED = 130

# What pip writes, and what it means. The first that is found counts.
CAUSES = {
    r"No space left on device|Disk quota exceeded": (
        "The disk is full: {gigabytes:g} GB are wanted for {venv}, and half as much again in "
        "{temporary} and pip's cache while it downloads."
    ),
    r"DO NOT MATCH THE HASHES|do not match the hash": (
        "A package that was downloaded is not the one that was locked: its hash differs. Check "
        "which package index pip is told to use."
    ),
    r"NewConnectionError|NameResolution|ConnectTimeout|ReadTimeout|ProxyError|Max retries|"
    r"Connection(Reset|Refused|Aborted|Error)|Network is unreachable|IncompleteRead": (
        "The package index cannot be reached. Check the network, or the index and proxy that pip "
        "is told to use."
    ),
    r"Permission denied|Read-only file system": "Something cannot be written.",
}


class SetUpError(Exception):
    """What keeps an environment from being made, in one sentence."""


def main() -> int:
    """Make the environment that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("venv", type=Path, nargs="?", help="directory of the environment")
    parser.add_argument("requirements", type=Path, nargs="*", help="locked, with hashes")
    parser.add_argument("--gigabytes", type=float, default=0.5, help="what it takes on the disk")
    parser.add_argument("--editable", action="store_true", help="install this project too")
    words = parser.parse_args()
    try:
        check_python()
        if words.venv:
            set_up(words.venv, words.requirements, words.gigabytes, words.editable)
    except SetUpError as error:
        print(f"set-up: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; the same command begins anew.", file=sys.stderr)
        return INTERRUPTED
    return 0


def check_python() -> None:
    """Refuse a Python that torch has no wheels for.

    Raises:
        SetUpError: It is too old or too new.
    """
    version = sys.version_info[:3]
    if not OLDEST <= version[:2] <= NEWEST or version == REFUSED_BY_TORCHVISION:
        raise SetUpError(
            "Python {}.{}.{} cannot be used; install Python {}.{} to {}.{} (not 3.14.1), and name "
            "it if it is not the first on the path: make setup PYTHON=python3.13".format(
                *version, *OLDEST, *NEWEST
            )
        )


def set_up(venv: Path, requirements: list[Path], gigabytes: float, editable: bool) -> None:
    """Make the environment, unless it is there and complete.

    Raises:
        SetUpError: It could not be made.
    """
    stamp = venv / ".installed"
    locked = hashlib.sha256(b"".join(path.read_bytes() for path in requirements)).hexdigest()
    if not stamp.is_file() or stamp.read_text() != locked:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(venv, ignore_errors=True)
        check_disk(venv, gigabytes)
        print(f"Installing the locked packages into {venv}: {gigabytes:g} GB, a few minutes.")
        make_venv(venv)
        files = [word for path in requirements for word in ("--requirement", str(path))]
        run_pip(venv, gigabytes, "install", "--no-deps", "--require-hashes", *files)
    if editable:
        # The build back-end is a locked package like the others.
        own = ("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        run_pip(venv, gigabytes, "install", *own)
    run_pip(venv, gigabytes, "check")
    stamp.write_text(locked)


def check_disk(venv: Path, gigabytes: float) -> None:
    """Refuse to begin what will not fit.

    Raises:
        SetUpError: There is too little space.
    """
    free = shutil.disk_usage(venv.resolve().parent).free / BYTES_PER_GIGABYTE
    if free < gigabytes:
        raise SetUpError(
            f"{venv} wants {gigabytes:g} GB, and {free:.1f} GB are free on the disk of "
            f"{str(venv.resolve().parent)!r}."
        )


def make_venv(venv: Path) -> None:
    """Make an empty environment with pip.

    Raises:
        SetUpError: This Python cannot, or the place cannot be written.
    """
    # As the module venv does itself: an active environment may be the one that was just removed.
    python = getattr(sys, "_base_executable", sys.executable)
    command = [python, "-m", "venv", str(venv)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        if "ensurepip" in done.stdout:
            raise SetUpError(
                f"{python} comes without venv and pip; install its venv package (on "
                "Debian and Ubuntu: python3-venv)."
            )
        lines = done.stdout.strip().splitlines() or ["it gave no reason"]
        raise SetUpError(f"{venv} cannot be made: {lines[-1]}.")


def run_pip(venv: Path, gigabytes: float, *words: str) -> None:
    """Run the environment's pip, whose output is kept beside the environment where it fails.

    Raises:
        SetUpError: It failed.
    """
    log = venv.with_name(f"{venv.name}.log")
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    command = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check", *words]
    if words[0] == "install":
        command += ["--no-input", "--progress-bar", "off"]
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        text = log.read_text(encoding="utf-8", errors="replace")
        raise SetUpError(f"{explain(text, venv, gigabytes)} All that pip printed is in {log}.")
    log.unlink()


def explain(text: str, venv: Path, gigabytes: float) -> str:
    """Return the cause of a failure in one sentence.

    Args:
        text: What pip printed.
        venv: The environment.
        gigabytes: What it takes on the disk.
    """
    for pattern, sentence in CAUSES.items():
        if re.search(pattern, text):
            return sentence.format(venv=venv, gigabytes=gigabytes, temporary=tempfile.gettempdir())
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")] or lines[-1:] or ["no reason"]
    return f"pip failed: {errors[0].removeprefix('ERROR: ').rstrip('.')}."


if __name__ == "__main__":
    sys.exit(main())
