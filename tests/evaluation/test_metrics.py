import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional import classification as torchmetrics_metrics

from mlp_lab.evaluation.metrics import confusion_matrix, precision_recall_f1


@pytest.fixture
def answers() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels of 7 classes, one of which never occurs and another is never predicted."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 6, (500,), generator=generator)
    logits = torch.randn(500, 7, generator=generator)
    logits[torch.arange(500), labels] += 1.5
    logits[:, 2] = -9
    return logits, labels


def test_confusion_matrix_agrees_with_scikit_learn_and_torchmetrics(
    answers: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = answers
    predicted = logits.argmax(1)
    ours = confusion_matrix(predicted, labels, 7)
    theirs = sklearn_metrics.confusion_matrix(labels, predicted, labels=range(7))
    assert ours.tolist() == theirs.tolist()
    assert torch.equal(ours, torchmetrics_metrics.multiclass_confusion_matrix(predicted, labels, 7))


@pytest.mark.filterwarnings("ignore:.*ill-defined.*")
def test_precision_recall_f1_agree_with_scikit_learn(
    answers: tuple[torch.Tensor, torch.Tensor],
) -> None:
    logits, labels = answers
    predicted = logits.argmax(1)
    ours = precision_recall_f1(confusion_matrix(predicted, labels, 7))
    theirs = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(7), zero_division=0
    )
    for own, expected in zip(ours, theirs[:3], strict=True):
        assert own.tolist() == pytest.approx(expected.tolist(), abs=1e-15)
