"""What holds for every request: whom it may be for, how many at once, and headers of answers."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlp_lab.serve.limits import Limits, RequestError

# Scripts, styles and requests of this very service alone; images of a canvas too.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]

RETRY = {"retry-after": "1"}
"""Header of 429."""

_BUSY = "Too many requests are being worked on; try again in a second."


class Guard:
    """Refuse what a page of another origin asks for, and more requests than can be worked on.

    A page elsewhere may let its own name point to this machine (DNS rebinding), so names are
    checked; an address of the network cannot be made to point elsewhere.

    Args:
        app: What answers the others.
        names: Names that requests may be for, beside localhost and addresses.
        limits: Bounds, of all requests together too.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], limits: Limits) -> None:
        self._app = app
        self._names = {"localhost", *(name.lower() for name in names)}
        self._limits = limits
        self._num = 0
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        if not self._is_known(host):
            answer = _refuse(400, f"The host {host[:100]!r} is not served; see --allow-host.")
        elif origin is not None and urlsplit(origin.decode("latin-1")).netloc != host:
            answer = _refuse(403, "Pages of other origins are not answered.")
        elif self._num >= self._limits.requests_at_once:
            answer = _refuse(429, _BUSY)
        else:
            await self._work(scope, receive, send_with_headers)
            return
        await answer(scope, receive, send_with_headers)

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, and count it and its bytes meanwhile."""
        num_bytes = 0

        async def receive_counted() -> Message:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._limits.bodies_at_once * self._limits.body_bytes:
                raise RequestError(429, _BUSY)
            return message

        self._num += 1
        try:
            await self._app(scope, receive_counted, send)
        finally:
            self._num -= 1
            self._bytes -= num_bytes

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _refuse(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, RETRY if status == 429 else None)
