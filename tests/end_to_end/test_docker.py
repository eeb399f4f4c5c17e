"""The image's recipe: what it copies is there, what it fetches is locked, and it may do little."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlp_lab.cli.commands.sweep import make_parser

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_it_copies_what_is_there_and_let_in() -> None:
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY ((?!--from).+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert "requirements.txt" in names
    for name in names:
        assert (ROOT / name).exists()
        assert f"!{name}" in let_in


def test_everything_that_is_fetched_is_locked() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert len({*bases}) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases[0])
    installs = re.findall(r"pip (?:install|wheel) ([^\n&]+)", DOCKERFILE)
    assert len(installs) == 4
    assert all("--no-deps" in words for words in installs)
    fetches = [w for w in installs if "--no-index" not in w and "--no-build-isolation" not in w]
    assert all("--require-hashes" in words for words in fetches)
    assert "apt-get" not in DOCKERFILE


def test_nothing_of_the_build_is_left() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[1]
    assert re.findall(r"^COPY .*", last_stage, re.MULTILINE) == [
        "COPY --from=build /opt/venv /opt/venv"
    ]
    assert "pip" not in last_stage


@pytest.mark.parametrize("name", ["mlp-lab", "mlp-lab-cpu", "tensorboard"])
def test_a_service_may_write_data_runs_and_tmp_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["build"] == "."
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    writable = [v.split(":")[0] for v in service["volumes"] if not v.endswith(":ro")]
    assert writable == ["./data", "./runs"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ipc" not in service
    assert service["shm_size"]
    assert ("deploy" in service) == (name == "mlp-lab")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_workers_of_a_sweep_run_the_command_on_a_database_of_their_own() -> None:
    text = (ROOT / "docker-compose.sweep.yml").read_text()
    services = yaml.safe_load(text)["services"]
    worker, database = services["worker"], services["database"]
    assert worker["extends"] == {"file": "docker-compose.yml", "service": "mlp-lab-cpu"}
    assert worker["deploy"]["replicas"] == 2
    words, _ = make_parser().parse_known_args(worker["command"][1:])
    assert (worker["command"][0], words.grid) == ("sweep", Path("configs/sweep/kmnist_search.yaml"))
    assert (
        words.storage
        == f"postgresql+psycopg://{database['environment']['POSTGRES_USER']}@database/lab"
    )
    assert "psycopg==" in (ROOT / "requirements.txt").read_text()  # the image has the extra
    password = worker["environment"]["PGPASSWORD"]
    assert password == database["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${SWEEP_PASSWORD:?")  # none stands in a file
    assert "ports" not in database
