"""Directives that write the reference from the program itself.

``lab-commands`` prints the help of each command, ``lab-settings`` what a configuration may say.
"""

import argparse
import contextlib
import inspect
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docutils import nodes
from jsonargparse import ArgumentParser
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

import mlp_lab.data
import mlp_lab.nets
import mlp_lab.tasks
from mlp_lab.cli.invocation import read_invocation
from mlp_lab.cli.main import COMMANDS, main
from mlp_lab.cli.parser import ParsedCLI

# A setting that names a class, the base of what it may name, and what of that belongs here.
CLASSES: Mapping[str, tuple[type, object]] = {
    "model": (mlp_lab.tasks.Task, mlp_lab.tasks),
    "model.net": (mlp_lab.nets.Net, mlp_lab.nets),
    "model.schedule": (mlp_lab.tasks.Schedule, mlp_lab.tasks),
    "data.source": (mlp_lab.data.Source, mlp_lab.data),
    "data.augment": (mlp_lab.data.Augmentation, mlp_lab.data),
}
# What a class gets from elsewhere, or a setting has a place of its own for.
GIVEN = {
    "model": ("input_shape", "num_classes", "num_targets"),
    "model.net": ("input_shape", "num_outputs"),
}
OF_A_COMMAND = ("help", "config", "print_config", "print_shtab")


class LabCommands(SphinxDirective):
    """The help of each command, as it is printed."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        text = "\n\n".join(
            f"## mlp-lab {name}\n\n{command.summary[0].upper()}{command.summary[1:]}.\n\n"
            f"```text\n{_help(name)}```"
            for name, command in COMMANDS.items()
        )
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class LabSettings(SphinxDirective):
    """Each setting with its type, default and effect."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each part of a configuration, and one for each class."""
        with contextlib.redirect_stdout(io.StringIO()):
            parser = ParsedCLI("fit", read_invocation("fit", ["--figures=false"])).parser
        actions = [*_settings(parser)]
        parts = {
            "Flags of a command": [a for a in actions if "." not in a.dest],
            "data": [a for a in actions if a.dest.startswith("data.")],
            "trainer": [a for a in actions if a.dest.startswith("trainer.")],
        }
        text = [f"## {title}\n\n{_list(actions)}" for title, actions in parts.items()]
        for key, (base, module) in CLASSES.items():
            text.append(f"## Classes of {key}\n")
            text += [_describe_class(key, kind) for kind in _concrete(base, module)]
        return self.parse_text_to_nodes("\n\n".join(text), allow_section_headings=True)


def _help(name: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        main([name, "--help"])
    return output.getvalue()


def _settings(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        is_help = action.dest.endswith(".help") or action.dest in OF_A_COMMAND
        # A part of a configuration, such as data, is given a file and has no default.
        if not is_help and argparse.SUPPRESS not in (action.help, action.default):
            yield action


def _list(actions: Iterable[argparse.Action]) -> str:
    return "\n\n".join(
        f"`{action.dest}`\n: {_name(getattr(action, '_typehint', None) or action.type or bool)}, "
        f"by default {_plain(action.default)}. {' '.join((action.help or '').split())}"
        for action in actions
    )


def _name(type_: Any) -> str:
    text = inspect.formatannotation(type_)
    for prefix in ("typing.", "collections.abc.", "pathlib.", "jsonargparse."):
        text = text.replace(prefix, "")
    return f"`{text}`"


def _plain(default: Any) -> str:
    plain = default.as_dict() if hasattr(default, "as_dict") else default
    if isinstance(plain, dict) and "class_path" in plain:
        plain = plain["class_path"]
    return f"`{plain}`"


def _concrete(base: type, module: Any) -> list[type]:
    named = (getattr(module, name) for name in module.__all__)
    return [
        kind
        for kind in named
        if isinstance(kind, type) and issubclass(kind, base) and not inspect.isabstract(kind)
    ]


def _describe_class(key: str, kind: type) -> str:
    parser = ArgumentParser()
    parser.add_class_arguments(kind, key, skip={*GIVEN.get(key, ())}, fail_untyped=False)
    actions = [action for action in _settings(parser) if "." in action.dest[len(key) :]]
    summary = (inspect.getdoc(kind) or "").partition("\n")[0]
    return f"### {kind.__name__}\n\n{summary}\n\n" + (_list(actions) if actions else "")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the directives."""
    app.add_directive("lab-commands", LabCommands)
    app.add_directive("lab-settings", LabSettings)
    return {"parallel_read_safe": False}
