"""Quantities with units."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivesim.scenarios.language.units import UNITS, UnitError, deg, kmh, parse, parse_any, split_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("50 km/h", "speed", 50 / 3.6),
        ("25m/s", "speed", 25.0),
        ("56 mph", "speed", 25.03424),
        ("30 deg", "angle", math.pi / 6),
        ("90°", "angle", math.pi / 2),
        ("5 min", "time", 300.0),
        ("500 ms", "time", 0.5),
        ("0.5 km", "length", 500.0),
        ("80 ft", "length", 24.384),
        ("3 m/s2", "acceleration", 3.0),
        ("3 m/s²", "acceleration", 3.0),
        ("1_000 m", "length", 1000.0),
        ("-2.9 m", "length", -2.9),
        (".5", "length", 0.5),
        (7, "length", 7.0),
        (1e-3, "length", 0.001),
    ],
)
def test_parse(text: object, dimension: str, value: float) -> None:
    assert parse(text, dimension) == pytest.approx(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("25 kg", "DS025"),
        ("30 m", "DS025"),
        ("fast", "DS025"),
        ("", "DS025"),
        (None, "DS025"),
        ([1], "DS025"),
        (True, "DS028"),
        (math.nan, "DS026"),
        (math.inf, "DS026"),
        ("inf m/s", "DS026"),
        ("1e999 m/s", "DS026"),
        (10**400, "DS026"),
        (-1, "DS027"),
        ("400 km/h", "DS027"),
    ],
)
def test_refusals(value: object, code: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(value, "speed", minimum=0.0, maximum=100.0)
    assert caught.value.code == code


def test_exclusive_minimum() -> None:
    with pytest.raises(UnitError, match="above 0 s"):
        parse("0 s", "time", minimum=0.0, above=True)


def test_python_factors_agree_with_the_texts() -> None:
    assert parse("50 km/h", "speed") == 50 * kmh
    assert parse("90 deg", "angle") == 90 * deg


@given(st.floats(-1e6, 1e6), st.sampled_from(sorted(UNITS)))
def test_every_unit_round_trips(value: float, unit: str) -> None:
    dimension, factor = UNITS[unit]
    assert split_quantity(f"{value!r} {unit}") == (value * factor, dimension)
    assert parse_any(f"{value!r} {unit}") == (value * factor, dimension)
