"""Events of a scenario as tracks show them: whether an actor did what is written, after its trigger and in time.

An action counts once it is half done, as measured tracks blur its beginning and a video may end before its end: a lane
change when the centre is over the line, a change of speed when half of it is done. A walk counts after 1.5 m or half the
way, whichever is less; following when the gap is within a third of what it is to be. What follows an event waits until nine tenths of it are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drivesim.evidence.turns import turned
from drivesim.evidence.verdict import Verdict
from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, actor_footprints, ego_footprints
from drivesim.metrics.criticality.path import Extents, along
from drivesim.road import Lane, Road
from drivesim.scenarios.concrete import ConcreteEvent, ConcreteScenario, LaneMove
from drivesim.scenarios.placement import lane_offset, lane_spot
from drivesim.scene import Actor, Track
from drivesim.traffic.following import STANDING_GAP_M
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, Reverse, SpeedChange, Stop, WalkTo


@dataclass(frozen=True, kw_only=True)
class EventRule:
    """When an action counts as seen: it lasts ``hold_s``; speeds change by ``least_change_mps`` at least; brakings reach
    ``braking_share`` of the deceleration asked for, over ``braking_s``; a walk leads ``walked_m`` towards its target; a
    gap that is kept is off by ``gap_share`` at most, for ``following_s``.
    """

    hold_s: float = 0.3
    least_change_mps: float = 1.0
    braking_share: float = 0.7
    braking_s: float = 0.5
    walked_m: float = 1.5
    gap_share: float = 1.0 / 3.0
    following_s: float = 1.0


DEFAULT_RULE = EventRule()
EGO_ID = "ego"
HALF_DONE, DONE = 0.5, 0.9


@dataclass(frozen=True, kw_only=True, eq=False)
class ObservedTraffic:
    """One future for its events: the scenario, the road, the ego and the actors by id, frames a second."""

    scenario: ConcreteScenario
    road: Road
    fps: float
    ego: Track
    actors: Mapping[str, Actor]
    size: EgoSize = DEFAULT_EGO

    def track(self, actor_id: str) -> Track | None:
        """The track of an actor or of the ego, None where there is none."""
        if actor_id == EGO_ID:
            return self.ego
        return self.actors[actor_id].track if actor_id in self.actors else None

    def extents(self, actor_id: str) -> Extents:
        """Where the actor (or the ego) is along the road."""
        user = ego_footprints(self.ego, self.size) if actor_id == EGO_ID else actor_footprints(self.actors[actor_id])
        return along(user, self.road)


def judge_events(observed: ObservedTraffic, min_seen_s: float, rule: EventRule = DEFAULT_RULE) -> dict[str, Verdict]:
    """The verdict on every event of the scenario, by id; events that follow another are judged after it."""
    verdicts: dict[str, Verdict] = {}
    waiting = list(observed.scenario.events)
    while waiting:
        ready = [e for e in waiting if e.trigger.after is None or e.trigger.after in verdicts]
        if not ready:
            names = ", ".join(event.id for event in waiting)
            raise ValueError(f"events {names} wait for each other or for one that does not exist")
        for event in ready:
            verdicts[event.id] = _judge(observed, event, verdicts, min_seen_s, rule)
            waiting.remove(event)
    return {event.id: verdicts[event.id] for event in observed.scenario.events}


def _judge(
    observed: ObservedTraffic, event: ConcreteEvent, verdicts: Mapping[str, Verdict], min_seen_s: float, rule: EventRule
) -> Verdict:
    track = observed.track(event.actor)
    if track is None:
        return Verdict(value=None, reason=f"actor '{event.actor}' was not found in the video")
    present = np.asarray(track.present, dtype=bool)
    share = float(present.mean())
    if np.count_nonzero(present) < max(1.0, min_seen_s * observed.fps):
        return Verdict(
            value=None, reason=f"actor '{event.actor}' was seen for less than {min_seen_s:g} s", seen_share=share
        )
    if event.trigger.after is not None and verdicts[event.trigger.after].value is None:
        reason = f"it starts after '{event.trigger.after}', of which nothing can be said"
        return Verdict(value=None, reason=reason, seen_share=share)
    start = _trigger_frame(observed, event, track, verdicts)
    if start is None:
        return Verdict(value=False, reason="its trigger never held", seen_share=share)
    hold_s = rule.following_s if isinstance(event.action, Follow) else rule.hold_s
    hold = max(1, round(hold_s * observed.fps))
    shown, reason = _shown(observed, event, track, start, rule, HALF_DONE)
    frame = _first_held(shown & present, start, hold)
    if frame is None:
        return Verdict(value=False, reason=reason, seen_share=share)
    time_s = frame / observed.fps
    complete = _first_held(_shown(observed, event, track, start, rule, DONE)[0] & present, frame, hold)
    if event.within_s is not None and time_s > event.within_s + 1e-6:
        late = f"it came at {time_s:.1f} s, later than {event.within_s:g} s"
        return Verdict(value=False, reason=late, time_s=time_s, seen_share=share)
    done_s = None if complete is None else complete / observed.fps
    return Verdict(value=True, time_s=time_s, done_s=done_s, seen_share=share)


def _trigger_frame(
    observed: ObservedTraffic, event: ConcreteEvent, track: Track, verdicts: Mapping[str, Verdict]
) -> int | None:
    """The first frame in which the trigger holds and the actor is seen, None when there is none."""
    frames = np.arange(len(observed.ego))
    present = np.asarray(track.present, dtype=bool)
    trigger = event.trigger
    if trigger.after is not None:
        done_s = verdicts[trigger.after].done_s
        holds = np.zeros(len(frames), dtype=bool) if done_s is None else frames >= done_s * observed.fps - 1e-6
    elif trigger.gap_below_m is not None:
        gap = _gap_to_ego(observed, event.actor)
        holds = (gap >= 0.0) & (gap < trigger.gap_below_m)
    elif trigger.distance_below_m is not None:
        apart = track.positions[:, :2] - observed.ego.positions[:, :2]
        holds = np.hypot(apart[:, 0], apart[:, 1]) < trigger.distance_below_m
    elif trigger.ttc_to_ego_below_s is not None:
        holds = _time_to_ego(observed, event.actor) < trigger.ttc_to_ego_below_s
    else:
        holds = frames >= (trigger.at_s or 0.0) * observed.fps - 1e-6
    found = np.flatnonzero(holds & present)
    return int(found[0]) if len(found) else None


def _time_to_ego(observed: ObservedTraffic, actor_id: str) -> FloatArray:
    """Seconds (T,) until the ego's bumper reaches the actor along the road at present speeds; inf if never."""
    own, other = observed.extents(EGO_ID), observed.extents(actor_id)
    ahead = other.middle > own.middle
    closing = np.where(ahead, own.speed_mps - other.speed_mps, other.speed_mps - own.speed_mps)
    gap = np.maximum(_gap_to_ego(observed, actor_id), 0.0)
    return np.where(closing > 0.01, gap / np.where(closing > 0.01, closing, 1.0), np.inf)


