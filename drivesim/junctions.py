"""Where side roads meet a road: the arms of a junction, who gives way, and how its signals change.

The road itself runs on through the junction; each arm is a straight :class:`Road` of its own at a right angle to it. Its s
counts outwards from the road's reference line, so s = 0 lies on that line, and its lanes of direction +1 lead away from
the junction. Everything that draws a road draws its arms in the same way, on top of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from drivesim.road import Road

#: Who waits: the arms give way to the road, they stop first and then give way, or signals decide for all.
Control = Literal["priority", "stop", "signals"]
Side = Literal["left", "right"]
Light = Literal["green", "amber", "red"]
#: The four ways out of a junction, seen by who drives along s.
Leg = Literal["behind", "ahead", "left", "right"]

#: Amber, and the time when everybody has red, seconds; source: the usual 3 s at 50 km/h of RiLSA, the German guideline.
AMBER_S, ALL_RED_S = 3.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Signals:
    """Fixed-time signals: seconds of green for the road and for its arms in turn; at t = 0 ``offset_s`` of the cycle are past.

    The cycle begins with the road's green; after each green follow amber and red for all.
    """

    road_green_s: float = 20.0
    arms_green_s: float = 12.0
    offset_s: float = 0.0

    @property
    def cycle_s(self) -> float:
        """Seconds after which everything comes again."""
        return self.road_green_s + self.arms_green_s + 2.0 * (AMBER_S + ALL_RED_S)

    def light(self, on_arms: bool, time_s: float) -> Light:
        """What those on the arms, or on the road, see at a time in seconds from t = 0."""
        begins = self.road_green_s + AMBER_S + ALL_RED_S if on_arms else 0.0
        green = self.arms_green_s if on_arms else self.road_green_s
        since = (time_s + self.offset_s - begins) % self.cycle_s
        return "green" if since < green else "amber" if since < green + AMBER_S else "red"


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """A side road. ``mouth_s`` is its s at the edge of the road that it joins, ``stop_s`` where those who come in wait."""

    side: Side
    road: Road
    mouth_s: float
    stop_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Junction:
    """A junction around ``s`` on the road, which takes up ``reach_m`` of it to either side.

    Who comes along the road waits, where he has to, ``reach_m`` before ``s``.
    """

    s: float
    arms: tuple[Arm, ...]
    control: Control
    reach_m: float
    signals: Signals | None = None

    def arm(self, side: str) -> Arm | None:
        """The arm on that side, if there is one."""
        return next((arm for arm in self.arms if arm.side == side), None)


def arm_coordinates(arm: Arm, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Road coordinates (s, d) of world points on a straight arm, each like ``x``; exact, whatever their distance."""
    ox, oy, yaw = (float(value) for value in arm.road.frame_at(0.0))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return (x - ox) * cosine + (y - oy) * sine, (y - oy) * cosine - (x - ox) * sine
