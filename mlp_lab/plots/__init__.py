"""Figures: numbers in, a matplotlib Figure out; no trainer, no disk."""

from mlp_lab.plots.learning_rate import plot_learning_rate_search

__all__ = ["plot_learning_rate_search"]
