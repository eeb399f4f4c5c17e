"""The package's own configurations are found anywhere; a file that is there comes first."""

from pathlib import Path

import pytest
import yaml

from mlp_lab.runs.packaged_configs import find_config, format_config, packaged_configs
from tests.conftest import CommandLine


def test_the_packages_own_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = find_config("configs/base.yaml")
    assert found == packaged_configs() / "base.yaml"
    assert found.is_file()
    assert format_config(found) == f"configs/base.yaml (comes with mlp_lab: {found})"
    for other in (
        "base.yaml",
        "configs/no.yaml",
        "configs/../pyproject.toml",
        "/configs/base.yaml",
    ):
        assert find_config(other) == Path(other)
        assert format_config(other) == other


def test_a_file_that_is_there_comes_first(mlp_lab: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    mine = tmp_path / "configs" / "base.yaml"
    mine.write_text("data: {source: mlp_lab.data.Moons}\ntrainer: {max_epochs: 1}\n")
    outcome = mlp_lab("fit", "--config", "configs/base.yaml")
    assert outcome.code == 0
    assert outcome.out.startswith("settings: configs/base.yaml; typed: ")
    assert "data: Moons" in outcome.out


def test_fit_says_where_it_was_taken_from(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("fit", "--config", "configs/quickstart.yaml", "--trainer.max_epochs=1")
    assert outcome.code == 0
    path = packaged_configs() / "quickstart.yaml"
    first = outcome.out.splitlines()[0]
    assert first.startswith(f"settings: configs/quickstart.yaml (comes with mlp_lab: {path})")
    assert outcome.run_dir == Path("runs/quickstart/version_0")


@pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")
def test_a_sweep_takes_grid_and_configurations(mlp_lab: CommandLine, fake_root: Path) -> None:
    grid = "configs/sweep/cifar100_three_widths.yaml"
    first = yaml.safe_load(find_config(grid).read_text())["set"]
    words = [f"--set={key}={values[0]}" for key, values in first.items()]
    words += ["--seeds=0", f"--data.root={fake_root}", "--trainer.max_epochs=1"]
    outcome = mlp_lab("sweep", "--grid", grid, *words)
    assert outcome.code == 0
    assert all("; the official set has " in note for note in outcome.err.splitlines())
    assert outcome.out.startswith(f"configuration: {grid} (comes with mlp_lab: ")
