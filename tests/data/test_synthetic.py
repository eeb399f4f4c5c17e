from pathlib import Path

import torch
from sklearn.datasets import load_digits

from mlp_lab.data import Digits


def test_digits_are_scikit_learns_as_bytes(tmp_path: Path) -> None:
    samples = Digits().load(tmp_path, download=False)["train"]
    images, labels = load_digits(return_X_y=True)
    assert samples.inputs.dtype == torch.uint8
    assert samples.inputs.shape == (1797, 1, 8, 8)
    assert samples.labels.tolist() == labels.tolist()
    assert samples.inputs.max() == 255
    back = samples.inputs.flatten(1).double() * 16 / 255
    assert (back - torch.from_numpy(images)).abs().max() < 0.04
