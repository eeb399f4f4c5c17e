"""The nets, without a trace of Lightning.

Letters in shapes, here and everywhere: N samples of a batch, C channels, H height, W width,
D features, K classes.
"""

from mlp_lab.nets.mlp import MLP
from mlp_lab.nets.net import Net, NetFactory, NetSize, measure_net

__all__ = ["MLP", "Net", "NetFactory", "NetSize", "measure_net"]
