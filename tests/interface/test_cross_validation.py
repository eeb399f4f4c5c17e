"""``mlp_lab.cross_validate``: the sweep over folds as an object."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlp_lab
from mlp_lab.errors import ConfigError, MLPLabError
from mlp_lab.report.spread import Spread

QUICKSTART = "configs/quickstart.yaml"
SETTINGS: dict[str, Any] = {"data.source": "Moons", "trainer.max_epochs": 1}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_all_seeds_and_folds_are_trained_and_joined(capsys: pytest.CaptureFixture[str]) -> None:
    found = mlp_lab.cross_validate(QUICKSTART, SETTINGS, folds=2, seeds=(3, 4), verbose=False)
    assert capsys.readouterr().out == ""
    assert found.dir == Path("runs/quickstart_sweep")
    assert [(r.config["seed_everything"], r.config["data"]["fold"]) for r in found.runs] == [
        *((3, 0), (3, 1), (4, 0), (4, 1)),
    ]
    scores = np.array([run.metrics["val/acc"] for run in found.runs])
    np.testing.assert_array_equal(found.scores, scores.reshape(2, 2))
    assert found.mean == pytest.approx(scores.mean())
    spread = Spread.of(found.scores.mean(0).tolist(), overlap=1.0)
    assert spread is not None
    assert found.deviation == pytest.approx(spread.deviation)
    assert found.interval == pytest.approx(spread.confidence_interval())
    assert found.out_of_fold.keys() == {3, 4}
    for row, joined in enumerate(found.out_of_fold.values()):
        right = joined.outputs.argmax(1) == joined.labels
        for fold in (0, 1):
            assert right[joined.folds == fold].mean() == pytest.approx(found.scores[row, fold])
    assert repr(found).startswith("CrossValidation('runs/quickstart_sweep': 8")
    assert repr(found).endswith(" % over 2 seeds x 2 folds)")
    (setting,) = mlp_lab.compare(found.dir).table
    assert (setting["seeds"], setting["folds"]) == (2, 2)
    again = mlp_lab.cross_validate(QUICKSTART, SETTINGS, folds=2, seeds=(3, 4), verbose=False)
    assert [run.manifest for run in again.runs] == [run.manifest for run in found.runs]


def test_what_is_refused_raises_the_commands_sentence() -> None:
    with pytest.raises(ConfigError, match="folds is 1; it must be at least 2"):
        mlp_lab.cross_validate(QUICKSTART, SETTINGS, folds=1)
    wrong: Any
    for wrong in ({"folds": 2.5}, {"folds": None}, {"seeds": 3}, {"seeds": []}):
        with pytest.raises(ConfigError, match=r"folds must be a whole number, and seeds a list"):
            mlp_lab.cross_validate(QUICKSTART, SETTINGS, **wrong)
    with pytest.raises(ConfigError, match=r"data\.validate_on is 'test'"):
        mlp_lab.cross_validate(QUICKSTART, SETTINGS | {"data.validate_on": "test"})
    with pytest.raises(MLPLabError, match=r"^seed 0  fold 0 failed: data\.folds is 4, but class"):
        mlp_lab.cross_validate(QUICKSTART, SETTINGS | {"data.source.num_samples": 8}, folds=4)


def test_the_search_for_garbage_stays_the_callers() -> None:
    """What is frozen in a process of somebody else's is never freed there."""
    gc.unfreeze()
    gc.disable()
    try:
        with pytest.raises(MLPLabError, match="failed"):  # when a trial has begun
            mlp_lab.cross_validate(
                QUICKSTART, SETTINGS | {"data.source.num_samples": 8}, folds=4, verbose=False
            )
        assert (gc.get_freeze_count(), gc.isenabled()) == (0, False)
    finally:
        gc.enable()
