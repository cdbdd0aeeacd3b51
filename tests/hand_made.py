"""A small hand-made road and traffic, rich enough for every plane of the layout."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.road import Lane, LaneLine, Road, Strip
from drivesim.scene import Actor, Environment, Scene, Track


def straight_track(x: float, y: float, z: float, yaw: float, speed: float, steps: int, fps: float = 10.0) -> Track:
    """Constant speed along a constant heading."""
    travelled = speed * np.arange(steps) / fps
    positions = np.stack([x + travelled * np.cos(yaw), y + travelled * np.sin(yaw), np.full(steps, z)], axis=1)
    return Track(
        positions=positions,
        yaw_rad=np.full(steps, yaw),
        speed_mps=np.full(steps, speed),
        present=np.ones(steps, dtype=bool),
    )


def build_actor(name: str, category: str, x: float, y: float, yaw: float = 0.0, speed: float = 0.0, **options) -> Actor:
    """An actor of a usual size for its category standing on the ground."""
    sizes = {
        "car": (4.5, 1.8, 1.5),
        "truck": (9.0, 2.5, 3.5),
        "bus": (12.0, 2.5, 3.2),
        "construction_vehicle": (6.0, 2.5, 3.2),
        "pedestrian": (0.6, 0.6, 1.75),
        "bicycle": (1.8, 0.6, 1.7),
        "motorcycle": (2.1, 0.8, 1.6),
        "traffic_cone": (0.4, 0.4, 0.8),
    }
    length, width, height = sizes[category]
    steps = options.pop("steps", 20)
    track = straight_track(x, y, height / 2, yaw, speed, steps)
    return Actor(id=name, category=category, length=length, width=width, height=height, track=track, **options)


def build_road(curvature: float = 0.0) -> Road:
    """Two lanes with a dashed centre line, solid edges, a pavement on the right, a crossing at s = 30."""
    s = np.arange(-100.0, 400.0, 2.0)
    yaw = curvature * s
    if curvature:
        x, y = np.sin(yaw) / curvature, (1.0 - np.cos(yaw)) / curvature
    else:
        x, y = s, np.zeros_like(s)
    return Road(
        road_type="urban",
        reference=np.stack([x, y, yaw], axis=1),
        s_start=-100.0,
        spacing=2.0,
        strips=(Strip(kind="asphalt", right=-1.75, left=5.25), Strip(kind="pavement", right=-4.0, left=-1.75)),
        lines=(
            LaneLine(offset=1.75, kind="dashed"),
            LaneLine(offset=-1.6, kind="solid"),
            LaneLine(offset=5.1, kind="solid"),
        ),
        lanes=(
            Lane(offset=0.0, width=3.5, direction=1, number=1),
            Lane(offset=3.5, width=3.5, direction=-1, number=1),
        ),
        crossings=(30.0,),
    )


def build_scene(*actors: Actor, road: Road | None = None, speed: float = 8.0, steps: int = 20, **options) -> Scene:
    """The ego drives straight from the origin."""
    return Scene(
        name="hand made",
        fps=10.0,
        ego=straight_track(0.0, 0.0, 0.0, 0.0, speed, steps),
        actors=tuple(actors),
        road=road,
        **options,
    )


@pytest.fixture
def busy_scene() -> Scene:
    return build_scene(
        build_actor("lead", "car", 18.0, 0.0, colour=(200, 30, 30), speed=8.0),
        build_actor("oncoming", "car", 45.0, 3.5, yaw=np.pi, speed=9.0),
        build_actor("lorry", "truck", 32.0, 3.5, yaw=np.pi),
        build_actor("walker", "pedestrian", 14.0, -2.6, yaw=np.pi / 2, speed=1.2),
        build_actor("cyclist", "bicycle", 25.0, -1.2, speed=4.0),
        build_actor("cone", "traffic_cone", 9.0, -1.5),
        road=build_road(),
        environment=Environment(hour=21.0, rain=0.4, wetness=0.6, fog_visibility_m=100.0, street_lights=True),
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
