"""What is where and when: poses, boxes, actors, camera, environment and the scene that holds them.

Frames: ``ego`` has its origin on the ground under the rear axle, x forward, y left, z up; ``world`` equals the ego frame
at t = 0; the camera's optical frame is x right, y down, z forward. Metres, seconds, radians.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from drivesim import gait
from drivesim.geometry import (
    VEHICLE_FROM_OPTICAL,
    FloatArray,
    box_corners,
    euler_zyx,
    invert_rigid,
    rigid,
    rotation_zyx,
)
from drivesim.road import Road
from drivesim.scenery import Scenery

#: The ten nuScenes detection classes, in a fixed order.
CATEGORIES: tuple[str, ...] = (
    "car",
    "truck",
    "bus",
    "trailer",
    "construction_vehicle",
    "pedestrian",
    "motorcycle",
    "bicycle",
    "traffic_cone",
    "barrier",
)

#: The class that a layout fills a box with, and a probe reads, of each category.
CLASS_OF_CATEGORY: dict[str, str] = {
    "car": "car",
    "truck": "large_vehicle",
    "bus": "large_vehicle",
    "trailer": "large_vehicle",
    "construction_vehicle": "large_vehicle",
    "pedestrian": "pedestrian",
    "motorcycle": "two_wheeler",
    "bicycle": "two_wheeler",
    "traffic_cone": "static_object",
    "barrier": "static_object",
}

#: Length, width, height in metres of a typical participant of each category.
CATEGORY_SIZES: dict[str, tuple[float, float, float]] = {
    "car": (4.5, 1.85, 1.5),
    "truck": (9.5, 2.5, 3.4),
    "bus": (11.5, 2.55, 3.2),
    "trailer": (12.0, 2.5, 3.8),
    "construction_vehicle": (6.5, 2.5, 3.1),
    "pedestrian": (0.6, 0.6, 1.75),
    "motorcycle": (2.1, 0.8, 1.6),
    "bicycle": (1.8, 0.6, 1.75),
    "traffic_cone": (0.4, 0.4, 0.8),
    "barrier": (2.0, 0.5, 1.0),
}

#: Deceleration (m/s²) from which brake lights are taken to be on.
BRAKING_MPS2 = 0.8

Sky = Literal["clear", "overcast"]
Precipitation = Literal["dry", "rain", "snow"]
Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A rigid pose in a parent frame: metres and z-y-x Euler angles in radians."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw_rad: float = 0.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0

    def matrix(self) -> FloatArray:
        """Transform (4, 4) from this pose's frame to its parent."""
        return rigid(
            rotation_zyx(self.yaw_rad, self.pitch_rad, self.roll_rad),
            np.array([self.x, self.y, self.z]),
        )

    @classmethod
    def from_matrix(cls, matrix: FloatArray) -> Pose:
        """The pose of a homogeneous transform (4, 4)."""
        yaw, pitch, roll = euler_zyx(matrix[:3, :3])
        x, y, z = (float(value) for value in matrix[:3, 3])
        return cls(x=x, y=y, z=z, yaw_rad=yaw, pitch_rad=pitch, roll_rad=roll)


