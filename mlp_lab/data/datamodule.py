"""The DataModule: load a source, split it, and load its parts in batches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mlp_lab.data.augment import Augmentation, Mixup
from mlp_lab.data.checks import PredictSplit, ValidateOn, check_settings
from mlp_lab.data.image_folder import read_directory
from mlp_lab.data.sampler import EpochSampler
from mlp_lab.data.source import PARTS, Batch, Part, Samples, SampleSubset, Source, join_samples
from mlp_lab.data.split import Resample, split_parts
from mlp_lab.data.statistics import channel_mean_std, class_weights, sha256
from mlp_lab.data.vocabulary import learn_columns
from mlp_lab.seeding import generator, global_seed
from mlp_lab.tables import PlainColumn

_DEFAULT_VAL_FRACTION = 0.1
_DEFAULT_TEST_FRACTION = 0.2

# Keeps what augmentation draws apart from what dropout draws in the same epoch.
_AUGMENTATION = 1


class LabDataModule(pl.LightningDataModule):
    """Serve any source in batches, its training part shuffled, its parts split with stratification.

    Everything is held in memory as bytes and fetched a whole batch at a time; scaling and
    normalising are the task's, with the mean and standard deviation computed here.

    Args:
        source: The data set: KMNIST, MNIST, FashionMNIST, CIFAR10, CIFAR100, Digits, XOR, Circles,
            Moons, SigmoidCurve, Line; or Table, ImageFolder or TensorFile for one's own.
        root: Directory of the data sets.
        download: Whether files that are missing may be downloaded.
        batch_size: Samples in a batch, at least 1.
        steps_per_execution: Training steps that run as one: their batches are fetched together, and
            Lightning is gone through once for all of them; validation does so too. Whatever it is,
            the numbers are the same bit by bit; more is faster for small nets. By default, on the
            command line, up to 128 for a small net and 16 for others where nothing in trainer needs
            it to be 1; from Python 1.
        val_fraction: Share held out for validation, in (0, 1): of the training part where the
            source has a test part of its own, else of the whole. By default 0.1 where it has no
            validation part of its own.
        test_fraction: Share of the whole held out for the test, in (0, 1). By default 0.2 where the
            source has no test part of its own.
        validate_on: What validation during training runs on. With ``test`` all training samples
            train, and the best checkpoint is chosen on the test set: its score is no estimate then.
        split_seed: Which of the possible splits; apart from the seed of the training.
        folds: Number of folds of a cross-validation, at least 2: what would be trained on and
            validated is dealt out into so many parts, by class and split_seed.
        fold: Which of the folds validates, from 0; all others train. ``mlp-lab sweep --folds``
            trains them all.
        imbalance: Shares of some classes that are kept of the training part, by class name, before
            validation is held out: makes a data set unbalanced on purpose. The test stays whole.
        resample: Another answer to unbalanced classes than weights: ``over`` repeats samples of the
            rarer ones for training, ``under`` leaves samples of the others out.
        augment: How training images are changed before each step, one after the other: PadCrop,
            HorizontalFlip, Affine, Elastic, Erasing, Mixup, CutMix; each image in its own way.
        class_weights: Weights of the K classes in the training loss: ``balanced`` for the inverse
            of their frequency, a list, or none.
        predict_split: The part that ``predict`` runs over.
        predict_dir: A directory of image files that it runs over instead, brought to the size that
            the net wants; folders named after classes give their labels, others have none.

    Raises:
        ConfigError: A value that cannot work with the others or with the source.
    """

    def __init__(
        self,
        source: Source,
        root: Path = Path("data"),
        download: bool = True,
        batch_size: int = 128,
        steps_per_execution: int | None = None,
        val_fraction: float | None = None,
        test_fraction: float | None = None,
        validate_on: ValidateOn = "val",
        split_seed: int = 0,
        folds: int | None = None,
        fold: int | None = None,
        imbalance: dict[str, float] | None = None,
        resample: Resample | None = None,
        augment: list[Augmentation] | None = None,
        class_weights: Literal["balanced"] | list[float] | None = None,
        predict_split: PredictSplit = "test",
        predict_dir: Path | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        # Known before anything is loaded, and linked to the task.
        self.input_shape = source.input_shape
        self.class_names = source.class_names
        self.num_classes = source.num_classes
        self.num_targets = source.num_targets
        self.columns: list[PlainColumn] | None = None
        self.root = Path(root)
        self.download = download
        self.batch_size = batch_size
        self.steps_per_execution = steps_per_execution
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.validate_on = validate_on
        self.split_seed = split_seed
        self.folds = folds
        self.fold = fold
        # The parser makes a number of a class that is called "7".
        self.imbalance = {str(name): share for name, share in (imbalance or {}).items()} or None
        self.resample = resample
        self.augment = augment
        self._augment_generator: torch.Generator | None = None
        self.class_weights = class_weights
        self.predict_split = predict_split
        self.predict_dir = predict_dir
        check_settings(self)

        self._loaded: dict[Part, Samples] | None = None
        self._to_predict: SampleSubset | None = None
        self.subsets: dict[Part, SampleSubset] = {}
        """The samples of every split, known after ``setup``."""
        self.training_counts: dict[str, Tensor] = {}
        """Training samples of each class ``(K,)`` after each step that changed them."""
        self.mean = self.std = torch.empty(0)
        """Mean and standard deviation of the training inputs, ``(C,)``, after ``setup("fit")``."""
        if source.columns:
            # The training rows decide which categories are known, and so how wide a net is.
            self._split(source.load(self.root, download=download))

    @property
    def mixes_labels(self) -> bool:
        """Whether augmentation gives labels that are part of one class and part of another."""
        return any(isinstance(augmentation, Mixup) for augmentation in self.augment or ())

    @property
    def validation_origin(self) -> str:
        """Origin of the validation samples, for console, files and figures."""
        if self.validate_on == "test":
            return "test set"
        if self.folds is not None:
            return f"fold {self.fold} of {self.folds}"
        return "own part" if "val" in self.source.parts else "held out of train"

    @property
    def test_origin(self) -> str:
        """Origin of the test samples."""
        return "own part" if "test" in self.source.parts else "held out of train"

    @property
    def fractions(self) -> tuple[float, float]:
        """Fractions held out for test and validation, 0 where the source has the part."""
        test = val = 0.0
        if "test" not in self.source.parts:
            test = self.test_fraction or _DEFAULT_TEST_FRACTION
        if self.folds is not None:
            val = (1 - test) / self.folds
        elif "val" not in self.source.parts and self.validate_on == "val":
            val = self.val_fraction or _DEFAULT_VAL_FRACTION
        return test, val

    def prepare_data(self) -> None:
        """Download what is missing. What was read on the way is kept, so that it is read once."""
        if self._needs_samples:
            self._loaded = self.source.load(self.root, download=self.download)
        self.source.keep()

    def setup(self, stage: str) -> None:
        """Load and split; for training also compute the statistics of the training split.

        Raises:
            EmptyClassError: A split leaves a class without a sample.
        """
        if self._needs_samples:
            # Only the first process of a machine prepares, the others find the files there.
            parts = self._loaded or self.source.load(self.root, download=False)
            self._loaded = None
            self._split(parts)
        if stage == "fit" and not len(self.mean):
            train = self.subsets["train"]
            self.mean, self.std = channel_mean_std(train.samples.inputs, train.indices)

    def _split(self, parts: Mapping[Part, Samples]) -> None:
        """Split, and of a table learn from the training rows what each column is."""
        self.subsets, self.training_counts = split_parts(self, parts)
        if self.source.columns:
            columns = learn_columns(self.source, parts, self.subsets)
            self.columns = [column.plain() for column in columns]
            # The encoder of the net scales them.
            self.mean, self.std = torch.zeros(len(columns)), torch.ones(len(columns))

    @property
    def _needs_samples(self) -> bool:
        """Whether the source is yet to be loaded; to predict a directory its shape is enough."""
        predicts = self.trainer is not None and self.trainer.state.fn == "predict"
        return not self.subsets and not (predicts and self.predict_dir is not None)

    def class_counts(self, part: Part) -> Tensor:
        """Return how many samples of each class a split has, ``(K,)``."""
        if self.num_targets:
            return torch.empty(0, dtype=torch.long)
        return torch.bincount(self.subsets[part].labels, minlength=self.num_classes)

    def training_class_weights(self) -> Tensor:
        """Return the weight of each class in the training loss, ``(K,)``; ones by default."""
        if self.class_weights is None:
            return torch.ones(self.num_classes)
        if self.class_weights == "balanced":
            return class_weights(self.subsets["train"].labels, self.num_classes)
        return torch.tensor(self.class_weights)

    @property
    def samples(self) -> list[Samples]:
        """The samples that the splits index, each part of the source once, after ``setup``."""
        return list({id(s.samples): s.samples for s in self.subsets.values()}.values())

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of all samples, of the whole split, and of validation and test."""
        return {
            "data": sha256(*(t for part in self.samples for t in (part.inputs, part.labels))),
            "split": sha256(*(self.subsets[part].indices for part in PARTS)),
            "val": sha256(self.subsets["val"].indices),
            "test": sha256(self.subsets["test"].indices),
        }

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the training samples in an order drawn anew for each epoch."""
        return self._loader(
            self.subsets["train"], shuffle=True, batches_at_once=self.steps_per_execution or 1
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of training batches in an epoch, of this process, after ``setup``."""
        return len(self._loader(self.subsets["train"], shuffle=True))

    def begin_epoch(self) -> None:
        """Reseed augmentation from (seed, epoch, process)."""
        self._augment_generator = None

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Leave on the CPU what is there: Lightning looks for every tensor of a list of batches."""
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augment training batches, on the device that they are on."""
        trainer = self.trainer
        if not self.augment or trainer is None or not trainer.training:
            return batch
        if trainer.overfit_batches > 0:  # type: ignore[attr-defined]  # set by a connector
            return batch  # the same images again and again are the point
        if isinstance(batch, list):
            return [self._augment(one) for one in batch]
        return self._augment(batch)

    def _augment(self, batch: Batch) -> Batch:
        assert self.trainer is not None
        if self._augment_generator is None:
            key = (global_seed(), self.trainer.current_epoch, self.trainer.global_rank)
            self._augment_generator = generator(*key, _AUGMENTATION, device=batch[0].device)
        return self.augmented(batch, self._augment_generator)

    def augmented(self, batch: Batch, draws: torch.Generator) -> Batch:
        """Return a batch after all of ``data.augment``, drawn from a generator on its device."""
        for augmentation in self.augment or ():
            batch = augmentation.apply(batch, self.num_classes, draws)
        return batch

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return the validation samples in their own order; in a training, as many at once."""
        in_fit = self.trainer is not None and self.trainer.state.fn == "fit"
        return self._loader(
            self.subsets["val"],
            shuffle=False,
            batches_at_once=self.steps_per_execution or 1 if in_fit else 1,
        )

    def test_dataloader(self) -> DataLoader[Batch]:
        """Return the test samples in their own order."""
        return self._loader(self.subsets["test"], shuffle=False)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Return the samples of ``data.predict_split`` in their own order."""
        return self._ordered_loader(self.predict_subset())

    def predict_subset(self) -> SampleSubset:
        """Return the samples that ``predict`` runs over."""
        if self.predict_dir is None and self.predict_split != "all":
            return self.subsets[self.predict_split]
        if self._to_predict is None:
            if self.predict_dir is None:
                samples = join_samples(self.samples)
            else:
                samples = read_directory(
                    *(self.predict_dir, self.input_shape, self.num_targets, self.class_names)
                )
            self._to_predict = SampleSubset(samples, torch.arange(len(samples)))
        return self._to_predict

    def _loader(
        self, subset: SampleSubset, *, shuffle: bool, batches_at_once: int = 1
    ) -> DataLoader[Any]:
        """Load batches, or lists of ``batches_at_once`` batches that are fetched together."""
        if self.trainer is not None and self.trainer.overfit_batches > 0:  # type: ignore[attr-defined]  # set by a connector
            # Overfitting is on the same batches again and again: Lightning takes the first ones.
            return self._ordered_loader(subset)
        sampler = EpochSampler(
            subset,
            batch_size=self.batch_size * batches_at_once,
            shuffle=shuffle,
            seed=global_seed(),
            num_replicas=self.trainer.world_size if self.trainer else 1,
            rank=self.trainer.global_rank if self.trainer else 0,
        )
        return DataLoader(
            dataset=subset,
            batch_size=None,
            sampler=sampler,
            collate_fn=self._cut if batches_at_once > 1 else _as_fetched,  # type: ignore[arg-type]  # without a batch size it gets what the dataset gives
            # Each iterator draws a number; from the global generator that would shift what dropout
            # draws, and Lightning makes one iterator less in the first epoch of a resumed run.
            generator=generator(global_seed()),
        )

    def _ordered_loader(self, subset: SampleSubset) -> DataLoader[Batch]:
        """Load batches in order by PyTorch's own samplers, which Lightning inspects."""
        return DataLoader(
            dataset=subset,
            batch_size=self.batch_size,
            collate_fn=_as_fetched,  # type: ignore[arg-type]  # __getitems__ gives no list
            generator=generator(global_seed()),
        )

    def _cut(self, fetched: Batch) -> list[Batch]:
        """Cut what was fetched together into batches."""
        inputs, labels = (torch.split(part, self.batch_size) for part in fetched)
        return list(zip(inputs, labels, strict=True))


def _as_fetched(batch: Batch) -> Batch:
    """Pass a batch on: SampleSubset has fetched it whole."""
    return batch
