"""The loop: an action, the traffic's reaction, the next chunk of video; and what may end it.

The model makes several frames a call, so one step of the loop is one chunk: its actions, one a frame or one for all, are
fixed before any of its frames is seen.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivesim.closed_loop.observation import EgoState, Route, SeenObject
from drivesim.errors import InputError
from drivesim.geometry import FloatArray, turned, wrap_angle
from drivesim.metrics.criticality import first_collision, is_off_road, off_road_distance
from drivesim.options import DEFAULT_OPTIONS, Options, Threads, usable_cores
from drivesim.run_spec import RunSpec, decide, frames_of
from drivesim.runs.engine import ChunkMaker, DecodedChunk, thread_count
from drivesim.runs.run import Ingredients
from drivesim.scenarios import Scenario
from drivesim.scenarios.expand import ROAD_AHEAD_M, OpenDevelopment
from drivesim.scenarios.language.ego_plan import MAX_ROWS
from drivesim.scene import Scene
from drivesim.traffic.ego_control import MOST_CURVATURE, MOST_LATERAL_MPS2, MOST_SPEED_MPS, EgoCommand
from drivesim.world_model import LoadedModel

#: Bounds of an action: acceleration (m/s²) and curvature (1/m). Beyond them a car does what it can.
LEAST_ACTION, MOST_ACTION = (-8.0, -MOST_CURVATURE), (4.0, MOST_CURVATURE)
_ROUTE_SPACING_M, _ROUTE_POINTS = 2.0, 80
#: Before the road ends there must be this much of it beside what a plan needs, metres.
_END_MARGIN_M = 60.0
_NEAR_M = 80.0


@dataclass(frozen=True, kw_only=True, eq=False)
class LoopStep:
    """A chunk of the loop: its frames, from which frame on, what the ego came to in it ("" where nothing happened).

    ``frames`` uint8 RGB (T, H, W, 3), ``scene`` the T frames of the scene that they show. ``collision`` names whom the ego's
    box touched, ``off_road`` is whether it left the road, ``road_ends`` whether too little road lies ahead.
    """

    first: int
    frames: NDArray[np.uint8]
    scene: Scene
    collision: str
    off_road: bool
    road_ends: bool
    decoded: DecodedChunk


class ClosedLoop:
    """One scenario under a model with the ego driven from outside, for ``seconds`` at most; begins at once.

    ``frames`` so far lie in no memory: each step gives its own. What was driven is kept as a plan (:attr:`driven`) that
    repeats the drive, bit by bit, in a run. Raises InputError for a scenario whose ego is planned or has events.
    """

    def __init__(
        self,
        model: LoadedModel,
        scenario: Scenario,
        *,
        seconds: float,
        seed: int = 0,
        options: Options = DEFAULT_OPTIONS,
    ) -> None:
        require_free_ego(scenario)
        spec = model.world_model.spec
        if spec.fps * seconds > MAX_ROWS - 1 - spec.chunk_frames:
            raise InputError(
                f"{seconds:g} s in a closed loop; a drive is kept for {(MAX_ROWS - 1) / spec.fps:.0f} s at most."
            )
        options = dataclasses.replace(options, threads=options.threads or _threads())
        self.seconds = seconds
        concrete = scenario.concrete(options.variation)
        self.target_speed_mps = concrete.ego_target_speed_mps
        self.lane_offset, self.lane_width = 0.0, concrete.road.lane_width_m
        still = {"time": (0.0, seconds + spec.chunk_frames / spec.fps), "speed": (concrete.ego_speed_mps,) * 2}
        self.decided: RunSpec = decide(
            model,
            scenario.ego(plan=still),
            num_frames=frames_of(seconds, spec.fps),
            seed=seed,
            options=options,
        )
        manifest = self.decided.manifest
        self.fps, self.chunk_frames = spec.fps, spec.chunk_frames
        self.development = OpenDevelopment(
            scenario,
            seed=seed,
            fps=spec.fps,
            duration_s=manifest.scene_frames / manifest.fps,
            variation=options.variation,
        )
        self.scene = self.development.scene()
        self.lane_offset = _lane_offset(self.scene, concrete.road.ego_lane)
        self._commands: list[tuple[float, float]] = [(concrete.ego_speed_mps, 0.0)]
        self._chunk = 0
        with thread_count(manifest.threads.denoise):
            self._ingredients: Ingredients = self.decided.ingredients(self.decided.beginning)
            moment = self._ingredients.first_moment()
        self._state, self.picture = moment.state, moment.frame
        self.start_picture = moment.frame
        self._maker = ChunkMaker(
            model=model.world_model,
            stream=manifest.stream_of(0),
            timeline=manifest.timeline,
            threads=manifest.threads,
        )

    @property
    def frame(self) -> int:
        """The frame that was reached."""
        return self.development.frame

    @property
    def is_over(self) -> bool:
        """Whether the time that was asked for is up."""
        return self._chunk >= self._maker.timeline.num_chunks

    @property
    def chunks(self) -> int:
        """Chunks made so far."""
        return self._chunk

    @property
    def driven(self) -> dict[str, tuple[float, ...]]:
        """What the ego was told, as the plan of a scenario: time, speed, curvature, a row a frame."""
        time = tuple(round(frame / self.fps, 6) for frame in range(len(self._commands)))
        speed, curvature = zip(*self._commands, strict=True)
        return {"time": time, "speed": tuple(speed), "curvature": tuple(curvature)}

    def step(self, actions: NDArray[np.float64]) -> LoopStep:
        """Drive for one chunk: ``actions`` (2,) acceleration and curvature, or (chunk_frames, 2), held to what a car can do.

        Raises InputError when the time is up.
        """
        if self.is_over:
            raise InputError(f"the {self.seconds:g} s of this loop are over. Begin another.")
        first = self.frame + 1
        for command in self._commands_of(actions):
            self._commands.append((command.speed_mps, command.curvature))
            self.development.step(command)
        self.scene = self.development.scene()
        decoded, self._state, self.picture = self._made(self._maker, self._chunk, self.scene)
        self._chunk += 1
        shown = self.scene.window(first, first + len(decoded.frames))
        return LoopStep(
            first=first,
            frames=decoded.frames,
            scene=shown,
            collision=_collision(self.scene.window(first - 1, self.frame + 1)),
            off_road=_off_road(self.scene.window(first, self.frame + 1)),
            road_ends=self._road_left() < ROAD_AHEAD_M + _END_MARGIN_M,
            decoded=decoded,
        )

    def imagine(
        self, actions: NDArray[np.float64], seeds: Sequence[int], chunks: int = 1
    ) -> list[tuple[NDArray[np.uint8], Scene]]:
        """What else could follow the same actions: for each seed the frames (T, H, W, 3) and scene of ``chunks`` chunks.

        In each the others make up their minds by that seed and the model draws noise of its own. The loop itself stays where it is.
        """
        futures = []
        for seed in seeds:
            development, state, picture = self.development.fork(seed), self._state, self.picture
            maker = dataclasses.replace(self._maker, stream=self._maker.stream.child(self._chunk).child(1 + seed))
            frames, told = [], list(self._commands)
            for ahead in range(chunks):
                for command in self._commands_of(actions, told):
                    told.append((command.speed_mps, command.curvature))
                    development.step(command)
                decoded, state, picture = self._made(maker, self._chunk + ahead, development.scene(), state, picture)
                frames.append(decoded.frames)
            whole = np.concatenate(frames)
            futures.append((whole, development.scene().window(self.frame + 1, self.frame + 1 + len(whole))))
        return futures

    def _made(
        self, maker: ChunkMaker, index: int, scene: Scene, state: Any = None, picture: NDArray[np.uint8] | None = None
    ) -> tuple[DecodedChunk, Any, NDArray[np.uint8]]:
        """Chunk ``index``: the last frames of the scene."""
        told = self.decided.controls_of(scene).window(len(scene) - self.chunk_frames, len(scene))
        chunk, after, packed = maker.step(self._state if state is None else state, told, index)
        decoded, shown = maker.decode(index, chunk, packed, self.picture if picture is None else picture)
        return decoded, after, shown

    def _commands_of(
        self, actions: NDArray[np.float64], told: Sequence[tuple[float, float]] | None = None
    ) -> list[EgoCommand]:
        """The actions as commands, rounded as a plan is kept, within what a car can do."""
        rows = np.broadcast_to(np.asarray(actions, dtype=np.float64), (self.chunk_frames, 2))
        rows = np.clip(rows, LEAST_ACTION, MOST_ACTION)
        speed = (self._commands if told is None else told)[-1][0]
        commands = []
        for acceleration, curvature in rows:
            speed = round(min(max(speed + float(acceleration) / self.fps, 0.0), MOST_SPEED_MPS), 6)
            most = MOST_LATERAL_MPS2 / max(speed, 1.0) ** 2 - 1e-6
            commands.append(EgoCommand(speed_mps=speed, curvature=round(min(max(float(curvature), -most), most), 6)))
        return commands

    def _road_left(self) -> float:
        road = self.development.road
        return road.s_end - float(_on_road(self.scene)[0])

    def ego(self) -> EgoState:
        """The ego's motion now."""
        ego = self.scene.ego
        if len(ego) < 2:
            return EgoState(speed_mps=float(ego.speed_mps[-1]), acceleration_mps2=0.0, yaw_rate_rps=0.0)
        return EgoState(
            speed_mps=float(ego.speed_mps[-1]),
            acceleration_mps2=float(ego.speed_mps[-1] - ego.speed_mps[-2]) * self.fps,
            yaw_rate_rps=float(wrap_angle(ego.yaw_rad[-1] - ego.yaw_rad[-2])) * self.fps,
        )

    def route(self) -> Route:
        """The lane ahead, from where the ego is."""
        road, pose = self.development.road, self.scene.ego.pose(len(self.scene) - 1)
        s, d = _on_road(self.scene)
        ahead = float(s) + _ROUTE_SPACING_M * np.arange(_ROUTE_POINTS)
        x, y, _ = road.to_world(ahead, self.lane_offset)
        centre = into_ego(np.stack([x, y], axis=1), pose.x, pose.y, pose.yaw_rad)
        return Route(
            centre=centre,
            spacing_m=_ROUTE_SPACING_M,
            offset_m=float(d) - self.lane_offset,
            heading_rad=float(wrap_angle(pose.yaw_rad - road.frame_at(s)[2])),
            lane_width_m=self.lane_width,
            speed_limit_mps=road.speed_limit_mps,
            target_speed_mps=self.target_speed_mps,
        )

    def true_objects(self) -> tuple[SeenObject, ...]:
        """Everyone within 80 m, nearest first."""
        last = len(self.scene) - 1
        return objects_around(self.scene.window(last, last + 1))


