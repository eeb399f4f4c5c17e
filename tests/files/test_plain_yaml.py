"""YAML of a file is no more than it looks like."""

import pytest
import yaml

from mlp_lab.files.plain_yaml import load_yaml


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [x, 1.5, null, true, 2020-01-01]\n",
        "a: &x {b: 1}\nc: {<<: *x, d: *x}\n",
        "",
        "just text",
        "- {}\n- []\n",
    ],
)
def test_reads_as_pyyaml_does(text: str) -> None:
    assert load_yaml(text) == yaml.safe_load(text)


def test_aliases_do_not_multiply_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(yaml.MarkedYAMLError, match="aliases stand for more than 100,000 values"):
        load_yaml("\n".join(lines))


@pytest.mark.parametrize("text", ["a: &x [1, *x]", "&x {a: *x}"])
def test_what_holds_itself_is_refused(text: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="aliases stand for more"):
        load_yaml(text)


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [ls]", "!mine 1", "a: ["])
def test_anything_else_is_no_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
