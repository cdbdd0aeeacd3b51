"""Values of options at the door of every command: said as they were got, all that do not fit at once, and no number that is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import typer

from drivesim.errors import InputError
from drivesim.options import MOST_NUMBER

_MOST_SHOWN = 40

#: Where the mistakes of a command line are kept while it is read.
_MISTAKES = "drivesim.mistakes"

#: What typer raises for a command line; of its kinds only BadParameter has a public name.
_UsageError: Any = typer.BadParameter.__base__


class _Mistakes(typer.BadParameter):
    """Several mistakes of one command line, a line each."""

    def format_message(self) -> str:
        return self.message


class _OfOneOption(InputError):
    """What is wrong with the values of an option that was repeated."""

    def __init__(self, mistakes: list[InputError]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = mistakes


def guarded(command: Any) -> Any:
    """A typer command, or a group of them, that says of values that do not fit what they were, all of them at once, before
    anything is looked at; numbers that are not finite or longer than a machine's word are among those.

    Bounds of an option do not see them: nan is neither below nor above one, and a seed has no natural greatest.
    """
    for one in getattr(command, "commands", {}).values():
        guarded(one)
    for parameter in command.params:
        parameter.process_value = _naming_what_was_got(parameter.process_value, _shown(parameter))
        parameter.handle_parse_result = _kept_for_later(parameter.handle_parse_result, _is_option(parameter))
    command.parse_args = _all_at_once(command.parse_args)
    return command


def judged(read: Callable[[Any], object]) -> Callable[[Any], Any]:
    """A callback for an option whose value can be judged alone: ``read`` raises InputError for one that does not fit.

    Each value of an option that may be repeated is judged. The option's value stays as it was written.
    """

    def callback(value: Any) -> Any:
        mistakes = []
        for one in value if isinstance(value, list | tuple) else [value]:
            try:
                if one is not None:
                    read(one)
            except InputError as error:
                mistakes.append(error)
        if mistakes:
            raise _OfOneOption(mistakes)
        return value

    return callback


def limited(limits: tuple[float, float], about: str) -> Any:
    """An option for a number within ``limits``, the least and the most, with the help ``about``."""
    return typer.Option(min=limits[0], max=limits[1], help=about)


def a_time(option: str, unit_s: float = 1.0) -> Callable[[Any], Any]:
    """A callback for an option that is a length or moment, such as ``8``, ``8s`` or ``1.5 min``."""

    def read(text: str) -> None:
        from drivesim.cli.making import duration_of

        duration_of(option, text, unit_s)

    return judged(read)


def _all_at_once(parse: Callable[[Any, list[str]], list[str]]) -> Callable[[Any, list[str]], list[str]]:
    """Reads a command line to its end and says then what was wrong with it.

    The parser itself stops at an option that it does not know. What stands behind one may be its value or an argument: then
    only options are judged.
    """

    def parsed(context: Any, words: list[str]) -> list[str]:
        unknown: list[Exception] = []
        left = list(words)
        while True:
            found: list[tuple[Exception, bool]] = []
            context.meta[_MISTAKES] = found
            rest: list[str] = []
            try:
                rest = parse(context, list(left))
            except _UsageError as error:
                if not (unknown or found or getattr(error, "option_name", None)):
                    raise
                name = getattr(error, "option_name", None)
                if name is None:
                    found.append((error, False))
                else:
                    unknown.append(error)
                    fewer = _without(left, str(name))
                    if len(fewer) < len(left):
                        left = fewer
                        continue
            mistakes = [*unknown, *(error for error, of_option in found if of_option or not unknown)]
            if not mistakes:
                return rest
            _refuse(context, mistakes)

    return parsed


def _without(words: list[str], name: str) -> list[str]:
    """The words without the first that is the option ``name``, with its value where that stands in the same word."""
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == name or word.startswith(f"{name}="):
            return words[:index] + words[index + 1 :]
    return words


def _refuse(context: Any, mistakes: list[Exception]) -> None:
    if len(mistakes) == 1:
        raise mistakes[0]
    lines = [one.format_message() if isinstance(one, _UsageError) else str(one) for one in mistakes]
    raise _Mistakes("\n".join([f"{len(lines)} mistakes in this call:", *(f"  {line}" for line in lines)]), ctx=context)


def _kept_for_later(handle: Callable[..., Any], of_option: bool) -> Callable[..., Any]:
    def handled(context: Any, options: Any, words: list[str]) -> Any:
        try:
            return handle(context, options, words)
        except (typer.BadParameter, InputError) as error:
            found = error.mistakes if isinstance(error, _OfOneOption) else [error]
            context.meta[_MISTAKES].extend((one, of_option) for one in found)
            return None, words

    return handled


def _naming_what_was_got(process: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    def named(context: Any, value: Any) -> Any:
        try:
            processed = process(context, value)
        except typer.BadParameter as error:
            got = str(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value)
            if _is_no_number(got):
                raise InputError(f"{name} {got[:_MOST_SHOWN]}: expected a finite number.") from None
            if value is not None and repr(got) not in error.message:
                error.message = f"{error.message} (got {got[:_MOST_SHOWN]!r})"
            raise
        for number in _numbers_in(processed):
            _require_usable(name, number)
        return processed

    return named


def _is_option(parameter: Any) -> bool:
    return str(parameter.param_type_name) == "option"


def _shown(parameter: Any) -> str:
    """How the user writes an option."""
    return str(next((word for word in parameter.opts if word.startswith("--")), parameter.name))


def _is_no_number(text: str) -> bool:
    """Whether a text is read as a number that is none: bounds would say of nan that it is too large."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


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
