"""Which code computed a run, or a part of a sweep."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlp_lab
from mlp_lab.runs.provenance import describe_code, git_state, versions


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout of a package in this one's place."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "First"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(mlp_lab, "__file__", str(package / "__init__.py"))
    git_state.cache_clear()
    describe_code.cache_clear()
    yield package
    git_state.cache_clear()
    describe_code.cache_clear()


def commit_now() -> str:
    git_state.cache_clear()
    describe_code.cache_clear()
    return describe_code()["commit"]


def test_each_change_of_the_package_is_code_of_its_own(package: Path) -> None:
    clean = commit_now()
    assert clean == (git_state() or {})["commit"][:7]
    (package.parent / "runs").mkdir()
    (package.parent / "runs" / "metrics.csv").touch()
    assert commit_now() == clean
    found = {clean}
    for text in ("a = 1\n", "a = 2\n"):
        (package / "__init__.py").write_text(text)
        found.add(commit_now())
        assert commit_now().startswith(f"{clean} with changes ")
    assert len(found) == 3


def test_an_installed_package_has_its_version_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlp_lab, "__file__", str(tmp_path / "__init__.py"))
    git_state.cache_clear()
    describe_code.cache_clear()
    assert describe_code() == versions()
    git_state.cache_clear()
    describe_code.cache_clear()
