"""What a sweep's file may say of a search, and the sentence for each thing that it may not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlp_lab.errors import ConfigError
from mlp_lab.sweep.grid import read_grid
from mlp_lab.sweep.search_space import Part, Range, Search, read_search


def read(text: str, trials: int | None = None, **chosen: list[str]) -> Search | None:
    content: dict[str, Any] = yaml.safe_load(text)
    return read_search(content, chosen, trials)


def test_a_search_has_choices_and_ranges() -> None:
    text = """
search:
  model.optimizer.lr: {low: 1.0e-5, high: 0.1, log: true}
  model.net.dropout: {low: 0.0, high: 0.5, step: 0.1}
  data.batch_size: {low: 16, high: 64, step: 16}
  model.net.hidden_dims: [[50], [200, 100]]
trials: 60
sampler: RandomSampler
pruner:
  class_path: optuna.pruners.PatientPruner
  init_args:
    patience: 2
    wrapped_pruner: {class_path: optuna.pruners.MedianPruner, init_args: {n_warmup_steps: 2}}
"""
    search = read(text, activation=["ReLU", "GELU"])
    assert search == Search(
        {"activation": ["ReLU", "GELU"], "model.net.hidden_dims": ["[50]", "[200, 100]"]},
        {
            "model.optimizer.lr": Range(1e-5, 0.1, log=True),
            "model.net.dropout": Range(0.0, 0.5, step=0.1),
            "data.batch_size": Range(16, 64, step=16),
        },
        60,
        Part("RandomSampler", {}),
        Part(
            "PatientPruner",
            {"patience": 2, "wrapped_pruner": Part("MedianPruner", {"n_warmup_steps": 2})},
        ),
    )
    assert [entry.is_whole for entry in search.ranges.values()] == [False, False, True]
    assert search.corners()["model.optimizer.lr"] == ["1.0e-05", "0.1"]


def test_what_is_typed_wins() -> None:
    search = read("{search: {a: [1]}, trials: 60}", trials=5)
    assert search is not None
    assert search.trials == 5
    search = read("{search: {a: [1]}}", trials=5)
    assert search is not None
    assert search.trials == 5


def test_a_grid_is_no_search(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("set: {a: [1]}")
    assert read_search(read_grid(tmp_path / "grid.yaml"), {}, None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{search: {}, trials: 1}", r"search is \{\}; write settings with their ranges"),
        ("{search: [a], trials: 1}", r"search is \['a'\]; write settings with their ranges"),
        ("{search: {a: [1]}}", "search needs trials, .* write --trials 60"),
        ("{search: {a: [1]}, trials: 0}", "trials is 0; it must be a whole number, at least 1"),
        ("{search: {a: [1]}, trials: many}", "trials is 'many'; it must be a whole number"),
        ("{search: {a: [1]}, trials: true}", "trials is True; it must be a whole number"),
        ("{trials: 3}", "trials is for a search; the sweep's file has no search"),
        ("{pruner: NopPruner}", "pruner is for a search"),
        ("{search: {a: []}, trials: 1}", "search a is an empty list"),
        ("{search: {set_before: [1]}, trials: 1}", "set_before stands in set and in search"),
        ("{search: {seed_everything: [1]}, trials: 1}", "seed_everything cannot be varied here"),
        ("{search: {a: 1}, trials: 1}", r"search a is 1; write a list, or \{low: LOWEST"),
        ("{search: {a: {low: 1}}, trials: 1}", r"search a is \{'low': 1\}; write a list, or"),
        (
            "{search: {a: {low: 1, high: 2, logg: true}}, trials: 1}",
            "search a has no 'logg'. Did you mean 'log'",
        ),
        ("{search: {a: {low: 1, high: 2, log: 3}}, trials: 1}", "search a: log is 3; it must be t"),
        (
            "{search: {a: {low: 1e-5, high: 2}}, trials: 1}",
            r"search a: low is '1e-5'; it must be a number. In YAML a number needs a point",
        ),
        ("{search: {a: {low: .nan, high: 2}}, trials: 1}", "search a: low is nan; it must be a nu"),
        ("{search: {a: {low: true, high: 2}}, trials: 1}", "search a: low is True; it must be a n"),
        ("{search: {a: {low: 2, high: 2}}, trials: 1}", "search a is empty: low 2 is not below hi"),
        (
            "{search: {a: {low: 0.0, high: 2, log: true}}, trials: 1}",
            "search a: low is 0.0; with log it must be above 0",
        ),
        (
            "{search: {a: {low: 1, high: 2, log: true, step: 1}}, trials: 1}",
            "search a has both log and step",
        ),
        (
            "{search: {a: {low: 1, high: 2, step: 3}}, trials: 1}",
            "search a: step is 3; it must fit between low and high",
        ),
        (
            "{search: {a: {low: 1, high: 2, step: 0.5}}, trials: 1}",
            "search a: step is 0.5; of whole numbers it must be whole",
        ),
        (
            "{search: {a: [1]}, trials: 1, sampler: os.system}",
            "sampler is 'os.system'; it must be a class of optuna.samplers",
        ),
        (
            "{search: {a: [1]}, trials: 1, pruner: optuna.samplers.TPESampler}",
            "pruner is 'optuna.samplers.TPESampler'; it must be a class of optuna.pruners",
        ),
        (
            "{search: {a: [1]}, trials: 1, pruner: {class: NopPruner}}",
            "write class_path: optuna.pruners.NAME, and init_args below it",
        ),
        (
            "{search: {a: [1]}, trials: 1, pruner: {class_path: NopPruner, init_args: 3}}",
            "pruner: init_args is 3; write NAME: VALUE",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(text, set_before=["1"])
