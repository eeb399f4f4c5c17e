"""The temperature that calibrates a task, and the checkpoint that keeps it."""

import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch

from mlp_lab.callbacks.checkpoints import WholeFileCheckpointIO
from mlp_lab.data import LabDataModule
from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.evaluation.calibration import (
    TEMPERATURES,
    fit_temperature,
    measure_calibration,
    negative_log_likelihood,
)
from mlp_lab.export.model_info import metrics_of_model, scores_only
from mlp_lab.files.safe_load import load_plain
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.runs.checkpoint import read_checkpoint
from mlp_lab.tasks import Task
from mlp_lab.tasks.forward import forward_samples
from mlp_lab.training.job import Job

_TENSOR = "temperature"


def check_calibration(data: LabDataModule, *, validates: bool = True) -> None:
    """Refuse what no temperature may be fitted to.

    Args:
        data: The data, of which the validation samples would be taken.
        validates: Whether there is validation.

    Raises:
        ConfigError: There are no validation samples, or they are the test set.
    """
    reason = "" if validates else "validation is off with trainer.limit_val_batches=0"
    if data.validate_on == "test":
        reason = "with data.validate_on test those are the test set, to which nothing may be fitted"
    if reason:
        raise ConfigError(
            f"model.calibrate fits a temperature to the validation samples, and {reason}. Leave "
            "one of the two out."
        )


def calibrate_checkpoint(path: Path, job: Job, trainer: pl.Trainer) -> str:
    """Calibrate the task that a checkpoint was loaded into, and let the checkpoint keep it.

    Done again, that gives the same temperature, and leaves the file as it is. Of a task that is
    not to be calibrated, the checkpoint loses its temperature.

    Returns:
        A line about what it changed; empty where nothing was done.

    Raises:
        ConfigError: The validation samples are the test set.
        WriteError: The checkpoint could not be written; it is what it was before.
    """
    if job.task.temperature is not None:
        job.task.to(trainer.strategy.root_device)
    text = calibrate_task(job.task, job.data)
    if is_first_process():
        _keep_temperature(path, job.task)
    return text


def calibrate_task(task: Task, data: LabDataModule) -> str:
    """Set the temperature of a task to the one that suits the validation samples best.

    Without such a temperature it is 1, with a warning.

    Args:
        task: The task; nothing is done unless it is to be calibrated.
        data: Its data, set up.

    Returns:
        A line about what it changed; empty where nothing was done.

    Raises:
        ConfigError: The validation samples are the test set.
    """
    if task.temperature is None:
        return ""
    check_calibration(data)
    samples = data.subsets["val"]
    with task.uncalibrated():
        parts = [
            (outputs.float().cpu(), labels.cpu())
            for outputs, labels in forward_samples(task, samples, data.batch_size)
        ]
    outputs, labels = (torch.cat(part) for part in zip(*parts, strict=True))
    found = fit_temperature(outputs, labels)
    if found is None:
        task.temperature.fill_(1)
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
        errors.append(f"{measure_calibration(probabilities, labels).error:.4f}")
    return (
        f"calibration: temperature {float(task.temperature):.4f}, fitted to {len(samples):,} "
        f"validation samples: negative log likelihood {' to '.join(likelihoods)}, expected "
        f"calibration error {' to '.join(errors)}"
    )


def warn_if_uncalibrated(path: Path, task: Task) -> None:
    """Warn where a task is to be calibrated, and the checkpoint that it is from is not."""
    if task.calibrate and task.fitted_temperature is None:
        warnings.warn(
            f"model.calibrate is true, and {str(path)!r} has no temperature: what it predicts is "
            "not calibrated. Only fit does that; mlp-lab fit --run_dir RUN --model.calibrate true "
            "does it to a run that is trained.",
            MLPLabWarning,
            stacklevel=2,
        )


def _keep_temperature(path: Path, task: Task) -> None:
    """Write the temperature into a checkpoint, or take it out of one, unless it is so already."""
    before = load_plain(path, mmap=True)["state_dict"].get(_TENSOR)
    if task.temperature is None:
        if before is None:
            return
    elif before is not None and torch.equal(before, task.temperature.cpu()):
        return
    checkpoint = read_checkpoint(path)
    checkpoint["state_dict"].pop(_TENSOR, None)
    if task.temperature is not None:
        checkpoint["state_dict"][_TENSOR] = task.temperature.cpu()
    own = checkpoint["mlp_lab"]
    if isinstance(own.get("model"), dict):
        own["model"]["metrics"] = scores_only(metrics_of_model(task, own["metrics"]))
    WholeFileCheckpointIO().save_checkpoint(checkpoint, path)
