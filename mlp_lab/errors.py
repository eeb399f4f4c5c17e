"""The exception tree: every error that a user can mend derives from MLPLabError."""

import difflib
import re
import shlex
import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar

_MOST_NAMES_LISTED = 12


class MLPLabError(Exception):
    """Explain in one or two sentences which setting, what came, what is allowed and what to do.

    Attributes:
        exit_code: What the command line ends with: 2 for what needs fixing in the command or its
            files beforehand, 1 for what went wrong on the way.
    """

    exit_code: ClassVar[int] = 2


class ConfigError(MLPLabError, ValueError):
    """A setting that cannot work, or settings that cannot go together."""


class InUseError(ConfigError):
    """A directory that another process writes to."""


class DatasetNotFoundError(MLPLabError, FileNotFoundError):
    """A data set whose files are neither there nor available."""


class ChecksumError(MLPLabError, OSError):
    """A file whose content does not match its kind or its checksum."""


class EmptyClassError(MLPLabError, ValueError):
    """A class without a sample where at least one is needed."""


class MissingExtraError(MLPLabError, ImportError):
    """A feature whose optional packages are not installed."""


class RunNotFoundError(MLPLabError, FileNotFoundError):
    """A run directory or checkpoint that is not there."""


class ExportError(MLPLabError, RuntimeError):
    """A model file that does not answer as the net does, or cannot be made."""

    exit_code = 1


class WorkerError(MLPLabError, RuntimeError):
    """A process that computed beside this one and was killed, or a worker that cannot train."""

    exit_code = 1


class StorageError(MLPLabError, ConnectionError):
    """The storage of a study, which cannot be reached or used."""

    exit_code = 1


class DivergenceError(MLPLabError, ArithmeticError):
    """A training whose numbers are no longer finite."""

    exit_code = 1


class WriteError(MLPLabError, OSError):
    """A file that could not be written; what it held before is still there."""

    exit_code = 1


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, its kind where it has none.

    Example:
        >>> first_line(ValueError("no good")), first_line(KeyboardInterrupt())
        ('no good', 'KeyboardInterrupt')
    """
    message = str(error).strip()
    return message.splitlines()[0] if message else type(error).__name__


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then what it was raised from or while handling, and so on.

    Example:
        >>> error = ValueError("no good")
        >>> error.__cause__ = KeyError("x")
        >>> list(causes(error))
        [ValueError('no good'), KeyError('x')]
    """
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class MLPLabWarning(UserWarning):
    """Something the user should know and can act on; the console shows its text alone."""


def warn_deprecated(old: str, new: str) -> None:
    """Warn, at the caller's caller, of what version 0.1 had and version 0.3 will not have."""
    text = f"{old} is deprecated since 0.2 and will be removed in 0.3; use {new}."
    warnings.warn(text, MLPLabWarning, stacklevel=3)


def did_you_mean(word: str, known: Iterable[str], used: Collection[str] = ()) -> str:
    """Suggest the known word that is meant, or list the known ones where none is near.

    Args:
        word: What came.
        known: What is allowed.
        used: Of the known ones those that are meant by something else, and are not suggested.

    Example:
        >>> did_you_mean("hors", ["cat", "horse"])
        "Did you mean 'horse'?"
        >>> did_you_mean("xyz", ["cat", "horse"])
        'There is: cat, horse.'
    """
    names = list(known)
    folded = {name.casefold(): name for name in names if name not in used}
    if near := difflib.get_close_matches(word.casefold(), folded, n=1):
        return f"Did you mean {folded[near[0]]!r}?"
    dots = ", ..." if len(names) > _MOST_NAMES_LISTED else "."
    return f"There is: {', '.join(names[:_MOST_NAMES_LISTED])}{dots}"


def quote_flag(flag: str, value: str) -> str:
    """Return a flag with its value as it is typed; a list of plain words needs no quotes.

    Example:
        >>> print(quote_flag("--drop", "[age,fare]"), quote_flag("--drop", "[listed on]"))
        --drop=[age,fare] '--drop=[listed on]'
    """
    typed, plain = f"{flag}={value}", value.removeprefix("[").removesuffix("]")
    return typed if shlex.quote(plain) == plain else shlex.quote(typed)


def check_choice(key: str, value: object, known: Iterable[object]) -> None:
    """Refuse a value that is none of a few, as Python lets any through.

    Raises:
        ConfigError: It is none of them.

    Example:
        >>> check_choice("data.resample", "ovr", [None, "over", "under"])
        Traceback (most recent call last):
        mlp_lab.errors.ConfigError: data.resample is 'ovr'. Did you mean 'over'?
    """
    choices = list(known)
    if value not in choices:
        words = [choice for choice in choices if isinstance(choice, str)]
        raise ConfigError(f"{key} is {value!r}. {did_you_mean(str(value), words)}")


def explain_out_of_memory(error: BaseException) -> str | None:
    """Explain in a sentence that memory ran out; None where it was something else.

    Example:
        >>> explain_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."))
        'Memory ran out: 2.00 GiB more were wanted. Try a smaller net, or fewer samples at once.'
    """
    message = str(error)
    words = r"out of memory|can't allocate memory|not enough memory"
    of_torch = isinstance(error, RuntimeError) and re.search(words, message)
    if not isinstance(error, MemoryError) and not of_torch:
        return None
    wanted = re.search(r"allocate (\d+(?:\.\d+)?)\.? (\w+)", message)
    more = f"{wanted[1]} {wanted[2]} more were wanted" if wanted else "no more was to be had"
    return f"Memory ran out: {more}. Try a smaller net, or fewer samples at once."
