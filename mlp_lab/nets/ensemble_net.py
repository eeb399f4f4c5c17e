"""Several nets as one: the mean of what they predict."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlp_lab.nets.inference_net import Head

FLOOR = 1e-30
"""Added to a mean probability before its logarithm, which is then finite; far above the numbers
that processors round to 0 in ways of their own."""


class EnsembleNet(nn.Module):
    """Average the probabilities of several nets, or the targets that they predict.

    Each member normalises the inputs by itself. Of the mean probabilities p the first output is
    what a single net with them would return: log p, or for ``sigmoid`` the logit of the second
    class, log(p2 / p1).

    Args:
        members: The nets, each an InferenceNet of the same inputs and outputs.
        head: How their outputs become probabilities.

    Shape:
        As an InferenceNet: ``(N, *input_shape)``, uint8 or floating, to ``(N, K)`` and, unless the
        head is ``none``, ``(N, K)`` once more, which for ``sigmoid`` is ``(N, 2)``.

    Reference:
        Lakshminarayanan, Pritzel and Blundell, "Simple and Scalable Predictive Uncertainty
        Estimation using Deep Ensembles", 2017, https://arxiv.org/abs/1612.01474.
    """

    def __init__(self, members: Sequence[nn.Module], head: Head) -> None:
        super().__init__()
        self.head: Head = head
        self.members = nn.ModuleList(members)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return outputs, and probabilities unless the head is ``none``."""
        mean = torch.stack([member(inputs)[-1] for member in self.members]).mean(0)
        if self.head == "none":
            return (mean,)
        logs = (mean + FLOOR).log()
        return (logs[:, 1:] - logs[:, :1] if self.head == "sigmoid" else logs, mean)
