"""What the README prints, as files."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def printed_files(language: str) -> dict[str, str]:
    """Return the blocks of a language that begin with a comment with a file's name."""
    blocks = re.findall(rf"```{language}\n(# (\S+)\n.*?)```", README, re.DOTALL)
    return {name: text for text, name in blocks}


def python_files() -> dict[str, str]:
    """Return the README's own net, source, callback and augmentation."""
    return printed_files("python")
