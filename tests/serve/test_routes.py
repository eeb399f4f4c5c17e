"""What the service answers, over loopback."""

import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.files.sha256 import hash_file
from mlp_lab.inference import Predictor
from mlp_lab.inference.backends import FloatArray
from mlp_lab.serve.app import make_app
from mlp_lab.serve.limits import Limits
from mlp_lab.serve.model import ServedModel
from mlp_lab.serve.openapi import describe_api
from mlp_lab.serve.service import Service
from tests.conftest import CommandLine
from tests.helpers.service import Answer, Client, form, serving
from tests.serve.conftest import to_npz, to_png

Images = NDArray[np.uint8]


def probabilities(answer: Answer) -> NDArray[np.float64]:
    assert answer.status == 200, answer.body
    return np.asarray([one["probabilities"] for one in answer.json["predictions"]])


def test_json_is_answered_as_the_python_interface_does(
    digits: Client, images: Images, expected: FloatArray
) -> None:
    answer = digits.post("/api/predict", {"inputs": images.tolist(), "top_k": 2})
    assert probabilities(answer) == pytest.approx(expected, abs=1e-6)
    for index, (one, shares) in enumerate(zip(answer.json["predictions"], expected, strict=True)):
        best, second = np.argsort(-shares)[:2]
        assert one["index"] == index
        assert one["label"] == str(best)
        assert one["confidence"] == pytest.approx(shares[best], abs=1e-6)
        assert [top["label"] for top in one["top"]] == [str(best), str(second)]
        assert one["top"][1]["probability"] == pytest.approx(shares[second], abs=1e-6)
    assert answer.json["milliseconds"] > 0


def test_one_input_is_taken_with_and_without_its_outer_lists(
    digits: Client, images: Images, expected: FloatArray
) -> None:
    for shape in ((1, 1, 8, 8), (1, 8, 8), (8, 8)):
        answer = digits.post("/api/predict", {"inputs": images[0].reshape(shape).tolist()})
        assert probabilities(answer) == pytest.approx(expected[:1], abs=1e-6)


