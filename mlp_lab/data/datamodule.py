"""From a source to batches: load, split, count, serve."""

from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mlp_lab.data.augment import Augmentation, Mixup
from mlp_lab.data.checks import check_settings
from mlp_lab.data.image_folder import read_unlabelled
from mlp_lab.data.sampler import EpochSampler
from mlp_lab.data.source import PARTS, Batch, Part, Samples, SampleSubset, Source, join_samples
from mlp_lab.data.split import balance_classes, stratified_split, thin_classes
from mlp_lab.data.statistics import channel_mean_std, class_counts, class_weights, sha256
from mlp_lab.errors import ConfigError, EmptyClassError
from mlp_lab.seeding import generator, global_seed

DEFAULT_VAL_FRACTION = 0.1
DEFAULT_TEST_FRACTION = 0.2

# Keeps what augmentation draws apart from what dropout draws in the same epoch.
_AUGMENTATION = 1


class LabDataModule(pl.LightningDataModule):
    """Serve any source in batches, its training part shuffled, its parts split with stratification.

    Everything is held in memory as bytes and fetched a whole batch at a time; scaling and
    normalising are the task's, with the mean and standard deviation computed here.

    Args:
        source: The data set: KMNIST, MNIST, FashionMNIST, CIFAR10, CIFAR100, Digits, XOR, Circles,
            Moons, SigmoidCurve, Line; or ImageFolder or TensorFile for one's own.
        root: Directory of the data sets.
        download: Whether files that are missing may be downloaded.
        batch_size: Samples in a batch, at least 1.
        steps_per_execution: Training steps that run as one: their batches are fetched together, and
            Lightning is gone through once for all of them; validation does so too. Whatever it is,
            the numbers are the same bit by bit; more is faster for small nets. By default 16 on the
            command line where nothing in trainer needs it to be 1, and 1 from Python.
        val_fraction: Share held out for validation, in (0, 1): of the training part where the
            source has a test part of its own, else of the whole. By default 0.1 where it has no
            validation part of its own.
        test_fraction: Share of the whole held out for the test, in (0, 1). By default 0.2 where the
            source has no test part of its own.
        validate_on: What validation during training runs on. With ``test`` all training samples
            train, and the best checkpoint is chosen on the test set: its score is no estimate then.
        split_seed: Which of the possible splits; apart from the seed of the training.
        imbalance: Shares of some classes that are kept of the training part, by class name, before
            validation is held out: makes a data set unbalanced on purpose. The test stays whole.
        resample: Another answer to unbalanced classes than weights: ``over`` repeats samples of the
            rarer ones for training, ``under`` leaves samples of the others out.
        augment: How training images are changed before each step, one after the other: PadCrop,
            HorizontalFlip, Affine, Elastic, Erasing, Mixup, CutMix; each image in its own way.
        class_weights: Weights of the K classes in the training loss: ``balanced`` for the inverse
            of their frequency, a list, or none.
        predict_split: The part that ``predict`` runs over.
        predict_dir: A directory of image files, without labels, that it runs over instead, brought
            to the size that the net wants.

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
        validate_on: Literal["val", "test"] = "val",
        split_seed: int = 0,
        imbalance: dict[str, float] | None = None,
        resample: Literal["over", "under"] | None = None,
        augment: list[Augmentation] | None = None,
        class_weights: Literal["balanced"] | list[float] | None = None,
        predict_split: Literal["train", "val", "test", "all"] = "test",
        predict_dir: Path | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.root = root
        self.download = download
        self.batch_size = batch_size
        self.steps_per_execution = steps_per_execution
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.validate_on = validate_on
        self.split_seed = split_seed
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

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.source.input_shape

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.source.num_classes

    @property
    def num_targets(self) -> int:
        """Number of numbers T to be predicted; 0 where there are classes."""
        return self.source.num_targets

    @property
    def mixes_labels(self) -> bool:
        """Whether augmentation gives labels that are part of one class and part of another."""
        return any(isinstance(augmentation, Mixup) for augmentation in self.augment or ())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their labels."""
        return self.source.class_names

    @property
    def validation_origin(self) -> str:
        """What the validation samples are, for console, files and figures."""
        if self.validate_on == "test":
            return "test set"
        return "own part" if "val" in self.source.parts else "held out of train"

    def prepare_data(self) -> None:
        """Download what is missing. What was read on the way is kept, so that it is read once."""
        if not self.subsets and not self._predicts_files:
            self._loaded = self.source.load(self.root, download=self.download)

    def setup(self, stage: str) -> None:
        """Load and split; for training also compute the statistics of the training split.

        A directory to predict needs nothing of the source but its shape.

        Raises:
            EmptyClassError: A split leaves a class without a sample.
        """
        if not self.subsets and not self._predicts_files:
            # Only the first process of a machine prepares, the others find the files there.
            parts = self._loaded or self.source.load(self.root, download=False)
            self._loaded = None
            self.subsets = self._split(parts)
        if stage == "fit" and not len(self.mean):
            train = self.subsets["train"]
            self.mean, self.std = channel_mean_std(train.samples.inputs, train.indices)

    def require_learnable_classes(self) -> None:
        """Refuse a class that is asked about and never shown, after ``setup``.

        Raises:
            EmptyClassError: There is one.
        """
        learnt = self.class_counts("train") > 0
        for part in ("val", "test"):
            never = ~learnt & (self.class_counts(part) > 0)
            if never.any():
                name = self.class_names[int(never.nonzero()[0])]
                raise EmptyClassError(
                    f"Class {name!r} has samples in {part} and none in train, so it cannot be "
                    "learnt. Add training samples of it, or choose the other classes by "
                    "data.source.classes."
                )

    @property
    def _predicts_files(self) -> bool:
        predicts = self.trainer is not None and self.trainer.state.fn == "predict"
        return predicts and self.predict_dir is not None

    def _split(self, parts: dict[Part, Samples]) -> dict[Part, SampleSubset]:
        subsets = {
            part: SampleSubset(samples, torch.arange(len(samples)))
            for part, samples in parts.items()
        }
        test_fraction, val_fraction = self.fractions
        if "test" not in subsets:
            subsets |= self._split_off("test", test_fraction, subsets["train"])
        train = subsets["train"]
        self._count_training("as loaded", train)
        if self.imbalance:
            shares = {self.class_names.index(name): s for name, s in self.imbalance.items()}
            kept = thin_classes(train.labels, shares, self.split_seed)
            subsets["train"] = train.at(kept)
        if self.validate_on == "test":
            subsets["val"] = subsets["test"]
        elif "val" not in subsets:
            of_the_rest = val_fraction / (1 - test_fraction)
            subsets |= self._split_off("val", of_the_rest, subsets["train"])
        train = subsets["train"]
        self._count_training("split", train)
        if self.resample:
            subsets["train"] = train.at(
                balance_classes(train.labels, self.resample, self.split_seed)
            )
            self._count_training("resampled", subsets["train"])
        return subsets

    @property
    def fractions(self) -> tuple[float, float]:
        """Shares held out for test and validation, 0 where the source has the part."""
        test = val = 0.0
        if "test" not in self.source.parts:
            test = self.test_fraction or DEFAULT_TEST_FRACTION
        if "val" not in self.source.parts and self.validate_on == "val":
            val = self.val_fraction or DEFAULT_VAL_FRACTION
        return test, val

    def _count_training(self, step: str, train: SampleSubset) -> None:
        """Keep how many training samples each class has after a step; numbers have no classes."""
        if self.num_classes:
            self.training_counts[step] = class_counts(train.labels, self.num_classes)

    def _split_off(
        self, part: Part, fraction: float, whole: SampleSubset
    ) -> dict[Part, SampleSubset]:
        """Divide ``whole`` into what stays for training and the new part."""
        if self.num_targets:
            one_stratum = torch.zeros(len(whole), dtype=torch.long)
            stay, picked = stratified_split(one_stratum, fraction, self.split_seed)
            if not len(stay) or not len(picked):
                raise ConfigError(
                    f"data.{part}_fraction leaves {len(stay)} of {len(whole)} samples for training "
                    f"and {len(picked)} as {part}. Choose another fraction, or more samples."
                )
            return {"train": whole.at(stay), part: whole.at(picked)}
        stay, picked = stratified_split(whole.labels, fraction, self.split_seed)
        there = class_counts(whole.labels, self.num_classes) > 0
        for side, positions in (("training", stay), (part, picked)):
            gone = there & (class_counts(whole.labels[positions], self.num_classes) == 0)
            if gone.any():
                label = int(gone.nonzero()[0])
                count = int((whole.labels == label).sum())
                samples = "one sample" if count == 1 else f"{count} samples"
                hint = self.source.if_no_classes if count == 1 else ""
                raise EmptyClassError(
                    f"data.{part}_fraction leaves class {self.class_names[label]!r}, which has "
                    f"{samples}, without a {side} sample. "
                    f"{hint or 'Choose another fraction.'}"
                )
        return {"train": whole.at(stay), part: whole.at(picked)}

    def class_counts(self, part: Part) -> Tensor:
        """Return how many samples of each class a split has, ``(K,)``."""
        if self.num_targets:
            return torch.empty(0, dtype=torch.long)
        return class_counts(self.subsets[part].labels, self.num_classes)

    def counts_of_steps(self) -> dict[str, list[int]]:
        """Return the samples of each class in each split, and before what changed the training."""
        counts: dict[str, list[int]] = {}
        if self.imbalance or self.resample:
            steps = list(self.training_counts)[:-1]  # what the last one left is the split itself
            counts = {f"train, {step}": self.training_counts[step].tolist() for step in steps}
        return counts | {part: self.class_counts(part).tolist() for part in PARTS}

    def training_class_weights(self) -> Tensor:
        """Return the weight of each class in the training loss, ``(K,)``; ones by default."""
        match self.class_weights:
            case None:
                return torch.ones(self.num_classes)
            case "balanced":
                return class_weights(self.subsets["train"].labels, self.num_classes)
            case weights:
                return torch.tensor(weights)

    @property
    def samples(self) -> list[Samples]:
        """What the splits are drawn from, each part of the source once, after ``setup``."""
        return list({id(s.samples): s.samples for s in self.subsets.values()}.values())

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of all samples, of the whole split and of its test part."""
        return {
            "data": sha256(*(t for part in self.samples for t in (part.inputs, part.labels))),
            "split": sha256(*(self.subsets[part].indices for part in PARTS)),
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
        """Let augmentation draw anew, from (seed, epoch, process)."""
        self._augment_generator = None

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
        if self._to_predict is None:
            self._to_predict = self._find_what_to_predict()
        return self._to_predict

    def _find_what_to_predict(self) -> SampleSubset:
        if self.predict_dir is not None:
            everything = read_unlabelled(self.predict_dir, self.input_shape, self.num_targets)
        elif self.predict_split != "all":
            return self.subsets[self.predict_split]
        else:
            everything = join_samples(self.samples)
        return SampleSubset(everything, torch.arange(len(everything)))

    def _loader(
        self, subset: SampleSubset, *, shuffle: bool, batches_at_once: int = 1
    ) -> DataLoader[Any]:
        """Serve batches, or lists of ``batches_at_once`` batches that are fetched together."""
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
        """Serve batches in order by PyTorch's own samplers, which Lightning looks into."""
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
