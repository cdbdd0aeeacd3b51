"""Events of a scenario as tracks show them: whether an actor did what is written, after its trigger and in time.

An action counts once it is half done, as measured tracks blur its beginning and a video may end before its end: a lane
change when the centre is over the line, a change of speed when half of it is done. A walk counts after 1.5 m or half the
way, whichever is less; following when the gap is within a third of what it is to be. What follows an event waits until nine tenths of it are done.

How much of what counts is shown is a figure: 1 counts. The error of the measured tracks is put through it as through any other
(:mod:`drivesim.evidence.track_error`), and where its bar covers 1 the event is undecided.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from drivesim.evidence.observed import EGO_ID, ObservedTraffic, trigger_frame, waited_for
from drivesim.evidence.track_error import NO_ERROR, REACH, ErrorBar, TrackError, ego_shifted, shifted, spread
from drivesim.evidence.turns import turned
from drivesim.evidence.verdict import Verdict
from drivesim.geometry import FloatArray
from drivesim.report.verdict import decided
from drivesim.scenarios.concrete import ConcreteEvent, LaneMove
from drivesim.scenarios.placement import lane_of, lane_spot
from drivesim.scene import Track
from drivesim.traffic.doors import door_id
from drivesim.traffic.following import STANDING_GAP_M
from drivesim.traffic.plans import Brake, Follow, JunctionTurn, OpenDoor, Reverse, SpeedChange, Stop, WalkTo


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
HALF_DONE, DONE = 0.5, 0.9
#: A centre on the line is not over it.
_OVER_THE_LINE = 1e-9


def judge_events(
    observed: ObservedTraffic,
    min_seen_s: float,
    rule: EventRule = DEFAULT_RULE,
    *,
    error: TrackError = NO_ERROR,
    ego_measured: bool = False,
) -> dict[str, Verdict]:
    """The verdict on every event of the scenario, by id; events that follow another are judged after it.

    An event is undecided where the ``error`` of the tracks, of the ego's too where that is measured, may make it count or not.
    """
    verdicts: dict[str, Verdict] = {}
    waiting = list(observed.scenario.events)
    while waiting:
        ready = [e for e in waiting if e.trigger.after is None or e.trigger.after in verdicts]
        if not ready:
            names = ", ".join(event.id for event in waiting)
            raise ValueError(f"events {names} wait for each other or for one that does not exist")
        for event in ready:
            judged = _Judged(event=event, verdicts=verdicts, rule=rule)
            verdicts[event.id] = judged.verdict(observed, min_seen_s, error, ego_measured=ego_measured)
            waiting.remove(event)
    return {event.id: verdicts[event.id] for event in observed.scenario.events}


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One event under judgement, with the ``verdicts`` on those before it."""

    event: ConcreteEvent
    verdicts: Mapping[str, Verdict]
    rule: EventRule

    def verdict(
        self, observed: ObservedTraffic, min_seen_s: float, error: TrackError, *, ego_measured: bool
    ) -> Verdict:
        event = self.event
        acts = _acting(event)
        for who in (acts, *sorted(waited_for(event)), *_followed_by(event)):
            if observed.track(who) is None:
                return Verdict(value=None, reason=f"actor '{who}' was not found in the video")
        track = observed.track(acts)
        assert track is not None
        present = np.asarray(track.present, dtype=bool)
        share = float(present.mean())
        if np.count_nonzero(present) < max(1.0, min_seen_s * observed.fps):
            return Verdict(
                value=None, reason=f"actor '{event.actor}' was seen for less than {min_seen_s:g} s", seen_share=share
            )
        if event.trigger.after is not None and self.verdicts[event.trigger.after].value is None:
            reason = f"it starts after '{event.trigger.after}', of which nothing can be said"
            return Verdict(value=None, reason=reason, seen_share=share)
        changed = [
            [self.amount(other, other.track(acts)) for other in pair]
            for pair in _variants(observed, event, error, ego_measured=ego_measured)
        ]
        bar = spread(self.amount(observed, track), changed)
        return self._concluded(observed, track, bar, share)

    def amount(self, observed: ObservedTraffic, track: Track | None) -> float:
        """How much of what counts is shown in time, held as long as it must be: from 1 on it counts; 0 where it never began."""
        assert track is not None, "an error of a track does not make it vanish"
        start = trigger_frame(observed, self.event, track, self.verdicts)
        if start is None:
            return 0.0
        held = self._held(observed, track, start, HALF_DONE)[0]
        within_s = self.event.within_s
        last = len(held)
        if within_s is not None:
            last = max(start, math.floor((within_s - observed.begins_s + 1e-6) * observed.fps)) + 1
        return float(held[start:last].max())

    def _concluded(self, observed: ObservedTraffic, track: Track, bar: ErrorBar, share: float) -> Verdict:
        found = Verdict(
            value=None, measured=bar.value, low=bar.low, high=bar.high, unit="of what counts", seen_share=share
        )
        outcome = decided(bar.value, bar.low, bar.high, ">=", 1.0)
        if outcome == "undecided":
            reason = f"undecided: the tracks' error reaches from {bar.low:.2g} to {bar.high:.2g} of what counts"
            return dataclasses.replace(found, reason=reason)
        start = trigger_frame(observed, self.event, track, self.verdicts)
        if start is None:
            return dataclasses.replace(found, value=False, reason="its trigger never held")
        held, reason = self._held(observed, track, start, HALF_DONE)
        frame = _first(held, start)
        if frame is None:
            return dataclasses.replace(found, value=False, reason=reason)
        time_s = frame / observed.fps
        if outcome == "failed":
            late = f"it came at {observed.begins_s + time_s:.1f} s, later than {self.event.within_s:g} s"
            return dataclasses.replace(found, value=False, reason=late, time_s=time_s)
        complete = _first(self._held(observed, track, start, DONE)[0], frame)
        done_s = None if complete is None else complete / observed.fps
        return dataclasses.replace(found, value=True, time_s=time_s, done_s=done_s)

    def _held(self, observed: ObservedTraffic, track: Track, start: int, done: float) -> tuple[FloatArray, str]:
        """From each frame (T,) on, how much of the share ``done`` of the action is shown all along; what to say when it is none.

        As long as the rule says, or as is left of the video.
        """
        hold_s = self.rule.following_s if isinstance(self.event.action, Follow) else self.rule.hold_s
        shown, reason = _shown(observed, self.event, track, start, self.rule, done)
        shown = np.where(np.asarray(track.present, dtype=bool), shown, np.minimum(shown, 0.0))
        hold = max(1, round(hold_s * observed.fps))
        padded = np.concatenate([shown, np.full(hold - 1, np.inf)])
        return np.lib.stride_tricks.sliding_window_view(padded, hold).min(axis=1), reason


