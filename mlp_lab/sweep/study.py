"""The trials of a sweep in a study of Optuna, shared by workers that may come, go and be killed.

Every trial is enqueued once and claimed by one worker. What a worker leaves is claimed by another,
and goes on in the run that was begun.
"""

import contextlib
import os
import secrets
import socket
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mlp_lab.errors import ConfigError, MLPLabWarning
from mlp_lab.files.lock import locked
from mlp_lab.report.formatting import format_setting
from mlp_lab.runs.provenance import describe_code
from mlp_lab.sweep.grid import Trial, format_typed
from mlp_lab.sweep.leases import Leases
from mlp_lab.sweep.parts import make_part
from mlp_lab.sweep.search_space import Part, Range
from mlp_lab.sweep.storage import Storage
from mlp_lab.sweep.trials import SweepDir

if TYPE_CHECKING:
    import optuna

T = TypeVar("T")

_SPEC, _PLACE, _CODE = "sweep", "directory", "code"
_SEED, _FOLD, _ERROR = "seed", "fold", "error"


@dataclass(frozen=True)
class Score:
    """What settings are ranked by.

    Attributes:
        key: Key of the metric, such as ``val/acc``.
        mode: Whether it is best at its ``max`` or ``min``.
    """

    key: str
    mode: Literal["min", "max"]


@dataclass(frozen=True)
class Claim:
    """A trial of the study that this worker trains.

    Attributes:
        number: Its number.
        label: What it is called on the console.
        trial: Optuna's view of it.
        worker_before: Whose name stood in it; None where none ever did.
        runs: What is trained for it, one after the other: a setting with each seed and fold.
    """

    number: int
    label: str
    trial: "optuna.Trial"
    worker_before: str | None
    runs: list[Trial]


@dataclass(frozen=True)
class Result:
    """What became of a trial.

    Attributes:
        state: Whether all its runs are finished, or it was given up early, or failed.
        value: The mean of its runs' best validation scores; None where it is not complete.
        error: Why it failed; empty where it did not.
        seconds: How long it took this worker.
    """

    state: Literal["complete", "pruned", "failed"]
    value: float | None
    error: str
    seconds: float


