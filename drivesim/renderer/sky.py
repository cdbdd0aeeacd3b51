"""The sky picture: gradient, soft clouds, sun glow, distant hills and a tree line, all tied to the compass."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.noise import NoiseStream
from drivesim.renderer.lighting import Lighting
from drivesim.renderer.noise_texture import noise_tile, wrapped
from drivesim.renderer.view import CameraView
from drivesim.road import RoadType

_BEARINGS = 1024


def _profile(rng: np.random.Generator, low: float, high: float, bumps: int) -> np.ndarray:
    """Silhouette heights (1, 1024) radians over one turn of the compass."""
    coarse = rng.uniform(low, high, bumps).astype(np.float32)
    wrapped = np.pad(coarse, 4, mode="wrap")[None]
    scale = _BEARINGS / bumps
    wide = cv2.resize(wrapped, (round((bumps + 8) * scale), 1), interpolation=cv2.INTER_CUBIC)
    start = round(4 * scale)
    return np.ascontiguousarray(wide[:, start : start + _BEARINGS])


class SkyPainter:
    """Paints the sky seen by one camera in one world."""

    def __init__(self, view: CameraView, lighting: Lighting, road_type: RoadType, appearance_seed: int) -> None:
        rng = NoiseStream(appearance_seed).named("sky").rng()
        self.view, self.lighting = view, lighting
        tall = {"urban": 0.6, "rural": 1.0, "motorway": 0.9}[road_type]
        self._hills = (
            (_profile(rng, 0.008, 0.060 * tall, 9), 0.62),
            (_profile(rng, 0.004, 0.030, 26), 0.38),
            (_profile(rng, -0.006, 0.017, 70), 0.16),
        )
        self._tile_seed = int(rng.integers(1 << 20))
        elevation = view.elevation
        share = np.clip(elevation / 0.9, 0.0, 1.0) ** np.float32(0.6)
        single = np.float32
        self._gradient = lighting.horizon.astype(single) + share[..., None] * (
            lighting.zenith - lighting.horizon
        ).astype(single)
        rise = np.tan(np.clip(elevation, 0.0, 1.4)) + 0.10
        self._cloud_x = (np.cos(view.azimuth) / rise).astype(single)
        self._cloud_y = (np.sin(view.azimuth) / rise).astype(single)
        self._cloud_fade = (np.clip(elevation / 0.22, 0.0, 1.0) * lighting.cloud_cover * 1.5).astype(single)
        self._pixel = single(1.0 / view.camera.fy)
        low = np.flatnonzero((elevation < 0.075).any(1))
        self._hill_top = int(low[0]) if len(low) else view.sky_bottom

    def paint(self, yaw_rad: float) -> np.ndarray:
        """Sky colours float32 (sky_bottom, W, 3) while the ego heads along ``yaw_rad``."""
        view, lighting = self.view, self.lighting
        sky = self._gradient.copy()
        if not view.sky_bottom:
            return sky
        if lighting.cloud_cover > 0.02:
            tile = noise_tile(self._tile_seed, 8)
            cosine, sine = np.float32(np.cos(yaw_rad)), np.float32(np.sin(yaw_rad))
            column = wrapped(cosine * self._cloud_x - sine * self._cloud_y, 40.0)
            row = wrapped(sine * self._cloud_x + cosine * self._cloud_y, 40.0)
            noise = cv2.remap(tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            cover = np.clip(noise * np.float32(0.9) + np.float32(0.35), 0.0, 1.0) * self._cloud_fade
            np.minimum(cover, np.float32(0.9), out=cover)
            sky *= (np.float32(1.0) - cover)[..., None]
            sky += cover[..., None] * lighting.cloud.astype(np.float32)
        azimuth = view.azimuth + np.float32(yaw_rad)
        self._sun(sky, azimuth)
        self._silhouettes(sky, azimuth)
        return sky

    def _sun(self, sky: np.ndarray, azimuth: np.ndarray) -> None:
        strength = float(self.lighting.sun.sum())
        if strength < 0.15:
            return
        x, y, z = (float(v) for v in self.lighting.sun_direction)
        bearing, height = np.arctan2(y, x), np.arcsin(z)
        around = wrapped(azimuth - np.float32(bearing - np.pi), 1.0 / (2.0 * np.pi), 1)
        around = (around - np.float32(0.5)) * np.float32(2.0 * np.pi)
        if np.abs(around).min() > 1.2:
            return
        distance = around**2 * np.float32(np.cos(height) ** 2) + (self.view.elevation - np.float32(height)) ** 2
        glow = 0.22 * np.exp(-distance / 0.10) + np.clip((0.0009 - distance) / 0.0006, 0.0, 1.0)
        sky += np.clip(glow, 0, 1)[..., None] * (np.array([1.0, 0.96, 0.86], dtype=np.float32) - sky)

    def _silhouettes(self, sky: np.ndarray, azimuth: np.ndarray) -> None:
        top, lighting = self._hill_top, self.lighting
        if top >= self.view.sky_bottom:
            return
        column = wrapped(azimuth[top:], _BEARINGS / (2.0 * np.pi), _BEARINGS)
        zero = np.zeros_like(column)
        elevation = self.view.elevation[top:]
        green = np.array([0.25, 0.33, 0.22]) * (1 - min(1.0, lighting.snow * 1.2)) + np.array([0.70, 0.73, 0.77]) * min(
            1.0, lighting.snow * 1.2
        )
        for profile, haze in self._hills:
            height = cv2.remap(profile, column, zero, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            cover = np.clip((height - elevation) / self._pixel + 0.5, 0.0, 1.0)
            thick = 1.0 - (1.0 - haze) * np.exp(-lighting.extinction * 700.0)
            colour = (green * lighting.ground() * (1 - thick) + lighting.horizon * thick).astype(np.float32)
            sky[top:] += cover[..., None] * (colour - sky[top:])
