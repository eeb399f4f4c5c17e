"""The confusion matrix, and precision, recall and F1 from it, in torch alone."""

import torch
from torch import Tensor


def confusion_matrix(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Count, for each true class (row), what was predicted (column).

    Shape:
        predicted and labels ``(N,)`` int64 in ``[0, K)``; result ``(K, K)`` int64.

    Example:
        >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), num_classes=2)
        tensor([[1, 1],
                [0, 1]])
    """
    cells = torch.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def precision_recall_f1(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute precision, recall and F1 of each class; where nothing was predicted or true, 0.

    Shape:
        confusion ``(K, K)`` counts, rows true and columns predicted; results ``(K,)`` float64.

    Example:
        >>> [x.tolist() for x in precision_recall_f1(torch.tensor([[1, 1], [0, 2]]))]
        [[1.0, 0.6666666666666666], [0.5, 1.0], [0.6666666666666666, 0.8]]
    """
    right = confusion.diagonal().double()
    predicted, true = confusion.sum(0), confusion.sum(1)
    precision = right / predicted.clamp(min=1)
    recall = right / true.clamp(min=1)
    f1 = 2 * right / (predicted + true).clamp(min=1)
    return precision, recall, f1
