"""Keras and JAX, as their users would write the baseline, for bench.py; it installs them.

``python benchmarks/rivals.py NAME DATA_ROOT NUM_EPOCHS`` prints the seconds of every epoch but the
first, in which they compile, as one JSON object.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH_SIZE = 128
LEARNING_RATE = 0.001
MEAN, STD = 0.1307, 0.3081

Array = NDArray[Any]


def read_mnist(data_root: Path) -> tuple[Array, Array]:
    """Return bytes ``(N, 784)`` and labels ``(N,)`` of the training part."""
    raw_dir = data_root / "MNIST" / "raw"
    images = np.fromfile(raw_dir / "train-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(raw_dir / "train-labels-idx1-ubyte", np.uint8, offset=8)
    return images.reshape(len(labels), -1), labels.astype(np.int32)


def time_keras(images: Array, labels: Array, num_epochs: int, backend: str) -> list[float]:
    """Time ``Model.fit`` on inputs normalised beforehand, with accuracy and without validation."""
    os.environ["KERAS_BACKEND"] = backend
    import keras

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is installed by make bench alone
        def __init__(self) -> None:
            super().__init__()
            self.times: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.times.append(time.perf_counter())

        def on_train_end(self, logs: object = None) -> None:
            self.times.append(time.perf_counter())

    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((784,)), layers.Dense(200, activation="relu"), layers.Dense(10)]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    inputs = ((images / 255 - MEAN) / STD).astype("float32")
    clock = Clock()
    model.fit(
        inputs, labels, batch_size=BATCH_SIZE, epochs=num_epochs, verbose=0, callbacks=[clock]
    )
    return [end - start for start, end in zip(clock.times, clock.times[1:], strict=False)]


def time_keras_jax(images: Array, labels: Array, num_epochs: int) -> list[float]:
    """Time Keras on JAX, which compiles the step."""
    return time_keras(images, labels, num_epochs, "jax")


def time_keras_torch(images: Array, labels: Array, num_epochs: int) -> list[float]:
    """Time Keras on PyTorch."""
    return time_keras(images, labels, num_epochs, "torch")


def time_jax(images: Array, labels: Array, num_epochs: int) -> list[float]:
    """Time a compiled step with Adam in a plain loop over bytes in memory."""
    import jax
    from jax import numpy as jnp

    def loss_of(params: Any, inputs: Any, classes: Any) -> Any:
        hidden = jax.nn.relu(inputs @ params["w1"] + params["b1"])
        chances = jax.nn.log_softmax(hidden @ params["w2"] + params["b2"])
        return -jnp.take_along_axis(chances, classes[:, None], 1).mean()

    def step(state: Any, pixels: Any, classes: Any) -> Any:
        params, first, second, count = state
        inputs = (pixels.astype(jnp.float32) / 255 - MEAN) / STD
        grads = jax.grad(loss_of)(params, inputs, classes)
        count = count + 1
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)

        def move(p: Any, m: Any, v: Any) -> Any:
            unbiased = jnp.sqrt(v / (1 - 0.999**count)) + 1e-8
            return p - LEARNING_RATE * m / (1 - 0.9**count) / unbiased

        return jax.tree.map(move, params, first, second), first, second, count

    step = jax.jit(step, donate_argnums=0)
    generator = np.random.default_rng(0)
    params = {
        "w1": jnp.asarray(generator.normal(0, 784**-0.5, (784, 200)), jnp.float32),
        "b1": jnp.zeros(200),
        "w2": jnp.asarray(generator.normal(0, 200**-0.5, (200, 10)), jnp.float32),
        "b2": jnp.zeros(10),
    }
    zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
    state: Any = (params, *zeros, jnp.zeros(()))
    seconds = []
    for _ in range(num_epochs):
        start = time.perf_counter()
        order = generator.permutation(len(labels))
        for first in range(0, len(order), BATCH_SIZE):
            picked = order[first : first + BATCH_SIZE]
            state = step(state, images[picked], labels[picked])
        jax.block_until_ready(state)
        seconds.append(time.perf_counter() - start)
    return seconds


RIVALS: dict[str, Callable[[Array, Array, int], list[float]]] = {
    "keras_jax": time_keras_jax,
    "keras_torch": time_keras_torch,
    "jax": time_jax,
}


def main() -> None:
    """Run one rival."""
    name, data_root, num_epochs = sys.argv[1:]
    with redirect_stdout(sys.stderr):
        seconds = RIVALS[name](*read_mnist(Path(data_root)), int(num_epochs))
    print(json.dumps({"train": seconds[1:]}))


if __name__ == "__main__":
    main()
