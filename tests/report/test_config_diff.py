import json
from pathlib import Path

from mlp_lab.report.config_diff import differing_keys, effective_settings, last_part
from mlp_lab.report.run_files import read_summary
from tests.report.helpers import write_run


def test_settings_that_cannot_change_a_result_are_left_out(tmp_path: Path) -> None:
    net = {"init_args": {"layer_norm": "none", "batch_norm": "none"}}
    run = write_run(tmp_path / "a" / "v", settings={"schedule": None, "net": net})
    settings = effective_settings(read_summary(run))
    assert settings["model.optimizer.lr"] == 0.001
    assert settings["model.net.batch_norm"] == "none"
    assert not settings.keys() & {"seed_everything", "experiment", "data.root", "model.schedule"}
    assert "model.net.layer_norm" not in settings  # the same as before there was such a setting


def test_several_processes_are_a_setting(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "v")
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"processes": 2}))
    assert effective_settings(read_summary(run))["processes"] == 2


def test_arguments_that_only_one_class_has_do_not_differ() -> None:
    adam = {"optimizer.class_path": "torch.optim.Adam", "optimizer.lr": 0.1}
    sgd = {"optimizer.class_path": "torch.optim.SGD", "optimizer.lr": 0.2, "optimizer.momentum": 0}
    assert differing_keys([adam, sgd]) == ["optimizer.class_path", "optimizer.lr"]


def test_a_class_that_only_one_setting_has_differs_and_not_its_arguments() -> None:
    task = {"model.class_path": "mlp_lab.tasks.ClassificationTask"}
    schedule = {"model.schedule.class_path": "Cosine", "model.schedule.warmup_epochs": 1}
    assert differing_keys([task, task | schedule]) == ["model.schedule.class_path"]


def test_a_setting_that_only_some_have_differs() -> None:
    assert differing_keys([{"a": 1}, {"a": 1, "b": 2}]) == ["b"]
    assert differing_keys([{"a": 1}, {"a": 1}]) == []
    assert differing_keys([]) == []


def test_a_class_path_is_named_by_what_it_is_for() -> None:
    assert last_part("model.optimizer.class_path") == "optimizer"
    assert last_part("model.optimizer.lr") == "lr"
    assert last_part("seed_everything") == "seed_everything"
