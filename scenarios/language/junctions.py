"""A junction on the way, as it is written: where, which arms it has, and who gives way."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.values import Count, Quantity, Word, shorthand

ArmSide = Annotated[str, Word(("left", "right"), varies=False)]
_Green = Annotated[float, Quantity("time", 3.0, 300.0, varies=False)]


class SignalTimes(Model):
    """Fixed-time signals: green for the road and for the arms in turn; ``offset`` of the cycle are past at t = 0."""

    road_green: _Green = 20.0
    arms_green: _Green = 12.0
    offset: Annotated[float, Quantity("time", 0.0, 1000.0, varies=False)] = 0.0


class JunctionSpec(Model):
    """A junction ``at`` metres ahead with side roads to one side or both, at right angles to a straight road."""

    at: Annotated[float, Quantity("length", 20.0, 2000.0, varies=False)]
    arms: Annotated[
        tuple[ArmSide, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
    ] = ("left", "right")
    arm_lanes: Annotated[int, Count(1, 3)] = 1
    control: Annotated[str, Word(("priority", "stop", "signals"), varies=False)] = "priority"
    signals: SignalTimes | None = None


class Turning(Model):
    """Which way to take at the next junction."""

    to: Annotated[str, Word(("left", "straight", "right"))]


class TurnAction(Model):
    """``{turn: {to: left}}``, or ``{turn: left}``: at the next junction; left and right are the driver's own."""

    turn: Annotated[Turning, shorthand("to")]
