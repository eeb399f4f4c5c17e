"""The model card: what it says, what it does not know, and names that would break it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlp_lab.inference import ModelInfo
from mlp_lab.report.model_card import card_path, write_model_card
from mlp_lab.report.run_files import read_summary
from mlp_lab.tables import Column
from tests.helpers.cards import Card, read_card
from tests.report.helpers import write_answers, write_run

NET = {
    "class_path": "mlp_lab.nets.mlp.MLP",
    "init_args": {"hidden_dims": [], "activation": "ReLU", "batch_norm": "none", "residual": False},
}
INFO = ModelInfo(
    net=NET,
    input_shape=(1, 8, 8),
    input_type="uint8",
    num_outputs=2,
    head="softmax",
    class_names=("yes", "no"),
    mean=(0.5,),
    std=(0.25,),
    run="a/version_0",
    metrics={},
    mlp_lab="0.1.0",
)
NUMBERS = replace(
    INFO, input_shape=(3,), input_type="float32", num_outputs=2, head="none", class_names=()
)
EVIL = (
    'yes" | <script>alert(1)</script>\n---\n# no',
    "*b* _c_ __d__ e_f [x](http://y) ![z](y) `k` &amp; $1$ \\| ~~s~~ \u202e\x1b[2J",
)


def write_card(run: Path, info: ModelInfo = INFO, name: str = "model.onnx") -> Card:
    (run / name).touch()
    assert write_model_card(run / name, info, read_summary(run))
    return read_card(card_path(run / name))


def change(path: Path, **entries: Any) -> None:
    """Replace entries of a JSON file; those that are None are taken out."""
    content = json.loads(path.read_text()) | entries
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "a" / "version_0", notes=["a note"])


def test_the_test_score_has_its_interval_over_samples(run: Path) -> None:
    """Wilson's of 80 right ones among 100; the metadata have none."""
    card = write_card(write_answers(run, [True] * 80 + [False] * 20))
    text = (
        "Test accuracy: 80.00 % of 100 images; over all images of this kind it lies in "
        "71.12 to 86.66 % (95 % confidence)."
    )
    assert text in " ".join(card.paragraphs["a/version_0"].split())
    assert "71.1" not in str(card.metadata)


def test_the_columns_of_a_table_are_listed_with_how_they_are_encoded(run: Path) -> None:
    columns = (Column("age|x", "numeric"), Column("colour", "categorical", ("red", "b*b*")))
    encoding = {"scaling": "standard", "one_hot_up_to": 16}
    encoded = "one-hot; all others and a missing one: 0 throughout"
    info = replace(NUMBERS, input_shape=(2,), columns=columns, encoding=encoding)
    card = write_card(run, info)
    assert card.rows["Columns"][1:] == [
        ["age|x", "numeric", "", "scaled to mean 0 and variance 1; the median where missing"],
        ["colour", "categorical", "red, b*b*", encoded],
    ]
    assert "predicts 2 numbers from a row of 2 columns." in card.paragraphs["a/version_0"]
    assert "mlp-lab infer model.onnx new.csv --out predictions.csv\n" in card.code


