"""The estimators take frames with categories, booleans and missing values."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from mlp_lab.inference import Predictor
from mlp_lab.sklearn import NetClassifier, NetRegressor
from tests.helpers.town_table import NAMES, make_rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK: dict[str, Any] = {"hidden_dims": (8,), "max_epochs": 30, "learning_rate": 0.02}


def make_frame() -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.DataFrame(make_rows(), columns=[*NAMES]).replace({"?": None, "": None})
    frame["age"] = frame["age"].astype(float)
    frame["member"] = frame["member"] == "true"
    frame["floor"] = pd.Categorical(np.arange(len(frame)) % 3)
    labels = frame.pop("bought")
    return frame.drop(columns=["row", "price", "street"]), labels


@pytest.fixture(scope="module")
def fitted() -> NetClassifier:
    return NetClassifier(**QUICK).fit(*make_frame())


def test_it_learns_from_columns_of_every_kind(fitted: NetClassifier) -> None:
    frame, labels = make_frame()
    assert fitted.score(frame, labels) > 0.85
    assert fitted.feature_names_in_.tolist() == ["age", "town", "member", "floor"]
    assert (fitted.n_features_in_, fitted.input_shape_) == (4, (4,))


def test_polars_gives_what_pandas_gives(fitted: NetClassifier) -> None:
    frame, labels = make_frame()
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in frame}
    other = pl.DataFrame({name: column.to_list() for name, column in columns.items()})
    expected = fitted.predict_proba(frame)
    np.testing.assert_array_equal(fitted.predict_proba(other), expected)
    typed = other.with_columns(pl.col("floor").cast(pl.String).cast(pl.Categorical))
    again = clone(fitted).fit(typed, labels.to_numpy())
    np.testing.assert_array_equal(again.predict_proba(typed), expected)


def test_unseen_categories_and_missing_values_are_predicted(fitted: NetClassifier) -> None:
    frame, _ = make_frame()
    frame = frame[:2].assign(town=["Atlantis", None], age=np.nan, floor=pd.Categorical([7, None]))
    assert np.isfinite(fitted.predict_proba(frame)).all()


def test_a_pickle_predicts_the_same(fitted: NetClassifier) -> None:
    frame, _ = make_frame()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(frame), fitted.predict_proba(frame))


def test_rows_are_predicted_each_by_itself(fitted: NetClassifier) -> None:
    frame, _ = make_frame()
    one_by_one = [fitted.predict_proba(frame[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(one_by_one, fitted.predict_proba(frame)[:5], rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[f.columns[::-1]], "must be in the same order as they were in fit"),
        (lambda f: f.drop(columns="town"), "now missing:\n- town"),
        (lambda f: f.to_numpy(), "X is ndarray; it must be a frame"),
        (
            lambda f: f.assign(age="old"),
            "Column 'age' of X holds numbers, and 'old' in row 1. Correct it\\.$",
        ),
        (lambda f: f[:0], "X has no rows"),
    ],
)
def test_other_columns_are_refused(fitted: NetClassifier, change: Any, message: str) -> None:
    with (
        pytest.raises(ValueError, match=message),
        pytest.warns(UserWarning, match="feature names")
        if "ndarray" in message
        else pytest.MonkeyPatch.context(),
    ):
        fitted.predict(change(make_frame()[0]))


def test_dates_are_refused() -> None:
    frame, labels = make_frame()
    with pytest.raises(ValueError, match=r"Column 'age' of X holds Datetime.*numbers, booleans"):
        NetClassifier().fit(frame.assign(age=pd.Timestamp("2020-01-01")), labels)


def test_numbers_alone_are_arrays_as_before() -> None:
    frame, _ = make_frame()
    frame, targets = frame[["member"]].assign(n=range(len(frame)), m=1.5), np.arange(len(frame))
    net = NetRegressor(hidden_dims=(4,), max_epochs=2)
    expected = clone(net).fit(frame.to_numpy(np.float32), targets).predict(frame.to_numpy(float))
    for one in (frame, pl.DataFrame({name: frame[name].to_list() for name in frame})):
        np.testing.assert_array_equal(clone(net).fit(one, targets).predict(one), expected)
    with pytest.raises(ValueError, match="contains NaN"):
        net.fit(np.full((3, 1), np.nan), [1, 2, 3])


def test_it_stands_in_a_pipeline_and_a_search() -> None:
    frame, labels = make_frame()
    pipeline = make_pipeline(FunctionTransformer(), NetClassifier(hidden_dims=(4,), max_epochs=2))
    grid = {"netclassifier__config": [None, {"model.encoding.one_hot_up_to": 0}]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(frame, labels)
    assert search.predict(frame).shape == (120,)


def test_odd_names_and_categories_are_texts() -> None:
    names = ["null", "1", "[a]"]
    odd = ["true", "1e3", "null: {", '"', "class_path"] * 10
    frame = pd.DataFrame(dict.fromkeys(names, odd))
    net = NetClassifier(**QUICK).fit(frame, odd)
    assert net.score(frame, odd) == 1


def test_validation_rows_teach_no_category(tmp_path: Path) -> None:
    """And a run of a frame is a model of a table like any other."""
    rows = make_rows()
    frame = pd.DataFrame(
        {"age": [float(len(row[3])) for row in rows], "street": [r[3] for r in rows]}
    )
    labels = [row[-1] for row in rows]
    whole = NetClassifier(max_epochs=1).fit(frame, labels)
    net = NetClassifier(max_epochs=1, val_fraction=0.5, run_dir=tmp_path / "runs").fit(
        frame, labels
    )
    known, half = (len((n._columns or [])[1].categories) for n in (whole, net))
    assert half < known
    predictor = Predictor(net.run_dir_)
    assert [column.name for column in predictor.info.columns] == ["age", "street"]
    np.testing.assert_allclose(predictor.predict(frame), net.predict_proba(frame), atol=1e-5)
