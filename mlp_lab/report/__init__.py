"""One run's story, or many runs compared, from run directories alone. Imports no torch."""

from mlp_lab.report.comparison import Comparison, compare
from mlp_lab.report.pages import write_comparison, write_story
from mlp_lab.report.story import Story, read_story

__all__ = ["Comparison", "Story", "compare", "read_story", "write_comparison", "write_story"]
