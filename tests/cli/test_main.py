import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlp_lab import __version__
from mlp_lab.cli.main import COMMANDS, main
from tests.conftest import CommandLine

PRINT_LOADED = """
import sys
from mlp_lab.cli.main import main
try:
    main()
except SystemExit as stop:
    print(stop.code, *sys.modules)
"""


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_nothing_that_takes_time(flag: str) -> None:
    """They take a tenth of a second, which ``make bench`` prints."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_LOADED, flag], capture_output=True, text=True, check=True
    )
    code, *loaded = done.stdout.splitlines()[-1].split()
    assert code == "0"
    heavy = {"torch", "lightning", "numpy", "matplotlib", "jsonargparse", "rich", "asyncio"}
    assert "mlp_lab.cli.main" in loaded
    assert not heavy & {*loaded}
    assert not [name for name in loaded if name.startswith("mlp_lab.cli.commands")]


LEAVES_FILES_OPEN = """
import atexit, sys
from mlp_lab.cli import main
class Holder: pass
def work():
    holder = Holder()
    holder.itself, holder.file = holder, open("log.txt", "w")
    holder.file.write("last words")
    atexit.register(print, "goodbye")
    {end}
main.main = work
sys.exit(main.run())
"""


@pytest.mark.parametrize(
    ("end", "code", "error"),
    [
        ("return 0", 0, ""),
        ("return 3", 3, ""),
        ("sys.exit(4)", 4, ""),
        ("raise ValueError('lost')", 1, "ValueError: lost\n"),
    ],
)
def test_the_process_ends_with_its_code_and_all_that_was_said(
    end: str, code: int, error: str, tmp_path: Path
) -> None:
    script = LEAVES_FILES_OPEN.format(end=end)
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "goodbye\n")
    assert done.stderr.endswith(error)
    if end.startswith("return"):  # Python itself keeps no promise for the others
        assert (tmp_path / "log.txt").read_text() == "last words"


@pytest.mark.parametrize("words", [["report", "nowhere"], ["fit", "--config=nowhere.yaml"]])
def test_nothing_that_was_printed_is_lost_in_a_file(words: list[str], tmp_path: Path) -> None:
    script = "from mlp_lab.cli import main; print('first words'); main.run()"
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with (tmp_path / "out.txt").open("w") as out:
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=buffered)
    assert done.returncode == 2
    assert b"mlp-lab: error: " in done.stderr
    assert (tmp_path / "out.txt").read_text() == "first words\n"


def test_what_is_printed_may_go_nowhere(
    own_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", str(own_run)]
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(words) == 1
    sentence = "Standard output could not be written: No space left on device."
    assert capsys.readouterr().err == f"mlp-lab: error: {sentence}\n"
    monkeypatch.setattr("sys.stdout", None)
    assert main(words) == 0
    sys.stdout.close()  # where it went instead


def test_one_help_lists_every_command(
    mlp_lab: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        mlp_lab("--help")
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "use a model file on images, arrays and tables" in text


def test_version_is_the_packages(mlp_lab: CommandLine, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mlp_lab("--version")
    assert capsys.readouterr().out == f"mlp-lab {__version__}\n"


def test_nothing_typed_shows_the_help(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab()
    assert outcome.code == 2
    assert "usage: mlp-lab" in outcome.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fitt"], "There is no command 'fitt'. Did you mean 'fit'?"),
        (["test", "--ckpt_path", "no.ckpt"], "ckpt_path 'no.ckpt' is not there"),
        (["test", "--run_dir", "nowhere"], "run_dir 'nowhere' holds no run"),
        (["test"], "No finished run below runs_dir 'runs'"),
        (["predict", "--runs_dir=other"], "No finished run below runs_dir 'other'"),
        (["fit", "--ckpt_path=best"], "ckpt_path 'best' of which run? Add --run_dir DIR."),
        (["fit", "--config=no.yaml"], "no.yaml"),
        (["fit", "--model.net.hidden_dim=[3]"], "model.net has no 'hidden_dim'. Did you mean"),
        (["fit", "--data.batchsize=3"], "Did you mean 'data.batch_size'?"),
        (["fit", "--trainer.max_epoch=3"], "Did you mean 'trainer.max_epochs'?"),
        (["fit", "--data.source=KMNISTT"], "There is no 'KMNISTT' for data.source. Did you mean"),
        (
            ["fit", "--model.schedule=MultiStepDecay"],
            "model.schedule.milestones is missing; add --",
        ),
        (
            ["fit", "t.csv"],
            "'t.csv' stands alone; a table is named by --data.source Table --data.source.path "
            "t.csv --data.source.target COLUMN.",
        ),
        (
            ["fit", "--data.source", "my/t.parquet", "--data.source.target", "living area"],
            "data.source is 'my/t.parquet', a file; a table is named by --data.source Table "
            "--data.source.path my/t.parquet --data.source.target 'living area'.",
        ),
        (["stats", "--data.source=t.csv"], "data.source is 't.csv', a file; a table is named by"),
        (
            ["fit", "--data.source.path", "t.csv", "--data.source.target=y"],
            "another class is chosen; a table is named by --data.source Table --data.source.path "
            "t.csv --data.source.target y.",
        ),
        (
            ["fit", "--data.source=Table", "--data.source.drop=[listed", "on]"],
            "Quote the whole flag, as in '--data.source.drop=[listed ...]'.",
        ),
        (["fit", "--data.batch_size=many"], "data.batch_size"),
        (["fit", "--data.source=Digits", "--model.net.activation=Relu"], "Did you mean 'ReLU'?"),
        (["fit", "--data.source=Digits", "--data.val_fraction=2"], "data.val_fraction is 2.0"),
        (
            ["fit", "--model.net.hidden_dims=200"],
            "model.net.hidden_dims is '200'; a list is typed as --model.net.hidden_dims=[200].",
        ),
        (
            ["fit", "--model.optimizer.lr=[0.1,1]"],
            "model.optimizer.lr is '[0.1, 1]'; it must be of type float.",
        ),
        (
            ["fit", "--data.batch_size=[1,2]"],
            "data.batch_size is '[1, 2]'; it must be of type int.",
        ),
        (
            ["fit", "--model.net=[3]"],
            "model.net is '[3]'; it must name a class. There is: CNN, MLP",
        ),
        (["fit", "--threads=a"], "threads is 'a'; it must be a positive int or null."),
        (["fit", "--model.optimizer.lr=abc"], "model.optimizer.lr is 'abc'; it must be of type fl"),
        (
            ["fit", "--model.optimizer.momentum=1"],
            "RMSprop, SGD, and another class is chosen",
        ),
        (["fit", "--data.sourse.class_path=x"], "no setting 'data.sourse'. Did you mean 'data.so"),
        (["fit", "--data.source=Digits", "--trainer.max_epochs=0"], "there would be no training"),
        (["fit", "--data.source=Digits", "--trainer.accelerator=abacus"], "accelerator='abacus'"),
        (["fit", "--data.source=Digits", "--trainer.max_epochs=-3"], "max_epochs"),
        (["fit", "--data.download=false"], "No KMNIST files in"),
        (["fit", "--data.source=Digits", "--experiment=a/b"], "experiment is 'a/b'"),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(
    mlp_lab: CommandLine, words: list[str], message: str, tmp_path: Path
) -> None:
    outcome = mlp_lab(*words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.startswith("mlp-lab: error: ")
    assert len(outcome.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_keeps_its_data_and_model(mlp_lab: CommandLine, digits_run: Path) -> None:
    before = (digits_run / "config.yaml").read_bytes()
    for flag in ("--data.batch_size=9", "--model.optimizer.lr=0.5", "--seed_everything=3"):
        outcome = mlp_lab("fit", f"--run_dir={digits_run}", flag)
        assert outcome.code == 2
        key = flag[2:].split("=")[0]
        assert f"{key} is not what the run began with" in outcome.err
    assert (digits_run / "config.yaml").read_bytes() == before


@pytest.mark.slow
def test_one_batch_is_one_batch() -> None:
    """In a process of its own: what is imported first decides how Lightning's types read."""
    words = ["fit", "--trainer.limit_train_batches=1", "--print_config"]
    done = subprocess.run(
        [sys.executable, "-m", "mlp_lab", *words], check=True, capture_output=True, text=True
    )
    assert "  limit_train_batches: 1\n" in done.stdout


def test_verbose_shows_the_traceback(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("--verbose", "test", "--run_dir", "nowhere")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert "RunNotFoundError" in outcome.err