def _variants(
    observed: ObservedTraffic, event: ConcreteEvent, error: TrackError, *, ego_measured: bool
) -> Iterator[tuple[ObservedTraffic, ObservedTraffic]]:
    """The future as other errors of the tracks would have shown it: for each kind of error both of its ends."""
    involved = {_acting(event), *waited_for(event), *_followed_by(event)}
    for who in sorted(involved - {EGO_ID}):
        if who in observed.actors:
            for name, size in (
                ("farther", error.distance_share), ("sideways_m", error.sideways_m), ("faster_mps", error.speed_mps),
            ):  # fmt: skip
                yield from _pair(size, functools.partial(_moved, observed, who, name))
    acts = error
    if event.actor == EGO_ID:
        # Of the ego two readings far apart in time err independently.
        change = math.sqrt(2.0) * error.ego_speed_mps if ego_measured else 0.0
        acts = dataclasses.replace(error, speed_change_mps=change, braking_mps2=change / DEFAULT_RULE.braking_s)
    yield from _pair(acts.speed_change_mps, lambda off: dataclasses.replace(observed, faster_after_mps=off))
    yield from _pair(acts.braking_mps2, lambda off: dataclasses.replace(observed, harder_mps2=off))
    if ego_measured:
        for name, size in (("faster_mps", error.ego_speed_mps), ("turning_rps", error.ego_yaw_rate_rps)):
            yield from _pair(size, functools.partial(_ego_moved, observed, name))


def _pair(
    size: float, changed: Callable[[float], ObservedTraffic]
) -> Iterator[tuple[ObservedTraffic, ObservedTraffic]]:
    """What an error of that standard deviation makes at both ends of its reach; nothing for none."""
    if size > 0.0:
        yield changed(-REACH * size), changed(REACH * size)


def _moved(observed: ObservedTraffic, who: str, kind: str, off: float) -> ObservedTraffic:
    moved = shifted(observed.ego, observed.actors[who], **{kind: off})
    return dataclasses.replace(observed, actors={**observed.actors, who: moved})


def _ego_moved(observed: ObservedTraffic, kind: str, off: float) -> ObservedTraffic:
    return dataclasses.replace(observed, ego=ego_shifted(observed.ego, observed.fps, **{kind: off}))


def _followed_by(event: ConcreteEvent) -> tuple[str, ...]:
    """Whom the actor of the event is to follow, if it is to follow somebody."""
    return (event.action.actor_id,) if isinstance(event.action, Follow) else ()


def _acting(event: ConcreteEvent) -> str:
    """Whose track shows the event: what a door does is seen of the door."""
    return door_id(event.actor) if isinstance(event.action, OpenDoor) else event.actor


