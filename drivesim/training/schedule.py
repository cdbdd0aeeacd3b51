"""Settings that many stages share, each a dataclass that a stage's constructor takes whole; recipes name their fields alone."""

from __future__ import annotations

import dataclasses
import importlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from drivesim.errors import InputError

_OVERRIDE = re.compile(r"--model\.(?:init_args\.)?(?P<name>\w+)(?P<value>=.*)?", re.DOTALL)


def require(name: str, value: float, *, least: float = 0.0, above: float | None = None, most: float = math.inf) -> None:
    """Raise InputError unless a setting is a number from ``least``, or ``above`` something, to ``most``."""
    reached = value >= least if above is None else value > above
    if not (reached and value <= most and math.isfinite(value)):
        begins = f"at least {least:g}" if above is None else f"more than {above:g}"
        ends = "" if math.isinf(most) else f" and at most {most:g}"
        raise InputError(f"model.{name} is {value}: expected {begins}{ends}")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How fast weights move: the rate warms up to ``learning_rate`` over ``warmup_steps``, then falls on a cosine to 10 % of it.

    ``average_decay`` is that of the moving average, ``weight_decay`` AdamW's.
    """

    learning_rate: float
    warmup_steps: int = 100
    average_decay: float = 0.999
    weight_decay: float = 1e-3

    def __post_init__(self) -> None:
        """Raises InputError for values with which nothing can be learnt."""
        require("learning_rate", self.learning_rate, above=0.0, most=1.0)
        require("warmup_steps", self.warmup_steps)
        require("average_decay", self.average_decay, most=1.0)
        require("weight_decay", self.weight_decay)

    def rate(self, updates: int, share_done: float) -> float:
        """Learning rate of the step after ``updates``, with this share (0 to 1) of the training done."""
        warmup = min(1.0, (updates + 1) / max(1, self.warmup_steps))
        return self.learning_rate * warmup * (0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * share_done)))


def groups_of(stage: type) -> dict[str, str]:
    """The argument of a stage's constructor that holds a setting, by the setting's name: ``learning_rate``: ``schedule``."""
    kinds = get_type_hints(stage.__init__)  # type: ignore[misc]
    return {
        field.name: group
        for group, kind in kinds.items()
        if dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
    }


def grouped(model: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's ``model`` with each shared setting in its group. Raises InputError for one that stands in both places."""
    settings, groups = model.get("init_args", {}), _groups_named(model.get("class_path"))
    own = {name: value for name, value in settings.items() if name not in groups}
    for name in settings.keys() & groups.keys():
        within = own.get(groups[name], {})
        if name in within:
            raise InputError(f"model.{name} and model.{groups[name]}.{name} are the same setting. Keep one.")
        own[groups[name]] = {**within, name: settings[name]}
    return {**model, "init_args": own} if "init_args" in model else dict(model)


def grouped_overrides(class_path: Any, overrides: list[str]) -> list[str]:
    """Overrides of the command line, likewise: ``--model.learning_rate`` is ``--model.schedule.learning_rate``."""
    groups = _groups_named(class_path)

    def whole(text: str) -> str:
        found = _OVERRIDE.fullmatch(text)
        if found is None or found["name"] not in groups:
            return text
        return f"--model.{groups[found['name']]}.{found['name']}{found['value'] or ''}"

    return [whole(text) for text in overrides]


def _groups_named(class_path: Any) -> dict[str, str]:
    """The groups of the stage that a recipe names; none where there is no such class, which whoever builds it then says."""
    module, _, name = str(class_path).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return {}
    return groups_of(found) if isinstance(found, type) else {}
