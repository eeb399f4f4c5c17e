"""mlp-lab serve: what it refuses before it serves."""

import socket
import sys
from pathlib import Path

import pytest

from mlp_lab.serve import server
from tests.conftest import CommandLine


@pytest.fixture(autouse=True)
def _serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server:
        def run(self, sockets: list[socket.socket]) -> None:
            sockets[0].close()

    monkeypatch.setattr(server, "make_server", lambda _: Server())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--threads", "0"], "threads is 0; it must be at least 1."),
        (["--max-megabytes", "0"], "max-megabytes is 0; it must be at least 1."),
        (["--batch-window-ms", "-1"], "batch-window-ms is -1.0; it must be at least 0."),
        (["--batch-window-ms", "nan"], "batch-window-ms is nan; it must be at least 0."),
        (["--port", "70000"], "port is 70000; it must lie in 0..65535."),
        (["--host", "256.0.0.1"], "Nothing can be served at host '256.0.0.1' and port 8000: "),
    ],
)
def test_settings_that_cannot_work(
    mlp_lab: CommandLine, digits_run: Path, words: list[str], sentence: str
) -> None:
    outcome = mlp_lab("serve", digits_run, *words)
    assert outcome.code == 2
    assert outcome.err.startswith(f"mlp-lab: error: {sentence}")


def test_a_port_that_is_taken(mlp_lab: CommandLine, digits_run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = mlp_lab("serve", digits_run, "--port", port)
    assert outcome.code == 2
    assert f"port {port}: Address already in use. Try another --port" in outcome.err


def test_a_model_that_is_not_there(mlp_lab: CommandLine) -> None:
    outcome = mlp_lab("serve", "nowhere.onnx", "--port", 0)
    assert (outcome.code, outcome.err) == (
        2,
        "mlp-lab: error: The model 'nowhere.onnx' is not there.\n",
    )


def test_another_host_says_what_it_means(mlp_lab: CommandLine, digits_run: Path) -> None:
    own = mlp_lab("serve", digits_run, "--port", 0)
    assert own.out.count("\n") == 1
    for host, shown in (("0.0.0.0", "0.0.0.0"), ("::", "[::]")):
        outcome = mlp_lab("serve", digits_run, "--port", 0, "--host", host)
        assert f" at http://{shown}:" in outcome.out
        assert "Whoever reaches this machine over the network can use the model" in outcome.out


def test_the_extra_is_named(
    mlp_lab: CommandLine, digits_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.startswith(("mlp_lab.serve.", "starlette")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    outcome = mlp_lab("serve", digits_run)
    assert outcome.code == 2
    assert "needs the 'serve' extra, of which starlette is not installed" in outcome.err
    assert 'pip install "mlp-lab[serve]"' in outcome.err
