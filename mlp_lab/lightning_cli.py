"""Lightning's CLI with this project's parts, behind every command that needs a configuration."""

import argparse
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import yaml
from filelock import BaseFileLock
from jsonargparse import set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import nn
from torch.optim import Optimizer

from mlp_lab import callbacks as lab
from mlp_lab.atomic import keep_to, let_go, remove_leftovers, write_text
from mlp_lab.compatibility import check_training
from mlp_lab.data import LabDataModule, Source
from mlp_lab.errors import ConfigError, MLPLabError
from mlp_lab.execution import find_steps_per_execution
from mlp_lab.loggers import CSVLogger, TensorBoardEvents, run_loggers
from mlp_lab.memory import explain_out_of_memory
from mlp_lab.nets import Net
from mlp_lab.parser_errors import explain_parser_error
from mlp_lab.run import Run
from mlp_lab.runs.own_runs import remember
from mlp_lab.runs.threads import describe_threads, restore_threads
from mlp_lab.settings import DEFAULT_RUNS_DIR, Command, Settings
from mlp_lab.tasks import Schedule, Task

DEFAULT_EXPERIMENT = "base"
OVERFIT_MAX_EPOCHS = 100
MAX_SEED = 2**32 - 1  # numpy takes no more

# The settings that name a class.
CLASS_POSITIONS: dict[str, type] = {
    "model": Task,
    "model.net": Net,
    "model.loss": nn.Module,
    "model.optimizer": Optimizer,
    "model.schedule": Schedule,
    "data.source": Source,
}

_PARSERS: dict[Command, LightningArgumentParser] = {}


