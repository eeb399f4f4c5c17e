"""Lightning's CLI with this project's parts, behind every command that needs a configuration."""

import argparse
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import yaml
from jsonargparse import set_parsing_settings
from jsonargparse.typing import PositiveInt
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from torch import nn
from torch.optim import Optimizer

import mlp_lab.callbacks
import mlp_lab.loggers  # noqa: F401  # the parser finds classes that are loaded by their short names
from mlp_lab.cli.console import quieten
from mlp_lab.cli.invocation import (
    DEFAULT_RUNS_DIR,
    ConfiguredCommand,
    Invocation,
    read_invocation,
)
from mlp_lab.cli.null_settings import refuse_nulls
from mlp_lab.cli.parser_errors import explain_parser_error
from mlp_lab.data import Augmentation, LabDataModule, Source, reading_tables_for
from mlp_lab.errors import ConfigError, MLPLabError, causes, explain_out_of_memory
from mlp_lab.files.plain_text import as_shown
from mlp_lab.nets import Net
from mlp_lab.processes.ranks import is_first_process
from mlp_lab.runs.own_classes import typed_settings
from mlp_lab.tasks import Schedule, Task
from mlp_lab.training.job import Job
from mlp_lab.training.weights import known_table

DEFAULT_EXPERIMENT = "base"
OVERFIT_MAX_EPOCHS = 100
MAX_SEED = 2**32 - 1  # numpy takes no more

# The settings that name a class or several, and the base of what they may name.
_BASES: dict[str, type] = {
    "model": Task,
    "model.net": Net,
    "model.loss": nn.Module,
    "model.optimizer": Optimizer,
    "model.schedule": Schedule,
    "data.source": Source,
    "data.augment": Augmentation,
}
# The project's own flags: type, default, and the line of --help.
_FLAGS: dict[str, tuple[Any, Any, str]] = {
    "experiment": (
        str | None,
        None,
        "Name of the experiment; by default the first configuration file's.",
    ),
    "runs_dir": (Path, DEFAULT_RUNS_DIR, "Directory of all runs."),
    "run_dir": (
        Path | None,
        None,
        "A run: fit resumes it from last.ckpt, the others take its best.ckpt.",
    ),
    "ckpt_path": (str | None, None, "A checkpoint file; its run's configuration is used."),
    "init_from": (
        Path | None,
        None,
        "A run, checkpoint or .pth whose weights a new training begins with.",
    ),
    "note": (str | None, None, "A remark, for the manifest, the report and the comparison."),
    "out": (
        Path | None,
        None,
        "Directory for the results of test, predict and stats; the file of prepare.",
    ),
    "threads": (
        PositiveInt | None,
        None,
        "Number of threads that compute; by default as many as the net is worth.",
    ),
    "figures": (bool, True, "Whether fit and test draw figures."),
    "onnx": (bool, True, "Whether fit exports its best net as ONNX."),
}
_DATA_COMMANDS: tuple[ConfiguredCommand, ...] = ("stats", "prepare")
_BESIDE_DATA = ("model", "trainer")

_PARSERS: dict[ConfiguredCommand, LightningArgumentParser] = {}


