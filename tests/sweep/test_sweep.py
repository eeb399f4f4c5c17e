"""A grid of fits: each as if alone, compared on validation, and going on after a kill."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlp_lab.cli.commands.sweep_lines import print_beginning
from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.files.lock import hold
from mlp_lab.nets import MLP
from mlp_lab.processes.signals import Interrupted
from mlp_lab.sweep.grid import Grid, Trial, parse_seeds, parse_setting, read_grid, split_values
from mlp_lab.sweep.trials import SweepDir
from tests.conftest import CommandLine
from tests.helpers.processes import children_of, is_running, wait_for
from tests.helpers.runs import read_manifests

MOONS = ["--data.source=Moons", "--trainer.max_epochs=2"]
LRS = "model.optimizer.lr=0.001,0.03"


class OwnMLP(MLP):
    """A net of another package than mlp_lab."""


def test_a_grid_is_every_combination_with_every_seed() -> None:
    grid = Grid(["a.yaml"], ["--x=1"], {"m.lr": ["1", "2"], "m.dims": ["[3,4]"]}, [5, 6])
    trials = list(grid.trials())
    assert grid.num_trials == len(trials) == 4
    assert [trial.label for trial in trials[:3]] == [
        *("lr 1  dims [3,4]  seed 5", "lr 1  dims [3,4]  seed 6", "lr 2  dims [3,4]  seed 5"),
    ]
    assert grid.words(trials[3]) == [
        *("--config", "a.yaml", "--x=1", "--m.lr=2", "--m.dims=[3,4]", "--seed_everything=6"),
    ]
    varied = Grid([], [], {"config": ["a.yaml", "dir/b.yaml"]}, [0])
    assert [trial.label for trial in varied.trials()] == ["a  seed 0", "b  seed 0"]
    assert varied.words(list(varied.trials())[1])[:2] == ["--config", "dir/b.yaml"]


def test_every_seed_has_every_fold() -> None:
    grid = Grid([], [], {"m.lr": ["1", "2"]}, [5, 6], folds=2)
    trials = list(grid.trials())
    assert grid.num_trials == len(trials) == 8
    assert [trial.label for trial in trials[:3]] == [
        *("lr 1  seed 5  fold 0", "lr 1  seed 5  fold 1", "lr 1  seed 6  fold 0"),
    ]
    assert grid.words(trials[1]) == [
        *("--m.lr=1", "--seed_everything=5", "--data.folds=2", "--data.fold=1"),
    ]
    assert len({trial.key for trial in trials}) == 8


def test_a_trial_without_folds_has_the_files_that_it_had_before_there_were_any() -> None:
    assert Trial({"model.optimizer.lr": "0.1"}, 0).key == "lr_0.1_seed_0-7fedb54f"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2", ["1", "2"]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ('{"a": 1, "b": 2},x', ['{"a": 1, "b": 2}', "x"]),
        ("'a,b',c", ["'a,b'", "c"]),
        (" 1 , ", ["1"]),
    ],
)
def test_values_are_split_outside_brackets(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_what_cannot_be_a_grid_is_refused() -> None:
    with pytest.raises(ConfigError, match="write --set KEY=FIRST,SECOND"):
        parse_setting("lr")
    with pytest.raises(ConfigError, match=r"seeds is '0,x'; write whole numbers"):
        parse_seeds("0,x")
    with pytest.raises(ConfigError, match="set lr has no value"):
        Grid([], [], {"lr": []}, [0])
    with pytest.raises(ConfigError, match="set lr has a value twice: 1, 1"):
        Grid([], [], {"lr": ["1", "1"]}, [0])
    with pytest.raises(ConfigError, match="seeds is empty"):
        Grid([], [], {}, [])
    with pytest.raises(ConfigError, match="seeds has a seed twice"):
        Grid([], [], {}, [1, 1])
    with pytest.raises(ConfigError, match="folds is 1; it must be at least 2"):
        Grid([], [], {}, [0], folds=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- 1",
            "must hold some of config, flags, set, seeds, folds, search, trials, sampler, pruner a",
        ),
        (
            "grid: {}",
            "must hold some of config, flags, set, seeds, folds, search, trials, sampler, pruner a",
        ),
        ("set: [a]", "set is"),
        ("set: {lr: 1}", "each key of set needs a list of values"),
        ("seeds: [a]", "seeds must be whole numbers"),
        ("folds: 5.0", "folds is 5.0; it must be a whole number"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_grid_file_that_holds_something_else_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_grid(path)


def test_one_trial_is_no_trials(capsys: pytest.CaptureFixture[str]) -> None:
    sweep = SweepDir(Path("runs/lab"), Grid([], [], {}, [0]))
    print_beginning(sweep, 1, 0)
    print_beginning(sweep, 2, 1)
    assert capsys.readouterr().out == (
        "sweep: runs/lab: 1 trial, 0 of them done before\n"
        "sweep: runs/lab: 2 trials, 1 of them done before\n"
    )


def test_each_trial_is_as_if_alone(mlp_lab: CommandLine, tmp_path: Path) -> None:
    outcome = mlp_lab("sweep", *MOONS, "--set", LRS, "--seeds=0,1", "--experiment=lab")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(read_manifests(tmp_path / "runs" / "lab")) == 4
    alone = mlp_lab("fit", *MOONS, "--model.optimizer.lr=0.03", "--seed_everything=1").run_dir
    last = tmp_path / "runs" / "lab" / "version_3"
    assert (last / "metrics.csv").read_bytes() == (alone / "metrics.csv").read_bytes()
    lines = [line for line in outcome.out.splitlines() if re.match(r"\d/4 ", line)]
    assert [line.split("  ")[1:3] for line in lines] == [
        *(["lr 0.001", "seed 0"], ["lr 0.001", "seed 1"]),
        *(["lr 0.03", "seed 0"], ["lr 0.03", "seed 1"]),
    ]
    assert "best so far" in lines[0]
    ranked = re.findall(r"validation .* (lr \S+)$", outcome.out, re.MULTILINE)
    assert ranked == ["lr 0.03", "lr 0.001"]
    assert "There are no figures" not in (tmp_path / "runs" / "lab" / "report.html").read_text()
    (log,) = (tmp_path / "runs" / "lab" / "trials").glob("lr_0.03_seed_1-*.log")
    assert "epoch 2/2" in log.read_text()


def test_the_order_of_settings_does_not_matter() -> None:
    points = [{"a": "1", "b": "2"}, {"b": "2", "a": "1"}]
    assert len({Trial(point, 0).key for point in points}) == 1


def test_the_best_so_far_is_of_the_same_data(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("sweep", *MOONS, "--set=data.source=XOR,Moons", "--experiment=lab")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line for line in outcome.out.splitlines() if re.match(r"\d/2 ", line)]
    assert [re.findall(r"best so far \S+ % \((.*)\)", line) for line in lines] == [
        ["lab/version_0"],
        ["lab/version_1"],
    ]


def test_what_is_done_is_not_done_again_and_what_was_begun_goes_on(
    mlp_lab: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sweep", *MOONS, "--set", f"{LRS},0.1", "--seeds=0", "--experiment=lab"]
    lab = tmp_path / "runs" / "lab"

    from mlp_lab.callbacks import EpochLines

    seen = 0

    def stop(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 4:  # in the last epoch of the second trial
            raise Interrupted(15)

    with monkeypatch.context() as patch:
        patch.setattr(EpochLines, "on_train_epoch_end", stop)
        assert mlp_lab(*words).code == 143
    before = read_manifests(lab)
    assert {name: m["status"] for name, m in before.items()} == {
        "version_0": "finished",
        "version_1": "interrupted",
    }
    outcome = mlp_lab(*words)
    assert outcome.code == 0
    assert "3 trials, 1 of them done before" in outcome.out
    after = read_manifests(lab)
    assert len(after) == 3
    assert after["version_0"] == before["version_0"]
    assert after["version_1"]["start"] == before["version_1"]["start"]
    undisturbed = mlp_lab(*words[:-1], "--experiment=whole")
    assert undisturbed.code == 0
    for name in after:
        resumed, whole = (tmp_path / "runs" / e / name / "metrics.csv" for e in ("lab", "whole"))
        assert resumed.read_bytes() == whole.read_bytes()


def test_a_trial_that_fails_lets_the_others_go_on(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["--set=model.optimizer.lr=-1,0.01", "--experiment=lab"]
    outcome = mlp_lab("sweep", *MOONS, *words)
    assert outcome.code == 1
    assert "failed: model.optimizer cannot be made: Invalid learning rate: -1.0." in outcome.out
    assert "failed: lr -1  seed 0; see runs/lab/trials/lr_-1_seed_0-" in outcome.err
    assert len(read_manifests(tmp_path / "runs" / "lab")) == 1
    (log,) = (tmp_path / "runs" / "lab" / "trials").glob("lr_-1_seed_0-*.log")
    assert "Invalid learning rate: -1.0." in log.read_text()
    (note,) = (tmp_path / "runs" / "lab" / "trials").glob("lr_-1_seed_0-*.json")
    error = json.loads(note.read_text())["error"]
    assert error == "model.optimizer cannot be made: Invalid learning rate: -1.0."


def test_a_grid_may_stand_in_a_file_and_vary_whole_configurations(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    for name, source in (("one", "Moons"), ("two", "Circles")):
        text = f"data:\n  source: mlp_lab.data.{source}\ntrainer:\n  max_epochs: 1\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    grid = "set:\n  config: [one.yaml, two.yaml]\nseeds: [0]\nflags: [--data.batch_size=50]\n"
    (tmp_path / "mine.yaml").write_text(grid)
    assert mlp_lab("sweep", "--grid=mine.yaml").code == 0
    runs = sorted((tmp_path / "runs" / "mine").glob("*/version_0"))
    assert [run.parent.name for run in runs] == ["one", "two"]
    assert "batch_size: 50" in (runs[0] / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set=model.optimizer.lrr=1,2"], "'lrr'"),
        (["--set=model.optimizer.lr=1,x"], "model.optimizer.lr is 'x'; it must be of type float"),
        (["--set=config=a.yaml,b.yaml"], "config 'a.yaml' cannot be read"),
        (["--set=model.optimizer.lr="], "set model.optimizer.lr has no value"),
        (["--seeds="], "seeds is empty"),
        (["--jobs=0"], "jobs is 0; it must be at least 1"),
        (["--grid=no.yaml"], "grid 'no.yaml' cannot be read"),
        (
            [f"--seeds={','.join(map(str, range(1001)))}"],
            "The grid has 1,001 trials. If that is what you want, add --yes",
        ),
    ],
)
def test_a_grid_that_cannot_be_is_refused_before_anything_runs(
    mlp_lab: CommandLine, tmp_path: Path, words: list[str], message: str
) -> None:
    outcome = mlp_lab("sweep", *MOONS, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_directory_of_another_grid_is_refused(mlp_lab: CommandLine, tmp_path: Path) -> None:
    assert mlp_lab("sweep", *MOONS, "--experiment=lab").code == 0
    outcome = mlp_lab("sweep", *MOONS, "--seeds=1,2", "--experiment=lab")
    assert outcome.code == 2
    assert "'runs/lab' is of another grid: seeds differ" in outcome.err
    (tmp_path / "runs" / "mine").mkdir()
    (tmp_path / "runs" / "mine" / "thesis.txt").touch()
    outcome = mlp_lab("sweep", *MOONS, "--experiment=mine")
    assert "'runs/mine' holds something else than a sweep" in outcome.err


def test_a_net_of_ones_own_goes_on(
    mlp_lab: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["sweep", *MOONS, "--model.net=tests.sweep.test_sweep.OwnMLP", "--experiment=lab"]

    from mlp_lab.callbacks import EpochLines

    def stop(*_: object) -> None:
        raise Interrupted(15)

    with monkeypatch.context() as patch:
        patch.setattr(EpochLines, "on_train_epoch_end", stop)
        assert mlp_lab(*words).code == 143
    outcome = mlp_lab(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert [m["status"] for m in read_manifests(tmp_path / "runs" / "lab").values()] == ["finished"]


@pytest.mark.slow
def test_several_processes_train_the_same(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["sweep", *MOONS, "--set", LRS, "--seeds=0,1"]
    assert mlp_lab(*words, "--experiment=one").code == 0
    command = [sys.executable, "-m", "mlp_lab", *words, "--experiment=two", "--jobs=2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read_manifests(tmp_path / "runs" / "two")) == 4
    one, two = (
        sorted(
            (run / "metrics.csv").read_bytes()
            for run in (tmp_path / "runs" / name).glob("version_*")
        )
        for name in ("one", "two")
    )
    assert one == two


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set=seed_everything=1,2"], "set seed_everything cannot be varied here; write --seeds"),
        (["--seed_everything=1"], "seed_everything cannot be set in a sweep; write --seeds 0,1,2"),
        (["--data.fold=1"], "data.fold cannot be set in a sweep; write --folds 5, which trains"),
        (["--set=data.folds=5,10"], "set data.folds cannot be varied here; write --folds 5"),
        (["--folds=5", "--data.val_fraction=0.1"], "data.val_fraction is 0.1 while data.folds is"),
        (["--run_dir=x"], "run_dir cannot be set in a sweep; each trial has its own"),
        (["--experiment=a/b"], "experiment is 'a/b'; it names a directory"),
        (["--trainer.fast_dev_run=true"], "trainer.fast_dev_run leaves nothing to compare"),
        (["--trainer.overfit_batches=1"], "trainer.overfit_batches leaves nothing to compare"),
        (
            ["--trainer.accelerator=cpu", "--trainer.devices=2"],
            "trainer.devices and trainer.num_nodes ask for 2 processes, and a trial of a sweep is",
        ),
        ([f"--set={LRS}", f"--set={LRS}"], "set model.optimizer.lr is given twice"),
        (["--runs_dir=/dev/null"], "'/dev/null/base_sweep' cannot hold a sweep: Not a directory"),
    ],
)
def test_what_a_sweep_sets_itself_is_refused(
    mlp_lab: CommandLine, words: list[str], message: str
) -> None:
    outcome = mlp_lab("sweep", *MOONS, *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_grid_may_grow_but_not_change(mlp_lab: CommandLine, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("trainer:\n  max_epochs: 1\ndata:\n  source: mlp_lab.data.Moons\n")
    words = ["sweep", "--config=mine.yaml", "--experiment=lab"]
    assert mlp_lab(*words, "--seeds=1").code == 0
    config.write_text(f"# A comment.\n{config.read_text()}")
    outcome = mlp_lab(*words, "--seeds=0,1")
    assert "2 trials, 1 of them done before" in outcome.out
    assert "seeds differ" in mlp_lab(*words, "--seeds=0,2").err
    config.write_text(config.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    assert "mine.yaml differ" in mlp_lab(*words, "--seeds=0,1").err


def test_one_sweep_at_a_time(mlp_lab: CommandLine, tmp_path: Path) -> None:
    words = ["sweep", *MOONS, "--experiment=lab"]
    assert mlp_lab(*words).code == 0
    lock = hold(tmp_path / "runs" / "lab", "in use")
    outcome = mlp_lab(*words)
    lock.release()
    assert (outcome.code, outcome.err) == (
        2,
        "mlp-lab: error: 'runs/lab' is in use by another sweep.\n",
    )


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "group", "terminal", "parent"])
def test_a_stopped_sweep_leaves_nobody_behind(tmp_path: Path, victim: str) -> None:
    words = ["sweep", "--data.source=Moons", "--trainer.max_epochs=3000", "--seeds=0,1,2"]
    command = [sys.executable, "-m", "mlp_lab", *words, "--experiment=lab", "--jobs=2"]
    errors = tmp_path / "err.txt"
    with errors.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=file,
            # nohup may run the tests
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
    lab = tmp_path / "runs" / "lab"
    wait_for(lambda: len(list(lab.glob("version_*/checkpoints/last.ckpt"))) == 2)
    workers = children_of(process.pid, "spawn_main")
    match victim:
        case "worker":
            os.kill(workers[0], signal.SIGTERM)
        case "group":
            os.killpg(process.pid, signal.SIGINT)
        case "terminal":
            os.killpg(process.pid, signal.SIGHUP)
        case _:
            process.kill()
    code = process.wait(timeout=60)
    wait_for(lambda: not any(is_running(worker) for worker in workers))
    assert code == {"worker": 1, "group": 130, "terminal": 129, "parent": -9}[victim]
    assert {m["status"] for m in read_manifests(lab).values()} == {"interrupted"}
    if victim in ("group", "terminal"):
        # Behind it multiprocessing's own helper may complain, which a closed terminal ends.
        assert "interrupted; the same command goes on\n" in errors.read_text()


def test_notes_on_the_data_come_once_and_before_the_first_trials_line(
    tmp_path: Path, mlp_lab: CommandLine
) -> None:
    rows = [f"{n % 7},{n % 5},{'no' if n % 2 else 'yes'},{n % 2}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,alive,survived", *rows]))
    words = ["--data.source=Table", "--data.source.path=t.csv", "--data.source.target=survived"]
    note = "determines the target 'survived'"
    for folds in ([], ["--folds=2"]):
        name = f"--experiment=lab{len(folds)}"
        words_of_sweep = [*words, "--trainer.max_epochs=1", "--seeds=0,1", *folds, name]
        with pytest.warns(MLPLabWarning) as of_trials:
            outcome = mlp_lab("sweep", *words_of_sweep)
        assert outcome.code == 0
        assert len(of_trials) == (4 if folds else 2)
        assert outcome.err.startswith("warning: Column 'alive' of ")
        assert outcome.err.count(note) == len(outcome.err.splitlines()) == 1
        assert outcome.out.count(note) == 1  # of the report


def test_a_regressions_line_has_r2_and_rmse(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    (line,) = re.findall("^1/1 .*", mlp_lab("sweep", *words).out, re.MULTILINE)
    pattern = r"  val/r2 \S+  val/rmse \S+  val/loss of scaled targets (\S+)  .*best so far (\S+) "
    found = re.search(pattern, line)
    assert found
    assert found[1] == found[2]
