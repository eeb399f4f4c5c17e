import os

import torch

from mlp_lab.processes.ranks import is_first_process
from mlp_lab.processes.threads import count_cores, describe_threads


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
