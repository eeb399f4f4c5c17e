"""Many image files at once, on all cores; Pillow and numpy alone, as in decode.py."""

import contextlib
import ctypes
import math
import mmap
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.data.decode import decode_image, refusing_bombs
from mlp_lab.errors import ChecksumError, MLPLabError

# Handed to a worker together: one at a time, handing over would take longer than decoding.
_FILES_AT_ONCE = 256

_SIGNAL_AT_PARENTS_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl


@dataclass
class _Work:
    """What all workers share."""

    files: Sequence[Path]
    images: NDArray[np.uint8]
    resize: bool
    skip_broken: bool

    def decode(self, start: int) -> NDArray[np.bool_]:
        """Decode the files from ``start`` on, and return which could be read."""
        files = self.files[start : start + _FILES_AT_ONCE]
        kept = np.ones(len(files), np.bool_)
        channels, height, width = self.images.shape[1:]
        for number, file in enumerate(files):
            try:
                pixels = decode_image(file, (channels, height, width), resize=self.resize)
            except ChecksumError:
                if not self.skip_broken:
                    raise
                kept[number] = False
            else:
                self.images[start + number] = pixels
        return kept


def decode_images(
    files: Sequence[Path],
    images: NDArray[np.uint8],
    *,
    resize: bool,
    skip_broken: bool = False,
    title: str,
) -> NDArray[np.bool_]:
    """Decode files into an array, with a progress bar in a terminal.

    Args:
        files: The N files.
        images: Where their pixels go; processes write into it, so its memory must be shared: a
            mapped file, or ``shared_array``.
        resize: Whether images of another size are resized, or refused.
        skip_broken: Whether a file that cannot be read is left out, or refused.
        title: What the progress bar says.

    Shape:
        images ``(N, C, H, W)``; result ``(N,)``, which files could be read.

    Raises:
        ChecksumError: A file is no image, or broken.
        ConfigError: An image has another size, and is not to be resized.
        MLPLabError: A process was killed.
    """
    # Imported before Lightning, rich would spoil its command line; see commands.py.
    from rich.progress import track

    work = _Work(files, images, resize, skip_broken)
    starts = range(0, len(files), _FILES_AT_ONCE)
    with refusing_bombs():
        if len(starts) < 2:
            return np.concatenate([work.decode(start) for start in starts])
        with _explaining_kills(), _start_workers(work, len(starts)) as pool:
            # Newer Pythons warn of forking beside threads; these workers touch nothing of theirs.
            warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
            decode = _decode if isinstance(pool, ProcessPoolExecutor) else work.decode
            done = pool.map(decode, starts)
            silent = not sys.stdout.isatty()
            return np.concatenate([*track(done, title, total=len(starts), disable=silent)])


def shared_array(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array of bytes that processes started later can write into."""
    return np.frombuffer(mmap.mmap(-1, math.prod(shape)), np.uint8).reshape(shape)


@contextlib.contextmanager
def _explaining_kills() -> Iterator[None]:
    """Say in a sentence that a worker was killed."""
    try:
        yield
    except BrokenProcessPool as error:
        raise MLPLabError(
            "A process that decoded images was killed, perhaps because memory ran out."
        ) from error


def _start_workers(work: _Work, most: int) -> ProcessPoolExecutor | ThreadPoolExecutor:
    """Start a worker for each core: processes where they can be forked, else threads.

    Python's own part in reading a small image keeps threads from doing two at a time.
    """
    if sys.platform != "linux":
        return ThreadPoolExecutor(os.cpu_count())
    num = min(most, len(os.sched_getaffinity(0)))
    Image.init()  # once, and not in each process
    context = multiprocessing.get_context("fork")  # arguments are inherited, not copied
    return ProcessPoolExecutor(num, context, _begin_process, (work, os.getpid()))


def _begin_process(work: _Work, parent: int) -> None:
    """Keep the work where the process finds it, leave Ctrl-C to the parent, and end with it."""
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before that
        os._exit(1)


_work: _Work | None = None
"""What a worker process works on."""


def _decode(start: int) -> NDArray[np.bool_]:
    assert _work is not None
    return _work.decode(start)
