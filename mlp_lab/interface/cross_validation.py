"""``mlp_lab.cross_validate``: a sweep over the folds of one setting, called from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlp_lab.cli.main import load_command
from mlp_lab.errors import ConfigError, MLPLabError
from mlp_lab.interface.call import as_a_call, typed_words
from mlp_lab.interface.run import Run
from mlp_lab.report.comparison import Comparison, Setting, compare
from mlp_lab.report.cross_validation import by_seed
from mlp_lab.report.formatting import format_spread
from mlp_lab.report.out_of_fold import OutOfFold, join_folds
from mlp_lab.report.run_files import read_summary
from mlp_lab.report.spread import Spread
from mlp_lab.runs.packaged_configs import check_configs
from mlp_lab.runs.run import read_json
from mlp_lab.sweep.trials import SweepDir


@dataclass(frozen=True, repr=False)
class CrossValidation:
    """What S seeds times K folds of a setting came to.

    Attributes:
        dir: The directory of the runs, with their report and out_of_fold.csv.
        runs: The runs, all folds of a seed together.
        setting: The same as ``mlp_lab.compare`` has it.
        metric: Name of the metric on validation that picks the best epoch, such as ``acc``.
        scores: Its value in each run, ``(S, K)``, a row for each seed in ascending order.
    """

    dir: Path
    runs: list[Run]
    setting: Setting
    metric: str
    scores: NDArray[np.float64]

    def __repr__(self) -> str:
        """Say in a line what it came to."""
        mean = format_spread(self._spread, self.metric)
        return f"CrossValidation({str(self.dir)!r}: {mean} over {self.setting.repetitions})"

    @property
    def mean(self) -> float:
        """Mean of the scores."""
        return self._spread.mean

    @property
    def deviation(self) -> float:
        """Standard deviation over the folds, of each the mean of its seeds."""
        assert self._spread.deviation is not None  # there are at least two folds
        return self._spread.deviation

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the mean, None where all folds have the same score.

        By the corrected resampled t over the K folds, since their nets share training samples: see
        ``mlp_lab.report.spread.Spread.standard_error``. More seeds make the score of each fold
        surer, but are no further folds. It may reach beyond the range of the metric.
        """
        return self._spread.confidence_interval()

    @cached_property
    def out_of_fold(self) -> dict[int, OutOfFold]:
        """For each seed the prediction of every sample by the net that was trained without it.

        In the order of the samples: ``outputs`` ``(N, K)``, the probability of each class, or the
        predicted targets ``(N, T)``; ``labels`` or targets; ``indices`` in the source, ``folds``
        and, where samples have their own, ``files`` ``(N,)``.

        Raises:
            ChecksumError: The predictions of a run are missing or damaged.
        """
        return {int(seed): join_folds(runs) for seed, runs in by_seed(self.setting)}

    @property
    def _spread(self) -> Spread:
        spread = self.setting.spread(f"val/{self.metric}")
        assert spread is not None
        return spread


def cross_validate(
    config: str | Path | Sequence[str | Path] | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    folds: int = 5,
    seeds: Sequence[int] = (0,),
    verbose: bool = True,
) -> CrossValidation:
    """Train each fold with each seed, as ``mlp-lab sweep --folds 5`` does; the same call goes on.

    Args:
        config: A configuration file, or several, of which a later one wins; None for the defaults.
        settings: Single settings by their dotted keys, which win over the files. ``experiment``
            and ``runs_dir`` say where the runs go.
        folds: Number of folds, at least 2.
        seeds: Seeds of the training; the folds are the same for all of them.
        verbose: Whether what the command prints is printed.

    Returns:
        The runs and what they came to.

    Raises:
        ConfigError: Folds or seeds are none.
        MLPLabError: What the command refuses, in the same words; or a training failed.
        KeyboardInterrupt: It was interrupted; the same call goes on.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as runs:
        ...     settings = {"trainer.max_epochs": 1, "runs_dir": runs}
        ...     found = cross_validate("configs/quickstart.yaml", settings, folds=2, verbose=False)
        ...     found.metric, found.scores.shape, found.out_of_fold[0].outputs.shape
        ('acc', (1, 2), (1438, 10))
    """
    if type(folds) is not int or isinstance(seeds, int) or not len(seeds):
        raise ConfigError(
            f"folds is {folds!r} and seeds {seeds!r}; folds must be a whole number, and seeds a "
            "list of such numbers."
        )
    words = typed_words(config, settings or {})
    words += [f"--folds={folds}", f"--seeds={','.join(map(str, seeds))}"]
    begun: list[SweepDir] = []
    with as_a_call(verbose=verbose):
        check_configs(words)
        load_command("sweep")(words, opened=begun.append)
    (sweep,) = begun
    comparison, setting = _compare(sweep)
    scores = [summary.number(comparison.score) for summary in setting.distinct_summaries]
    return CrossValidation(
        sweep.dir,
        [Run(summary.run.dir) for summary in setting.distinct_summaries],
        setting,
        comparison.metric,
        np.array(scores, dtype=np.float64).reshape(len(seeds), folds),
    )


def _compare(sweep: SweepDir) -> tuple[Comparison, Setting]:
    """Return the runs of a sweep as one setting.

    Raises:
        MLPLabError: A training failed.
        ConfigError: They have no score, or are of several settings.
    """
    for trial in sweep.grid.trials():
        if not sweep.is_finished(trial):
            error = read_json(sweep.note_path(trial)).get("error")
            raise MLPLabError(f"{trial.label} failed: {error} The same call goes on.")
    runs = (sweep.run_of(trial) for trial in sweep.grid.trials())
    comparisons, left_out = compare([read_summary(run.dir) for run in runs if run])
    if left_out:
        summary, reason = left_out[0]
        raise ConfigError(f"{summary.name} cannot be cross-validated: {reason}.")
    settings = [(comparison, s) for comparison in comparisons for s in comparison.settings]
    if len(settings) > 1:
        raise ConfigError(
            "The settings vary, and a cross-validation is of one alone. Call it for each, or use "
            "mlp-lab sweep --folds and mlp_lab.compare."
        )
    return settings[0]