def test_metadata_have_the_names_of_hugging_face(run: Path) -> None:
    change(run / "metrics.json", **{"test/loss": 0.25, "test/f1_macro": 0.75, "test/ece": 0.5})
    assert write_card(run).metadata == {
        "license": "unknown",
        "library_name": "mlp_lab",
        "pipeline_tag": "image-classification",
        "tags": ["mlp_lab", "onnx"],
        "datasets": ["digits"],
        "metrics": ["accuracy", "f1"],
        "model-index": [
            {
                "name": "a/version_0",
                "results": [
                    {
                        "task": {"type": "image-classification", "name": "Image classification"},
                        "dataset": {"type": "digits", "name": "Digits", "split": "test"},
                        "metrics": [
                            {"type": "accuracy", "value": 0.8, "name": "Test accuracy"},
                            {"type": "f1", "value": 0.75, "name": "Test F1 (macro)"},
                            {"type": "loss", "value": 0.25, "name": "Test loss"},
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("info", "tag"),
    [
        (replace(INFO, input_shape=(2,)), "tabular-classification"),
        (NUMBERS, "tabular-regression"),
        (replace(NUMBERS, input_shape=(3, 8, 8)), None),
    ],
)
def test_the_task_is_that_of_inputs_and_outputs(
    run: Path, info: ModelInfo, tag: str | None
) -> None:
    metadata = write_card(run, info).metadata
    assert metadata.get("pipeline_tag") == tag
    assert metadata["model-index"][0]["results"][0]["task"]["type"] == (tag or "other")


@pytest.mark.parametrize(
    ("source", "dataset"),
    [
        ("FashionMNIST", "fashion_mnist"),
        ("CIFAR10", "cifar10"),
        ("ImageFolder 'My photos: 1'", "image_folder-my-photos-1"),
    ],
)
def test_a_data_set_has_an_id(tmp_path: Path, source: str, dataset: str) -> None:
    metadata = write_card(write_run(tmp_path / "a" / "v", source=source)).metadata
    assert metadata["datasets"] == [dataset]
    assert metadata["model-index"][0]["results"][0]["dataset"] == {
        **{"type": dataset, "name": source, "split": "test"}
    }


def test_without_a_test_the_scores_are_of_validation(tmp_path: Path) -> None:
    card = write_card(write_run(tmp_path / "a" / "v", test_acc=None))
    (result,) = card.metadata["model-index"][0]["results"]
    assert result["dataset"]["split"] == "validation"
    assert result["metrics"] == [{"type": "accuracy", "value": 0.85, "name": "Validation accuracy"}]
    assert card.rows["Results"] == [["", "validation"], ["Accuracy", "85.00 %"]]
    assert "The run was not tested" in card.paragraphs["Results"]


def test_a_fold_is_named_as_the_validation_part(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "0", fold=1, folds=5, validation="fold 1 of 5")
    part = write_card(run).facts("Data")["Validation part"]
    assert part == "fold 1 of 5 of the training data, stratified by class"


def test_the_body_says_what_the_run_knows(run: Path) -> None:
    change(run / "manifest.json", threads=2, device="cpu, 2 threads")
    reliability = {"samples": [50, 150], "confidence": [0.6, 0.9], "accuracy": [0.5, 0.9]}
    change(run / "metrics.json", **{"test/ece": 0.025, "test/reliability": reliability})
    card = write_card(run)
    model, data, training = (card.facts(name) for name in ("The model", "Data", "Training"))
    assert model["Net"] == "MLP(hidden_dims none, activation ReLU, batch_norm none)"
    assert model["Trainable parameters"] == "1,234"
    assert model["Input"].startswith("inputs, N x 1 x 8 x 8 (NCHW, uint8, 0..255)")
    assert model["Output"] == "logits, N x 2, and probabilities, N x 2"
    assert model["Classes"] == "yes, no"
    assert (data["Data set"], data["Training images"]) == ("Digits", "10")
    assert data["Validation part"] == "held out of the training data, stratified by class"
    assert data["SHA-256 of the split"] == "same"
    assert data["Note 1"] == "a note"
    assert training["Optimiser"] == "Adam(lr 0.001)"
    assert training["Best epoch, by validation accuracy"] == "2"
    assert (training["Epochs"], training["Seconds"]) == ("3", "1.5")
    assert (training["Threads"], training["Device"]) == ("2", "cpu, 2 threads")
    assert training["Commit of mlp_lab"] == "abc, with uncommitted changes"
    assert card.rows["Results"] == [
        ["", "test", "validation", "training samples"],
        ["Accuracy", "80.00 %", "85.00 %", "95.00 %"],
        ["Expected calibration error (ECE)", "2.50 %", "", ""],
    ]
    text = card.paragraphs["Results"]
    assert "The mean confidence on the test part is 82.50 %, where the accuracy is 80.00 %" in text
    heading = "Each class of the test part, the lowest recall first"
    assert card.rows[heading] == [
        ["class", "images", "precision", "recall", "F1", "most often predicted as"],
        ["no", "100", "100.00 %", "80.00 %", "70.00 %", "yes (20)"],
        ["yes", "100", "50.00 %", "100.00 %", "60.00 %", "no other class"],
    ]


def test_what_is_not_known_is_named(run: Path) -> None:
    card = write_card(run)
    assert card.facts("Data")["Test part"] == "not known"
    assert card.facts("Training")["Threads"] == "not known"
    assert card.paragraphs["Intended use"].startswith("Not known.")
    unknown = card.paragraphs["What this card does not know"]
    for words in ("licence of the model", "licence of the data", "seed to seed", "with seed 0"):
        assert words in unknown
    assert re.search(r"What the run's files lack: .*Test part, .*Threads", unknown)


@pytest.mark.parametrize("kept", [[], ["config.yaml"], ["manifest.json"], ["metrics.json"]])
def test_half_a_run_has_a_card_too(run: Path, kept: list[str]) -> None:
    for path in run.iterdir():
        if path.name not in kept:
            path.unlink()
    card = write_card(run)
    facts = card.facts("The model") | card.facts("Data") | card.facts("Training")
    assert (facts["Optimiser"] == "not known") == ("config.yaml" not in kept)
    assert (facts["Data set"] == "not known") == ("manifest.json" not in kept)
    assert (facts["Epochs"] == "not known") == ("metrics.json" not in kept)
    assert ("datasets" in card.metadata) == ("manifest.json" in kept)
    assert "model-index" not in card.metadata
    assert ("no scores of this model" in card.paragraphs["Results"]) == ("metrics.json" not in kept)


def test_a_test_set_that_chose_the_epoch_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a" / "v", validation="test set")
    card = write_card(run)
    assert card.facts("Data")["Validation part"] == "the test set itself"
    assert "Validation is the test set" in card.paragraphs["Results"]
    assert "chose nothing" not in card.paragraphs["Results"]


def test_names_break_neither_yaml_nor_markdown(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a & b" / "version_0", names=EVIL, source=EVIL[0])
    info = replace(INFO, class_names=EVIL, run=EVIL[1])
    card = write_card(run, info, name='it\'s "so" `.onnx')
    assert card.metadata["model-index"][0]["results"][0]["dataset"]["name"] == EVIL[0]
    assert card.metadata["model-index"][0]["name"] == EVIL[1]
    assert not card.kinds & {"html_block", "html_inline", "link_open", "image", "hr"}
    shown = [
        'yes" | <script>alert(1)</script> --- # no',
        "*b* _c_ __d__ e_f [x](http://y) ![z](y) `k` &amp; $1$ \\| ~~s~~ \\u202e\\x1b[2J",
    ]
    assert card.facts("The model")["Classes"] == ", ".join(shown)
    assert card.facts("Data")["Data set"] == shown[0]
    rows = card.rows["Each class of the test part, the lowest recall first"]
    assert [row[0] for row in rows[1:]] == [shown[1], shown[0]]
    assert {len(row) for row in rows} == {6}
    assert [*card.rows] == ["The model", "Data", "Training", "Results", [*card.rows][-1]]
    for block in card.code:
        compile(block, "card", "exec")
        assert json.dumps('it\'s "so" `.onnx') in block


def test_many_classes_stand_in_the_table_alone(run: Path) -> None:
    names = tuple(map(str, range(100)))
    card = write_card(run, replace(INFO, class_names=names, num_outputs=100))
    assert card.facts("The model")["Classes"] == "100, from 0 to 99"


def test_numbers_are_predicted_from_numbers(run: Path) -> None:
    card = write_card(run, NUMBERS)
    assert "This model predicts 2 numbers from a sample of 3 numbers." in " ".join(
        card.paragraphs.values()
    )
    model = card.facts("The model")
    assert model["Output"] == "numbers, N x 2"
    assert "Classes" not in model
    assert card.facts("Training")["Loss"] == "not known"
    assert "(numbers,) = session.run" in card.code[0]
    assert "np.zeros((5, 3), dtype=np.float32)" in card.code[1]


def test_both_kinds_of_files_are_one_card(run: Path) -> None:
    write_card(run)
    card = write_card(run, name="model.pth")
    assert card.metadata["tags"] == ["mlp_lab", "onnx", "pytorch"]
    other = write_card(run, name="last.pth")
    assert other.metadata["tags"] == ["mlp_lab", "pytorch"]
    assert len(other.code) == 1
    assert 'Predictor("last.pth")' in other.code[0]


def test_an_edited_card_is_left_alone(run: Path) -> None:
    write_card(run)
    path = run / "MODEL_CARD.md"
    before = path.read_text()
    change(run / "manifest.json", threads=8)
    assert write_model_card(run / "model.onnx", INFO, read_summary(run))
    assert path.read_text() != before
    for edited in (before.replace("*Not known.* Say", "For lessons. Say"), "my own\n", ""):
        path.write_text(edited)
        assert not write_model_card(run / "model.onnx", INFO, read_summary(run))
        assert path.read_text() == edited


@pytest.mark.parametrize(
    "bins",
    [
        None,
        3,
        {"samples": [1]},
        {"samples": [1], "confidence": [0.5, 0.5]},
        {"samples": [0], "confidence": [0.5]},
        {"samples": ["x"], "confidence": [0.5]},
        {"samples": [1], "confidence": [float("nan")]},
    ],
)
def test_damaged_calibration_is_left_out(run: Path, bins: Any) -> None:
    change(run / "metrics.json", **{"test/ece": 0.5, "test/reliability": bins})
    assert "mean confidence" not in write_card(run).paragraphs["Results"]


def test_what_changes_a_training_is_named_where_it_is_set(run: Path) -> None:
    before = write_card(run).facts("Training")
    config = yaml.safe_load((run / "config.yaml").read_text())
    ema = {"class_path": "lightning.pytorch.callbacks.EMAWeightAveraging"}
    config["trainer"] = {
        "callbacks": [ema | {"init_args": {"decay": 0.9, "use_buffers": False}}],
        **{"accumulate_grad_batches": 4, "gradient_clip_val": None, "precision": None},
    }
    config["data"] |= {"class_weights": "balanced", "augment": [{"class_path": "mlp_lab.data.Cut"}]}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    after = write_card(run).facts("Training")
    assert {name: after[name] for name in after.keys() - before.keys()} == {
        "Class weights": "balanced",
        "Callbacks": "lightning.pytorch.callbacks.EMAWeightAveraging(decay 0.9)",
    }
    assert (after["Batches gathered to a step"], after["Augmentation"]) == ("4", "Cut")
    assert (after["Precision"], after["Batch size"]) == ("32-true", "not known")
