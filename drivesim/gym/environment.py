"""A scenario as a Gymnasium environment: the action drives the ego, the observation is what the world model makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import gymnasium
import numpy as np
from gymnasium import spaces

from drivesim.closed_loop.disagreement import Disagreement, disagreement
from drivesim.closed_loop.loop import LEAST_ACTION, MOST_ACTION, ClosedLoop
from drivesim.closed_loop.observation import SeenObject
from drivesim.closed_loop.perception import Perception
from drivesim.errors import InputError
from drivesim.gym.reward import RewardWeights, terms_of
from drivesim.judges.load import SHIPPED, Judges, load_judges
from drivesim.models import load_model
from drivesim.options import DEFAULT_OPTIONS, Options
from drivesim.scenarios import Scenario, load
from drivesim.scenarios.library import find
from drivesim.scene import CATEGORIES
from drivesim.traffic.dimensions import EGO_WHEELBASE_M
from drivesim.world_model import LoadedModel

Part = Literal["picture", "state", "measured", "truth"]

#: Names of the numbers of the observation "state", in SI; curvatures are those of the lane so far ahead.
STATE = ("speed", "acceleration", "yaw_rate", "offset", "heading", "target_speed", "speed_limit", "y_10m", "y_20m", "y_40m", "y_80m")  # fmt: skip
#: Names of the columns of "measured" and "truth", a row for each of the nearest; absent rows are zeros.
OBJECT = ("present", "x", "y", "yaw", "speed", "length", "width", "category")
NUM_OBJECTS = 16
_MOST_STEERING_RAD = 0.5


class DrivingEnv(gymnasium.Env[Any, np.ndarray]):
    """One scenario under a world model.

    An action (2,) is acceleration in m/s² and curvature in 1/m (positive to the left), or with ``steering`` the angle of the
    front wheels in rad; it holds for one chunk of the model, ``chunk_frames`` frames, and one step makes one chunk.

    ``observe``: "picture" uint8 RGB (H, W, 3), the newest frame, at ``size`` (height, width) where that is given; "state"
    float32 (11,), see STATE; "measured" float32 (16, 8), what a detector finds in the pictures, see OBJECT; "truth" the same
    of everyone within 80 m. One name gives that array, several a dictionary of them. ``futures`` of two or more puts a
    :class:`Disagreement` of the action into ``info`` of every step, made before it. It terminates on a collision or off the
    road, and is truncated when ``seconds`` (the scenario's by default) are up. ``reset`` takes ``options={"variation": 3}``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        scenario: Scenario | str | Path,
        model: LoadedModel | str = "default",
        *,
        seconds: float | None = None,
        observe: Part | Sequence[Part] = "picture",
        size: tuple[int, int] | None = None,
        steering: bool = False,
        futures: int = 0,
        reward: RewardWeights | None = None,
        judges: Judges | None = None,
        options: Options = DEFAULT_OPTIONS,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InputError(f"render_mode {render_mode!r} is not known; use 'rgb_array' or None.")
        self.scenario = scenario if isinstance(scenario, Scenario) else _only(scenario)
        self.model = load_model(model) if isinstance(model, str) else model
        spec = self.model.world_model.spec
        self.chunk_s = spec.chunk_frames / spec.fps
        self.metadata = {**self.metadata, "render_fps": 1.0 / self.chunk_s}
        self.seconds = float(self.scenario.video_settings.duration) if seconds is None else seconds
        self.render_mode, self.steering, self.futures, self.options = render_mode, steering, futures, options
        self.weights = RewardWeights() if reward is None else reward
        parts = (observe,) if isinstance(observe, str) else tuple(observe)
        self._parts, self._single = parts, isinstance(observe, str)
        self._size = (spec.height, spec.width) if size is None else size
        self._judges = (judges or load_judges(SHIPPED)) if "measured" in parts else None
        self._perception: Perception | None = None
        self._loop: ClosedLoop | None = None
        turn = _MOST_STEERING_RAD if steering else MOST_ACTION[1]
        self.action_space = spaces.Box(
            np.array([LEAST_ACTION[0], -turn], dtype=np.float32), np.array([MOST_ACTION[0], turn], dtype=np.float32)
        )
        every: dict[str, spaces.Space[Any]] = {
            "picture": spaces.Box(0, 255, (*self._size, 3), np.uint8),
            "state": spaces.Box(-np.inf, np.inf, (len(STATE),), np.float32),
            "measured": spaces.Box(-np.inf, np.inf, (NUM_OBJECTS, len(OBJECT)), np.float32),
            "truth": spaces.Box(-np.inf, np.inf, (NUM_OBJECTS, len(OBJECT)), np.float32),
        }
        if not parts or any(part not in every for part in parts):
            raise InputError(f"observe={observe!r}; use {', '.join(every)}, one or several.")
        own: dict[str, spaces.Space[Any]] = {part: every[part] for part in parts}
        self.observation_space = own[parts[0]] if self._single else spaces.Dict(own)

    @property
    def loop(self) -> ClosedLoop:
        """The loop behind it: scene, road, everything. Raises InputError before the first reset."""
        if self._loop is None:
            raise InputError("reset() comes before step().")
        return self._loop

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin anew. The same ``seed`` gives the same traffic and noise; without one it is drawn from the last one given."""
        super().reset(seed=seed)
        variation = int((options or {}).get("variation", self.options.variation))
        if unknown := set(options or {}) - {"variation"}:
            raise InputError(f"reset options {sorted(unknown)}; known is 'variation'.")
        number = int(self.np_random.integers(2**31))
        settings = replace(self.options, variation=variation)
        self._loop = ClosedLoop(self.model, self.scenario, seconds=self.seconds, seed=number, options=settings)
        self._over = False
        if self._judges is not None:
            self._perception = Perception(self._judges, self._loop.fps)
            self._perception.look(self._loop.start_picture[None])
        info = {"seed": number, "variation": variation, "scenario": self.scenario.id, "t_s": 0.0}
        return self._observation(), info

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Drive for one chunk. Raises InputError before reset, behind the end, and for an action that is not finite numbers."""
        loop = self.loop
        if self._over:
            raise InputError("the episode is over. Call reset().")
        actions = self._actions(action)
        apart = None if self.futures < 2 else disagreement(loop, actions, num_futures=self.futures)
        before = loop.ego()
        step = loop.step(actions)
        if self._perception is not None:
            self._perception.look(step.frames)
        terms = terms_of(step, before, loop.ego(), loop.route(), self.chunk_s)
        terminated = bool(step.collision) or step.off_road
        truncated = not terminated and (loop.is_over or step.road_ends)
        self._over = terminated or truncated
        info = {
            "t_s": loop.frame / loop.fps,
            "reward_terms": terms,
            "collision": step.collision,
            "off_road": step.off_road,
        }
        if apart is not None:
            info["disagreement"] = apart
        self.frames = step.frames
        return self._observation(), self.weights.reward(terms), terminated, truncated, info

    def imagine(self, action: np.ndarray, *, num_futures: int = 4, chunks: int = 1) -> Disagreement:
        """What could follow an action, in several futures, and how far they are apart; the episode stays where it is."""
        return disagreement(self.loop, self._actions(action), num_futures=num_futures, chunks=chunks)

    def render(self) -> Any:
        """The newest frame at the model's size with ``render_mode="rgb_array"``, else None."""
        return None if self.render_mode is None or self._loop is None else self._loop.picture

    def _actions(self, action: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError):
            found = np.array(np.nan)
        if found.shape != (2,) or not np.isfinite(found).all():
            second = "steering" if self.steering else "curvature"
            raise InputError(f"action {action!r}; expected two finite numbers, acceleration and {second}.")
        return np.array([found[0], np.tan(found[1]) / EGO_WHEELBASE_M]) if self.steering else found

    def _observation(self) -> Any:
        made = {part: getattr(self, f"_{part}")() for part in self._parts}
        return made[self._parts[0]] if self._single else made

    def _picture(self) -> np.ndarray:
        picture = self.loop.picture
        if picture.shape[:2] == self._size:
            return picture
        return cv2.resize(picture, (self._size[1], self._size[0]), interpolation=cv2.INTER_AREA)

    def _state(self) -> np.ndarray:
        ego, route = self.loop.ego(), self.loop.route()
        sideways = [
            float(np.interp(ahead, route.centre[:, 0], route.centre[:, 1])) for ahead in (10.0, 20.0, 40.0, 80.0)
        ]
        motion = (ego.speed_mps, ego.acceleration_mps2, ego.yaw_rate_rps, route.offset_m, route.heading_rad)
        return np.array([*motion, route.target_speed_mps, route.speed_limit_mps, *sideways], dtype=np.float32)

    def _measured(self) -> np.ndarray:
        assert self._perception is not None
        return _rows(self._perception.objects(self.loop.scene))

    def _truth(self) -> np.ndarray:
        return _rows(self.loop.true_objects())


def _rows(objects: Sequence[SeenObject]) -> np.ndarray:
    rows = np.zeros((NUM_OBJECTS, len(OBJECT)), dtype=np.float32)
    for row, one in zip(rows, objects, strict=False):
        row[:] = (1.0, one.x, one.y, one.yaw_rad, one.speed_mps, one.length, one.width, CATEGORIES.index(one.category))
    return rows


def _only(name: str | Path) -> Scenario:
    scenarios = load(find(str(name)))
    if len(scenarios) != 1:
        raise InputError(
            f"{name} holds {len(scenarios)} scenarios; an environment is of one. Load the file and choose."
        )
    return scenarios[0]


def make(scenario: Scenario | str | Path, model: LoadedModel | str = "default", **settings: Any) -> DrivingEnv:
    """The environment of a scenario, a file with one, or a library name; settings as in :class:`DrivingEnv`."""
    return DrivingEnv(scenario, model, **settings)


def make_vec(
    scenario: Scenario | str | Path | Sequence[Scenario | str | Path],
    num_envs: int | None = None,
    model: LoadedModel | str = "default",
    *,
    vectorization_mode: Literal["sync", "async"] = "sync",
    **settings: Any,
) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    """Several environments as one, of one scenario ``num_envs`` times or of several.

    "sync": one after the other in this process, sharing the model. "async": each in a process of its own with a model of
    its own, which must then be given by name. Raises InputError.
    """
    several = isinstance(scenario, Sequence) and not isinstance(scenario, str)
    one_each: list[Any] = list(scenario) if several else [scenario] * (num_envs or 1)  # type: ignore[arg-type]
    if num_envs is not None and num_envs != len(one_each):
        raise InputError(f"num_envs={num_envs} of {len(one_each)} scenarios; leave it out.")
    if vectorization_mode == "async" and not isinstance(model, str):
        raise InputError("vectorization_mode='async' loads a model in every process: give its name or folder.")
    shared = load_model(model) if vectorization_mode == "sync" and isinstance(model, str) else model
    makers = [lambda each=each: DrivingEnv(each, shared, **settings) for each in one_each]
    if vectorization_mode == "sync":
        return gymnasium.vector.SyncVectorEnv(makers)
    return gymnasium.vector.AsyncVectorEnv(makers, context="spawn")


gymnasium.register(id="drivesim/Driving-v0", entry_point="drivesim.gym.environment:DrivingEnv")
