"""Figures: numbers in, a matplotlib Figure out; no trainer."""

from mlp_lab.plots.data import plot_class_balance, plot_curve, plot_images, plot_points
from mlp_lab.plots.history import plot_history
from mlp_lab.plots.learning_rate import plot_learning_rate_search
from mlp_lab.plots.surface import plot_decision_surface
from mlp_lab.plots.write import write_figure

__all__ = [
    "plot_class_balance",
    "plot_curve",
    "plot_decision_surface",
    "plot_history",
    "plot_images",
    "plot_learning_rate_search",
    "plot_points",
    "write_figure",
]
