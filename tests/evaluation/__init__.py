# Imported before Lightning, TorchMetrics is first to say Optional[Union[float, int]]; in the same
# process the parser then reads --trainer.limit_test_batches=1 as 1.0, see mlp_lab/cli/console.py.
import lightning.pytorch  # noqa: F401
