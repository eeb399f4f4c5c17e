"""mlp-lab scratch: the two labs by hand."""

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jsonargparse import auto_cli

from mlp_lab.cli.console import quieten
from mlp_lab.cli.parser_errors import explain_parser_error
from mlp_lab.errors import ConfigError
from mlp_lab.scratch.binary import binary
from mlp_lab.scratch.regression import regression

LABS: list[Callable[..., Any] | type] = [regression, binary]


def scratch(args: Sequence[str]) -> int:
    """Run one of the labs and return the exit code."""
    quieten()
    torch.set_num_threads(1)  # matrices as small as these are quickest on one core
    try:
        auto_cli(
            LABS,
            args=list(args),
            prog="mlp-lab scratch",
            exit_on_error=False,
            allow_abbrev=False,
        )
    except argparse.ArgumentError as error:
        options = [name for lab in LABS for name in inspect.signature(lab).parameters]
        raise ConfigError(explain_parser_error(str(error), options, {})) from error
    return 0
