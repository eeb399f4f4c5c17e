"""The lock, and what is exported from it."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def locked() -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = tomllib.loads((ROOT / "poetry.lock").read_text())["package"]
    return packages


def test_no_nvidia_package_is_locked_twice() -> None:
    """Two versions with overlapping markers would overwrite each other; see pyproject.toml."""
    counts = Counter(package["name"] for package in locked())
    assert counts["nvidia-cublas"] == 1
    assert [name for name, num in counts.items() if name.startswith("nvidia") and num > 1] == []


def test_requirements_pin_what_the_lock_says_with_hashes() -> None:
    versions = {(package["name"], package["version"]) for package in locked()}
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        pins = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.+]+) ;.*\\$", text, re.MULTILINE)
        assert len(pins) > 20
        assert set(pins) <= versions
        blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
        assert len(blocks) == len(pins)
        assert all("--hash=sha256:" in block for block in blocks)
