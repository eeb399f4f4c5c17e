"""Turn an error of jsonargparse into one sentence, with a guess at what was meant."""

import difflib
import inspect
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mlp_lab.errors import did_you_mean, quote_flag

# A message is read line by line: values have spaces, such as those of a list.
_WRONG_TYPE = re.compile(
    r"Expected a (.+?)\. Got value: (.*?)(?=\. Got value| Given value|$)", re.MULTILINE
)
_NO_PATH = re.compile(
    r"^- Expected a path but .*\n", re.MULTILINE
)  # where a file could be named too
_LIST_IN_WORDS = re.compile(
    r"(?:Sequence|list)[\s\S]*? value: ([^\s,[({]+, ?\S.*?)(?=\. Got value|$)", re.MULTILINE
)
# What a union allows and what came, where none of its types has a key of its own that is wrong.
_UNION = re.compile(
    r"Subtypes: \[(.+)\]\nErrors:\n(?:(?!.*(?:Subtypes:|Parser key)).*\n)*?"
    r"Given value type: .*\nGiven value: (.*?)(?=\. Got value|$)",
    re.MULTILINE,
)
_NO_CLASS = re.compile(
    r"(?:subclass spec, but got|Not a valid subclass of \w+\. Got value:) (.*?)(?=\. Got value|$)",
    re.MULTILINE,
)
_CUT_LIST = re.compile(r"(?:Given|Got) value: (\[[^\]\n]*?)(?=\. Got value|$)", re.MULTILINE)
_TYPE = re.compile(
    r"[^\s,\[][^,\[]*(?:\[(?:[^\[\]]|\[[^\]]*\])*\])?"
)  # of several, with commas in brackets

# Arguments that nobody types.
_KNOWN_FROM_ELSEWHERE = {"input_shape", "num_outputs", "num_classes", "num_targets", "params"}


