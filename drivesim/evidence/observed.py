"""One future as its tracks show it, and when what an event waits for holds in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from drivesim.evidence.verdict import Verdict
from drivesim.geometry import FloatArray
from drivesim.metrics.criticality.footprints import DEFAULT_EGO, EgoSize, Footprints, actor_footprints, ego_footprints
from drivesim.metrics.criticality.path import Extents, along
from drivesim.metrics.criticality.ttc import first_contact
from drivesim.road import Road
from drivesim.scenarios.concrete import ConcreteEvent, ConcreteScenario
from drivesim.scene import Actor, Track
from drivesim.traffic.plans import Trigger

EGO_ID = "ego"


@dataclass(frozen=True, kw_only=True, eq=False)
class ObservedTraffic:
    """One future for its events: the scenario, the road, the ego and the actors by id, frames a second.

    ``begins_s`` is what the scene's clock says at its frame 0, on which the scenario's times are: later than 0 in a branch.
    ``faster_after_mps`` and ``harder_mps2`` are what an error of the tracks adds to changes of speed, and to braking.
    """

    scenario: ConcreteScenario
    road: Road
    fps: float
    ego: Track
    actors: Mapping[str, Actor]
    begins_s: float = 0.0
    size: EgoSize = DEFAULT_EGO
    faster_after_mps: float = 0.0
    harder_mps2: float = 0.0

    def track(self, actor_id: str) -> Track | None:
        """The track of an actor or of the ego, None where there is none."""
        if actor_id == EGO_ID:
            return self.ego
        return self.actors[actor_id].track if actor_id in self.actors else None

    def extents(self, actor_id: str) -> Extents:
        """Where the actor (or the ego) is along the road."""
        return along(self.footprints(actor_id), self.road)

    def footprints(self, actor_id: str) -> Footprints:
        """The rectangle of the actor (or the ego) on the ground."""
        return ego_footprints(self.ego, self.size) if actor_id == EGO_ID else actor_footprints(self.actors[actor_id])


def waited_for(event: ConcreteEvent) -> set[str]:
    """Whose tracks its trigger is read off, beside that of whom shows the event."""
    trigger = event.trigger
    if trigger.ttc_to is not None:
        return {event.actor, trigger.ttc_to}
    return set() if trigger.gap_below_m is None and trigger.ttc_to_ego_below_s is None else {event.actor}


def trigger_frame(
    observed: ObservedTraffic, event: ConcreteEvent, track: Track, verdicts: Mapping[str, Verdict]
) -> int | None:
    """The first frame in which the trigger holds and the actor is seen, None when there is none."""
    frames = np.arange(len(observed.ego))
    present = np.asarray(track.present, dtype=bool)
    trigger = event.trigger
    if trigger.after is not None:
        done_s = verdicts[trigger.after].done_s
        due_s = np.inf if done_s is None else done_s + trigger.delay_s
        holds = frames >= due_s * observed.fps - 1e-6
    elif trigger.gap_below_m is not None:
        gap = _gap_to_ego(observed, event.actor)
        holds = (gap >= 0.0) & (gap < trigger.gap_below_m)
    elif trigger.distance_below_m is not None:
        apart = track.positions[:, :2] - observed.ego.positions[:, :2]
        holds = np.hypot(apart[:, 0], apart[:, 1]) < trigger.distance_below_m
    elif trigger.ttc_to is not None and trigger.ttc_to_below_s is not None:
        holds = _delayed(
            _near_in_time(observed, event.actor, trigger.ttc_to, trigger.ttc_to_below_s), trigger, observed
        )
    elif trigger.ttc_to_ego_below_s is not None:
        holds = _time_to_ego(observed, event.actor) < trigger.ttc_to_ego_below_s
    else:
        holds = frames >= ((trigger.at_s or 0.0) - observed.begins_s) * observed.fps - 1e-6
    found = np.flatnonzero(holds & present)
    return int(found[0]) if len(found) else None


def _near_in_time(observed: ObservedTraffic, actor_id: str, other_id: str, below_s: float) -> np.ndarray:
    """Frames (T,) bool from the first on in which the two would touch within ``below_s`` if both went on like that."""
    until = first_contact(observed.footprints(actor_id), observed.footprints(other_id), 2.0 * below_s)
    tracks = (observed.track(actor_id), observed.track(other_id))
    there = np.logical_and.reduce([np.asarray(track.present, dtype=bool) for track in tracks if track is not None])
    return np.asarray(np.maximum.accumulate((until < below_s) & there))


def _delayed(holds: np.ndarray, trigger: Trigger, observed: ObservedTraffic) -> np.ndarray:
    late = min(round(trigger.delay_s * observed.fps), len(holds))
    return np.concatenate([np.zeros(late, dtype=bool), holds[: len(holds) - late]])


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
