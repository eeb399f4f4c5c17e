"""Random configurations: valid ones train and resume, those with one mistake get one sentence."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training
from tests.nets.test_mlp import UNFIT

NUMBERS = itertools.count()
TRIALS = pytest.mark.parametrize(
    "trials", [3, pytest.param(300, marks=pytest.mark.slow)], ids=["few", "many"]
)

valid = st.fixed_dictionaries(
    {
        "model.net.hidden_dims": st.lists(st.integers(1, 16), max_size=3),
        "model.net.activation": st.sampled_from(sorted(set(nn.modules.activation.__all__) - UNFIT)),
        "model.net.init": st.sampled_from(["default", "kaiming_normal", "orthogonal", "zeros"]),
        "model.net.dropout": st.floats(0, 0.9),
        "model.net.batch_norm": st.sampled_from(["none", "before", "after"]),
        "model.net.layer_norm": st.sampled_from(["none", "before", "after"]),
        "model.net.bias": st.booleans(),
        "model.optimizer": st.sampled_from(["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"]),
        "model.optimizer.lr": st.floats(1e-5, 1e-2),
        "model.weight_decay_on": st.sampled_from(["weights", "all"]),
        "model.schedule": st.sampled_from([None, "Constant", "StepDecay", "Plateau"]),
        "model.label_smoothing": st.floats(0, 0.5),
        "data.batch_size": st.integers(2, 200),
        "data.steps_per_execution": st.sampled_from([None, None, 1, 3]),
        "data.val_fraction": st.floats(0.05, 0.5),
        "data.test_fraction": st.floats(0.05, 0.5),
        "data.class_weights": st.sampled_from([None, "balanced", [1.0] * 9 + [2.0]]),
        "data.split_seed": st.integers(0, 99),
        "seed_everything": st.integers(0, 2**32 - 1),
    }
)


def flags(config: dict[str, Any]) -> list[str]:
    words = [f"--{key}={'null' if value is None else value}" for key, value in config.items()]
    return ["--data.source=Digits", *words]


@TRIALS
def test_valid_configurations_train_and_resume(mlp_lab: CommandLine, trials: int) -> None:
    @settings(
        max_examples=trials,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(valid)
    def try_one(config: dict[str, Any]) -> None:
        words = ["fit", *flags(config), f"--experiment=try_{next(NUMBERS)}"]
        if config["data.batch_size"] < 32 and config["data.steps_per_execution"] is None:
            words += ["--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1"]
        whole = mlp_lab(*words, "--trainer.max_epochs=2")
        assume("a training batch holds one sample" not in whole.err)
        assert whole.code == 0, whole.err
        stopped = mlp_lab(*words, "--trainer.max_epochs=1")
        resumed = mlp_lab("fit", f"--run_dir={stopped.run_dir}", "--trainer.max_epochs=2")
        assert resumed.code == 0, resumed.err
        assert_same_training(whole.run_dir, resumed.run_dir)

    try_one()


def misspell(key: str) -> st.SearchStrategy[str]:
    """Leave out, double or swap a letter of the key's last part."""
    head, _, last = key.rpartition(".")

    def at(place: int, way: int) -> str:
        wrong = (
            last[:place] + last[place + 1 :],
            last[:place] + last[place] + last[place:],
            last[:place] + last[place : place + 2][::-1] + last[place + 2 :],
        )[way]
        return f"{head}.{wrong}" if head else wrong

    places = st.integers(0, len(last) - 2)
    return st.builds(at, places, st.integers(0, 2)).filter(lambda wrong: wrong != key)


KEYS = [
    *("model.net.hidden_dims", "model.net.activation", "model.label_smoothing"),
    *("data.batch_size", "data.val_fraction", "data.class_weights", "trainer.max_epochs"),
    *("seed_everything", "experiment", "model.optimizer.lr"),
]
text = st.text("abcxyz", min_size=3, max_size=8)
too_small = st.integers(-9, 0)
WRONG_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "model.net.hidden_dims": st.lists(too_small, min_size=1, max_size=3) | text,
    "model.net.activation": text,
    "model.net.init": text,
    "model.net.dropout": st.floats(1, 9) | st.floats(-9, -0.1) | text,
    "model.net.batch_norm": text,
    "model.net.layer_norm": text,
    "model.net": text,
    "model.optimizer": text,
    "model.optimizer.lr": st.floats(-9, -1e-3) | text,
    "model.label_smoothing": st.floats(1, 9) | text,
    "data.source": text,
    "data.batch_size": too_small | text,
    "data.val_fraction": st.floats(1, 9) | st.floats(-9, 0) | text,
    "data.test_fraction": st.floats(1, 9) | st.floats(-9, 0) | text,
    "data.validate_on": text,
    "data.split_seed": st.integers(-9, -1) | text,
    "data.class_weights": text | st.just([1.0, 2.0]),
    "data.predict_split": text,
    "trainer.max_epochs": text,
    "trainer.accelerator": text,
    "seed_everything": text | st.integers(-9, -1),
}
wrong_key = st.sampled_from(KEYS).flatmap(misspell).map(lambda key: (key, "1"))
wrong_value = st.sampled_from(sorted(WRONG_VALUES)).flatmap(
    lambda key: st.tuples(st.just(key), WRONG_VALUES[key])
)


@TRIALS
def test_one_mistake_gets_one_sentence_that_names_the_key(
    mlp_lab: CommandLine, trials: int
) -> None:
    @settings(
        max_examples=trials,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(wrong_key | wrong_value)
    def try_one(mistake: tuple[str, Any]) -> None:
        key, value = mistake
        base = [] if key == "data.source" else ["--data.source=Digits"]
        outcome = mlp_lab("fit", *base, f"--{key}={value}", "--trainer.fast_dev_run=1")
        assert outcome.code == 2, (mistake, outcome.err)
        assert len(outcome.err.splitlines()) == 1, outcome.err
        # What an optimiser refuses it says in its own words, after "model.optimizer".
        name = "model.optimizer" if key == "model.optimizer.lr" else key.rpartition(".")[2]
        assert name in outcome.err, outcome.err

    try_one()
