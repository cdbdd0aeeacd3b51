"""Ways in which a file comes to harm, and seeded mutations of a file's content; shared by the tests of what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

#: Values that stand where others are due.
JUNK: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1.5, -0.0, 1e308, float("nan"), float("inf"), 2**80, 10**400, "", "x", "\x1b[31m", "9" * 30,
    [], [1], [[0]], [None], {}, {"a": 1}, "../../etc/passwd",
)  # fmt: skip


def flipped(path: Path) -> None:
    """One byte in the middle of a file becomes another."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x21
    path.write_bytes(data)


def truncated(path: Path) -> None:
    """The second half of a file is lost."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Nothing is left of a file but its name."""
    path.write_bytes(b"")


def mutations(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """``count`` other contents of a file: bytes changed, lost or doubled, and in JSON other values at any place.

    The first few are the cases that every reader must know: empty, not UTF-8, nested 100,000 deep, other kinds of value.
    """
    known = (
        b"",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b"\x00" * 64,
    )
    yield from known[:count]
    rng = np.random.default_rng(seed)
    parsed = _parsed(content)
    for _ in range(count - len(known)):
        yield _edited(parsed, rng) if parsed is not None and rng.random() < 0.7 else _damaged(content, rng)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _edited(value: Any, rng: np.random.Generator) -> bytes:
    """JSON with one or two places changed: another value, a key lost, a key renamed, an item doubled."""
    copy = json.loads(json.dumps(value))
    for _ in range(int(rng.integers(1, 3))):
        holder, key = _place(copy, rng)
        if holder is None:
            break
        kind = rng.random()
        if kind < 0.15:
            del holder[key]
        elif kind < 0.25 and isinstance(holder, dict):
            holder[f"{key}_"] = holder.pop(key)
        elif kind < 0.35 and isinstance(holder, list):
            holder.append(holder[key])
        elif kind < 0.4:
            holder[key] = json.loads("[" * 500 + "]" * 500)
        else:
            holder[key] = deepcopy(JUNK[int(rng.integers(len(JUNK)))])  # a later edit may change what stands there
    return json.dumps(copy).encode()


def _place(value: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Some place inside a JSON value: the object or list that holds it, and its key."""
    holder, key = None, None
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        holder, key = value, keys[int(rng.integers(len(keys)))]
        value = holder[key]
        if rng.random() < 0.3:
            break
    return holder, key


def _damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Bytes flipped, cut off, cut out, or written twice."""
    data = bytearray(content)
    kind, at = rng.random(), int(rng.integers(max(1, len(data))))
    if kind < 0.5:
        for place in rng.integers(max(1, len(data)), size=int(rng.integers(1, 4))):
            data[int(place) : int(place) + 1] = bytes([int(rng.integers(256))])
    elif kind < 0.7:
        del data[at:]
    elif kind < 0.85:
        del data[at : at + int(rng.integers(1, 40))]
    else:
        data[at:at] = data[at : at + int(rng.integers(1, 40))]
    return bytes(data)
