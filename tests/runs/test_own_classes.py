"""Classes of the user's own are found beside a typed configuration, and change nothing else."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.runs.own_classes import class_names, import_own_classes
from mlp_lab.runs.own_runs import _record_of
from mlp_lab.runs.run import Run
from tests.conftest import CommandLine
from tests.helpers.documents import own_classes
from tests.helpers.runs import read_manifest

CONFIG = "model: {class_path: mlp_lab.tasks.ClassificationTask, init_args: {net: my_net.Waves}}\n"
FIT = ["--data.source=Moons", "--trainer.max_epochs=1"]


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    yield
    assert sys.path == path
    for name in set(sys.modules) - before:
        if name.startswith("my_"):
            del sys.modules[name]


def write_lab(directory: Path, config: str = CONFIG) -> Path:
    """Write the guide's net and a configuration that names it, and return the configuration."""
    directory.mkdir(exist_ok=True)
    (directory / "my_net.py").write_text(own_classes()["my_net.py"])
    (directory / "mine.yaml").write_text(config)
    return directory / "mine.yaml"


def test_a_net_beside_the_configuration_trains(mlp_lab: CommandLine, tmp_path: Path) -> None:
    config = write_lab(tmp_path / "lab")
    outcome = mlp_lab("fit", "--config", config, *FIT)
    assert (outcome.code, outcome.err) == (0, "")
    assert "net: Waves: 1,002 trainable parameters" in outcome.out
    manifest = read_manifest(outcome.run_dir)
    assert manifest["own_modules"] == {"my_net": str(tmp_path / "lab" / "my_net.py")}


@pytest.fixture
def lab_run(mlp_lab: CommandLine, tmp_path: Path) -> Path:
    """A run of this user with a net of the user's own, whose module is not loaded any more."""
    run_dir = mlp_lab("fit", "--config", write_lab(tmp_path / "lab"), *FIT).run_dir
    del sys.modules["my_net"]
    return run_dir


def test_ones_own_run_needs_no_trust(mlp_lab: CommandLine, lab_run: Path) -> None:
    for words in (
        ("test", "--run_dir", lab_run),
        ("fit", "--run_dir", lab_run, "--trainer.max_epochs=2"),
        ("validate", "--run_dir", lab_run),  # also after config.yaml has been written anew
    ):
        outcome = mlp_lab(*words)
        assert (outcome.code, outcome.err) == (0, "")
        del sys.modules["my_net"]


def copied(run_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_dir, tmp_path / "copy" / "version_0"))


def renamed(run_dir: Path, tmp_path: Path) -> Path:
    return run_dir.rename(run_dir.with_name("version_7"))


