"""Values of a configuration, metrics and their names as text."""

from typing import Any

from mlp_lab.report.spread import Spread

_PERCENT = ("acc", "precision", "recall", "f1", "f1_macro", "ece")
_METRIC_NAMES = {
    "acc": "accuracy",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "ece": "expected calibration error (ECE)",
    "rmse": "root mean squared error (RMSE)",
    "mae": "mean absolute error (MAE)",
    "r2": "R²",
}


def format_metric(key: str) -> str:
    """Return the name of a metric, without the part of the data that it is of.

    Example:
        >>> format_metric("val/acc"), format_metric("f1_macro"), format_metric("images_per_second")
        ('accuracy', 'F1 (macro)', 'images per second')
    """
    name = key.rpartition("/")[2]
    for average in ("macro", "micro"):
        if name.endswith(f"_{average}"):
            return f"{format_metric(name.removesuffix(f'_{average}'))} ({average})"
    return _METRIC_NAMES.get(name, name.replace("_", " "))


def format_number(value: float | None, key: str) -> str:
    """Format the value of a metric: fractions in percent, anything else with four digits.

    Example:
        >>> format_number(0.97875, "test/acc"), format_number(0.0712345, "loss")
        ('97.88 %', '0.07123')
        >>> format_number(None, "loss")
        ''
    """
    if value is None:
        return ""
    return f"{100 * value:.2f} %" if _is_percent(key) else f"{value:.4g}"


def format_spread(spread: Spread | None, key: str) -> str:
    """Format mean and standard deviation of a metric.

    Example:
        >>> format_spread(Spread(0.9, 0.01, 3), "acc"), format_spread(Spread(0.25, None, 1), "loss")
        ('90.00 ± 1.00 %', '0.25')
    """
    if spread is None or spread.deviation is None:
        return format_number(spread.mean if spread else None, key)
    if _is_percent(key):
        return f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f} %"
    return f"{spread.mean:.4g} ± {spread.deviation:.2g}"


def _is_percent(key: str) -> bool:
    return key.rpartition("/")[2] in _PERCENT


def format_value(value: Any) -> str:
    """Format a value of a configuration, classes by their names.

    Example:
        >>> format_value({"class_path": "mlp_lab.data.Affine", "init_args": {"degrees": 10.0}})
        'Affine(degrees 10.0)'
        >>> format_value([200, 100]), format_value("torch.optim.Adam"), format_value(None)
        ('200 100', 'Adam', '')
    """
    match value:
        case None:
            return ""
        case {"class_path": str(path)}:
            arguments = value.get("init_args")
            arguments = arguments if isinstance(arguments, dict) else {}
            text = format_value({key: v for key, v in arguments.items() if v is not None})
            return f"{format_value(path)}({text})" if text else format_value(path)
        case dict():
            return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
        case list():
            return " ".join(map(format_value, value))
        case str() if value.startswith(("mlp_lab.", "torch.")):
            return value.rpartition(".")[2]
        case _:
            return str(value)
