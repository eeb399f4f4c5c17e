"""Finished runs of the experiments that come with the project, so that nobody trains them again.

A run is kept without its weights. Of metrics.csv it has what tables and figures read, validations
and the last epoch; of the test samples it has which class was predicted, and not how probable.
"""

import csv
import io
import itertools
import json
import lzma
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlp_lab.files.atomic import replacing, write_json
from mlp_lab.report.run_files import find_runs
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.runs.outputs import Outputs
from mlp_lab.runs.run import Run, read_json

DATA_ROOT = Path("data")  # as the flags of kept sweeps have it
_DATA_FLAGS = ("--data.root", "--data.source.path")


def restore(archive: Path, directory: Path, data_root: Path) -> None:
    """Unpack the runs of a sweep, unless its directory is there.

    Args:
        archive: What ``keep`` wrote; nothing is done where there is none.
        directory: The directory of the sweep.
        data_root: Where the data lie here.
    """
    if directory.exists() or not archive.is_file():
        return
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    path = directory / "sweep.json"
    write_json(path, _with_data_in(read_json(path), DATA_ROOT, data_root))


def keep(directory: Path, archive: Path, data_root: Path) -> None:
    """Pack the finished runs of a sweep; the same runs make the same bytes.

    Args:
        directory: The directory of the sweep; nothing is done where it holds none.
        archive: The file, a .tar.xz.
        data_root: Where the data lie here.
    """
    if not (directory / "sweep.json").is_file():
        return
    here = {str(data_root.absolute()): str(DATA_ROOT), f"{Path.cwd()}/": ""}
    files = {path.relative_to(directory): content for path, content in _run_files(directory, here)}
    for note in directory.glob("trials/*.json"):
        files[note.relative_to(directory)] = note.read_bytes()
    sweep = _with_data_in(read_json(directory / "sweep.json"), data_root, DATA_ROOT)
    files[Path("sweep.json")] = json.dumps(sweep, indent=2).encode()
    archive.parent.mkdir(parents=True, exist_ok=True)
    # Files of one name side by side, and a search that finds what runs have in common.
    by_name = sorted(files, key=lambda path: (path.name, path))
    with (
        replacing(archive) as part,
        lzma.open(part, "wb", preset=9 | lzma.PRESET_EXTREME) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        for path in by_name:
            content = files[path]
            entry = tarfile.TarInfo(path.as_posix())
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def forget(directory: Path, recipe: str) -> None:
    """Take the runs of a recipe whose settings have changed out of a sweep, to train them anew.

    They are not lost: they lie beside the sweep afterwards.

    Args:
        directory: The directory of a sweep over recipes.
        recipe: Name of the recipe.
    """
    if (directory / recipe).is_dir():
        (directory / recipe).rename(_free_path(directory.with_name(f"{recipe}_before")))
    path = directory / "sweep.json"
    if path.is_file():
        sweep = read_json(path)
        sweep["content"] = {k: v for k, v in sweep["content"].items() if Path(k).stem != recipe}
        write_json(path, sweep)


def _free_path(path: Path) -> Path:
    """Return the path with the first number at its end that nothing has."""
    paths = (path.with_name(f"{path.name}_{number}") for number in itertools.count())
    return next(numbered for numbered in paths if not numbered.exists())


def _with_data_in(sweep: dict[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Return what a sweep is of with its data in another directory."""
    flags = []
    for flag in sweep["flags"]:
        key, path = flag.split("=", 1)
        is_in = key in _DATA_FLAGS and Path(path).is_relative_to(old)
        flags.append(f"{key}={new / Path(path).relative_to(old)}" if is_in else flag)
    return {**sweep, "flags": flags}


def _run_files(directory: Path, here: Mapping[str, str]) -> Iterator[tuple[Path, bytes]]:
    """Yield each file of the finished runs that is kept, and what is kept of it.

    Args:
        directory: The directory of the sweep.
        here: Places on this machine, and what they are called in kept files.
    """
    for run in map(Run, find_runs(directory)):
        if run.read_manifest().get("status") == "finished":
            for path in (run.config_path, run.manifest_path, run.metrics_path):
                text = path.read_text()
                for place, name in here.items():
                    text = text.replace(place, name)
                yield path, text.encode()
            yield run.step_metrics_path, _epochs_of(run.step_metrics_path)
            if run.test_outputs_path.is_file():  # version 0.1 wrote none
                yield run.test_outputs_path, _classes_of(run.test_outputs_path)


def _epochs_of(path: Path) -> bytes:
    """Return the rows of a metrics.csv that end an epoch, and all of the last epoch."""
    rows = read_rows(path)
    kept = [row for row in rows if row["val/loss"] or row["epoch"] == rows[-1]["epoch"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(kept)
    return text.getvalue().encode()


def _classes_of(path: Path) -> bytes:
    """Return a test_outputs.npz in which each predicted class has a probability of 1."""
    found = Outputs.read(path)
    classes = found.outputs.argmax(1)
    outputs = np.eye(found.outputs.shape[1], dtype=np.float32)[classes]
    content = io.BytesIO()
    np.savez(content, outputs=outputs, labels=found.labels, indices=found.indices)
    return content.getvalue()
