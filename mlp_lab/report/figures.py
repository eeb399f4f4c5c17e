"""Figures of a page: which ones, in which section, embedded in it."""

import base64
import struct
from dataclasses import dataclass
from statistics import fmean

from mlp_lab.plots import plot_history, plot_importances, plot_search_history, to_png
from mlp_lab.report.comparison import Comparison, Setting
from mlp_lab.report.formatting import format_metric
from mlp_lab.report.run_summary import RunSummary
from mlp_lab.report.search import SearchSummary
from mlp_lab.runs.metrics_csv import History

_BROAD = 1.7  # width by height
_TALL = 1.5  # height by width
_PNG_HEADER = 24  # bytes
_MAX_CURVES = 10  # as many colours as are distinguishable

# The sections of a page, and the figures of each; any other figure comes last.
_SECTIONS = {
    "training": (
        "loss",
        "acc",
        "f1_macro",
        "rmse",
        "mae",
        "r2",
        "learning_rate_search",
        "learning_rate",
    ),
    "classes": ("confusion", "confusion_before", "mistakes"),
    "results": (
        *("fit", "surface", "predictions"),
        *("roc", "precision_recall", "reliability", "class_scores", "importance"),
    ),
    "net": ("net", "weights", "class_balance"),
}
_TITLES = {
    "acc": "Accuracy",
    "f1_macro": "F1 (macro)",
    "confusion": "Confusion matrix",
    "confusion_before": "Confusion matrix before training",
    "roc": "ROC curve",
    "precision_recall": "Precision-recall curve",
    "reliability": "Reliability diagram",
    "importance": "Permutation importance of the columns",
}
_OF_IMAGES = ("mistakes", "weights")  # a dark page inverts all others


@dataclass(frozen=True)
class PageFigure:
    """A figure of a page.

    Attributes:
        id: A word that no other figure of the page has.
        title: What it shows.
        png: Its pixels.
        name: The name of its file; empty for one that is drawn for the page.
        shows_images: Whether it shows images, whose colours a dark page must keep.
    """

    id: str
    title: str
    png: bytes
    name: str = ""
    shows_images: bool = False

    @property
    def address(self) -> str:
        """The pixels as an address, so that the page loads nothing."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height from the header of the PNG; 0 where it is cut off."""
        is_whole = len(self.png) >= _PNG_HEADER
        width, height = struct.unpack(">II", self.png[16:24]) if is_whole else (0, 0)
        return width, height

    @property
    def css_class(self) -> str:
        """Whether it needs the width of the page, or more height than others; what it shows."""
        width, height = self.size
        shape = "broad" if width > _BROAD * height else "tall" if height > _TALL * width else ""
        return f"{shape} {'images' if self.shows_images else 'drawing'}".strip()


def embed_run_figures(summary: RunSummary) -> dict[str, list[PageFigure]]:
    """Return the figures of a run by section, without a learning rate that never changed."""
    paths = summary.figures
    if summary.constant_learning_rate is not None:
        paths.pop("learning_rate", None)
    sections = {
        section: [paths.pop(name) for name in names if name in paths]
        for section, names in _SECTIONS.items()
    }
    sections["other"] = list(paths.values())
    return {
        section: [
            PageFigure(
                f"figure-{section}-{number}",
                _TITLES.get(path.stem, path.stem.replace("_", " ")),
                path.read_bytes(),
                path.stem,
                path.stem in _OF_IMAGES,
            )
            for number, path in enumerate(found)
        ]
        for section, found in sections.items()
    }


def draw_comparison_figures(comparison: Comparison, prefix: str) -> list[PageFigure]:
    """Plot score and loss of the best settings over the epochs, each the mean over its seeds.

    A single run is compared with nothing, and has none.

    Args:
        comparison: The settings.
        prefix: What the figures' ids begin with.
    """
    if comparison.num_runs < 2:
        return []
    figures: list[PageFigure] = []
    for key in dict.fromkeys([comparison.score, "val/loss"]):
        histories = {
            setting.label: history
            for setting in comparison.settings[:_MAX_CURVES]
            if len((history := _mean_history(setting, key))[0])
        }
        if histories:
            title = f"Validation {format_metric(key)}"
            if len(comparison.settings) > _MAX_CURVES:
                title += f" of the {_MAX_CURVES} best settings"
            png = to_png(plot_history(histories, "epoch", title))
            figures.append(PageFigure(f"{prefix}-{len(figures)}", f"{title} over epochs", png))
    return figures


def draw_search_figures(search: SearchSummary) -> list[PageFigure]:
    """Plot the scores of a search over its trials, and how much each setting mattered."""
    figures = []
    if search.scores["complete"][0]:
        history = plot_search_history(
            search.scores["complete"],
            search.scores["pruned"],
            f"validation {format_metric(search.score)}",
            highest_is_best=search.highest_is_best,
        )
        figures.append(PageFigure("figure-search-0", "Optimisation history", to_png(history)))
    if search.importances:
        png = to_png(plot_importances(search.importances))
        figures.append(PageFigure("figure-search-1", "Parameter importances", png))
    return figures


def _mean_history(setting: Setting, key: str) -> History:
    """Return the mean over seeds for the epochs that all of them have."""
    histories = [dict(zip(*s.history(key), strict=True)) for s in setting.distinct_summaries]
    epochs = sorted(set.intersection(*(set(history) for history in histories)))
    return epochs, [fmean(history[epoch] for history in histories) for epoch in epochs]
