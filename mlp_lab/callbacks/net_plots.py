"""plots/net.png and weights.png."""

import math
from functools import partial

import lightning.pytorch as pl

from mlp_lab.callbacks.result import PlotCallback
from mlp_lab.nets import trace_layers
from mlp_lab.plots import plot_filters, plot_net
from mlp_lab.tasks import Task


class NetPlots(PlotCallback):
    """Draw the layers of the net, and the weights of the first as images."""

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the tested net."""
        layers = trace_layers(pl_module.net) if isinstance(pl_module, Task) else []
        if not layers or not isinstance(pl_module, Task):
            return
        shape, title = pl_module.input_shape, pl_module.net_name
        self.plot(trainer, "net", partial(plot_net, shape, layers, title))
        first = layers[0].weight.float().cpu().numpy()
        if first.ndim == 2 and len(shape) == 3:
            first = first.reshape(-1, *shape)
        if first.ndim == 4 and first.shape[1] in (1, 3) and math.prod(first.shape[2:]) > 1:
            self.plot(trainer, "weights", partial(plot_filters, first, "First-layer weights"))
