"""plots/net.png and weights.png."""

import math
from functools import partial

import lightning.pytorch as pl

from mlp_lab.callbacks.result import PlotCallback
from mlp_lab.nets import TableNet, trace_layers
from mlp_lab.plots import plot_filters, plot_net
from mlp_lab.tasks import Task


class NetPlots(PlotCallback):
    """Draw the layers of the net, and the weights of the first as images."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the tested net."""
        if not isinstance(pl_module, Task):
            return
        net, title = pl_module.net, pl_module.net_name
        if isinstance(net, TableNet):
            title += f", on {pl_module.input_shape[0]} columns as they are encoded"
            net = net.net
        layers, shape = trace_layers(net), net.input_shape
        if not layers:
            return
        self.plot(trainer, "net", partial(plot_net, shape, layers, title))
        first = layers[0].weight.float().cpu().numpy()
        if first.ndim == 2 and len(shape) == 3:
            first = first.reshape(-1, *shape)
        if first.ndim == 4 and first.shape[1] in (1, 3) and math.prod(first.shape[2:]) > 1:
            self.plot(trainer, "weights", partial(plot_filters, first, "First-layer weights"))
