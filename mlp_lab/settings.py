"""The one table of setting names: what each one changes, and what it may hold. Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Effect = Literal["training", "test", "comparison"]
"""What a setting changes: what is learned, what a test measures, what a comparison tells apart."""


@dataclass(frozen=True)
class Setting:
    """What is known of a setting beforehand.

    Attributes:
        changes: What it changes. A resumed run keeps what changes its training; a test with another
            value of what changes it is written beside the run; two runs that differ in what a
            comparison tells apart are never averaged.
        names_class: Whether its value may be the path of a class.
        is_typed: Whether it must be typed, and is not taken from a file: it would write elsewhere,
            send something away, or build an object of any kind.
        absent: Its value in a configuration from before there was such a setting.
        neutral: The values with which several training steps can run as one; empty where all can.
    """

    changes: frozenset[Effect] = frozenset()
    names_class: bool = False
    is_typed: bool = False
    absent: object = None
    neutral: tuple[object, ...] = ()


_TRAINING: frozenset[Effect] = frozenset({"training"})
_TEST: frozenset[Effect] = frozenset({"test"})
_COMPARISON: frozenset[Effect] = frozenset({"comparison"})
_ALL = _TRAINING | _TEST | _COMPARISON

SETTINGS: dict[str, Setting] = {
    "": Setting(_COMPARISON),
    "seed_everything": Setting(_TRAINING),
    "experiment": Setting(),
    "runs_dir": Setting(),
    "note": Setting(),
    "init_from": Setting(_TRAINING | _COMPARISON),
    "threads": Setting(_TRAINING),
    "figures": Setting(),
    "onnx": Setting(),
    "model": Setting(_ALL, names_class=True),
    # Fitted once a training is over, also of a run that was trained without.
    "model.calibrate": Setting(_TEST | _COMPARISON, absent=False),
    "model.score": Setting(_TRAINING),  # a comparison ranks by one alone
    "model.net": Setting(_ALL, names_class=True),
    "model.net.layer_norm": Setting(_ALL, absent="none"),
    "model.loss": Setting(_ALL, names_class=True),
    "model.optimizer": Setting(_ALL, names_class=True),
    "model.schedule": Setting(_ALL, names_class=True),
    "data": Setting(_ALL),
    "data.source": Setting(_ALL, names_class=True),
    # Runs are compared where the hash of their data is the same, wherever those lie.
    "data.source.path": Setting(_TRAINING | _TEST),
    "data.augment": Setting(_ALL, names_class=True),
    "data.fold": Setting(_TRAINING | _TEST),  # a comparison averages over the folds
    "data.root": Setting(),
    "data.download": Setting(),
    "data.batch_size": Setting(_TRAINING | _COMPARISON),
    "data.steps_per_execution": Setting(_TRAINING),
    "data.predict_split": Setting(_TEST),
    "data.predict_dir": Setting(_TEST),
    "trainer": Setting(_COMPARISON),
    "trainer.accelerator": Setting(),
    "trainer.accumulate_grad_batches": Setting(_ALL, neutral=(None, 1)),
    "trainer.callbacks": Setting(_COMPARISON, names_class=True),
    "trainer.default_root_dir": Setting(_COMPARISON, is_typed=True),
    # How many processes they came to counts, since these share each batch.
    "trainer.devices": Setting(),
    "trainer.enable_model_summary": Setting(),
    "trainer.enable_progress_bar": Setting(),
    "trainer.fast_dev_run": Setting(_ALL, neutral=(None, False, 0)),
    "trainer.gradient_clip_algorithm": Setting(_ALL),
    "trainer.gradient_clip_val": Setting(_ALL),
    "trainer.limit_predict_batches": Setting(_ALL),
    "trainer.limit_test_batches": Setting(_ALL),
    "trainer.limit_train_batches": Setting(_ALL, neutral=(None, 1.0)),
    "trainer.limit_val_batches": Setting(_ALL, neutral=(None, 1.0, 0, 0.0)),
    "trainer.log_every_n_steps": Setting(),
    "trainer.logger": Setting(names_class=True),
    "trainer.max_steps": Setting(_COMPARISON, neutral=(None, -1)),
    "trainer.min_steps": Setting(_COMPARISON, neutral=(None,)),
    "trainer.model_registry": Setting(_COMPARISON, is_typed=True),
    "trainer.overfit_batches": Setting(_ALL, neutral=(None, 0, 0.0)),
    "trainer.plugins": Setting(_COMPARISON, names_class=True, is_typed=True),
    "trainer.precision": Setting(_ALL),
    "trainer.profiler": Setting(names_class=True, is_typed=True),
    "trainer.strategy": Setting(_COMPARISON, names_class=True),
    "trainer.val_check_interval": Setting(_COMPARISON, neutral=(None, 1.0)),
}
"""By dotted key, without ``init_args``; a key that is not there is as the nearest one above it."""


def is_typed(flags: Iterable[str], key: str) -> bool:
    """Whether one of the flags that were typed sets ``key``."""
    return any(word.split("=")[0] == f"--{key}" for word in flags)


def find_setting(key: str) -> Setting:
    """Return what is known of a setting.

    Example:
        >>> find_setting("model.net.hidden_dims").changes == find_setting("model.net").changes
        True
    """
    while key not in SETTINGS:
        key = key.rpartition(".")[0]
    return SETTINGS[key]
