"""What a command starts from: nothing, a run, or a checkpoint. Imports no torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlp_lab.runs.run import Run


@dataclass(frozen=True)
class Origin:
    """A run or checkpoint that a command works on, and its configuration.

    Attributes:
        run: The run; None for a new one, or for a checkpoint that lies in no run.
        checkpoint: The checkpoint to start from.
        config: Configuration of the run or the checkpoint.
        config_place: Where that was found.
        resumes: Whether a training goes on in ``run``.
        trusted: Whether all settings are the user's own: typed, or of a run that this user began
            here, or trusted by ``--trust``.
        own_modules: Files of the modules that classes of the user's own were taken from, by name.
    """

    run: Run | None = None
    checkpoint: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    config_place: str = ""
    resumes: bool = False
    trusted: bool = True
    own_modules: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put what version 0.1 did before there was a setting for it into the configuration."""
        match self.config:
            case {
                "model": {
                    "class_path": "mlp_lab.tasks.RegressionTask",
                    "init_args": dict(arguments),
                }
            }:
                arguments.setdefault("scale_targets", False)

    @property
    def decided(self) -> dict[str, Any]:
        """What was no setting yet in version 0.1 and stands in a run's manifest, by dotted key."""
        manifest = self.run.read_manifest() if self.run else {}
        score = manifest.get("score")
        metric = score.get("metric") if isinstance(score, dict) else None
        return {"threads": manifest.get("threads"), "model.score": metric}
