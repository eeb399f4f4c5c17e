"""Guess what a mistyped word was meant to be."""

import difflib
from collections.abc import Iterable

_MOST_NAMES_LISTED = 12


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Say which known word is meant, or list the known ones where none is near.

    Example:
        >>> did_you_mean("hors", ["cat", "horse"])
        "Did you mean 'horse'?"
        >>> did_you_mean("xyz", ["cat", "horse"])
        'There is: cat, horse.'
    """
    names = list(known)
    folded = {name.casefold(): name for name in names}
    if near := difflib.get_close_matches(word.casefold(), folded, n=1):
        return f"Did you mean {folded[near[0]]!r}?"
    dots = ", ..." if len(names) > _MOST_NAMES_LISTED else "."
    return f"There is: {', '.join(names[:_MOST_NAMES_LISTED])}{dots}"