class LabCLI(LightningCLI):
    """Parse a configuration, and make the task, the data, and what the trainer is built from.

    The disk is left alone, and no Trainer is built: that is for ``mlp_lab.training``.

    Args:
        command: The command that is run.
        invocation: What was typed, and the run or checkpoint that it starts from.

    Attributes:
        plain_config: The configuration in plain types, as config.yaml holds it.
    """

    datamodule: LabDataModule

    def __init__(self, command: ConfiguredCommand, invocation: Invocation) -> None:
        quieten()
        self.command = command
        self.invocation = invocation
        self.plain_config: dict[str, Any] = {}
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
            args=invocation.arguments,
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
        for name, (type_, default, text) in _FLAGS.items():
            parser.add_argument(f"--{name}", type=type_, default=default, help=text)
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
        for key in ("input_shape", "num_classes", "num_targets", "columns"):
            parser.link_arguments(f"data.{key}", f"model.init_args.{key}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; what is wrong is one sentence."""
        # A dictionary that looks like a class stays one, unless the user has typed it.
        # What the parser denies by default, it enforces once there is a list of one's own.
        set_parsing_settings(
            instantiate_subclass_spec_in_any=self.invocation.origin.trusted,
            import_path_denylist=["torch.hub"],
        )
        try:
            self.config = parser.parse_args(args)
        except argparse.ArgumentError as error:
            options = [action.dest for action in parser._actions]
            typed = typed_settings(self.invocation.flags)
            message = explain_parser_error(str(error), options, _BASES, typed)
            raise ConfigError(message) from error
        for key in ("trainer", "data", "model", "runs_dir"):
            if self.config.get(key) is None:
                raise ConfigError(f"{key} is null; leave it out for its defaults.")
        for key, kind in {"trainer": pl.Trainer, "data": LabDataModule, "model": None}.items():
            refuse_nulls(key, self.config[key], kind)
        if self.config.seed_everything is True:
            self.config.seed_everything = secrets.randbelow(MAX_SEED + 1)
        seed = self.config.seed_everything
        if seed is None:
            raise ConfigError("seed_everything is null; give a number, or true for a random one.")
        if not 0 <= seed <= MAX_SEED:
            raise ConfigError(f"seed_everything is {seed}; it must lie in 0..{MAX_SEED}.")

    def before_instantiate_classes(self) -> None:
        """Decide what the configuration leaves open, and keep it in plain types."""
        config = self.config
        if config.trainer.max_epochs == 0 or config.trainer.max_steps == 0:
            raise ConfigError("trainer.max_epochs or max_steps is 0; there would be no training.")
        if config.trainer.overfit_batches and self.invocation.origin.resumes:
            raise ConfigError(
                f"{self.invocation.origin.config_place!r} is of an overfit check, which is not "
                "resumed. Begin it anew without --run_dir."
            )
        if config.trainer.overfit_batches and not self.invocation.is_typed("trainer.max_epochs"):
            config.trainer.max_epochs = OVERFIT_MAX_EPOCHS
            print(f"epochs: {OVERFIT_MAX_EPOCHS}, unless --trainer.max_epochs is typed")
        if config.experiment is None:
            configs = self.invocation.configs
            config.experiment = Path(configs[0]).stem if configs else DEFAULT_EXPERIMENT
        # The run goes on from any directory.
        config.data.root = Path(config.data.root).absolute()
        for section, key in ((config.data, "predict_dir"), (config, "init_from")):
            if section[key] is not None:
                section[key] = Path(section[key]).absolute()
        source_arguments = config.data.source.get("init_args") or {}
        for key, value in source_arguments.items():
            if isinstance(value, Path):
                source_arguments[key] = value.absolute()
        plain: dict[str, Any] = yaml.safe_load(
            self.parser.dump(config, skip_unset=False, skip_validation=True)
        )
        for key in ("config", "ckpt_path", "run_dir", "note", "out", "trust"):
            plain.pop(key, None)
        self.plain_config = plain

    def instantiate_classes(self) -> None:
        """Make the parts, for commands on data those alone."""
        self.make_parts(*(_BESIDE_DATA if self.command in _DATA_COMMANDS else ()))

    def make_parts(self, *left_out: str) -> None:
        """Make the parts but for some sections; a refusal by one comes out as it is."""
        config = self.config.clone()
        for key in left_out:
            del config[key]
        find_known = partial(known_table, self.invocation.origin, config.get("init_from"))
        try:
            with reading_tables_for(find_known):
                self.config_init = self.parser.instantiate_classes(config)
        except ValueError as error:
            named = (
                e for e in causes(error) if isinstance(e, MLPLabError) or explain_out_of_memory(e)
            )
            raise next(named, error) from error
        self.datamodule = self.config_init.data
        typed = any(map(self.invocation.is_typed, ("data.root", "data.download")))
        self.datamodule.source.may_write = self.invocation.origin.trusted or typed

    @property
    def job(self) -> Job:
        """Everything that a training, a test or a prediction needs."""
        return Job(
            task=self.config_init.model,
            data=self.datamodule,
            settings=self.config_init,
            config=self.plain_config,
            origin=self.invocation.origin,
            configs=self.invocation.configs,
            flags=self.invocation.flags,
            command=self.invocation.command,
        )


class ParsedCLI(LabCLI):
    """Parse a configuration and make nothing of it, to find out whether it can be read."""

    def instantiate_classes(self) -> None:
        """Leave it at the configuration."""

    def make_data(self) -> None:
        """Make the data alone; settings of the data that cannot work are refused."""
        self.make_parts(*_BESIDE_DATA)


def parse_job(command: ConfiguredCommand, words: Sequence[str]) -> Job:
    """Parse what is typed behind a command, make its parts, and print where its settings are from.

    Raises:
        ConfigError: Something typed, or of a file, that cannot work.
    """
    invocation = read_invocation(command, words)
    job = LabCLI(command, invocation).job
    if is_first_process():
        print(as_shown(invocation.summary))
    return job
