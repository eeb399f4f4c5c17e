"""Write KMNIST's training images with a validation part that is unlike the rest.

    .venv/bin/python benchmarks/unlike_validation.py --data-root data --out kmnist_unlike.npz

KMNIST's test images are further from its training images than these are from one another, so that
images held out at random say little about it. Here the images of each class are grouped by k-means,
and whole groups are held out, about a fifth of all images. Recipes are chosen on them by
``--data.source TensorFile --data.source.path kmnist_unlike.npz``; the test set has no part in it.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from mlp_lab.data import KMNIST

COMPONENTS = 30
GROUPS = 8
HELD_OUT = 0.15  # of each class, at least
HELD_OUT_AT_MOST = 0.25


def main() -> None:
    """Group, hold out and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("kmnist_unlike.npz"))
    arguments = parser.parse_args()
    samples = KMNIST().load(arguments.data_root, download=True)["train"]
    images, labels = samples.inputs[:, 0].numpy(), samples.labels.numpy()
    is_held_out = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(0)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        is_held_out[places] = hold_out(images[places].reshape(len(places), -1) / 255.0, rng)
    rest, held_out = ~is_held_out, is_held_out
    np.savez_compressed(
        arguments.out,
        x_train=images[rest],
        y_train=labels[rest],
        x_val=images[held_out],
        y_val=labels[held_out],
    )
    print(f"{arguments.out}: {rest.sum():,} training images, {held_out.sum():,} unlike them")


def hold_out(pixels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which images of a class are held out, whole groups of them.

    Shape:
        pixels ``(N, P)`` to ``(N,)``.
    """
    components = PCA(COMPONENTS, random_state=0).fit_transform(pixels)
    groups = KMeans(GROUPS, n_init=10, random_state=0).fit_predict(components)
    chosen = np.zeros(len(pixels), dtype=bool)
    for group in rng.permutation(GROUPS):
        is_of_group = groups == group
        if (chosen | is_of_group).mean() <= HELD_OUT_AT_MOST:
            chosen |= is_of_group
        if chosen.mean() > HELD_OUT:
            break
    return chosen


if __name__ == "__main__":
    main()
