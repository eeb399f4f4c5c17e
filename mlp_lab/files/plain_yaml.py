"""YAML from a file: plain types, and no more of them than the file is long."""

from typing import Any

import yaml

# The C reader is several times as fast, where PyYAML was built with it; reports read many files.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 100_000


def load_yaml(text: str) -> Any:
    """Read YAML into plain types.

    Raises:
        yaml.YAMLError: It is no YAML, or its aliases stand for more than 100,000 values.
    """
    node = yaml.compose(text, _Loader)
    if node is None:
        return None
    _count(node, {})
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for, each alias taken for what it names."""
    if id(node) in known:
        size = known[id(node)]
    else:
        known[id(node)] = _MOST_NODES + 1  # it holds itself, unless it is known by the end
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = [p for entry in inner for p in (entry if isinstance(entry, tuple) else (entry,))]
        size = known[id(node)] = 1 + sum(_count(part, known) for part in parts)
    if size > _MOST_NODES:
        raise yaml.MarkedYAMLError(
            problem=f"its aliases stand for more than {_MOST_NODES:,} values",
            problem_mark=node.start_mark,
        )
    return size
