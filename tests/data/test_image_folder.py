"""Image files of every kind: decoded once, mapped after that, and named where they are broken."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mlp_lab.data import ImageFolder, LabDataModule
from mlp_lab.errors import ChecksumError, ConfigError, DatasetNotFoundError, MLPLabWarning
from tests.conftest import CommandLine
from tests.helpers.processes import finish, started

RNG = np.random.default_rng(0)


def pixels(shape: tuple[int, ...] = (6, 5, 3)) -> Any:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def make_folder(root: Path, *, num: int = 6, classes: tuple[str, ...] = ("Ä b", "c")) -> Any:
    """Write PNGs of 6 x 5 pixels, and return them by their path."""
    images = {}
    for name in classes:
        (root / name).mkdir(parents=True)
        for number in range(num):
            image = pixels()
            Image.fromarray(image).save(root / name / f"{number}.png")
            images[f"{name}/{number}"] = image.transpose(2, 0, 1)
    return images


def cache_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.mlp_lab")


def load(path: Path, **settings: Any) -> Any:
    return ImageFolder(path, **settings).load(Path("anywhere"), download=False)


def test_pixels_and_labels_come_through(tmp_path: Path) -> None:
    images = make_folder(tmp_path / "ein Ordner")
    source = ImageFolder(tmp_path / "ein Ordner")
    assert source.class_names == ("c", "Ä b")
    assert source.input_shape == (3, 6, 5)
    assert source.parts == {"train"}
    train = source.load(tmp_path, download=False)["train"]
    expected = [images[f"{name}/{n}"] for n in range(6) for name in source.class_names]
    np.testing.assert_array_equal(train.inputs, np.stack(expected))
    assert train.labels.tolist() == [0, 1] * 6


def test_parts_are_directories(tmp_path: Path) -> None:
    for part, num in (("train", 4), ("val", 2), ("test", 3)):
        make_folder(tmp_path / part, num=num)
    parts = load(tmp_path)
    assert {part: len(samples) for part, samples in parts.items()} == {
        "train": 8,
        "val": 4,
        "test": 6,
    }


def test_decoded_once_and_again_when_the_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path)
    first = load(tmp_path)["train"].inputs
    with monkeypatch.context() as patch:
        patch.setattr("mlp_lab.images.decode_many.decode_image", None)
        assert torch.equal(load(tmp_path)["train"].inputs, first)
    Image.fromarray(pixels()).save(tmp_path / "c" / "0.png")
    changed = load(tmp_path)["train"].inputs
    assert [torch.equal(a, b) for a, b in zip(changed, first, strict=True)] == [False] + [True] * 11
    names = sorted(file.name.split(".", 1)[1] for file in cache_of(tmp_path).glob("train*"))
    assert names == ["kept.npy", "npy"]


def test_many_files_are_decoded_by_all_cores(tmp_path: Path) -> None:
    images = make_folder(tmp_path / "folder", num=300)
    train = load(tmp_path / "folder")["train"]
    assert train.files is not None
    expected = [images[file.removesuffix(".png")] for file in train.files]
    np.testing.assert_array_equal(train.inputs, np.stack(expected))


def test_a_broken_file_among_many_is_named(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder", num=300)
    (tmp_path / "folder" / "c" / "299.png").write_bytes(b"nothing")
    with pytest.raises(ChecksumError, match=r"299\.png' is no image"):
        load(tmp_path / "folder")
    train = load_skipping(tmp_path / "folder")
    assert len(train) == len(train.files) == 599
    assert "c/299.png" not in train.files


def load_skipping(path: Path) -> Any:
    with pytest.warns(MLPLabWarning, match="1 of 600 train images"):
        return load(path, broken="skip")["train"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder")
    cache_dir = cache_of(tmp_path / "folder")
    cache_dir.mkdir()
    left = cache_dir / ".train-0123.npy.999999.part"
    left.write_bytes(b"half")
    load(tmp_path / "folder")
    assert not left.exists()


@pytest.mark.slow
def test_a_killed_decoding_holds_nobody_up(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        Image.fromarray(pixels((600, 600, 3))).save(folder / name / "0.png")
        for number in range(1, 400):
            os.link(folder / name / "0.png", folder / name / f"{number}.png")
    words = ["stats", "--data.source=ImageFolder", f"--data.source.path={folder}"]
    words.append("--data.source.image_size=8")
    with started(*words, cwd=tmp_path) as process:
        while not list(tmp_path.glob(".folder.mlp_lab/.*.part")):
            assert process.is_alive()
            process.join(0.01)
        process.kill()
    assert finish(*words, cwd=tmp_path) == 0


@pytest.mark.slow
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    make_folder(tmp_path / "folder", num=200)
    words = ["stats", "--data.source=ImageFolder", f"--data.source.path={tmp_path / 'folder'}"]
    assert finish(*words, cwd=tmp_path, file_size_limit=20_000) == 1
    error = (tmp_path / "err.txt").read_text()
    assert "could not be written: File too large" in error
    assert len(error.splitlines()) == 1


def test_two_sizes_have_two_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "folder")
    for size in (4, 5):
        load(tmp_path / "folder", image_size=size)
    monkeypatch.setattr("mlp_lab.images.decode_many.decode_image", None)
    for size in (4, 5):
        load(tmp_path / "folder", image_size=size)


def test_what_is_mapped_can_be_changed_without_reaching_the_file(tmp_path: Path) -> None:
    make_folder(tmp_path)
    load(tmp_path)["train"].inputs.zero_()
    assert load(tmp_path)["train"].inputs.any()


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "webp", "tiff", "jpg"])
def test_kinds_of_files(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    grey = np.full((8, 8), 100, dtype=np.uint8)
    for name in ("a", "b"):
        Image.fromarray(grey).save(tmp_path / name / f"x.{suffix.upper()}")
    image = load(tmp_path, colour="grey")["train"].inputs[0]
    assert image.shape == (1, 8, 8)
    assert (image.int() - 100).abs().max() <= 2


def test_sizes_are_refused_or_brought_to_one(tmp_path: Path) -> None:
    make_folder(tmp_path)
    Image.fromarray(pixels((9, 9, 3))).save(tmp_path / "c" / "9.png")
    with pytest.raises(ConfigError, match=r"c/9.png' has 9 x 9 pixels, and others 6 x 5. Set --da"):
        load(tmp_path)
    assert not list(cache_of(tmp_path).glob("*.npy"))
    assert load(tmp_path, image_size=4)["train"].inputs.shape == (13, 3, 4, 4)


def break_files(root: Path) -> None:
    whole = (root / "c" / "0.png").read_bytes()
    (root / "c" / "empty.png").touch()
    (root / "c" / "text.png").write_text("hello")
    (root / "c" / "torn.png").write_bytes(whole[: len(whole) // 2])


def make_broken_folder(root: Path) -> None:
    make_folder(root)
    break_files(root)


def test_broken_images_are_refused_or_skipped_and_counted(tmp_path: Path) -> None:
    images = make_folder(tmp_path)
    break_files(tmp_path)
    with pytest.raises(
        ChecksumError, match=r"c/(empty|text|torn).png' is (no image|broken).*source\.broken skip"
    ):
        load(tmp_path)
    source = ImageFolder(tmp_path, broken="skip")
    for _ in range(2):  # decoded, then mapped
        with pytest.warns(MLPLabWarning, match="3 of 15 train images in .* are broken: skipped"):
            train = source.load(tmp_path, download=False)["train"]
        expected = [images[f"{name}/{n}"] for n in range(6) for name in source.class_names]
        np.testing.assert_array_equal(train.inputs, np.stack(expected))
        assert train.labels.tolist() == [0, 1] * 6
    assert len(source.notes) == 2


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ChecksumError, match="has too many pixels to be trusted"):
        load(tmp_path)


def test_nothing_is_written_beside_a_folder_that_a_file_names(tmp_path: Path) -> None:
    make_folder(tmp_path / "photos")
    source = ImageFolder(tmp_path / "photos")
    source.may_write = False
    with pytest.warns(MLPLabWarning, match="was not typed, so the images of .* are decoded anew"):
        assert "train" in source.load(tmp_path, download=True)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.warns(MLPLabWarning, match="so the images of .* are decoded anew"):
        first = load(tmp_path)["train"].inputs
    assert not cache_of(tmp_path).exists()
    monkeypatch.undo()
    assert torch.equal(load(tmp_path)["train"].inputs, first)


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="none' is not there, or no directory"):
        ImageFolder(tmp_path / "none")
    with pytest.raises(DatasetNotFoundError, match="No images in"):
        ImageFolder(tmp_path)
    make_folder(tmp_path)
    (tmp_path / "d").mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"The class folder '.*d' has no image"):
        ImageFolder(tmp_path)
    make_folder(tmp_path / "two" / "train")
    make_folder(tmp_path / "two" / "test", classes=("c", "x"))
    with pytest.raises(ChecksumError, match="test' has the class 'x', which train has not"):
        ImageFolder(tmp_path / "two")
    make_folder(tmp_path / "three" / "test")
    with pytest.raises(DatasetNotFoundError, match="three' has test but no train"):
        ImageFolder(tmp_path / "three")
    with pytest.raises(ConfigError, match="image_size is 0"):
        ImageFolder(tmp_path, image_size=0)


def test_images_outside_of_the_class_folders_are_warned_of(tmp_path: Path) -> None:
    make_folder(tmp_path)
    make_folder(tmp_path / "c", classes=("deeper",))
    with pytest.warns(MLPLabWarning, match=r"deeper' is not read: images belong right in the fol"):
        assert len(load(tmp_path)["train"]) == 12
    Image.new("RGB", (5, 6)).save(tmp_path / "loose.png")
    with pytest.warns(MLPLabWarning, match=r"loose.png' is not read, one of 2 such paths: images"):
        ImageFolder(tmp_path)


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    make_folder(tmp_path / "ein Ordner", classes=("b",))
    with pytest.raises(ConfigError, match=r"ImageFolder 'ein Ordner' has one class alone, 'b'"):
        ImageFolder(tmp_path / "ein Ordner")


def test_a_loop_of_links_is_no_image(tmp_path: Path) -> None:
    make_folder(tmp_path)
    (tmp_path / "c" / "loop.png").symlink_to(tmp_path / "c" / "loop.png")
    assert len(load(tmp_path)["train"]) == 12


def test_unlabelled_images_are_predicted(mlp_lab: CommandLine, tmp_path: Path) -> None:
    make_folder(tmp_path / "ein Ordner", num=20)
    path = ["--data.source=ImageFolder", "--data.source.path=ein Ordner"]
    words = [*path, "--data.source.image_size=6", "--trainer.max_epochs=1"]
    run_dir = mlp_lab("fit", *words).run_dir
    (tmp_path / "new" / "below").mkdir(parents=True)
    same = tmp_path / "ein Ordner" / "c" / "7.png"
    (tmp_path / "new" / "below" / "b.png").write_bytes(same.read_bytes())
    Image.fromarray(pixels((9, 9, 3))).save(tmp_path / "new" / "a.png")
    outcome = mlp_lab("predict", f"--run_dir={run_dir}", "--data.predict_dir=new")
    assert outcome.code == 0, outcome.err
    written = Path(outcome.last_line.removeprefix("predictions: "))
    assert written.parent == run_dir / "test_0"
    rows = list(csv.DictReader(written.read_text(encoding="utf-8").splitlines()))
    assert [(row["file"], row["label"]) for row in rows] == [("a.png", ""), ("below/b.png", "")]
    mlp_lab("predict", f"--run_dir={run_dir}", "--data.predict_split=all")
    table = run_dir / "test_1" / "predictions.csv"
    all_rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    labelled = next(row for row in all_rows if row["file"] == "c/7.png")
    assert labelled["label"] == "c"
    # In a batch of another size the last bits of a float32 are others.
    assert float(labelled["Ä b"]) == pytest.approx(float(rows[1]["Ä b"]), abs=5e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda new: None, "new' is not there."),
        (lambda new: new.mkdir(), "No images in data.predict_dir '/"),
        (lambda new: make_broken_folder(new), "is no image"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    mlp_lab: CommandLine, digits_run: Path, make: Callable[[Path], Any], message: str
) -> None:
    make(Path("new"))
    outcome = mlp_lab("predict", f"--run_dir={digits_run}", "--data.predict_dir=new", "--out=out")
    assert outcome.code == 2
    assert message in outcome.err


def test_a_folder_trains(mlp_lab: CommandLine, tmp_path: Path) -> None:
    make_folder(tmp_path / "bilder", num=20)
    words = ["--data.source=ImageFolder", "--data.source.path=bilder", "--trainer.max_epochs=2"]
    outcome = mlp_lab("fit", *words)
    assert outcome.code == 0, outcome.err
    data = LabDataModule(ImageFolder(Path("bilder")))
    data.prepare_data()
    data.setup("fit")
    assert data.fingerprints()["data"] in (outcome.run_dir / "manifest.json").read_text()


def test_the_directory_may_be_text(tmp_path: Path) -> None:
    make_folder(tmp_path / "photos")
    assert ImageFolder(str(tmp_path / "photos")).path == tmp_path / "photos"  # type: ignore[arg-type]  # as in many a notebook


def test_a_folder_beside_the_parts_is_named(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        make_folder(tmp_path / "photos" / part)
    with pytest.warns(
        MLPLabWarning, match="has valid beside train, test. Only train, val and test"
    ):
        assert ImageFolder(tmp_path / "photos").parts == {"train", "test"}


def test_scores_under_other_names_are_warned_of(mlp_lab: CommandLine, tmp_path: Path) -> None:
    for folder, names in (("photos", ("apple", "otter")), ("others", ("cat", "dog"))):
        make_folder(tmp_path / folder, num=20, classes=names)
    words = ["--data.source=ImageFolder", "--data.source.path=photos", "--trainer.max_epochs=1"]
    run_dir = mlp_lab("fit", *words).run_dir
    with pytest.warns(
        MLPLabWarning, match=r"Class 0 is 'cat' in the data, and 'apple' in '.*ckpt'"
    ):
        mlp_lab("test", f"--run_dir={run_dir}", "--data.source.path=others")


def test_a_model_of_an_earlier_checkpoint_is_named(mlp_lab: CommandLine, tmp_path: Path) -> None:
    make_folder(tmp_path / "photos", num=20)
    words = ["--data.source=ImageFolder", "--data.source.path=photos", "--trainer.max_epochs=1"]
    run_dir = mlp_lab("fit", *words).run_dir
    for name in ("model.pth", "MODEL_CARD.md"):
        (run_dir / name).write_text("edited")
        os.utime(run_dir / name, (0, 0))
    outcome = mlp_lab("fit", f"--run_dir={run_dir}", "--trainer.max_epochs=2")
    assert f"model.pth is of an earlier checkpoint; mlp-lab export {run_dir}" in outcome.out
    assert "MODEL_CARD.md" not in outcome.out


def test_a_prediction_that_fails_leaves_no_directory(mlp_lab: CommandLine, tmp_path: Path) -> None:
    make_folder(tmp_path / "photos", num=20)
    words = ["--data.source=ImageFolder", "--data.source.path=photos", "--trainer.max_epochs=1"]
    run_dir = mlp_lab("fit", *words).run_dir
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "broken.png").write_bytes(b"no image")
    outcome = mlp_lab("predict", f"--run_dir={run_dir}", "--data.predict_dir=new")
    assert outcome.code == 2
    assert "broken.png" in outcome.err
    assert not (run_dir / "test_0").exists()
