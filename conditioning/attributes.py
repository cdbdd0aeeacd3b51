"""Scene attributes: time of day, weather and kind of road, the third kind of control."""

from __future__ import annotations

import numpy as np

from drivesim.controls import ATTRIBUTE_CHANNELS
from drivesim.scene import Environment, Scene


def scene_attributes(scene: Scene) -> np.ndarray:
    """Attributes of a scene: float32 (13,), see :func:`attributes_of`; all kinds of road are 0 without one."""
    road = scene.road
    return attributes_of(
        scene.environment, None if road is None else road.road_type, road is not None and road.traffic_side == "left"
    )


def attributes_of(environment: Environment, road_type: str | None, left_hand: bool) -> np.ndarray:
    """Attributes float32 (13,), channels as in ATTRIBUTE_CHANNELS, each in [0, 1].

    - darkness: 0 by day, 1 by night, linear through dusk and dawn.
    - hour_sin, hour_cos: (1 + sin) / 2 and (1 + cos) / 2 of the hour's angle on the 24 h dial.
    - overcast: 1 for an overcast sky. rain, snow, wetness: as in Environment.
    - fog: 50 m / visibility, at most 1 (0 without fog). street_lights: 1 when lit.
    - motorway, rural, urban: 1 for the road's type, all 0 without one. left_hand: 1 where one drives on the left.
    """
    angle = 2.0 * np.pi * environment.hour / 24.0
    values = {
        "darkness": environment.darkness,
        "hour_sin": 0.5 + 0.5 * np.sin(angle),
        "hour_cos": 0.5 + 0.5 * np.cos(angle),
        "overcast": float(environment.sky == "overcast"),
        "rain": environment.rain,
        "snow": environment.snow,
        "wetness": environment.wetness,
        "fog": 50.0 / max(environment.fog_visibility_m, 50.0),
        "street_lights": float(environment.street_lights),
        "motorway": float(road_type == "motorway"),
        "rural": float(road_type == "rural"),
        "urban": float(road_type == "urban"),
        "left_hand": float(left_hand),
    }
    return np.array([values[name] for name in ATTRIBUTE_CHANNELS], dtype=np.float32)
