"""Configurations that somebody else wrote: each tries to run code, or to write outside a run."""

import json
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


def callables(depth: int = 5) -> list[tuple[str, Any]]:
    """List every callable that an attribute walk reaches, once for each module that holds it."""
    found: list[tuple[str, Any]] = []
    walk: list[tuple[str, ModuleType, int]] = [(name, sys.modules[name], 0) for name in PACKAGES]
    seen = {id(module) for _, module, _ in walk}
    for path, module, length in walk:
        for name, value in list(vars(module).items()):
            # Of the type: some objects warn when their class is asked for.
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


def arguments(canary: Path) -> list[Config]:
    """What makes one function or another leave a trace."""
    return [
        {"args": ["touch", str(canary)]},
        {"command": f"touch {canary}"},
        {"cmd": f"touch {canary}"},
        {"file": str(canary), "mode": "w"},
        {"source": f"open({str(canary)!r}, 'w')"},
        {"dirpath": str(canary.parent / "canaries"), "filename": "canary"},
        {"path": str(canary), "mode": 511},
        {"name": str(canary)},
    ]


def configurations(canary: Path, base: Config, seed: int) -> Iterator[Config]:
    """Yield hostile forms of a configuration without end."""
    rng = random.Random(seed)
    found = callables()
    worst = dangerous(found)
    traces = arguments(canary)
    while True:
        path, _ = rng.choice(worst if rng.random() < 0.7 else found)
        spec: Any = {"class_path": path, "init_args": rng.choice(traces)}
        form = rng.choice(("spec", "spec", "spec", "path", "text", "list", "dict_kwargs"))
        spec = {
            "spec": spec,
            "path": path,
            "text": json.dumps(spec),
            "list": [spec],
            "dict_kwargs": {"class_path": path, "dict_kwargs": spec["init_args"]},
        }[form]
        config = json.loads(json.dumps(base))
        if rng.random() < 0.5:
            slot, outer, name = rng.choice(NESTED)
            value = {"class_path": outer, "init_args": {name: rng.choice((spec, {"file": spec}))}}
            put(config, slot, value)
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
