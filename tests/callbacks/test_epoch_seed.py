"""What an epoch draws depends on seed, epoch and process, and on nothing drawn before."""

import pytest
import torch

from mlp_lab.callbacks import EpochSeed
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer


def draw(monkeypatch: pytest.MonkeyPatch, seed: int = 0, epoch: int = 0, rank: int = 0) -> float:
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    trainer = fake_trainer(current_epoch=epoch, global_rank=rank)
    EpochSeed().on_train_epoch_start(trainer, ClassificationTask((2,), 2))
    return float(torch.rand(()))


def test_an_epoch_draws_the_same_whatever_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    first = draw(monkeypatch, epoch=3)
    torch.rand(17)
    assert draw(monkeypatch, epoch=3) == first


def test_each_seed_epoch_and_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)]
    assert len({draw(monkeypatch, *place) for place in places}) == len(places)
