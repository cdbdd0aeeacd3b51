"""Builds junctions: side roads beside a straight road, their corners, stop lines, and the gaps they leave in its paint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from drivesim.errors import InputError
from drivesim.junctions import Arm, Control, Junction, Side, Signals
from drivesim.road import Lane, LaneLine, Road, StopLine, Strip
from drivesim.traffic.cross_section import CrossSection, RoadParts, mirrored

#: Radius of the corners, by type of road, and how far an arm is drawn and driven on; metres.
CORNER_M = {"urban": 6.0, "rural": 8.0}
ARM_LENGTH_M = 1200.0
#: Width of pavements, of a rural road's shoulder and of a kerb, and from the mouth of an arm to its stop line, which leaves
#: the pavement free; metres.
_WALK_M, _SHOULDER_M, _KERB_M = 3.2, 0.7, 0.17
_SET_BACK_M = {"urban": _WALK_M + 0.7, "rural": 1.0}
#: The road's asphalt and the arm's overlap by this, so that no seam shows; metres.
_OVERLAP_M = 0.2


def add_junction(
    road: Road,
    *,
    s: float,
    arms: Sequence[Side],
    control: Control = "priority",
    signals: Signals | None = None,
    arm_lanes: int = 1,
) -> Road:
    """The road with a junction at ``s``, metres ahead: an arm at a right angle on each side that ``arms`` names.

    Each arm has ``arm_lanes`` lanes either way, as wide as the road's. Raises InputError for a road that cannot have one.
    """
    _check(road, s, arms)
    width = road.lanes[0].width
    corner = CORNER_M[road.road_type]
    half = arm_lanes * width + (0.0 if road.road_type == "urban" else _SHOULDER_M)
    reach = half + corner + 0.5
    made = tuple(_arm(road, s, side, control, arm_lanes, width) for side in arms)
    gap = (s - half - corner, s + half + corner)
    inner = (s - half - 1.0, s + half + 1.0)
    own_lanes = [lane for lane in road.lanes if lane.kind == "driving"]
    stops = list(road.stop_lines)
    if control == "signals":
        for direction in {lane.direction for lane in own_lanes}:
            offsets = [
                (lane.offset - lane.width / 2, lane.offset + lane.width / 2)
                for lane in own_lanes
                if lane.direction == direction
            ]
            right, left = min(low for low, _ in offsets), max(high for _, high in offsets)
            at = s - reach - 0.5 if direction == 1 else s + reach
            stops.append(StopLine(s=at, right=right + 0.2, left=left - 0.2))
    low = min(lane.offset - lane.width / 2 for lane in road.lanes)
    high = max(lane.offset + lane.width / 2 for lane in road.lanes)
    lines: list[LaneLine] = []
    for line in road.lines:
        # Edge lines open where an arm joins; those between the lanes where vehicles turn across them.
        at_edge = line.offset < low + 0.3 or line.offset > high - 0.3
        beside = "right" if line.offset < 0.5 * (low + high) else "left"
        if at_edge and beside not in arms:
            lines.append(line)
        else:
            lines += _cut(line, *(gap if at_edge or control == "signals" else inner))
    junction = Junction(
        s=s, arms=made, control=control, reach_m=reach, signals=signals if control == "signals" else None
    )
    return dataclasses.replace(road, lines=tuple(lines), stop_lines=tuple(stops), junctions=(*road.junctions, junction))


def _check(road: Road, s: float, arms: Sequence[Side]) -> None:
    if road.road_type not in CORNER_M:
        raise InputError("a motorway has no junctions; use an urban or rural road, or a ramp")
    if not arms or len(set(arms)) != len(arms):
        raise InputError(f"arms {list(arms)} are none, or one twice; use left, right or both")
    if float(np.ptp(road.reference[:, 2])) > 1e-9:
        raise InputError("a junction lies on a straight road; build it with curvature 'straight'")
    if not 0.0 < s < road.s_end:
        raise InputError(f"a junction at {s:g} m does not lie on the road ahead, which ends at {road.s_end:g} m")


def _cut(line: LaneLine, s_from: float, s_to: float) -> list[LaneLine]:
    """What is left of a straight line without the stretch from ``s_from`` to ``s_to``."""
    before = dataclasses.replace(line, s_end=min(line.s_end, s_from))
    after = dataclasses.replace(line, s_start=max(line.s_start, s_to))
    return [piece for piece in (before, after) if piece.s_end > piece.s_start]


def _arm(road: Road, s: float, side: Side, control: Control, lanes: int, width: float) -> Arm:
    """The side road on ``side``, whose reference line begins on that of the road."""
    x, y, yaw = (float(value) for value in road.frame_at(s))
    heading = yaw + (np.pi / 2 if side == "left" else -np.pi / 2)
    edges = [(strip.right, strip.left) for strip in road.strips if strip.kind in ("asphalt", "parking")]
    mouth = max(left for _, left in edges) if side == "left" else -min(right for right, _ in edges)
    corner = CORNER_M[road.road_type]
    parts = _cross_section(road, lanes, width, mouth, corner, control)
    stop = mouth + _SET_BACK_M[road.road_type]
    if road.traffic_side == "left":
        parts = mirrored(parts)
    inbound = [lane for lane in parts.lanes if lane.direction == -1]
    right = min(lane.offset for lane in inbound) - width / 2
    line = StopLine(
        s=stop, right=right + 0.2, left=right + lanes * width - 0.2, kind="broken" if control == "priority" else "solid"
    )
    along = np.arange(0.0, ARM_LENGTH_M + 1.0, 100.0)
    reference = np.stack([x + along * np.cos(heading), y + along * np.sin(heading), np.full(len(along), heading)], 1)
    made = Road(
        road_type=road.road_type,
        reference=reference,
        s_start=0.0,
        spacing=100.0,
        strips=tuple(parts.strips),
        lines=tuple(parts.lines),
        lanes=tuple(parts.lanes),
        kerbs=(),
        speed_limit_mps=road.speed_limit_mps,
        traffic_side=road.traffic_side,
        stop_lines=(line,),
    )
    return Arm(side=side, road=made, mouth_s=mouth, stop_s=stop)


def _cross_section(road: Road, lanes: int, width: float, mouth: float, corner: float, control: Control) -> RoadParts:
    """Strips, lines and lanes of an arm for right-hand traffic; they begin at its mouth, where its edges flare."""
    section = CrossSection(lanes=lanes, oncoming=lanes, width=width, ramp=None)
    half = lanes * width
    begins = mouth - _OVERLAP_M
    strips: list[Strip] = []
    lines = [
        LaneLine(
            offset=0.0, kind="solid" if control == "signals" else "dashed", s_start=mouth + _SET_BACK_M[road.road_type]
        ),
        *(
            LaneLine(offset=side * index * width, kind="dashed", s_start=mouth + _SET_BACK_M[road.road_type])
            for side in (-1.0, 1.0)
            for index in range(1, lanes)
        ),
    ]
    if road.road_type == "urban":
        walk, bend = half + _WALK_M, corner - _WALK_M
        strips += [
            Strip(kind="pavement", right=-walk, left=walk, s_start=mouth, flare=(mouth + _WALK_M, bend)),
            Strip(
                kind="kerb",
                right=-half - _KERB_M,
                left=half + _KERB_M,
                s_start=begins,
                flare=(mouth + _KERB_M, corner - _KERB_M),
            ),
        ]
    else:
        half += _SHOULDER_M
        lines += [LaneLine(offset=side * lanes * width, kind="solid", s_start=mouth + corner) for side in (-1.0, 1.0)]
    strips.append(Strip(kind="asphalt", right=-half, left=half, s_start=begins, flare=(mouth, corner)))
    own: list[Lane] = [dataclasses.replace(lane, s_start=mouth) for lane in section.lanes_of(road.road_type)]
    return RoadParts(strips=strips, lines=lines, lanes=own, kerbs=())
