from pathlib import Path

from mlp_lab.files.sha256 import hash_file


def test_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    """Against the example of FIPS 180-2."""
    (tmp_path / "x").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(tmp_path / "x") == expected
