"""Draws of an epoch depend on (seed, epoch) alone."""

import lightning.pytorch as pl
import torch

from mlp_lab.seeding import derive_seed, global_seed


class EpochSeed(pl.Callback):
    """Set PyTorch's generators anew at the start of each epoch.

    Dropout then draws in a resumed run what it draws in an undisturbed one, and no generator state
    has to travel in the checkpoint.
    """

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed from (seed, epoch, process)."""
        seed = derive_seed(global_seed(), trainer.current_epoch, trainer.global_rank)
        if pl_module.device.type == "cpu":
            # For GPUs that may yet be used PyTorch notes the whole stack each time, 1 ms an epoch.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)
