"""Nets as estimators of scikit-learn."""

import csv
import gc
import os
import pickle
import random
import signal
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from mlp_lab.callbacks import EpochHistory
from mlp_lab.data.split import stratified_split
from mlp_lab.errors import ConfigError
from mlp_lab.runs.run import Run, read_json
from mlp_lab.sklearn import NetClassifier, NetRegressor
from mlp_lab.sklearn.training import alone
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifest

Data = tuple[NDArray[Any], NDArray[Any]]

# What looks at the most at once; test_all_checks runs over all of them.
_A_FEW = {
    "check_classifier_data_not_an_array",
    "check_classifiers_classes",
    "check_classifiers_one_label",
    "check_classifiers_regression_target",
    "check_dict_unchanged",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_estimators_unfitted",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
    "check_no_attributes_set_in_init",
    "check_regressor_multioutput",
    "check_supervised_y_2d",
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def a_few_checks() -> list[Any]:
    """Return estimators with some of their checks; none may have got another name."""
    both = (NetClassifier(max_epochs=20), NetRegressor(max_epochs=20))
    pairs = [pair for estimator in both for pair in estimator_checks_generator(estimator)]
    named = [(getattr(check, "func", check).__name__, e, check) for e, check in pairs]
    chosen = [one for one in named if one[0] in _A_FEW]
    assert {name for name, *_ in chosen} == _A_FEW
    return [pytest.param(e, check, id=f"{type(e).__name__}-{name}") for name, e, check in chosen]


@pytest.mark.parametrize(("estimator", "check"), a_few_checks())
def test_a_few_of_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*Can't check")
@parametrize_with_checks([NetClassifier(), NetRegressor()])  # type: ignore[untyped-decorator]
def test_all_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    """The one that asks for SCIPY_ARRAY_API is skipped, for every estimator that has not set it."""
    check(estimator)


@pytest.fixture(scope="module")
def digits() -> Data:
    features, labels = load_digits(return_X_y=True)
    return features[:500], labels[:500]


@pytest.fixture(scope="module")
def images(digits: Data) -> NDArray[np.uint8]:
    return (digits[0] * (255 / 16)).round().astype(np.uint8).reshape(-1, 8, 8)


def state_of_the_process() -> list[object]:
    return [
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]  # noqa: NPY002  # the global one is meant
        random.getstate(),
        os.environ.get("PL_GLOBAL_SEED"),
        torch.get_num_threads(),
    ]


