"""The built wheel in a new environment, outside the checkout, by its installed command."""

import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

import pytest

from tests.helpers.documents import ROOT, own_classes

pytestmark = pytest.mark.package

QUICK = ["--trainer.max_epochs=2", "--figures=false", "--onnx=false"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the locked back-end, from the sdist as an installer would."""
    directory = tmp_path_factory.mktemp("dist")
    code = "import sys; from poetry.core.masonry import api; print(api.build_sdist(sys.argv[1]))"
    build = [sys.executable, "-c", code, str(directory)]
    name = subprocess.check_output(build, cwd=ROOT, text=True).split()[-1]
    with tarfile.open(directory / name) as archive:
        archive.extractall(directory, filter="data")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = directory / name.removesuffix(".tar.gz")
    subprocess.run([*pip, "--wheel-dir", str(directory), str(source)], check=True)
    (found,) = directory.glob("*.whl")
    return found


@dataclass(frozen=True)
class Environment:
    """A new environment that has the wheel, and the packages that this one has."""

    dir: Path

    def run(self, *words: object, cwd: Path, code: int = 0) -> str:
        """Run the installed command, and return what it printed."""
        variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(
            [self.dir / "bin" / "mlp-lab", *map(str, words)],
            cwd=cwd,
            env=variables | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    directory = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (packages,) = (directory / "lib").glob("python*/site-packages")
    # Behind the wheel's own place; the editable installation of the checkout is not followed.
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()))
    return Environment(directory)


def test_the_wheel_holds_the_configurations_and_nothing_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (info,) = {name.split("/")[0] for name in names if ".dist-info/" in name}
        metadata = message_from_string(archive.read(f"{info}/METADATA").decode())
        base = archive.read("mlp_lab/configs/base.yaml")
    assert {name.split("/")[0] for name in names} == {"mlp_lab", info}
    configs = {str(p.relative_to(ROOT)) for p in (ROOT / "configs").rglob("*.yaml")}
    assert {f"mlp_lab/{name}" for name in configs} <= {*names}
    assert base == (ROOT / "configs" / "base.yaml").read_bytes()
    assert {"mlp_lab/cli/template/gitignore", "mlp_lab/report/templates/model_card.md"} <= {*names}
    wanted = metadata.get_all("Requires-Dist") or []
    assert any(line.startswith("torch ") for line in wanted)
    assert not [line for line in wanted if "nvidia" in line or "cuda" in line]


def test_upper_bounds_stand_where_something_breaks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    wanted = [line for line in metadata.get_all("Requires-Dist") or [] if "extra" not in line]
    bounded = [re.split(r"[ \[(]", line)[0] for line in wanted if "<" in line]
    assert sorted(bounded) == ["jsonargparse", "lightning"]


def test_the_command_trains_on_digits(environment: Environment, tmp_path: Path) -> None:
    assert environment.run("--version", cwd=tmp_path).startswith("mlp-lab ")
    output = environment.run("fit", "--config", "configs/quickstart.yaml", *QUICK, cwd=tmp_path)
    own = environment.dir / "lib"
    assert re.match(
        rf"settings: configs/quickstart.yaml \(comes with mlp_lab: {own}/.*/mlp_lab/configs/",
        output,
    )
    assert "run: runs/quickstart/version_0" in output
    assert environment.run("test", "--figures=false", cwd=tmp_path).count("test/acc") == 1


def test_base_works_in_an_empty_directory(
    environment: Environment, tmp_path: Path, fake_root: Path
) -> None:
    place = [f"--data.root={fake_root}", "--data.download=false"]
    output = environment.run("fit", "--config", "configs/base.yaml", *place, *QUICK, cwd=tmp_path)
    assert "data: KMNIST" in output
    assert "run: runs/base/version_0" in output
    output = environment.run("fit", "--config", "configs/bsae.yaml", cwd=tmp_path, code=2)
    assert output.endswith("config 'configs/bsae.yaml' is not there. Did you mean 'base.yaml'?\n")


def test_a_new_project_trains(environment: Environment, tmp_path: Path) -> None:
    environment.run("new", "my_lab", cwd=tmp_path)
    output = environment.run("fit", "--config", "first.yaml", *QUICK, cwd=tmp_path / "my_lab")
    assert "net: MyNet" in output
    assert "data: Spirals" in output
    output = environment.run("new", "my_lab", cwd=tmp_path, code=2)
    assert output == "mlp-lab: error: 'my_lab' is there and not empty; name a new directory.\n"


def test_the_guides_own_classes_work_as_printed(environment: Environment, tmp_path: Path) -> None:
    lab, elsewhere = tmp_path / "lab", tmp_path / "elsewhere"
    files = own_classes()
    assert {*files} == {
        *("my_net.py", "my_source.py", "my_callback.py", "my_augmentation.py", "mine.yaml")
    }
    for directory in (lab, elsewhere):
        directory.mkdir()
    for name, text in files.items():
        assert len([line for line in text.splitlines() if line]) < 20, name
        (lab / name).write_text(text)
    (lab / "rich.py").write_text("raise AssertionError('an installed package comes first')\n")
    few = ["--trainer.max_epochs=3", "--figures=false"]
    output = environment.run("fit", "--config", lab / "mine.yaml", *few, cwd=elsewhere)
    assert "net: Waves: 602 trainable parameters" in output
    assert "data: Bars: 420 train" in output
    run_dir = elsewhere / "runs" / "mine" / "version_0"
    header, *rows = (run_dir / "metrics.csv").read_text().splitlines()
    column = header.split(",").index("weight_norm")
    assert len([row for row in rows if row.split(",")[column]]) == 3

    environment.run("test", "--run_dir", run_dir, "--figures=false", cwd=tmp_path)
    copy = shutil.copytree(run_dir, tmp_path / "copy")
    assert "add --trust" in environment.run("test", "--run_dir", copy, cwd=tmp_path, code=2)
    environment.run("test", "--run_dir", copy, "--trust", "--figures=false", cwd=elsewhere)
    photos = lab / "photos"
    photos.mkdir()
    save = "from PIL import Image; import sys; Image.new('L', (12, 12)).save(sys.argv[1])"
    subprocess.run([sys.executable, "-c", save, photos / "a.png"], check=True)
    assert "1 inputs" in environment.run("infer", run_dir / "model.onnx", photos, cwd=tmp_path)
    words = shlex.split("--seeds 0,1 --jobs 2 --experiment both")
    environment.run("sweep", "--config", lab / "mine.yaml", *few, *words, cwd=elsewhere)
    assert len([*(elsewhere / "runs" / "both").glob("version_*/metrics.json")]) == 2


def test_a_module_that_is_missing_is_named(environment: Environment, tmp_path: Path) -> None:
    words = ["fit", "--data.source=Moons", "--model.net=my_net.WideNet"]
    output = environment.run(*words, cwd=tmp_path, code=2)
    assert output == (
        "mlp-lab: error: model.net names 'my_net.WideNet', but there is no module 'my_net' in "
        f"'{tmp_path}', and none is installed.\n"
    )
