"""Descriptions of objects in plain types."""

import inspect
import sys

import pytest
from torch import nn

from mlp_lab.files.plain_types import class_path, describe, loaded_class, own_subclasses, plain
from mlp_lab.nets import CNN, MLP, Net, ResNet
from mlp_lab.tasks import ClassesTask, ClassificationTask, Task


def test_tuples_become_lists_at_every_depth() -> None:
    assert plain(((1, 2), [3, (4,)], "a", None)) == [[1, 2], [3, [4]], "a", None]
    assert plain(2.5) == 2.5


def test_arguments_are_described_by_their_names() -> None:
    net = MLP((4,), 2, hidden_dims=[3, 2], activation="Tanh")
    description = describe(net, leave_out=["init", "dropout", "bias", "residual"])
    assert description == {
        "class_path": "mlp_lab.nets.mlp.MLP",
        "init_args": {
            "input_shape": [4],
            "num_outputs": 2,
            "hidden_dims": [3, 2],
            "activation": "Tanh",
            "batch_norm": "none",
        },
    }


@pytest.mark.parametrize("cls", [MLP, ClassificationTask])
def test_a_path_names_its_class(cls: type) -> None:
    assert loaded_class(class_path(cls)) is cls


@pytest.mark.parametrize(
    "path",
    ["MLP", "", "mlp_lab.nets.Nothing", "mlp_lab.nets.normalise", "mlp_lab.nets.mlp.MLP.forward"],
)
def test_other_paths_name_nothing(path: str) -> None:
    assert loaded_class(path) is None


def test_nothing_is_imported_to_find_a_class() -> None:
    name = "this"  # prints when imported
    assert name not in sys.modules
    assert loaded_class(f"{name}.Zen") is None
    assert name not in sys.modules


def test_subclasses_are_those_of_the_package_that_can_be_made() -> None:
    class Outside(MLP):
        """A net of another package."""

    assert {CNN, MLP, ResNet} <= own_subclasses(Net)
    assert Outside not in own_subclasses(Net)
    assert inspect.isabstract(ClassesTask)
    assert ClassificationTask in own_subclasses(Task)
    assert ClassesTask not in own_subclasses(Task)
    assert nn.Linear not in own_subclasses(nn.Module)