def objects_around(scene: Scene, reach_m: float = _NEAR_M) -> tuple[SeenObject, ...]:
    """Who is there in the last frame of a scene, seen from the ego, nearest first."""
    last = len(scene) - 1
    pose = scene.ego.pose(last)
    found = []
    for actor, box in scene.boxes(last):
        x, y = into_ego(np.array([[box.x, box.y]]), pose.x, pose.y, pose.yaw_rad)[0]
        if math.hypot(x, y) <= reach_m:
            found.append(
                SeenObject(
                    category=actor.category,
                    x=float(x),
                    y=float(y),
                    yaw_rad=float(wrap_angle(box.yaw_rad - pose.yaw_rad)),
                    speed_mps=float(actor.track.speed_mps[last]),
                    length=box.length,
                    width=box.width,
                )
            )
    return tuple(sorted(found, key=lambda one: math.hypot(one.x, one.y)))


def into_ego(points: FloatArray, x: float, y: float, yaw_rad: float) -> FloatArray:
    """World points (N, 2) in the frame of an ego at x, y, yaw."""
    return turned(points - np.array([x, y]), -yaw_rad)


def _on_road(scene: Scene) -> tuple[float, float]:
    """s and d of the ego in the last frame."""
    road, place = scene.road, scene.ego.positions[-1]
    assert road is not None, "a developed scenario has a road"
    line = road.reference
    near = int(np.argmin((line[:, 0] - place[0]) ** 2 + (line[:, 1] - place[1]) ** 2))
    s, d = road.to_road(place[:1], place[1:2], road.s_start + near * road.spacing)
    return float(s[0]), float(d[0])


