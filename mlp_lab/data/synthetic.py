"""Data sets that need no download."""

from pathlib import Path

import torch

from mlp_lab.data.source import Part, Samples, Source


class Digits(Source):
    """Handwritten digits that come with scikit-learn: 1,797 grey images of 8 x 8.

    Reference:
        Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
        Repository, 1998.
    """

    input_shape = (1, 8, 8)
    class_names = tuple("0123456789")
    parts = frozenset({"train"})

    def load(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Scale the 17 grey values of scikit-learn to bytes, 16 becoming 255."""
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        bytes_ = torch.from_numpy(images).mul_(255 / 16).round_().to(torch.uint8)
        return {
            "train": Samples(bytes_.reshape(-1, *self.input_shape), torch.from_numpy(labels).long())
        }
