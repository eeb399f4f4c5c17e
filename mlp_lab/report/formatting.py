"""Values of a configuration, metrics and their names as text."""

import re
from typing import Any

from mlp_lab.report.spread import Spread

_PERCENT = ("acc", "precision", "recall", "f1", "f1_macro", "confidence", "ece", "ece_uncalibrated")
_HUGE = 1e9
_DURATIONS = ((3600.0, " h"), (60.0, " min"), (1.0, " s"))
_METRIC_NAMES = {
    "acc": "accuracy",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "ece": "expected calibration error (ECE)",
    "mse": "mean squared error (MSE)",
    "ece_uncalibrated": "ECE before calibration",
    "rmse": "root mean squared error (RMSE)",
    "mae": "mean absolute error (MAE)",
    "r2": "R²",
    "images_per_second": "samples per second",
}


def format_metric(key: str, *, is_scaled: bool = False) -> str:
    """Return the name of a metric, without the part of the data that it is of.

    Args:
        key: Its key, such as ``val/acc``.
        is_scaled: Whether a loss is of scaled targets.

    Example:
        >>> format_metric("val/acc"), format_metric("f1_macro"), format_metric("images_per_second")
        ('accuracy', 'F1 (macro)', 'samples per second')
    """
    name = key.rpartition("/")[2]
    if is_scaled and name == "loss":
        return "loss of scaled targets"
    for average in ("macro", "micro"):
        if name.endswith(f"_{average}"):
            return f"{format_metric(name.removesuffix(f'_{average}'))} ({average})"
    return _METRIC_NAMES.get(name, name.replace("_", " "))


def format_key(key: str, *, is_scaled: bool) -> str:
    """Return the key of a metric as the console has it; a loss of scaled targets is called so.

    Example:
        >>> format_key("val/loss", is_scaled=True), format_key("val/r2", is_scaled=True)
        ('val/loss of scaled targets', 'val/r2')
    """
    return f"{key} of scaled targets" if is_scaled and key.endswith("/loss") else key


def abbreviate_metric(key: str) -> str:
    """Return the abbreviation of a metric where its name has one, else the name.

    Example:
        >>> abbreviate_metric("val/rmse"), abbreviate_metric("r2"), abbreviate_metric("f1_macro")
        ('RMSE', 'R²', 'F1 (macro)')
    """
    name = format_metric(key)
    found = re.search(r"\(([A-Z]+)\)$", name)
    return found[1] if found else name


def format_number(value: float | None, key: str, *, signed: bool = False) -> str:
    """Format the value of a metric: fractions in percent, durations in a unit that suits them.

    Example:
        >>> format_number(0.97875, "test/acc"), format_number(0.0712345, "loss")
        ('97.88 %', '0.07123')
        >>> format_number(75.43, "seconds"), format_number(None, "loss")
        ('75.4 s', '')
    """
    return "" if value is None else format_spread(Spread(value, None, 1), key, signed=signed)


def format_spread(spread: Spread | None, key: str, *, signed: bool = False) -> str:
    """Format mean and standard deviation of a metric; of a difference with its sign.

    Example:
        >>> format_spread(Spread(0.9, 0.01, 3), "acc"), format_spread(Spread(0.25, None, 1), "loss")
        ('90.00 ± 1.00 %', '0.25')
        >>> format_spread(Spread(60412.3, 1234.5, 3), "rmse")
        '60,412 ± 1,234'
        >>> format_spread(Spread(0.012, 0.01, 3), "acc", signed=True)
        '+1.20 ± 1.00 %'
    """
    if spread is None:
        return ""
    name = key.rpartition("/")[2]
    scale, unit, digits, digits_of_deviation = 1.0, "", "", ""
    if name in _PERCENT:
        scale, unit, digits, digits_of_deviation = 100.0, " %", ".2f", ".2f"
    elif name == "seconds":
        size, unit = next((d for d in _DURATIONS if spread.mean >= 2 * d[0]), _DURATIONS[-1])
        scale, digits = 1 / size, ".3g"
    elif name == "samples":
        digits = ",.0f"
    mean, sign = scale * spread.mean, "+" if signed else ""
    text = f"{mean:{sign}{digits or _digits(mean, 4)}}"
    if spread.deviation is not None:
        deviation = scale * spread.deviation
        text += f" ± {deviation:{digits_of_deviation or _digits(deviation, 2)}}"
    return text + unit


def _digits(value: float, significant: int) -> str:
    """Return the format of a number: larger ones than its digits whole, not with an exponent."""
    return ",.0f" if 10**significant - 0.5 <= abs(value) < _HUGE else f".{significant}g"


def format_interval(ends: tuple[float, float] | None, key: str, *, signed: bool = False) -> str:
    """Format a confidence interval of a metric, or of a difference with its signs.

    Example:
        >>> format_interval((0.9134, 0.9238), "acc"), format_interval(None, "acc")
        ('91.34 to 92.38 %', '')
        >>> format_interval((-0.012, 0.0051), "acc", signed=True)
        '-1.20 to +0.51 %'
    """
    if ends is None:
        return ""
    low, high = (format_number(end, key, signed=signed) for end in ends)
    return f"{low.removesuffix(' %')} to {high}"


def format_p_value(p_value: float) -> str:
    """Format a p value; below a thousandth that is all there is to know.

    Example:
        >>> format_p_value(0.03456), format_p_value(0.000012), format_p_value(1.0)
        ('p 0.035', 'p < 0.001', 'p 1')
    """
    return "p < 0.001" if p_value < 1e-3 else f"p {p_value:.2g}"


def format_setting(value: Any) -> str:
    """Format a value for people: as ``format_value``, but a drawn number in four digits.

    Example:
        >>> format_setting(0.012813042833556144), format_setting(0.001), format_setting(1e-05)
        ('0.01281', '0.001', '1e-05')
    """
    return f"{value:.4g}" if isinstance(value, float) else format_value(value)


def format_value(value: Any) -> str:
    """Format a value of a configuration, classes by their names.

    Example:
        >>> format_value({"class_path": "mlp_lab.data.Affine", "init_args": {"degrees": 10.0}})
        'Affine(degrees 10.0)'
        >>> format_value([200, 100]), format_value("torch.optim.Adam"), format_value(None)
        ('200 100', 'Adam', '')
        >>> format_value(["listed on", "flat_id"])
        'listed on, flat_id'
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
            are_texts = all(isinstance(item, str) for item in value)  # which may hold spaces
            return (", " if are_texts else " ").join(map(format_value, value))
        case str() if value.startswith(("mlp_lab.", "torch.")):
            return value.rpartition(".")[2]
        case _:
            return str(value)
