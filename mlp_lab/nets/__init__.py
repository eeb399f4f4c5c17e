"""Nets, in plain PyTorch without Lightning.

Letters in shapes, in the whole package: N samples of a batch, C channels, H height, W width,
D features, K classes.
"""

from mlp_lab.nets.cnn import CNN
from mlp_lab.nets.ensemble_net import EnsembleNet
from mlp_lab.nets.inference_net import (
    Head,
    InferenceNet,
    normalise,
    probabilities,
    rebuild,
)
from mlp_lab.nets.mlp import MLP
from mlp_lab.nets.net import (
    Layer,
    Net,
    NetFactory,
    NetSize,
    measure_net,
    trace_layers,
    trains_on_one_sample,
)
from mlp_lab.nets.resnet import ResNet
from mlp_lab.nets.table_net import TableEncoder, TableEncoding, TableNet

__all__ = [
    "CNN",
    "MLP",
    "EnsembleNet",
    "Head",
    "InferenceNet",
    "Layer",
    "Net",
    "NetFactory",
    "NetSize",
    "ResNet",
    "TableEncoder",
    "TableEncoding",
    "TableNet",
    "measure_net",
    "normalise",
    "probabilities",
    "rebuild",
    "trace_layers",
    "trains_on_one_sample",
]
