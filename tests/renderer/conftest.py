"""Small hand-made scenes for the procedural renderer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hand_made import straight_track

from drivesim.road import Lane, LaneLine, Road, RoadType, Strip
from drivesim.scene import Actor, Environment, Scene, Track

cv2.setNumThreads(1)

STEPS = 12
SIZES = {
    "car": (4.5, 1.8, 1.5),
    "truck": (9.0, 2.5, 3.5),
    "bus": (11.5, 2.5, 3.2),
    "trailer": (9.0, 2.5, 3.4),
    "construction_vehicle": (6.5, 2.5, 3.1),
    "pedestrian": (0.6, 0.6, 1.75),
    "motorcycle": (2.1, 0.8, 1.6),
    "bicycle": (1.8, 0.6, 1.75),
    "traffic_cone": (0.4, 0.4, 0.8),
    "barrier": (0.5, 2.0, 1.0),
}


def track(x: float, y: float, z: float, yaw: float, speed: float) -> Track:
    return straight_track(x, y, z, yaw, speed, STEPS)


def build_actor(category: str, x: float, y: float, yaw: float = 0.0, speed: float = 0.0, **options) -> Actor:
    length, width, height = SIZES[category]
    name = options.pop("id", category)
    return Actor(
        id=name,
        category=category,
        length=length,
        width=width,
        height=height,
        track=track(x, y, height / 2, yaw, speed),
        **options,
    )


def build_road(road_type: RoadType = "rural", curvature: float = 0.0, length_m: float = 600.0, **options) -> Road:
    """Two lanes, the ego's centred on d = 0, a dashed line at 1.75 m and a solid edge line at -1.6 m."""
    s = np.arange(-100.0, length_m, 2.0)
    yaw = curvature * s
    x, y = (np.sin(yaw) / curvature, (1.0 - np.cos(yaw)) / curvature) if curvature else (s, np.zeros_like(s))
    return Road(
        road_type=road_type,
        reference=np.stack([x, y, yaw], axis=1),
        s_start=-100.0,
        spacing=2.0,
        strips=(Strip(kind="asphalt", right=-2.0, left=5.5),),
        lines=(LaneLine(offset=1.75, kind="dashed"), LaneLine(offset=-1.6, kind="solid", colour="yellow")),
        lanes=(Lane(offset=0.0, width=3.5, direction=1, number=1),),
        **options,
    )


def build_scene(*actors: Actor, road: Road | None = None, speed: float = 8.0, x: float = 0.0, **options) -> Scene:
    environment = options.pop("environment", Environment(hour=12.0))
    return Scene(
        name="hand made",
        fps=10.0,
        ego=track(x, 0.0, 0.0, 0.0, speed),
        actors=tuple(actors),
        road=road or build_road(),
        environment=environment,
        **options,
    )


@pytest.fixture(scope="session")
def make_actor():
    return build_actor


@pytest.fixture(scope="session")
def make_road():
    return build_road


@pytest.fixture(scope="session")
def make_scene():
    return build_scene
