"""The data sets that torchvision downloads, checks and reads."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision import datasets

from mlp_lab.data.source import Part, Samples, Source
from mlp_lab.errors import ChecksumError, DatasetNotFoundError
from mlp_lab.files.lock import locked


class _TorchvisionSource(Source):
    """Read through the torchvision data set of the same name.

    Attributes:
        sizes: Number of samples in the official parts.
    """

    parts = frozenset({"train", "test"})
    sizes: ClassVar[dict[Part, int]] = {"train": 60_000, "test": 10_000}

    @abstractmethod
    def directory(self, root: Path) -> Path:
        """Return the directory below ``root`` that holds the files."""

    @property
    @abstractmethod
    def origin(self) -> str:
        """Where the files are downloaded from."""

    @property
    def reader(self) -> Any:
        """The torchvision class that reads this data set."""
        return getattr(datasets, self.name)

    @staticmethod
    @abstractmethod
    def to_tensors(dataset: Any) -> Samples:
        """Return images ``(N, C, H, W)`` uint8 and labels ``(N,)`` int64 of a torchvision set."""

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        """Read the official training and test part.

        Raises:
            DatasetNotFoundError: The files are missing and were not or could not be fetched.
            ChecksumError: A file is damaged.
        """
        parts: dict[Part, Samples] = {}
        for part in ("train", "test"):
            samples = self.to_tensors(self._read(root, train=part == "train", download=download))
            self._check(part, samples, self.directory(root))
            parts[part] = samples
        return parts

    def _read(self, root: Path, *, train: bool, download: bool) -> Any:
        directory = self.directory(root)
        by_hand = f"Or put the files of {self.origin} into '{directory}' by hand"
        try:
            if not download:
                return self.reader(root, train=train, download=False)
            directory.mkdir(parents=True, exist_ok=True)
            with locked(directory):  # torchvision takes half-written files for whole ones
                return self.reader(root, train=train, download=True)
        except (OSError, RuntimeError, ValueError, AssertionError, EOFError, KeyError) as error:
            # torchvision raises "Dataset not found" for files that are absent or fail their MD5.
            if "Dataset not found" in str(error):
                raise DatasetNotFoundError(
                    f"No {self.name} files in '{directory}' and data.download is false. "
                    f"Set --data.download true, or point --data.root at them. {by_hand}."
                ) from error
            failures = ("Error downloading", "File not found or corrupted")
            if isinstance(error, URLError) or any(text in str(error) for text in failures):
                raise DatasetNotFoundError(
                    f"{self.name} could not be downloaded from {self.origin}: "
                    f"{str(error).strip().splitlines()[-1]}. {by_hand}."
                ) from error
            if isinstance(error, OSError) and error.strerror:
                raise DatasetNotFoundError(
                    f"{self.name} could not be read from or written to '{directory}': "
                    f"{error.strerror}. Point --data.root elsewhere. {by_hand}."
                ) from error
            raise ChecksumError(
                f"A {self.name} file in '{directory}' is damaged ({error}). "
                "Delete the directory and run again with --data.download true."
            ) from error

    def _check(self, part: Part, samples: Samples, directory: Path) -> None:
        """Check the samples against the official facts; another count is only a warning."""
        labels = samples.labels
        if len(samples.inputs) != len(labels):
            raise ChecksumError(
                f"{self.name} in '{directory}' has {len(samples.inputs):,} {part} images but "
                f"{len(labels):,} labels. Delete the directory and download it again."
            )
        num_classes = len(self.all_class_names)
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
            raise ChecksumError(
                f"{self.name} in '{directory}' has a {part} label outside "
                f"0..{num_classes - 1}. Delete the directory and download it again."
            )
        if tuple(samples.inputs.shape[1:]) != self.input_shape:
            raise ChecksumError(
                f"{self.name} in '{directory}' has images of shape "
                f"{tuple(samples.inputs.shape[1:])}; the official ones are {self.input_shape}."
            )
        if len(labels) != self.sizes[part]:
            self.warn(
                f"{self.name} in '{directory}' has {len(labels):,} {part} images; "
                f"the official set has {self.sizes[part]:,}."
            )


class _IdxSource(_TorchvisionSource):
    """A data set in the idx files of MNIST: grey images of 28 x 28."""

    input_shape = (1, 28, 28)

    def directory(self, root: Path) -> Path:
        return root / self.name / "raw"

    @property
    def origin(self) -> str:
        return str(self.reader.mirrors[0])

    @staticmethod
    def to_tensors(dataset: Any) -> Samples:
        images: Tensor = dataset.data
        return Samples(images[:, None], dataset.targets.long())  # (N, H, W) to (N, 1, H, W)


class MNIST(_IdxSource):
    """Handwritten digits, 60,000 + 10,000 grey images of 28 x 28.

    Reference:
        LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE, 1998.
    """

    class_names = tuple("0123456789")


class FashionMNIST(_IdxSource):
    """Articles of clothing, 60,000 + 10,000 grey images of 28 x 28.

    Reference:
        Xiao et al., "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747.
    """

    class_names = (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    )


class KMNIST(_IdxSource):
    """Cursive Japanese characters, 60,000 + 10,000 grey images of 28 x 28.

    Reference:
        Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018,
        https://arxiv.org/abs/1812.01718.
    """

    class_names = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


class _CIFARSource(_TorchvisionSource):
    """A data set in the Python form of CIFAR: colour images of 32 x 32."""

    input_shape = (3, 32, 32)
    sizes: ClassVar[dict[Part, int]] = {"train": 50_000, "test": 10_000}

    def directory(self, root: Path) -> Path:
        return root / str(self.reader.base_folder)

    @property
    def origin(self) -> str:
        return str(self.reader.url)

    @staticmethod
    def to_tensors(dataset: Any) -> Samples:
        images = torch.from_numpy(dataset.data).permute(0, 3, 1, 2).contiguous()  # (N, C, H, W)
        return Samples(images, torch.tensor(dataset.targets))


class CIFAR10(_CIFARSource):
    """Ten kinds of things, 50,000 + 10,000 colour images of 32 x 32.

    Reference:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    class_names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )


class CIFAR100(_CIFARSource):
    """A hundred kinds of things (the fine labels), 50,000 + 10,000 colour images of 32 x 32.

    Reference:
        Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """

    class_names = tuple(
        """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
        butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
        couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
        house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
        motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
        pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
        rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
        sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
        turtle wardrobe whale willow_tree wolf woman worm
        """.split()  # noqa: SIM905  # a hundred quoted names are harder to read
    )
