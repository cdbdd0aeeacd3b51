"""Words that follow a number."""

from __future__ import annotations


def number_of(count: int, thing: str) -> str:
    """``1 actor``, ``2 actors``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
