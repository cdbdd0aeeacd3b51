"""Words for people: after a number, and where what is stored differs from what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivesim.errors import InputError

#: Of more differences than these their number is said.
_MOST_NAMED = 5


def number_of(count: int, thing: str) -> str:
    """``1 actor``, ``2 actors``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def require_same(whose: str, has: Mapping[str, Any], wanted: Mapping[str, Any], *, refused: str, advice: str) -> None:
    """Raise InputError naming what is stored (``whose``: "the run") and what is asked for, where they differ.

    Nested values have dotted names; the first of many differences are named. ``refused`` says what cannot be done, ``advice`` what can.
    """
    has, wanted = _flat(has), _flat(wanted)
    found = [
        f"{name}: {whose} has {_shown(has.get(name))}, this command asks for {_shown(wanted.get(name))}"
        for name in {**has, **wanted}
        if has.get(name) != wanted.get(name)
    ]
    if found:
        more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise InputError(f"{refused}. {'; '.join(found[:_MOST_NAMED])}{more}. {advice}")


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted names."""
    if not isinstance(values, Mapping) or not values:
        return {prefix: values} if prefix else {}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _shown(value: object) -> str:
    """A value as the reader needs it: hashes by their first twelve digits."""
    text = "nothing" if value is None else str(value)
    return text[:12] if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text) else text
