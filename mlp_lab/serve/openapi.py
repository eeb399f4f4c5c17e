"""The description of the service's requests and answers, as OpenAPI 3.1."""

from typing import Any

from mlp_lab import __version__
from mlp_lab.inference import ModelInfo
from mlp_lab.serve.limits import Limits
from mlp_lab.tables import Column

_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_BYTES: dict[str, Any] = {}  # of a media type that is no JSON
_GRID = {"type": "array", "items": {"type": "array"}}

_ERRORS = {
    400: "A body that is broken, or a host that is not served.",
    403: "A page of another origin asks.",
    408: "The body did not arrive in time.",
    413: "A body, an image or a number of inputs that is too large.",
    415: "A kind of body that is not read, or not by this model.",
    422: "Inputs of another shape or type, or an image that cannot be decoded.",
    429: "Too many requests at once; try again after the seconds in Retry-After.",
    503: "The model cannot be run, or a body not be decoded for now.",
}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "required": [*required], "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _nested(shape: tuple[int, ...], item: dict[str, Any]) -> dict[str, Any]:
    for size in reversed(shape):
        item = {**_list(item), "minItems": size, "maxItems": size}
    return item


def describe_api(info: ModelInfo, limits: Limits) -> dict[str, Any]:
    """Return the description, with the input's shape and the classes of a model."""
    byte = {"type": "integer", "minimum": 0, "maximum": 255}
    one = _nested(info.input_shape, byte if info.input_type == "uint8" else _NUMBER)
    label: dict[str, Any] = {"enum": [*info.class_names]}
    if info.class_names:
        share = _object({"label": label, "probability": _NUMBER})
        answer = {
            "label": label,
            "confidence": _NUMBER,
            "top": _list(share),
            "probabilities": _nested((len(info.class_names),), _NUMBER),
        }
    else:
        answer = {"value": _nested((info.num_outputs,), _NUMBER)}
    predictions = _list(_object({"index": _COUNT, **answer}, file=_TEXT))
    inputs = {
        "description": f"{info.input_layout}: one input of shape {list(info.input_shape)}, or up "
        f"to {limits.inputs:,} of them.",
        "anyOf": [one, {**_list(one), "minItems": 1, "maxItems": limits.inputs}],
    }
    top_k = {"type": "integer", "minimum": 1, "default": 3}
    image = {"image/*": _BYTES, "multipart/form-data": {"schema": {"type": "object"}}}
    archive = {"application/x-npz": _BYTES}
    if info.columns:
        rows = _list(_object({column.name: _cell(column) for column in info.columns}))
        bodies = {**_json(_object({"rows": rows}, top_k=top_k)), "text/csv": _BYTES}
        one = rows["items"]
    else:
        bodies = {**_json(_object({"inputs": inputs}, top_k=top_k)), **image, **archive}
    predict = _post(
        "Predict rows of a table" if info.columns else "Predict inputs, images or the x of an .npz",
        bodies,
        {**_json(_object({"predictions": predictions, "milliseconds": _NUMBER})), **archive},
    )
    predict["parameters"] = [{"name": "top_k", "in": "query", "schema": top_k}]
    pair = {**_list(_NUMBER), "minItems": 2, "maxItems": 2}
    resolution = {"type": "integer", "minimum": 2, "maximum": 256, "default": 64}
    sample = _object({"index": _COUNT, "label": {}, "input": one})
    paths = {
        "/": {"get": _get("The page", {"text/html": _BYTES})},
        "/static/{name}": {
            "get": _get("A file of the page", {"text/css": _BYTES, "text/javascript": _BYTES}),
            "parameters": [{"name": "name", "in": "path", "required": True, "schema": _TEXT}],
        },
        "/healthz": {"get": _get("Whether it works", _json(_object({"status": {"const": "ok"}})))},
        "/api/openapi.json": {"get": _get("This description", _json(_object({"openapi": _TEXT})))},
        "/api/model": {"get": _get("The model's card", _json(_card()))},
        "/api/samples": {
            "get": _get("Samples of the test set", _json(_object({"samples": _list(sample)})))
        },
        "/api/predict": {"post": predict},
        "/api/seen": {
            "post": _post("An image as the model gets it", image, _json(_object({"input": one})))
        },
        "/api/occlusion": {
            "post": _post(
                "How much the probability of a class drops where a part is covered",
                _json(_object({"input": one}, label={"anyOf": [label, {"type": "null"}]})),
                _json(_object({"map": _GRID, "patch": _COUNT, "label": {}})),
            )
        },
        "/api/surface": {
            "post": _post(
                "Answers all over a line or a rectangle",
                _json(_object({"range": _list(pair)}, resolution=resolution)),
                _json(_object({}, labels={"type": "array"}, probability={}, values={})),
            )
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"mlp-lab serve: {info.run or 'a model'}", "version": __version__},
        "paths": paths,
    }


def _cell(column: Column) -> dict[str, Any]:
    kind = {"numeric": "number", "boolean": "boolean", "categorical": "string"}[column.kind]
    known = {"examples": [*column.categories]} if column.categories else {}
    return {"type": [kind, "null"], **known}


def _card() -> dict[str, Any]:
    shape = _object({"shape": _list(_COUNT), "type": _TEXT, "layout": _TEXT})
    truth = {"type": "boolean"}
    return _object(
        {
            **dict.fromkeys(("name", "run", "mlp_lab", "sha256"), _TEXT),
            "task": {"enum": ["classification", "binary", "regression"]},
            "kind": {"enum": ["image", "points", "table", "features"]},
            "input": shape,
            "classes": _list(_TEXT),
            "num_outputs": _COUNT,
            "metrics": {"type": "object", "additionalProperties": _NUMBER},
            "data": {"type": ["string", "null"]},
            "dark_background": {"type": ["boolean", "null"]},
            "framing": {"type": ["object", "null"]},
            "samples": _COUNT,
            "range": {"type": ["array", "null"]},
            "columns": _list({"type": "object"}),
            "limits": _object({"megabytes": _COUNT, "inputs": _COUNT}),
            "changed_on_disk": truth,
        }
    )


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _get(summary: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "Fine.", "content": content}}}


def _post(summary: str, body: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    described = _get(summary, content)
    described["requestBody"] = {"required": True, "content": body}
    error = _json(_object({"error": _TEXT}))
    for status, description in _ERRORS.items():
        described["responses"][str(status)] = {"description": description, "content": error}
    return described