def _gap_to_ego(observed: ObservedTraffic, actor_id: str) -> FloatArray:
    """Metres (T,) between the bumpers along the road; negative while beside each other."""
    own, other = observed.extents(EGO_ID), observed.extents(actor_id)
    return np.where(other.middle > own.middle, other.rear - own.front, own.rear - other.front)


def _shown(
    observed: ObservedTraffic, event: ConcreteEvent, track: Track, start: int, rule: EventRule, done: float
) -> tuple[np.ndarray, str]:
    """Frames (T,) bool that show the share ``done`` of the action, and what to say when none does."""
    match event.action:
        case LaneMove(to=to):
            return _lane_changed(observed, event.actor, to, start, done)
        case SpeedChange(to_mps=to_mps):
            return _speed_changed(track, start, to_mps, rule, done), "the speed did not change half the way"
        case Brake(deceleration_mps2=deceleration, to_mps=to_mps):
            slower = _speed_changed(track, start, to_mps, rule, done, only_down=True)
            hard = _deceleration(track, observed.fps, rule) >= rule.braking_share * deceleration
            braked = np.maximum.accumulate(np.where(np.arange(len(track)) >= start, hard, False))
            return slower & braked, "it did not brake that hard, or not half the way"
        case Stop():
            return _speed_changed(track, start, 0.0, rule, done, only_down=True), "it did not slow down half the way"
        case Follow(actor_id=lead, headway_s=headway_s):
            return _followed(observed, event.actor, lead, headway_s, rule)
        case Reverse(distance_m=distance):
            return _reversed(observed, event.actor, track, start, done * distance), "it did not go back half the way"
        case JunctionTurn():
            return turned(observed.road, track, start, event.action, done), "it did not take that way at the junction"
        case WalkTo(x=x, y=y):
            return _walked(track, start, (x, y), rule, done), "it did not walk towards the target"


