"""Tables, and warnings as one plain line."""

import warnings

import pytest

from mlp_lab.cli.console import print_rows, print_table, quieten
from mlp_lab.errors import MLPLabWarning


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    quieten()


@pytest.mark.usefixtures("_quiet")
def test_our_warnings_are_their_text_alone() -> None:
    own = warnings.formatwarning(MLPLabWarning("a\x1bb"), MLPLabWarning, "x.py", 1)
    assert own == "warning: a\\x1bb\n"
    other = warnings.formatwarning(UserWarning("text"), UserWarning, "x.py", 1)
    assert other.startswith("x.py:1: UserWarning: text\n")


@pytest.mark.usefixtures("_quiet")
def test_adverts_are_not_shown_and_others_are() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        quieten()
        warnings.warn("The dataloader does not have many workers", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["something else"]


def test_a_table_has_names_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("test", {"acc": 0.12345678, "epochs": 3, "[b]\x1b": "[/b]"})
    title, _, *rows, _ = capsys.readouterr().out.splitlines()
    assert title.strip() == "test"
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert cells == [["acc", "0.1235"], ["epochs", "3"], [r"[b]\x1b", "[/b]"]]


def test_a_column_without_any_value_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    first = {"input": "a", "label": "", "confidence": 0.5}
    print_rows("model", [first, {"input": "b" * 150, "label": "", "confidence": ""}])
    out = capsys.readouterr().out
    assert "label" not in out
    assert "b" * 150 in out
    assert "0.5000" in out
    print_rows("empty", [])


def test_in_a_notebook_tables_go_where_all_else_is_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    print_table("test", {"epochs": 3})
    print_rows("model", [{"input": "a.png"}])
    out = capsys.readouterr().out
    assert "epochs" in out
    assert "a.png" in out