class Study:
    """The study of a sweep, as one worker sees it.

    Args:
        sweep: The sweep's directory, which the workers share.
        storage: Where the study is kept.
        score: What the settings are ranked by.
        worker: The name of this worker, which has locked its file.
        is_first: Whether no other worker can have begun; then a seed of the sampler is kept.
    """

    def __init__(
        self,
        sweep: SweepDir,
        storage: Storage,
        score: Score,
        worker: str,
        *,
        is_first: bool,
    ) -> None:
        import optuna

        self.sweep = sweep
        self.storage = storage
        self.score = score
        self.worker = worker
        self.name = sweep.dir.name
        self._states = optuna.trial.TrialState
        search = sweep.search
        sampler = make_part("sampler", search.sampler if search else Part("RandomSampler", {}))
        pruner = make_part("pruner", search.pruner if search else None)
        with locked(sweep.workers_dir):  # one at a time makes tables and trials
            base = storage.open()
            self.study = storage.retry(
                lambda: optuna.create_study(
                    storage=base,
                    sampler=sampler,
                    pruner=pruner or optuna.pruners.NopPruner(),
                    study_name=self.name,
                    direction="maximize" if score.mode == "max" else "minimize",
                    load_if_exists=True,
                )
            )
            self._base = self.study._storage  # with its cache
            self.leases = Leases(sweep, storage, self.study, worker)
            self._check()
            if sampler is not None and not (is_first and not self.trials()):
                sampler.reseed_rng()  # else all workers would draw the same
            self._enqueue()

    def trials(self, *states: Any) -> "list[optuna.trial.FrozenTrial]":
        """Return the trials in some states, by default all, without those beyond ``trials``."""
        found = self.storage.retry(
            lambda: self.study.get_trials(deepcopy=False, states=states or None)
        )
        limit = self.sweep.search.trials if self.sweep.search else len(found) + 1
        return [t for t in found if not self.sweep.search or t.number < limit]

    def _check(self) -> None:
        """Refuse a study of something else.

        Raises:
            ConfigError: It is one.
        """
        before = self._attributes().get(_SPEC)
        if before is None and self.trials():
            different = ["its trials"]
        else:
            different = self.sweep.differences(before) if before else []
            grew = before and before["set"] != self.sweep.grid.values
            if grew and not self.sweep.search and "set" not in different:
                different.append("set")  # Optuna's choices cannot grow
        if different:
            raise ConfigError(
                f"The study {self.name!r} in {self.storage.name!r} is of another sweep: "
                f"{', '.join(different)} differ. Give this one a name of its own with --experiment."
            )
        place = self.sweep.read_identity()
        if self._attributes().get(_PLACE, place) == place:  # else nothing of the study is touched
            self._do(self.study.set_user_attr, _PLACE, place)
        self._check_place()
        self._do(self.study.set_user_attr, _SPEC, self.sweep.plain())
        if _CODE not in self._attributes():
            self._do(self.study.set_user_attr, _CODE, describe_code())

    def warn_of_other_code(self) -> None:
        """Warn where this worker computes with other versions than the study was begun with."""
        begun, here = self._attributes()[_CODE], describe_code()
        keys = [key for key in begun if begun[key] != here.get(key, begun[key])]
        if keys:
            both = [", ".join(f"{key} {code[key]}" for key in keys) for code in (begun, here)]
            warnings.warn(
                f"The study {self.name!r} was begun with {both[0]}; here is {both[1]}. Numbers may "
                "differ between the two: compare trials that ran with the same.",
                MLPLabWarning,
                stacklevel=2,
            )

    def _attributes(self) -> dict[str, Any]:
        return self.storage.retry(lambda: self.study.user_attrs)

    def _check_place(self) -> None:
        """Refuse a study whose runs lie in another directory than this worker's.

        Raises:
            ConfigError: They do.
        """
        if self._attributes().get(_PLACE) != self.sweep.read_identity():
            raise ConfigError(
                f"The study {self.name!r} in {self.storage.name!r} has its runs in another "
                f"directory than '{self.sweep.dir}'. Give the --runs_dir that it began with, on a "
                "disk that all its machines share, or a name of its own with --experiment."
            )

    def _enqueue(self) -> None:
        """Enqueue what is not there yet, and of a grid what has failed in an earlier command."""
        if self.sweep.search:
            for _ in range(len(self.trials()), self.sweep.search.trials):
                self._do(self.study.enqueue_trial, {})
            return
        from optuna.distributions import BaseDistribution, CategoricalDistribution
        from optuna.trial import create_trial

        is_alone = not self.sweep.has_workers(besides=self.worker)
        there = {
            _trial_of(trial, trial.params).key
            for trial in self.trials()
            if not (is_alone and trial.state == self._states.FAIL)
        }
        spaces: dict[str, BaseDistribution] = {
            key: CategoricalDistribution(values) for key, values in self.sweep.grid.values.items()
        }
        for trial in self.sweep.grid.trials():
            if trial.key not in there:
                waiting = create_trial(
                    state=self._states.WAITING,
                    params=trial.point,
                    distributions=spaces,
                    user_attrs={_SEED: trial.seed, _FOLD: trial.fold},
                )
                self._do(self.study.add_trial, waiting)

    def claim(self) -> Claim | None:
        """Return a trial that another worker has left, or the next one; None where there is none.

        Raises:
            ConfigError: A worker that began at the same time has another directory of runs.
            StorageError: The storage cannot be reached.
        """
        from optuna.exceptions import UpdateFinishedTrialError

        self._check_place()
        unfinished = self.trials(self._states.RUNNING, self._states.WAITING)
        running = [trial for trial in unfinished if trial.state == self._states.RUNNING]
        if any(map(self.leases.may_be_over, running)):
            with locked(self.sweep.workers_dir):
                for trial in self.trials(self._states.RUNNING):
                    if self.leases.may_be_over(trial) and self.leases.is_silent(trial):
                        with contextlib.suppress(UpdateFinishedTrialError):  # it was not left
                            return self._take(trial)
        for trial in unfinished:
            if trial.state == self._states.RUNNING:
                continue
            args = trial._trial_id, self._states.RUNNING
            with contextlib.suppress(UpdateFinishedTrialError):  # by another, since the list came
                if self._do(self._base.set_trial_state_values, *args):
                    return self._take(trial)
        return None

    def _take(self, frozen: "optuna.trial.FrozenTrial") -> Claim:
        import optuna

        self.leases.take(frozen._trial_id)
        trial = self._do(optuna.Trial, self.study, frozen._trial_id)
        search = self.sweep.search
        for key, choices in search.choices.items() if search else ():
            self._do(trial.suggest_categorical, key, choices)
        for key, entry in search.ranges.items() if search else ():
            self._do(_suggest, trial, key, entry)
        point = self._point_of(trial)
        runs = [*self.sweep.grid.trials_of(point)] if search else [_trial_of(trial, point)]
        before = self.leases.worker_of(frozen)
        return Claim(trial.number, self._label(trial), trial, before, runs)

    def _point_of(self, trial: "optuna.Trial") -> dict[str, str]:
        """Return the settings of a trial as typed: those of the sweep, with its values alone.

        Raises:
            ConfigError: It has another value, so that somebody else has written it.
        """
        ranges = self.sweep.search.ranges if self.sweep.search else {}
        for key, choices in self.sweep.grid.values.items():
            if trial.params.get(key) not in choices:
                raise ConfigError(
                    f"Trial {trial.number} of the study {self.name!r} has {key} "
                    f"{trial.params.get(key)!r}, which is no value of this sweep."
                )
        return {key: format_typed(trial.params[key]) for key in (*self.sweep.grid.values, *ranges)}

    @property
    def is_busy(self) -> bool:
        """Whether others still train, whose trials may yet be left to this worker."""
        return bool(self.trials(self._states.RUNNING, self._states.WAITING))

    def should_prune(self, claim: Claim, epoch: int, score: float) -> bool:
        """Note the score of an epoch, and return whether the trial is given up."""
        self._do(claim.trial.report, score, epoch)
        return self._do(claim.trial.should_prune)

    def tell(self, claim: Claim, result: Result) -> None:
        """Note what became of a trial, unless that is noted already."""
        from optuna.exceptions import UpdateFinishedTrialError

        states = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
        # By another, or by a try whose answer was lost.
        with contextlib.suppress(UpdateFinishedTrialError):
            if result.error:
                self._do(claim.trial.set_user_attr, _ERROR, result.error)
            self.storage.retry(
                lambda: self.study.tell(
                    claim.number,
                    result.value,
                    self._states[states[result.state]],
                    skip_if_finished=True,
                )
            )

    def best_of(
        self, trials: "Sequence[optuna.trial.FrozenTrial]"
    ) -> "optuna.trial.FrozenTrial | None":
        """Return the complete trial of the best score; of equal ones the first."""
        complete = [trial for trial in trials if trial.state == self._states.COMPLETE]
        sign = 1 if self.score.mode == "max" else -1
        return max(complete, key=lambda trial: sign * trial.values[0], default=None)

    def failures(self) -> dict[str, str]:
        """Return the trials that have failed and were not done again, and why."""
        found: dict[str, str] = {}
        for trial in self.trials():
            label = self._label(trial)
            if trial.state == self._states.FAIL:
                found[label] = str(trial.user_attrs.get(_ERROR, "unknown"))
            else:
                found.pop(label, None)
        return found

    def _label(self, trial: "optuna.Trial | optuna.trial.FrozenTrial") -> str:
        """Return what a trial is called on the console."""
        values = {key: format_setting(value) for key, value in trial.params.items()}
        if self.sweep.search is None:
            return _trial_of(trial, values).label
        return f"trial {trial.number}  {Trial(values, 0).point_label}"

    def record(self) -> dict[str, Any]:
        """Return what was tried in plain types, and Optuna's importances of the parameters."""
        import optuna

        importances: dict[str, float] = {}
        # Of too few trials it raises or warns, and has nothing to tell.
        with (
            contextlib.suppress(RuntimeError, ValueError, UserWarning),
            warnings.catch_warnings(action="error", category=UserWarning),
        ):
            importances = self._do(optuna.importance.get_param_importances, self.study)
        return {
            "score": self.score.key,
            "mode": self.score.mode,
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state.name.lower(),
                    "value": trial.value,
                    "params": trial.params,
                }
                for trial in self.trials()
            ],
            "importances": importances,
        }

    def _do(self, operation: Callable[..., T], *args: Any) -> T:
        return self.storage.retry(lambda: operation(*args))


def name_worker() -> str:
    """Return a name that no other worker has, on any machine."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def _trial_of(trial: "optuna.Trial | optuna.trial.FrozenTrial", point: dict[str, str]) -> Trial:
    """Return the point with the seed and fold of a grid's trial; none before there were folds."""
    return Trial(point, trial.user_attrs[_SEED], trial.user_attrs.get(_FOLD))


def _suggest(trial: "optuna.Trial", key: str, entry: Range) -> float:
    if entry.is_whole:
        step = 1 if entry.step is None else int(entry.step)
        return trial.suggest_int(key, int(entry.low), int(entry.high), step=step, log=entry.log)
    return trial.suggest_float(key, entry.low, entry.high, step=entry.step, log=entry.log)
