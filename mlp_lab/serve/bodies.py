"""From the body of a request to a batch of inputs. Pure functions, without a web framework."""

import io
import json
import math
import struct
import zipfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mlp_lab.errors import ChecksumError, ConfigError, MLPLabError
from mlp_lab.images import decode_image, refusing_bombs
from mlp_lab.inference import ModelInfo
from mlp_lab.inference.inputs import cast_inputs, match_layout
from mlp_lab.inference.tables import encode_csv, encode_rows
from mlp_lab.serve.limits import Limits, RequestError

ARCHIVE_TYPES = frozenset({"application/x-npz", "application/zip", "application/octet-stream"})

_MOST_AXES = 5
_MOST_FORM_FIELDS = 16
_MOST_NAME_LETTERS = 200
# numpy writes an archive's directory at its very end, without a comment behind it.
_ZIP_END = struct.Struct("<4s4H2LH")
_MOST_DIRECTORY_BYTES = 2**16


@dataclass(frozen=True)
class Inputs:
    """What a body holds.

    Attributes:
        array: As the model takes them, ``(N, *input_shape)``.
        files: What the client calls each file; None where the body is no form.
        fields: What else a JSON object holds.
    """

    array: NDArray[Any]
    files: list[str] | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def decode_body(content_type: str, body: bytes, info: ModelInfo, limits: Limits) -> Inputs:
    """Decode a body by its media type.

    Args:
        content_type: The header, with parameters.
        body: At most as many bytes as the limits allow.
        info: Of the model.
        limits: Bounds.

    Raises:
        RequestError: It cannot be decoded, or holds too much.
    """
    kind = media_type(content_type)
    try:
        if kind == "application/json":
            return _from_json(body, info, limits)
        if kind in ARCHIVE_TYPES:
            return Inputs(_from_archive(body, info, limits))
        if kind == "multipart/form-data":
            return _from_form(content_type, body, info, limits)
        if kind == "text/csv" and info.columns:
            return _from_csv(body, info, limits)
        if kind.startswith("image/"):
            return Inputs(_from_image(body, info, limits, "body")[None])
    except (ConfigError, ChecksumError) as error:
        raise RequestError(422, str(error)) from error
    raise RequestError(
        415,
        f"The content type {kind[:_MOST_NAME_LETTERS]!r} is not read; send application/json, an "
        "image, multipart/form-data with images, an .npz as application/x-npz, or, to a model of a "
        "table, text/csv.",
    )


