import pytest

from mlp_lab.report.columns import describe_columns
from mlp_lab.tables import Column

ENCODING = {"scaling": "standard", "one_hot_up_to": 2}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (Column("a", "numeric"), "scaled to mean 0 and variance 1; the median where missing"),
        (
            Column("a", "boolean", has_missing=True),
            "scaled to mean 0 and variance 1; the median where missing, and a 1 beside it",
        ),
        (
            Column("a", "categorical", ("x", "y")),
            "one-hot; all others and a missing one: 0 throughout",
        ),
        (
            Column("a", "categorical", ("x", "y"), has_other=True),
            "one-hot, with a place for all others; a missing one: 0 throughout",
        ),
        (
            Column("a", "categorical", ("x", "y"), has_missing=True, has_other=True),
            "one-hot, with a place for all others and for a missing one",
        ),
        (
            Column("a", "categorical", ("x", "y", "z")),
            "a learned vector for each, for all others, and for a missing one",
        ),
    ],
)
def test_an_encoding_is_described_as_the_net_has_it(column: Column, text: str) -> None:
    (row,) = describe_columns([column], ENCODING)
    assert row.encoding == text


def test_ranks_are_told_from_standard_scores_and_an_unknown_encoding_is_left_out() -> None:
    (row,) = describe_columns([Column("a", "numeric")], {**ENCODING, "scaling": "quantile"})
    assert row.encoding.startswith("scaled by rank to a normal distribution;")
    (row,) = describe_columns([Column("a", "numeric")], {})
    assert row.encoding == ""


def test_of_many_categories_the_first_are_listed() -> None:
    (row,) = describe_columns([Column("a", "categorical", tuple("abcdefghijklmnopqrstuvwxyz"))], {})
    assert row.categories.startswith("a, b, c,")
    assert row.categories.endswith("s, t and 6 more")
