"""The contract of sources in general: classes chosen and named, samples selected and joined."""

from pathlib import Path

import pytest
import torch

from mlp_lab.data import Part, Samples, SampleSubset, Source
from mlp_lab.data.source import batches_of, choose_classes, join_samples
from mlp_lab.errors import ConfigError, MLPLabWarning


class Fruit(Source):
    """Three classes, one of them named by a number."""

    input_shape = (1,)
    class_names: tuple[str, ...] = ("apple", "7", "pear")
    parts = frozenset({"train"})
    downloads: bool

    def read(self, root: Path, *, download: bool) -> dict[Part, Samples]:
        self.downloads = download
        labels = torch.tensor([0, 1, 2, 0, 1, 2])
        return {"train": Samples(torch.arange(6.0)[:, None], labels, list("abcdef"))}


def test_all_classes_by_default() -> None:
    source = Fruit()
    assert (source.num_classes, source.num_targets, source.name) == (3, 0, "Fruit")
    assert source.load(Path(), download=True)["train"].labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_chosen_classes_are_numbered_in_the_order_given() -> None:
    source = Fruit(classes=["pear", 0])
    assert source.class_names == ("pear", "apple")
    assert source.all_class_names == ("apple", "7", "pear")
    train = source.load(Path(), download=False)["train"]
    assert train.inputs.flatten().tolist() == [0, 2, 3, 5]
    assert train.labels.tolist() == [1, 0, 1, 0]
    assert train.files == ["a", "c", "d", "f"]


@pytest.mark.parametrize(
    ("given", "name"), [(7, "7"), ("7", "7"), (1, "7"), ("2", "pear"), ("apple", "apple")]
)
def test_a_class_is_found_by_name_before_number(given: int | str, name: str) -> None:
    other = "pear" if name == "apple" else "apple"
    assert Fruit(classes=[given, other]).class_names == (name, other)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["peer"], "Unknown class 'peer' .* Fruit numbers its classes 0..2. Did you mean 'pear'"),
        ([3, 0], "Unknown class 3 in data.source.classes"),
        ([1, 7], r"data.source.classes is \[1, 7\]; a class comes twice"),
        (["pear"], "Fruit has one class alone, 'pear'"),
    ],
)
def test_impossible_classes_are_refused(classes: list[int | str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Fruit(classes=classes)


def test_two_classes_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fruit, "class_names", ("pear", "apple", "pear"))
    with pytest.raises(ConfigError, match="Fruit has two classes called 'pear'"):
        Fruit()


def test_nothing_is_downloaded_where_nothing_may_be_written() -> None:
    source = Fruit()
    source.load(Path(), download=True)
    assert source.downloads
    source.may_write = False
    source.load(Path(), download=True)
    assert not source.downloads


def test_a_warning_is_noted_too() -> None:
    source = Fruit()
    with pytest.warns(MLPLabWarning, match="a pear is missing"):
        source.warn("a pear is missing")
    assert source.notes == ["a pear is missing"]


def test_choosing_no_sample_of_a_class_keeps_the_numbers() -> None:
    rows, labels = choose_classes(torch.tensor([2, 2, 0]), [1, 2])
    assert (rows.tolist(), labels.tolist()) == ([0, 1], [1, 1])


def test_parts_are_joined_and_a_single_one_is_not_copied() -> None:
    parts = [
        Samples(torch.full((n, 2), float(n)), torch.full((n,), n), [f"{n}.png"] * n) for n in (1, 2)
    ]
    joined = join_samples(parts)
    assert joined.inputs.tolist() == [[1, 1], [2, 2], [2, 2]]
    assert joined.labels.tolist() == [1, 2, 2]
    assert joined.files == ["1.png", "2.png", "2.png"]
    assert join_samples(parts[:1]) is parts[0]
    without = join_samples([Samples(p.inputs, p.labels) for p in parts])
    assert without.files is None


def test_a_subset_fetches_one_sample_or_a_batch() -> None:
    samples = Samples(torch.arange(10.0)[:, None], torch.arange(10))
    subset = SampleSubset(samples, torch.tensor([8, 1, 5]))
    assert (len(subset), subset.labels.tolist()) == (3, [8, 1, 5])
    assert [value.item() for value in subset[2]] == [5, 5]
    for inputs, labels in (subset[torch.tensor([2, 0])], subset.__getitems__([2, 0])):
        assert (inputs.tolist(), labels.tolist()) == ([[5], [8]], [5, 8])
    assert subset.at(torch.tensor([1, 1, 2])).indices.tolist() == [1, 1, 5]


def test_one_batch_or_several_are_a_list_of_batches() -> None:
    batch = (torch.zeros(2, 1), torch.zeros(2))
    assert batches_of(batch) == [batch]
    assert batches_of([batch, batch]) == [batch, batch]
