"""The junction of a concrete scenario; nothing of it varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from drivesim.junctions import Control, Side, Signals
from drivesim.scenarios.language.junctions import JunctionSpec, SignalTimes


@dataclass(frozen=True, kw_only=True)
class JunctionPlan:
    """The junction asked for, ``at_m`` ahead; ``signals`` where they decide."""

    at_m: float
    arms: tuple[Side, ...]
    arm_lanes: int
    control: Control
    signals: Signals | None


def junction_plan(written: JunctionSpec | None) -> JunctionPlan | None:
    """The junction that is written, None for a road without one."""
    if written is None:
        return None
    times = written.signals or SignalTimes()
    signals = Signals(road_green_s=times.road_green, arms_green_s=times.arms_green, offset_s=times.offset)
    return JunctionPlan(
        at_m=written.at,
        arms=cast("tuple[Side, ...]", written.arms),
        arm_lanes=written.arm_lanes,
        control=cast("Control", written.control),
        signals=signals if written.control == "signals" else None,
    )
