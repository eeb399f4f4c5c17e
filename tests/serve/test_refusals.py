"""What is refused, with which status and which sentence."""

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlp_lab.serve.limits import Limits
from tests.helpers.service import Client, form, serving
from tests.serve.conftest import to_npz, to_png

NPZ = "application/x-npz"


def refusal(client: Client, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    answer = client.send("/api/predict", body, kind)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json.keys() == {"error"}
    return answer.status, answer.error


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "The body is no JSON"),
        (b"{", 400, "The body is no JSON"),
        (b"\xff\xfe{}", 400, "The body is no JSON"),
        (b'{"inputs": [NaN]}', 400, "NaN is no number of JSON"),
        (b'{"inputs": [-Infinity]}', 400, "-Infinity is no number of JSON"),
        (b"[" * 100_000, 400, "nested too deeply"),
        (b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}", 422, "empty list, or are nested"),
        (b"1" * 10_000, 400, "The body is no JSON"),
        (b"[1]", 422, 'must be an object such as {"inputs"'),
        (b"{}", 422, 'lacks "inputs"'),
        (b'{"inputs": 3}', 422, "must be lists of numbers"),
        (b'{"inputs": []}', 422, "empty list"),
        (b'{"inputs": [[1, 2], [3]]}', 422, "different lengths"),
        (b'{"inputs": [[1, 2], 3]}', 422, "different lengths"),
        (b'{"inputs": [[1, 2], [3, 4]]}', 422, "inputs has inputs of shape (2,); the model takes"),
        (b'{"rows": [{"age": 3}]}', 415, "not of a table"),
    ],
)
def test_bodies_of_json(digits: Client, body: bytes, status: int, words: str) -> None:
    found, sentence = refusal(digits, body)
    assert (found, words in sentence) == (status, True), sentence


@pytest.mark.parametrize("pixel", ["1", 1.5, None, 256, -1, 10**400, {}])
def test_pixels_that_are_no_bytes(digits: Client, pixel: Any) -> None:
    image = [[0] * 8 for _ in range(8)]
    image[3][4] = pixel
    status, sentence = refusal(digits, json.dumps({"inputs": image}).encode())
    assert status == 422
    assert sentence.startswith("The inputs must be whole numbers 0..255 throughout: ")


def test_kinds_that_are_not_read(digits: Client) -> None:
    for kind in ("text/plain", "text/csv", "", "application/x-www-form-urlencoded"):
        status, sentence = refusal(digits, b"a,b", kind)
        assert (status, sentence.startswith(f"The content type {kind!r} is not read")) == (
            415,
            True,
        )


@pytest.mark.parametrize("top_k", [0, -1, 1.5, "a", True, None])
def test_top_k_that_is_no_count(digits: Client, top_k: Any) -> None:
    body = json.dumps({"inputs": [[0] * 8] * 8, "top_k": top_k}).encode()
    assert refusal(digits, body) == (422, "top_k must be a whole number of at least 1.")


def png_of(width: int, height: int) -> bytes:
    """Return a small file that claims to be large."""
    good = to_png(np.zeros((1, 8, 8), np.uint8))
    head = good[12:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + good[24:29]
    return good[:12] + head + zlib.crc32(head).to_bytes(4, "big") + good[33:]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "'body' is no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "'body' is no image"),
        (b"P5 2 2 255\n0000", 422, "'body' is no image"),
        (to_png(np.zeros((1, 8, 8), np.uint8))[:45], 422, "The image 'body' is broken"),
        (png_of(5000, 5000), 422, "5000 x 5000 pixels; at most 16,000,000 are decoded"),
        (png_of(60000, 60000), 422, "too many pixels to be trusted"),
    ],
)
def test_images(digits: Client, body: bytes, status: int, words: str) -> None:
    found, sentence = refusal(digits, body, "image/png")
    assert (found, words in sentence) == (status, True), sentence


