"""Ways through a junction: lanes in, the curve across, lanes out, as one line with the speed that it allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drivesim.geometry import FloatArray, wrap_angle
from drivesim.junctions import Junction, Leg
from drivesim.road import Lane, Road

TurnSide = Literal["left", "straight", "right"]

SPACING_M = 0.5
#: How far before the junction a way begins, and how far it is sampled behind it, metres; beyond that it goes straight on.
_BEFORE_M, _BEHIND_M = 150.0, 60.0
#: Sideways acceleration that drivers accept in a turn, and how they slow down for it and speed up after it, m/s².
_LATERAL_MPS2, _SLOWING_MPS2, _SPEEDING_MPS2 = 2.2, 1.6, 1.4
#: Speed at which a driver who gives way comes up to the line, m/s.
_LOOKING_MPS = 4.5
#: Length of the derivatives at the ends of a curve, in ways to the corner: with it a turn is nearest to an arc.
_PULL = 1.77


@dataclass(frozen=True, kw_only=True)
class LegLane:
    """A lane of one leg: ``offset`` is to the left of the leg's outward direction, metres; ``lane`` is the road's own."""

    offset: float
    lane: Lane


@dataclass(frozen=True, kw_only=True)
class LegFrame:
    """One way out of a junction: its origin and outward heading in the world, and its lanes, nearest the kerb first.

    Who comes in waits ``enter_m`` from the origin; who goes out is on his lane from ``leave_m`` on.
    """

    leg: Leg
    x: float
    y: float
    yaw_rad: float
    inbound: tuple[LegLane, ...]
    outbound: tuple[LegLane, ...]
    enter_m: float
    leave_m: float

    def at(self, away: FloatArray | float, offset: float) -> tuple[FloatArray, FloatArray]:
        """World x, y at distances ``away`` from the origin."""
        cosine, sine = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        away = np.asarray(away, dtype=np.float64)
        return self.x + away * cosine - offset * sine, self.y + away * sine + offset * cosine


@dataclass(frozen=True, kw_only=True, eq=False)
class JunctionRoute:
    """A way through a junction, sampled every SPACING_M: ``points`` (N, 3) x, y, yaw in the world.

    Lengths ``p`` along it count from where one waits before the junction, so they are negative on the way there;
    ``leave_p`` is where the lane out begins. ``limit_mps`` (N,) is the speed that bends, and giving way, allow.
    ``junction`` is the one that it leads through; ``goal_s`` is the road's s at ``leave_p`` where the way goes on along the road, ``goal`` the lane there.
    """

    junction: Junction
    origin: Leg
    destination: Leg
    turn: TurnSide
    points: FloatArray
    limit_mps: FloatArray
    leave_p: float
    start_lane: Lane
    goal: Lane
    goal_s: float | None

    def __deepcopy__(self, memo: dict[int, object]) -> JunctionRoute:
        return self

    @property
    def first_p(self) -> float:
        """The length of the first sample."""
        return -_BEFORE_M

    def at(self, p: FloatArray | float, aside: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """World x, y and heading at lengths ``p``, ``aside`` metres to the left; straight on beyond the ends."""
        p = np.asarray(p, dtype=np.float64)
        position = np.clip((p + _BEFORE_M) / SPACING_M, 0.0, len(self.points) - 1.0)
        index = np.minimum(position.astype(np.int64), len(self.points) - 2)
        weight = position - index
        first, second = self.points[index], self.points[index + 1]
        between = first + weight[..., None] * (second - first)
        x, y, yaw = between[..., 0], between[..., 1], between[..., 2]
        beyond = p - (SPACING_M * position - _BEFORE_M)
        x, y = x + beyond * np.cos(yaw), y + beyond * np.sin(yaw)
        return x - aside * np.sin(yaw), y + aside * np.cos(yaw), yaw

    def span(self, p_from: float, p_to: float, every: int = 1) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Lengths (K,), points (K, 3) and limits (K,) of samples between two lengths, each ``every``-th; at least one.

        Beyond the ends the way goes straight on, as :meth:`at` has it.
        """
        low = math.floor((p_from + _BEFORE_M) / SPACING_M)
        high = max(math.floor((p_to + _BEFORE_M) / SPACING_M + 1.0), low + 1)
        lengths = SPACING_M * np.arange(low, high, every) - _BEFORE_M
        if low >= 0 and high <= len(self.points):
            part = slice(low, high, every)
            return lengths, self.points[part], self.limit_mps[part]
        index = np.clip(np.arange(low, high, every), 0, len(self.points) - 1)
        return lengths, np.stack(self.at(lengths), axis=1), self.limit_mps[index]

    def limit_at(self, p: float) -> float:
        """Speed allowed at a length, m/s."""
        index = int(np.clip((p + _BEFORE_M) / SPACING_M, 0, len(self.points) - 1))
        return float(self.limit_mps[index])


