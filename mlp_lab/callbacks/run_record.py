"""manifest.json, and what a checkpoint holds of this package: settings, scores, the model."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

import mlp_lab
from mlp_lab.callbacks.result import find_data
from mlp_lab.data import PARTS, LabDataModule
from mlp_lab.errors import ConfigError, warn_deprecated
from mlp_lab.export.model_info import describe_model
from mlp_lab.files.plain_text import as_shown
from mlp_lab.loggers import run_loggers
from mlp_lab.nets import TableEncoding, measure_net
from mlp_lab.processes.threads import describe_threads, device_name
from mlp_lab.runs.provenance import git_state, versions
from mlp_lab.runs.run import Run, now
from mlp_lab.tasks import Task

_MAX_CLASSES_LISTED = 12


class RunRecord(pl.Callback):
    """Record settings, data, net and surroundings of a training in its run and its checkpoints.

    Args:
        run: Where to write, on the first process; None on the others.
        config: The full configuration in plain types.
        own_modules: Files of the modules that classes of the user's own were taken from, by name.
            In version 0.1 the command line stood here, as a list.
        resumes: Whether the run goes on from its own checkpoint.
        command: The command line, as version 0.1 called it; removed in 0.3.

    Attributes:
        shared_dir: The directory of the run, which the first process has sent to the others.
    """

    def __init__(
        self,
        run: Run | None,
        config: Mapping[str, Any],
        own_modules: Mapping[str, str] | list[str] | None = None,
        *,
        resumes: bool = False,
        command: list[str] | None = None,
    ) -> None:
        if isinstance(own_modules, list):
            own_modules, command = None, own_modules
        if command is not None:
            warn_deprecated("RunRecord(run, config, command)", "RunRecord(run, config, {})")
        self.command = command
        self.run = run
        self.config = dict(config)
        self.own_modules = dict(own_modules or {})
        self.resumes = resumes
        self.shared_dir: Path | None = None
        self._metrics: dict[str, float] = {}

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write the manifest's first half."""
        if stage != "fit":
            return
        own = (self.run.dir if self.run else None, self.resumes)
        self.shared_dir, resumes = trainer.strategy.broadcast(own)
        if resumes != self.resumes:
            raise ConfigError(
                f"{str(self.shared_dir)!r} is not known to all processes of this training. Point "
                "--runs_dir at a disk that all machines share."
            )
        if self.run is None:
            return
        before = self.run.read_manifest()
        self.run.update_manifest(
            status="running",
            start=before.get("start", now()),
            end=None,
            git=git_state(),
            versions=versions(),
            device=device_name(trainer.strategy.root_device),
            processes=trainer.world_size,
            **describe_threads(),
            seed=self.config["seed_everything"],
            own_modules=before.get("own_modules", {}) | self.own_modules,
            **({"command": self.command} if self.command and "command" not in before else {}),
        )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record data and net, and print them; refuse other data than the run began with."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, Task)
        size = measure_net(pl_module.net)
        net: dict[str, Any] = {
            "class": pl_module.net_name,
            "parameters": size.parameters,
            "neurons": size.neurons,
            "connections": size.connections,
        }
        if pl_module.columns:
            net["encoding"] = asdict(pl_module.encoding or TableEncoding())
        data = find_data(trainer)
        description = describe_data(data) if data else {}
        if data:
            _print_data(data, description)
        print(
            f"net: {net['class']}: {size.parameters:,} trainable parameters, "
            f"{size.neurons:,} neurons, {size.connections:,} connections; "
            f"on {device_name(trainer.strategy.root_device)}"
        )
        if self.run is None:
            return
        for logger in run_loggers(trainer.loggers):
            logger.log_settings(self.config)
        assert data is not None
        fingerprints = data.fingerprints()
        before = self.run.read_manifest().get("data", {}).get("sha256", {})
        if changed := [key for key, new in fingerprints.items() if before.get(key, new) != new]:
            raise ConfigError(
                f"The data are not those that {str(self.run.dir)!r} began with: the SHA-256 of "
                f"{', '.join(changed)} differ. Bring them back, or begin a new run."
            )
        self.run.update_manifest(
            data={**description, "sha256": fingerprints},
            net=net,
            score={"metric": pl_module.score, "mode": pl_module.score_mode},
        )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the scores of a resumed run's last validation.

        A ModelCheckpoint compares them at the end of an epoch that stops before it is validated.
        """
        scores = {key: torch.tensor(value) for key, value in self._metrics.items()}
        trainer.callback_metrics.update(scores)

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
        data = find_data(trainer)
        if data and isinstance(pl_module, Task):
            name = self.run.name if self.run else ""
            model = describe_model(pl_module, data, name, self._metrics)
            checkpoint["mlp_lab"]["model"] = model.plain()

    def on_load_checkpoint(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Take over the run's scores, which the next checkpoint holds too."""
        if self.resumes:
            self._metrics = dict(checkpoint["mlp_lab"]["metrics"])


def describe_data(data: LabDataModule) -> dict[str, Any]:
    """Describe what trains, validates and tests: source, classes and their counts in each split."""
    return {
        "source": data.source.name,
        "input_shape": list(data.input_shape),
        **({"columns": data.columns} if data.columns else {}),
        "class_names": list(data.class_names),
        "validation": data.validation_origin,
        "test": data.test_origin,
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


def _print_data(data: LabDataModule, description: Mapping[str, Any]) -> None:
    sizes = ", ".join(f"{num:,} {part}" for part, num in description["samples"].items())
    validation = description["validation"]
    print(f"data: {as_shown(data.source.name)}: {sizes} (validation = {validation})")
    if data.imbalance or data.resample:
        for step, counts in description["training_counts"].items():
            print(f"training classes, {step}: {_format_counts(counts)}")


def _format_counts(counts: Mapping[str, int]) -> str:
    """Format the counts of classes, of many only their range."""
    if len(counts) > _MAX_CLASSES_LISTED:
        return f"{len(counts)} classes of {min(counts.values()):,} to {max(counts.values()):,}"
    return ", ".join(f"{as_shown(name)} {count:,}" for name, count in counts.items())
