import pytest
import torch

from mlp_lab.callbacks import Pruning
from mlp_lab.tasks import ClassificationTask
from tests.helpers.training import fake_trainer


@pytest.mark.parametrize(
    ("epoch", "settings", "pruned_after"),
    [
        (1, {}, 2),
        (2, {}, None),  # there is nothing left to spare
        (1, {"should_stop": True}, None),
    ],
)
def test_a_training_is_given_up_where_something_is_left_of_it(
    epoch: int, settings: dict[str, bool], pruned_after: int | None
) -> None:
    asked: list[tuple[int, float]] = []

    def should_prune(number: int, score: float) -> bool:
        asked.append((number, score))
        return True

    task = ClassificationTask(input_shape=(2,), num_classes=2)
    trainer = fake_trainer(
        current_epoch=epoch,
        callback_metrics={"val/acc": torch.tensor(0.5)},
        sanity_checking=False,
        **{"should_stop": False, **settings},
    )
    callback = Pruning(should_prune)
    callback.on_train_epoch_end(trainer, task)
    assert asked == []  # an epoch that was not validated
    callback.on_validation_end(trainer, task)
    callback.on_train_epoch_end(trainer, task)
    callback.on_train_epoch_end(trainer, task)
    assert asked == [(epoch, 0.5)]
    assert callback.pruned_after == pruned_after
    assert trainer.should_stop is bool(pruned_after or settings)
