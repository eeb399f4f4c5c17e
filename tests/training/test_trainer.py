"""The Trainer of a job: who takes part, in which order, and what is written where."""

import importlib.metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import DeviceStatsMonitor, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from mlp_lab import callbacks as lab
from mlp_lab.errors import ConfigError
from mlp_lab.loggers import CSVLogger
from mlp_lab.processes.stack import call_with_room
from mlp_lab.runs.run import Run
from mlp_lab.training.trainer import build_evaluator, build_trainer
from tests.helpers.training import callbacks, make_job

MOONS = ["--data.source=Moons", "--trainer.accelerator=cpu"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return Run.create(tmp_path / "runs", "base", "{}\n", {})


def kinds_of(parts: object) -> list[type]:
    assert isinstance(parts, list)
    return [type(part) for part in parts]


def test_what_others_wait_for_comes_first(run: Run) -> None:
    """Numbers are checked before checkpoints are written, and the best before the last."""
    kinds = kinds_of(build_trainer(make_job(*MOONS), run).callbacks)  # type: ignore[attr-defined]
    order = [lab.StepMetrics, lab.FiniteCheck, lab.EpochLines, lab.BestCheckpoint]
    order += [lab.LastCheckpoint]
    places = [kinds.index(kind) for kind in order]
    assert all(first < second for first, second in pairwise(places))
    wanted = {lab.EpochSeed, lab.Stopwatch, lab.RunRecord, lab.CheckpointStates, lab.MetricsFile}
    assert wanted | {lab.OnnxExport, lab.TrainingPlots, lab.UntrainedScores} <= {*kinds}
    assert len(kinds) == len({*kinds})


def test_hooks_of_a_batch_that_do_nothing_are_taken_away(run: Run) -> None:
    job = make_job(*MOONS, callbacks(DeviceStatsMonitor={}))
    found = {type(c): c for c in build_trainer(job, run).callbacks}  # type: ignore[attr-defined]
    uses: list[type] = [DeviceStatsMonitor, lab.StepMetrics, lab.BestCheckpoint]
    assert all(callable(found[kind].on_train_batch_end) for kind in uses)
    uses_not: list[type] = [lab.MetricsFile, lab.RunRecord, lab.OnnxExport]
    assert all(found[kind].on_train_batch_end is None for kind in uses_not)
    assert all(callable(callback.on_train_epoch_end) for callback in found.values())


def test_what_it_runs_has_room_on_the_stack(run: Run) -> None:
    trainer: Any = build_trainer(make_job(*MOONS), run)
    assert trainer._run_stage.func is call_with_room
    assert trainer._run_stage.args[0].__self__ is trainer


def test_installed_packages_are_looked_through_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(*MOONS)
    build_trainer(job, run)
    monkeypatch.setattr(importlib.metadata, "distributions", lambda **_: pytest.fail("looked"))
    build_trainer(job, run)


def test_everything_is_written_into_the_run(run: Run) -> None:
    trainer = build_trainer(make_job(*MOONS), run)
    assert trainer.default_root_dir == str(run.dir)
    assert kinds_of(trainer.loggers)[0] is CSVLogger
    assert len(trainer.loggers) == 2
    for callback in trainer.checkpoint_callbacks:
        assert isinstance(callback, ModelCheckpoint)
        assert callback.dirpath == str(run.checkpoints_dir)
    assert isinstance(trainer.strategy.checkpoint_io, lab.WholeFileCheckpointIO)


@pytest.mark.parametrize(
    ("words", "num_others"),
    [(["--trainer.logger=false"], 0), (["--trainer.logger=true"], 1), ([], 1)],
)
def test_metrics_csv_is_always_there(run: Run, words: list[str], num_others: int) -> None:
    loggers = build_trainer(make_job(*MOONS, *words), run).loggers
    assert isinstance(loggers[0], CSVLogger)
    assert len(loggers) == 1 + num_others
    assert not any(type(logger) is TensorBoardLogger for logger in loggers)


def test_a_quick_check_writes_nothing(run: Run) -> None:
    own = callbacks(ModelCheckpoint={}, EarlyStopping={"monitor": "val/acc"})
    trainer = build_trainer(make_job(*MOONS, own, "--trainer.fast_dev_run=true"), None)
    assert trainer.loggers == []
    assert trainer.checkpoint_callbacks == []
    kinds = kinds_of(trainer.callbacks)  # type: ignore[attr-defined]
    assert EarlyStopping in kinds
    assert not [kind for kind in kinds if issubclass(kind, lab.ResultCallback | ModelCheckpoint)]


def test_an_overfit_check_validates_nothing_and_keeps_no_best(run: Run) -> None:
    trainer = build_trainer(make_job(*MOONS, "--trainer.overfit_batches=1"), run)
    assert trainer.limit_val_batches == 0
    kinds = kinds_of(trainer.callbacks)  # type: ignore[attr-defined]
    assert {lab.OverfitCheck, lab.LastCheckpoint} <= {*kinds}
    assert not {lab.BestCheckpoint, lab.MetricsFile, lab.EpochLines} & {*kinds}


def test_a_test_keeps_no_checkpoints(run: Run) -> None:
    own = callbacks(ModelCheckpoint={}, EarlyStopping={"monitor": "val/acc"})
    evaluator = build_evaluator(make_job(*MOONS, own), limit_test_batches=3)
    kinds = kinds_of(evaluator.callbacks)  # type: ignore[attr-defined]
    assert EarlyStopping in kinds
    assert evaluator.checkpoint_callbacks == []
    assert (evaluator.loggers, evaluator.limit_test_batches) == ([], 3)


def test_results_are_those_of_the_flags(tmp_path: Path) -> None:
    def kinds(**flags: bool) -> set[type]:
        return {*map(type, lab.result_callbacks(tmp_path, **{"figures": False} | flags))}

    extra = {lab.UntrainedScores, lab.TrainingSetScores}
    always = {lab.MetricsFile, lab.MistakesFile, lab.OutputsFile, lab.SamplesFile}
    assert kinds() == always
    assert kinds(onnx=True) == {*always, lab.OnnxExport}
    assert kinds(after_training=True) == {*always, *extra}
    figures = kinds(figures=True)
    assert lab.ConfusionMatrixPlot in figures
    training = {lab.TrainingPlots, lab.ClassBalancePlot}
    assert not figures & training
    assert kinds(figures=True, after_training=True) == figures | extra | training
    assert all(issubclass(kind, lab.PlotCallback) for kind in figures - always)


def test_settings_that_cannot_work_are_one_sentence(run: Run) -> None:
    job = make_job(*MOONS, "--trainer.barebones=true")
    with pytest.raises(ConfigError, match=r"^The settings of trainer cannot work: "):
        build_trainer(job, run)
