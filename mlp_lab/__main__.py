"""``python -m mlp_lab`` is ``mlp-lab``."""

from mlp_lab.cli.main import run

if __name__ == "__main__":
    raise SystemExit(run())
