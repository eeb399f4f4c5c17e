import gc
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from mlp_lab.data import CIFAR10, CIFAR100, KMNIST, MNIST, FashionMNIST, Source
from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, MLPLabWarning
from tests.helpers.fake_data import (
    NUM_TEST,
    NUM_TRAIN,
    gzipped,
    idx_files,
    make_images,
    write_idx_set,
)

pytestmark = pytest.mark.filterwarnings("ignore::mlp_lab.errors.MLPLabWarning")


@pytest.mark.parametrize("source_class", [MNIST, FashionMNIST, KMNIST, CIFAR10, CIFAR100])
def test_facts_hold_for_what_is_loaded(source_class: type[Source], fake_root: Path) -> None:
    source = source_class()
    parts = source.load(fake_root, download=False)
    assert parts.keys() == source.parts == {"train", "test"}
    assert len(set(source.class_names)) == source.num_classes
    for samples in parts.values():
        assert samples.inputs.dtype == torch.uint8
        assert samples.inputs.shape[1:] == source.input_shape
        assert samples.labels.dtype == torch.int64
        assert len(samples) == len(samples.inputs) == len(samples.labels)


def test_class_names_are_torchvisions() -> None:
    assert list(KMNIST.class_names) == datasets.KMNIST.classes
    assert list(FashionMNIST.class_names) == datasets.FashionMNIST.classes
    assert [name[0] for name in datasets.MNIST.classes] == list(MNIST.class_names)
    assert list(CIFAR100.class_names) == sorted(CIFAR100.class_names)


def test_pixels_and_labels_come_through(fake_root: Path) -> None:
    images, labels = make_images(NUM_TRAIN, 10, (28, 28), seed=0)
    train = KMNIST().load(fake_root, download=False)["train"]
    np.testing.assert_array_equal(train.inputs[:, 0], images)
    np.testing.assert_array_equal(train.labels, labels)
    colour, _ = make_images(120, 10, (32, 32, 3), seed=0)
    cifar = CIFAR10().load(fake_root, download=False)["train"].inputs
    np.testing.assert_array_equal(cifar, colour.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("classes", [["apple", "otter", "pickup_truck"], [0, 55, "58"]])
def test_classes_are_chosen_by_name_or_number(fake_root: Path, classes: list[int | str]) -> None:
    source = CIFAR100(classes=classes)
    assert source.class_names == ("apple", "otter", "pickup_truck")
    chosen = source.load(fake_root, download=False)["train"]
    everything = CIFAR100().load(fake_root, download=False)["train"]
    for new, old in enumerate((0, 55, 58)):
        expected = everything.inputs[everything.labels == old]
        assert len(expected)
        assert torch.equal(chosen.inputs[chosen.labels == new], expected)


def test_classes_keep_the_order_given(fake_root: Path) -> None:
    source = KMNIST(classes=["wo", "o"])
    labels = source.load(fake_root, download=False)["test"].labels
    assert list(source.class_names) == ["wo", "o"]
    everything = KMNIST().load(fake_root, download=False)["test"].labels
    assert labels.tolist() == [int(y == 0) for y in everything.tolist() if y in (0, 9)]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["cat", "hors"], "Unknown class 'hors' .* numbers its classes 0..9. Did you mean 'horse'"),
        ([3, 10], "Unknown class 10 in data.source.classes"),
        ([-1], "Unknown class -1"),
        (["cat", 3], r"data.source.classes is \['cat', 3\]; a class comes twice"),
    ],
)
def test_classes_that_are_not_there_are_refused(classes: list[int | str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CIFAR10(classes=classes)


def test_missing_files_without_download_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetNotFoundError, match=r"No KMNIST files in '.*KMNIST/raw'.*--data.root"
    ):
        KMNIST().load(tmp_path, download=False)
    with pytest.raises(DatasetNotFoundError, match=r"No CIFAR10 files.*--data.download true"):
        CIFAR10().load(tmp_path, download=False)


def test_another_count_is_one_warning_and_a_note(tmp_path: Path) -> None:
    write_idx_set(tmp_path, "MNIST", num_train=20, num_test=10)
    source = MNIST()
    with pytest.warns(MLPLabWarning, match="has 20 train images; the official set has 60,000"):
        source.load(tmp_path, download=False)
    assert len(source.notes) == 2


@pytest.mark.parametrize("size", [0, 3, 10, 1000])
def test_truncated_images_are_refused(tmp_path: Path, size: int) -> None:
    raw = write_idx_set(tmp_path, "KMNIST")
    path = raw / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ChecksumError, match=r"A KMNIST file in '.*' is damaged"):
        KMNIST().load(tmp_path, download=False)


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    raw = write_idx_set(tmp_path, "KMNIST")
    path = raw / "t10k-labels-idx1-ubyte"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([10]))
    with pytest.raises(ChecksumError, match=r"test label outside 0\.\.9"):
        KMNIST().load(tmp_path, download=False)
    header = good[:4] + (NUM_TEST - 1).to_bytes(4, "big")
    path.write_bytes(header + good[8:-1])
    with pytest.raises(ChecksumError, match="40 test images but 39 labels"):
        KMNIST().load(tmp_path, download=False)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """Serve the files of KMNIST on loopback; what is in the dict is there."""
    files = gzipped(idx_files())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(datasets.KMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(datasets.KMNIST, "resources", resources)
    yield files
    server.shutdown()
    thread.join()
    server.server_close()


def test_download_fetches_once_and_finds_it_afterwards(
    mirror: dict[str, bytes], tmp_path: Path
) -> None:
    first = KMNIST().load(tmp_path, download=True)["train"]
    mirror.clear()
    again = KMNIST().load(tmp_path, download=True)["train"]
    assert len(first) == NUM_TRAIN
    assert torch.equal(first.inputs, again.inputs)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_failed_download_says_from_where_and_what_to_do(
    mirror: dict[str, bytes], tmp_path: Path
) -> None:
    mirror.clear()
    expected = r"KMNIST could not be downloaded from http://127.0.0.1:\d+/: .*404.*by hand"
    with pytest.raises(DatasetNotFoundError, match=expected):
        KMNIST().load(tmp_path, download=True)
    gc.collect()  # torchvision leaves the connection of a 404 open; let it go here and not later


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetNotFoundError, match="KMNIST could not be read from or written to"):
        KMNIST().load(tmp_path / "file", download=True)


def test_altered_download_is_refused(mirror: dict[str, bytes], tmp_path: Path) -> None:
    mirror.update(gzipped(idx_files(num_train=30)))
    with pytest.raises(DatasetNotFoundError, match="could not be downloaded"):
        KMNIST().load(tmp_path, download=True)