def test_many_inputs_in_json_are_parsed_beside(
    digits: Client, images: Images, expected: FloatArray
) -> None:
    many = np.tile(images, (60, 1, 1, 1))
    answer = digits.post("/api/predict", {"inputs": many.tolist(), "top_k": 1})
    assert len(answer.json["predictions"][0]["top"]) == 1
    assert probabilities(answer) == pytest.approx(np.tile(expected, (60, 1)), abs=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP"])
def test_an_image_is_decoded(
    digits: Client, images: Images, expected: FloatArray, kind: str
) -> None:
    image = to_png(images[3], kind)
    if kind == "WEBP":  # with losses
        answer = digits.send("/api/seen", image, "image/webp")
        assert np.abs(np.asarray(answer.json["input"]) - images[3].astype(int)).mean() < 10
        return
    answer = digits.send("/api/predict?top_k=10", image, f"image/{kind.lower()}")
    assert probabilities(answer) == pytest.approx(expected[3:4], abs=1e-6)
    assert len(answer.json["predictions"][0]["top"]) == 10
    assert digits.send("/api/seen", image, "image/png").json == {"input": images[3].tolist()}


def test_a_form_of_images_names_them(digits: Client, images: Images, expected: FloatArray) -> None:
    names = ["a.png", "../../etc/passwd"]
    body, kind = form(*((name, to_png(image)) for name, image in zip(names, images, strict=False)))
    answer = digits.send("/api/predict", body, kind)
    assert [one["file"] for one in answer.json["predictions"]] == names
    assert probabilities(answer) == pytest.approx(expected[:2], abs=1e-6)


@pytest.mark.parametrize("name", ["x", "x_test"])
def test_an_archive_is_answered_by_an_archive(
    digits: Client, images: Images, expected: FloatArray, name: str
) -> None:
    body = to_npz(**{name: images, "other": np.asarray(["text"])})
    kind = "application/x-npz"
    answer = digits.send("/api/predict", body, kind, Accept=kind)
    assert answer.headers["content-type"] == kind
    arrays = np.load(io.BytesIO(answer.body))
    assert arrays["probabilities"] == pytest.approx(expected, abs=1e-6)
    assert (arrays["predicted"] == expected.argmax(1)).all()
    assert arrays["outputs"].shape == (20, 10)
    assert probabilities(digits.send("/api/predict", body, "application/zip")) == pytest.approx(
        expected, abs=1e-6
    )


def test_channels_last_and_fortran_order_are_taken(digits: Client, images: Images) -> None:
    kind = "application/octet-stream"
    plain = digits.send("/api/predict", to_npz(x=images), kind, Accept=kind)
    for x in (images.transpose(0, 2, 3, 1), np.asfortranarray(images), images[:, 0]):
        found = digits.send("/api/predict", to_npz(x=x), kind, Accept=kind)
        assert found.body == plain.body


def test_the_card_says_what_the_model_is(digits: Client, digits_run: Path) -> None:
    card = digits.get("/api/model").json
    metrics = json.loads((digits_run / "metrics.json").read_text())
    assert (card["name"], card["run"]) == ("base/version_0", "base/version_0")
    assert (card["task"], card["kind"], card["data"]) == ("classification", "image", "Digits")
    assert card["input"] == {"shape": [1, 8, 8], "type": "uint8", "layout": "NCHW, uint8, 0..255"}
    assert card["classes"] == [*map(str, range(10))]
    assert card["metrics"]["test/acc"] == pytest.approx(metrics["test/acc"])
    assert card["sha256"] == hash_file(digits_run / "model.onnx")
    assert (card["dark_background"], card["samples"], card["changed_on_disk"]) == (True, 32, False)
    assert card["limits"] == {"megabytes": 32, "inputs": 4096}
    assert card["framing"]["center"] == pytest.approx([4, 4], abs=0.5)


def test_samples_are_of_the_test_set_and_spread_over_classes(digits: Client) -> None:
    from sklearn.datasets import load_digits

    samples = digits.get("/api/samples").json["samples"]
    labels = load_digits().target
    assert [one["label"] for one in samples] == [str(labels[one["index"]]) for one in samples]
    assert [one["label"] for one in samples[:11]] == [*map(str, range(10)), "0"]
    first = load_digits().images[samples[0]["index"]] * 255 / 16
    assert np.asarray(samples[0]["input"])[0] == pytest.approx(first, abs=1)


def test_occlusion_finds_the_pixels_that_matter(digits: Client, images: Images) -> None:
    answer = digits.post("/api/occlusion", {"input": images[0].tolist(), "label": "0"}).json
    drop = np.asarray(answer["map"])
    assert (drop.shape, answer["patch"], answer["label"]) == ((8, 8), 2, "0")
    assert drop.max() > 10 * abs(drop[0, 0])
    likeliest = digits.post("/api/predict", {"inputs": images[0].tolist()}).json
    found = digits.post("/api/occlusion", {"input": images[0].tolist()}).json
    assert found["label"] == likeliest["predictions"][0]["label"]
    refused = digits.post("/api/occlusion", {"input": images[0].tolist(), "label": "cat"})
    assert (refused.status, refused.error) == (422, "There is no class 'cat'.")


def test_points_have_a_surface(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Moons", "--model=BinaryTask", "--trainer.max_epochs=1"]
    run = mlp_lab("fit", *words).run_dir.absolute()
    predictor = Predictor(run)
    with serving(run) as client:
        card = client.get("/api/model").json
        assert (card["task"], card["kind"]) == ("binary", "points")
        assert len(card["classes"]) == 2
        (left, right), (low, high) = card["range"]
        body = {"range": [[left, right], [low, high]], "resolution": 3}
        answer = client.post("/api/surface", body).json
        corners = [[left, low], [right, low], [left, high], [right, high]]
        shares = predictor.predict(np.asarray(corners, np.float32))
        found = np.asarray(answer["labels"])[::2, ::2].ravel()
        assert found.tolist() == shares.argmax(1).tolist()
        probability = np.asarray(answer["probability"])
        assert probability[::2, ::2].ravel() == pytest.approx(shares.max(1), abs=1e-5)
        point = client.post("/api/predict", {"inputs": corners[3]}).json
        assert point["predictions"][0]["confidence"] == pytest.approx(shares[3].max(), abs=1e-6)
        for ranges in ([[0, 1]], [[1, 0], [0, 1]], "ab", None, [[0, 1e300], [0, 1]], [[0, 1, 2]]):
            refused = client.post("/api/surface", {"range": ranges})
            assert refused.status == 422
            assert refused.error.startswith("range must be 2 pairs of numbers")
        refused = client.post("/api/surface", body | {"resolution": 1000})
        assert refused.error == "resolution must be a whole number 2..256."
        assert client.post("/api/occlusion", body).status == 415
        assert client.send("/api/predict", b"GIF", "image/gif").status == 415


@pytest.mark.slow
def test_targets_are_values(mlp_lab: CommandLine) -> None:
    words = ["--data.source=Line", "--model=RegressionTask", "--trainer.max_epochs=1"]
    run = mlp_lab("fit", *words).run_dir.absolute()
    value = Predictor(run).predict(np.asarray([[0.5]], np.float32))
    with serving(run) as client:
        assert client.get("/api/model").json["task"] == "regression"
        answer = client.post("/api/predict", {"inputs": [0.5]}).json
        assert answer["predictions"] == [{"index": 0, "value": pytest.approx(value[0].tolist())}]
        surface = client.post("/api/surface", {"range": [[0.5, 1]], "resolution": 2}).json
        assert surface["values"][0] == pytest.approx(value[0].tolist(), abs=1e-5)
        huge = client.post("/api/predict", {"inputs": [1e39]})
        assert (huge.status, "not finite, or too large" in huge.error) == (422, True)


def test_a_model_without_a_run_has_no_samples(digits_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes((digits_run / "model.onnx").read_bytes())
    with serving(path) as client:
        card = client.get("/api/model").json
        assert (card["name"], card["samples"], card["framing"]) == ("model.onnx", 0, None)
        assert (card["data"], card["dark_background"]) == (None, None)
        assert client.get("/api/samples").json == {"samples": []}


def test_the_description_names_every_route_and_no_other(digits_run: Path, digits: Client) -> None:
    service = Service(ServedModel(digits_run), Limits())
    described = describe_api(service.info, service.limits)["paths"]
    found = {}
    for route in make_app(service).routes:
        methods = getattr(route, "methods") - {"HEAD"}  # noqa: B009  # of a Route alone
        found[getattr(route, "path")] = {method.lower() for method in methods}  # noqa: B009
    expected = {
        path: {key for key in one if key in ("get", "post")} for path, one in described.items()
    }
    assert found == expected
    assert digits.get("/api/openapi.json").json["paths"].keys() == described.keys()


def test_answers_are_as_described(digits: Client, images: Images) -> None:
    paths = digits.get("/api/openapi.json").json["paths"]

    def check(answer: Answer, path: str, method: str = "get") -> None:
        described = paths[path][method]["responses"][str(answer.status)]["content"]
        schema = described["application/json"]["schema"]
        jsonschema.validate(answer.json, schema)

    for path in ("/healthz", "/api/model", "/api/samples", "/api/openapi.json"):
        check(digits.get(path), path)
    body = {"inputs": images.tolist()}
    request = paths["/api/predict"]["post"]["requestBody"]["content"]["application/json"]
    jsonschema.validate(body, request["schema"])
    jsonschema.validate({"inputs": images[0].tolist()}, request["schema"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"inputs": [[1, 2]]}, request["schema"])
    check(digits.post("/api/predict", body), "/api/predict", "post")
    check(digits.post("/api/predict", {}), "/api/predict", "post")
    check(digits.send("/api/seen", to_png(images[0]), "image/png"), "/api/seen", "post")
    one = {"input": images[0].tolist()}
    check(digits.post("/api/occlusion", one), "/api/occlusion", "post")
    check(digits.post("/api/surface", one), "/api/surface", "post")


@pytest.mark.slow
def test_the_test_set_has_the_accuracy_of_metrics_json(digits_run: Path, digits: Client) -> None:
    """Of three ways to ask the same."""
    from mlp_lab.data import Digits
    from mlp_lab.runs.outputs import Outputs

    tested = Outputs.read(digits_run / "test_outputs.npz")
    source = Digits().load(Path(), download=False)["train"]
    x = source.inputs[tested.indices].numpy()
    expected = json.loads((digits_run / "metrics.json").read_text())["test/acc"]
    kind = "application/x-npz"
    archive = digits.send("/api/predict", to_npz(x=x), kind, Accept=kind)
    files, form_kind = form(*((f"{n}.png", to_png(image)) for n, image in enumerate(x)))
    for answer in (
        digits.post("/api/predict", {"inputs": x.tolist()}),
        digits.send("/api/predict", files, form_kind),
    ):
        labels = np.asarray([int(one["label"]) for one in answer.json["predictions"]])
        assert (labels == tested.labels).mean() == pytest.approx(expected, abs=1e-6)
        assert probabilities(answer) == pytest.approx(tested.outputs, abs=1e-5)
    predicted = np.load(io.BytesIO(archive.body))["predicted"]
    assert (predicted == tested.labels).mean() == pytest.approx(expected, abs=1e-6)
