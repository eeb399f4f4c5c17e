"""Who may import whom: a house of floors, of which each knows those below it alone."""

import ast
from pathlib import Path

import pytest

import mlp_lab

PACKAGE = Path(mlp_lab.__file__).parent

# From the ground up. What stands on one line may not know its neighbours either.
FLOORS = [
    ["errors", "settings", "seeding"],
    ["files", "processes", "tables"],
    ["runs", "images", "evaluation", "nets"],
    ["plots", "data", "inference", "run"],
    ["loggers", "report", "scratch", "tasks"],
    ["export", "sweep", "serve"],
    ["callbacks"],
    ["training"],
    ["cli"],
    ["interface"],
    ["sklearn"],
]
FLOOR_OF = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}


def module_name(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")


def imports_of(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mlp_lab":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.removeprefix("mlp_lab.") if is_own(node.module) else "")
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("mlp_lab.") for a in node.names if is_own(a.name)}
    return found - {"", "__version__"}


def is_own(module: str) -> bool:
    return module.startswith("mlp_lab.")


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "template" not in path.parts)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_from_the_floors_below_alone(path: Path) -> None:
    room = module_name(path).partition(".")[0]
    if room.startswith("__"):
        return  # the package itself, and python -m mlp_lab
    for module in imports_of(path):
        other = module.partition(".")[0]
        if other != room:
            assert FLOOR_OF[other] < FLOOR_OF[room], f"{room} must not import {module}"


def test_every_room_has_its_floor() -> None:
    rooms = {module_name(path).partition(".")[0] for path in MODULES}
    assert {room for room in rooms if not room.startswith("__")} == FLOOR_OF.keys()


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import torch\nimport mlp_lab.runs.run\nfrom mlp_lab import callbacks as lab, __version__\n"
        "def f():\n    from mlp_lab.cli.main import main\n"
    )
    assert imports_of(path) == {"runs.run", "callbacks", "cli.main"}
