"""manifest.json: what was asked, and where and with what it ran."""

import functools
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

import mlp_lab
from mlp_lab.data import PARTS, LabDataModule
from mlp_lab.errors import ConfigError
from mlp_lab.export.model_info import describe_model
from mlp_lab.files.plain_text import as_shown
from mlp_lab.loggers import run_loggers
from mlp_lab.nets import measure_net
from mlp_lab.processes.threads import describe_threads
from mlp_lab.runs.run import Run, now
from mlp_lab.tasks import Task

_MOST_CLASSES_LISTED = 12

_PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "jsonargparse", "numpy")


class RunRecord(pl.Callback):
    """Write what a training was asked and ran with, into its directory and its checkpoints.

    Args:
        run: Where to write, on the first process; None on the others.
        config: The full configuration in plain types.
        command: The command line.
        own_modules: Files of the modules that classes of the user's own were taken from, by name.
        resumes: Whether the run goes on from its own checkpoint.
    """

    def __init__(
        self,
        run: Run | None,
        config: Mapping[str, Any],
        command: list[str],
        own_modules: Mapping[str, str],
        *,
        resumes: bool,
    ) -> None:
        self.run = run
        self.config = dict(config)
        self.command = command
        self.own_modules = dict(own_modules)
        self.resumes = resumes
        self._metrics: dict[str, float] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the manifest's first half."""
        if stage != "fit" or self.run is None:
            return
        known = self.run.read_manifest()
        self.run.update_manifest(
            status="running",
            start=known.get("start", now()),
            end=None,
            command=known.get("command", self.command),
            git=git_state(),
            versions=versions(),
            device=device_name(trainer),
            processes=trainer.world_size,
            **describe_threads(),
            seed=self.config["seed_everything"],
            own_modules=known.get("own_modules", {}) | self.own_modules,
        )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add what is known once the data are there; say it on the console too."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Task)
        size = measure_net(pl_module.net)
        net = {
            "class": type(pl_module.net).__name__,
            "parameters": size.parameters,
            "neurons": size.neurons,
            "connections": size.connections,
        }
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        data = describe_data(datamodule) if isinstance(datamodule, LabDataModule) else {}
        if data:
            sizes = ", ".join(f"{n:,} {part}" for part, n in data["samples"].items())
            print(f"data: {as_shown(data['source'])}: {sizes} (validation = {data['validation']})")
            if datamodule.imbalance or datamodule.resample:
                for step, counts in data["training_counts"].items():
                    print(f"training classes, {step}: {_counts_text(counts)}")
        print(
            f"net: {net['class']}: {size.parameters:,} trainable parameters, "
            f"{size.neurons:,} neurons, {size.connections:,} connections; "
            f"on {device_name(trainer)}"
        )
        if self.run is not None:
            for logger in run_loggers(trainer.loggers):
                logger.log_settings(self.config)
            assert isinstance(datamodule, LabDataModule)
            fingerprints = datamodule.fingerprints()
            before = self.run.read_manifest().get("data", {}).get("sha256", {})
            if changed := [key for key, new in fingerprints.items() if before.get(key, new) != new]:
                raise ConfigError(
                    f"The data are not those that {str(self.run.dir)!r} began with: the SHA-256 of "
                    f"{', '.join(changed)} differ. Bring them back, or begin a new run."
                )
            self.run.update_manifest(
                data={**data, "sha256": fingerprints},
                net=net,
                score={"metric": pl_module.score, "mode": pl_module.score_mode},
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let a resumed run know the scores of its last validation.

        A ModelCheckpoint compares them at the end of an epoch that stops before it is validated.
        """
        known = {key: torch.tensor(value) for key, value in self._metrics.items()}
        trainer.callback_metrics.update(known)

    def on_save_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Put the configuration and the scores into the checkpoint, which may be copied away."""
        self._metrics |= {
            key: float(value) for key, value in trainer.callback_metrics.items() if "/" in key
        }
        checkpoint["mlp_lab"] = {
            "version": mlp_lab.__version__,
            "config": self.config,
            "metrics": dict(self._metrics),
        }
        datamodule = trainer.datamodule  # type: ignore[attr-defined]  # set by a connector
        if isinstance(datamodule, LabDataModule) and isinstance(pl_module, Task):
            name = self.run.name if self.run else ""
            model = describe_model(pl_module, datamodule, name, self._metrics)
            checkpoint["mlp_lab"]["model"] = model.plain()

    def on_load_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Take the run's own scores over: there may be none before the next file."""
        if self.resumes:
            self._metrics = dict(checkpoint["mlp_lab"]["metrics"])


def describe_data(data: LabDataModule) -> dict[str, Any]:
    """Say what trains, validates and tests: source, classes and their counts in each split."""
    return {
        "source": data.source.name,
        "input_shape": list(data.input_shape),
        "class_names": list(data.class_names),
        "validation": data.validation_origin,
        "samples": {part: len(data.subsets[part]) for part in PARTS},
        "counts": {
            part: dict(zip(data.class_names, data.class_counts(part).tolist(), strict=True))
            for part in PARTS
        },
        "training_counts": {
            step: dict(zip(data.class_names, counts.tolist(), strict=True))
            for step, counts in data.training_counts.items()
        },
        "mean": data.mean.tolist(),
        "std": data.std.tolist(),
        "notes": data.source.notes,
        "provenance": data.source.provenance,
    }


def _counts_text(counts: Mapping[str, int]) -> str:
    """Say the counts of classes, of many only how far they reach."""
    if len(counts) > _MOST_CLASSES_LISTED:
        return f"{len(counts)} classes of {min(counts.values()):,} to {max(counts.values()):,}"
    return ", ".join(f"{as_shown(name)} {count:,}" for name, count in counts.items())


@functools.cache  # what runs was loaded once, however many trainings there are
def git_state() -> dict[str, Any] | None:
    """Return commit and dirty flag of this package's checkout; None where it is installed."""
    package = Path(mlp_lab.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"mlp_lab": mlp_lab.__version__, "python": platform.python_version(), **packages}


def device_name(trainer: pl.Trainer) -> str:
    """Say what computes: the GPU's name, or the CPU with its threads."""
    device = trainer.strategy.root_device
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type}, {threads} thread{'s' if threads > 1 else ''}"
