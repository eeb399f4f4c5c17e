"""Statistics of a data set: pure functions on tensors."""

import hashlib
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mlp_lab.errors import EmptyClassError

_CHUNK_VALUES = 2**20  # bounds the working memory, whatever the size of the data set


def class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weight each class by the inverse of its frequency.

    Averaged over the training samples the weights equal 1, so a learning rate tuned without weights
    stays usable with them.

    Args:
        labels: Class index of every training sample. Validation labels leak.
        num_classes: Number of classes K, rare ones included.

    Shape:
        labels ``(N,)``, int64 in ``[0, K)``; result ``(K,)``, float32, positive.

    Raises:
        EmptyClassError: A class has no training sample, so its weight is infinite.

    Example:
        >>> class_weights(torch.tensor([0, 0, 0, 1]), num_classes=2)
        tensor([0.6667, 2.0000])

    Reference:
        King and Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9, 2001.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    if empty := (counts == 0).nonzero().flatten().tolist():
        raise EmptyClassError(
            f"data.class_weights is 'balanced', but class {empty[0]} has no training sample, "
            "so its weight would be infinite. Give the weights as a list, or leave them out."
        )
    return (len(labels) / (num_classes * counts.double())).float()


def channel_mean_std(inputs: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation of each channel, or each feature of flat inputs.

    Images of bytes are scaled to 0..1, as the task scales them. They are counted value by value, so
    the result is exact to the last digits of float64.

    Args:
        inputs: All inputs of the part.
        indices: Rows of the training split; others would leak.

    Shape:
        inputs ``(N, C, ...)``, uint8 or floating; indices ``(n,)``; results ``(C,)`` float64.
    """
    if inputs.dtype == torch.uint8:
        values = torch.arange(256, dtype=torch.float64) / 255
        weights = _byte_counts(inputs, indices).double()
        weights /= weights.sum(1, keepdim=True)
        mean = weights @ values
        variance = (weights * (values - mean[:, None]) ** 2).sum(1)
        return mean, variance.sqrt()
    return mean_std_of(
        inputs.index_select(0, rows) for rows in in_chunks(indices, inputs.shape[1:])
    )


def mean_std_of(chunks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation of each channel over chunks, one in memory at a time.

    Shape:
        each chunk ``(n, C, ...)`` floating; results ``(C,)`` float64.

    Reference:
        Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
        Variances", 1979.
    """
    num, mean, squares = 0, torch.zeros(()).double(), torch.zeros(()).double()
    for chunk in chunks:
        values = chunk.double().transpose(0, 1).flatten(1)  # (C, n * positions)
        own_num, own_mean = values.shape[1], values.mean(1)
        off = own_mean - mean
        squares = squares + values.var(1, correction=0) * own_num
        squares = squares + off**2 * (num * own_num / (num + own_num))
        num += own_num
        mean = mean + off * (own_num / num)
    return mean, (squares / num).sqrt()


def in_chunks(indices: Tensor, shape: tuple[int, ...]) -> Sequence[Tensor]:
    """Cut indices so that the samples of a part, each of ``shape``, take little memory."""
    return torch.split(indices, max(1, _CHUNK_VALUES // math.prod(shape)))


def _byte_counts(inputs: Tensor, indices: Tensor) -> Tensor:
    """Count how often each byte occurs in each channel, ``(C, 256)``."""
    counts = torch.zeros(inputs.shape[1], 256, dtype=torch.int64)
    for rows in in_chunks(indices, inputs.shape[1:]):
        chunk = inputs.index_select(0, rows)
        for channel in range(inputs.shape[1]):
            counts[channel] += torch.bincount(chunk[:, channel].flatten(), minlength=256)
    return counts


def sha256(*tensors: Tensor) -> str:
    """Hash shapes, types and contents of tensors.

    Example:
        >>> sha256(torch.zeros(2)) == sha256(torch.zeros(2))
        True
    """
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype} ".encode())
        if tensor.numel():  # an empty buffer cannot be cast
            digest.update(memoryview(tensor.contiguous().numpy()).cast("B"))  # type: ignore[arg-type]  # numpy arrays are buffers
    return digest.hexdigest()
