"""Errors meant for the person at the keyboard: what was got, what was expected, what to do; each with its exit code."""

from __future__ import annotations


def printable(text: str) -> str:
    """A text with every character that is none made visible, as ``\\x1b``: names and keys from files must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def one_line(text: str) -> str:
    """A :func:`printable` text without line breaks, as for a comment: what stands behind a break in a name would be read as content."""
    return " ".join(printable(text).split())


def why(error: Exception) -> str:
    """What an error says; of one of the system neither its number nor the file, which the message names, but what to do."""
    if isinstance(error, PermissionError):
        return "permission denied; mend its rights"
    return getattr(error, "strerror", None) or str(error)


class NotKeptWarning(UserWarning):
    """Something that could be worked out again was not kept for the next time; nothing else is lost."""


class DriveSimError(Exception):
    """Something the user can mend; the command line prints it as one clear message and exits with ``exit_code``."""

    exit_code = 2

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(DriveSimError):
    """A file, option or argument is not usable."""

    exit_code = 2


class SelectBudgetError(DriveSimError):
    """``mode: select`` spent its tries before enough futures showed the event."""

    exit_code = 3


class ModelError(DriveSimError):
    """Weights, configuration or device of a model are not usable."""

    exit_code = 4


class MissingPackageError(DriveSimError):
    """A package that only some features need is not installed; the message says how to install it."""

    exit_code = 4
