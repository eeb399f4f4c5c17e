"""Many image files at once, on all cores; Pillow and numpy alone, as in decode.py."""

import math
import mmap
import multiprocessing
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.errors import ChecksumError, WorkerError
from mlp_lab.images.decode import decode_image, refusing_bombs
from mlp_lab.processes.signals import begin_helper

# Handed to a worker together: one at a time, handing over would take longer than decoding.
_FILES_AT_ONCE = 256
_BATCHES_AHEAD = 6


@dataclass
class _Work:
    """Files and their array, shared by all workers.

    The array may have fewer rows than files: later images then overwrite the first.
    """

    files: Sequence[Path]
    images: NDArray[np.uint8]
    resize: bool
    skip_broken: bool
    at_once: int

    def decode(self, start: int) -> NDArray[np.bool_]:
        """Decode the files from ``start`` on, and return which could be read."""
        files = self.files[start : start + self.at_once]
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
                self.images[(start + number) % len(self.images)] = pixels
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
        title: Title of the progress bar.

    Shape:
        images ``(N, C, H, W)``; result ``(N,)``, which files could be read.

    Raises:
        ChecksumError: A file is no image, or broken.
        ConfigError: An image has another size, and is not to be resized.
        WorkerError: A process was killed.
    """
    # Imported before Lightning, rich would spoil its command line; see cli/console.py.
    from rich.progress import track

    work = _Work(files, images, resize, skip_broken, _FILES_AT_ONCE)
    silent = not sys.stdout.isatty()
    num_parts = -(-len(files) // _FILES_AT_ONCE)
    parts = _decode_in_order(work, num_parts)
    return np.concatenate([*track(parts, title, total=num_parts, disable=silent)])


def stream_images(
    files: Sequence[Path],
    shape: tuple[int, int, int],
    batch_size: int,
    *,
    skip_broken: bool = False,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Yield images batch by batch, decoded ahead in memory that does not grow with their number.

    Args:
        files: The N files.
        shape: Channels, height and width that all are brought to.
        batch_size: Images of a batch; the last one may have fewer.
        skip_broken: Whether a file that cannot be read is passed over, or refused.

    Shape:
        each ``(B, C, H, W)``, valid until the next one, and ``(B,)``, which files could be read.

    Raises:
        ChecksumError: A file is no image, or broken.
        WorkerError: A process was killed.
    """
    batch_size = min(batch_size, len(files))
    num_batches = -(-len(files) // batch_size)
    ahead = min(_BATCHES_AHEAD, num_batches)
    images = shared_array((ahead * batch_size, *shape))
    work = _Work(files, images, resize=True, skip_broken=skip_broken, at_once=batch_size)
    for number, kept in enumerate(_decode_in_order(work, ahead - 1 or 1)):
        place = number % ahead * batch_size
        yield images[place : place + len(kept)], kept


def _decode_in_order(work: _Work, most_ahead: int) -> Iterator[NDArray[np.bool_]]:
    """Decode all files in parts, at most ``most_ahead`` of them ahead of what is yielded."""
    starts = iter(range(0, len(work.files), work.at_once))
    with refusing_bombs():
        if len(work.files) <= work.at_once:
            yield from map(work.decode, starts)
            return
        # Newer Pythons warn of forking beside threads; these workers use none of them.
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        pool = _start_workers(work)
        decode = _decode if isinstance(pool, ProcessPoolExecutor) else work.decode
        try:
            pending = deque(pool.submit(decode, start) for start in islice(starts, most_ahead))
            while pending:
                yield pending.popleft().result()
                pending += [pool.submit(decode, start) for start in islice(starts, 1)]
        except BrokenProcessPool as error:
            raise WorkerError(
                "A process that decoded images was killed, perhaps because memory ran out."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def shared_array(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an array of bytes that processes started later can write into."""
    return np.frombuffer(mmap.mmap(-1, math.prod(shape)), np.uint8).reshape(shape)


def _start_workers(work: _Work) -> ProcessPoolExecutor | ThreadPoolExecutor:
    """Start a worker for each core: processes where they can be forked, else threads.

    Python's own part in reading a small image keeps threads from doing two at a time.
    """
    if sys.platform != "linux":
        return ThreadPoolExecutor(os.cpu_count())
    num = min(len(work.files) // work.at_once + 1, len(os.sched_getaffinity(0)))
    Image.init()  # once, and not in each process
    context = multiprocessing.get_context("fork")  # arguments are inherited, not copied
    return ProcessPoolExecutor(num, context, _begin_process, (work, os.getpid()))


def _begin_process(work: _Work, parent: int) -> None:
    """Set the work of this process."""
    global _work
    _work = work
    begin_helper(parent, signal.SIGKILL)


_work: _Work | None = None
"""What a worker process works on."""


def _decode(start: int) -> NDArray[np.bool_]:
    assert _work is not None
    return _work.decode(start)
