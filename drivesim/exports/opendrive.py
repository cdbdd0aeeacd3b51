"""The road of a scene as ASAM OpenDRIVE, written with scenariogeneration: reference line, lanes and their paint.

The road's s counts from the start of its reference line, t is this package's d; the inertial frame is the world. What is not
written: pavements, parking strips, kerbs, crossings and paint that begins or ends on the way.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scenariogeneration import xodr

from drivesim.errors import InputError
from drivesim.geometry import wrap_angle
from drivesim.road import Lane, LaneLine, Road

ROAD_ID = 0

#: Curvatures (1/m) that are taken for equal, or for none.
_SAME_CURVATURE = 1e-6
_SAME_EDGE_M = 0.3
_GAP_M = 0.05


@dataclass(frozen=True)
class _Band:
    """A band beside the centre lane, from ``inner`` to ``outer`` metres away; ``lane`` is None where nobody drives."""

    inner: float
    outer: float
    lane: Lane | None


def make_opendrive(road: Road, name: str) -> xodr.OpenDrive:
    """The road as an OpenDRIVE document of one road, ROAD_ID. Raises InputError for a road with a junction."""
    if road.junctions:
        raise InputError(
            f"{name}: the road has a junction, and OpenDRIVE export writes roads without. Export another format, or leave "
            "the junction out."
        )
    plan = xodr.PlanView()
    for x, y, heading, curvature, length in _pieces(road):
        shape = xodr.Line(length) if abs(curvature) < _SAME_CURVATURE else xodr.Arc(curvature, length=length)
        plan.add_fixed_geometry(shape, x, y, heading)
    centre = xodr.Lane(lane_type=xodr.LaneType.none)
    centre.add_roadmark(_mark(road, 0.0))
    section = xodr.LaneSection(0.0, centre)
    for side, add in ((1.0, section.add_left_lane), (-1.0, section.add_right_lane)):
        for band in _bands(road, side):
            add(_lane(road, band, side))
    lanes = xodr.Lanes()
    lanes.add_lanesection(section)
    rule = xodr.TrafficRule.RHT if road.traffic_side == "right" else xodr.TrafficRule.LHT
    made = xodr.OpenDrive(name, revMinor="7")
    kind = {"motorway": xodr.RoadType.motorway, "rural": xodr.RoadType.rural, "urban": xodr.RoadType.town}[
        road.road_type
    ]
    written = xodr.Road(ROAD_ID, plan, lanes, name=road.road_type, rule=rule)
    written.add_type(kind, speed=round(road.speed_limit_mps, 3))
    made.add_road(written)
    made.adjust_roads_and_lanes()
    return made


def lane_ids(road: Road) -> dict[Lane, int]:
    """OpenDRIVE's number of each lane: positive to the left of the reference line, negative to its right."""
    return {
        band.lane: int(side) * number
        for side in (1.0, -1.0)
        for number, band in enumerate(_bands(road, side), start=1)
        if band.lane is not None
    }


def _pieces(road: Road) -> list[tuple[float, float, float, float, float]]:
    """The reference line in pieces of constant curvature: x, y, heading at the start, curvature, length."""
    turns = np.asarray(wrap_angle(np.diff(road.reference[:, 2]))) / road.spacing
    breaks = np.flatnonzero(np.abs(np.diff(turns)) > _SAME_CURVATURE) + 1
    starts = [0, *breaks.tolist(), len(turns)]
    return [
        (
            *(float(value) for value in road.reference[first]),
            float(turns[first:last].mean()),
            (last - first) * road.spacing,
        )
        for first, last in itertools.pairwise(starts)
    ]


def _bands(road: Road, side: float) -> Sequence[_Band]:
    """Lanes of one side from the centre outwards, with what lies between them."""
    own = sorted((lane for lane in road.lanes if lane.offset * side > 0.0), key=lambda lane: abs(lane.offset))
    bands: list[_Band] = []
    reached = 0.0
    for lane in own:
        inner, outer = abs(lane.offset) - lane.width / 2, abs(lane.offset) + lane.width / 2
        if inner - reached > _GAP_M:
            bands.append(_Band(reached, inner, None))
        bands.append(_Band(max(inner, reached), outer, lane))
        reached = outer
    return bands


def _lane(road: Road, band: _Band, side: float) -> xodr.Lane:
    width = band.outer - band.inner
    kind = xodr.LaneType.none
    if band.lane is not None:
        kind = xodr.LaneType.entry if band.lane.kind == "ramp" else xodr.LaneType.driving
    made = xodr.Lane(lane_type=kind, a=width)
    if band.lane is not None and np.isfinite(band.lane.s_end):
        made.add_lane_width(a=0.0, soffset=band.lane.s_end - road.s_start)
    made.add_roadmark(_mark(road, side * band.outer))
    return made


def _mark(road: Road, offset: float) -> xodr.RoadMark:
    """The paint nearest to an edge at d = ``offset``."""
    near = [line for line in road.lines if abs(line.offset - offset) < _SAME_EDGE_M and _runs_through(line)]
    if not near:
        return xodr.RoadMark(xodr.RoadMarkType.none)
    line = min(near, key=lambda line: abs(line.offset - offset))
    kind = {
        "solid": xodr.RoadMarkType.solid,
        "dashed": xodr.RoadMarkType.broken,
        "double": xodr.RoadMarkType.solid_solid,
    }[line.kind]
    colour = xodr.RoadMarkColor.white if line.colour == "white" else xodr.RoadMarkColor.yellow
    return xodr.RoadMark(kind, width=line.width, color=colour)


def _runs_through(line: LaneLine) -> bool:
    return not np.isfinite(line.s_start) and not np.isfinite(line.s_end)