def test_a_fit_leaves_no_trace(
    digits: Data,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = state_of_the_process()
    NetClassifier(max_epochs=1, random_state=3).fit(*digits)
    assert state_of_the_process() == before
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_fit_holds_its_samples_no_longer_than_it_takes(digits: Data) -> None:
    features = digits[0].astype(np.float32)
    NetClassifier(max_epochs=1).fit(features, digits[1])
    held = weakref.ref(features)
    del features
    gc.collect()
    assert held() is None


@pytest.mark.parametrize("run_dir", [None, "runs/digits"])
def test_ctrl_c_stays_what_it_is(
    digits: Data, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_dir: str | None
) -> None:
    def type_ctrl_c(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(EpochHistory, "on_train_epoch_end", type_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        NetClassifier(run_dir=run_dir).fit(*digits)
    assert signal.getsignal(signal.SIGINT) is handler
    if run_dir:
        assert read_manifest(Path(run_dir) / "version_0")["status"] == "interrupted"


def test_the_seed_decides_alone(digits: Data) -> None:
    def fit(random_state: Any) -> NDArray[Any]:
        net = NetClassifier(max_epochs=1, random_state=random_state)
        return np.asarray(net.fit(*digits).predict_proba(digits[0]))

    first = fit(None)
    np.random.seed(7)  # noqa: NPY002  # the global one is meant
    torch.manual_seed(7)
    assert np.array_equal(fit(None), first)
    assert np.array_equal(fit(0), first)
    assert not np.array_equal(fit(1), first)
    drawn = fit(np.random.RandomState(0))
    assert np.array_equal(fit(np.random.RandomState(0)), drawn)
    assert not np.array_equal(drawn, first)


def test_classes_of_any_type_come_back_as_they_were(digits: Data) -> None:
    features, labels = digits
    names = np.array(["null", "1e3", "yes", "4", "true", "-", "a: b", "{}", "[", "ten"])
    net = NetClassifier(max_epochs=20).fit(features, names[labels])
    assert net.classes_.tolist() == sorted(names)
    assert net.score(features, names[labels]) > 0.95
    assert net.predict_proba(features).sum(1) == pytest.approx(np.ones(len(features)))
    assert net.n_features_in_ == 64


def test_images_are_learnt_as_bytes(digits: Data, images: NDArray[np.uint8]) -> None:
    net = NetClassifier(max_epochs=20).fit(images, digits[1])
    assert net.input_shape_ == (1, 8, 8)
    assert net.score(images, digits[1]) > 0.95
    assert np.array_equal(net.predict(images[:9, None]), net.predict(images[:9]))
    logits, probabilities = net.net_(torch.from_numpy(images[:9, None]))
    assert np.array_equal(probabilities, net.predict_proba(images[:9]))
    assert np.array_equal(logits.argmax(1), net.predict(images[:9]))


def test_inputs_unlike_those_that_were_learnt_are_refused(
    digits: Data, images: NDArray[np.uint8]
) -> None:
    features, labels = digits
    net = NetClassifier(max_epochs=1)
    with pytest.raises(NotFittedError):
        net.predict(images)
    net.fit(images, labels)
    with pytest.raises(ValueError, match=r"has images of shape \(1, 7, 8\), but NetClassifier was"):
        net.predict(images[:, 1:])
    with pytest.raises(ValueError, match=r"has rows of features, but NetClassifier was fitted on"):
        net.predict(features)
    with pytest.raises(ValueError, match=r"X has images of float64; they must be bytes"):
        net.predict(images / 255)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[500, 499\]"):
        net.fit(images, labels[1:])
    with pytest.raises(ValueError, match=r"y has one class alone, 3; there must be two"):
        net.fit(images, np.full(500, 3))
    with pytest.raises(ValueError, match=r"has 63 features, but NetClassifier is expecting 64"):
        net.fit(features, labels).predict(features[:, 1:])


@pytest.mark.slow
def test_several_targets_of_any_size_are_predicted() -> None:
    features, target = load_diabetes(return_X_y=True)
    targets = np.stack([target, 1e6 + 1000 * target], 1)
    net = NetRegressor(max_epochs=20).fit(features, targets)
    assert net.score(features, targets) > 0.5
    one = NetRegressor(max_epochs=20).fit(features, target)
    assert one.predict(features).shape == target.shape
    assert one.score(features, target) > 0.5
    assert one.history_["train/loss"][-1] < 0.6  # of scaled targets, whose variance is 1


def test_history_has_every_epoch_and_the_best_is_kept(digits: Data) -> None:
    net = NetClassifier(max_epochs=4, learning_rate=0.3, val_fraction=0.2).fit(*digits)
    assert set(net.history_) == {
        *("train/loss", "train/acc", "val/loss", "val/acc", "val/f1_macro")
    }
    assert {len(values) for values in net.history_.values()} == {4}
    accuracies = net.history_["val/acc"]
    again = NetClassifier(
        max_epochs=1 + accuracies.index(max(accuracies)), learning_rate=0.3, val_fraction=0.2
    ).fit(*digits)
    assert np.array_equal(again.predict_proba(digits[0]), net.predict_proba(digits[0]))


def test_the_average_that_was_validated_is_kept(digits: Data) -> None:
    averaging = {"class_path": "EMAWeightAveraging", "init_args": {"decay": 0.9}}
    config = {"trainer.callbacks": [averaging]}
    net = NetClassifier(max_epochs=3, val_fraction=0.2, config=config).fit(*digits)
    _, validated = stratified_split(torch.from_numpy(digits[1]), 0.2, seed=0)
    features, labels = (part[validated.numpy()] for part in digits)
    assert net.score(features, labels) == pytest.approx(max(net.history_["val/acc"]))
    assert log_loss(labels, net.predict_proba(features)) == pytest.approx(
        net.history_["val/loss"][np.argmax(net.history_["val/acc"])], rel=1e-4
    )


def test_early_stopping_and_what_has_not_converged(
    digits: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        net = NetClassifier(max_epochs=200, early_stopping=True, verbose=True).fit(*digits)
        epochs = len(net.history_["val/acc"])
        assert 10 < epochs < 200
        assert capsys.readouterr().out.count("epoch ") == epochs
        with pytest.raises(ConvergenceWarning, match="max_epochs 12 came to its end, and the net"):
            NetClassifier(max_epochs=12).fit(*digits)


def test_a_warning_waits_for_the_trainings_of_other_threads(
    digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their filters of warnings, which hold for the whole process, would make it an error."""
    could_train = []

    def warn(message: str, category: type[Warning] = UserWarning, **_: Any) -> None:
        if category is ConvergenceWarning:
            with ThreadPoolExecutor(1) as other:
                could_train.append(other.submit(alone.acquire, blocking=False).result())

    monkeypatch.setattr("mlp_lab.sklearn.estimators.warnings.warn", warn)
    NetClassifier(max_epochs=1).fit(*digits)
    assert could_train == [False]


def test_classes_are_weighed() -> None:
    features, labels = load_iris(return_X_y=True)
    features, labels = features[50:, :1], labels[50:]  # they overlap
    weights: list[Any] = [{1: 100, 2: 0.01}, {1: 0.01, 2: 100}, "balanced"]
    nets = [NetClassifier(max_epochs=50, learning_rate=0.01, class_weight=w) for w in weights]
    always, never, balanced = (
        np.mean(net.fit(features, labels).predict(features) == 1) for net in nets
    )
    assert (always, never) == (1, 0)
    assert 0.2 < balanced < 0.8


@pytest.mark.slow
def test_all_other_settings_come_from_config(digits: Data, tmp_path: Path) -> None:
    (tmp_path / "cnn.yaml").write_text("model:\n  net: mlp_lab.nets.CNN\n")
    config = {"model.net.dropout": 0.5, "model.optimizer": "SGD", "trainer.gradient_clip_val": 1}
    net = NetClassifier(max_epochs=1, config=config).fit(*digits)
    assert "Dropout(p=0.5" in repr(net.net_)
    image = digits[0].astype(np.uint8).reshape(-1, 8, 8)
    cnn = NetClassifier(max_epochs=1, config=tmp_path / "cnn.yaml").fit(image, digits[1])
    assert type(cnn.net_.net).__name__ == "CNN"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_dims": (0,)}, r"model.net.hidden_dims is \[0\]; each width must be at least 1"),
        ({"activation": "Relo"}, "Did you mean 'ReLU'"),
        ({"batch_size": 0}, "data.batch_size is 0; it must be at least 1"),
        ({"val_fraction": 2.0}, "data.val_fraction is 2.0; it must lie strictly between 0 and 1"),
        ({"val_fraction": 0.0}, "data.val_fraction is 0.0; it must lie strictly between 0 and 1"),
        ({"hidden_dims": [object()]}, "is no value of a setting; give numbers, texts, lists"),
        ({"config": {"model.net.dropuot": 0.1}}, "model.net has no 'dropuot'. Did you mean"),
        ({"config": {"data.source": "Digits"}}, "the samples are those that fit is given"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    digits: Data, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        NetClassifier(**arguments).fit(*digits)


def test_it_is_cloned_pickled_searched_and_piped(digits: Data) -> None:
    net = NetClassifier(max_epochs=5, learning_rate=0.01).fit(*digits)
    again = pickle.loads(pickle.dumps(net))
    assert np.array_equal(again.predict_proba(digits[0]), net.predict_proba(digits[0]))
    assert not hasattr(clone(net), "net_")
    scores = cross_val_score(make_pipeline(MinMaxScaler(), net), *digits, cv=2)
    assert scores.min() > 0.8
    grid = {"learning_rate": np.array([0.01, 1e-6]), "batch_size": np.array([64])}
    assert GridSearchCV(net, grid, cv=2).fit(*digits).best_params_["learning_rate"] == 0.01


def test_it_is_calibrated_by_its_configuration(digits: Data, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_epochs": 3, "val_fraction": 0.3}
    plain = NetClassifier(**settings).fit(*digits)
    before = plain.predict_proba(digits[0])
    config = {"model.calibrate": True}
    for run_dir in (None, tmp_path / "runs"):
        net = NetClassifier(**settings, config=config, run_dir=run_dir).fit(*digits)
        assert np.array_equal(net.predict(digits[0]), plain.predict(digits[0]))
        assert net.net_.temperature is not None
        powers = before ** (1 / float(net.net_.temperature))
        expected = powers / powers.sum(1, keepdims=True)
        np.testing.assert_allclose(net.predict_proba(digits[0]), expected, rtol=1e-5)
        assert not np.allclose(expected, before, atol=1e-3)
    with pytest.raises(ConfigError, match="calibrate fits a temperature to the validation"):
        NetClassifier(max_epochs=3, config=config).fit(*digits)


@pytest.mark.slow
def test_two_processes_search_as_one_does(digits: Data) -> None:
    grid = {"hidden_dims": [(5,), (20,)], "learning_rate": [0.01, 0.001]}
    one, two = (
        GridSearchCV(NetClassifier(max_epochs=3), grid, cv=2, n_jobs=jobs).fit(*digits)
        for jobs in (1, 2)
    )
    assert np.array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])


def test_a_run_is_written_where_it_is_wanted(
    mlp_lab: CommandLine, digits: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    net = NetClassifier(max_epochs=3, early_stopping=True, run_dir="runs/digits")
    for number in range(2):
        net.fit(*digits)
        assert net.run_dir_ == Path("runs/digits") / f"version_{number}"
    assert capsys.readouterr().out == ""
    run = Run(net.run_dir_)
    manifest = run.read_manifest()
    assert (manifest["status"], manifest["command"]) == ("finished", ["NetClassifier.fit"])
    assert manifest["data"]["samples"] == {"train": 450, "val": 50, "test": 0}
    assert "class_path: lightning.pytorch.callbacks.early_stopping.EarlyStopping" in (
        run.config_path.read_text()
    )
    assert read_json(run.metrics_path).keys() >= {"val/acc"}
    np.savez("x.npz", x=digits[0].astype(np.float32))
    assert mlp_lab("infer", run.best_checkpoint, "x.npz", "--out=x.csv").code == 0
    rows = csv.DictReader(Path("x.csv").read_text().splitlines())
    assert [int(row["predicted"]) for row in rows] == net.predict(digits[0]).tolist()
    assert mlp_lab("report", run.dir).code == 0
    outcome = mlp_lab("test", f"--run_dir={run.dir}")
    assert outcome.code == 2
    assert "This run learnt from arrays in memory, which no file holds" in outcome.err
