"""Allocations that the machine has no memory for."""

import os

import pytest

from mlp_lab.errors import ConfigError
from mlp_lab.nets import memory
from mlp_lab.nets.memory import require_memory


def test_more_than_the_machine_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_physical_memory", lambda: 4 * 10**9)
    require_memory(4 * 10**9, "The table", "Choose a smaller one.")
    message = "^The table would take 5 GB, and this machine has 4 GB. Choose a smaller one.$"
    with pytest.raises(ConfigError, match=message):
        require_memory(5 * 10**9, "The table", "Choose a smaller one.")


def test_nothing_is_refused_where_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    require_memory(10**18, "The table", "Choose a smaller one.")