def _lane_changed(
    observed: ObservedTraffic, actor_id: str, to: int | str, start: int, done: float
) -> tuple[np.ndarray, str]:
    spot = lane_spot(observed.scenario.road, to)
    if isinstance(spot, str):
        raise ValueError(spot)
    offset = lane_offset(observed.road, spot)
    lane: Lane = next(lane for lane in observed.road.lanes if lane.offset == offset)
    aside = np.abs(observed.extents(actor_id).offset - offset)
    if aside[start] < 0.5 * lane.width:
        return np.zeros(len(aside), dtype=bool), "it was in that lane already when its trigger held"
    return aside < (1.0 - done) * lane.width, "it did not come into that lane"


def _speed_changed(
    track: Track, start: int, goal: float, rule: EventRule, done: float, *, only_down: bool = False
) -> np.ndarray:
    before = float(track.speed_mps[start])
    needed = max(done * abs(goal - before), rule.least_change_mps)
    if goal < before:
        return np.asarray(track.speed_mps <= before - needed)
    return np.zeros(len(track), dtype=bool) if only_down else np.asarray(track.speed_mps >= before + needed)


def _deceleration(track: Track, fps: float, rule: EventRule) -> FloatArray:
    """Mean deceleration (T,) in m/s² over the time before each frame; 0 where the actor was not seen all along."""
    steps = max(1, round(rule.braking_s * fps))
    result = np.zeros(len(track))
    both = track.present[steps:] & track.present[:-steps]
    lost = (track.speed_mps[:-steps] - track.speed_mps[steps:]) * fps / steps
    result[steps:] = np.where(both, lost, 0.0)
    return result


def _followed(
    observed: ObservedTraffic, actor_id: str, lead_id: str, headway_s: float, rule: EventRule
) -> tuple[np.ndarray, str]:
    lead = observed.track(lead_id)
    if lead is None:
        return np.zeros(
            len(observed.ego), dtype=bool
        ), f"'{lead_id}', whom it was to follow, was not found in the video"
    own, other = observed.extents(actor_id), observed.extents(lead_id)
    # Along the own direction, whichever way the road counts.
    yaw, road_yaw = _facing(observed, actor_id)
    backwards = np.cos(yaw - road_yaw) < 0.0
    gap = np.where(backwards, own.rear - other.front, other.rear - own.front)
    wanted = STANDING_GAP_M + headway_s * np.abs(own.speed_mps)
    return np.asarray((np.abs(gap - wanted) < rule.gap_share * wanted) & lead.present), "it did not keep that gap"


def _reversed(observed: ObservedTraffic, actor_id: str, track: Track, start: int, way_m: float) -> np.ndarray:
    """Frames in which it is ``way_m`` behind the foremost place since ``start``, along the way it faces by plan.

    Measured headings follow the motion, so they say nothing here.
    """
    yaw, _ = _facing(observed, actor_id)
    along = np.sum(track.positions[:, :2] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1), axis=1)
    known = np.where(track.present & (np.arange(len(track)) >= start), along, -np.inf)
    return np.asarray(track.present & (np.maximum.accumulate(known) - along >= way_m))


def _facing(observed: ObservedTraffic, actor_id: str) -> tuple[FloatArray, FloatArray]:
    """The heading (T,) that an actor has by plan wherever it is, and the road's there; radians."""
    road_yaw = observed.road.frame_at(observed.extents(actor_id).middle)[2]
    placed = next((actor for actor in observed.scenario.actors if actor.id == actor_id), None)
    if placed is not None and placed.yaw_rad is not None:
        return np.full(len(road_yaw), placed.yaw_rad), road_yaw
    return road_yaw + (np.pi if placed is not None and placed.lane == "oncoming" else 0.0), road_yaw


def _walked(track: Track, start: int, target: tuple[float | None, ...], rule: EventRule, done: float) -> np.ndarray:
    origin = track.positions[start, :2]
    goal = np.array([own if wanted is None else wanted for own, wanted in zip(origin, target, strict=True)])
    way = float(np.hypot(*(goal - origin)))
    if way < 1e-6:
        return np.ones(len(track), dtype=bool)
    progress = (track.positions[:, :2] - origin) @ (goal - origin) / way
    return np.asarray(progress >= (min(rule.walked_m, done * way) if done <= HALF_DONE else done * way))


def _first_held(shown: np.ndarray, start: int, hold: int) -> int | None:
    """The first frame from ``start`` on of ``hold`` in a row that show it (or of as many as are left at the end)."""
    run = 0
    for frame in range(start, len(shown)):
        run = run + 1 if shown[frame] else 0
        if run >= hold or (run and frame == len(shown) - 1):
            return frame - run + 1
    return None