def npz_claiming(shape: tuple[int, ...], content: bytes, dtype: str = "|u1") -> bytes:
    """Return an archive whose array claims another shape than it has."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": dtype, "fortran_order": False, "shape": shape}
        )
        archive.writestr("x.npy", head.getvalue() + content)
    return file.getvalue()


def with_many_members() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.npy", b"")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "no .npz as numpy.savez writes it"),
        (b"PK\x05\x06" + bytes(18), 422, "neither x_test nor x"),
        (with_many_members(), 400, "no .npz as numpy.savez writes it"),
        (to_npz(y=np.zeros(3)), 422, "neither x_test nor x"),
        (to_npz(x=np.asarray([{}], object)), 422, "x is of object; the model takes numbers"),
        (to_npz(x=np.asarray(["a"])), 422, "x is of <U1; the model takes numbers"),
        (to_npz(x=np.zeros((2, 8, 8))), 422, "x is of float64; the model takes raw bytes"),
        (to_npz(x=np.zeros((2, 9, 8), np.uint8)), 422, "x has inputs of shape (9, 8)"),
        (to_npz(x=np.asarray(3, np.uint8)), 422, "x has inputs of shape None"),
        (to_npz(x=np.zeros((0, 8, 8), np.uint8)), 400, "x of the .npz is empty or torn"),
        (to_npz(x=np.zeros((5000, 8, 8), np.uint8)), 413, "5,000 inputs are too many"),
        (npz_claiming((2**60, 8, 8), b""), 413, "inputs are too many; send at most 4,096."),
        (npz_claiming((4000, 8, 8), b"0"), 400, "x of the .npz is empty or torn"),
        (npz_claiming((2, 2**62, 2**62), b"0"), 400, "The body is no .npz: "),
        (npz_claiming((2, 2**30, 2**30), b"0"), 422, "the model takes (1, 8, 8)"),
    ],
)
def test_archives(digits: Client, body: bytes, status: int, words: str) -> None:
    found, sentence = refusal(digits, body, NPZ)
    assert (found, words in sentence) == (status, True), sentence


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"", "multipart/form-data", 400, "The form has no boundary."),
        (b"", "multipart/form-data; boundary=edge", 400, "The form is cut off."),
        (form(("a", b"x"))[0][:-8], "multipart/form-data; boundary=edge", 400, "cut off"),
        (b"nothing", "multipart/form-data; boundary=edge", 400, "The form is broken"),
        (form(("a", b"x"))[0], "multipart/form-data; boundary=edge", 422, "'a' is no image"),
    ],
)
def test_forms(digits: Client, body: bytes, kind: str, status: int, words: str) -> None:
    found, sentence = refusal(digits, body, kind)
    assert (found, words in sentence) == (status, True), sentence


def test_other_paths_and_methods(digits: Client) -> None:
    for path in ("/nothing", "/static/../app.py", "/static/%2e%2e%2fapp.py", "/api", "/static/"):
        answer = digits.get(path)
        assert (answer.status, answer.error[:29]) == (404, "There is nothing at this path"), path
    answer = digits.ask("DELETE", "/api/predict")
    assert (answer.status, answer.error[:25]) == (405, "DELETE is not answered he")
    assert digits.get("/api/predict").status == 405


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::1", "a:b:c"])
def test_other_hosts(digits: Client, host: str) -> None:
    answer = digits.get("/api/model", Host=host)
    assert (answer.status, answer.error.startswith("The host ")) == (400, True)


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "192.168.0.7:80", "[::1]:8000", "LAB.example:8000"]
)
def test_addresses_and_known_names_are_served(digits: Client, host: str) -> None:
    assert digits.get("/healthz", Host=host).json == {"status": "ok"}


def test_pages_of_other_origins(digits: Client) -> None:
    here = f"http://127.0.0.1:{digits.port}"
    assert digits.get("/healthz", Origin=here).status == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        answer = digits.get("/healthz", Origin=origin)
        assert (answer.status, answer.error) == (403, "Pages of other origins are not answered.")


def test_every_answer_carries_the_headers_of_security(digits: Client) -> None:
    for answer in (digits.get("/"), digits.get("/nothing"), digits.get("/", Host="evil.example")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


def test_limits_hold(digits_run: Path, images: NDArray[np.uint8]) -> None:
    limits = Limits(megabytes=1, inputs=3, decode_seconds=0.0, bodies_at_once=1)
    with serving(digits_run, limits) as client:
        large = client.send("/api/predict", bytes(2**20 + 1), NPZ)
        assert (large.status, large.error) == (413, "The body is larger than 1 MB.")
        many = client.post("/api/predict", {"inputs": images[:4].tolist()})
        assert (many.status, many.error) == (413, "4 inputs are too many; send at most 3.")
        slow = client.send("/api/predict", to_png(images[0]), "image/png")
        assert (slow.status, slow.error) == (422, "It could not be decoded within 0 seconds.")
        assert client.post("/api/predict", {"inputs": images[:3].tolist()}).status == 200


def test_too_many_requests_at_once(digits_run: Path) -> None:
    with serving(digits_run, Limits(requests_at_once=0)) as client:
        answer = client.get("/healthz")
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert answer.error.startswith("Too many requests are being worked on")
    with serving(digits_run, Limits(bodies_at_once=0)) as client:
        answer = client.send("/api/predict", b"{}", "application/json")
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert client.get("/healthz").status == 200