def media_type(content_type: str) -> str:
    """Return the media type of a header, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse an object.

    Raises:
        RequestError: It is no JSON, or no object.
    """
    try:
        content = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise RequestError(400, "The JSON is nested too deeply.") from error
    except ValueError as error:
        raise RequestError(400, f"The body is no JSON: {error!s:.200}.") from error
    if not isinstance(content, dict):
        raise RequestError(422, 'The body must be an object such as {"inputs": [...]}.')
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def inputs_from_lists(value: object, info: ModelInfo, limits: Limits) -> NDArray[Any]:
    """Bring nested lists, of one input or of several, to what the model takes.

    Shape:
        result ``(N, *input_shape)``.

    Raises:
        RequestError: They have another shape, or hold something else than numbers.
    """
    shape = _nested_shape(value)
    single = (info.input_shape, *([info.input_shape[1:]] if info.input_shape[0] == 1 else []))
    if shape in single or (info.takes_images and shape == _channels_last(info)):
        value, shape = [value], (1, *shape)
    if shape[0] > limits.inputs:
        raise _too_many(shape[0], limits)
    level: Sequence[Any] = [value]
    for size in shape:
        if not all(type(part) is list and len(part) == size for part in level):
            raise RequestError(422, "The lists of inputs have different lengths.")
        level = [*chain.from_iterable(level)]
    try:
        if info.input_type == "uint8":
            numbers = np.frombuffer(bytes(level), np.uint8)
        else:
            numbers = np.frombuffer(array("d", level), np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        kind = "whole numbers 0..255" if info.input_type == "uint8" else "numbers"
        raise RequestError(422, f"The inputs must be {kind} throughout: {error}.") from error
    try:
        return cast_inputs(match_layout(numbers.reshape(shape), info, "inputs"), info, "inputs")
    except ConfigError as error:
        raise RequestError(422, str(error)) from error


def _nested_shape(value: object) -> tuple[int, ...]:
    """Return the lengths of nested lists, by the first of each."""
    shape: list[int] = []
    while isinstance(value, list):
        if not value or len(shape) == _MOST_AXES:
            raise RequestError(422, "The inputs hold an empty list, or are nested too deeply.")
        shape.append(len(value))
        value = value[0]
    if not shape:
        raise RequestError(422, "The inputs must be lists of numbers.")
    return tuple(shape)


def _channels_last(info: ModelInfo) -> tuple[int, ...]:
    return (*info.input_shape[1:], info.input_shape[0])


def _from_json(body: bytes, info: ModelInfo, limits: Limits) -> Inputs:
    content = parse_json(body)
    if "rows" in content:
        if not info.columns:
            raise RequestError(415, "The model is not of a table: send inputs, and no rows.")
        rows = content.pop("rows")
        if isinstance(rows, list) and len(rows) > limits.inputs:
            raise _too_many(len(rows), limits)
        return Inputs(encode_rows(rows, info), fields=content)
    if "inputs" not in content:
        lacks = (
            '"rows", a list of objects' if info.columns else '"inputs", the inputs as nested lists'
        )
        raise RequestError(422, f"The object lacks {lacks}.")
    numbers = inputs_from_lists(content.pop("inputs"), info, limits)
    return Inputs(numbers, fields=content)


def _from_csv(body: bytes, info: ModelInfo, limits: Limits) -> Inputs:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(400, f"The CSV is not in UTF-8: {error}.") from error
    if (lines := text.count("\n")) > limits.inputs + 1:
        raise _too_many(lines - 1, limits)
    return Inputs(encode_csv(text, info))


def _from_archive(body: bytes, info: ModelInfo, limits: Limits) -> NDArray[Any]:
    """Read x_test or x of an .npz; nothing is allocated that the array's header does not admit."""
    _check_directory(body)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            names = [name for name in ("x_test.npy", "x.npy") if name in archive.namelist()]
            if not names:
                raise RequestError(422, "The .npz holds neither x_test nor x.")
            with archive.open(names[0]) as file:
                return _read_array(file, names[0].removesuffix(".npy"), info, limits)
    except MLPLabError:
        raise
    except Exception as error:  # a damaged file may confuse the readers of zip and npy in any way
        raise RequestError(400, f"The body is no .npz: {error!s:.200}.") from error


def _check_directory(body: bytes) -> None:
    """Refuse an archive whose directory would fill the memory."""
    end = body[-_ZIP_END.size :]
    is_end = len(end) == _ZIP_END.size and end.startswith(b"PK\x05\x06")
    if not is_end or _ZIP_END.unpack(end)[5] > _MOST_DIRECTORY_BYTES:
        raise RequestError(400, "The body is no .npz as numpy.savez writes it.")
    if body[-_ZIP_END.size - 20 :].startswith(b"PK\x06\x07"):
        raise RequestError(413, "The .npz holds too many, or too large, arrays.")


def _read_array(file: Any, name: str, info: ModelInfo, limits: Limits) -> NDArray[Any]:
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, is_fortran, dtype = read_header(file)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise RequestError(422, f"{name} is of {dtype}; the model takes numbers.")
    if shape and shape[0] > limits.inputs:
        raise _too_many(shape[0], limits)
    # An empty array of this type and shape takes no memory, and is refused as the full one is.
    match_layout(np.broadcast_to(np.zeros((), dtype), shape), info, name)
    size = math.prod(shape) * dtype.itemsize
    content = file.read(size)
    if len(content) != size or not size:
        raise RequestError(400, f"{name} of the .npz is empty or torn.")
    order: Any = "F" if is_fortran else "C"
    numbers = np.frombuffer(content, dtype).reshape(shape, order=order)
    return cast_inputs(match_layout(numbers, info, name), info, name)


def _from_image(body: bytes, info: ModelInfo, limits: Limits, name: str) -> NDArray[np.uint8]:
    shape = info.input_shape
    if len(shape) != 3 or shape[0] not in (1, 3) or info.input_type != "uint8":
        raise RequestError(415, f"The model takes {info.input_layout}, and no images.")
    with refusing_bombs():
        return decode_image(
            io.BytesIO(body),
            (shape[0], shape[1], shape[2]),
            name=name,
            max_pixels=limits.pixels,
        )


def _from_form(content_type: str, body: bytes, info: ModelInfo, limits: Limits) -> Inputs:
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import FormParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise RequestError(400, "The form has no boundary.")
    files: list[Any] = []
    fields: list[Any] = []
    ends: list[bool] = []

    def add_file(file: Any) -> None:
        if len(files) == limits.inputs:
            raise _too_many(len(files) + 1, limits)
        files.append(file)

    def add_field(found: Any) -> None:
        if len(fields) == _MOST_FORM_FIELDS:
            raise RequestError(413, f"The form has more than {_MOST_FORM_FIELDS} fields.")
        fields.append(found)

    parser = FormParser(
        "multipart/form-data",
        add_field,
        add_file,
        lambda: ends.append(True),
        boundary=boundary,
        config={"MAX_MEMORY_FILE_SIZE": len(body) + 1},  # nothing is written to the disk
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise RequestError(400, f"The form is broken: {error!s:.200}.") from error
    if not ends:
        raise RequestError(400, "The form is cut off.")
    if not files:
        raise RequestError(422, "The form holds no file.")
    names = [_readable(file.file_name) for file in files]
    images = [
        _from_image(file.file_object.getvalue(), info, limits, name)
        for name, file in zip(names, files, strict=True)
    ]
    return Inputs(np.stack(images), names)


def _readable(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "replace")[:_MOST_NAME_LETTERS]


def _too_many(num: int, limits: Limits) -> RequestError:
    return RequestError(413, f"{num:,} inputs are too many; send at most {limits.inputs:,}.")
