"""Text of a file is shown and not obeyed, and no spreadsheet computes it."""

import pytest

from mlp_lab.files.plain_text import as_cell, as_markdown, as_shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 1.5", "plain, 1.5"),
        ("ä ハ\n\tend", "ä ハ\n\tend"),
        ("\x1b[2J\r\x07", r"\x1b[2J\r\x07"),
        ("a\u202eb", r"a\u202eb"),  # what turns the direction of writing
        ("\udcff", r"\udcff"),
    ],
)
def test_control_characters_are_shown(text: str, expected: str) -> None:
    assert as_shown(text) == expected


@pytest.mark.parametrize("text", ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "-", "=1"])
def test_a_formula_is_quoted(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+1e3", "-inf", "a=1", "", 3, -1.5, None])
def test_numbers_and_other_text_stay(value: object) -> None:
    assert as_cell(value) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, 1.5 - e_f", "plain, 1.5 - e_f"),
        ("a|b", r"a\|b"),
        ("*b* `k` [x](y) ~s~ $1", r"\*b\* \`k\` \[x\](y) \~s\~ \$1"),
        ("<b> &amp;", r"\<b\> \&amp;"),
        ("_i_ __d__ e__f", r"\_i\_ \_\_d\_\_ e\_\_f"),
        ("a\\\n b\t\u2028c", r"a\\ b c"),
        ("\x1b", r"\\x1b"),
        (3, "3"),
    ],
)
def test_markdown_shows_text_as_it_is(text: object, expected: str) -> None:
    assert as_markdown(text) == expected
