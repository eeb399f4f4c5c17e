import os

import pytest
import torch

from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import count_cores, describe_threads, device_name


def test_cores_are_those_that_this_process_may_use() -> None:
    assert 1 <= count_cores() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_getaffinity"):
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, [min(before)])
        try:
            assert count_cores() == 1
        finally:
            os.sched_setaffinity(0, before)


def test_threads_are_torchs() -> None:
    assert describe_threads() == {"threads": torch.get_num_threads(), "cores": count_cores()}


def test_a_process_by_itself_is_the_first() -> None:
    assert is_first_process()


def test_a_cpu_is_named_with_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for num, expected in ((1, "cpu, 1 thread"), (4, "cpu, 4 threads")):
        monkeypatch.setattr(torch, "get_num_threads", lambda num=num: num)
        assert device_name(torch.device("cpu")) == expected
