"""Run directories are found, and read as far as they are complete."""

import json
from pathlib import Path

import pytest

from mlp_lab.report.run_files import SHOWN_MISTAKES, find_runs, read_summary
from mlp_lab.report.run_summary import Mistake
from tests.report.helpers import write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "base" / "version_0")


def test_a_complete_run_lacks_only_figures(run_dir: Path) -> None:
    summary = read_summary(run_dir)
    assert summary.missing == ("There are no figures in plots/.",)
    assert (summary.name, summary.status, summary.seed) == ("base/version_0", "finished", 0)
    assert (summary.score, summary.highest_is_best) == ("val/acc", True)
    assert summary.gap == pytest.approx(0.15)
    assert summary.history("val/loss") == ([1, 2, 3], [0.6, 0.4, 0.5])


@pytest.mark.parametrize("name", ["config.yaml", "manifest.json", "metrics.json", "metrics.csv"])
def test_missing_files_are_named(run_dir: Path, name: str) -> None:
    (run_dir / name).unlink()
    assert read_summary(run_dir).missing[0].startswith(f"{name} is missing: ")


@pytest.mark.parametrize("name", ["config.yaml", "manifest.json", "metrics.json", "metrics.csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"{: [", b"[1, 2]", b"a: b: c\n\0\n"])
def test_damaged_files_are_named(run_dir: Path, name: str, content: bytes) -> None:
    (run_dir / name).write_bytes(content)
    summary = read_summary(run_dir)
    assert any(sentence.startswith(name) for sentence in summary.missing)
    assert summary.overfitting


def test_a_torn_last_line_is_left_out(run_dir: Path) -> None:
    path = run_dir / "metrics.csv"
    path.write_text(path.read_text() + "4,4,,0.9")
    summary = read_summary(run_dir)
    assert "metrics.csv ends within a line, which is left out." in summary.missing
    assert summary.history("val/acc")[0] == [1, 2, 3]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("running", "it is still running, or was killed"),
        ("failed", "The run did not come to its end: it was failed."),
        ("interrupted", "The run did not come to its end: it was interrupted."),
    ],
)
def test_a_run_that_did_not_end_says_so(run_dir: Path, status: str, message: str) -> None:
    path = run_dir / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    assert any(message in sentence for sentence in read_summary(run_dir).missing)


def test_runs_are_found_at_any_depth_and_their_own_directories_are_none(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a" / "version_0")
    second = write_run(tmp_path / "b" / "c" / "version_1")
    (second / "manifest.json").unlink()
    write_run(first / "test_0")
    assert find_runs(tmp_path) == [first, second]
    assert find_runs(first) == [first]


def test_mistakes_are_those_of_files_where_there_are_some(run_dir: Path) -> None:
    assert read_summary(run_dir).mistakes == ()
    head = "index,{}label,predicted,confidence,yes,label\n"
    path = run_dir / "mistakes.csv"
    path.write_text(head.format("file,") + "7,a.png,yes,no,0.75,0.25,0.75\n")
    assert read_summary(run_dir).mistakes == (Mistake("a.png", "yes", "no", 0.75),)
    path.write_text(head.format("") + "7,yes,no,0.75,0.25,0.75\n" * 30)
    assert read_summary(run_dir).mistakes == (Mistake("7", "yes", "no", 0.75),) * (
        SHOWN_MISTAKES + 1
    )


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xff\xfe", b"a,b\n1,2\n", b"index,label,predicted,confidence\n1,2\n"),
        b"index,label,predicted,confidence\n1,a,b,much\n",
        b"index,label,predicted,confidence\n1,a,b," + b"9" * 200_000,
    ],
)
def test_damaged_mistakes_are_named(run_dir: Path, content: bytes) -> None:
    (run_dir / "mistakes.csv").write_bytes(content)
    summary = read_summary(run_dir)
    assert "mistakes.csv is damaged: no mistakes are shown." in summary.missing
    assert summary.mistakes == ()