@dataclass(frozen=True, kw_only=True)
class Box:
    """An upright 3D box: centre (not the bottom face) in metres, length along the heading, yaw in radians."""

    x: float
    y: float
    z: float
    length: float
    width: float
    height: float
    yaw_rad: float

    @classmethod
    def from_wlh(cls, *, centre: FloatArray, wlh: FloatArray, yaw_rad: float) -> Box:
        """From nuScenes order: width, length, height."""
        x, y, z = (float(v) for v in centre)
        width, length, height = (float(v) for v in wlh)
        return cls(x=x, y=y, z=z, length=length, width=width, height=height, yaw_rad=yaw_rad)

    @classmethod
    def from_lwh(cls, *, centre: FloatArray, lwh: FloatArray, yaw_rad: float) -> Box:
        """From length, width, height."""
        x, y, z = (float(v) for v in centre)
        length, width, height = (float(v) for v in lwh)
        return cls(x=x, y=y, z=z, length=length, width=width, height=height, yaw_rad=yaw_rad)

    def to_wlh(self) -> FloatArray:
        """Sizes (3,) as width, length, height, the order of nuScenes."""
        return np.array([self.width, self.length, self.height])

    def corners(self) -> FloatArray:
        """Corners (8, 3): bottom front-left, front-right, rear-right, rear-left, then the top four."""
        centre = np.array([self.x, self.y, self.z])
        return box_corners(centre, self.length, self.width, self.height, self.yaw_rad)


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """A motion on the scene's time grid, in the world frame.

    ``positions`` (T, 3) metres (box centre for actors, rear axle on the ground for the ego), ``yaw_rad`` (T,),
    ``speed_mps`` (T,) along the heading, ``present`` (T,) bool.
    """

    positions: FloatArray
    yaw_rad: FloatArray
    speed_mps: FloatArray
    present: np.ndarray

    def __post_init__(self) -> None:
        steps = len(self.yaw_rad)
        if self.positions.shape != (steps, 3) or len(self.speed_mps) != steps or len(self.present) != steps:
            raise ValueError(
                f"track arrays disagree: positions {self.positions.shape}, yaw {self.yaw_rad.shape}, "
                f"speed {self.speed_mps.shape}, present {self.present.shape}; expected (T, 3), (T,), (T,), (T,)"
            )

    def __len__(self) -> int:
        return len(self.yaw_rad)

    def window(self, start: int, stop: int) -> Track:
        """The part on frames ``start`` to ``stop`` (exclusive)."""
        return Track(
            positions=self.positions[start:stop],
            yaw_rad=self.yaw_rad[start:stop],
            speed_mps=self.speed_mps[start:stop],
            present=self.present[start:stop],
        )

    def pose(self, frame: int) -> Pose:
        """Pose in the world frame at ``frame``."""
        x, y, z = (float(v) for v in self.positions[frame])
        return Pose(x=x, y=y, z=z, yaw_rad=float(self.yaw_rad[frame]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Actor:
    """A traffic participant: an upright box of one size that moves along a track.

    ``colour`` is the body or clothing colour (RGB 0-255) when known, ``look`` the words it came from, ``preset`` a
    shape inside the category (``van``, ``estate``, ``child``) that was asked for, ``form`` the body of a car where it is known
    (``drivesim.kinds.CAR_FORMS``), ``parked`` tells that it never moves. ``gait_rad`` is where in the cycle of its legs a walker or
    rider is in frame 0 (``drivesim.gait``), None where nobody knows, as of recorded ones.
    """

    id: str
    category: str
    length: float
    width: float
    height: float
    track: Track
    colour: Colour | None = None
    look: str | None = None
    preset: str | None = None
    form: str | None = None
    parked: bool = False
    gait_rad: float | None = None

    def window(self, start: int, stop: int, fps: float) -> Actor:
        """The actor on frames ``start`` to ``stop`` (exclusive)."""
        phase = self.gait_rad
        if phase is not None and 0 <= start < len(self.track):
            phase = float(self.gait_phase_rad(phase, fps)[start])
        return dataclasses.replace(self, track=self.track.window(start, stop), gait_rad=phase)

    def gait_phase_rad(self, first: float, fps: float) -> FloatArray:
        """Where in the cycle of its legs it is at each frame (T,), from ``first`` in frame 0."""
        return gait.phase_rad(first, self.category, self.height, self.track.speed_mps, fps)

    def braking(self, fps: float, *, causal: bool = False) -> np.ndarray:
        """Whether the brake lights are on at each frame, bool (T,): while it slows down markedly, or waits.

        ``causal``: by what was until then, for a scene whose future is still open.
        """
        speed = self.track.speed_mps
        count = len(speed)
        if self.parked or count < 2:
            return np.zeros(count, dtype=bool)
        first, last = np.maximum(np.arange(count) - 1, 0), np.minimum(np.arange(count) + 1, count - 1)
        last = np.arange(count) if causal else last
        slowing = (speed[first] - speed[last]) * fps / np.maximum(last - first, 1)
        waits = (np.maximum.accumulate(np.abs(speed)) if causal else np.abs(speed).max()) > 0.5
        return (slowing > BRAKING_MPS2) | ((np.abs(speed) < 0.3) & waits)

    def box(self, frame: int) -> Box:
        """The box in the world frame at ``frame`` (also when the actor is not present there)."""
        x, y, z = (float(v) for v in self.track.positions[frame])
        return Box(
            x=x,
            y=y,
            z=z,
            length=self.length,
            width=self.width,
            height=self.height,
            yaw_rad=float(self.track.yaw_rad[frame]),
        )


@dataclass(frozen=True, kw_only=True)
class Camera:
    """An undistorted pinhole camera: focal lengths and principal point in pixels, mount pose in the ego frame.

    The mount's yaw, pitch and roll turn a camera that looks along the vehicle's x axis; positive pitch looks down.
    """

    name: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    mount: Pose

    def intrinsics(self) -> FloatArray:
        """Matrix K (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def pixel_centres(self) -> tuple[FloatArray, FloatArray]:
        """Columns u and rows v of the middles of all pixels, each (H, W)."""
        u, v = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        return u, v

    def rays(self) -> FloatArray:
        """Of every pixel the point at depth 1 in the optical frame: (H, W, 3)."""
        u, v = self.pixel_centres()
        return np.stack([(u - self.cx) / self.fx, (v - self.cy) / self.fy, np.ones_like(u)], axis=-1)

    def resized(self, width: int, height: int) -> Camera:
        """The same view at another image size."""
        sx, sy = width / self.width, height / self.height
        return dataclasses.replace(
            self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> Camera:
        """The camera of the rectangle of ``width`` x ``height`` pixels whose top-left corner is (left, top).

        Raises ValueError when the rectangle is empty or leaves the picture.
        """
        if not (0 <= left < left + width <= self.width and 0 <= top < top + height <= self.height):
            raise ValueError(
                f"a crop of {width} x {height} at ({left}, {top}) is empty or leaves the {self.width} x {self.height} picture"
            )
        return dataclasses.replace(self, width=width, height=height, cx=self.cx - left, cy=self.cy - top)

    def ego_from_optical(self) -> FloatArray:
        """Transform (4, 4) from the optical frame (x right, y down, z forward) to the ego frame."""
        mount = self.mount.matrix()
        mount[:3, :3] = mount[:3, :3] @ VEHICLE_FROM_OPTICAL
        return mount

    def optical_from_world(self, ego: Pose) -> FloatArray:
        """Transform (4, 4) from the world to the optical frame while the ego stands at ``ego``."""
        return invert_rigid(ego.matrix() @ self.ego_from_optical())


#: nuScenes CAM_FRONT (1600 x 900) cropped to 1600 x 800 (the 50 top and 50 bottom rows go) and scaled to 1024 x 512.
NUSCENES_FRONT = Camera(
    name="nuscenes_front",
    width=1024,
    height=512,
    fx=1266.4 * 0.64,
    fy=1266.4 * 0.64,
    cx=816.3 * 0.64,
    cy=(491.5 - 50.0) * 0.64,
    mount=Pose(x=1.70, y=0.0, z=1.51),
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Time and weather of a whole scene.

    ``hour`` 0-24 local time, ``rain`` and ``snow`` intensities 0-1, ``wetness`` of the road 0 (dry) to 1 (flooded),
    ``fog_visibility_m`` the meteorological visual range (infinite without fog).
    """

    hour: float = 14.0
    sky: Sky = "clear"
    rain: float = 0.0
    snow: float = 0.0
    wetness: float = 0.0
    fog_visibility_m: float = float("inf")
    street_lights: bool = False

    @property
    def darkness(self) -> float:
        """0 by day, 1 by night, linear through dusk (18-20.5 h) and dawn (5-7 h)."""
        rising = np.interp(self.hour, [5.0, 7.0], [1.0, 0.0])
        setting = np.interp(self.hour, [18.0, 20.5], [0.0, 1.0])
        return float(max(rising, setting))


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Another course from some frame on: the seed of the traffic from there, and whether the ego's driver is part of it.

    Else the ego keeps to its plan, as closely as the others let it.
    """

    seed: int
    ego: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What happens: ego motion, actors, road, weather and camera on one uniform time grid of ``fps`` frames a second.

    ``seed`` names the development (traffic behaviour) this scene came from; it says nothing about appearance.
    ``scenery`` is what stands beside the road; None where nobody knows. Frame 0 is ``start_s`` seconds after t = 0, which is
    what signals go by.
    """

    name: str
    fps: float
    ego: Track
    actors: tuple[Actor, ...]
    camera: Camera = NUSCENES_FRONT
    road: Road | None = None
    environment: Environment = field(default_factory=Environment)
    seed: int = 0
    scenery: Scenery | None = None
    start_s: float = 0.0

    def __post_init__(self) -> None:
        for actor in self.actors:
            if len(actor.track) != len(self.ego):
                raise ValueError(
                    f"actor {actor.id!r} has {len(actor.track)} frames, the ego has {len(self.ego)}; they must agree"
                )

    def __len__(self) -> int:
        return len(self.ego)

    @property
    def times_s(self) -> FloatArray:
        """Time of each frame (T,) in seconds from t = 0."""
        return np.arange(len(self)) / self.fps

    def window(self, start: int, stop: int) -> Scene:
        """The scene on frames ``start`` to ``stop`` (exclusive), still in the same world frame."""
        actors = tuple(actor.window(start, stop, self.fps) for actor in self.actors)
        start_s = self.start_s + start / self.fps
        return dataclasses.replace(self, ego=self.ego.window(start, stop), actors=actors, start_s=start_s)

    def boxes(self, frame: int) -> tuple[tuple[Actor, Box], ...]:
        """Every present actor with its box in the world frame at ``frame``."""
        return tuple((a, a.box(frame)) for a in self.actors if a.track.present[frame])

    def optical_from_world(self, frame: int) -> FloatArray:
        """Transform (4, 4) from the world to the camera's optical frame at ``frame``."""
        return self.camera.optical_from_world(self.ego.pose(frame))
