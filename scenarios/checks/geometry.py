"""Rules about t = 0 in metres and pixels: overlaps, who stands behind the camera, what is too small to be obeyed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from drivesim.geometry import project, transform_points
from drivesim.road import Road
from drivesim.scenarios.checks.feasibility import feasibility_findings, values_text
from drivesim.scenarios.checks.messages import Finding
from drivesim.scenarios.concrete import ConcreteActor, ConcreteScenario, LaneMove, concrete_of
from drivesim.scenarios.language.distributions import Value
from drivesim.scenarios.placement import Placed, ego_outline, lane_spot, make_road, place
from drivesim.scene import Box, Camera, Pose

if TYPE_CHECKING:
    from drivesim.scenarios.language.schema import Scenario

#: Distances beyond which the boxes a model is trained on end, metres; nuScenes evaluates to 40 and 50 m.
_SMALL = ("pedestrian", "bicycle", "motorcycle", "traffic_cone", "barrier")
_RANGE_SMALL_M = 40.0
_RANGE_LARGE_M = 120.0
#: Speeds beyond which a typing error is likelier than intent, m/s.
_SUSPICIOUS_MPS = {"pedestrian": 5.0, "bicycle": 20.0}
_SUSPICIOUS_VEHICLE_MPS = 70.0
_CHECKED_VARIATIONS = 24
_TOUCH_M = 0.02
#: How much of a road that is drawn is looked at for bends that are too sharp.
_SEEN_ROAD_M = 2000.0


def geometry_findings(scenario: Scenario) -> Iterator[Finding]:
    """Findings about t = 0 of a scenario that passed all other rules, over up to 24 of its variations."""
    drawn = [scenario.parameters(number) for number in range(min(scenario.num_variations, _CHECKED_VARIATIONS))]
    corners = [concrete_of(scenario.with_parameters(values), values) for values in drawn]
    misplaced = list(_no_such_lane(corners)) or list(_never_met(corners))
    if misplaced:
        yield from misplaced
        return
    actors = [actor for corner in corners for actor in corner.actors]
    far = max((actor.at[0] for actor in actors if actor.at is not None), default=0.0)
    met = [abs(c.ego_speed_mps) + a.speed_mps for c in corners for a in c.actors if a.meets is not None]
    times = [a.meets.time_s or c.duration_s for c in corners for a in c.actors if a.meets is not None]
    far = max(far, max(met, default=0.0) * max(times, default=0.0))
    far = max(far, *(actor.gap_m + 40.0 for actor in actors if actor.gap_m is not None), 100.0)
    road = make_road(corners[0], far + 100.0)
    placed = [[place(corner, actor, road) for actor in corner.actors] for corner in corners]
    yield from _overlaps(corners, placed)
    yield from _views(corners, placed)
    yield from _magnitudes(corners, placed)
    yield from _off_road(corners, placed, road)
    yield from _too_late(corners, placed)
    seen = make_road(corners[0], _SEEN_ROAD_M) if corners[0].road.curvature is None else road
    yield from feasibility_findings(corners, placed, seen)


def _no_such_lane(corners: list[ConcreteScenario]) -> Iterator[Finding]:
    """Lanes that a parameter names and that the road does not have."""
    for index, actor in enumerate(corners[0].actors):
        for corner in corners:
            lane = corner.actors[index].lane
            spot = None if lane is None else lane_spot(corner.road, lane)
            if isinstance(spot, str):
                text = f"actor '{actor.id}': {spot} ({values_text(corner.parameters)})"
                yield Finding(code="DS047", text=text, location=("scene", "actors", index, "lane"))
                break


def _never_met(corners: list[ConcreteScenario]) -> Iterator[Finding]:
    """Actors that cannot meet the ego as it is written, in any or in some of the variations."""
    if all(actor.meets is None for actor in corners[0].actors):
        return
    road = make_road(corners[0], _SEEN_ROAD_M)
    for index, actor in enumerate(corners[0].actors):
        for corner in corners:
            here = corner.actors[index]
            why = None if here.meets is None else _why_not_met(corner, here, road)
            if why is not None:
                shown = f" ({values_text(corner.parameters)})" if corner.parameters else ""
                text = f"actor '{actor.id}': {why}{shown}"
                yield Finding(code="DS035", text=text, location=("scene", "actors", index, "meets"))
                break


def _why_not_met(scenario: ConcreteScenario, actor: ConcreteActor, road: Road) -> str | None:
    """Why an actor that is to meet the ego cannot be placed for that; None where it can."""
    try:
        place(scenario, actor, road)
    except ValueError as reason:
        return str(reason)
    return None


def _overlaps(corners: list[ConcreteScenario], placed: list[list[Placed]]) -> Iterator[Finding]:
    names = [p.actor.id for p in placed[0]]
    for first, second in itertools.combinations(range(-1, len(names)), 2):
        hits = [(k, depth) for k, row in enumerate(placed) if (depth := _depth(row, first, second)) > _TOUCH_M]
        if not hits:
            continue
        worst, depth = max(hits, key=lambda hit: hit[1])
        pair = f"'{names[first] if first >= 0 else 'ego'}' and '{names[second]}'"
        if len(corners) == len(hits):
            text = f"{pair} overlap by {max(depth, 0.05):.1f} m at t = 0. {_way_out(placed[worst], first, second)}"
            yield Finding(code="DS060", text=text, location=("scene", "actors", second))
        else:
            share = round(100 * len(hits) / len(corners))
            text = f"in {share} % of the parameter space {pair} overlap at t = 0 ({values_text(corners[worst].parameters)}). Narrow the ranges."
            yield Finding(code="DS065", text=text, location=("scene", "actors", second))


def _depth(row: list[Placed], first: int, second: int) -> float:
    """How deep two footprints overlap, metres (first = -1: the ego); 0 when they are allowed to."""
    if row[second].actor.allow_overlap or (first >= 0 and row[first].actor.allow_overlap):
        return 0.0
    ours = ego_outline() if first < 0 else row[first].outline()
    common = ours.intersection(row[second].outline())
    if common.is_empty:
        return 0.0
    min_x, min_y, max_x, max_y = common.bounds
    return float(min(max_x - min_x, max_y - min_y))


def _way_out(row: list[Placed], first: int, second: int) -> str:
    outline = (ego_outline() if first < 0 else row[first].outline()).bounds
    moved = row[second]
    shift = outline[2] - moved.outline().bounds[0]
    if moved.actor.at is not None:
        where = f"x ≥ {math.ceil(10 * (moved.x + shift)) / 10:.1f} m"
    else:
        where = f"gap ≥ {math.ceil(10 * ((moved.actor.gap_m or 0.0) + shift)) / 10:.1f} m"
    return f"Move '{moved.actor.id}' to {where} or set allow_overlap: true."


def _views(corners: list[ConcreteScenario], placed: list[list[Placed]]) -> Iterator[Finding]:
    """Actors that the start frame cannot show, or only too small; the first such variation speaks for all."""
    camera = corners[0].camera
    for index, _ in enumerate(placed[0]):
        found = next((f for row in placed if (f := _view(row[index], camera, index)) is not None), None)
        if found is not None:
            yield found


def _view(placed: Placed, camera: Camera, index: int) -> Finding | None:
    box = Box(
        x=placed.x,
        y=placed.y,
        z=placed.actor.height / 2,
        length=placed.actor.length,
        width=placed.actor.width,
        height=placed.actor.height,
        yaw_rad=placed.yaw_rad,
    )
    corners = transform_points(camera.optical_from_world(Pose()), box.corners())
    name, location = placed.actor.id, ("scene", "actors", index)
    nearest = float(corners[:, 2].max())
    if nearest <= 0.1:
        text = f"'{name}' is {max(-nearest, 0.0):.0f} m behind the camera at t = 0: the start frame cannot show it. It will be measured only if it appears."
        return Finding(code="DS061", text=text, location=location, severity="warning")
    pixels = project(corners[corners[:, 2] > 0.1], camera.intrinsics())
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if high[0] <= 0 or low[0] >= camera.width:
        side = "left" if high[0] <= 0 else "right"
        text = f"'{name}' is {side} of the picture at t = 0: the start frame cannot show it. It will be measured only if it appears."
        return Finding(code="DS061", text=text, location=location, severity="warning")
    distance = float(np.hypot(placed.x, placed.y))
    limit = _RANGE_SMALL_M if placed.actor.category in _SMALL else _RANGE_LARGE_M
    if distance <= limit:
        return None
    wide, tall = (float(v) for v in high - low)
    text = (
        f"{placed.actor.category} '{name}' at {distance:.0f} m covers {wide:.0f}×{tall:.0f} px at {camera.height}×{camera.width}; "
        f"training boxes end near {limit:.0f} m. Expect it to be ignored."
    )
    return Finding(code="DS064", text=text, location=location, severity="warning")


def _magnitudes(corners: list[ConcreteScenario], placed: list[list[Placed]]) -> Iterator[Finding]:
    ego = max(corner.ego_speed_mps for corner in corners)
    speeds: list[tuple[str, str, float, tuple[str | int, ...]]] = [
        ("the ego", "vehicle", ego, ("scene", "ego", "speed"))
    ]
    for index, one in enumerate(placed[0]):
        fastest = max(row[index].actor.speed_mps for row in placed)
        speeds.append((f"'{one.actor.id}'", one.actor.category, fastest, ("scene", "actors", index, "speed")))
    for name, category, speed, location in speeds:
        if speed > _SUSPICIOUS_MPS.get(category, _SUSPICIOUS_VEHICLE_MPS):
            text = f"speed {speed:.3g} m/s of {name} is {speed * 3.6:.0f} km/h. Did you mean '{speed:.3g} km/h'?"
            yield Finding(code="DS063", text=text, location=location, severity="warning")


def _off_road(corners: list[ConcreteScenario], placed: list[list[Placed]], road: Road) -> Iterator[Finding]:
    """Vehicles placed by hand with their centre off the asphalt."""
    for index, one in enumerate(placed[0]):
        if one.actor.at is None or one.actor.category in _SMALL:
            continue
        drivable = road.drivable(one.s - 20.0, one.s + 20.0)
        if not drivable.intersects(one.outline().centroid):
            text = f"'{one.actor.id}' stands off the road (y = {one.y:.1f} m). y counts to the left; the right kerb has negative y."
            yield Finding(code="DS066", text=text, location=("scene", "actors", index, "at"), severity="warning")


def _too_late(corners: list[ConcreteScenario], placed: list[list[Placed]]) -> Iterator[Finding]:
    """Lane changes in front of the ego that start, at constant speeds, after the ego has passed the actor."""
    for index, event in enumerate(corners[0].events):
        if not isinstance(event.action, LaneMove) or event.action.to != "ego" or event.trigger.at_s is None:
            continue
        late: list[Mapping[str, Value]] = []
        for corner, row in zip(corners, placed, strict=True):
            mover = next((p for p in row if p.actor.id == event.actor), None)
            if mover is None or mover.actor.gap_m is None or (mover.lane is not None and mover.lane.direction == -1):
                continue
            gap, length, seconds = mover.actor.gap_m, mover.actor.length, corner.events[index].trigger.at_s or 0.0
            if gap > 0 and gap + (mover.actor.speed_mps - corner.ego_speed_mps) * seconds < -length:
                late.append(corner.parameters)
        if late:
            share = max(1, round(100 * len(late) / len(corners)))
            example = f" ({values_text(late[0])})" if late[0] else ""
            text = f"in {share} % of the parameter space the ego is already past '{event.actor}' when '{event.id}' starts{example}. Start it sooner, or change gap or speed."
            yield Finding(code="DS065", text=text, location=("events", index), severity="warning")
