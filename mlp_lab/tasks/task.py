"""What every task does: normalise, forward, loss, optimiser and schedule, and describe itself."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, ClassVar, Literal, get_args

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from mlp_lab.data import Batch, LabDataModule
from mlp_lab.errors import ConfigError, check_choice
from mlp_lab.evaluation.evaluation import TrainingTime
from mlp_lab.files.plain_types import describe
from mlp_lab.nets import (
    Head,
    Net,
    NetFactory,
    TableEncoding,
    TableNet,
    normalise,
    probabilities,
    trains_on_one_sample,
)
from mlp_lab.tables import Column, PlainColumn
from mlp_lab.tasks.loss import LossFactory, describe_loss, make_loss, make_scoring_loss
from mlp_lab.tasks.optimizer import (
    Decayed,
    OptimizerFactory,
    describe_optimizer,
    make_optimizer,
    needs_closure,
)
from mlp_lab.tasks.schedule import Schedule
from mlp_lab.tasks.scoring import ScoringModule

CompileMode = Literal["default", "reduce-overhead", "max-autotune"]
"""Modes of torch.compile; ``reduce-overhead`` records CUDA graphs on a GPU."""

Mode = Literal["min", "max"]
"""Where a metric is best."""

Goal = tuple[Literal["under", "at least"], float]
"""What a metric must reach."""


@dataclass(frozen=True)
class LoadedWeights:
    """Where the weights of a task come from.

    Attributes:
        epochs: Epochs that they were trained for.
        metrics: Their metrics on validation.
    """

    epochs: int
    metrics: Mapping[str, float]


class Task(ScoringModule, ABC):
    """Wrap a net with what it learns from and how it is scored; knows nothing of files or figures.

    Training returns the metrics of each step as tensors on the device, for a callback to collect.
    The --help of every task takes these arguments' lines from here.

    Args:
        input_shape: Shape of one input; known from the data.
        num_outputs: Number of the net's outputs.
        net: Class of the net and its arguments.
        loss: Class of the loss and its arguments.
        optimizer: Class of the optimiser, any of torch.optim, and its arguments.
        schedule: How the learning rate changes: Constant, StepDecay, MultiStepDecay, Linear,
            Cosine, OneCycle or Plateau and their arguments; by default not at all.
        weight_decay_on: What the optimiser's weight decay works on: the ``weights``, or ``all``,
            biases and norms too.
        compile_mode: Whether torch.compile compiles the net for training, and in which of its
            modes. The first steps take longer then; checkpoints hold the plain net.
        calibrate: Whether fit, once it has trained, fits a temperature to the validation samples,
            by which the logits of the best checkpoint are divided from then on, so that the net is
            right as often as it is confident. No class that it predicts changes.
        columns: Columns of a table, in plain types; known from the data.
        encoding: How the columns of a table are encoded before the net; by default as
            TableEncoding says.
        loss_settings: Arguments of the training loss that the task decides.
        score: One of ``score_modes``; by default the class's.

    Attributes:
        score_mode: Whether the score is best at its ``max`` or ``min``.
        score_modes: The metrics that may be the score, and the mode of each.
        metric_names: What ``metrics_of`` gives, and what a reader calls it.
        overfit_goals: What the metrics of a batch must reach for it to be learnt by heart.
        head: How the net's outputs become probabilities; ``none`` where they are targets.
        loss: The training loss, weighted and smoothed as configured.
        scoring_loss: The same without weights and smoothing, for validation and test.
        training_time: How long it was trained; None where nobody measured it.
        loaded: The checkpoint that the weights come from; None for others.
    """

    score_mode: Mode
    score_modes: ClassVar[Mapping[str, Mode]] = {}
    metric_names: ClassVar[Mapping[str, str]]
    overfit_goals: ClassVar[Mapping[str, Goal]]
    head: ClassVar[Head] = "none"

    def __init__(
        self,
        *,
        input_shape: tuple[int, ...],
        num_outputs: int,
        net: NetFactory,
        loss: LossFactory,
        optimizer: OptimizerFactory,
        schedule: Schedule | None,
        weight_decay_on: Decayed,
        compile_mode: CompileMode | None,
        calibrate: bool = False,
        columns: Sequence[PlainColumn] | None = None,
        encoding: TableEncoding | None = None,
        loss_settings: Mapping[str, Any] | None = None,
        score: str | None = None,
    ) -> None:
        super().__init__()
        if score is not None:
            check_choice("model.score", score, self.score_modes)
            self.score, self.score_mode = score, self.score_modes[score]
        check_choice("model.weight_decay_on", weight_decay_on, get_args(Decayed))
        check_choice("model.compile_mode", compile_mode, (None, *get_args(CompileMode)))
        self.schedule = schedule
        self.weight_decay_on = weight_decay_on
        self.compile_mode = compile_mode
        self.calibrate = calibrate
        self.input_shape = tuple(input_shape)
        self.columns = [*columns] if columns else None
        self.encoding = encoding
        if self.columns is not None:
            known = [Column.from_plain(column) for column in self.columns]
            net = partial(TableNet, columns=known, net=net, encoding=encoding or TableEncoding())
        elif encoding is not None:
            raise ConfigError(
                "model.encoding is for the columns of a table, and these data have none. Leave it "
                "out."
            )
        self.net = net(self.input_shape, num_outputs)
        self.loss = make_loss(loss, **(loss_settings or {}))
        self.scoring_loss = make_scoring_loss(loss)
        self.optimizer = optimizer
        # Made once before it is needed, it refuses arguments that cannot work before any training.
        trial = make_optimizer(optimizer, self.net.parameters(), may_fuse=False)
        self.optimizer_needs_closure = needs_closure(trial)
        self._optimizer_description = describe_optimizer(trial)
        self.training_time: TrainingTime | None = None
        self.loaded: LoadedWeights | None = None
        per_channel = (self.input_shape[0], *[1] * (len(self.input_shape) - 1))
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(per_channel))
        self.std: Tensor
        self.register_buffer("std", torch.ones(per_channel))
        self.register_buffer("temperature", torch.ones(()) if calibrate else None)

    @property
    def followed_metrics(self) -> Mapping[str, str]:
        """Those of ``metric_names`` that are printed and drawn for each epoch."""
        return self.metric_names

    @property
    def net_name(self) -> str:
        """Name of the net's class, without what stands in front of the net."""
        path: str = self.net.describe()["class_path"]
        return path.rpartition(".")[2]

    @property
    def learning_rate(self) -> float:
        """The optimiser's learning rate, before any schedule; setting it holds for the next fit."""
        rate: float = self._optimizer_description["init_args"]["lr"]
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.optimizer = partial(self.optimizer, lr=rate)  # type: ignore[call-arg]  # a class behind it takes it
        self._optimizer_description["init_args"]["lr"] = rate

    def training_loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Return the loss to descend, a scalar, from the outputs of the net and prepared labels."""
        loss: Tensor = self.loss(outputs, labels)
        return loss

    @abstractmethod
    def step_metrics(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the metrics of S training batches besides their loss.

        Shape:
            outputs ``(S, N, K)``, labels ``(S, N)`` or ``(S, N, K)``; each metric ``(S,)``.
        """

    def normalise(self, inputs: Tensor) -> Tensor:
        """Scale bytes to 0..1, then channels to mean 0 and variance 1 over the training images.

        Shape:
            ``(N, *input_shape)``, uint8 or floating, to the same in the net's precision.
        """
        return normalise(inputs, self.mean, self.std)

    def run_net(self, inputs: Tensor) -> Tensor:
        """Return the outputs of the net for raw inputs, ``(N, *input_shape)`` to ``(N, K)``."""
        outputs: Tensor = self.net(self.normalise(inputs))
        return outputs

    def finish(self, outputs: Tensor) -> Tensor:
        """Return what the outputs of the net stand for, ``(..., K)``: calibrated, if so wished."""
        return outputs if self.temperature is None else outputs / self.temperature

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the finished outputs for raw inputs, ``(N, *input_shape)`` to ``(N, K)``."""
        return self.finish(self.run_net(inputs))

    @contextmanager
    def uncalibrated(self) -> Iterator[None]:
        """Leave the temperature out of the outputs for as long as it lasts."""
        temperature, self.temperature = self.temperature, None
        try:
            yield
        finally:
            self.temperature = temperature

    def probabilities(self, outputs: Tensor) -> Tensor | None:
        """Return the probability of each class, ``(N, K)``; None where targets are predicted."""
        return None if self.head == "none" else probabilities(outputs, self.head)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the probability of each class, ``(N, K)``, or the predicted targets ``(N, T)``."""
        inputs, _ = batch
        with torch.autocast(self.device.type, enabled=False):  # as in test_step
            outputs: Tensor = self(inputs)
            probabilities = self.probabilities(outputs)
        return outputs if probabilities is None else probabilities

    def setup(self, stage: str) -> None:
        """Take over what the data know, before training; a checkpoint brings it along otherwise."""
        super().setup(stage)
        # Without a trainer, or with bare loaders, there is nobody to ask.
        datamodule = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and isinstance(datamodule, LabDataModule):
            self.take_statistics(datamodule)
            # Of lists of batches Lightning could take no step by itself.
            self.automatic_optimization = (datamodule.steps_per_execution or 1) == 1

    def take_statistics(self, data: LabDataModule) -> None:
        """Copy mean and standard deviation of the inputs; a constant channel is only shifted.

        Raises:
            ConfigError: A batch would hold too few samples for batch normalisation.
        """
        processes = data.trainer.world_size if data.trainer else 1
        num = len(data.subsets["train"])
        left_over = {share % data.batch_size for share in (num // processes, -(-num // processes))}
        if 1 in {data.batch_size, *left_over} and not trains_on_one_sample(self.net):
            raise ConfigError(
                f"With data.batch_size {data.batch_size} a training batch holds one sample, over "
                "which batch normalisation cannot work. Choose another data.batch_size."
            )
        if isinstance(self.net, TableNet):
            train = data.subsets["train"]
            self.net.encoder.fit(train.samples.inputs, train.indices)
        self.mean.copy_(data.mean.view_as(self.mean))
        self.std.copy_(torch.where(data.std > 0, data.std, 1.0).view_as(self.std))

    def on_fit_start(self) -> None:
        """Compile the net, if so configured; its parameters keep their names in checkpoints.

        A training that goes on from a calibrated checkpoint learns logits as they are.
        """
        if self.temperature is not None:
            self.temperature.fill_(1)
        if self.compile_mode is not None:
            self._learning.compile(mode=self.compile_mode)

    def on_train_epoch_start(self) -> None:
        """Let the data know."""
        datamodule = getattr(self.trainer, "datamodule", None)
        if isinstance(datamodule, LabDataModule):
            datamodule.begin_epoch()

    def prepare(self, batches: list[Batch]) -> Iterable[Batch]:
        """Normalise the inputs, encode columns without weights, and prepare the labels."""
        inputs, labels = zip(*batches, strict=True)
        return zip(self._prepare_inputs(inputs), self.prepare_labels(labels), strict=True)

    def prepare_labels(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        """Return the labels of each batch as ``training_loss`` takes them."""
        return batches

    def _prepare_inputs(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        if not isinstance(self.net, TableNet) or self._learning is self.net:
            return map(self.normalise, batches)
        encoder = self.net.encoder
        return in_one_go(lambda inputs: encoder(self.normalise(inputs)), batches)

    @cached_property
    def _learning(self) -> Net:
        """The part of the net that learns; the columns before it may be encoded beforehand."""
        if isinstance(self.net, TableNet) and self.net.encoder.is_fixed:
            return self.net.net
        return self.net

    def compute_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of a training batch that is prepared, and the outputs of the net."""
        inputs, labels = batch
        outputs = self._learning(inputs)
        return self.training_loss(outputs, labels), outputs

    def measure_steps(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the metrics of training batches by their logged names, shapes as step_metrics."""
        metrics = self.step_metrics(self.finish(outputs), labels)
        return {f"train/{key}": values for key, values in metrics.items()}

    def observe_score(self, score: float) -> None:
        """Let a schedule that follows the score change the rate at once."""
        if self.schedule is None or self.trainer.sanity_checking:
            return
        self.schedule.observe(score, self.score_mode)
        for scheduler in self.find_schedulers():
            factor = scheduler.lr_lambdas[0](scheduler.last_epoch)
            groups = scheduler.optimizer.param_groups
            for group, base_rate in zip(groups, scheduler.base_lrs, strict=True):
                group["lr"] = base_rate * factor

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser over all trainable parameters, and what changes its rate."""
        trainer = self.trainer
        # The gradient scaler of fp16 cannot clip what a fused optimiser unscales by itself.
        may_fuse = not (
            trainer.precision == "16-mixed" and (trainer.gradient_clip_val or self.clipping)
        )
        optimizer = make_optimizer(
            self.optimizer,
            self.net.parameters(),
            decayed=self.weight_decay_on,
            may_fuse=may_fuse,
        )
        if self.schedule is None:
            return optimizer
        factor = self.schedule.factor_of_step(*self.count_steps())
        scheduler = LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def describe(self) -> dict[str, Any]:
        """Say the task in plain types, in the form in which Lightning's CLI writes hyperparameters.

        ``load_from_checkpoint`` rebuilds the task from it, however it was made in the first place.
        """
        parts = {
            "net": self.net.describe(),
            "loss": describe_loss(self.loss),
            "optimizer": self._optimizer_description,
        }
        if self.schedule is not None:
            parts["schedule"] = describe(self.schedule)
        if self.encoding is not None:
            parts["encoding"] = asdict(self.encoding)
        own = describe(self, leave_out=parts)
        return {
            "_instantiator": "lightning.pytorch.cli.instantiate_module",
            "_class_path": own["class_path"],
            **own["init_args"],
            **parts,
        }

    def complete_state(self, state_dict: dict[str, Any], prefix: str = "") -> None:
        """Add the tensors that a checkpoint of an earlier version or another setting lacks."""
        key = f"{prefix}temperature"
        if self.temperature is None:
            state_dict.pop(key, None)
        else:
            state_dict.setdefault(key, torch.ones_like(self.temperature))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        self.complete_state(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the description, and what the schedule has seen, into the checkpoint."""
        checkpoint[self.CHECKPOINT_HYPER_PARAMS_KEY] = self.describe()
        if self.schedule is not None:
            checkpoint["schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note where the weights come from; let the schedule go on from what it has seen."""
        metrics = checkpoint.get("mlp_lab", {}).get("metrics", {})
        self.loaded = LoadedWeights(checkpoint["epoch"] + 1, dict(metrics))
        if self.schedule is not None and "schedule" in checkpoint:
            self.schedule.load_state_dict(checkpoint["schedule"])


def in_one_go(function: Callable[[Tensor], Tensor], batches: Sequence[Tensor]) -> list[Tensor]:
    """Return what a function of single samples makes of each batch; one call is faster than many.

    Example:
        >>> in_one_go(torch.neg, [torch.tensor([1, 2]), torch.tensor([3])])
        [tensor([-1, -2]), tensor([-3])]
    """
    made = torch.split(function(torch.cat([*batches])), [len(batch) for batch in batches])
    # Last bits of what is computed from them would depend on where in memory they begin.
    return [part.clone() for part in made]
