"""``mlp-lab serve``: a model as an HTTP service, with a page."""

import argparse
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from mlp_lab.errors import ConfigError, MissingExtraError
from mlp_lab.files.plain_text import as_shown
from mlp_lab.serve.limits import Limits
from mlp_lab.serve.model import ServedModel


def serve(args: Sequence[str]) -> int:
    """Run the command; a signal ends it."""
    options = make_parser().parse_args(args)
    for name, lowest in (("threads", 1), ("max_megabytes", 1), ("batch_window_ms", 0)):
        value = getattr(options, name)
        if value is not None and not value >= lowest:
            flag = name.replace("_", "-")
            raise ConfigError(f"{flag} is {value}; it must be at least {lowest}.")
    if not 0 <= options.port < 2**16:
        raise ConfigError(f"port is {options.port}; it must lie in 0..65535.")
    try:
        from mlp_lab.serve.app import make_app
        from mlp_lab.serve.server import bind, make_server
        from mlp_lab.serve.service import Service
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise MissingExtraError(
            f"mlp-lab serve needs the 'serve' extra, of which {package} is not installed. "
            'Run: pip install "mlp-lab[serve]".'
        ) from error
    model = ServedModel(options.model, trust=options.trust, threads=options.threads)
    limits = Limits(megabytes=options.max_megabytes)
    service = Service(model, limits, options.batch_window_ms / 1000)
    listener = bind(options.host, options.port)
    app = make_app(service, [options.host, *options.allow_host])
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    print(as_shown(f"serving {options.model} at {address}; Ctrl-C ends it"))
    if not _is_loopback(options.host):
        print(
            "Whoever reaches this machine over the network can use the model: there is no "
            "password and no encryption. Put a reverse proxy with both in front of it."
        )
    print(end="", flush=True)
    make_server(app).run([listener])
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def make_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(
        prog="mlp-lab serve",
        description="Answer requests with a model over HTTP, and show a page to try it on. "
        "/api/openapi.json describes the requests.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a run; or a .onnx, .pth or .ckpt"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen at; by default this machine alone"
    )
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that requests may be for, such as that of a reverse proxy; may be repeated",
    )
    parser.add_argument("--threads", type=int, help="that compute; by default one for each core")
    parser.add_argument("--max-megabytes", type=int, default=32, help="largest body of a request")
    parser.add_argument(
        "--batch-window-ms",
        type=float,
        default=0.0,
        help="how long a batch waits for more inputs; by default as long as the one before it "
        "takes",
    )
    parser.add_argument(
        "--trust", action="store_true", help="accept a net of another package in a .pth or .ckpt"
    )
    return parser
