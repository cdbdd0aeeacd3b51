"""Values of options at the door of every command: said as they were got, and no number that is none."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import typer

from drivesim.errors import InputError
from drivesim.options import MOST_NUMBER

_MOST_SHOWN = 40


def guarded(command: Any) -> Any:
    """A typer command, or a group of them, that says of a value that does not fit what it was, and that raises InputError for
    numbers that are not finite or longer than a machine's word, before anything is looked at.

    Bounds of an option do not see them: nan is neither below nor above one, and a seed has no natural greatest.
    """
    for one in getattr(command, "commands", {}).values():
        guarded(one)
    for parameter in command.params:
        parameter.process_value = _naming_what_was_got(parameter.process_value)
    if command.callback is not None:
        command.callback = _refusing_numbers(command.callback, {one.name: _shown(one) for one in command.params})
    return command


def _naming_what_was_got(process: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def named(context: Any, value: Any) -> Any:
        try:
            return process(context, value)
        except typer.BadParameter as error:
            got = str(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value)
            if value is not None and repr(got) not in error.message:
                error.message = f"{error.message} (got {got[:_MOST_SHOWN]!r})"
            raise

    return named


def _refusing_numbers(call: Callable[..., Any], names: dict[str, str]) -> Callable[..., Any]:
    @functools.wraps(call)
    def run(*arguments: Any, **given: Any) -> Any:
        for name, value in given.items():
            for number in _numbers_in(value):
                _require_usable(names.get(name, name), number)
        return call(*arguments, **given)

    return run


def _shown(parameter: Any) -> str:
    """How the user writes an option."""
    return str(next((word for word in parameter.opts if word.startswith("--")), parameter.name))


def _numbers_in(value: Any) -> Iterator[int | float]:
    values = value if isinstance(value, list | tuple) else [value]
    return (one for one in values if isinstance(one, int | float))


def _require_usable(option: str, number: int | float) -> None:
    if isinstance(number, float) and not math.isfinite(number):
        raise InputError(f"{option} {number}: expected a finite number.")
    if isinstance(number, int) and abs(number) > MOST_NUMBER:
        raise InputError(
            f"{option} {str(number)[:_MOST_SHOWN]}: expected a whole number from 0 to {MOST_NUMBER}, as long as a machine's word."
        )
