"""Text from a file as it may be shown, and written into a table or Markdown."""

import re
import unicodedata

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute
# What Markdown would take for more than text; within a word it leaves underscores alone.
_MARKUP = re.compile(r"[\\`*\[\]<>&|~$]|(?<![^\W_])_|_(?![^\W_])")


def as_shown(text: str) -> str:
    r"""Return text whose control characters a terminal shows and does not obey.

    Example:
        >>> as_shown("a\x1b[2Jb\n")
        'a\\x1b[2Jb\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter
        if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")
        else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def as_cell(value: object) -> object:
    """Return what a CSV cell holds: text that a spreadsheet would compute stands behind a quote.

    Example:
        >>> [as_cell(value) for value in ("=1+1", "-0.5", "-x", 3)]
        ["'=1+1", '-0.5', "'-x", 3]
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def as_markdown(text: object) -> str:
    r"""Return text that Markdown shows as it is, on one line and within a cell of a table.

    Example:
        >>> print(as_markdown("a|b *c*\n<d> e_f _g_"))
        a\|b \*c\* \<d\> e_f \_g\_
    """
    return _MARKUP.sub(r"\\\g<0>", " ".join(as_shown(str(text)).split()))
