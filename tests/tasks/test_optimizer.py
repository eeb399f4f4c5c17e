from functools import partial

import pytest
import torch
from torch import nn

from mlp_lab.errors import ConfigError
from mlp_lab.tasks.optimizer import OptimizerFactory, make_optimizer
from tests.conftest import CommandLine
from tests.helpers.slow import some_slow


def make_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.Linear(4, 2))


def test_weight_decay_leaves_out_biases_and_norms() -> None:
    net = make_net()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimizer = make_optimizer(partial(torch.optim.SGD, lr=0.5, weight_decay=0.1), net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in net.named_parameters():
        kept = 0.95 if name in ("0.weight", "3.weight") else 1.0
        assert torch.allclose(parameter, kept * before[name]), name


def test_weight_decay_on_all_is_pytorchs_own() -> None:
    net = make_net()
    factory = partial(torch.optim.AdamW, weight_decay=0.1)
    optimizer = make_optimizer(factory, net.parameters(), decayed="all")
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1]


def test_without_weight_decay_there_is_one_group() -> None:
    net = make_net()
    groups = make_optimizer(torch.optim.Adam, net.parameters()).param_groups
    assert [len(group["params"]) for group in groups] == [len(list(net.parameters()))]


@pytest.mark.parametrize(
    ("factory", "fused"),
    [
        (torch.optim.Adam, True),
        (torch.optim.AdamW, True),
        (torch.optim.SGD, True),
        (torch.optim.Adagrad, True),
        (partial(torch.optim.Adam, fused=False), False),
        (partial(torch.optim.Adam, foreach=True), None),
        (partial(torch.optim.Adam, differentiable=True), None),
    ],
)
def test_fused_where_the_device_has_it(factory: OptimizerFactory, fused: bool | None) -> None:
    optimizer = make_optimizer(factory, make_net().parameters())
    assert {group["fused"] for group in optimizer.param_groups} == {fused}
    optimizer = make_optimizer(factory, make_net().parameters(), may_fuse=False)
    assert optimizer.defaults["fused"] == (None if fused is True else fused)


def test_others_have_no_fused_argument() -> None:
    optimizer = make_optimizer(torch.optim.RMSprop, make_net().parameters())
    assert "fused" not in optimizer.defaults


def test_frozen_parameters_are_left_out() -> None:
    net = make_net()
    next(net.parameters()).requires_grad_(False)
    groups = make_optimizer(torch.optim.Adam, net.parameters()).param_groups
    assert len(groups[0]["params"]) == len(list(net.parameters())) - 1


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (partial(torch.optim.SGD, nesterov=True), "Nesterov momentum requires a momentum"),
        (torch.optim.Muon, "Muon only supports 2D parameters"),
        (torch.optim.SparseAdam, "SparseAdam is for sparse gradients; try Adam."),
        (partial(torch.optim.Adam, fused=True, foreach=True), "cannot be `True` together"),
    ],
)
def test_what_cannot_work_is_refused(factory: OptimizerFactory, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_optimizer(factory, make_net().parameters())


NAMES = [
    *("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"),
    *("Adafactor", "Adadelta", "Adamax", "ASGD", "LBFGS", "RAdam", "Rprop"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_optimiser_of_torch_lowers_a_loss(name: str) -> None:
    net = make_net()
    optimizer = make_optimizer(partial(getattr(torch.optim, name), lr=0.001), net.parameters())
    inputs = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))

    def step() -> float:
        optimizer.zero_grad()
        loss = net(inputs).square().mean()
        loss.backward()
        return float(loss.detach())

    losses = [optimizer.step(step) for _ in range(5)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", some_slow(NAMES, ["Adam", "LBFGS"]))
def test_any_optimiser_of_torch_trains(mlp_lab: CommandLine, name: str) -> None:
    words = ["--data.source=Digits", "--trainer.max_epochs=1", "--trainer.limit_train_batches=2"]
    outcome = mlp_lab("fit", *words, f"--model.optimizer={name}", "--model.optimizer.lr=0.001")
    assert outcome.code == 0, outcome.err
