"""What the routes share: the model, the samples, and what computes and decodes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import cached_property
from typing import Any

from mlp_lab.inference.tables import encode_rows
from mlp_lab.serve.batcher import Batcher, Results
from mlp_lab.serve.bodies import ARCHIVE_TYPES, Inputs, decode_body, media_type
from mlp_lab.serve.card import describe_model, describe_samples, input_kind, read_samples
from mlp_lab.serve.decoder import Decoders
from mlp_lab.serve.limits import Limits
from mlp_lab.serve.model import ServedModel

_SECONDS_BETWEEN_LOOKS = 2.0
_SMALL_BYTES = 2**17  # of JSON that takes less than a millisecond to parse


class Service:
    """A model in use.

    Args:
        model: The model.
        limits: Bounds of requests.
        batch_window_seconds: How long a batch waits for more inputs.
    """

    def __init__(
        self, model: ServedModel, limits: Limits, batch_window_seconds: float = 0.0
    ) -> None:
        self.model = model
        self.info = model.info
        self.limits = limits
        self.kind = input_kind(model.info)
        self._samples = read_samples(model)
        self._card = describe_model(model, self._samples, limits)
        self._batcher = Batcher(model.predictor.forward, batch_window_seconds)
        self._decoders = Decoders(model.info, limits)
        if self.kind == "table":  # what reads rows is loaded now, and not by the first request
            encode_rows([dict.fromkeys(column.name for column in self.info.columns)], self.info)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep processes for decoding, and look after the model's file, within the block."""
        tasks = [asyncio.create_task(self._look_after_file())]
        if self.kind == "image":
            tasks.append(asyncio.create_task(self._decoders.start()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._batcher.stop()
            await self._decoders.stop()

    async def _look_after_file(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            self.model.look()

    def card(self) -> dict[str, Any]:
        """Return what a client may know of the model."""
        self.model.look()
        return {**self._card, "changed_on_disk": self.model.changed_on_disk}

    @cached_property
    def samples(self) -> dict[str, Any]:
        """The test samples that the run keeps."""
        return {"samples": describe_samples(self._samples, self.info)}

    async def decode(self, content_type: str, body: bytes) -> Inputs:
        """Decode a body, beside this process if that may take long or be dangerous.

        Raises:
            RequestError: As ``decode_body`` does.
        """
        kind = media_type(content_type)
        is_long = kind in ("application/json", "text/csv") and len(body) >= _SMALL_BYTES
        if is_long or kind == "multipart/form-data" or kind.startswith("image/"):
            return await self._decoders.decode(content_type, body)
        if kind in ARCHIVE_TYPES:  # takes no more memory than its limits say
            decoded = asyncio.to_thread(decode_body, content_type, body, self.info, self.limits)
            return await decoded
        return decode_body(content_type, body, self.info, self.limits)

    async def predict(self, inputs: Any) -> Results:
        """Return outputs and, where there are classes, probabilities.

        Raises:
            MLPLabError: As ``Predictor.forward`` does.
        """
        return await self._batcher.run(inputs)