class LabCLI(LightningCLI):
    """Make trainer, task and data from a configuration, and the run directory around them.

    Args:
        command: The command that is run.
        settings: What the command line asks for.

    Attributes:
        run: The run that is written to, or that the checkpoint lies in; None where nothing is
            written: in fast_dev_run, and in all processes but the first.
        plain_config: The configuration in plain types, as config.yaml holds it.
        stopwatch: Times the training.
        best_checkpoint: Keeps the best epoch; None in fast_dev_run and the overfit check.
        last_checkpoint: Keeps the last epoch; None in fast_dev_run.
        overfit_check: Judges an overfit check; None in any other training.
    """

    model: Task
    datamodule: LabDataModule

    def __init__(self, command: Command, settings: Settings) -> None:
        self.command = command
        self.settings = settings
        new_run = command == "fit" and not settings.resumes
        self.run = settings.run if is_first_process() and not new_run else None
        self.plain_config: dict[str, Any] = {}
        self._lock: BaseFileLock | None = None
        self.stopwatch = lab.Stopwatch()
        self.best_checkpoint: lab.BestCheckpoint | None = None
        self.last_checkpoint: lab.LastCheckpoint | None = None
        self.overfit_check: lab.OverfitCheck | None = None
        super().__init__(
            model_class=Task,
            datamodule_class=LabDataModule,
            save_config_callback=None,
            trainer_defaults={"max_epochs": 10, "num_sanity_val_steps": 0},
            seed_everything_default=0,
            parser_kwargs={
                "prog": f"mlp-lab {command}",
                "description": None,
                "allow_abbrev": False,
                "exit_on_error": False,
            },
            subclass_mode_model=True,
            args=settings.arguments,
            run=False,
            auto_configure_optimizers=False,
            # The task describes itself in its checkpoint, however it was made.
            load_from_checkpoint_support=False,
        )

    def setup_parser(self, *args: Any) -> None:
        """Take the command's parser, made once a process: a sweep's trials are many."""
        if (parser := _PARSERS.get(self.command)) is None:
            super().setup_parser(*args)
            _PARSERS[self.command] = self.parser
        else:
            self.parser = parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the project's own flags, defaults, and the links from data to task."""
        parser.add_argument(
            "--experiment",
            type=str | None,
            default=None,
            help="Name of the experiment; by default the first configuration file's.",
        )
        parser.add_argument(
            "--runs_dir", type=Path, default=DEFAULT_RUNS_DIR, help="Directory of all runs."
        )
        parser.add_argument(
            "--run_dir",
            type=Path | None,
            default=None,
            help="A run: fit resumes it from last.ckpt, the others take its best.ckpt.",
        )
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            default=None,
            help="A checkpoint file; its run's configuration is used.",
        )
        parser.add_argument(
            "--out",
            type=Path | None,
            default=None,
            help="Directory for the results of test, predict and stats; the file of prepare.",
        )
        parser.add_argument(
            "--figures", type=bool, default=True, help="Whether fit and test draw figures."
        )
        parser.add_argument(
            "--onnx", type=bool, default=True, help="Whether fit exports its best net as ONNX."
        )
        parser.add_argument(
            "--trust",
            action="store_true",
            help="Accept classes of any package in a configuration that a checkpoint brings along.",
        )
        parser.set_defaults(
            {
                "model": {"class_path": "mlp_lab.tasks.ClassificationTask"},
                "data.source": {"class_path": "mlp_lab.data.KMNIST"},
            }
        )
        for key in ("input_shape", "num_classes", "num_targets"):
            parser.link_arguments(f"data.{key}", f"model.init_args.{key}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and say what is wrong in one sentence."""
        # A dictionary that looks like a class stays one, unless the user has said it.
        # What the parser denies by itself, it denies in earnest once there is a list of one's own.
        set_parsing_settings(
            instantiate_subclass_spec_in_any=self.settings.trusted,
            import_path_denylist=["torch.hub"],
        )
        try:
            self.config = parser.parse_args(args)
        except argparse.ArgumentError as error:
            options = [action.dest for action in parser._actions]
            message = explain_parser_error(str(error), options, CLASS_POSITIONS)
            raise ConfigError(message) from error
        for key in ("trainer", "data", "model", "runs_dir"):
            if self.config.get(key) is None:
                raise ConfigError(f"{key} is null; leave it out for its defaults.")
        if self.config.seed_everything is True:
            self.config.seed_everything = secrets.randbelow(MAX_SEED + 1)
        seed = self.config.seed_everything
        if seed is None:
            raise ConfigError("seed_everything is null; give a number, or true for a random one.")
        if not 0 <= seed <= MAX_SEED:
            raise ConfigError(f"seed_everything is {seed}; it must lie in 0..{MAX_SEED}.")

    def before_instantiate_classes(self) -> None:
        """Fix what the run's own configuration must say, and keep it in plain types."""
        config = self.config
        if config.trainer.max_epochs == 0 or config.trainer.max_steps == 0:
            raise ConfigError("trainer.max_epochs or max_steps is 0; there would be no training.")
        if config.trainer.overfit_batches and self.settings.resumes:
            raise ConfigError(
                f"{self.settings.run_config_origin!r} is of an overfit check, which is not "
                "resumed. Begin it anew without --run_dir."
            )
        if config.trainer.overfit_batches and not self.settings.is_typed("trainer.max_epochs"):
            config.trainer.max_epochs = OVERFIT_MAX_EPOCHS
            print(f"epochs: {OVERFIT_MAX_EPOCHS}, unless --trainer.max_epochs is typed")
        if config.experiment is None:
            configs = self.settings.configs
            config.experiment = Path(configs[0]).stem if configs else DEFAULT_EXPERIMENT
        # The run goes on from any directory.
        config.data.root = Path(config.data.root).absolute()
        if config.data.predict_dir is not None:
            config.data.predict_dir = Path(config.data.predict_dir).absolute()
        source_arguments = config.data.source.get("init_args") or {}
        for key, value in source_arguments.items():
            if isinstance(value, Path):
                source_arguments[key] = value.absolute()
        plain: dict[str, Any] = yaml.safe_load(
            self.parser.dump(config, skip_unset=False, skip_validation=True)
        )
        for key in ("config", "ckpt_path", "run_dir", "out", "trust"):
            plain.pop(key, None)
        self.plain_config = plain

    def instantiate_classes(self) -> None:
        """Make the parts; a refusal by one of them comes out as it was said."""
        try:
            super().instantiate_classes()
        except ValueError as error:
            said = (
                e for e in _causes(error) if isinstance(e, MLPLabError) or explain_out_of_memory(e)
            )
            raise next(said, error) from error

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Make the run directory and the trainer that writes into it."""
        settings = self.config_init.trainer
        training = self.command == "fit"
        typed = self.settings.is_typed("data.root") or self.settings.is_typed("data.download")
        self.datamodule.source.may_write = self.settings.trusted or typed
        if not training and self.settings.checkpoint:
            lab.check_fits(self.settings.checkpoint, self.model)
        user_callbacks = settings.callbacks or []
        if not isinstance(user_callbacks, list):
            user_callbacks = [user_callbacks]
        if training:
            check_training(settings, self.model, user_callbacks)
            self._fix_steps_per_execution(user_callbacks)
        else:  # the average is what a checkpoint gives
            user_callbacks = [c for c in user_callbacks if not isinstance(c, WeightAveraging)]
        if not training or settings.fast_dev_run:  # nothing is written
            user_callbacks = [c for c in user_callbacks if not isinstance(c, Checkpoint)]
            kwargs["enable_checkpointing"] = False
        if training and is_first_process():
            on_cpu = settings.accelerator == "cpu" or not torch.accelerator.is_available()
            if self.settings.resumes and self.run is not None:
                self._check_unchanged(self.run)
                if on_cpu:
                    restore_threads(self.run)
            # Data that is missing is found out before a run directory is made.
            self.datamodule.prepare_data()
            self.datamodule.setup("fit")
            if not self.settings.resumes:
                self.datamodule.require_learnable_classes()
            self.model.take_statistics(self.datamodule)
            self._open_run_dir()
        kwargs["callbacks"] = [*user_callbacks, *(self._training_callbacks() if training else [])]
        bars = [] if settings.enable_progress_bar is False else lab.progress_bars()
        kwargs["callbacks"] += bars
        kwargs["enable_progress_bar"] = bool(bars)
        kwargs["logger"] = self._loggers(settings.logger) if training else False
        kwargs["enable_model_summary"] = bool(settings.enable_model_summary)
        if self.run is not None:
            kwargs["default_root_dir"] = self.run.dir
        if self.command == "predict":  # one table, in the order of the samples
            kwargs |= {"devices": 1, "num_nodes": 1, "strategy": "auto"}
        plugins = settings.plugins or []
        plugins = plugins if isinstance(plugins, list) else [plugins]
        kwargs["plugins"] = [*plugins, lab.WholeFileCheckpointIO()]
        try:
            trainer = super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError, TypeError) as error:
            if self.run is not None and not self.settings.resumes and training:
                self.release_run()
                self.run.discard()
            raise ConfigError(f"The settings of trainer cannot work: {error}") from error
        lab.name_damage(trainer)
        if settings.overfit_batches:
            trainer.limit_val_batches = 0
        # last.ckpt lies between epochs. With max_steps Lightning would go on within one, with
        # neither its seed nor its order.
        trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]
        if trainer.strategy.root_device.type == "cpu":
            # Lightning sets it at import; Adam then looks for a GPU driver at each step, 30 us.
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
        return trainer

    def _fix_steps_per_execution(self, user_callbacks: list[pl.Callback]) -> None:
        """Choose the number where none is set, and let the run's configuration say it."""
        data = self.datamodule
        data.steps_per_execution = find_steps_per_execution(
            data.steps_per_execution, self.config_init.trainer, self.model, user_callbacks
        )
        self.plain_config["data"]["steps_per_execution"] = data.steps_per_execution

    def _open_run_dir(self) -> None:
        """Make the directory of a new run, or take that of a resumed one over."""
        if self.settings.checkpoint:
            epochs_done = lab.check_fits(
                self.settings.checkpoint, self.model, resumes=self.settings.resumes
            )
            # A run that has them all still has its test to come; a new one would have nothing.
            fewest = epochs_done if self.settings.resumes else epochs_done + 1
            if 0 < self.config.trainer.max_epochs < fewest:
                raise ConfigError(
                    f"trainer.max_epochs is {self.config.trainer.max_epochs}, but "
                    f"{str(self.settings.checkpoint)!r} has {epochs_done} epochs already. "
                    "Raise --trainer.max_epochs."
                )
        config = yaml.safe_dump(self.plain_config, sort_keys=False, allow_unicode=True, width=100)
        if self.run is not None:
            self._take_run_dir(self.run)
            remove_leftovers(self.run.dir)
            write_text(self.run.config_path, config)
            if self.settings.trusted:
                remember(self.run, self.settings.own_modules)
        elif not self.config_init.trainer.fast_dev_run:
            self.run = Run.create(
                self.config.runs_dir,
                self.config.experiment,
                config,
                manifest=describe_threads(),
            )
            self._take_run_dir(self.run)
            remember(self.run, self.settings.own_modules)

    def _take_run_dir(self, run: Run) -> None:
        """Keep other processes out of the run, and this one from another run of its name."""
        self._lock = run.lock()
        keep_to(run.dir)

    def _check_unchanged(self, run: Run) -> None:
        """Refuse settings that no resumed run may change."""
        if changed := self.settings.changed_for_training(self.plain_config):
            raise ConfigError(
                f"{changed[0]} is not what the run began with, so going on would be no run of "
                "either setting. Leave it out, or begin a new run: "
                f"mlp-lab fit --config {run.config_path} {' '.join(self.settings.flags)}"
            )
        self._check_horizon()

    def _check_horizon(self) -> None:
        """Refuse another number of epochs for a resumed run whose schedule stretches over them."""
        schedule = self.model.schedule
        if schedule is None or not schedule.has_horizon:
            return
        for key in ("max_epochs", "max_steps"):
            before, now = (c["trainer"][key] for c in (self.settings.run_config, self.plain_config))
            if before != now:
                raise ConfigError(
                    f"trainer.{key} is {now}, but the run began with {before}, and its schedule "
                    f"{type(schedule).__name__} stretches over all of it. Leave it out, or begin a "
                    f"new run: mlp-lab fit --config {self.settings.run_config_origin} "
                    f"--trainer.{key} {now}"
                )

    def _training_callbacks(self) -> list[pl.Callback]:
        """Return what every training has; the checkpoints in the order they must be written in."""
        trainer = self.config_init.trainer
        step_metrics = lab.StepMetrics()
        always = [
            lab.EpochSeed(),
            step_metrics,
            lab.FiniteCheck(),
            lab.CheckpointStates(),
            self.stopwatch,
            lab.RunRecord(
                self.run,
                self.plain_config,
                ["mlp-lab", *sys.argv[1:]],
                self.settings.own_modules,
                resumes=self.settings.resumes,
            ),
        ]
        if trainer.fast_dev_run:
            return always
        # Lightning hands the first process's directory to the others.
        checkpoints_dir = self.run.checkpoints_dir if self.run else Path("checkpoints")
        last = self.last_checkpoint = lab.LastCheckpoint(checkpoints_dir)
        if trainer.overfit_batches:
            self.overfit_check = lab.OverfitCheck(step_metrics)
            return [*always, self.overfit_check, last]
        best = lab.BestCheckpoint(checkpoints_dir, self.model.score, self.model.score_mode)
        self.best_checkpoint = best
        return [*always, lab.EpochLines(step_metrics, self.stopwatch, best), best, last]

    def _loggers(self, configured: bool | Logger | list[Logger] | None) -> list[Logger] | bool:
        """Return metrics.csv and, unless others are configured or none, TensorBoard."""
        if self.run is None:
            return False
        others: list[Logger]
        match configured:
            case False:
                others = []
            case True | None:
                others = [TensorBoardEvents(self.run.dir, name="", version="tensorboard")]
            case list():
                others = configured
            case _:
                others = [configured]
        loggers = run_loggers([CSVLogger(self.run.step_metrics_path), *others])
        for logger in loggers:
            logger.begin(self.run)
        return [*loggers]

    def release_run(self) -> None:
        """Let other processes work on the run."""
        if self._lock is not None and self.run is not None:
            let_go(self.run.dir)
            self._lock.release()
            self._lock = None

    def best_or_last_checkpoint(self) -> Path | None:
        """Return the best checkpoint of the training, or its last where nothing was validated."""
        for checkpoint in (self.best_checkpoint, self.last_checkpoint):
            if checkpoint is not None and checkpoint.best_model_path:
                return Path(checkpoint.best_model_path)
        return None

    def results_dir(self) -> Path | None:
        """Return where test and predict write: the run, or a place beside it for anything else."""
        if not is_first_process():
            return None
        if self.config.out:
            return Path(self.config.out)
        checkpoint = self.settings.checkpoint
        assert checkpoint is not None
        if self.run is None:
            return Run(checkpoint.absolute().parent).next_test_dir()
        is_best = checkpoint.resolve() == self.run.best_checkpoint.resolve()
        own = is_best and not self.settings.changed_for_test(self.plain_config)
        return self.run.dir if own else self.run.next_test_dir()


class ParsedCLI(LabCLI):
    """Parse a configuration and make nothing of it, to find out whether it can be read."""

    def instantiate_classes(self) -> None:
        """Leave it at the configuration."""


def is_first_process() -> bool:
    """Whether this process is the one that writes, known from the launcher's environment."""
    return getattr(rank_zero_only, "rank", 0) == 0


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
