"""What a request may ask for, and the error that says it asked for more."""

from dataclasses import dataclass

from mlp_lab.errors import MLPLabError

MEGABYTE = 2**20


class RequestError(MLPLabError):
    """A request that cannot be answered.

    Args:
        status: HTTP's status code.
        message: One sentence.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Bounds of requests; all hold before anything is decoded.

    Attributes:
        megabytes: Largest body, in MiB.
        inputs: Most inputs of a request.
        pixels: Largest image, height times width.
        body_seconds: How long a client may take to send a body.
        decode_seconds: How long the images of a request may take to decode.
        decode_megabytes: How much memory that may take, in MiB.
        bodies_at_once: How many bodies of the largest size are held in memory together.
        requests_at_once: Most requests that are worked on together.
    """

    megabytes: int = 32
    inputs: int = 4096
    pixels: int = 16_000_000
    body_seconds: float = 30.0
    decode_seconds: float = 10.0
    decode_megabytes: int = 1024
    bodies_at_once: int = 8
    requests_at_once: int = 256

    @property
    def body_bytes(self) -> int:
        """Largest body in bytes."""
        return self.megabytes * MEGABYTE
