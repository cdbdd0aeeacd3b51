"""Light of a scene: sun, ambient, sky and fog colours from the environment, and the lamps that matter at night.

Colours are display RGB 0-1; a surface shows its colour times the light that falls on it. This is a model of pictures,
not of radiometry: the exposure follows the hour so that night stays readable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from drivesim.noise import NoiseStream
from drivesim.scene import Environment

#: Light of the ego's headlights and of street lamps on what they reach, at full darkness.
BEAM_COLOUR = np.array([0.98, 0.93, 0.79])
LAMP_COLOUR = np.array([0.80, 0.64, 0.40])


@dataclass(frozen=True, eq=False)
class Lighting:
    """Light of one scene: ``sun_direction`` (3,) points to the sun in the world frame; colours are RGB (3,).

    ``ambient`` falls from everywhere, ``sun`` along its direction; ``extinction`` per metre dims towards ``fog``.
    """

    sun_direction: np.ndarray
    sun: np.ndarray
    ambient: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    fog: np.ndarray
    cloud: np.ndarray
    cloud_cover: float
    extinction: float
    darkness: float
    wetness: float
    rain: float
    snow: float
    street_lights: bool

    def ground(self) -> np.ndarray:
        """Light (3,) on level open ground without lamps."""
        return self.ambient + self.sun * max(float(self.sun_direction[2]), 0.0)

    def shadow_share(self) -> float:
        """The share of the ground's light that a cast shadow takes away."""
        direct = self.sun * max(float(self.sun_direction[2]), 0.0)
        return float(np.clip(direct.sum() / self.ground().sum(), 0.0, 0.6))


def lighting_of(environment: Environment, appearance_seed: int) -> Lighting:
    """The light of ``environment``; the compass bearing of the road, and so of the sun, comes from the seed."""
    rng = NoiseStream(appearance_seed).named("lighting").rng()
    bearing = rng.uniform(0.0, 2.0 * np.pi)
    dark = environment.darkness
    grey = 1.0 if environment.sky == "overcast" else 0.0
    grey = max(grey, min(1.0, 2.0 * environment.rain), min(1.0, 1.5 * environment.snow))
    elevation = np.deg2rad(np.clip(58.0 * np.sin(np.pi * (environment.hour - 5.5) / 14.5), 11.0, 58.0))
    azimuth = bearing - np.deg2rad(15.0) * (environment.hour - 12.0)
    sun_direction = np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )
    golden = float(np.clip(1.0 - (elevation - 0.19) / 0.35, 0.0, 1.0)) * (1.0 - grey)

    def mix(first: ArrayLike, second: ArrayLike, share: float) -> np.ndarray:
        return np.array(first) * (1.0 - share) + np.array(second) * share

    sun = mix((0.52, 0.49, 0.43), (0.60, 0.43, 0.28), golden) * (1.0 - grey) * (1.0 - dark) ** 1.5
    ambient = mix((0.53, 0.565, 0.62), (0.80, 0.82, 0.84), grey)
    ambient = ambient * (1.0 - dark) + np.array([0.19, 0.21, 0.285]) * dark
    zenith = mix((0.30, 0.49, 0.76), (0.60, 0.63, 0.66), grey)
    horizon = mix(mix((0.72, 0.80, 0.88), (0.92, 0.78, 0.62), golden), (0.73, 0.75, 0.76), grey)
    dusk = np.exp(-(((dark - 0.45) / 0.28) ** 2)) * (1.0 - 0.75 * grey) if dark > 0 else 0.0
    horizon = horizon * (1.0 - dark) + np.array([0.16, 0.17, 0.23]) * dark
    zenith = zenith * (1.0 - dark) + np.array([0.06, 0.075, 0.13]) * dark
    horizon = horizon * (1.0 - 0.75 * dusk) + np.array([0.90, 0.52, 0.32]) * 0.75 * dusk
    gloom = 1.0 - 0.25 * environment.rain
    visibility = min(environment.fog_visibility_m, 5000.0, 5000.0 / (1.0 + 9.0 * environment.rain))
    visibility = min(visibility, 5000.0 / (1.0 + 14.0 * environment.snow))
    thick = float(np.clip(1.5 - environment.fog_visibility_m / 800.0, 0.0, 1.0))
    fog = (
        horizon * (1.0 - thick)
        + (np.array([0.66, 0.68, 0.69]) * (1 - dark) + np.array([0.20, 0.21, 0.24]) * dark) * thick
    )
    return Lighting(
        sun_direction=sun_direction,
        sun=sun * (1.0 - 0.8 * thick),
        ambient=ambient * gloom,
        zenith=zenith * gloom * (1.0 - thick) + fog * thick,
        horizon=(horizon * gloom * (1.0 - thick) + fog * thick),
        fog=fog * gloom,
        cloud=(mix((0.93, 0.94, 0.95), (0.66, 0.68, 0.70), grey) * (1 - dark) + np.array([0.13, 0.14, 0.19]) * dark)
        * gloom,
        cloud_cover=float((rng.uniform(0.15, 0.6) * (1.0 - grey) + 0.6 * grey) * (1.0 - thick)),
        extinction=3.0 / visibility,
        darkness=dark,
        wetness=max(environment.wetness, 0.7 * min(1.0, 2.0 * environment.rain)),
        rain=environment.rain,
        snow=environment.snow,
        street_lights=environment.street_lights and dark > 0.15,
    )


def headlight_pool(forward: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Low-beam light (like ``forward``, 0-1) of the ego at metres ahead of and left of its rear axle."""
    ahead = np.maximum(forward - 3.0, 0.0)
    width = 2.0 + 0.18 * ahead
    rise = 1.0 - np.exp(-((ahead / 5.0) ** 2))
    spread = np.exp(-(((left + 0.02 * ahead) / width) ** 2))
    return rise * spread * np.exp(-ahead / 36.0)
