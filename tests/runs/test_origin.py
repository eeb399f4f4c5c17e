"""Which settings are not those that a run began with."""

import pytest

from mlp_lab.runs.origin import Origin
from mlp_lab.settings import Effect

BEFORE = {
    "seed_everything": 0,
    "data": {"batch_size": 8, "root": "a", "predict_split": "test", "val_fraction": 0.1},
    "trainer": {"max_epochs": 3, "precision": None},
    "experiment": "base",
}
AFTER = {
    "seed_everything": 1,
    "data": {"batch_size": 9, "root": "b", "predict_split": "val", "val_fraction": 0.1},
    "trainer": {"max_epochs": 4, "precision": "64-true", "limit_test_batches": 2},
    "experiment": "other",
}


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (
            "training",
            [
                *("data.batch_size", "seed_everything"),
                *("trainer.limit_test_batches", "trainer.precision"),
            ],
        ),
        ("test", ["data.predict_split", "trainer.limit_test_batches", "trainer.precision"]),
        (
            "comparison",
            [
                *("data.batch_size", "trainer.limit_test_batches"),
                *("trainer.max_epochs", "trainer.precision"),
            ],
        ),
    ],
)
def test_changed_settings_are_those_with_an_effect(effect: Effect, expected: list[str]) -> None:
    origin = Origin(config=BEFORE)
    assert origin.changed_settings(AFTER, effect) == expected
    assert origin.changed_settings(BEFORE, effect) == []
