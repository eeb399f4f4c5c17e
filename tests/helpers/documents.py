"""What the documents print, as files."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(document: Path, language: str) -> list[str]:
    """Return a document's blocks of a language."""
    return [text for lang, text in BLOCK.findall(document.read_text("utf-8")) if lang == language]


def own_classes() -> dict[str, str]:
    """Return the net, source, augmentation and callback of the how-to guides, and their config."""
    pages = sorted((ROOT / "docs" / "how_to").glob("own_*.md"))
    texts = (t for page in pages for lang in ("python", "yaml") for t in blocks(page, lang))
    named = ((re.match(r"# (my_\w+\.py|mine\.yaml)\n", text), text) for text in texts)
    return {name[1]: text for name, text in named if name}
