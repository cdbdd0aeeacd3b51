"""Random time of day and weather with realistic shares."""

from __future__ import annotations

import numpy as np

from drivesim.road import RoadType
from drivesim.scene import Environment, Precipitation, Sky


def sample_environment(road_type: RoadType, rng: np.random.Generator) -> Environment:
    """Time and weather: 60 % day, 15 % dusk or dawn, 25 % night; rain 17 %, snow 4 %, fog 7 %; wet roads follow rain."""
    part = rng.random()
    if part < 0.60:
        hour = float(rng.uniform(7.2, 17.9))
    elif part < 0.75:
        hour = float(rng.uniform(18.0, 20.5) if rng.random() < 0.6 else rng.uniform(5.0, 7.0))
    else:
        hour = float(rng.uniform(20.6, 28.9) % 24.0)
    weather = rng.random()
    precipitation: Precipitation = "rain" if weather < 0.17 else "snow" if weather < 0.21 else "dry"
    rain = float(rng.choice([0.3, 0.6, 1.0]) * rng.uniform(0.7, 1.0)) if precipitation == "rain" else 0.0
    snow = float(rng.uniform(0.2, 0.9)) if precipitation == "snow" else 0.0
    sky: Sky = "overcast" if precipitation != "dry" or rng.random() < 0.35 else "clear"
    if rain > 0.0:
        wetness = float(np.clip(0.35 + 0.6 * rain + rng.normal(0.0, 0.08), 0.2, 1.0))
    elif snow > 0.0:
        wetness = float(rng.uniform(0.1, 0.5))
    else:
        # A dry sky over a road that has not dried yet.
        wetness = float(rng.uniform(0.15, 0.5)) if rng.random() < 0.08 else 0.0
    fog = float("inf")
    if rng.random() < 0.07:
        fog = float(np.exp(rng.uniform(np.log(50.0), np.log(400.0))))
        sky = "overcast" if rng.random() < 0.7 else sky
    dark = hour >= 18.5 or hour < 6.5
    street_lights = dark and (road_type == "urban" or (road_type == "motorway" and rng.random() < 0.25))
    return Environment(
        hour=hour, sky=sky, rain=rain, snow=snow, wetness=wetness, fog_visibility_m=fog, street_lights=street_lights
    )
