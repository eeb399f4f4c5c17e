import pytest

from mlp_lab.runs.provenance import command_line


@pytest.mark.parametrize("words", [["--storage", "pg://a:b@c/d"], ["--storage=pg://a:b@c/d"]])
def test_a_command_line_keeps_no_url_of_a_study(
    monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/mlp-lab", "sweep", *words, "--jobs=2"])
    expected = ["--storage=..."] if len(words) == 1 else ["--storage", "..."]
    assert command_line() == ["mlp-lab", "sweep", *expected, "--jobs=2"]


def test_a_flag_without_its_value_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mlp-lab", "sweep", "--storage"])
    assert command_line() == ["mlp-lab", "sweep", "--storage"]
