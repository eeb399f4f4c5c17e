"""One contract for every source behind the DataModule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mlp_lab.data import (
    CIFAR10,
    CIFAR100,
    KMNIST,
    MNIST,
    PARTS,
    XOR,
    Circles,
    Digits,
    FashionMNIST,
    ImageFolder,
    LabDataModule,
    Line,
    Moons,
    Part,
    Samples,
    SampleSubset,
    SigmoidCurve,
    Source,
    Table,
    TensorFile,
)
from mlp_lab.errors import EmptyClassError

pytestmark = pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")


def make(source: Source, root: Path, **settings: Any) -> LabDataModule:
    data = LabDataModule(source, root=root, download=False, **settings)
    data.prepare_data()
    data.setup("fit")
    return data


def rows(subset: SampleSubset) -> set[int]:
    return set(subset.indices.tolist())


def at_defaults(cls: Callable[[], Source]) -> Callable[[Path], Source]:
    return lambda _root: cls()


DOWNLOADED = (MNIST, FashionMNIST, KMNIST, CIFAR10, CIFAR100)
DRAWN = (Digits, XOR, Circles, Moons, SigmoidCurve, Line)

SOURCES: dict[str, Callable[[Path], Source]] = {
    **{cls.__name__: at_defaults(cls) for cls in (*DOWNLOADED, *DRAWN)},
    "ImageFolder": lambda root: ImageFolder(write_folder(root)),
    "TensorFile": lambda root: TensorFile(write_arrays(root)),
    "Table": lambda root: Table(write_table(root), "y"),
    "table of numbers": lambda root: Table(write_table(root), "x"),
    "three classes": lambda _root: CIFAR100(classes=["otter", 0, "pickup_truck"]),
}


def write_folder(root: Path) -> Path:
    """Write 60 small images of two classes, once."""
    folder = root / "folder é"
    if not folder.exists():
        for number, pixels in enumerate(colours(60)):
            file = folder / ("one two" if number % 3 else "Ähre") / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    return folder


def write_arrays(root: Path) -> Path:
    """Write 40 images of four classes with gaps between their labels."""
    path = root / "arrays.npz"
    np.savez(path, x=colours(40), y=np.arange(40) % 4 * 7, classes=["a", "b", "c", "d"])
    return path


def write_table(root: Path) -> Path:
    """Write 60 rows of numbers, categories and missing values."""
    path = root / "table.csv"
    cells = "".join(f"{i * 7 % 11}.5,{'uv '[i % 3]},{'pq'[i % 5 % 2]}\n" for i in range(60))
    path.write_text(f"x,c,y\n{cells}")
    return path


def colours(num: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (num, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, fake_root: Path) -> Source:
    return SOURCES[request.param](fake_root)


class TestContract:
    def test_shapes_are_known_before_setup(self, source: Source, fake_root: Path) -> None:
        data = LabDataModule(source, root=fake_root)
        assert (data.num_classes == 0) == (data.num_targets > 0)
        assert data.num_classes == len(data.class_names)
        data.prepare_data()
        data.setup("fit")
        inputs, labels = data.subsets["train"][torch.arange(2)]
        assert inputs.shape == (2, *data.input_shape)
        assert labels.shape == ((2, data.num_targets) if data.num_targets else (2,))
        assert labels.dtype == (torch.float32 if data.num_targets else torch.int64)

    def test_splits_are_disjoint_and_stratified(self, source: Source, fake_root: Path) -> None:
        data = make(source, fake_root, val_fraction=0.25)
        train, val, test = (data.subsets[part] for part in PARTS)
        assert not rows(train) & rows(val)
        # Of the whole, of which the test has had its fifth.
        fraction = 0.25 if "test" in source.parts else 0.25 / 0.8
        if data.num_classes:
            there = torch.bincount(torch.cat([train.labels, val.labels]))
            assert (torch.bincount(val.labels) - fraction * there).abs().max() < 1
        assert len(val) == round(fraction * (len(train) + len(val)))
        if "test" in source.parts:
            assert test.samples is not train.samples
            assert rows(test) == set(range(len(test.samples)))
            assert len(train) + len(val) == len(train.samples)
        else:
            assert not rows(test) & (rows(train) | rows(val))
            assert len(train) + len(val) + len(test) == len(train.samples)

    def test_split_follows_split_seed_alone(self, source: Source, fake_root: Path) -> None:
        pl.seed_everything(1)
        first = make(source, fake_root, val_fraction=0.25)
        pl.seed_everything(2)
        again = make(source, fake_root, val_fraction=0.25)
        other = make(source, fake_root, val_fraction=0.25, split_seed=1)
        assert torch.equal(first.subsets["val"].indices, again.subsets["val"].indices)
        assert rows(first.subsets["val"]) != rows(other.subsets["val"])

    def test_statistics_come_from_training_images(self, source: Source, fake_root: Path) -> None:
        data = make(source, fake_root, val_fraction=0.25)
        train = data.subsets["train"]
        if source.columns:  # the encoder of the net scales them
            assert (set(data.mean.tolist()), set(data.std.tolist())) == ({0}, {1})
            return
        inputs = train.samples.inputs[train.indices]
        values = inputs.numpy().astype(np.float64) / (255 if inputs.dtype == torch.uint8 else 1)
        axes = (0, *range(2, values.ndim))
        np.testing.assert_allclose(data.mean, values.mean(axes), rtol=0, atol=1e-6)
        np.testing.assert_allclose(data.std, values.std(axes), rtol=0, atol=1e-6)

    def test_batches_hold_every_sample_once(self, source: Source, fake_root: Path) -> None:
        data = make(source, fake_root, val_fraction=0.25, batch_size=7)
        for part, loader in zip(
            PARTS,
            (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()),
            strict=True,
        ):
            subset = data.subsets[part]
            batches = list(loader)
            assert {len(labels) for _, labels in batches[:-1]} == {7}
            assert sum(len(labels) for _, labels in batches) == len(subset)
            labels = torch.cat([labels for _, labels in batches])
            inputs = torch.cat([inputs for inputs, _ in batches])
            assert inputs.dtype == (torch.uint8 if inputs.ndim == 4 else torch.float32)
            if part != "train":
                assert torch.equal(labels, subset.labels)
                expected = subset.samples.inputs[subset.indices]
                torch.testing.assert_close(inputs, expected, rtol=0, atol=0, equal_nan=True)
            else:
                assert not torch.equal(labels, subset.labels)
                assert torch.equal(
                    labels.flatten().sort().values, subset.labels.flatten().sort().values
                )


def test_defaults_hold_out_a_tenth_and_a_fifth(fake_root: Path) -> None:
    digits = make(Digits(), fake_root)
    sizes = [len(digits.subsets[part]) for part in ("train", "val", "test")]
    assert sizes == [1258, 180, 359]


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (Moons(), {}, (0.2, 0.1)),
        (Moons(), {"test_fraction": 0.3, "val_fraction": 0.4}, (0.3, 0.4)),
        (Moons(), {"validate_on": "test"}, (0.2, 0.0)),
        (KMNIST(), {}, (0.0, 0.1)),  # it has a test part
    ],
)
def test_fractions_by_default_and_by_setting(
    source: Source, settings: dict[str, Any], expected: tuple[float, float]
) -> None:
    assert LabDataModule(source, **settings).fractions == expected


def test_fractions_are_of_the_whole(fake_root: Path) -> None:
    data = make(Digits(), fake_root, test_fraction=0.2, val_fraction=0.2)
    sizes = [len(data.subsets[part]) for part in PARTS]
    assert sizes == [1078, 360, 359]  # of 1,797: 0.6, 0.2 and 0.2
    by_number: dict[Any, float] = {3: 0.1}  # as the parser reads {3: 0.1}
    thinned = make(Digits(), fake_root, val_fraction=0.2, imbalance=by_number)
    threes = [int((thinned.subsets[part].labels == 3).sum()) for part in PARTS]
    assert threes == [11, 4, 37]  # of 183: 37 in the test, a tenth of the others in 3 to 1


def test_validate_on_test_trains_on_everything(fake_root: Path) -> None:
    data = make(KMNIST(), fake_root, validate_on="test")
    assert len(data.subsets["train"]) == 120
    assert data.subsets["val"] is data.subsets["test"]


def test_a_split_that_empties_a_class_is_refused(fake_root: Path) -> None:
    with pytest.raises(EmptyClassError, match=r"class 'su', which has 12 samples, without a val"):
        make(KMNIST(), fake_root, val_fraction=0.02)


class Own(Source):
    """A source with a validation part of its own."""

    input_shape = (2,)
    class_names = ("left", "right")
    parts = frozenset({"train", "val", "test"})

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        inputs = torch.arange(20.0).reshape(10, 2)
        labels = torch.tensor([0] * 8 + [1] * 2)
        return {
            "train": Samples(inputs, labels),
            "val": Samples(inputs + 100, labels),
            "test": Samples(inputs + 200, labels),
        }


def test_own_validation_part_is_used(tmp_path: Path) -> None:
    data = make(Own(), tmp_path)
    assert data.subsets["val"].samples.inputs[0, 0] == 100
    assert len(data.subsets["train"]) == 10


def test_class_weights_come_from_training_labels(tmp_path: Path) -> None:
    assert make(Own(), tmp_path).training_class_weights().tolist() == [1, 1]
    balanced = make(Own(), tmp_path, class_weights="balanced")
    assert balanced.training_class_weights().tolist() == [0.625, 2.5]
    given = make(Own(), tmp_path, class_weights=[1.0, 3.0])
    assert given.training_class_weights().tolist() == [1, 3]


def test_predict_runs_over_the_configured_part(tmp_path: Path) -> None:
    for split, first, num in (
        ("train", 0, 10),
        ("val", 100, 10),
        ("test", 200, 10),
        ("all", 0, 30),
    ):
        loader = make(Own(), tmp_path, predict_split=split, batch_size=4).predict_dataloader()
        inputs = torch.cat([inputs for inputs, _ in loader])
        assert (inputs[0, 0].item(), len(inputs)) == (first, num)


def test_fingerprints_follow_data_and_split(tmp_path: Path, fake_root: Path) -> None:
    first = make(KMNIST(), fake_root).fingerprints()
    other_split = make(KMNIST(), fake_root, split_seed=1).fingerprints()
    other_data = make(MNIST(), fake_root, validate_on="test").fingerprints()
    assert first == make(KMNIST(), fake_root).fingerprints()
    assert first["data"] == other_split["data"] == other_data["data"]  # the fakes are alike
    assert first["split"] != other_split["split"]
    assert first["test"] == other_split["test"]  # which KMNIST brings along
    digits, others = (make(Digits(), tmp_path, split_seed=n).fingerprints() for n in (0, 1))
    assert digits["test"] != others["test"]
    assert make(Own(), tmp_path).fingerprints()["data"] != first["data"]


def counts(data: LabDataModule, part: Part) -> list[int]:
    return torch.bincount(data.subsets[part].labels, minlength=data.num_classes).tolist()


def test_imbalance_thins_training_and_validation_and_leaves_the_test_whole(fake_root: Path) -> None:
    plain = make(KMNIST(), fake_root, val_fraction=0.5)
    data = make(KMNIST(), fake_root, val_fraction=0.5, imbalance={"ki": 0.5, "wo": 0.2})
    assert counts(plain, "train") == [6] * 10
    assert counts(data, "train") == [6, 3, 6, 6, 6, 6, 6, 6, 6, 1]
    assert counts(data, "val") == [6, 3, 6, 6, 6, 6, 6, 6, 6, 1]
    assert counts(data, "test") == counts(plain, "test")


@pytest.mark.parametrize(("resample", "num"), [("over", 12), ("under", 6)])
def test_resampling_balances_training_alone(
    fake_root: Path, resample: Literal["over", "under"], num: int
) -> None:
    shares = {"ki": 0.5}
    settings: dict[str, Any] = {"imbalance": shares, "validate_on": "test"}
    data = make(KMNIST(), fake_root, resample=resample, **settings)
    assert counts(data, "train") == [num] * 10
    assert counts(data, "val") == [4] * 10
    assert {step: c.tolist() for step, c in data.training_counts.items()} == {
        "as loaded": [12] * 10,
        "split": [12, 6] + [12] * 8,
        "resampled": [num] * 10,
    }
    again = make(KMNIST(), fake_root, resample=resample, **settings)
    assert torch.equal(data.subsets["train"].indices, again.subsets["train"].indices)
