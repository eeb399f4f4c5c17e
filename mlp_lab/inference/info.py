"""A model's description, in plain types, as every model file holds it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from mlp_lab.errors import ChecksumError
from mlp_lab.tables import Column

if TYPE_CHECKING:  # a .onnx is used without torch
    from torch import Tensor

    from mlp_lab.nets import EnsembleNet, InferenceNet

InputType = Literal["uint8", "float32"]

SHARED = {
    "head": "kind of task",
    "class_names": "classes",
    "num_outputs": "number of outputs",
    "input_shape": "input shape",
    "input_type": "input type",
    "columns": "columns",
}
"""What the members of an ensemble have in common, and what a reader calls it."""

_MOST_AXES = 4
# Not written for a single net of images or plain features.
_OPTIONAL: dict[str, Any] = {
    "sha256": "",
    "members": [],
    "columns": [],
    "encoding": {},
    "target": "",
    "dialect": {},
}


@dataclass(frozen=True)
class ModelInfo:
    """A model's inputs, outputs and origin.

    Attributes:
        net: Class path and arguments of the net; of an ensemble those of its mean, which has none.
        input_shape: Shape of one input: ``(C, H, W)``, or ``(D,)``.
        input_type: ``uint8`` for raw bytes 0..255, or ``float32``; the model itself normalises.
        num_outputs: Number of outputs K.
        head: How outputs become probabilities: ``softmax``, ``sigmoid`` of one logit for the second
            of two classes, or ``none`` for regression.
        class_names: The classes; empty for regression.
        mean: Of each channel over the training inputs, bytes scaled to 0..1; empty for an ensemble,
            whose members normalise by themselves.
        std: Standard deviation of the same.
        run: Experiment and number of the run; of an ensemble how many it is of.
        metrics: Scores of the model on validation and test.
        mlp_lab: Version of mlp_lab that wrote it.
        sha256: SHA-256 of the checkpoint that a member of an ensemble comes from; else empty.
        members: Descriptions of an ensemble's members; empty for a single net.
        columns: Columns of a table, in the order of the inputs; empty for others.
        encoding: Arguments of TableEncoding, how these are encoded; empty for others, and for an
            ensemble, whose members encode by themselves.
        target: Name of the column that is predicted; empty where it has none.
        dialect: How the file of the table was read, ``missing``, ``separator`` and ``encoding``, as
            ``mlp_lab.tables.read_table`` takes them; empty for others.
    """

    net: dict[str, Any]
    input_shape: tuple[int, ...]
    input_type: InputType
    num_outputs: int
    head: Literal["softmax", "sigmoid", "none"]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    run: str
    metrics: dict[str, float]
    mlp_lab: str
    sha256: str = ""
    members: tuple["ModelInfo", ...] = ()
    columns: tuple[Column, ...] = ()
    encoding: dict[str, Any] = field(default_factory=dict)
    target: str = ""
    dialect: dict[str, Any] = field(default_factory=dict)

    @property
    def input_layout(self) -> str:
        """Axes and type of a batch, as text for people."""
        axes = "NCHW" if len(self.input_shape) == 3 else "NCD"[:: 3 - len(self.input_shape)]
        kind = "uint8, 0..255" if self.input_type == "uint8" else self.input_type
        return f"{axes}, {kind}"

    @property
    def takes_images(self) -> bool:
        """Whether an input is an image."""
        return len(self.input_shape) == 3

    @property
    def output_names(self) -> list[str]:
        """Names of an ONNX model's outputs."""
        return ["numbers"] if self.head == "none" else ["logits", "probabilities"]

    def rebuild(
        self, tensors: Mapping[str, "Tensor"], *, trust: bool
    ) -> "InferenceNet | EnsembleNet":
        """Make the net anew from its description and tensors; see ``mlp_lab.nets.rebuild``."""
        from mlp_lab.nets import EnsembleNet, rebuild

        shape, outputs = self.input_shape, self.num_outputs
        if self.members:
            parts = [_below(tensors, f"members.{place}.") for place in range(len(self.members))]
            pairs = zip(self.members, parts, strict=True)
            nets = [member.rebuild(part, trust=trust) for member, part in pairs]
            return EnsembleNet(nets, self.head).eval()
        table = (self.columns, self.encoding) if self.columns else None
        return rebuild(self.net, shape, outputs, self.head, tensors, table=table, trust=trust)

    def plain(self) -> dict[str, Any]:
        """Return the description in plain types."""
        content = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(replace(self, members=(), columns=())).items()
        }
        content["columns"] = [column.plain() for column in self.columns]
        content["members"] = [member.plain() for member in self.members]
        return {key: value for key, value in content.items() if value or key not in _OPTIONAL}

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "ModelInfo":
        """Check and take a description that a file holds.

        Raises:
            ChecksumError: A field is missing or invalid.
        """
        values = _OPTIONAL | dict(content)
        values = {key: values.get(key) for key in _CHECKS}
        for key, value in values.items():
            if not _CHECKS[key](value):
                raise ChecksumError(f"{key} is {value!r:.80}")
            if isinstance(value, list):
                values[key] = tuple(value)
        values["members"] = tuple(
            cls.from_plain({**member, "members": []}) for member in values["members"]
        )
        values["columns"] = tuple(map(Column.from_plain, values["columns"]))
        info = cls(**values)
        if info.columns and (len(info.columns),) != info.input_shape:
            raise ChecksumError(f"{len(info.columns)} columns are not inputs {info.input_shape}")
        names, outputs = len(info.class_names), info.num_outputs
        expected = {"softmax": (outputs, outputs), "sigmoid": (2, 1), "none": (0, outputs)}
        if (names, outputs) != expected[info.head]:
            raise ChecksumError(f"{outputs} outputs with {info.head} are not of {names} classes")
        for key in SHARED:
            if any(getattr(member, key) != getattr(info, key) for member in info.members):
                raise ChecksumError(f"members differ from the ensemble in their {SHARED[key]}")
        return info


