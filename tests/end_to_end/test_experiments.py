"""``make experiments``: what it writes into documents and configurations, on tiny recipes."""

import importlib.util
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
RECIPE = """# {title}
# Measured
trainer:
  max_epochs: {epochs}
model:
  class_path: mlp_lab.tasks.ClassificationTask
  init_args:
    net:
      class_path: mlp_lab.nets.MLP
      init_args:
        hidden_dims: {dims}
data:
  source: mlp_lab.data.Digits
"""
GRID = """# A grid.
# Measured
config: [configs/recipe/digits_base.yaml]
seeds: [0]
set:
  model.optimizer.lr: [0.001, 0.01]
"""
MARKS = ("digits", "digits_rates", "ensembles", "lab_first_check", "lab_xor")
MARKED = "Before.\n<!-- {} -->\nold\n<!-- end -->\nAfter.\n"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as it is."""
    path = ROOT / "benchmarks" / "experiments.py"
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location("experiments", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "experiments", module)  # where dataclasses look
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def experiments(program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program over two recipes and a grid below an empty directory."""
    module = program
    for name, content in {
        "configs/recipe/digits_base.yaml": RECIPE.format(title="Base.", epochs=2, dims="[8]"),
        "configs/recipe/digits_best.yaml": RECIPE.format(title="Best.", epochs=3, dims="[16]"),
        "configs/sweep/digits_rates.yaml": GRID,
        "docs/experiments.md": "".join(map(MARKED.format, MARKS)),
        "README.md": MARKED.format("results"),
        "docs/ru/README.md": MARKED.format("results_ru"),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    recipes = ("digits_base", "digits_best")
    for constant, value in {
        "ROOT": tmp_path,
        "RECIPES": tmp_path / "configs" / "recipe",
        "GRIDS": tmp_path / "configs" / "sweep",
        "DOCUMENT": tmp_path / "docs" / "experiments.md",
        "FIGURES": tmp_path / "docs" / "figures",
        "KEPT_RUNS": tmp_path / "benchmarks" / "kept_runs",
        "SEEDS": (0, 1),
        "MORE_SEEDS": (2,),
        "GROUPS": (
            module.Group(
                *("digits", "digits_base", recipes, (1438, 359)),
                ensemble="digits_best",
                course="val/acc",
            ),
        ),
        "FILTERS": "digits_base",
        "FIRST_CHECK": ("fit", "--data.source=Digits", "--trainer.overfit_batches=1"),
        "BY_HAND": {"xor": ("scratch", "binary", "--data=xor", "--num_steps=5")},
        "SEARCHES": {"digits_rates": "digits"},
        "SHOWN_FIRST": recipes[1:],
    }.items():
        monkeypatch.setattr(module, constant, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["experiments.py", "--jobs=1"])
    return module


def test_every_table_has_its_place_and_every_file_is_there(program: ModuleType) -> None:
    names = [group.name for group in program.GROUPS]
    labs = [f"lab_{name}" for name in ("first_check", *program.BY_HAND)]
    wanted = {*names, *(f"{name}_classes" for name in names), *program.SEARCHES, *labs, "results"}
    wanted |= {
        "ensembles",
        "rate_search",
        "tables",
    }  # the last two of rate_search.py and table_bench.py
    readmes = [(ROOT / path / "README.md").read_text() for path in (".", "docs/ru")]
    texts = (program.DOCUMENT.read_text(), readmes[0], readmes[1].replace("results_ru", "results"))
    marks = [mark for text in texts for mark in re.findall(r"<!-- (\w+) -->", text)]
    assert {mark for mark in marks if mark != "end"} == wanted
    assert marks.count("end") == len(wanted) + 1
    recipes = {recipe for group in program.GROUPS for recipe in group.recipes}
    assert recipes <= {path.stem for path in program.RECIPES.glob("*.yaml")}
    assert recipes >= {*program.SHOWN_FIRST, program.FILTERS}
    grids = [path for path in program.GRIDS.glob("*.yaml") if "search:" not in path.read_text()]
    assert {*program.SEARCHES} == {path.stem for path in grids}
    assert {*program.SEARCHES.values()} <= {*names}


def test_a_recipe_can_change_before_it_was_ever_trained(
    program: ModuleType, tmp_path: Path
) -> None:
    content = {"configs/recipe/base.yaml": "a", "configs/recipe/best.yaml": "b"}
    (tmp_path / "sweep.json").write_text(json.dumps({"content": content, "flags": []}))
    program.kept_runs.forget(tmp_path, "best")
    left = json.loads((tmp_path / "sweep.json").read_text())
    assert left == {"content": {"configs/recipe/base.yaml": "a"}, "flags": []}
    program.kept_runs.forget(tmp_path / "none", "best")  # nor any trained, nor kept


@pytest.mark.slow
def test_documents_hold_what_was_measured_and_nothing_is_run_twice(
    experiments: ModuleType,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert experiments.main() == 0
    assert "7 trainings that were never measured" in capfd.readouterr().out
    document = (tmp_path / "docs" / "experiments.md").read_text()
    assert [document.count(word) for word in ("Before.", "After.", "old")] == [5, 5, 0]
    assert re.search(r"    overfit check \w+: .* after \d+ epochs on the same batch\n", document)
    assert "    step      5  mean log loss" in document
    base, best = re.findall(r"^\| \[digits_.*$", document, re.MULTILINE)
    assert "MLP [8], ReLU, Adam 0.001, batch 128, 2 epochs" in base
    assert re.search(r"\| MLP \[16\], 3 epochs \| \d\d\.\d\d ± \d+\.\d\d % \|", best)
    assert re.search(r"[+-]\d+\.\d\d points \(.* to .*\) \|$", best)
    validation_and_test = r"\| digits_best \| 3 \| \d\d\.\d\d % \| (\d\d\.\d\d) % \| \d.* to .* %"
    (accuracy,) = re.findall(validation_and_test, document)
    scores = json.loads(
        (tmp_path / "benchmarks" / "kept_runs" / "digits_best_ensemble.json").read_text()
    )
    assert accuracy == f"{100 * scores['test']:.2f}"
    assert len(scores["members"]) == 3
    rates = document.partition("<!-- digits_rates -->")[2]
    assert [line.split(" ")[1] for line in rates.splitlines()[3:5]] == ["0.01", "0.001"]
    readme = (tmp_path / "README.md").read_text()
    assert "[digits_best](configs/recipe/digits_best.yaml) | 1,438 of 1,438 | 180 | 3 |" in readme
    russian = (tmp_path / "docs" / "ru" / "README.md").read_text()
    assert (
        "(../../configs/recipe/digits_best.yaml) | 1\u00a0438 из 1\u00a0438 | 180 | 3 |" in russian
    )
    recipe = (tmp_path / "configs" / "recipe" / "digits_best.yaml").read_text()
    assert re.match(
        r"# Best\.\n# Measured with 1,438 of 1,438 training images, 180 of them", recipe
    )
    assert recipe.endswith(RECIPE.format(title="Best.", epochs=3, dims="[16]").partition("d\n")[2])
    grid = (tmp_path / "configs" / "sweep" / "digits_rates.yaml").read_text()
    assert "# Measured: best by validation is lr 0.01, with" in grid
    assert {path.name for path in (tmp_path / "docs" / "figures").iterdir()} == {
        "digits.png",
        "digits_confusion.png",
        "digits_base_weights.png",
        "by_hand_xor.png",
    }

    assert experiments.main() == 0
    out = capfd.readouterr().out
    assert "This takes about 0 minutes with a core for each training." in out
    assert "written: " not in out  # nor is an ensemble made twice
    before = [("4", "4"), ("1", "1"), ("2", "2")]
    assert re.findall(r"(\d+) trials?, (\d+) of them done before", out) == before
    assert (tmp_path / "docs" / "experiments.md").read_text() == document
    newer = (tmp_path / "benchmarks/kept_runs/digits_best_ensemble.json").stat().st_mtime + 1
    member = "runs/experiments/digits/digits_best/version_0/checkpoints/best.ckpt"
    os.utime(tmp_path / member, (newer, newer))
    assert experiments.main() == 0
    assert "written: " in capfd.readouterr().out  # but anew once a member is

    # A fresh clone has the runs without their weights, and the data may lie elsewhere.
    kept = {path.name: path.read_bytes() for path in (tmp_path / "benchmarks/kept_runs").iterdir()}
    assert {*kept} == {
        "digits.tar.xz",
        "digits_best_more_seeds.tar.xz",
        "digits_rates.tar.xz",
        "digits_best_ensemble.json",
    }
    with tarfile.open(tmp_path / "benchmarks" / "kept_runs" / "digits.tar.xz") as tar:
        files = [tar.extractfile(member) for member in tar.getmembers()]
        assert not [f.name for f in files if f and str(tmp_path).encode() in f.read()]
    shutil.rmtree(tmp_path / "runs")
    monkeypatch.setattr("sys.argv", ["experiments.py", "--jobs=1", "--data-root=elsewhere"])
    assert experiments.main() == 0
    out = capfd.readouterr().out
    assert "This takes about 0 minutes with a core for each training." in out
    assert re.findall(r"(\d+) trials?, (\d+) of them done before", out) == before
    assert (tmp_path / "docs" / "experiments.md").read_text() == document
    assert {
        path.name: path.read_bytes() for path in (tmp_path / "benchmarks/kept_runs").iterdir()
    } == kept

    path = tmp_path / "configs" / "recipe" / "digits_best.yaml"
    path.write_text(path.read_text().replace("max_epochs: 3", "max_epochs: 4"))
    assert experiments.main() != 0
    assert "is of another grid: configs/recipe/digits_best.yaml differ" in capfd.readouterr().err
    again = ["experiments.py", "--jobs=1", "--data-root=elsewhere", "--again=digits_best"]
    monkeypatch.setattr("sys.argv", again)
    assert experiments.main() == 0
    found = re.findall(r"(\d+) trials?, (\d+) of them done before", capfd.readouterr().out)
    assert found == [("4", "2"), ("1", "0"), ("2", "2")]
    assert ", 4 epochs |" in (tmp_path / "docs" / "experiments.md").read_text()
    moved = sorted(path.name for path in (tmp_path / "runs" / "experiments").glob("*_before_*"))
    assert moved == ["digits_best_before_0", "digits_best_before_1"]
