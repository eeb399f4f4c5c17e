"""The model that is served, and whether its file is still the one that was opened."""

import sys
from pathlib import Path

from mlp_lab.files.plain_text import as_shown
from mlp_lab.files.sha256 import hash_file
from mlp_lab.inference import Predictor
from mlp_lab.inference.backends import find_model
from mlp_lab.runs.run import Run


class ServedModel:
    """A model that was opened once; what its file holds later is not read.

    Args:
        path: A ``.onnx``, ``.pth`` or ``.ckpt``; or a run, see ``find_model``.
        trust: Whether a net of another package than this one may be made.
        threads: How many threads compute; by default one for each core.

    Attributes:
        name: Experiment and number of a run that was given, or else the file's name.
        path: The file.
        run: The run that it lies in, if any.
        sha256: Of the file.
        changed_on_disk: Whether the file was replaced or removed since; see ``look``.

    Raises:
        MLPLabError: As ``Predictor`` does.
    """

    def __init__(self, path: Path, *, trust: bool = False, threads: int | None = None) -> None:
        self.name = Run(path.resolve()).name if path.is_dir() else path.name
        self.path = find_model(path)
        self._state = _state(self.path)
        self.sha256 = hash_file(self.path)
        self.predictor = Predictor(self.path, trust=trust, threads=threads)
        self.info = self.predictor.info
        in_run = Run(self.path.absolute().parent)
        self.run = Run.of_checkpoint(self.path) or (
            in_run if in_run.config_path.is_file() else None
        )
        self.changed_on_disk = False

    def look(self) -> None:
        """Look whether the file is another one by now, and print that once."""
        state = _state(self.path)
        if self.changed_on_disk or state == self._state:
            return
        self._state = state
        if not self._is_the_same():
            self.changed_on_disk = True
            print(
                f"{as_shown(str(self.path))} was {'replaced' if state else 'removed'}; the model "
                "that was opened at the start goes on answering. Start anew to serve another.",
                file=sys.stderr,
                flush=True,
            )

    def _is_the_same(self) -> bool:
        try:
            return hash_file(self.path) == self.sha256
        except OSError:
            return False


def _state(path: Path) -> tuple[int, ...] | None:
    """Return what changes where a file is written or replaced; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
