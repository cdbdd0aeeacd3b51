"""The traffic simulation: from a road and plans to the tracks of the ego and of everyone around it.

Everyone starts exactly as planned; what follows depends on the generator: how each driver follows, hesitates and
changes lanes. Two generators give two plausible developments of one start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drivesim.errors import InputError
from drivesim.figures import has_figure
from drivesim.gait import first_phase_rad
from drivesim.geometry import FloatArray, wrap_angle
from drivesim.kinds import car_form
from drivesim.road import Road
from drivesim.scene import Actor, Track
from drivesim.traffic.ambient import AmbientFlow
from drivesim.traffic.behaviour import Mask
from drivesim.traffic.contact import carry, collide, crashes
from drivesim.traffic.ego_control import Drive, EgoCommand, drive_ego, take_over
from drivesim.traffic.fleet import ON_ROAD, VEHICLE, Fleet
from drivesim.traffic.junction_traffic import JunctionTraffic
from drivesim.traffic.lane_choice import choose_lane
from drivesim.traffic.manoeuvres import script_of
from drivesim.traffic.motion import move
from drivesim.traffic.passing import choose_offset, narrow_obstacles
from drivesim.traffic.plans import (
    Action,
    ActorPlan,
    AmbientTraffic,
    Brake,
    EgoPlan,
    LaneChange,
    Manoeuvre,
    SpeedChange,
    Stop,
    Trigger,
    WalkTo,
)
from drivesim.traffic.temper import reconsider, reconsider_soon

__all__ = [
    "Action",
    "ActorPlan",
    "AmbientTraffic",
    "Brake",
    "Drive",
    "EgoCommand",
    "EgoPlan",
    "LaneChange",
    "Manoeuvre",
    "SpeedChange",
    "Stop",
    "TrafficResult",
    "TrafficSimulation",
    "Trigger",
    "WalkTo",
    "simulate",
]

_LARGEST_STEP_S = 0.1


@dataclass(frozen=True, kw_only=True)
class TrafficResult:
    """Tracks of a simulation, the time in seconds at which each manoeuvre started (None: it never did), and the crashes: seconds, and
    the ids of the vehicle and of whom it hit.
    """

    ego: Track
    actors: tuple[Actor, ...]
    event_times: dict[str, float | None]
    crashes: tuple[tuple[float, str, str], ...]


def simulate(
    road: Road,
    ego_plan: EgoPlan,
    actor_plans: Sequence[ActorPlan],
    *,
    duration_s: float,
    fps: float,
    rng: np.random.Generator,
    ambient: AmbientTraffic | None = None,
    turns: Mapping[int, np.random.Generator] | None = None,
    ego_turns: frozenset[int] = frozenset(),
    drive: Drive | None = None,
) -> TrafficResult:
    """Simulate ``duration_s`` seconds on a grid of round(duration_s * fps) frames that starts at t = 0.

    :class:`TrafficSimulation` run through at once. With ``drive`` the ego is driven as that says from its first frame on, its
    last row held where it ends early; else by its own driver. Raises InputError for an unknown lane or a script that refers to nothing.
    """
    frames = max(1, round(duration_s * fps))
    simulation = TrafficSimulation(
        road, ego_plan, actor_plans, fps=fps, rng=rng, ambient=ambient, turns=turns, ego_turns=ego_turns
    )
    for frame in range(frames):
        simulation.step(drive.command(frame + 1) if drive is not None and frame >= drive.first else None)
    return simulation.result(frames)


class TrafficSimulation:
    """Traffic that goes on frame by frame: frame 0 is as planned, each :meth:`step` adds one.

    Vehicles follow those ahead in their lane (IDM with the calm reaction of Kesting et al. 2010) and change lanes at
    will (MOBIL) unless scripted; every few seconds each changes his mind about pace, distance and lane. After a crash
    those involved brake to a stand. At each frame of ``turns`` another generator takes over: up to that frame the tracks
    stay what they were, after it they develop anew. From a frame of ``ego_turns`` on the ego's
    driver changes pace, distance and lane like anybody, unless its plan has manoeuvres: then only as far as scripted
    drivers do. A copy (``copy.deepcopy``) goes on by itself. Raises InputError for an unknown lane or a script that
    refers to nothing.
    """

    def __init__(
        self,
        road: Road,
        ego_plan: EgoPlan,
        actor_plans: Sequence[ActorPlan],
        *,
        fps: float,
        rng: np.random.Generator,
        ambient: AmbientTraffic | None = None,
        turns: Mapping[int, np.random.Generator] | None = None,
        ego_turns: frozenset[int] = frozenset(),
    ) -> None:
        self.fps, self.frame = fps, 0
        self._rng, self._turns, self._ego_turns = rng, dict(turns or {}), ego_turns
        self._substeps = max(1, math.ceil(1.0 / fps / _LARGEST_STEP_S - 1e-9))
        self._dt = 1.0 / fps / self._substeps
        self._fleet = fleet = Fleet(road=road)
        fleet.add_ego(ego_plan, rng)
        for plan in actor_plans:
            fleet.add(plan, rng)
        plans: list[EgoPlan | ActorPlan] = [ego_plan, *actor_plans]
        self._script = script_of([(slot, plan.manoeuvres) for slot, plan in enumerate(plans)])
        self._event_ids = [manoeuvre.id for plan in plans for manoeuvre in plan.manoeuvres]
        for slot, _ in self._script.waiting:
            fleet.free_choice[slot] = False
        self._junctions = None
        if road.junctions:
            self._junctions = JunctionTraffic(fleet, ambient, 1 + len(actor_plans))
            self._script.junctions = self._junctions
            for slot, actor in enumerate(actor_plans, start=1):
                if actor.arm is not None and not self._junctions.enter_by_arm(fleet, slot, actor.arm):
                    raise InputError(
                        f"{actor.id!r} comes by the arm on the {actor.arm}, but the junction has none there"
                    )
        self._flow = AmbientFlow(fleet, ambient, rng) if ambient is not None else None
        self._settled = set(crashes(fleet))
        #: Crashes so far: seconds from t = 0, and the ids of the vehicle and of whom it hit.
        self.crashes: list[tuple[float, str, str]] = []
        self._recorder = _Recorder()
        self._recorder.record(fleet)

    @property
    def ego_crashed(self) -> bool:
        """Whether the ego has hit someone or was hit; from then on it brakes, whatever it is told."""
        return bool(self._fleet.crashed[0] > 0)

    @property
    def num_present(self) -> int:
        """How many are there by now, the ego among them."""
        return int(self._fleet.alive.sum())

    def turn(self, rng: np.random.Generator) -> None:
        """From this frame on the traffic develops by another generator: everyone changes his mind within a second."""
        # In place, because the ambient flow holds the same generator.
        self._rng.bit_generator.state = rng.bit_generator.state
        if self.frame in self._ego_turns:
            self._fleet.release_ego()
        reconsider_soon(self._fleet, self.frame / self.fps, self._rng)

    def step(self, command: EgoCommand | None = None) -> None:
        """Go on by one frame, the ego driven by ``command``, or where there is none by its own driver."""
        fleet, rng = self._fleet, self._rng
        if self.frame in self._turns:
            self.turn(self._turns[self.frame])
        if command is not None:
            take_over(fleet)
        for substep in range(self._substeps):
            time_s = (self.frame * self._substeps + substep) * self._dt
            self._script.advance(fleet, time_s)
            reconsider(fleet, self._dt, time_s, rng)
            _choose_lanes(fleet, time_s, rng)
            _pass_narrow_obstacles(fleet, time_s, rng)
            move(fleet, self._dt, time_s, rng)
            if self._junctions is not None:
                self._junctions.step(fleet, self._dt, time_s, rng)
            if command is not None:
                drive_ego(fleet, command, self._dt, self._substeps - substep)
            carry(fleet, self._dt)
            for pair in crashes(fleet):
                if pair not in self._settled:
                    self._settled.add(pair)
                    first, second = (fleet.plans[slot].id for slot in pair)
                    self.crashes.append((time_s + self._dt, first, second))
                    collide(fleet, *pair)
        self.frame += 1
        if self._flow is not None:
            self._flow.update(fleet, self.frame / self.fps)
        if self._junctions is not None:
            self._junctions.update(fleet, self.frame / self.fps, rng)
        self._recorder.record(fleet)

    def result(self, frames: int | None = None) -> TrafficResult:
        """Tracks of the first ``frames`` frames, of all there are by default."""
        tracks = self._recorder.tracks(self._fleet, self.frame + 1 if frames is None else frames)
        actors = tuple(_actor(plan, track) for plan, track in zip(self._fleet.plans[1:], tracks[1:], strict=True))
        started = self._script.started
        return TrafficResult(
            ego=tracks[0],
            actors=actors,
            event_times={name: started.get(name) for name in self._event_ids},
            crashes=tuple(self.crashes),
        )


def _choose_lanes(fleet: Fleet, time_s: float, rng: np.random.Generator) -> None:
    n = fleet.count
    due = fleet.alive[:n] & fleet.free_choice[:n] & (fleet.next_choice[:n] <= time_s) & (fleet.change_s[:n] <= 0)
    for slot in np.flatnonzero(due):
        lane = choose_lane(fleet, int(slot))
        fleet.next_choice[slot] = time_s + rng.uniform(0.6, 1.6)
        if lane is not None:
            fleet.begin_change(int(slot), lane.offset, float(rng.uniform(3.0, 5.5)))
            fleet.next_choice[slot] = time_s + rng.uniform(7.0, 14.0)
            fleet.lane_wish[slot] = 0.0


def _pass_narrow_obstacles(fleet: Fleet, time_s: float, rng: np.random.Generator) -> None:
    """Drivers move over for cyclists and for what stands at the edge of their lane; each looks about once a second."""
    n = fleet.count
    due = fleet.alive[:n] & (fleet.motion[:n] == ON_ROAD) & (fleet.kind[:n] == VEHICLE)
    due &= (fleet.next_look[:n] <= time_s) & (fleet.change_s[:n] <= 0) & ~fleet.steady[:n]
    obstacles = narrow_obstacles(fleet)
    if len(obstacles) == 0:
        due &= fleet.base_d[:n] != fleet.held_d[:n]
    slots = np.flatnonzero(due)
    if len(slots) == 0:
        return
    fleet.next_look[slots] = time_s + rng.uniform(0.4, 0.9, size=len(slots))
    for slot in slots:
        offset = choose_offset(fleet, int(slot), obstacles)
        if offset is not None:
            fleet.begin_change(int(slot), offset, float(rng.uniform(1.8, 3.0)), passing=True)


class _Recorder:
    """Positions, headings and speeds of every slot on the frames' grid."""

    def __init__(self) -> None:
        self.rows: list[FloatArray] = []
        self.alive: list[Mask] = []

    def record(self, fleet: Fleet) -> None:
        n = fleet.count
        self.rows.append(np.stack([array[:n] for array in (fleet.x, fleet.y, fleet.yaw, fleet.v)]))
        self.alive.append(fleet.alive[:n].copy())

    def tracks(self, fleet: Fleet, frames: int) -> list[Track]:
        """The tracks of everyone who ever was there, on the first ``frames`` frames."""
        total = fleet.count
        values = np.zeros((frames, 4, total))
        present = np.zeros((frames, total), dtype=bool)
        for frame, (row, alive) in enumerate(zip(self.rows[:frames], self.alive[:frames], strict=True)):
            values[frame, :, : row.shape[1]] = row
            present[frame, : len(alive)] = alive
        result = []
        for slot, plan in enumerate(fleet.plans):
            x, y, yaw, speed = values[:, :, slot].T
            seen = np.flatnonzero(present[:, slot])
            if len(seen):
                # Before it appears a participant rests at its first place: no jump when tracks are interpolated.
                x[: seen[0]], y[: seen[0]], yaw[: seen[0]] = x[seen[0]], y[seen[0]], yaw[seen[0]]
            z = np.full(frames, 0.0 if slot == 0 else plan.height / 2.0)
            moving = np.where(present[:, slot], speed, 0.0)
            track = Track(
                positions=np.stack([x, y, z], axis=1),
                yaw_rad=wrap_angle(yaw),
                speed_mps=moving,
                present=present[:, slot],
            )
            result.append(track)
        return result


def _actor(plan: ActorPlan, track: Track) -> Actor:
    return Actor(
        id=plan.id,
        category=plan.category,
        length=plan.length,
        width=plan.width,
        height=plan.height,
        track=track,
        colour=plan.colour,
        look=plan.look,
        preset=plan.preset,
        form=car_form(plan.id, plan.preset, plan.length, plan.height) if plan.category == "car" else None,
        parked=plan.parked,
        gait_rad=first_phase_rad(plan.id) if has_figure(plan.category) else None,
    )
