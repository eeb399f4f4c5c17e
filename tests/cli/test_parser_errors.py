"""What the parser of jsonargparse says, as one sentence with the key as it is typed."""

import pytest
from torch.optim import Optimizer

from mlp_lab.cli.parser_errors import explain_parser_error
from mlp_lab.data import Source
from mlp_lab.nets import Net

OPTIONS = ["data.batch_size", "data.source", "trainer.max_epochs", "model", "experiment"]
CLASSES: dict[str, type] = {"model.net": Net, "model.optimizer": Optimizer, "data.augment": Net}

LR = "[<class 'float'>, <class 'torch.Tensor'>]"


def in_model(subtypes: str, value: str) -> str:
    """Return what the parser prints of a value in the middle of the model's settings."""
    return f"""Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'mlp_lab.tasks.task.Task'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'mlp_lab.tasks.ClassificationTask':
        Parser key "optimizer":
          Type collections.abc.Callable[[int], x.Optimizer] expects a function: Parser key "lr":
            Does not validate against any of the Union subtypes
            Subtypes: {subtypes}
            Errors:
              - Expected a <class 'float'>
              - Not a valid subclass of Tensor
                Subclass types expect one of:
                - a class path (str)
            Given value type: <class 'list'>
            Given value: {value}. Got value: Namespace(class_path='x.Adam', init_args=Namespace())
    - Expected a <class 'NoneType'>
  Given value type: <class 'jsonargparse._util.NestedArg'>
  Given value: NestedArg(key='optimizer.lr', val={value})"""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Unrecognized arguments: --data.batchsize=3",
            "There is no setting 'data.batchsize'. Did you mean 'data.batch_size'?",
        ),
        (
            "unrecognized arguments: --dat.batch_size",
            "There is no setting 'dat'. Did you mean 'data'?",
        ),
        (
            "unrecognized arguments: photos",
            "'photos' stands alone; settings are typed as --key value, lists as --key=[1,2], a run "
            "as --run_dir, and a directory of images to predict as --data.predict_dir.",
        ),
        (
            "Parser key \"data.imbalance\": unsupported operand type(s) for +: 'float' and 'str'",
            "data.imbalance wants a space behind each colon, and quotes around it: '{3: 0.1}'.",
        ),
        (
            "unrecognized arguments: photos.yaml",
            "'photos.yaml' stands alone; a configuration is typed as --config photos.yaml.",
        ),
        (
            "Group 'trainer' does not accept option 'max_epoch'",
            "There is no setting 'trainer.max_epoch'. Did you mean 'trainer.max_epochs'?",
        ),
        (
            "Option 'expriment' is not accepted",
            "There is no setting 'expriment'. Did you mean 'experiment'?",
        ),
        (
            "Option 'lr' is not accepted",
            "There is no setting 'lr'. Did you mean 'model.optimizer.lr'?",
        ),
        (
            "Option 'optimiser' is not accepted",
            "There is no setting 'optimiser'. Did you mean 'model.optimizer'?",
        ),
        (
            "unrecognized arguments: --hocuspocus=3",
            "There is no setting 'hocuspocus'. mlp-lab fit --help lists them.",
        ),
        (
            "Parser key \"model.net\": Option 'hidden_dim' is not accepted",
            "model.net has no 'hidden_dim'. Did you mean 'hidden_dims'?",
        ),
        (
            'Parser key "model": Parser key "model.net": x',
            'Parser key "model": Parser key "model.net": x.',
        ),
        (
            "Parser key \"model.loss\": Importing 'torch.hub.load' is not allowed",
            "model.loss names 'torch.hub.load', which no setting may name: it can run any command.",
        ),
        (
            "Parser key \"model.net\": Expected 'torch.nn.ReLU' to be a subclass of "
            "<class 'mlp_lab.nets.net.Net'>",
            "model.net names 'torch.nn.ReLU', which is not a subclass of Net.",
        ),
        (
            'Parser key "model.schedule": the following arguments are required: milestones',
            "model.schedule.milestones is missing; add --model.schedule.milestones.",
        ),
        (
            'Parser key "model.net": Expected a dot import path string: MPL',
            "There is no 'MPL' for model.net. Did you mean 'MLP'?",
        ),
        (
            "Parser key \"data.batch_size\": Expected a <class 'int'>. Got value: many",
            "data.batch_size is 'many'; it must be of type int.",
        ),
        (
            "Parser key \"data.validate_on\": Expected a typing.Literal['val', 'test']. "
            "Got value: all",
            "data.validate_on is 'all'; it must be one of 'val', 'test'.",
        ),
        (
            'Parser key "data.augment":\n\n  - Expected a path but Flip either not accessible or '
            "invalid\n  - Does not validate against any of the Union subtypes\n  Subtypes: "
            "[list[mlp_lab.data.augment.Augmentation], <class 'NoneType'>]\n  Errors:\n    - "
            "Expected a <class 'list'>\n    - Expected a <class 'NoneType'>\n  Given value type: "
            "<class 'str'>\n  Given value: Flip",
            "data.augment is 'Flip'; a list is typed as --data.augment=[Flip].",
        ),
        (
            'Parser key "data.augment":\n\n  - Expected a path but [MPL] either not accessible or '
            "invalid\n  - Does not validate against any of the Union subtypes\n  Subtypes: "
            "[list[mlp_lab.data.augment.Augmentation], <class 'NoneType'>]\n  Errors:\n    - "
            "Expected a dot import path string: MPL\n    - Expected a <class 'NoneType'>\n  Given "
            "value type: <class 'list'>\n  Given value: ['MPL']",
            "There is no 'MPL' for data.augment. Did you mean 'MLP'?",
        ),
        (
            'Parser key "model": Parser key "net": Parser key "hidden_dims": Expected a <class '
            "'collections.abc.Sequence'>. Got value: 200. Got value: Namespace(hidden_dims='200')",
            "model.net.hidden_dims is '200'; a list is typed as --model.net.hidden_dims=[200].",
        ),
        (
            'Parser key "trainer": Unable to load config "null"',
            "trainer is null; leave it out for its defaults.",
        ),
        (
            "Parser key \"data.augment\":\n  Given value type: <class 'str'>\n  "
            "Given value: [listed",
            "data.augment is '[listed', since a shell splits at spaces. Quote the whole flag, as "
            "in '--data.augment=[listed ...]'.",
        ),
        (
            'Parser key "model": Parser key "net": Parser key "hidden_dims": Expected a <class '
            "'collections.abc.Sequence'>. Got value: [200,. Got value: Namespace(x='[200,')",
            "model.net.hidden_dims is '[200,', since a shell splits at spaces. Quote the whole "
            "flag, as in '--model.net.hidden_dims=[200, ...]'.",
        ),
        ("something\n  new", "something new."),
        (in_model(LR, "[0.1]"), "model.optimizer.lr is '[0.1]'; it must be of type float."),
        (in_model(LR, "[1, 2]"), "model.optimizer.lr is '[1, 2]'; it must be of type float."),
        (
            in_model("[<class 'bool'>, <class 'NoneType'>]", "[1]"),
            "model.optimizer.lr is '[1]'; it must be of type bool or null.",
        ),
        (
            in_model("[typing.Literal['a', 'b'], list[float]]", "{'a': [1, 2]}"),
            "model.optimizer.lr is \"{'a': [1, 2]}\"; it must be one of 'a', 'b' or of type "
            "list[float].",
        ),
        (
            'Parser key "threads":\n  Does not validate against any of the Union subtypes\n  '
            "Subtypes: [<class 'jsonargparse.typing.PositiveInt'>, <class 'NoneType'>]\n  Errors:\n"
            "    - Not of type PositiveInt: invalid literal for int() with base 10: 'a'\n"
            "    - Expected <class 'NoneType'>\n  Given value type: <class 'str'>\n"
            "  Given value: a",
            "threads is 'a'; it must be a positive int or null.",
        ),
    ],
)
def test_each_is_one_sentence(message: str, expected: str) -> None:
    assert explain_parser_error(message, OPTIONS, CLASSES) == expected


