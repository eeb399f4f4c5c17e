"""What ``mlp-lab export`` makes a model of, parsed."""

from collections.abc import Sequence
from pathlib import Path

from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.parser import LabCLI
from mlp_lab.training.job import Job


def parse_job(origin: Path | None, flags: Sequence[str]) -> Job:
    """Parse the configuration of a run or checkpoint, or of ``flags`` alone."""
    words = [*flags]
    if origin is not None:
        words = ["--ckpt_path" if origin.is_file() else "--run_dir", str(origin), *flags]
    invocation = read_invocation("export", words)
    job = LabCLI("export", invocation).job
    print(invocation.summary)
    return job