def edited(run_dir: Path, tmp_path: Path) -> Path:
    config = run_dir / "config.yaml"
    config.write_text(config.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    return run_dir


def with_another_module(run_dir: Path, tmp_path: Path) -> Path:
    with (tmp_path / "lab" / "my_net.py").open("a") as file:
        file.write("\n")
    return run_dir


def forgotten(run_dir: Path, tmp_path: Path) -> Path:
    _record_of(Run(run_dir)).write_text("[]")
    return run_dir


@pytest.mark.parametrize("change", [copied, renamed, edited, with_another_module, forgotten])
def test_any_other_run_needs_trust(
    mlp_lab: CommandLine,
    lab_run: Path,
    tmp_path: Path,
    change: Callable[[Path, Path], Path],
) -> None:
    run_dir = change(lab_run, tmp_path)
    more = ("fit", "--run_dir", run_dir, "--trainer.max_epochs=2")
    for words in (("test", "--run_dir", run_dir), more):
        refused = mlp_lab(*words)
        assert refused.code == 2
        assert "names the class 'my_net.Waves' in model.net" in refused.err
        assert refused.err.endswith("If you trust that file, add --trust.\n")
    assert "my_net" not in sys.modules
    assert mlp_lab("test", "--run_dir", run_dir, "--trust").code == 0


def test_a_model_of_ones_own_run_needs_no_trust(
    mlp_lab: CommandLine, lab_run: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "points.npz", x=np.zeros((3, 2), np.float32))
    best = lab_run / "checkpoints" / "best.ckpt"
    assert mlp_lab("infer", best, "points.npz").code == 0
    del sys.modules["my_net"]
    shutil.copy(best, tmp_path / "lab" / "else.ckpt")
    refused = mlp_lab("infer", "lab/else.ckpt", "points.npz")
    assert refused.code == 2
    assert "names the class 'my_net.Waves', which is no net of mlp_lab." in refused.err
    # Then it is looked for beside the file and in the working directory.
    assert mlp_lab("infer", "lab/else.ckpt", "points.npz", "--trust").code == 0


def test_a_manifest_that_says_something_else_is_one_sentence(
    mlp_lab: CommandLine, lab_run: Path
) -> None:
    (lab_run / "manifest.json").write_text('{"own_modules": ["x"]}')
    refused = mlp_lab("test", "--run_dir", edited(lab_run, lab_run), "--trust")
    assert refused.code == 2
    assert "manifest.json' is damaged: own_modules are no files." in refused.err


def test_a_state_directory_that_cannot_be_written_is_a_warning(
    mlp_lab: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert mlp_lab("fit", *FIT).err == ""
    with pytest.warns(MLPLabWarning, match="classes of your own in this run will need --trust"):
        outcome = mlp_lab("fit", "--config", write_lab(tmp_path / "lab"), *FIT)
    assert outcome.code == 0


def test_a_flag_names_a_class_of_the_working_directory(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    write_lab(tmp_path)
    outcome = mlp_lab("fit", *FIT, "--model.net", "my_net.Waves", "--model.net.width=7")
    assert (outcome.code, outcome.err) == (0, "")
    assert "net: Waves: 16 trainable parameters" in outcome.out


def test_what_is_installed_comes_first(mlp_lab: CommandLine, tmp_path: Path) -> None:
    config = write_lab(tmp_path / "lab")
    for name in ("rich", "yaml", "optuna", "polars"):  # installed, and perhaps not
        (tmp_path / "lab" / f"{name}.py").write_text("raise AssertionError(__file__)\n")
    assert mlp_lab("fit", "--config", config, *FIT).code == 0


def test_nothing_is_imported_that_no_setting_for_a_class_names(
    mlp_lab: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "my_text.py").write_text("raise AssertionError\n")
    outcome = mlp_lab("fit", *FIT, "--experiment=my_text.Thing")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.run_dir == Path("runs/my_text.Thing/version_0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my_nett.Waves", r"model.net names 'my_nett.Waves', but there is no module 'my_nett' in "),
        ("my_net.Wave", r"but .*my_net.py has no 'Wave'. Did you mean 'Waves'\?"),
        ("my_broken.Net", "but my_broken cannot be imported: SyntaxError: .*line 1"),
        ("my_missing.Net", "cannot be imported: ModuleNotFoundError: No module named 'no_such'"),
        ("my_net.Tensor", "model.net names 'my_net.Tensor', which is not a subclass of Net."),
    ],
)
def test_what_is_not_there_is_named(
    mlp_lab: CommandLine, tmp_path: Path, name: str, expected: str
) -> None:
    config = write_lab(tmp_path / "lab", CONFIG.replace("my_net.Waves", name))
    (tmp_path / "lab" / "my_broken.py").write_text("def f(:\n")
    (tmp_path / "lab" / "my_missing.py").write_text("import no_such\n")
    outcome = mlp_lab("fit", "--config", config)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    with pytest.raises(AssertionError, match=expected):
        raise AssertionError(outcome.err)
    assert not (tmp_path / "runs").exists()


def test_this_package_is_nobodys_own() -> None:
    checkout = Path(sys.modules["mlp_lab"].__path__[0]).parent
    assert import_own_classes({"model.net": "mlp_lab.nets.MLP"}, [checkout]) == {}


def test_both_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"in '/first' or '/second', and none is installed"):
        import_own_classes({"data.source": "my_x.Y"}, [Path("/first"), Path("/second")])


def test_class_names_are_found_where_the_parser_takes_them() -> None:
    config = {
        "trainer": {"callbacks+": [{"class_path": "a.B"}, "c.D"], "max_epochs": 3},
        "data": {"source": "e.F", "augment": [{"class_path": "g.H", "init_args": {"x": 1}}]},
        "model": "settings.yaml",
        "runs_dir": "i.j",
    }
    assert [*class_names(config)] == [
        *(("trainer.callbacks", "a.B"), ("trainer.callbacks", "c.D")),
        *(("data.source", "e.F"), ("data.augment", "g.H")),
    ]


def test_a_sweep_in_processes_finds_it_and_goes_on(mlp_lab: CommandLine, tmp_path: Path) -> None:
    config = write_lab(tmp_path / "lab")
    words = ["--config", config, *FIT, "--set=model.net.width=3,4", "--experiment=lab"]
    outcome = mlp_lab("sweep", *words, "--seeds=0")
    assert (outcome.code, outcome.err) == (0, "")
    for run_dir in (tmp_path / "runs" / "lab").glob("version_*"):
        manifest = read_manifest(run_dir)
        (run_dir / "manifest.json").write_text(json.dumps(manifest | {"status": "interrupted"}))
    del sys.modules["my_net"]
    outcome = mlp_lab("sweep", *words, "--seeds=0")
    assert (outcome.code, outcome.err) == (0, "")
    assert "2 trials, 0 of them done before" in outcome.out


def test_a_class_within_a_class_of_ones_own_is_found() -> None:
    inner = {"class_path": "inner.Net"}
    config = {"model": {"net": {"class_path": "outer.Net", "init_args": {"net": inner}}}}
    assert [*class_names(config)] == [("model.net", "outer.Net"), ("model.net.net", "inner.Net")]
