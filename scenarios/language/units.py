"""Quantities with units: a plain number is SI, a string may carry a unit (``50 km/h``, ``30 deg``).

Lengths in metres, speeds in metres a second, accelerations in metres a second squared, times in seconds, angles in
radians. Every function is pure and raises :class:`UnitError` with a message for the person who wrote the value.
"""

from __future__ import annotations

import math
import re
from typing import Literal

Dimension = Literal["length", "speed", "acceleration", "time", "angle", "curvature", "number"]

#: One kilometre an hour in metres a second, and one degree in radians: ``50 * kmh``, ``90 * deg``.
kmh = 1.0 / 3.6
deg = math.pi / 180.0

_MILE = 1609.344
#: Unit, dimension and its size in SI. The first unit of each dimension is the SI one.
UNITS: dict[str, tuple[Dimension, float]] = {
    "m": ("length", 1.0),
    "km": ("length", 1000.0),
    "cm": ("length", 0.01),
    "mm": ("length", 0.001),
    "ft": ("length", 0.3048),
    "mi": ("length", _MILE),
    "m/s": ("speed", 1.0),
    "km/h": ("speed", kmh),
    "kmh": ("speed", kmh),
    "kph": ("speed", kmh),
    "mph": ("speed", _MILE / 3600.0),
    "m/s2": ("acceleration", 1.0),
    "m/s²": ("acceleration", 1.0),
    "m/s^2": ("acceleration", 1.0),
    "s": ("time", 1.0),
    "ms": ("time", 0.001),
    "min": ("time", 60.0),
    "h": ("time", 3600.0),
    "rad": ("angle", 1.0),
    "deg": ("angle", deg),
    "°": ("angle", deg),
    "1/m": ("curvature", 1.0),
    "%": ("number", 0.01),
}

_EXAMPLES: dict[Dimension, str] = {
    "length": "a number in m, or '25 m', '0.5 km', '80 ft'",
    "speed": "a number in m/s, or '25 m/s', '90 km/h', '56 mph'",
    "acceleration": "a number in m/s², or '3 m/s2'",
    "time": "a number in s, or '60 s', '500 ms', '5 min'",
    "angle": "a number in rad, or '90 deg', '1.57 rad'",
    "curvature": "a number in 1/m (one over the radius), as 0.002",
    "number": "a plain number",
}
_NAMES: dict[Dimension, str] = {
    "length": "a length",
    "speed": "a speed",
    "acceleration": "an acceleration",
    "time": "a time",
    "angle": "an angle",
    "curvature": "a curvature",
    "number": "a number",
}
_QUANTITY = re.compile(r"\s*([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S.*?)?\s*")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)\b.*", re.IGNORECASE)


#: Nobody means a longer video, or a moment in one, seconds.
LONGEST_S = 86_400.0


class UnitError(ValueError):
    """A value that is not the quantity it should be; ``code`` is the stable code of the message."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


def split_quantity(text: str) -> tuple[float, Dimension | None] | None:
    """Value in SI and dimension of a text such as ``50 km/h`` (None: no unit was written); None when it is not one."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    try:
        value = float(number)
    except ValueError:
        return None
    if unit is None:
        return value, None
    known = UNITS.get(unit) or UNITS.get(unit.replace(" ", ""))
    return (value * known[1], known[0]) if known else None


def parse(
    value: object, dimension: Dimension, *, minimum: float = -math.inf, maximum: float = math.inf, above: bool = False
) -> float:
    """The number in SI of ``value``: a number, or a text with a unit of ``dimension``.

    ``minimum`` and ``maximum`` bound it; ``above`` makes the minimum itself out of range. Raises UnitError.
    """
    number = _number(value, dimension)
    if not math.isfinite(number):
        raise UnitError("DS026", f"{shown(value)} is not a finite number. Use {_EXAMPLES[dimension]}.")
    unit = _si_unit(dimension)
    if number < minimum or (above and number == minimum):
        bound = f"above {minimum:g}{unit}" if above else f"at least {minimum:g}{unit}"
        raise UnitError("DS027", f"{shown(value)} is out of range: it must be {bound}.")
    if number > maximum:
        raise UnitError("DS027", f"{shown(value)} is out of range: it must be at most {maximum:g}{unit}.")
    return number


def parse_any(value: object) -> tuple[float, Dimension | None]:
    """Value in SI and dimension (None without a unit) of a quantity of any dimension. Raises UnitError."""
    if isinstance(value, str):
        found = split_quantity(value)
        if found is None and _NOT_FINITE.fullmatch(value.strip()):
            raise UnitError("DS026", f"{shown(value)} is not a finite number.")
        if found is None:
            raise UnitError("DS025", f"{shown(value)} is not a number with a unit. Use '25 m', '90 km/h', '3 s', 0.5 …")
        return found
    number = _number(value, "number")
    if not math.isfinite(number):
        raise UnitError("DS026", f"{shown(value)} is not a finite number.")
    return number, None


def _number(value: object, dimension: Dimension) -> float:
    if isinstance(value, bool):
        raise UnitError("DS028", f"{shown(value)} is not {_NAMES[dimension]}. Use {_EXAMPLES[dimension]}.")
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str):
        if _NOT_FINITE.fullmatch(value.strip()):
            return math.nan
        found = split_quantity(value)
        if found is not None and found[1] in (None, dimension):
            return found[0]
    raise UnitError("DS025", f"{shown(value)} is not {_NAMES[dimension]}. Use {_EXAMPLES[dimension]}.")


def _si_unit(dimension: Dimension) -> str:
    if dimension == "number":
        return ""
    return " " + next(unit for unit, (kind, _) in UNITS.items() if kind == dimension)


def shown(value: object) -> str:
    """A value as messages quote it, at most 60 characters long."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return "a list" if not isinstance(value, dict) else "a mapping"
    text = repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
