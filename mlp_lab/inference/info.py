"""A model's description, in plain types, as every model file holds it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlp_lab.errors import ChecksumError

if TYPE_CHECKING:  # a .onnx is used without torch
    from torch import Tensor

    from mlp_lab.nets import InferenceNet

InputType = Literal["uint8", "float32"]

_MOST_AXES = 4


@dataclass(frozen=True)
class ModelInfo:
    """A model's inputs, outputs and origin.

    Attributes:
        net: Class path and arguments of the net.
        input_shape: Shape of one input: ``(C, H, W)``, or ``(D,)``.
        input_type: ``uint8`` for raw bytes 0..255, or ``float32``; the model itself normalises.
        num_outputs: Number of outputs K.
        head: How outputs become probabilities: ``softmax``, ``sigmoid`` of one logit for the second
            of two classes, or ``none`` for regression.
        class_names: The classes; empty for regression.
        mean: Of each channel over the training inputs, bytes scaled to 0..1.
        std: Standard deviation of the same.
        run: Experiment and number of the run.
        metrics: Scores of the model on validation and test.
        mlp_lab: Version of mlp_lab that wrote it.
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

    def rebuild(self, tensors: Mapping[str, "Tensor"], *, trust: bool) -> "InferenceNet":
        """Make the net anew from its description and tensors; see ``mlp_lab.nets.rebuild``."""
        from mlp_lab.nets import rebuild

        shape, outputs = self.input_shape, self.num_outputs
        return rebuild(self.net, shape, outputs, self.head, tensors, trust=trust)

    def plain(self) -> dict[str, Any]:
        """Return the description in plain types."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "ModelInfo":
        """Check and take a description that a file holds.

        Raises:
            ChecksumError: A field is missing or invalid.
        """
        values: dict[str, Any] = {key: content.get(key) for key in _CHECKS}
        for key, value in values.items():
            if not _CHECKS[key](value):
                raise ChecksumError(f"{key} is {value!r:.80}")
            if isinstance(value, list):
                values[key] = tuple(value)
        info = cls(**values)
        names, outputs = len(info.class_names), info.num_outputs
        expected = {"softmax": (outputs, outputs), "sigmoid": (2, 1), "none": (0, outputs)}
        if (names, outputs) != expected[info.head]:
            raise ChecksumError(f"{outputs} outputs with {info.head} are not of {names} classes")
        return info


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value < 2**31


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
}
