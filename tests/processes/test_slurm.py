import os

import pytest

from mlp_lab.processes.slurm import leave_slurm


def test_nothing_of_slurm_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_NTASKS", "SLURM_PROCID", "SLURM_JOB_NAME"):
        monkeypatch.setenv(name, "20")
    monkeypatch.setenv("OTHER", "stays")
    leave_slurm()
    assert not [name for name in os.environ if name.startswith("SLURM_")]
    assert os.environ["OTHER"] == "stays"
