"""The best checkpoint of a training, and the temperature that calibrates it."""

import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import Tensor

from mlp_lab.callbacks.checkpoints import WholeFileCheckpointIO, find_checkpoint_to_test
from mlp_lab.callbacks.extra_scores import forward_samples
from mlp_lab.data import LabDataModule
from mlp_lab.errors import MLPLabWarning
from mlp_lab.evaluation.calibration import (
    TEMPERATURES,
    calibrate,
    fit_temperature,
    negative_log_likelihood,
)
from mlp_lab.files.safe_load import load_plain
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.tasks import Task
from mlp_lab.training.job import Job
from mlp_lab.training.weights import load_checkpoint

_TENSOR = "temperature"


def load_best(job: Job, trainer: pl.Trainer) -> None:
    """Load the best checkpoint of a finished training; without one the weights stay.

    Where the task is to be calibrated, its temperature is fitted, and written into the checkpoint.
    Done again, that gives the same temperature, and leaves the file as it is.

    Raises:
        WriteError: The checkpoint could not be written; it is what it was before.
    """
    best = find_checkpoint_to_test(trainer)
    if best is None:
        return
    load_checkpoint(best, job, trainer)
    if job.task.temperature is not None:
        job.task.to(trainer.strategy.root_device)
    text = calibrate_task(job.task, job.data)
    if is_first_process():
        _keep_temperature(best, job.task.temperature)
        if text:
            print(text)


def calibrate_task(task: Task, data: LabDataModule) -> str:
    """Set the temperature of a task to the one that suits the validation samples best.

    Without such a temperature it is 1, with a warning.

    Args:
        task: The task; nothing is done unless it is to be calibrated.
        data: Its data, set up.

    Returns:
        A line about what it changed; empty where nothing was done.
    """
    if task.temperature is None:
        return ""
    task.temperature.fill_(1)
    samples = data.subsets["val"]
    parts = [
        (outputs.float().cpu(), labels.cpu())
        for outputs, labels in forward_samples(task, samples, data.batch_size)
    ]
    outputs, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    found = fit_temperature(outputs, labels)
    if found is None:
        warnings.warn(
            f"model.calibrate leaves the temperature at 1: none between {TEMPERATURES[0]:g} and "
            f"{TEMPERATURES[1]:g} suits the {len(samples):,} validation samples best, as where all "
            "of them are classified correctly. Hold out more with data.val_fraction.",
            MLPLabWarning,
            stacklevel=2,
        )
        return ""
    # A net that is trained in double precision is loaded in single.
    task.temperature.fill_(torch.tensor(found, dtype=torch.float32))
    likelihoods, errors = [], []
    for scaled in (outputs, outputs / task.temperature.float().cpu()):
        likelihoods.append(f"{negative_log_likelihood(scaled, labels):.4f}")
        probabilities = task.probabilities(scaled)
        assert probabilities is not None
        errors.append(f"{calibrate(probabilities, labels).error:.4f}")
    return (
        f"calibration: temperature {float(task.temperature):.4f}, fitted to {len(samples):,} "
        f"validation samples: negative log likelihood {' to '.join(likelihoods)}, expected "
        f"calibration error {' to '.join(errors)}"
    )


def _keep_temperature(path: Path, temperature: Tensor | None) -> None:
    """Write the temperature into a checkpoint, or take it out of one, unless it is so already."""
    before = load_plain(path, mmap=True)["state_dict"].get(_TENSOR)
    if temperature is None:
        if before is None:
            return
    elif before is not None and torch.equal(before, temperature.cpu()):
        return
    checkpoint = read_checkpoint(path)
    checkpoint["state_dict"].pop(_TENSOR, None)
    if temperature is not None:
        checkpoint["state_dict"][_TENSOR] = temperature.cpu()
    WholeFileCheckpointIO().save_checkpoint(checkpoint, path)
