"""``mlp-lab export RUN RUN ...``: several runs as one model file, the mean of what they predict."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlp_lab.cli.console import print_rows
from mlp_lab.cli.invocation import read_words
from mlp_lab.cli.parser import parse_job
from mlp_lab.errors import ConfigError
from mlp_lab.export.ensemble import check_members, describe_ensemble, read_member, summarise_runs
from mlp_lab.export.ensemble_scores import score_members
from mlp_lab.export.model_file import write_ensemble
from mlp_lab.export.model_info import samples_to_check
from mlp_lab.files.plain_text import as_shown
from mlp_lab.files.sha256 import hash_file
from mlp_lab.report.ensemble import may_replace, scores_path
from mlp_lab.report.model_card import card_path, write_model_card
from mlp_lab.report.run_files import find_runs, find_some_runs
from mlp_lab.runs.run import Run


def is_ensemble(named: Sequence[Path]) -> bool:
    """Whether several runs are named, or a directory of runs."""
    if len(named) != 1:
        return len(named) > 1
    return named[0].is_dir() and find_runs(named[0]) not in ([], named)


def export_ensemble(options: argparse.Namespace, flags: Sequence[str]) -> int:
    """Write the model, its card and what it gains, and return the exit code."""
    _check_flags(flags)
    paths = [path for named in options.run for path in _find_members(named)]
    if len(paths) < 2:
        raise ConfigError(
            f"An ensemble needs two finished runs, and {', '.join(map(str, options.run))} has "
            f"{len(paths)}. A single one is exported by its own name: mlp-lab export RUN"
        )
    members = [read_member(path, trust=read_words(flags)[0].trust) for path in paths]
    check_members(members)
    path: Path = options.out or _common_dir(options.run) / f"ensemble.{options.format}"
    if not may_replace(scores_path(path)):
        raise ConfigError(
            f"{str(scores_path(path))!r}, where the scores of {path.name} would go, is a file of "
            "something else. Choose another name by --out, or remove it."
        )
    job = parse_job("export", ["--ckpt_path", str(members[0].checkpoint), *flags])
    job.data.prepare_data()
    job.data.setup("test")
    summary, metrics = score_members(members, job.task, job.data, path.name)
    info = describe_ensemble(members, metrics)
    samples = samples_to_check(job.data)
    nets = [member.net for member in members]
    difference = write_ensemble(nets, info, samples, path, options.opset)
    # Killed here, it leaves older scores, which are not taken for those of a model of another hash.
    summary = replace(summary, sha256=hash_file(path))
    summary.write(scores_path(path))
    is_new = write_model_card(path, info, summarise_runs(members, metrics), summary)
    print_rows(f"{path.name}: {summary.data}", summary.rows)
    print(as_shown(f"{path.name}: {summary.sentence}"))
    print(f"checked on {len(samples)} test samples: differs by {difference:.1e} from the mean")
    print(f"scores: {scores_path(path)}")
    print(f"card: {card_path(path)}{'' if is_new else ', edited before and left as it is'}")
    print(f"written: {path}")
    return 0


def _check_flags(flags: Sequence[str]) -> None:
    """Refuse what would be a setting of the members, which are as they were trained.

    Raises:
        ConfigError: A setting of something else than the data.
    """
    for word in flags:
        if word.startswith("-") and not word.startswith("--data.") and word != "--trust":
            raise ConfigError(
                f"{word} cannot be set for an ensemble, whose members are as they were trained; "
                "what it takes are settings of the data, such as --data.root."
            )


def _find_members(named: Path) -> list[Path]:
    """Return a run or checkpoint itself, or the finished runs below a directory."""
    if not named.is_dir() or (runs := find_some_runs(named)) == [named]:
        return [named]
    left_out = {}
    for path in runs:
        run = Run(path)
        status = run.read_manifest().get("status", "unknown")
        if status != "finished":
            left_out[path] = f"its status is {status}"
        elif not run.best_checkpoint.is_file():
            left_out[path] = "it has no best.ckpt"
    if left_out:
        reasons = [f"{Run(path).name} ({reason})" for path, reason in left_out.items()]
        print(as_shown(f"left out: {', '.join(reasons)}"))
    return [path for path in runs if path not in left_out]


def _common_dir(named: Sequence[Path]) -> Path:
    """Return the nearest directory of runs that holds all that is named."""
    places = []
    for path in named:
        run = Run.of_checkpoint(path) or Run(path)
        places.append(run.dir.parent if run.config_path.is_file() else path)
    common = Path(os.path.commonpath([place.absolute() for place in places]))
    return common if named[0].is_absolute() else Path(os.path.relpath(common))
