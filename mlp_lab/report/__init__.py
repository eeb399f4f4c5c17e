"""One run's story, or many runs compared, from run directories alone. Imports no torch."""

from mlp_lab.report.comparison import Comparison, compare
from mlp_lab.report.pages import write_comparison_report, write_run_report
from mlp_lab.report.run_summary import RunSummary, read_summary

__all__ = [
    "Comparison",
    "RunSummary",
    "compare",
    "read_summary",
    "write_comparison_report",
    "write_run_report",
]
