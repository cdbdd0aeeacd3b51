"""Words for people: after a number, and where what is stored differs from what is asked for."""

from __future__ import annotations

from collections.abc import Mapping


def number_of(count: int, thing: str) -> str:
    """``1 actor``, ``2 actors``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def differences(whose: str, has: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """What is stored (``whose``: "the run") and what is asked for, where they differ: a phrase for each name, in their order."""
    return [
        f"{name}: {whose} has {_shown(has.get(name))}, this command asks for {_shown(wanted.get(name))}"
        for name in {**has, **wanted}
        if has.get(name) != wanted.get(name)
    ]


def _shown(value: object) -> str:
    """A value as the reader needs it: hashes by their first twelve digits."""
    text = "nothing" if value is None else str(value)
    return text[:12] if len(text) == 64 and all(digit in "0123456789abcdef" for digit in text) else text