def _shown(
    observed: ObservedTraffic, event: ConcreteEvent, track: Track, start: int, rule: EventRule, done: float
) -> tuple[FloatArray, str]:
    """How much of the share ``done`` of the action each frame (T,) shows, 1 where it is done, and what to say when none does."""
    match event.action:
        case LaneMove(to=to):
            return _lane_changed(observed, event.actor, to, start, done)
        case SpeedChange(to_mps=to_mps):
            return _speed_changed(observed, track, start, to_mps, rule, done), "the speed did not change half the way"
        case Brake(deceleration_mps2=deceleration, to_mps=to_mps):
            slower = _speed_changed(observed, track, start, to_mps, rule, done, only_down=True)
            lost = _deceleration(track, observed.fps, rule)
            hard = (lost + np.where(lost != 0.0, observed.harder_mps2, 0.0)) / (rule.braking_share * deceleration)
            hard[:start] = 0.0
            return np.minimum(slower, np.maximum.accumulate(hard)), "it did not brake that hard, or not half the way"
        case OpenDoor():
            seen = np.asarray(track.present) & (np.arange(len(track)) >= start)
            return seen.astype(float), "no open door was seen"
        case Stop():
            slower = _speed_changed(observed, track, start, 0.0, rule, done, only_down=True)
            return slower, "it did not slow down half the way"
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
) -> tuple[FloatArray, str]:
    spot = lane_spot(observed.scenario.road, to)
    if isinstance(spot, str):
        raise ValueError(spot)
    lane = lane_of(observed.road, spot)
    aside = np.abs(observed.extents(actor_id).offset - lane.offset)
    if aside[start] < 0.5 * lane.width:
        return np.zeros(len(aside)), "it was in that lane already when its trigger held"
    return (1.0 - aside / lane.width) / done - _OVER_THE_LINE, "it did not come into that lane"


def _speed_changed(
    observed: ObservedTraffic,
    track: Track,
    start: int,
    goal: float,
    rule: EventRule,
    done: float,
    *,
    only_down: bool = False,
) -> FloatArray:
    before = float(track.speed_mps[start])
    needed = max(done * abs(goal - before), rule.least_change_mps)
    gained = track.speed_mps - before
    gained = gained + np.where(np.arange(len(track)) > start, observed.faster_after_mps, 0.0)
    if goal < before:
        return -gained / needed
    return np.zeros(len(track)) if only_down else gained / needed


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
) -> tuple[FloatArray, str]:
    lead = observed.track(lead_id)
    assert lead is not None, "whoever was not found leaves the event open"
    own, other = observed.extents(actor_id), observed.extents(lead_id)
    # Along the own direction, whichever way the road counts.
    yaw, road_yaw = _facing(observed, actor_id)
    backwards = np.cos(yaw - road_yaw) < 0.0
    gap = np.where(backwards, own.rear - other.front, other.rear - own.front)
    wanted = STANDING_GAP_M + headway_s * np.abs(own.speed_mps)
    # 2 where the gap is what it is to be, 1 at the edge of what counts.
    kept = 2.0 - np.abs(gap - wanted) / (rule.gap_share * wanted)
    return np.where(lead.present, kept, np.minimum(kept, 0.0)), "it did not keep that gap"


def _reversed(observed: ObservedTraffic, actor_id: str, track: Track, start: int, way_m: float) -> FloatArray:
    """How far it is behind the foremost place since ``start``, along the way it faces by plan, in parts of ``way_m``.

    Measured headings follow the motion, so they say nothing here.
    """
    yaw, _ = _facing(observed, actor_id)
    along = np.sum(track.positions[:, :2] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1), axis=1)
    known = track.present & (np.arange(len(track)) >= start)
    foremost = np.maximum.accumulate(np.where(known, along, -np.inf))
    return np.where(known, foremost - np.where(known, along, 0.0), 0.0) / way_m


def _facing(observed: ObservedTraffic, actor_id: str) -> tuple[FloatArray, FloatArray]:
    """The heading (T,) that an actor has by plan wherever it is, and the road's there; radians."""
    road_yaw = observed.road.frame_at(observed.extents(actor_id).middle)[2]
    placed = next((actor for actor in observed.scenario.actors if actor.id == actor_id), None)
    if placed is not None and placed.yaw_rad is not None:
        return np.full(len(road_yaw), placed.yaw_rad), road_yaw
    return road_yaw + (np.pi if placed is not None and placed.lane == "oncoming" else 0.0), road_yaw


def _walked(track: Track, start: int, target: tuple[float | None, ...], rule: EventRule, done: float) -> FloatArray:
    origin = track.positions[start, :2]
    goal = np.array([own if wanted is None else wanted for own, wanted in zip(origin, target, strict=True)])
    way = float(np.hypot(*(goal - origin)))
    if way < 1e-6:
        return np.ones(len(track))
    progress = (track.positions[:, :2] - origin) @ (goal - origin) / way
    return np.asarray(progress / (min(rule.walked_m, done * way) if done <= HALF_DONE else done * way))


def _first(held: FloatArray, start: int) -> int | None:
    """The first frame from ``start`` on that shows all of what counts."""
    found = np.flatnonzero(held[start:] >= 1.0)
    return start + int(found[0]) if len(found) else None
