"""What comes after a training: test, validate and predict, in the way a user types them."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.helpers.runs import read_metrics
from tests.helpers.training import callbacks

pytestmark = pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")


class TestResults:
    def test_a_checkpoint_alone_finds_model_and_data(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        before = read_metrics(own_run)
        (own_run / "metrics.json").write_text("{}")
        outcome = mlp_lab("test", "--ckpt_path", own_run / "checkpoints" / "best.ckpt")
        assert outcome.code == 0
        after = read_metrics(own_run)
        assert after == {key: value for key, value in before.items() if key.startswith("test/")}
        assert outcome.last_line == f"metrics: {own_run / 'metrics.json'}"

    def test_a_relative_path_means_the_same(self, mlp_lab: CommandLine, own_run: Path) -> None:
        checkpoint = (own_run / "checkpoints" / "best.ckpt").relative_to(Path.cwd())
        outcome = mlp_lab("test", "--ckpt_path", checkpoint)
        assert outcome.last_line == f"metrics: {own_run / 'metrics.json'}"

    def test_predictions_are_a_table(self, mlp_lab: CommandLine, own_run: Path) -> None:
        outcome = mlp_lab("predict", f"--run_dir={own_run}")
        path = own_run / "predictions.csv"
        assert outcome.last_line == f"predictions: {path}"
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = [str(k) for k in range(10)]
        assert list(rows[0]) == ["index", "label", "predicted", "confidence", *names]
        assert len(rows) == 359
        right = sum(row["label"] == row["predicted"] for row in rows) / len(rows)
        assert right == pytest.approx(read_metrics(own_run)["test/acc"])
        for row in rows:
            probabilities = {name: float(row[name]) for name in names}
            assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert float(row["confidence"]) == max(probabilities.values())
            assert probabilities[row["predicted"]] == max(probabilities.values())
        assert len({row["index"] for row in rows}) == 359
        some = mlp_lab("predict", f"--run_dir={own_run}", "--trainer.limit_predict_batches=2")
        assert some.code == 0, some.err
        table = Path(some.last_line.removeprefix("predictions: "))
        assert len(table.read_text().splitlines()) == 1 + 2 * 16  # QUICK's batches

    def test_a_part_of_a_test_is_not_the_runs(self, mlp_lab: CommandLine, own_run: Path) -> None:
        before = (own_run / "metrics.json").read_bytes()
        assert mlp_lab("test", f"--run_dir={own_run}", "--trainer.fast_dev_run=true").code == 0
        assert (own_run / "metrics.json").read_bytes() == before
        config = (own_run / "config.yaml").read_bytes()
        outcome = mlp_lab("fit", f"--run_dir={own_run}", "--trainer.fast_dev_run=true")
        assert outcome.code == 2
        assert "fast_dev_run" in outcome.err
        assert (own_run / "config.yaml").read_bytes() == config

    def test_a_finished_checkpoint_begins_nothing(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        last = own_run / "checkpoints" / "last.ckpt"
        outcome = mlp_lab("fit", f"--ckpt_path={last}", f"--runs_dir={own_run / 'more'}")
        assert outcome.code == 2
        assert "has 3 epochs already. Raise --trainer.max_epochs" in outcome.err
        assert not (own_run / "more").exists()

    def test_neither_run_nor_checkpoint_takes_the_newest_finished(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        outcome = mlp_lab("validate", f"--runs_dir={own_run.parent.parent}")
        assert outcome.out.startswith(f"settings: {own_run / 'config.yaml'}")
        assert f"{read_metrics(own_run)['val/acc']:.4f}" in outcome.out

    def test_other_data_leave_the_run_alone(self, mlp_lab: CommandLine, own_run: Path) -> None:
        before = (own_run / "metrics.json").read_bytes()
        mlp_lab("test", f"--run_dir={own_run}", "--data.split_seed=5")
        mlp_lab("predict", f"--run_dir={own_run}", "--data.predict_split=val")
        assert (own_run / "metrics.json").read_bytes() == before
        assert (own_run / "test_0" / "metrics.json").is_file()
        assert (own_run / "test_1" / "predictions.csv").is_file()

    def test_another_checkpoint_or_part_leaves_the_run_alone(
        self, mlp_lab: CommandLine, own_run: Path
    ) -> None:
        before = (own_run / "metrics.json").read_bytes()
        mlp_lab("test", f"--run_dir={own_run}", "--ckpt_path=last")
        mlp_lab("test", f"--run_dir={own_run}", "--trainer.limit_test_batches=2")
        assert (own_run / "metrics.json").read_bytes() == before
        part = read_metrics(own_run / "test_1")
        assert sum(map(sum, part["test/confusion"])) == 32

    def test_where_to_read_is_no_other_data(self, mlp_lab: CommandLine, own_run: Path) -> None:
        batches = ["--data.batch_size=50", "--data.steps_per_execution=1"]
        mlp_lab("test", f"--run_dir={own_run}", "--data.root=elsewhere", *batches)
        assert not (own_run / "test_0").exists()

    def test_out_names_the_place(self, mlp_lab: CommandLine, own_run: Path, tmp_path: Path) -> None:
        before = (own_run / "metrics.json").read_bytes()
        mlp_lab("test", f"--run_dir={own_run}", "--out=results")
        assert (own_run / "metrics.json").read_bytes() == before
        assert read_metrics(tmp_path / "results")["test/acc"] > 0.85

    def test_a_checkpoint_copied_away_still_tests(
        self, mlp_lab: CommandLine, own_run: Path, tmp_path: Path
    ) -> None:
        shutil.copy(own_run / "checkpoints" / "best.ckpt", tmp_path / "model.ckpt")
        expected = read_metrics(own_run)["test/acc"]
        shutil.rmtree(own_run)
        assert mlp_lab("test", "--ckpt_path=model.ckpt").code == 0
        assert read_metrics(tmp_path / "test_0")["test/acc"] == expected

    @pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
    def test_a_read_only_run_still_tests(self, mlp_lab: CommandLine, own_run: Path) -> None:
        own_run.chmod(0o555)
        assert mlp_lab("test", f"--run_dir={own_run}").code == 0


def test_a_callback_of_ones_own_has_the_state_of_the_tested_checkpoint(
    mlp_lab: CommandLine,
) -> None:
    counts = [callbacks("tests.helpers.training.CountEpochs"), "--model.optimizer.lr=1e-9"]
    outcome = mlp_lab("fit", "--data.source=Moons", *counts, "--trainer.max_epochs=3")
    best = read_metrics(outcome.run_dir)["best_epoch"]
    assert f"epochs seen: {best}\n" in outcome.out
    assert best < 3
    for name, expected in (("best", best), ("last", 3)):
        tested = mlp_lab("test", f"--run_dir={outcome.run_dir}", f"--ckpt_path={name}")
        assert f"epochs seen: {expected}\n" in tested.out
