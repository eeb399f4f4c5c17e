"""Every image in its own way, as torchvision would change it alone, and the same when repeated."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from mlp_lab.data import (
    Affine,
    Augmentation,
    CutMix,
    Elastic,
    Erasing,
    HorizontalFlip,
    Mixup,
    PadCrop,
)
from mlp_lab.errors import ConfigError
from mlp_lab.runs.metrics_csv import read_rows
from mlp_lab.seeding import generator
from tests.conftest import CommandLine
from tests.helpers.training import assert_same_training, killed_at_step

ALL: list[Augmentation] = [
    PadCrop(3),
    HorizontalFlip(),
    Affine(20, 0.2, 0.2, 10),
    Elastic(),
    Erasing(),
    Mixup(),
    CutMix(),
]
IDS = [type(a).__name__ for a in ALL]


def make_images(num: int = 16, channels: int = 3, height: int = 12, width: int = 10) -> Tensor:
    shape = (num, channels, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(5))


def shift(image: Tensor, top: int, left: int, padding: int) -> Tensor:
    padded: Tensor = V.pad(image, [padding] * 4)
    moved: Tensor = V.crop(padded, top, left, *image.shape[1:])
    return moved


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("augmentation", ALL, ids=IDS)
class TestContract:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_shape_and_type_stay_and_the_images_are_left_alone(
        self, augmentation: Augmentation, dtype: torch.dtype, channels: int
    ) -> None:
        images = make_images(channels=channels).to(dtype)
        before = images.clone()
        changed = augmentation(images, generator(0))
        assert changed.shape == images.shape
        assert changed.dtype == dtype
        assert torch.equal(images, before)
        assert changed.min() >= 0
        assert changed.max() <= 255

    def test_each_image_gets_its_own_draw(
        self, augmentation: Augmentation, dtype: torch.dtype
    ) -> None:
        images = make_images(1).to(dtype).expand(64, -1, -1, -1)
        if isinstance(augmentation, Mixup):  # partners must differ to be seen
            images = torch.cat([images[:32], 255 - images[32:]])
        changed = augmentation(images, generator(0))
        assert len({tuple(image.flatten().tolist()) for image in changed}) > 1

    def test_the_same_seed_draws_the_same(
        self, augmentation: Augmentation, dtype: torch.dtype
    ) -> None:
        images = make_images().to(dtype)
        first, again, other = (augmentation(images, generator(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_the_global_generator_is_not_touched(
        self, augmentation: Augmentation, dtype: torch.dtype
    ) -> None:
        before = torch.get_rng_state()
        augmentation(make_images().to(dtype), generator(0))
        assert torch.equal(torch.get_rng_state(), before)


def test_pad_crop_reaches_every_shift_and_no_other() -> None:
    image = make_images(1)
    shifts = [shift(image[0], top, left, 1) for top in range(3) for left in range(3)]
    counts = [0] * 9
    for changed in PadCrop(1)(image.expand(400, -1, -1, -1), generator(0)):
        (which,) = [n for n, expected in enumerate(shifts) if torch.equal(changed, expected)]
        counts[which] += 1
    assert min(counts) > 20


def test_flip_is_torchvisions_for_its_share_of_the_images() -> None:
    images = make_images(400)
    changed = HorizontalFlip(0.25)(images, generator(0))
    flipped = [torch.equal(a, V.horizontal_flip(b)) for a, b in zip(changed, images, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(changed, images, strict=True)]
    assert [a != b for a, b in zip(flipped, kept, strict=True)] == [True] * 400
    assert sum(flipped) == pytest.approx(100, abs=30)
    assert torch.equal(HorizontalFlip(0.0)(images, generator(0)), images)


def test_affine_stays_within_its_ranges() -> None:
    still = Affine(degrees=0, translate=0, scale=0, shear=0)
    images = make_images()
    assert torch.equal(still(images, generator(0)), images)


def test_erasing_blackens_one_rectangle_in_its_share() -> None:
    white = torch.full((300, 1, 20, 20), 255, dtype=torch.uint8)
    changed = Erasing(probability=0.5, max_area=0.25)(white, generator(0))
    erased = 0
    for image in changed[:, 0]:
        rows, columns = (image == 0).nonzero(as_tuple=True)
        if len(rows):
            height = int(rows.max() - rows.min()) + 1
            width = int(columns.max() - columns.min()) + 1
            assert height * width == len(rows) <= 100
            erased += 1
    assert erased == pytest.approx(150, abs=35)


@pytest.mark.parametrize("augmentation", [Mixup(1.0), CutMix(1.0)])
def test_labels_are_mixed_as_images_are(augmentation: Mixup) -> None:
    labels = torch.arange(64) % 4
    images = (labels * 80).to(torch.float32)[:, None, None, None].expand(-1, 1, 8, 8)
    mixed, targets = augmentation.apply((images, labels), 4, generator(0))
    assert torch.allclose(targets.sum(1), torch.ones(64))
    expected = (targets * torch.arange(4) * 80).sum(1)
    assert torch.allclose(mixed.mean((1, 2, 3)), expected, atol=1e-3)
    assert ((targets > 0.01).sum(1) == 2).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PadCrop(0), "padding of PadCrop is 0"),
        (lambda: HorizontalFlip(1.5), "probability of HorizontalFlip is 1.5"),
        (lambda: Affine(degrees=-1), "degrees of Affine is -1"),
        (lambda: Affine(scale=1), "scale of Affine is 1"),
        (lambda: Elastic(alpha=0), "alpha of Elastic is 0"),
        (lambda: Erasing(max_area=0), "max_area of Erasing is 0"),
        (lambda: CutMix(0), "alpha of CutMix is 0"),
    ],
)
def test_impossible_arguments_are_refused(make: type, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


AUGMENT = (
    "data: {augment: [{class_path: PadCrop}, {class_path: Affine}, {class_path: Elastic}, "
    "{class_path: Mixup}]}"
)
FIT = ["fit", "--data.source=Digits", "--config=augment.yaml", "--trainer.max_epochs=3"]


@pytest.fixture
def augmented(mlp_lab: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "augment.yaml").write_text(AUGMENT)
    return mlp_lab


def test_a_stopped_run_goes_on_bit_by_bit(augmented: CommandLine) -> None:
    whole = augmented(*FIT)
    assert whole.code == 0, whole.err
    with killed_at_step(15):
        augmented(*FIT)
    killed = whole.run_dir.parent / "version_1"
    assert augmented("fit", f"--run_dir={killed}").code == 0
    assert_same_training(whole.run_dir, killed)


def test_several_steps_as_one_draw_the_same(augmented: CommandLine) -> None:
    runs = [augmented(*FIT, f"--data.steps_per_execution={n}").run_dir for n in (1, 5)]
    assert (runs[0] / "metrics.csv").read_bytes() == (runs[1] / "metrics.csv").read_bytes()


def test_validation_is_never_touched_and_the_order_stays(augmented: CommandLine) -> None:
    """A net that does not learn scores the same: only training images are changed."""
    still = ["--model.optimizer=SGD", "--model.optimizer.lr=0.0"]
    changed = augmented(*FIT, *still).run_dir
    plain = augmented(*FIT[:2], *FIT[3:], *still).run_dir
    first, second = (read_rows(run / "metrics.csv") for run in (changed, plain))
    for with_it, without in zip(first, second, strict=True):
        assert with_it["val/loss"] == without["val/loss"]
        assert (with_it["train/loss"] == without["train/loss"]) == (with_it["train/loss"] == "")


def test_points_are_no_images(augmented: CommandLine) -> None:
    outcome = augmented("fit", "--data.source=XOR", "--config=augment.yaml")
    assert outcome.code == 2
    assert "data.augment is for images, and XOR has inputs of shape (2,)" in outcome.err


def test_the_overfit_check_sees_the_images_as_they_are(augmented: CommandLine) -> None:
    words = ["--config=augment.yaml", "--trainer.overfit_batches=1"]
    outcome = augmented("fit", "--data.source=Digits", *words)
    assert outcome.last_line.startswith("overfit check passed")
