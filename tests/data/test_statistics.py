import numpy as np
import pytest
import torch

from mlp_lab.data.statistics import (
    channel_mean_std,
    class_weights,
    in_chunks,
    mean_std_of,
    sha256,
)
from mlp_lab.errors import EmptyClassError


@pytest.mark.parametrize("shape", [(20_000, 1, 5, 4), (500, 3, 7, 6)])
def test_mean_std_of_images_equal_numpys(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    indices = torch.randperm(len(images))[: len(images) // 2]
    mean, std = channel_mean_std(images, indices)
    scaled = images[indices].numpy().astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean((0, 2, 3)), rtol=0, atol=1e-6)
    np.testing.assert_allclose(std, scaled.std((0, 2, 3)), rtol=0, atol=1e-6)


def test_mean_std_of_features_equal_numpys() -> None:
    inputs = torch.randn(300, 2, generator=torch.Generator().manual_seed(0)) * 3 + 1
    indices = torch.arange(0, 300, 2)
    mean, std = channel_mean_std(inputs, indices)
    np.testing.assert_allclose(mean, inputs[::2].double().mean(0), atol=1e-6)
    np.testing.assert_allclose(std, inputs[::2].double().numpy().std(0), atol=1e-6)


def test_mean_std_over_uneven_chunks_equal_those_of_the_whole() -> None:
    inputs = torch.randn(101, 3, 2, generator=torch.Generator().manual_seed(0)) * 2 + 50
    mean, std = mean_std_of(torch.split(inputs, [1, 64, 36]))
    values = inputs.double().numpy()
    np.testing.assert_allclose(mean, values.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, values.std((0, 2)), rtol=1e-12)


def test_chunks_bound_their_values_and_keep_every_index() -> None:
    indices = torch.arange(10).flip(0)
    chunks = in_chunks(indices, (2**9, 2**9))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert torch.equal(torch.cat(list(chunks)), indices)
    assert [len(chunk) for chunk in in_chunks(indices, (2**11, 2**10))] == [1] * 10


def test_weights_average_to_one_over_the_samples() -> None:
    labels = torch.tensor([0] * 90 + [1] * 9 + [2])
    weights = class_weights(labels, 3)
    assert weights[labels].mean().item() == pytest.approx(1)
    assert weights.tolist() == pytest.approx([100 / 270, 100 / 27, 100 / 3])


def test_weights_refuse_an_empty_class() -> None:
    with pytest.raises(EmptyClassError, match="class 1 has no training sample"):
        class_weights(torch.tensor([0, 0, 2]), 3)


def test_hash_tells_content_shape_and_type_apart() -> None:
    tensor = torch.arange(6, dtype=torch.uint8)
    hashes = {sha256(tensor), sha256(tensor.view(2, 3)), sha256(tensor.char()), sha256(tensor + 1)}
    assert len(hashes) == 4
    assert sha256(tensor) == sha256(tensor.clone())