def _lane_offset(scene: Scene, number: int) -> float:
    lane = None if scene.road is None else scene.road.lane(number)
    assert lane is not None, "a developed scenario has a road with its ego's lane"
    return lane.offset


def _collision(scene: Scene) -> str:
    hits = [hit for actor in scene.actors if actor.track.present.any() and (hit := first_collision(scene.ego, actor))]
    return min(hits, key=lambda hit: hit.frame).actor_id if hits else ""


def _off_road(scene: Scene) -> bool:
    assert scene.road is not None
    return bool(is_off_road(off_road_distance(scene.ego, scene.road)).any())


def _threads() -> Threads:
    """All cores for one half of the work after the other: nothing can overlap while the next action is not known."""
    count = usable_cores()
    return Threads(denoise=count, decode=count, overlap=False)


def require_free_ego(scenario: Scenario) -> None:
    """Raise InputError for a scenario that says itself how its ego is driven."""
    if scenario.scene.ego.plan is not None:
        raise InputError(
            f"{scenario.id} has a plan for the ego (scene.ego.plan); nobody else can drive it. Take the plan out."
        )
    mine = [event.id for event in scenario.events if event.actor == "ego"]
    if mine:
        raise InputError(
            f"{scenario.id}: event '{mine[0]}' is the ego's, which is driven from outside. Take the event out."
        )
