"""A training that begins with the weights of another one, and a remark that goes with it."""

import shutil
from pathlib import Path

import pytest
import torch

from mlp_lab.files.plain_text import as_markdown
from mlp_lab.runs.checkpoint import read_checkpoint
from tests.conftest import CommandLine
from tests.helpers.runs import read_manifest
from tests.helpers.training import assert_same_training, same_tensors

QUICKSTART = "--config=configs/quickstart.yaml"
FIT = ("fit", QUICKSTART, "--trainer.max_epochs=2")
STILL = "--model.optimizer.lr=0"


def net_of(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path, weights_only=True)["state_dict"]
    return {name: tensor for name, tensor in state.items() if name.startswith("net.")}


def test_an_untrained_net_is_what_a_fit_begins_with(mlp_lab: CommandLine, tmp_path: Path) -> None:
    exported = mlp_lab("export", QUICKSTART, "--format=pth", "--model.net.hidden_dims=[30]")
    assert exported.code == 0, exported.err
    last = "untrained.pth, which is untrained; mlp-lab fit --init_from untrained.pth trains it"
    assert exported.last_line == f"written: {last}"
    words = (*FIT, "--model.net.hidden_dims=[30]")
    plain = mlp_lab(*words).run_dir
    begun = mlp_lab(*words, "--init_from=untrained.pth", "--seed_everything=0")
    assert f"weights: {tmp_path / 'untrained.pth'}\n" in begun.out
    assert_same_training(plain, begun.run_dir)
    other = mlp_lab(*words, "--init_from=untrained.pth", "--seed_everything=1", STILL).run_dir
    assert same_tensors(
        net_of(other / "checkpoints" / "best.ckpt"), net_of(tmp_path / "untrained.pth")
    )


def test_the_weights_of_a_run_begin_another_one_alone(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    second = mlp_lab(*FIT, f"--init_from={first}", STILL, "--data.split_seed=1").run_dir
    before, after = (read_checkpoint(run / "checkpoints" / "best.ckpt") for run in (first, second))
    assert same_tensors(*(net_of(run / "checkpoints" / "best.ckpt") for run in (first, second)))
    assert after["epoch"] == 0  # the first is as good as the others
    assert not torch.equal(before["state_dict"]["mean"], after["state_dict"]["mean"])


def test_such_a_run_goes_on_from_its_own_checkpoint(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    begin = f"--init_from={first / 'checkpoints' / 'last.ckpt'}"
    whole = mlp_lab(*FIT, begin).run_dir
    stopped = mlp_lab(*FIT, begin, "--trainer.max_epochs=1").run_dir
    resumed = mlp_lab("fit", f"--run_dir={stopped}", "--trainer.max_epochs=2")
    assert "weights: " not in resumed.out
    assert_same_training(whole, stopped)
    changed = mlp_lab("fit", f"--run_dir={stopped}", f"--init_from={whole}")
    assert "init_from is not what the run began with" in changed.err


def test_such_a_run_that_was_killed_at_once_begins_with_them_again(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    begun = mlp_lab(*FIT, f"--init_from={first}", STILL).run_dir
    shutil.rmtree(begun / "checkpoints")
    again = mlp_lab("fit", f"--run_dir={begun}")
    assert f"weights: {first.absolute()}\n" in again.out
    assert same_tensors(*(net_of(run / "checkpoints" / "best.ckpt") for run in (first, begun)))


def test_an_export_of_a_configuration_begins_as_its_fit(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    words = ("export", "--config", "configs/quickstart.yaml", "--format", "pth")
    assert mlp_lab(*words, "--init_from", first).code == 0
    assert same_tensors(net_of(first / "checkpoints" / "best.ckpt"), net_of(Path("untrained.pth")))
    both = mlp_lab(*words, f"--ckpt_path={first}/checkpoints/best.ckpt")
    assert both.code == 2
    assert "or with --config alone the configuration of a net" in both.err


def test_a_last_layer_of_another_size_begins_anew(mlp_lab: CommandLine) -> None:
    first = mlp_lab(*FIT).run_dir
    fewer = "--data.source.classes=[0,1,2]"
    outcome = mlp_lab(*FIT, fewer, f"--init_from={first}", STILL)
    assert f"weights: {first.absolute()}; net.layers.3 begins anew, for another size" in outcome.out
    states = [net_of(run / "checkpoints" / "best.ckpt") for run in (first, outcome.run_dir)]
    for name in ("net.layers.1.weight", "net.layers.1.bias"):
        assert torch.equal(states[0][name], states[1][name])
    assert len(states[1]["net.layers.3.weight"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--init_from=nowhere"], "nowhere' is not there."),
        (["--init_from=notes.pth"], "notes.pth' "),
        (["--init_from=empty.pth"], "empty.pth' holds no weights of a net of mlp_lab."),
        (
            ["--init_from=untrained.pth"],
            "is of another net: net.layers.1.bias is (30,) in it and (200,) in the configuration.",
        ),
        (
            ["--init_from=untrained.pth", "--ckpt_path=last.ckpt"],
            "and ckpt_path has weights too. Leave one of the two out.",
        ),
    ],
)
def test_other_weights_are_refused_and_leave_no_run(
    mlp_lab: CommandLine, digits_run: Path, words: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.pth").write_text("notes")
    torch.save({"kind": "nothing"}, tmp_path / "empty.pth")
    (tmp_path / "last.ckpt").write_bytes((digits_run / "checkpoints" / "last.ckpt").read_bytes())
    mlp_lab("export", QUICKSTART, "--format=pth", "--model.net.hidden_dims=[30]")
    outcome = mlp_lab(*FIT, *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()


def test_there_must_be_something_to_export(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("export", "--format=pth")
    assert outcome.code == 2
    assert (
        "export what? Name a run or a checkpoint, such as runs/base/version_0, or with"
        in outcome.err
    )


def test_a_note_stands_in_manifest_report_and_comparison(mlp_lab: CommandLine) -> None:
    noted = mlp_lab(*FIT, "--note=wider | than before").run_dir
    plain = mlp_lab(*FIT, "--model.net.hidden_dims=[30]").run_dir
    assert read_manifest(noted)["note"] == "wider | than before"
    assert "wider" not in (noted / "config.yaml").read_text()
    assert "<p>wider | than before</p>" in (noted / "report.html").read_text()
    assert mlp_lab("report", "runs").code == 0
    text = Path("runs/report.md").read_text()
    assert "| training time | note |" in text
    assert text.count(as_markdown("wider | than before")) == 1
    assert '<td class="label">wider | than before</td>' in Path("runs/report.html").read_text()
    resumed = mlp_lab("fit", f"--run_dir={plain}", "--trainer.max_epochs=3", "--note=longer")
    assert resumed.code == 0, resumed.err
    assert read_manifest(plain)["note"] == "longer"
