"""The mean of what several nets predict."""

import math

import pytest
import torch

from mlp_lab.nets import MLP, EnsembleNet, Head, InferenceNet


def constant(
    outputs: list[float], head: Head, *, scale: float = 0.0, mean: float = 0.0, std: float = 1.0
) -> InferenceNet:
    """A net that adds ``scale`` times its normalised input to each of some outputs."""
    net = InferenceNet(MLP((1,), len(outputs), hidden_dims=[]), head)
    weight, bias = net.net.parameters()
    with torch.no_grad():
        weight.fill_(scale)
        bias.copy_(torch.tensor(outputs))
    net.mean.fill_(mean)
    net.std.fill_(std)
    return net.eval()


ANY = torch.zeros(2, 1)


def test_probabilities_are_averaged_and_the_outputs_are_their_logarithms() -> None:
    # Softmax of log 1 and log 3 is a quarter and three; of log 3 and log 2 three fifths and two.
    nets = [
        constant([0.0, math.log(3)], "softmax"),
        constant([math.log(3), math.log(2)], "softmax"),
    ]
    outputs, probabilities = EnsembleNet(nets, "softmax")(ANY)
    expected = torch.tensor([[0.425, 0.575]]).expand(2, 2)
    torch.testing.assert_close(probabilities, expected)
    torch.testing.assert_close(outputs, expected.log())
    torch.testing.assert_close(outputs.softmax(1), expected)


def test_the_mean_of_probabilities_is_not_that_of_logits() -> None:
    sure, unsure = constant([20.0, 0.0], "softmax"), constant([0.0, 0.5], "softmax")
    _, probabilities = EnsembleNet([sure, unsure], "softmax")(ANY)
    assert probabilities[0, 0].item() == pytest.approx((1 + 1 / (1 + math.exp(0.5))) / 2)


def test_one_logit_is_that_of_the_mean() -> None:
    # A half and four fifths for the second class: their mean is 0.65.
    nets = [constant([0.0], "sigmoid"), constant([math.log(4)], "sigmoid")]
    outputs, probabilities = EnsembleNet(nets, "sigmoid")(ANY)
    torch.testing.assert_close(probabilities, torch.tensor([[0.35, 0.65]]).expand(2, 2))
    torch.testing.assert_close(outputs, torch.tensor([[math.log(0.65 / 0.35)]]).expand(2, 1))
    torch.testing.assert_close(outputs.sigmoid(), probabilities[:, 1:])


def test_targets_are_averaged_and_each_member_normalises_by_itself() -> None:
    nets = [
        constant([1.0, 0.0], "none", scale=1.0),
        constant([3.0, 0.0], "none", scale=1.0, mean=2.0, std=4.0),
    ]
    (outputs,) = EnsembleNet(nets, "none")(torch.tensor([[10.0]]))
    # The normalised input is 10 for the one and (10 - 2) / 4 = 2 for the other.
    assert outputs.tolist() == [[8.0, 6.0]]


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_outputs_stay_finite_where_all_members_are_sure(head: Head) -> None:
    outputs = [1e4, -1e4] if head == "softmax" else [1e4]
    found, probabilities = EnsembleNet([constant(outputs, head)] * 2, head)(ANY)
    assert probabilities.sort(1).values.tolist() == [[0.0, 1.0]] * 2
    assert found.isfinite().all()
    assert found.max().item() == pytest.approx(0.0 if head == "softmax" else 30 * math.log(10))


def test_outputs_that_are_not_numbers_stay_so() -> None:
    nets = [constant([0.0, math.nan], "softmax"), constant([0.0, 0.0], "softmax")]
    assert EnsembleNet(nets, "softmax")(ANY)[0].isnan().all()