def _below(tensors: Mapping[str, "Tensor"], prefix: str) -> dict[str, "Tensor"]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DIALECT: dict[str, Any] = {
    "missing": lambda v: isinstance(v, list) and all(isinstance(text, str) for text in v),
    "separator": lambda v: v is None or isinstance(v, str),
    "encoding": lambda v: isinstance(v, str),
}

_CHECKS: dict[str, Any] = {
    "net": lambda v: (
        isinstance(v, dict)
        and isinstance(v.get("class_path"), str)
        and isinstance(v.get("init_args"), dict)
    ),
    "input_shape": lambda v: (
        isinstance(v, list) and 0 < len(v) < _MOST_AXES and all(map(_is_count, v))
    ),
    "input_type": lambda v: v in ("uint8", "float32"),
    "num_outputs": _is_count,
    "head": lambda v: v in ("softmax", "sigmoid", "none"),
    "class_names": lambda v: isinstance(v, list) and all(isinstance(name, str) for name in v),
    "mean": lambda v: isinstance(v, list) and all(map(_is_number, v)),
    "std": lambda v: isinstance(v, list) and all(map(_is_number, v)),
    "run": lambda v: isinstance(v, str),
    "metrics": lambda v: isinstance(v, dict) and all(map(_is_number, v.values())),
    "mlp_lab": lambda v: isinstance(v, str),
    "sha256": lambda v: isinstance(v, str),
    "members": lambda v: isinstance(v, list) and all(isinstance(member, dict) for member in v),
    "columns": lambda v: isinstance(v, list) and all(isinstance(column, dict) for column in v),
    "encoding": lambda v: isinstance(v, dict),
    "target": lambda v: isinstance(v, str),
    "dialect": lambda v: (
        isinstance(v, dict)
        and all(key in _DIALECT for key in v)
        and all(_DIALECT[key](value) for key, value in v.items())
    ),
}
