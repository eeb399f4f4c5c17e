"""Which configurations this user's own fits wrote: those are trusted as if they were typed."""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from mlp_lab.errors import MLPLabError, MLPLabWarning, WriteError
from mlp_lab.files.atomic import write_json
from mlp_lab.files.sha256 import hash_file
from mlp_lab.runs.run import Run, read_json


def remember(run: Run, own_modules: Mapping[str, str]) -> None:
    """Note that a run's config.yaml, with the files of own modules, is this user's as it is now."""
    modules = {
        name: {"file": file, "sha256": hash_file(Path(file))} for name, file in own_modules.items()
    }
    try:
        write_json(
            _record_of(run),
            {
                "run": str(run.dir.resolve()),
                "config_sha256": hash_file(run.config_path),
                "modules": modules,
            },
        )
    except WriteError as error:
        if not own_modules:
            return
        text = f"{error} So classes of your own in this run will need --trust."
        warnings.warn(text, MLPLabWarning, stacklevel=2)


def own_modules_of(run: Run) -> dict[str, str] | None:
    """Return the modules of a run that this user's own fit wrote, by name; None for any other run.

    The run must lie where it was made, and neither its config.yaml nor a module have changed since.
    """
    try:
        record = read_json(_record_of(run))
        modules = record.get("modules", {})
        if record.get("config_sha256") != hash_file(run.config_path):
            return None
        if any(hash_file(Path(module["file"])) != module["sha256"] for module in modules.values()):
            return None
        return {name: module["file"] for name, module in modules.items()}
    except (MLPLabError, OSError, AttributeError, KeyError, TypeError):
        return None  # no such record, or one that somebody wrote into


def _record_of(run: Run) -> Path:
    """Return the file of what is known of a run, in the directory for the state of programs."""
    place = hashlib.sha256(str(run.dir.resolve()).encode("utf-8", "surrogateescape"))
    return platformdirs.user_state_path("mlp_lab") / "runs" / f"{place.hexdigest()[:32]}.json"