@pytest.mark.parametrize(
    ("message", "typed", "expected"),
    [
        (
            "unrecognized arguments: my.tsv.gz",
            {},
            "'my.tsv.gz' stands alone; a table is named by --data.source Table --data.source.path "
            "my.tsv.gz --data.source.target COLUMN.",
        ),
        (
            "Parser key \"data.source\": Option 'path' is not accepted",
            {"data.source.path": "my flats.csv", "data.source.target": "living area"},
            "data.source has 'path' in ImageFolder, Table, TensorFile, and another class is "
            "chosen; a table is named by --data.source Table --data.source.path 'my flats.csv' "
            "--data.source.target 'living area'.",
        ),
        (
            "Parser key \"data.source\": Option 'target' is not accepted",
            {"data.source.target": "y"},
            "data.source has 'target' in Table, and another class is chosen; a table is named by "
            "--data.source Table --data.source.path FILE --data.source.target y.",
        ),
        (
            "Parser key \"data.source\": Option 'path' is not accepted",
            {"data.source.path": "my.npz"},
            "data.source has 'path' in ImageFolder, Table, TensorFile, and another class is "
            "chosen.",
        ),
    ],
)
def test_a_table_without_its_flags_leads_to_them(
    message: str, typed: dict[str, str], expected: str
) -> None:
    positions: dict[str, type] = {"data.source": Source}
    assert explain_parser_error(message, OPTIONS, positions, typed) == expected


def test_a_suggested_list_is_quoted_where_a_shell_needs_it() -> None:
    message = (
        "Parser key \"data.augment\":\n  Subtypes: [list[str], <class 'NoneType'>]\n  Errors:\n"
        "    - Expected a <class 'list'>\n  Given value type: <class 'str'>\n"
        "  Given value: listed on"
    )
    assert explain_parser_error(message, OPTIONS, CLASSES) == (
        "data.augment is 'listed on'; a list is typed as '--data.augment=[listed on]'."
    )


def test_an_argument_of_another_class_is_said_to_be_one() -> None:
    from mlp_lab import nets

    assert issubclass(nets.MLP, Net)
    message = "Parser key \"model.optimizer\": Option 'momentum' is not accepted"
    assert explain_parser_error(message, OPTIONS, CLASSES) == (
        "model.optimizer has 'momentum' in Muon, RMSprop, SGD, and another class is chosen."
    )
