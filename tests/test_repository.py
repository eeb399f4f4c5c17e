"""What surrounds the package says what holds, and what runs by itself may do little."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_alone_and_runs_what_was_reviewed(path: Path) -> None:
    workflow, text = read_yaml(path), path.read_text()
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert "pull_request_target" not in text
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 90
        assert not job["runs-on"].endswith("latest")
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    checkouts = [
        step
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_continuous_integration_runs_what_a_contributor_can_run() -> None:
    workflow = read_yaml(ROOT / ".github" / "workflows" / "ci.yml")
    assert {*workflow[True]} == {"push", "pull_request"}  # YAML takes "on" for a truth value
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    supported = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: 3." in c}
    assert {*job["strategy"]["matrix"]["python"]} <= supported


def test_the_citation_is_that_of_this_version() -> None:
    citation = read_yaml(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"authors", "cff-version", "message", "title"} <= citation.keys()  # what it must have
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert citation["abstract"] == PROJECT["description"]
    assert ("repository-code" in citation) == ("urls" in PROJECT)
    (author,) = citation["authors"]
    assert f"Copyright (c) 2026 {author['name']}\n" in (ROOT / "LICENSE").read_text()
    released = f"## {citation['version']} - {citation['date-released']}\n"
    assert released in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_for_what_is_needed(path: Path) -> None:
    form = read_yaml(path)
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"]]
    assert len({*ids}) == len(ids)
    assert {field["type"] for field in form["body"]} <= {"textarea", "input"}
    assert all(field["attributes"]["label"] for field in form["body"])
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_the_dev_container_is_set_up_as_any_machine() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    name, _, tag = container["image"].partition(":")
    assert name == "mcr.microsoft.com/devcontainers/python"
    version = re.fullmatch(r"\d+-(3\.\d+)-\w+", tag)
    assert version
    base = re.search(r"^FROM python:(3\.\d+)\.", (ROOT / "Dockerfile").read_text())
    assert base
    assert version[1] == base[1]
    assert container["postCreateCommand"] == "make setup"
    settings = container["customizations"]["vscode"]["settings"]
    interpreter = settings["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"


def test_the_guide_names_files_that_are_there() -> None:
    """Of each path in CONTRIBUTING, but for placeholders."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = {
        path
        for path in re.findall(r"`([\w./]+)`", text)
        if path.startswith(("mlp_lab/", "tests/", "tools/", ".ci", ".github", ".devcontainer"))
    }
    assert len(paths) > 30
    assert not [path for path in paths if not (ROOT / path).exists()]
    for name, path in (
        ("SOURCES", "tests/data/test_datamodule.py"),
        ("VARIANTS", "tests/nets/test_contract.py"),
        ("CASES", "tests/export/conftest.py"),
        ("ALL", "tests/data/test_augment.py"),
        ("COMMANDS", "mlp_lab/cli/main.py"),
        ("_CALLBACKS", "mlp_lab/cli/untrusted.py"),
        ("_LOGGERS", "mlp_lab/cli/untrusted.py"),
    ):
        assert re.search(rf"^{name}\b.*= ", (ROOT / path).read_text(), re.MULTILINE), name


def test_the_guide_begins_with_three_commands() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert len(blocks[0].splitlines()) == 3
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)`", (ROOT / "CONTRIBUTING.md").read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
