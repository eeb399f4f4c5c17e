"""The pages in Russian keep step with the English ones: headings, commands, links, numbers."""

import re
from pathlib import Path

import pytest

from tests.helpers.documents import BLOCK, ROOT

RUSSIAN = ROOT / "docs" / "ru"
PAGES = {
    RUSSIAN / "README.md": ROOT / "README.md",
    RUSSIAN / "quickstart.md": ROOT / "docs" / "quickstart.md",
    RUSSIAN / "course.md": ROOT / "docs" / "course.md",
}
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")

each_page = pytest.mark.parametrize(
    ("russian", "english"), PAGES.items(), ids=[page.stem for page in PAGES]
)


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text("utf-8"))


def commands(page: Path) -> list[tuple[str, str]]:
    """Return all blocks, without the comments that are translated."""
    return [
        (language, re.sub(r"[ \t]+#[ \t].*$", "", text, flags=re.MULTILINE))
        for language, text in BLOCK.findall(page.read_text("utf-8"))
    ]


def targets(page: Path) -> list[tuple[Path, str]]:
    """Return what is linked and shown, with the place in it."""
    found = []
    for link in LINK.findall(page.read_text("utf-8")):
        path, _, place = "".join(link).partition("#")
        target = (page.parent / path).resolve()
        found.append((PAGES.get(target, target), place))
    return sorted(found)


def numbers(text: str, *, groups: str, point: str) -> list[str]:
    """Return the numbers of a text, however they are written, beside code and links."""
    plain = LINK.sub("]", re.sub(r"<[^>]*>", "", CODE.sub("", text)))
    plain = re.sub(rf"(?<=\d)[{groups}](?=\d{{3}}(?!\d))", "", plain)
    return sorted(re.findall(r"\d+(?:\.\d+)?", plain.replace(point, ".")))


def test_every_page_has_its_pair() -> None:
    assert {*RUSSIAN.glob("*.md")} == PAGES.keys()


@each_page
def test_headings_are_as_many_and_as_deep(russian: Path, english: Path) -> None:
    levels = [re.findall(r"^(#+) ", prose(page), re.MULTILINE) for page in (russian, english)]
    assert levels[0] == levels[1]


@each_page
def test_commands_are_the_same(russian: Path, english: Path) -> None:
    assert commands(russian) == commands(english)


@each_page
def test_what_is_named_is_the_same(russian: Path, english: Path) -> None:
    assert sorted(CODE.findall(prose(russian))) == sorted(CODE.findall(prose(english)))


@each_page
def test_links_lead_to_the_same_places(russian: Path, english: Path) -> None:
    own, theirs = (
        [target for target in targets(page) if target[0] != english]  # each leads to the other
        for page in (russian, english)
    )
    assert own == theirs


@each_page
def test_numbers_are_the_same(russian: Path, english: Path) -> None:
    translated = numbers(prose(russian), groups=" \u00a0", point=",")
    assert translated == numbers(prose(english), groups=",", point=".")
