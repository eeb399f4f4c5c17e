"""The table of setting names holds what seven lists of version 0.1 held; each name is a setting."""

import inspect

import pytest

from mlp_lab.cli.invocation import Invocation
from mlp_lab.cli.parser import ParsedCLI
from mlp_lab.data import TensorFile
from mlp_lab.nets import MLP
from mlp_lab.settings import SETTINGS, Effect, find_setting
from mlp_lab.tasks import ClassificationTask

LIMITS = [f"trainer.limit_{part}_batches" for part in ("train", "val", "test", "predict")]

# The seven lists of version 0.1, each of which stood beside the code that needed it; and what came
# after it.
CHANGE_A_RESULT = [
    *("data", "data.source", "data.source.path", "data.augment", "data.batch_size", "data.root"),
    *("data.download", "data.steps_per_execution", "data.predict_split", "data.predict_dir"),
    *("data.val_fraction", "data.test_fraction", "data.validate_on", "data.split_seed"),
    *("data.folds", "data.fold", "data.imbalance", "data.resample", "data.class_weights"),
    *("model", "model.net", "model.net.hidden_dims", "model.loss", "model.optimizer"),
    *("model.optimizer.lr", "model.schedule", "model.label_smoothing", "seed_everything"),
    *("threads", "model.score", "model.calibrate", "model.net.layer_norm", "init_from"),
    *("trainer.precision", *LIMITS, "trainer.accumulate_grad_batches"),
    *("trainer.gradient_clip_val", "trainer.gradient_clip_algorithm"),
    *("trainer.overfit_batches", "trainer.fast_dev_run"),
]
BUT_NOT_A_TRAINING = [
    *("data.root", "data.download", "data.predict_split", "data.predict_dir", "model.calibrate"),
]
BUT_NOT_A_TEST = [
    *("data.root", "data.download", "data.batch_size", "data.steps_per_execution"),
    *("seed_everything", "threads", "model.score", "init_from"),
]
TELL_NO_RUNS_APART = [
    *("seed_everything", "experiment", "runs_dir", "threads", "figures", "onnx"),
    *("data.root", "data.source.path", "data.download", "data.predict_split", "data.predict_dir"),
    *("data.steps_per_execution", "trainer.accelerator", "trainer.devices", "trainer.logger"),
    *("trainer.log_every_n_steps", "trainer.enable_progress_bar", "trainer.enable_model_summary"),
    *("trainer.profiler", "model.score", "note", "data.fold"),
]
NEUTRAL = {
    "trainer.accumulate_grad_batches": (None, 1),
    "trainer.fast_dev_run": (None, False, 0),
    "trainer.limit_train_batches": (None, 1.0),
    "trainer.limit_val_batches": (None, 1.0, 0, 0.0),
    "trainer.max_steps": (None, -1),
    "trainer.min_steps": (None,),
    "trainer.overfit_batches": (None, 0, 0.0),
    "trainer.val_check_interval": (None, 1.0),
}
NAME_A_CLASS = [
    *("model", "model.net", "model.loss", "model.optimizer", "model.schedule"),
    *("data.source", "data.augment", "trainer.callbacks", "trainer.logger", "trainer.plugins"),
    *("trainer.profiler", "trainer.strategy"),
]
MUST_BE_TYPED = [
    *("trainer.plugins", "trainer.profiler", "trainer.default_root_dir", "trainer.model_registry"),
]


@pytest.fixture(scope="module")
def parser_keys() -> list[str]:
    """All settings of ``fit``, but the arguments of classes."""
    actions = ParsedCLI("fit", Invocation([], [])).parser._actions
    return [action.dest for action in actions if not action.dest.endswith("help")]


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("training", {*CHANGE_A_RESULT} - {*BUT_NOT_A_TRAINING}),
        ("test", {*CHANGE_A_RESULT} - {*BUT_NOT_A_TEST}),
    ],
)
def test_effects_on_a_result(effect: Effect, expected: set[str], parser_keys: list[str]) -> None:
    keys = {*SETTINGS, *CHANGE_A_RESULT, *parser_keys}
    assert {key for key in keys if effect in find_setting(key).changes} == expected


def test_a_comparison_tells_all_apart_but_what_changes_no_learning(parser_keys: list[str]) -> None:
    keys = {*SETTINGS, *CHANGE_A_RESULT, *parser_keys}
    apart = {key for key in keys if "comparison" in find_setting(key).changes}
    assert apart == keys - {*TELL_NO_RUNS_APART}


def test_what_lets_several_steps_run_as_one() -> None:
    assert {key: s.neutral for key, s in SETTINGS.items() if s.neutral} == NEUTRAL


def test_what_may_name_a_class() -> None:
    assert {key for key, s in SETTINGS.items() if s.names_class} == {*NAME_A_CLASS}


def test_what_a_file_may_not_set() -> None:
    assert {key for key, s in SETTINGS.items() if s.is_typed} == {*MUST_BE_TYPED}


def test_an_argument_is_as_the_class_that_it_belongs_to() -> None:
    for key, above in {
        "data.augment.degrees": "data.augment",
        "model.net.activation.negative_slope": "model.net",
        "data.source.path.x": "data.source.path",
        "trainer.max_epochs": "trainer",
        "unknown": "",
    }.items():
        assert find_setting(key) is SETTINGS[above]


def test_every_key_is_a_setting(parser_keys: list[str]) -> None:
    classes = {"model": ClassificationTask, "model.net": MLP, "data.source": TensorFile}
    arguments = {
        f"{key}.{name}"
        for key, cls in classes.items()
        for name in inspect.signature(cls).parameters
    }
    known = {*parser_keys, *arguments}
    assert SETTINGS.keys() - {""} <= known