def legs_of(road: Road, junction: Junction) -> dict[Leg, LegFrame]:
    """The legs of a junction by name."""
    x, y, yaw = (float(value) for value in road.frame_at(junction.s))
    driving = [lane for lane in road.lanes if lane.kind == "driving"]
    reach = junction.reach_m
    frames: dict[Leg, LegFrame] = {}
    for leg, outward, sign in (("ahead", yaw, 1), ("behind", yaw + math.pi, -1)):
        frames[leg] = LegFrame(  # type: ignore[index]
            leg=leg,  # type: ignore[arg-type]
            x=x,
            y=y,
            yaw_rad=outward,
            inbound=_lanes(driving, -sign, sign),
            outbound=_lanes(driving, sign, sign),
            enter_m=reach,
            leave_m=reach,
        )
    for arm in junction.arms:
        frames[arm.side] = LegFrame(
            leg=arm.side,
            x=x,
            y=y,
            yaw_rad=float(arm.road.reference[0, 2]),
            inbound=_lanes(list(arm.road.lanes), -1, 1),
            outbound=_lanes(list(arm.road.lanes), 1, 1),
            enter_m=arm.stop_s + 0.6,
            leave_m=arm.mouth_s + reach - 0.5 * (len(arm.road.lanes) * arm.road.lanes[0].width),
        )
    return frames


def _lanes(lanes: list[Lane], direction: int, sign: int) -> tuple[LegLane, ...]:
    found = [LegLane(offset=sign * lane.offset, lane=lane) for lane in lanes if lane.direction == direction]
    return tuple(sorted(found, key=lambda one: one.lane.number))


def destination_of(origin: Leg, turn: TurnSide) -> Leg:
    """The leg that who comes in from ``origin`` goes out by."""
    around: tuple[Leg, ...] = ("ahead", "left", "behind", "right")
    steps = {"straight": 2, "left": 3, "right": 1}[turn]
    return around[(around.index(origin) + steps) % 4]


def start_lane(frame: LegFrame, turn: TurnSide, side: str, wanted: int | None = None) -> LegLane | None:
    """The lane to turn from: the one at the kerb, or the innermost; straight on any, the ``wanted`` number if there is one."""
    if not frame.inbound:
        return None
    if turn == "straight":
        return next((one for one in frame.inbound if one.lane.number == wanted), frame.inbound[0])
    return frame.inbound[0 if turn == side else -1]


def make_route(
    road: Road, junction: Junction, origin: Leg, turn: TurnSide, lane: int | None = None
) -> JunctionRoute | str:
    """The way from ``origin`` by ``turn``, or the reason (a sentence) why there is none.

    ``lane`` is the lane that who goes straight on comes in by.
    """
    frames = legs_of(road, junction)
    destination = destination_of(origin, turn)
    if origin not in frames:
        return f"the junction has no arm on the {origin}"
    if destination not in frames or not frames[destination].outbound:
        what = f"no arm on the {destination}" if destination not in frames else "no lane that leads there"
        return f"the junction {junction.s:g} m ahead has {what}"
    start = start_lane(frames[origin], turn, road.traffic_side, lane)
    if start is None:
        return f"no lane comes in from there ({origin})"
    out = frames[destination].outbound
    goal = out[0] if turn == road.traffic_side else out[-1]
    if turn == "straight":
        goal = min(out, key=lambda one: abs(one.lane.number - start.lane.number))
    points, leave_p = _line(
        frames[origin], start.offset, frames[destination], goal.offset, tight=turn == road.traffic_side
    )
    gives_way = junction.control != "signals" and origin in ("left", "right")
    on_road = {"ahead": 1.0, "behind": -1.0}.get(destination)
    return JunctionRoute(
        junction=junction,
        origin=origin,
        destination=destination,
        turn=turn,
        points=points,
        limit_mps=_limits(points, gives_way),
        leave_p=leave_p,
        start_lane=start.lane,
        goal=goal.lane,
        goal_s=None if on_road is None else junction.s + on_road * frames[destination].leave_m,
    )


