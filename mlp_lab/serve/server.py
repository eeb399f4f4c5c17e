"""uvicorn on a socket that is bound beforehand; ends in order at a signal."""

import asyncio
import logging
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mlp_lab.errors import ConfigError

_GRACE_SECONDS = 3
_BACKLOG = 2048
_IDLE_SECONDS = 10
_MOST_CONNECTIONS = 512


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: The address is taken, or is none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # With its protocol named, unlike that of create_server: only then does asyncio send answers
        # at once, and not 40 ms later.
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":  # where it would let others take the address
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"Nothing can be served at host {host!r} and port {port}: {reason}. "
            "Try another --port, or 0 for any that is free."
        ) from error
    return listener


def make_server(app: ASGIApp) -> uvicorn.Server:
    """Return a server whose ``run`` ends at a signal, raised anew once requests are answered."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


class _Protocol(H11Protocol):
    """HTTP, without patience for connections on which nothing moves."""

    _timer: asyncio.TimerHandle | None = None
    _unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _MOST_CONNECTIONS:
            transport.abort()
        self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._begin_to_wait()

    def send_400_response(self, msg: str) -> None:
        body = b'{"error": "This is no request of HTTP/1.1."}'
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()

    def _begin_to_wait(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._unsent = self.transport.get_write_buffer_size()
        self._timer = self.loop.call_later(_IDLE_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Close, unless a request is worked on or its answer is still being fetched."""
        cycle: Any = self.cycle
        unsent = self.transport.get_write_buffer_size()
        if (cycle and not cycle.response_complete) or 0 < unsent < self._unsent:
            self._begin_to_wait()
        else:
            self.transport.abort()
