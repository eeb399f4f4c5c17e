"""Configurations that somebody else wrote: each tries to run code, or to write outside a run."""

import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

Config = dict[str, Any]

# Packages whose every class a configuration of version 0.1 could name.
PACKAGES = ("mlp_lab", "torch", "torchvision", "torchmetrics", "lightning")
# What runs code, writes or deletes, wherever it is reached from.
DANGEROUS: dict[str | None, set[str]] = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput"},
    "os": {"popen", "makedirs", "removedirs", "execv", "spawnv"},
    "posix": {"system", "mkdir", "open", "remove", "rename", "unlink", "execv"},
    "builtins": {"exec", "eval", "compile", "__import__", "breakpoint"},
    "_io": {"open", "FileIO"},
    "shutil": {"rmtree", "copytree", "move"},
    "pathlib": {"Path", "PosixPath"},
    "torch.hub": {"load", "load_state_dict_from_url"},
    "torch.serialization": {"load", "save"},
    "lightning.pytorch.profilers.simple": {"SimpleProfiler"},
    "lightning.pytorch.profilers.advanced": {"AdvancedProfiler"},
}
SLOTS = (
    *("model", "net", "loss", "optimizer", "schedule", "source", "augment", "callbacks", "logger"),
    *("strategy", "plugins", "profiler", "accelerator"),
)
# Where an object was built deep inside the arguments of a class that is known.
NESTED: tuple[tuple[str, str, str], ...] = (
    ("strategy", "lightning.pytorch.strategies.DDPStrategy", "ddp_comm_state"),
    ("strategy", "lightning.pytorch.strategies.FSDPStrategy", "policy"),
    ("callbacks", "lightning.pytorch.callbacks.RichProgressBar", "console_kwargs"),
    ("callbacks", "lightning.pytorch.callbacks.LambdaCallback", "setup"),
    ("callbacks", "lightning.pytorch.callbacks.EarlyStopping", "monitor"),
    ("callbacks", "lightning.pytorch.callbacks.ThroughputMonitor", "batch_size_fn"),
    ("optimizer", "torch.optim.Optimizer", "defaults"),
    ("optimizer", "torch.optim.SGD", "lr"),
    ("optimizer", "torch.optim.Muon", "adjust_lr_fn"),
    ("loss", "torch.nn.CrossEntropyLoss", "weight"),
    ("loss", "torch.nn.TripletMarginWithDistanceLoss", "distance_function"),
    ("logger", "lightning.pytorch.loggers.TensorBoardLogger", "save_dir"),
    ("logger", "mlp_lab.loggers.MLflowTracker", "tracking_uri"),
    ("profiler", "lightning.pytorch.profilers.PyTorchProfiler", "on_trace_ready"),
    ("plugins", "lightning.pytorch.plugins.TorchCheckpointIO", "anything"),
    ("net", "mlp_lab.nets.MLP", "activation"),
    ("source", "mlp_lab.data.TensorFile", "path"),
)


class MakesDirectory:
    """What an attacker would hide in a file: it makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def callables(depth: int = 5) -> list[tuple[str, Any]]:
    """List every callable that an attribute walk reaches, once for each module that holds it."""
    found: list[tuple[str, Any]] = []
    walk: list[tuple[str, ModuleType, int]] = [(name, sys.modules[name], 0) for name in PACKAGES]
    seen = {id(module) for _, module, _ in walk}
    for path, module, length in walk:
        for name, value in list(vars(module).items()):
            # Of the type: some objects warn when their class is read.
            if issubclass(type(value), ModuleType):
                if id(value) not in seen and length < depth:
                    seen.add(id(value))
                    walk.append((f"{path}.{name}", value, length + 1))
            elif issubclass(type(value), (type, FunctionType, BuiltinFunctionType)):
                found.append((f"{path}.{name}", value))
    return found


def dangerous(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Pick what runs code, writes or deletes, whatever it is called where it is reached."""
    return [
        (path, value)
        for path, value in found
        if getattr(value, "__name__", None) in DANGEROUS.get(getattr(value, "__module__", None), ())
    ]


def arguments(name: str, canary: Path) -> Config:
    """What makes a function leave a trace, by what it is called."""
    touch = ["touch", str(canary)]
    match name:
        case "Popen" | "run" | "call" | "check_call" | "check_output" | "getoutput":
            return {"args": touch} if name != "getoutput" else {"cmd": " ".join(touch)}
        case "system":
            return {"command": " ".join(touch)}
        case "popen":
            return {"cmd": " ".join(touch)}
        case "exec" | "eval" | "compile":
            return {"source": f"open({str(canary)!r}, 'w')"}
        case "open" | "FileIO":
            return {"file": str(canary), "mode": "w"}
        case "makedirs":
            return {"name": str(canary)}
        case "SimpleProfiler" | "AdvancedProfiler":
            return {"dirpath": str(canary), "filename": "x"}
        case "load":
            (canary.parent / "hubconf.py").write_text(f"open({str(canary)!r}, 'w')\n")
            return {"repo_or_dir": str(canary.parent), "model": "x", "source": "local"}
    return {"path": str(canary)}


def configurations(canary: Path, base: Config, seed: int) -> Iterator[Config]:
    """Yield hostile forms of a configuration without end."""
    rng = random.Random(seed)
    found = callables()
    by_name: dict[str, list[tuple[str, Any]]] = {}
    for path, value in dangerous(found):
        by_name.setdefault(value.__name__, []).append((path, value))
    while True:
        worst = by_name[rng.choice(sorted(by_name))]  # each as often, wherever it is reached from
        path, value = rng.choice(worst if rng.random() < 0.8 else found)
        given = arguments(getattr(value, "__name__", ""), canary)
        spec: Any = {"class_path": path, "init_args": given}
        form = rng.choice(("spec", "spec", "spec", "path", "text", "list", "dict_kwargs"))
        spec = {
            "spec": spec,
            "path": path,
            "text": json.dumps(spec),
            "list": [spec],
            "dict_kwargs": {"class_path": path, "dict_kwargs": given},
        }[form]
        config = json.loads(json.dumps(base))
        if rng.random() < 0.6:
            slot, outer, name = rng.choice(NESTED)
            inner = {"file": spec} if name == "console_kwargs" else spec
            put(config, slot, {"class_path": outer, "init_args": {name: inner}})
        else:
            put(config, rng.choice(SLOTS), spec)
        yield config


def put(config: Config, slot: str, value: Any) -> None:
    """Set what a slot names."""
    if slot == "model":
        config["model"] = value
    elif slot in ("net", "loss", "optimizer", "schedule"):
        config["model"]["init_args"][slot] = value
    elif slot == "source":
        config["data"]["source"] = value
    elif slot == "augment":
        config["data"]["augment"] = [value]
    elif slot == "callbacks":
        config["trainer"]["callbacks"] = [value]
    else:
        config["trainer"][slot] = value
