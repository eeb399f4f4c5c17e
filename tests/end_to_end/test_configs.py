"""Every file below configs/ is used as its header says, on tiny data in their true form."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import ParsedCLI
from mlp_lab.cli.untrusted import check_untrusted
from mlp_lab.sweep.grid import read_grid
from tests.conftest import CommandLine
from tests.helpers.fake_data import write_table
from tests.helpers.training import make_job

CONFIGS = Path(__file__).parent.parent.parent / "configs"
SWEEPS = sorted((CONFIGS / "sweep").glob("*.yaml"))
FILES = sorted({*CONFIGS.rglob("*.yaml")} - {*SWEEPS})
RECIPES = [path for path in FILES if path.parent.name == "recipe"]
OVERLAYS = {"data", "model", "preset", "trainer"}


def name_of(path: Path) -> str:
    return str(path.relative_to(CONFIGS))


def words_for(path: Path) -> list[str]:
    base = ["--config", str(CONFIGS / "base.yaml")] if path.parent.name in OVERLAYS else []
    return [*base, "--config", str(path)]


def needs_gpu(path: Path) -> bool:
    return path.name.startswith("gpu")


def kind_of(value: Any) -> Any:
    """Return a configuration without its numbers and the length of its lists."""
    match value:
        case dict():
            return {key: kind_of(inner) for key, inner in value.items()}
        case list():
            return [kind_of(inner) for inner in value[:1]]
        case str() | bool() | None:
            return value
        case _:
            return 0


def table_words(path: Path, directory: Path) -> list[str]:
    """Return the flags that give a recipe for a table one with its columns to learn from."""
    source = yaml.safe_load(path.read_text()).get("data", {}).get("source", {})
    if source.get("class_path") != "mlp_lab.data.Table":
        return []
    columns = source["init_args"]
    table = directory / f"{path.stem}.csv"
    has_classes = "RegressionTask" not in path.read_text()
    write_table(table, columns["target"], columns.get("drop", []), has_classes=has_classes)
    return [f"--data.source.path={table}"]


def one_of_each_kind(paths: list[Path]) -> list[Path]:
    """Return those that differ in more than numbers from all before them."""
    return list({str(kind_of(yaml.safe_load(p.read_text()))): p for p in reversed(paths)}.values())


def takes_long(path: Path) -> bool:
    """Whether a compiler or a service is started, or a database made, which takes its time."""
    text = path.read_text()
    return any(word in text for word in ("compile_mode", "MLflow", "Wandb")) and not needs_gpu(path)


def names_parts(path: Path) -> bool:
    """Whether it names net, optimiser, data or the like: each kind has tests of its training."""
    return path.parent.name in ("data", "model")


@pytest.mark.parametrize(
    ("path", "few"),
    [
        *(
            pytest.param(
                *(path, False),
                marks=[pytest.mark.slow]
                if takes_long(path) or path in RECIPES or names_parts(path)
                else [],
                id=name_of(path),
            )
            for path in FILES
        ),
        # A batch of each part: recipes differ in numbers more than in kind.
        *(pytest.param(p, True, id=f"{name_of(p)}, few") for p in one_of_each_kind(RECIPES)),
    ],
)
@pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")
def test_config_trains_and_tests(
    path: Path, few: bool, mlp_lab: CommandLine, fake_root: Path
) -> None:
    epochs = 1 if path.parent.name == "data" else 2
    words = ["--trainer.fast_dev_run=1"] if few else [f"--trainer.max_epochs={epochs}"]
    if path.parent.name == "preset" and "max_epochs" in path.read_text():  # what it is about
        words = []
    if path.name == "unbalanced.yaml":  # which leaves one image of a class here
        words.append("--data.validate_on=test")
    if "bf16-mixed" in path.read_text() and path.parent.name == "recipe":
        words.append("--trainer.precision=32-true")  # many CPUs are slow at it; an overlay tries it
    if "val_fraction" in path.read_text():  # 5 % of a handful are none
        words.append("--data.val_fraction=0.1")
    words += table_words(path, fake_root)
    outcome = mlp_lab("fit", *words_for(path), f"--data.root={fake_root}", *words)
    if needs_gpu(path) and not torch.cuda.is_available():
        assert outcome.code == 2
        assert "No supported gpu backend found" in outcome.err
        return
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("path", [p for p in FILES if names_parts(p)], ids=name_of)
def test_config_names_parts_that_fit_together(
    path: Path, fake_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    job = make_job(*words_for(path), f"--data.root={fake_root}", "--data.val_fraction=0.1")
    outputs = job.task(torch.zeros(2, *job.data.input_shape))
    assert outputs.shape[1:] == (job.data.num_classes or job.data.num_targets,)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_header_says_purpose_and_command(path: Path) -> None:
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert len(header) >= 2
    words = " ".join(
        f"--config configs/{name_of(p)}"
        for p in [CONFIGS / "base.yaml", path][path.parent.name not in OVERLAYS :]
    )
    assert f"#   mlp-lab fit {words}" in header


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_overlay_has_one_section(path: Path) -> None:
    sections = set(yaml.safe_load(path.read_text()))
    if path.parent.name in {"data", "model", "trainer"}:
        assert sections == {path.parent.name}
    else:
        assert "seed_everything" in sections


@pytest.mark.parametrize("path", SWEEPS, ids=name_of)
@pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")
def test_sweep_trains_one_trial(
    path: Path, mlp_lab: CommandLine, fake_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"configs/{name_of(path)}"
    assert f"#   mlp-lab sweep --grid {name}" in path.read_text().splitlines()
    content = read_grid(path)
    first = [f"--set={key}={values[0]}" for key, values in content["set"].items()]
    first += ["--trials=1"] if "search" in content else []
    first += ["--folds=2"] if content["folds"] else []  # of a handful there are no five
    runs_dir = Path.cwd() / "runs"
    monkeypatch.chdir(CONFIGS.parent)
    words = [*first, "--seeds=0", f"--data.root={fake_root}", "--trainer.max_epochs=1"]
    outcome = mlp_lab("sweep", f"--grid={name}", f"--runs_dir={runs_dir}", *words)
    assert outcome.code == 0
    notes = outcome.err.splitlines()
    assert [note for note in notes if "; the official set has " not in note] == []
    assert len(list(runs_dir.glob("**/version_*"))) == (2 if content["folds"] else 1)


def test_base_is_what_the_defaults_say(
    mlp_lab: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for words in ([], ["--config", CONFIGS / "base.yaml"]):
        with pytest.raises(SystemExit) as stop:
            mlp_lab("fit", *words, "--print_config")
        assert stop.value.code == 0
        printed.append(yaml.safe_load(capsys.readouterr().out))
    assert printed[0] == printed[1]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            p, marks=[] if p.parent.name == "trainer" else [pytest.mark.slow], id=name_of(p)
        )
        for p in FILES
        if p.name != "profile.yaml"
    ],
)
def test_a_run_of_a_config_needs_no_trust_elsewhere(
    path: Path, fake_root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What its config.yaml says is allowed to a file of unknown origin, but for its loggers."""
    monkeypatch.chdir(tmp_path)
    settings = read_invocation("fit", [*words_for(path), f"--data.root={fake_root}"])
    config = ParsedCLI("fit", settings).plain_config
    del config["trainer"]["logger"]
    check_untrusted(config, "config.yaml", resumes=True)
