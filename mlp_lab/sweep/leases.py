"""Which worker trains which trial of a study, and whether it still does.

A worker notes its name in the trial that it takes. It holds a lock file while it lives and, where
the study is in a database, sends heartbeats: the trial of one that does neither may be taken by
another.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlp_lab.errors import InUseError
from mlp_lab.files.lock import is_held
from mlp_lab.sweep.storage import GRACE_SECONDS, HEARTBEAT_SECONDS, Storage
from mlp_lab.sweep.trials import SweepDir

if TYPE_CHECKING:
    import optuna

_WORKER = "worker"
_NOBODY = ""


class Leases:
    """The trials' workers, as one of them sees them.

    Args:
        sweep: The sweep's directory, which the workers share.
        storage: Where the study is kept.
        study: The study.
        worker: The name of this worker, which has locked its file.
    """

    def __init__(
        self, sweep: SweepDir, storage: Storage, study: "optuna.Study", worker: str
    ) -> None:
        self._sweep = sweep
        self._storage = storage
        self._study_id = study._study_id
        self._base = study._storage  # with its cache
        self._worker = worker
        self._not_before: dict[int, float] = {}
        """When a trial may be taken, by this process's clock: those of machines differ."""

    def may_be_over(self, trial: "optuna.trial.FrozenTrial") -> bool:
        """Whether the worker of a running trial has ended, as far as this machine knows."""
        worker = self.worker_of(trial)
        if worker is None:  # it claims it just now, or was killed in doing so
            self._not_before.setdefault(trial._trial_id, time.monotonic() + GRACE_SECONDS)
        if time.monotonic() < self._not_before.get(trial._trial_id, 0.0):
            return False
        return not worker or not is_held(self._sweep.lock_path(worker))

    def is_silent(self, trial: "optuna.trial.FrozenTrial") -> bool:
        """Whether no heartbeat has come for long, where there are any.

        A lock file is not seen on another machine where the file system does not share locks.
        """
        from optuna.storages._heartbeat import BaseHeartbeat

        base = self._base
        if not isinstance(base, BaseHeartbeat) or not self.worker_of(trial):
            return True
        stale = self._storage.retry(lambda: base._get_stale_trial_ids(self._study_id))
        return trial._trial_id in stale

    @staticmethod
    def worker_of(trial: "optuna.trial.FrozenTrial") -> str | None:
        """Return whose name stands in a trial: empty for one put back, None where none ever did."""
        worker: str | None = trial.user_attrs.get(_WORKER)
        return worker

    def take(self, trial_id: int) -> None:
        """Note this worker's name in a trial.

        Raises:
            UpdateFinishedTrialError: It is finished.
        """
        self._beat(trial_id)
        self._storage.retry(lambda: self._name(trial_id, self._worker))

    @contextlib.contextmanager
    def kept(self, trial_id: int, before: str | None) -> Iterator[None]:
        """Show the others that a trial is being trained; one that is interrupted is free.

        One that turns out to be in use gets back the name that stood in it ``before``, and is left
        alone for a while.
        """
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with contextlib.suppress(Exception):  # the next one may get through
                    self._beat(trial_id, retry=False)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        except InUseError:
            self._not_before[trial_id] = time.monotonic() + GRACE_SECONDS
            self._put_back(trial_id, before or _NOBODY)
            raise
        except BaseException:
            self._put_back(trial_id, _NOBODY)
            raise
        finally:
            ended.set()
            thread.join()

    def _put_back(self, trial_id: int, worker: str) -> None:
        with contextlib.suppress(Exception):  # else it is found silent later
            if self.worker_of(self._base.get_trial(trial_id)) == self._worker:
                self._name(trial_id, worker)

    def _name(self, trial_id: int, worker: str) -> None:
        self._base.set_trial_user_attr(trial_id, _WORKER, worker)

    def _beat(self, trial_id: int, *, retry: bool = True) -> None:
        from optuna.storages._heartbeat import BaseHeartbeat

        if isinstance(self._base, BaseHeartbeat):
            base = self._base
            self._storage.retry(lambda: base.record_heartbeat(trial_id), None if retry else ())
