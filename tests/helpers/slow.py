"""Cases of a test that make test-slow runs, beside the ones that stand for them in make test."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some_slow(cases: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Mark all cases slow but the quick ones."""
    return [c if c in quick else pytest.param(c, marks=pytest.mark.slow) for c in cases]
