"""A model card read back: its metadata by a YAML parser, its body by a Markdown parser."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass
class Card:
    """What a reader of the rendered card sees.

    Attributes:
        metadata: The YAML that it begins with.
        rows: Cells of the table rows below each heading.
        paragraphs: The text below each heading that is in no table.
        code: Its code blocks.
        kinds: Kinds of all elements.
    """

    metadata: dict[str, Any]
    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    paragraphs: dict[str, str] = field(default_factory=dict)
    code: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def facts(self, heading: str) -> dict[str, str]:
        """Return a table of two columns."""
        return {name: value for name, value in self.rows[heading] if name}


def read_card(path: Path) -> Card:
    """Read a card, which ends in a comment."""
    match = re.fullmatch(
        r"---\n(.*?\n)---\n(.*)\n<!-- mlp-lab [^<>]*: [0-9a-f]{64} -->\n",
        path.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert match
    card = Card(yaml.safe_load(match[1]))
    heading, is_heading, in_table = "", False, False
    for token in MarkdownIt("commonmark").enable("table").parse(match[2]):
        card.kinds |= {token.type, *(child.type for child in token.children or [])}
        match token.type:
            case "heading_open":
                is_heading = True
            case "table_open" | "table_close":
                in_table = token.type == "table_open"
            case "tr_open":
                card.rows.setdefault(heading, []).append([])
            case "fence":
                card.code.append(token.content)
            case "inline" if is_heading:
                heading, is_heading = _text_of(token), False
            case "inline" if in_table:
                card.rows[heading][-1].append(_text_of(token))
            case "inline":
                before = card.paragraphs.get(heading, "")
                card.paragraphs[heading] = f"{before} {_text_of(token)}".strip()
    return card


def _text_of(token: Token) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content for child in token.children or []
    )
