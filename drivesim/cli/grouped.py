"""Groups of options: a command takes a dataclass, the command line has its fields one by one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass replaced by that dataclass's fields, for typer to read.

    A field is an option if its type is ``Annotated`` with one, or if its metadata has a ``help`` text; others keep their
    defaults. Raises TypeError when two parameters would have one name.
    """
    hints = get_type_hints(command, include_extras=True)
    plain: dict[str, inspect.Parameter] = {}
    groups: dict[str, dict[str, inspect.Parameter]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = _parameters_of(hints[name])
        else:
            plain[name] = parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
    every = [*plain, *(name for group in groups.values() for name in group)]
    if len(set(every)) < len(every):
        raise TypeError(f"{command.__name__} has two options of one name: {sorted(every)}")

    @functools.wraps(command)
    def run(**given: Any) -> None:
        built = {name: hints[name](**{field: given.pop(field) for field in group}) for name, group in groups.items()}
        command(**given, **built)

    parameters = {**plain, **{name: one for group in groups.values() for name, one in group.items()}}
    run.__dict__.pop("__wrapped__")  # typer would look at the parameters of what is wrapped
    run.__dict__["__signature__"] = inspect.Signature(list(parameters.values()))
    run.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    return run


def _parameters_of(group: type[Any]) -> dict[str, inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    found = {}
    for one in fields(group):
        annotation = hints[one.name]
        if "help" in one.metadata:
            annotation = Annotated[annotation, _option(one)]
        elif not hasattr(annotation, "__metadata__"):
            continue
        found[one.name] = inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=annotation
        )
    return found


def _option(one: Field[Any]) -> Any:
    switch = (f"--{one.name.replace('_', '-')}",) if one.default is False else ()
    return typer.Option(*switch, help=one.metadata["help"])
