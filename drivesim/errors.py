"""Errors meant for the person at the keyboard: what was got, what was expected, what to do; each with its exit code."""

from __future__ import annotations


class DriveSimError(Exception):
    """Something the user can mend; the command line prints it as one clear message and exits with ``exit_code``."""

    exit_code = 2


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