def _line(
    origin: LegFrame, offset_in: float, goal: LegFrame, offset_out: float, *, tight: bool
) -> tuple[FloatArray, float]:
    """Samples (N, 3) of the whole way, and the length at which the lane out begins.

    Who turns ``tight``, around the corner beside him, begins to before the line where he may have to wait.
    """
    begins = max(origin.leave_m, origin.enter_m) if tight else origin.enter_m
    start = np.array([float(v) for v in origin.at(begins, offset_in)])
    end = np.array([float(v) for v in goal.at(goal.leave_m, offset_out)])
    yaw_in, yaw_out = origin.yaw_rad + math.pi, goal.yaw_rad
    ways = np.array([[math.cos(yaw_in), math.sin(yaw_in)], [math.cos(yaw_out), math.sin(yaw_out)]])
    between = end - start
    straight = abs(float(wrap_angle(yaw_out - yaw_in))) < 0.5
    # At a right angle the way to the corner and from there are the parts of the way along each leg.
    pulls = (float(np.hypot(*between)),) * 2 if straight else tuple(_PULL * float(between @ way) for way in ways)
    curve = _quintic(start, pulls[0] * ways[0], end, pulls[1] * ways[1], np.linspace(0.0, 1.0, 201))
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    # Lengths count from the line that crosses the lane enter_m from the origin.
    away = -(curve - np.array([origin.x, origin.y])) @ ways[0]
    lengths -= float(np.interp(-origin.enter_m, -away, lengths))
    leave_p = float(lengths[-1])
    p = np.arange(-_BEFORE_M, leave_p + _BEHIND_M, SPACING_M)
    x, y = (np.interp(p, lengths, curve[:, axis]) for axis in (0, 1))
    before, behind = p < lengths[0], p > leave_p
    x[before], y[before] = origin.at(begins + lengths[0] - p[before], offset_in)
    x[behind], y[behind] = goal.at(goal.leave_m + p[behind] - leave_p, offset_out)
    yaw = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    yaw[before], yaw[behind] = yaw[0], yaw[-1]
    return np.stack([x, y, yaw], axis=1), leave_p


def _quintic(
    start: FloatArray, leaving: FloatArray, end: FloatArray, arriving: FloatArray, u: FloatArray
) -> FloatArray:
    """Points (N, 2) of the quintic Hermite curve with these ends and derivatives, straight at both ends.

    Its curvature begins and ends at zero, so that nobody turns the wheel in an instant.
    """
    u = u[:, None]
    rise = u**3 * (10.0 - 15.0 * u + 6.0 * u**2)
    return (
        start * (1.0 - rise)
        + end * rise
        + leaving * (u - 6.0 * u**3 + 8.0 * u**4 - 3.0 * u**5)
        + arriving * (-4.0 * u**3 + 7.0 * u**4 - 3.0 * u**5)
    )


def _limits(points: FloatArray, gives_way: bool) -> FloatArray:
    """Speeds (N,) that the bends allow, with the braking before and the speeding up after them."""
    bend = np.abs(np.gradient(points[:, 2])) / SPACING_M
    limit = np.sqrt(_LATERAL_MPS2 / np.maximum(bend, 1e-4))
    if gives_way:
        at = round(_BEFORE_M / SPACING_M)
        limit[at - 6 : at] = np.minimum(limit[at - 6 : at], _LOOKING_MPS)
    for index in range(len(limit) - 2, -1, -1):
        limit[index] = min(limit[index], math.sqrt(limit[index + 1] ** 2 + 2.0 * _SLOWING_MPS2 * SPACING_M))
    for index in range(1, len(limit)):
        limit[index] = min(limit[index], math.sqrt(limit[index - 1] ** 2 + 2.0 * _SPEEDING_MPS2 * SPACING_M))
    return limit
