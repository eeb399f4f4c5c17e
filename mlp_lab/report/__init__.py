"""A page about one run, or about many compared, from run directories alone. Imports no torch."""

from mlp_lab.report.comparison import Comparison, compare
from mlp_lab.report.pages import write_comparison_report, write_run_report
from mlp_lab.report.run_files import find_runs, read_summary
from mlp_lab.report.run_summary import RunSummary

__all__ = [
    "Comparison",
    "RunSummary",
    "compare",
    "find_runs",
    "read_summary",
    "write_comparison_report",
    "write_run_report",
]
