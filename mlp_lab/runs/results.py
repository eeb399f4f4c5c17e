"""The results of a run beside its checkpoints: written, missing, or complete. No torch."""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mlp_lab.errors import MLPLabError, MLPLabWarning, WriteError, first_line
from mlp_lab.files.plain_yaml import load_yaml
from mlp_lab.files.sha256 import hash_file
from mlp_lab.runs.run import Run


class Results:
    """Keep account of the files that come out of a training or a test.

    Args:
        directory: Where they go.

    Attributes:
        written: Those that were written, by their path below the directory.
        missing: Those that could not be written, and why.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.written: set[str] = set()
        self.missing: dict[str, str] = {}

    @contextlib.contextmanager
    def making(self, path: Path) -> Iterator[None]:
        """Make a file; where that fails it is a warning, and the others are still made.

        A file that the disk does not take is missing. One that cannot be, because a net cannot be
        exported or its numbers cannot be drawn, is not expected again.
        """
        name = path.relative_to(self.directory).as_posix()
        try:
            yield
        except WriteError as error:
            self.missing[name] = first_line(error)
            warnings.warn(str(error), MLPLabWarning, stacklevel=4)
        except MLPLabError as error:
            warnings.warn(str(error), MLPLabWarning, stacklevel=4)
        except Exception as error:  # nets, numbers and what a run holds may be of any kind
            text = f"{name} could not be made: {type(error).__name__}: {error}."
            warnings.warn(text, MLPLabWarning, stacklevel=4)
        else:
            self.missing.pop(name, None)
            self.written.add(name)

    def end(self, run: Run) -> None:
        """Note in the run that it is finished, or what it lacks."""
        checkpoints = {
            path.relative_to(run.dir).as_posix()
            for path in (run.best_checkpoint, run.last_checkpoint)
            if path.is_file()
        }
        before = set(_names(run.read_manifest()))
        found = {name for name in before if (run.dir / name).is_file()}
        if lost := before - found - self.missing.keys():
            text = f"{', '.join(sorted(lost))} of {str(run.dir)!r} cannot be written again."
            warnings.warn(text, MLPLabWarning, stacklevel=2)
        run.end(
            "incomplete" if self.missing else "finished",
            results=sorted((found | self.written | checkpoints) - self.missing.keys()),
            missing=sorted(self.missing),
            config_sha256=hash_file(run.config_path),
        )

    def require_all(self, how_to_go_on: str) -> None:
        """Refuse to call it done where something is missing.

        Raises:
            WriteError: Something is.
        """
        if self.missing:
            raise WriteError(
                f"{', '.join(sorted(self.missing))} {'is' if len(self.missing) == 1 else 'are'} "
                f"missing in {str(self.directory)!r}: {next(iter(self.missing.values()))} "
                f"Mend that, then: {how_to_go_on}"
            )


def is_complete(run: Run) -> bool:
    """Whether a run is finished, and nothing of it is missing."""
    manifest = run.read_manifest()
    if manifest.get("status") != "finished" or not run.last_checkpoint.is_file():
        return False
    if "results" not in manifest:
        return _has_configured_results(run)
    names = _names(manifest)
    is_unchanged = manifest.get("config_sha256") == hash_file(run.config_path)
    # An overfit check has no figures of a test, and is never gone on with.
    is_whole = "metrics.json" in names and all((run.dir / name).is_file() for name in names)
    return is_unchanged and is_whole


def _names(manifest: Mapping[str, Any]) -> list[str]:
    """Return the files that a manifest lists, which may be damaged."""
    names = manifest.get("results")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _has_configured_results(run: Run) -> bool:
    """Whether a run of version 0.1, which kept no account, has all that its settings ask for."""
    try:
        config = load_yaml(run.config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):  # explained where it is read
        return False
    settings = config if isinstance(config, dict) else {}
    return (
        run.metrics_path.is_file()
        and (run.dir / "report.html").is_file()
        and (not settings.get("onnx") or run.model_path.is_file())
        and (not settings.get("figures") or any((run.dir / "plots").glob("*.png")))
    )
