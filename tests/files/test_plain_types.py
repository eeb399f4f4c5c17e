"""Objects as plain types, and classes by their paths, with nothing imported for it."""

import sys
from abc import ABC, abstractmethod

import pytest

from mlp_lab.errors import ConfigError, MLPLabError
from mlp_lab.files.plain_types import class_path, describe, loaded_class, own_subclasses, plain


class Square:
    def __init__(self, side: float, corners: tuple[int, ...] = (1, 2)) -> None:
        self.side = side
        self.corners = corners


def test_an_object_is_its_class_and_arguments() -> None:
    described = describe(Square(2.0, (3, 4)))
    assert described == {
        "class_path": f"{__name__}.Square",
        "init_args": {"side": 2.0, "corners": [3, 4]},
    }
    assert describe(Square(2.0), leave_out=["side"])["init_args"] == {"corners": [1, 2]}


def test_an_argument_that_is_not_kept_is_named() -> None:
    square = Square(2.0)
    del square.corners
    with pytest.raises(
        ConfigError,
        match=r"^Square does not keep its argument 'corners', which a "
        r"checkpoint needs to rebuild it: write self\.corners = corners in its __init__\.$",
    ):
        describe(square)
    assert describe(square, leave_out=["corners"])["init_args"] == {"side": 2.0}


def test_tuples_become_lists_however_deep() -> None:
    assert plain(((1, (2,)), [3], "a", None)) == [[1, [2]], [3], "a", None]


def test_a_class_is_found_by_its_path() -> None:
    assert class_path(ConfigError) == "mlp_lab.errors.ConfigError"
    assert loaded_class("mlp_lab.errors.ConfigError") is ConfigError


@pytest.mark.parametrize(
    "path",
    [
        *("mlp_lab.errors.Nothing", "mlp_lab.errors.did_you_mean", "ConfigError", ""),
        *("mlp_lab.errors.ConfigError.__class__", "antigravity.geohash"),
    ],
)
def test_what_is_no_class_of_a_loaded_module_is_not_found(path: str) -> None:
    before = set(sys.modules)
    assert loaded_class(path) is None
    assert set(sys.modules) == before


def test_subclasses_are_those_of_this_package_that_can_be_made() -> None:
    class ForeignError(MLPLabError):
        pass

    class UnfinishedError(ConfigError, ABC):
        @abstractmethod
        def finish(self) -> None: ...

    UnfinishedError.__module__ = "mlp_lab.elsewhere"
    found = own_subclasses(MLPLabError)
    assert ConfigError in found
    assert not found & {ForeignError, UnfinishedError, MLPLabError}