def explain_parser_error(
    message: str,
    options: Iterable[str],
    positions: Mapping[str, type],
    typed: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """Explain which setting is wrong, what came and what is allowed.

    Args:
        message: The parser's message.
        options: All settings of the parser, such as ``data.batch_size``.
        positions: The settings that name a class, and the base class of what they may name.
        typed: The flags that were typed, by dotted key.
    """
    lines = (" ".join(line.split()) for line in message.splitlines())
    text = _NO_PATH.sub("", "\n".join(filter(None, lines)))
    key = ".".join(dict.fromkeys(re.findall(r'Parser key "([^"]+)"', text)))  # some come twice
    if found := re.search(r"[Uu]nrecognized arguments: (\S+)", text):
        word = found[1]
        if word.endswith((".yaml", ".yml")):
            return f"{word!r} stands alone; a configuration is typed as --config {word}."
        if named := name_table(typed, word):
            return f"{word!r} stands alone; {named}"
        if not word.startswith("--"):
            return (
                f"{word!r} stands alone; settings are typed as --key value, lists as --key=[1,2], "
                "a run as --run_dir, and a directory of images to predict as --data.predict_dir."
            )
        return _unknown_setting(word[2:].split("=")[0], options, positions)
    if "unsupported operand type(s) for +: 'float' and 'str'" in text:  # YAML reads 3:0.1 as 180.1
        return f"{key} wants a space behind each colon, and quotes around it: '{{3: 0.1}}'."
    if found := re.search(r"Importing '([^']+)' is not allowed", text):
        return f"{key} names {found[1]!r}, which no setting may name: it can run any command."
    if found := re.search(r"Expected '([^']+)' to be a subclass of <class '(?:.*\.)?(\w+)'>", text):
        return f"{key} names {found[1]!r}, which is not a subclass of {found[2]}."
    if found := re.search(r"Group '([^']+)' does not accept option '([^']+)'", text):
        return _unknown_setting(f"{found[1]}.{found[2]}", options, positions)
    if found := re.search(r"Option '([^']+)' is not accepted", text):
        name = found[1].split(".")[0]
        if not key:
            return _unknown_setting(name, options, positions)
        known = _arguments_at(positions, key)
        if name in known:
            named = name_table(typed) if key == "data.source" else None
            return (
                f"{key} has {name!r} in {_classes_with(positions, key, name)}, and another class "
                f"is chosen{f'; {named}' if named else '.'}"
            )
        return f"{key} has no {name!r}.{f' {did_you_mean(name, known)}' if known else ''}"
    if found := re.search(r"following arguments are required: ([\w.]+)", text):
        prefix = f"{key}." if key else ""
        return f"{prefix}{found[1]} is missing; add --{prefix}{found[1]}."
    if key in positions and (found := re.search(r"Expected a dot import path string: (\S+)", text)):
        known = [cls.__name__ for cls in _subclasses(positions[key])]
        return f"There is no {found[1]!r} for {key}. {did_you_mean(found[1], known)}"
    if found := _CUT_LIST.search(text):
        return (
            f"{key} is {found[1]!r}, since a shell splits at spaces. Quote the whole flag, as in "
            f"'--{key}={found[1]} ...]'."
        )
    if found := _LIST_IN_WORDS.search(text):
        return _explain_list(key, found[1])
    if found := re.search(r"Unable to load config '?\"?null", text):
        return f"{key} is null; leave it out for its defaults."
    if found := re.search(r"Expected a <class '[\w.]*Sequence'>\. Got value: (\w+)\.", text):
        return _explain_list(key, found[1])
    if found := _UNION.search(text):
        types = [type_ for type_ in _TYPE.findall(found[1]) if "Tensor" not in type_]
        if types[0].startswith("list[") and {*types[1:]} == {"<class 'NoneType'>"}:
            return _explain_list(key, found[2])
        if key in positions:
            return _no_class(key, found[2], positions)
        return f"{key} is {found[2]!r}; it must be {' or '.join(map(_name_type, types))}."
    if key in positions and (found := _NO_CLASS.search(text)):
        return _no_class(key, found[1], positions)
    if found := _WRONG_TYPE.search(text):
        return f"{key} is {found[2]!r}; it must be {_name_type(found[1])}."
    text = " ".join(text.split())
    return text if text.endswith(".") else f"{text}."


def name_table(typed: Mapping[str, Any], word: str = "") -> str | None:
    """Explain how the table is named that is meant; None where none is.

    Args:
        typed: The flags that were typed, by dotted key.
        word: What was typed in no flag.
    """
    from mlp_lab.tables import is_table  # imports numpy

    places = (word, *(str(typed.get(key, "")) for key in ("data.source", "data.source.path")))
    path = next((place for place in places if is_table(Path(place))), None)
    target = typed.get("data.source.target")
    if path is None and (word or target is None):
        return None
    flags = {"source": "Table", "source.path": path or "FILE", "source.target": target or "COLUMN"}
    pairs = ((f"--data.{key}", str(value)) for key, value in flags.items())
    return f"a table is named by {' '.join(map(shlex.join, pairs))}."


def _explain_list(key: str, value: str) -> str:
    return f"{key} is {value!r}; a list is typed as {quote_flag(f'--{key}', f'[{value}]')}."


def _no_class(key: str, value: str, positions: Mapping[str, type]) -> str:
    known = [cls.__name__ for cls in _subclasses(positions[key])]
    return f"{key} is {value!r}; it must name a class. {did_you_mean('', known)}"


def _unknown_setting(name: str, options: Iterable[str], positions: Mapping[str, type]) -> str:
    known = {option for option in options if not option.endswith("help")}
    known |= {".".join(option.split(".")[:n]) for option in known for n in (1, 2)}
    parts = name.split(".")
    prefixes = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    unknown = next((prefix for prefix in prefixes if prefix not in known), name)
    known |= {*positions}
    known |= {f"{key}.{word}" for key in positions for word in _arguments_at(positions, key)}
    # Who types --lr means the last word of a setting.
    meant = {
        key if "." in unknown else key.rpartition(".")[2]: key
        for key in sorted(known, reverse=True)
    }
    near = difflib.get_close_matches(unknown, meant, n=1)
    hint = f"Did you mean {meant[near[0]]!r}?" if near else "mlp-lab fit --help lists them."
    return f"There is no setting {unknown!r}. {hint}"


def _name_type(type_: str) -> str:
    """Name a type as a user would."""
    if found := re.fullmatch(r"typing\.Literal\[(.+)\]", type_):
        return f"one of {found[1]}"
    name = re.sub(r"<class '(.*)'>", r"\1", re.sub(r"(?:\w+\.)+", "", type_))
    match name:
        case "NoneType":
            return "null"
        case "PositiveInt":
            return "a positive int"
        case _:
            return f"of type {name.lower()}"


def _classes_with(positions: Mapping[str, type], key: str, argument: str) -> str:
    """Name the classes at a position that have an argument, the first ones."""
    classes = (
        c for c in _subclasses(positions[key]) if argument in inspect.signature(c).parameters
    )
    first, *others = sorted({cls.__name__ for cls in classes})
    return (
        first if not others else f"{', '.join([first, *others[:3]])}{', ...' * (len(others) > 3)}"
    )


def _arguments_at(positions: Mapping[str, type], key: str) -> list[str]:
    """List the constructor arguments of all classes that ``key`` may name."""
    classes = _subclasses(positions[key]) if key in positions else []
    names = (name for cls in classes for name in inspect.signature(cls).parameters)
    return sorted(set(names) - _KNOWN_FROM_ELSEWHERE)


def _subclasses(base: type) -> list[type]:
    """List the public classes below ``base``, itself left out, that can be made."""
    children: list[type] = base.__subclasses__()
    below = [cls for child in children for cls in (child, *_subclasses(child))]
    return [c for c in below if not c.__name__.startswith("_") and not inspect.isabstract(c)]
