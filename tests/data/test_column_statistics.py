import numpy as np

from mlp_lab.data.column_statistics import categorise, correlation, describe_column
from mlp_lab.tables import Column

NAN = np.nan
COLOUR = Column("colour", "categorical", ("red", "blue"))


def test_categories_are_counted_the_most_frequent_first_with_others() -> None:
    assert describe_column(COLOUR, np.array([0, 1, 1, 2, NAN])) == {
        "kind": "categorical",
        "missing": "20.0 %",
        "values": "blue 50.0 %, red 25.0 %, other 25.0 %",
    }
    assert describe_column(Column("wet", "boolean"), np.array([1.0, 1, 1, 0])) == {
        "kind": "boolean",
        "missing": "",
        "values": "True 75.0 %, False 25.0 %",
    }


def test_of_many_categories_the_first_four_are_named() -> None:
    column = Column("letter", "categorical", tuple("abcdef"))
    text = describe_column(column, np.repeat(np.arange(6.0), [6, 5, 4, 3, 1, 1]))["values"]
    assert text == "a 30.0 %, b 25.0 %, c 20.0 %, d 15.0 % and 2 more"


def test_a_column_without_a_value_has_none_to_describe() -> None:
    found = describe_column(Column("x", "numeric"), np.full(3, NAN))
    assert found == {"kind": "numeric", "missing": "100.0 %", "values": ""}


def test_unknown_categories_and_missing_ones_have_places_behind_the_known() -> None:
    codes, names = categorise(COLOUR, np.array([1, 2, NAN, 0]))
    assert codes.tolist() == [1, 2, 3, 0]
    assert names == ("red", "blue", "other", "missing")


def test_each_pair_is_correlated_over_the_rows_that_have_both() -> None:
    draws = np.random.default_rng(0)
    values = draws.normal(size=(50, 3))
    values[:, 1] += values[:, 0]
    values[::5, 0] = NAN
    values[:, 2] = 4
    found = correlation(values)
    kept = ~np.isnan(values[:, 0])
    assert found[0, 1] == found[1, 0]
    np.testing.assert_allclose(found[0, 1], np.corrcoef(values[kept, 0], values[kept, 1])[0, 1])
    np.testing.assert_allclose(np.diag(found)[:2], 1)
    assert np.isnan(found[2]).all()
