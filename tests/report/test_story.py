"""A run is read as far as it is there."""

import json
from pathlib import Path

import pytest

from mlp_lab.report import read_summary
from mlp_lab.report.run_summary import find_runs
from tests.report.helpers import write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "base" / "version_0")


def test_a_whole_run_lacks_but_figures(run_dir: Path) -> None:
    story = read_summary(run_dir)
    assert story.missing == ("There are no figures in plots/.",)
    assert (story.name, story.status, story.seed) == ("base/version_0", "finished", 0)
    assert (story.score, story.highest_is_best) == ("val/acc", True)
    assert story.gap == pytest.approx(0.15)
    assert story.history("val/loss") == ([1, 2, 3], [0.6, 0.4, 0.5])


def test_the_worst_class_comes_first_and_says_what_it_is_taken_for(run_dir: Path) -> None:
    worst, best = read_summary(run_dir).classes
    assert (worst.name, worst.taken_for) == ("no", [("yes", 20)])
    assert (best.name, best.taken_for) == ("yes", [])


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ((0.6, 0.4, 0.5), "epoch 2 of 3, at 0.4, and 0.5 at the end, while training loss went on"),
        ((0.6, 0.5, 0.4), "lowest in the last epoch, 3, at 0.4: training for longer may help"),
        ((0.6, 0.4, 0.401), "it has hardly changed since"),
        ((), "There is no validation loss"),
    ],
)
def test_where_validation_turned(tmp_path: Path, losses: tuple[float, ...], said: str) -> None:
    assert said in read_summary(write_run(tmp_path / "a" / "b", losses=losses)).turn


def test_noise_is_no_overfitting(run_dir: Path) -> None:
    path = run_dir / "metrics.csv"
    path.write_text(path.read_text().replace("3,3,0.333", "3,3,0.777"))
    assert "that is no overfitting" in read_summary(run_dir).turn


@pytest.mark.parametrize("name", ["config.yaml", "manifest.json", "metrics.json", "metrics.csv"])
def test_what_is_missing_is_said(run_dir: Path, name: str) -> None:
    (run_dir / name).unlink()
    assert read_summary(run_dir).missing[0].startswith(f"{name} is missing: ")


@pytest.mark.parametrize("name", ["config.yaml", "manifest.json", "metrics.json", "metrics.csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe{", b"{: [", b"[1, 2]", b"a: b: c\n\0\n"])
def test_what_is_damaged_is_said(run_dir: Path, name: str, content: bytes) -> None:
    (run_dir / name).write_bytes(content)
    story = read_summary(run_dir)
    assert any(sentence.startswith(name) for sentence in story.missing)
    assert story.turn


def test_a_torn_last_line_is_left_out(run_dir: Path) -> None:
    path = run_dir / "metrics.csv"
    path.write_text(path.read_text() + "4,4,,0.9")
    story = read_summary(run_dir)
    assert "metrics.csv ends within a line, which is left out." in story.missing
    assert story.history("val/acc")[0] == [1, 2, 3]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("running", "it is still running, or was killed"),
        ("failed", "The run did not come to its end: it was failed."),
        ("interrupted", "The run did not come to its end: it was interrupted."),
    ],
)
def test_a_run_that_did_not_end_says_so(run_dir: Path, status: str, said: str) -> None:
    path = run_dir / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    assert any(said in sentence for sentence in read_summary(run_dir).missing)


def test_runs_are_found_at_any_depth_and_their_own_directories_are_none(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a" / "version_0")
    second = write_run(tmp_path / "b" / "c" / "version_1")
    (second / "manifest.json").unlink()
    write_run(first / "test_0")
    assert find_runs(tmp_path) == [first, second]
    assert find_runs(first) == [first]
