"""The service as an ASGI application, and its page."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mlp_lab.errors import ChecksumError, MLPLabError
from mlp_lab.serve import routes
from mlp_lab.serve.guard import RETRY, Guard
from mlp_lab.serve.limits import RequestError
from mlp_lab.serve.openapi import describe_api
from mlp_lab.serve.service import Service

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def make_app(service: Service, names: Iterable[str] = ()) -> Starlette:
    """Make the application.

    Args:
        service: What its routes share.
        names: Names that requests may be for, beside localhost and addresses.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Starlette(
        routes=[  # the most frequent first, since they are tried in turn
            Route("/api/predict", routes.predict, methods=["POST"]),
            Route("/", _page, methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            Route("/healthz", routes.health, methods=["GET"]),
            Route("/api/model", routes.model, methods=["GET"]),
            Route("/api/samples", routes.samples, methods=["GET"]),
            Route("/api/openapi.json", _openapi, methods=["GET"]),
            Route("/api/seen", routes.seen, methods=["POST"]),
            Route("/api/occlusion", routes.occlusion, methods=["POST"]),
            Route("/api/surface", routes.surface, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, names, service.limits)],
        exception_handlers={
            HTTPException: _answer_http_error,
            MLPLabError: _answer_error,
            ClientDisconnect: _answer_nobody,
            Exception: _answer_failure,
        },
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.page = _read_page()
    return app


def _read_page() -> dict[str, Response]:
    """Return the files of the page, which are all that a path can name."""
    directory = files("mlp_lab.serve") / "static"
    page = {}
    for file in directory.iterdir():
        media_type = _MEDIA_TYPES.get(f".{file.name.rpartition('.')[2]}")
        if media_type:
            page[file.name] = Response(file.read_bytes(), media_type=media_type)
    return page


async def _openapi(request: Request) -> Response:
    service: Service = request.app.state.service
    return JSONResponse(describe_api(service.info, service.limits))


async def _page(request: Request) -> Response:
    return _file(request, "index.html")


async def _static(request: Request) -> Response:
    return _file(request, request.path_params["name"])


def _file(request: Request, name: str) -> Response:
    page: dict[str, Response] = request.app.state.page
    if name not in page:
        raise HTTPException(404)
    return page[name]


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {
        404: "There is nothing at this path; see /api/openapi.json.",
        405: f"{request.method} is not answered here; see /api/openapi.json.",
    }
    sentence = sentences.get(error.status_code, f"{error.detail}.")
    return JSONResponse({"error": sentence}, error.status_code, headers=error.headers)


async def _answer_error(request: Request, error: Exception) -> Response:
    """Answer with one of this package's errors: the client's, unless the model itself fails."""
    if isinstance(error, RequestError):
        status = error.status
    else:
        status = 503 if isinstance(error, ChecksumError) else 422
    return JSONResponse({"error": str(error)}, status, RETRY if status == 429 else None)


async def _answer_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the connection was cut


async def _answer_failure(request: Request, error: Exception) -> Response:
    sentence = "The service failed at this request; what it prints says more."
    return JSONResponse({"error": sentence}, 500)
