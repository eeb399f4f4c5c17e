"""Figures: arrays in, a matplotlib Figure out; no trainer."""

from mlp_lab.plots.classification import (
    plot_calibration,
    plot_confusion,
    plot_precision_recall_curves,
    plot_roc_curves,
)
from mlp_lab.plots.columns import (
    DrawnColumn,
    plot_columns_by_class,
    plot_columns_by_target,
    plot_correlation,
)
from mlp_lab.plots.data import plot_class_bars, plot_curve, plot_points, plot_predictions
from mlp_lab.plots.history import plot_history
from mlp_lab.plots.images import plot_images, plot_mistakes
from mlp_lab.plots.importance import plot_column_importances
from mlp_lab.plots.learning_rate import plot_learning_rate_search
from mlp_lab.plots.nets import plot_filters, plot_net
from mlp_lab.plots.search import plot_importances, plot_search_history
from mlp_lab.plots.surface import plot_decision_surface
from mlp_lab.plots.write import to_png, write_figure

__all__ = [
    "DrawnColumn",
    "plot_calibration",
    "plot_class_bars",
    "plot_column_importances",
    "plot_columns_by_class",
    "plot_columns_by_target",
    "plot_confusion",
    "plot_correlation",
    "plot_curve",
    "plot_decision_surface",
    "plot_filters",
    "plot_history",
    "plot_images",
    "plot_importances",
    "plot_learning_rate_search",
    "plot_mistakes",
    "plot_net",
    "plot_points",
    "plot_precision_recall_curves",
    "plot_predictions",
    "plot_roc_curves",
    "plot_search_history",
    "to_png",
    "write_figure",
]
