"""The answers of the service, a function for each."""

import asyncio
import math
import time
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mlp_lab.serve.answers import describe_predictions, to_npz
from mlp_lab.serve.bodies import ARCHIVE_TYPES, Inputs, inputs_from_lists, media_type, parse_json
from mlp_lab.serve.explain import cover, grid_points, spread
from mlp_lab.serve.limits import RequestError
from mlp_lab.serve.service import Service

_TOP_K = 3
_MOST_RESOLUTION = 256
_DECIMALS = 6


async def health(request: Request) -> Response:
    """``GET /healthz``."""
    return JSONResponse({"status": "ok"})


async def model(request: Request) -> Response:
    """``GET /api/model``."""
    return JSONResponse(_service(request).card())


async def samples(request: Request) -> Response:
    """``GET /api/samples``."""
    return JSONResponse(_service(request).samples)


async def predict(request: Request) -> Response:
    """``POST /api/predict``."""
    service = _service(request)
    inputs = await _decode(request)
    start = time.perf_counter()
    top_k = _top_k(inputs, request)
    results = await service.predict(inputs.array)
    if media_type(request.headers.get("accept", "")) in ARCHIVE_TYPES:
        return Response(to_npz(results, service.info), media_type="application/x-npz")
    predictions = describe_predictions(results, service.info, top_k, inputs.files)
    milliseconds = round(1000 * (time.perf_counter() - start), 3)
    return JSONResponse({"predictions": predictions, "milliseconds": milliseconds})


async def seen(request: Request) -> Response:
    """``POST /api/seen``."""
    inputs = await _decode(request)
    return JSONResponse({"input": inputs.array[0].tolist()})


async def occlusion(request: Request) -> Response:
    """``POST /api/occlusion``."""
    service = _service(request)
    if service.kind != "image":
        raise RequestError(415, "The model takes no images, so no part of one can be covered.")
    content = parse_json(await _read_body(request))
    image = inputs_from_lists(content.get("input"), service.info, service.limits)[0]
    names = service.info.class_names
    before = (await service.predict(image[None]))[-1][0]
    if content.get("label") is None:
        place = int(before.argmax()) if names else 0
    elif content["label"] in names:
        place = names.index(content["label"])
    else:
        raise RequestError(422, f"There is no class {content['label']!r:.100}.")
    covered, side, places = cover(image)
    after = (await service.predict(covered))[-1][:, place]
    drop = spread(before[place] - after, places, image.shape[1:])
    rounded = np.round(drop.astype(np.float64), _DECIMALS).tolist()
    return JSONResponse({"map": rounded, "patch": side, "label": names[place] if names else None})


async def surface(request: Request) -> Response:
    """``POST /api/surface``."""
    service = _service(request)
    if service.kind != "points":
        raise RequestError(415, "The model takes no points of a line or a plane.")
    content = parse_json(await _read_body(request))
    axes = service.info.input_shape[0]
    resolution = content.get("resolution", 64)
    if type(resolution) is not int or not 2 <= resolution <= _MOST_RESOLUTION:
        raise RequestError(422, f"resolution must be a whole number 2..{_MOST_RESOLUTION}.")
    points = grid_points(_ranges(content.get("range"), axes), resolution)
    results = await service.predict(points)
    size = (resolution,) * axes
    if not service.info.class_names:
        values = results[0].reshape(*size, -1).astype(np.float64)
        return JSONResponse({"values": np.round(values, _DECIMALS).tolist()})
    best, probability = results[1].argmax(1), results[1].max(1).astype(np.float64)
    return JSONResponse(
        {
            "labels": best.reshape(size).tolist(),
            "probability": np.round(probability, _DECIMALS).reshape(size).tolist(),
        }
    )


def _ranges(value: Any, axes: int) -> list[tuple[float, float]]:
    sentence = f"range must be {axes} pairs of numbers [lowest, highest], lowest first."
    try:
        ranges = [(float(low), float(high)) for low, high in value]
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestError(422, sentence) from error
    limit = float(np.finfo(np.float32).max)
    fits = all(-limit <= low < high <= limit and math.isfinite(high - low) for low, high in ranges)
    if len(ranges) != axes or not fits:
        raise RequestError(422, sentence)
    return ranges


async def _decode(request: Request) -> Inputs:
    content_type = request.headers.get("content-type", "")
    return await _service(request).decode(content_type, await _read_body(request))


async def _read_body(request: Request) -> bytes:
    """Read a body of bounded size, in bounded time.

    Raises:
        RequestError: It is too large, or too slow; or those of all clients are too large together.
    """
    service = _service(request)
    limits = service.limits
    too_large = RequestError(413, f"The body is larger than {limits.megabytes} MB.")
    declared = request.headers.get("content-length", "0")
    if int(declared) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError as error:
        raise RequestError(
            408, f"The body did not arrive within {limits.body_seconds:g} seconds."
        ) from error
    return bytes(body)


def _top_k(inputs: Inputs, request: Request) -> int:
    value: object = inputs.fields.get("top_k", request.query_params.get("top_k", _TOP_K))
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:9])
    if type(value) is not int or value < 1:
        raise RequestError(422, "top_k must be a whole number of at least 1.")
    return value


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
