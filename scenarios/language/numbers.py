"""Quantities of the schema as numbers, once nothing varies."""

from __future__ import annotations


def number(value: float | str) -> float:
    """A quantity of the schema as a number. Raises ValueError while it still is a ``$parameter``."""
    if isinstance(value, str):
        raise ValueError(f"{value} has no value yet; use scenario.concrete(variation)")
    return value


def or_none(value: float | str | None) -> float | None:
    """As :func:`number`, None for None."""
    return None if value is None else number(value)
