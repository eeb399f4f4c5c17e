"""``mlp_lab.fit``: the command, called from Python."""

import gc
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlp_lab.cli.invocation import find_run_to_resume
from mlp_lab.cli.main import load_command
from mlp_lab.errors import ConfigError
from mlp_lab.interface.call import as_a_call, typed_words
from mlp_lab.interface.run import Run
from mlp_lab.runs.packaged_configs import check_configs
from mlp_lab.runs.results import is_complete
from mlp_lab.runs.run import Run as RunFiles


def fit(
    config: str | Path | Sequence[str | Path] | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    run_dir: str | Path | Run | None = None,
    init_from: str | Path | Run | None = None,
    note: str | None = None,
    verbose: bool = True,
) -> Run:
    """Train, test the best checkpoint and write the run directory, as ``mlp-lab fit`` does.

    Args:
        config: A configuration file, or several, of which a later one wins; None for the defaults.
        settings: Single settings by their dotted keys, which win over the files: what the command
            takes as ``--key=value``. A class may be given as it is.
        run_dir: A run that was stopped, or is to be trained for longer, goes on there; with nothing
            else, as it began.
        init_from: A run, checkpoint or .pth whose weights a new training begins with.
        note: A remark, for the manifest, the report and the comparison.
        verbose: Whether what the command prints is printed.

    Returns:
        The run.

    Raises:
        MLPLabError: What the command refuses, in the same words.
        KeyboardInterrupt: It was interrupted; ``fit(run_dir=...)`` goes on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     settings = {"trainer.max_epochs": 1, "figures": False, "runs_dir": runs}
        ...     run = fit("configs/quickstart.yaml", settings, verbose=False)
        ...     run.name, run.status
        ('quickstart/version_0', 'finished')
    """
    named = {"run_dir": run_dir, "init_from": init_from, "note": note}
    given = {
        key: value.dir if isinstance(value, Run) else value
        for key, value in named.items()
        if value is not None
    }
    words = typed_words(config, {**(settings or {}), **given})
    with as_a_call(verbose=verbose):
        check_configs(words)
        if (run := find_run_to_resume(words)) and is_complete(run):
            return Run(run.dir)
        begun: list[RunFiles] = []
        try:
            load_command("fit")(words, opened=begun.append, is_called=True)
        finally:
            gc.collect()  # trainer and net hold each other; Python finds such late by itself
    if not begun:
        raise ConfigError("trainer.fast_dev_run leaves no run; leave it out, or use the command.")
    return Run(begun[0].dir)
