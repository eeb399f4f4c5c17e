"""The search and the grid of the tests, and where they go."""

from pathlib import Path

SEARCH = """
flags: [--data.source=Moons, --trainer.max_epochs=1]
seeds: [0, 1]
search:
  model.optimizer.lr: {low: 0.0001, high: 0.1, log: true}
trials: 3
"""
GRID = [
    *("sweep", "--data.source=Moons", "--trainer.max_epochs=2"),
    *("--set=model.optimizer.lr=0.001,0.03", "--seeds=0,1", "--experiment=lab"),
]


def write_search(lab: Path, content: str = SEARCH) -> None:
    (lab.parent.parent / "lab.yaml").write_text(content)
