import pytest

from mlp_lab.report.formatting import format_metric, format_number, format_spread, format_value
from mlp_lab.report.spread import Spread


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("test/acc", "accuracy"),
        ("training/f1", "F1"),
        ("test/f1_macro", "F1 (macro)"),
        ("test/roc_auc_macro", "ROC AUC (macro)"),
        ("test/roc_auc", "ROC AUC"),
        ("test/average_precision", "average precision"),
        ("test/average_precision_micro", "average precision (micro)"),
        ("test/ece", "expected calibration error (ECE)"),
        ("val/rmse", "root mean squared error (RMSE)"),
        ("val/loss", "loss"),
        ("unknown_metric", "unknown metric"),
    ],
)
def test_metrics_have_the_names_of_the_field(key: str, name: str) -> None:
    assert format_metric(key) == name


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("test/ece", 0.01234, "1.23 %"),
        ("test/roc_auc_macro", 0.987654, "0.9877"),
        ("seconds", 0.01234, "0.0123 s"),
        ("seconds", 7.5, "7.5 s"),
        ("seconds", 119.4, "119 s"),
        ("seconds", 754.3, "12.6 min"),
        ("seconds", 123456.0, "34.3 h"),
        ("images_per_second", 12345.6, "12,346"),
        ("training/samples", 12345.0, "12,345"),
        ("acc", 0.0, "0.00 %"),
        ("acc", None, ""),
    ],
)
def test_fractions_are_percent(key: str, value: float | None, text: str) -> None:
    assert format_number(value, key) == text


def test_a_spread_has_its_deviation_where_there_is_one() -> None:
    assert format_spread(Spread(0.9, 0.015, 2), "test/acc") == "90.00 ± 1.50 %"
    assert format_spread(Spread(0.25, 0.0123, 2), "loss") == "0.25 ± 0.012"
    assert format_spread(Spread(0.9, None, 1), "acc") == "90.00 %"
    assert format_spread(Spread(150.0, 3.0, 2), "seconds") == "2.5 ± 0.05 min"
    assert format_spread(None, "acc") == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": None}},
            "SGD(lr 0.1)",
        ),
        ({"class_path": "mine.Net", "init_args": [1]}, "mine.Net"),
        ({"a": 1, "b": [True, None]}, "a 1, b True "),
        ([{"class_path": "mlp_lab.data.Flip"}, "x"], "Flip x"),
        (0.001, "0.001"),
    ],
)
def test_values_of_a_configuration_are_short(value: object, text: str) -> None:
    assert format_value(value) == text


def test_texts_that_may_hold_spaces_are_listed_with_commas() -> None:
    assert format_value(["listed on", "flat_id"]) == "listed on, flat_id"


def test_a_loss_of_scaled_targets_is_called_so() -> None:
    assert format_metric("val/loss", is_scaled=True) == "loss of scaled targets"
    assert format_metric("val/rmse", is_scaled=True) == "root mean squared error (RMSE)"
