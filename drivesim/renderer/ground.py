"""The ground picture: terrain, strips, paint, kerbs and crossings, each blended by its coverage of the pixel.

Coverage is a box filter over the pixel's footprint in road coordinates, so paint fades with distance instead of
flickering.
"""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.renderer.lighting import Lighting
from drivesim.renderer.noise_texture import noise_tile, sample_tile, wrapped
from drivesim.renderer.palette import Palette
from drivesim.renderer.semantics import Semantic
from drivesim.renderer.view import RoadCoordinates
from drivesim.road import (
    BROKEN_STOP_LINE_M,
    CROSSING_DEPTH_M,
    CROSSING_MARGIN_M,
    CROSSING_PERIOD_M,
    CROSSING_STRIPE_M,
    DASH_LENGTH_M,
    DASH_PERIOD_M,
    STOP_LINE_M,
    LaneLine,
    Road,
    StopLine,
    Strip,
    line_offset,
    strip_edges,
)

#: Bases of road coordinates are multiples of this, so that every periodic pattern below continues across them.
BASE_STEP_M = 4608.0
_VISIBLE_AHEAD_M = 950.0


class GroundPainter:
    """Paints the ground of one road with one palette."""

    def __init__(self, road: Road, palette: Palette, lighting: Lighting) -> None:
        self.road, self.palette, self.lighting = road, palette, lighting
        self._asphalt = [s for s in road.strips if s.kind in ("asphalt", "parking")]

    def paint(self, at: RoadCoordinates, ego_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Albedo float32 (rows, W, 3) and semantic classes uint8 (rows, W) of the ground pixels."""
        albedo = self._terrain(at)
        semantic = np.full(at.along.shape, Semantic.TERRAIN, dtype=np.uint8)
        self.lay(at, ego_s, albedo, semantic)
        return albedo, semantic

    def lay(self, at: RoadCoordinates, ego_s: float, albedo: np.ndarray, semantic: np.ndarray) -> None:
        """Paint the road over ground that is there already, ``albedo`` and ``semantic`` as :meth:`paint` gives them."""
        for strip in self.road.strips:
            if self._near(strip.s_start, strip.s_end, ego_s):
                self._strip(strip, at, albedo, semantic)
        for kerb in self.road.kerbs:
            self._band(at, np.float32(kerb), 0.17, self.palette.kerb, Semantic.KERB, albedo, semantic)
        for line in self.road.lines:
            if self._near(line.s_start, line.s_end, ego_s):
                self._line(line, at, albedo, semantic)
        for crossing in self.road.crossings:
            if -30.0 < crossing - ego_s < 250.0:
                self._crossing(crossing, at, albedo, semantic)
        for stop in self.road.stop_lines:
            if self._near(stop.s, stop.s, ego_s):
                self._stop_line(stop, at, albedo, semantic)

    @staticmethod
    def _near(s_start: float, s_end: float, ego_s: float) -> bool:
        return s_end > ego_s - 60.0 and s_start < ego_s + _VISIBLE_AHEAD_M

    def _terrain(self, at: RoadCoordinates) -> np.ndarray:
        palette = self.palette
        column = wrapped(at.along, 1.0 / 18.0, 256)
        row = np.clip(at.across * np.float32(1.0 / 14.0) + np.float32(8.0), 0.0, 15.0)
        albedo: np.ndarray = cv2.remap(palette.fields, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        texture = self._texture(at, 11, 16, 24.0) * np.float32(0.075) + self._texture(at, 12, 16, 6.0) * np.float32(
            0.06
        )
        albedo *= (np.float32(1.0) + texture)[..., None]
        return albedo

    def _texture(self, at: RoadCoordinates, seed: int, cells: int, period: float) -> np.ndarray:
        fade = np.clip(np.float32(1.6) - at.along_pixel * np.float32(3.0 * cells / period), 0.0, 1.0)
        seen = np.flatnonzero(fade.any(1))
        if len(seen):
            near = slice(int(seen[0]), int(seen[-1]) + 1)
            fade[near] *= sample_tile(noise_tile(seed, cells), at.along[near], at.across[near], period)
        return fade

    def _strip(self, strip: Strip, at: RoadCoordinates, albedo: np.ndarray, semantic: np.ndarray) -> None:
        right, left = self._edges(strip, at)
        cover = _coverage(at.across, at.across_pixel, right, left)
        cover *= self._along(at, strip.s_start, strip.s_end)
        rows = np.flatnonzero(cover.max(1) > 0.0)
        if not len(rows):
            return
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        colour, kind = self.palette.strip(strip.kind)
        shade = np.ones_like(cover[part])
        near = RoadCoordinates(at.base, at.along[part], at.across[part], at.along_pixel[part], at.across_pixel[part])
        if strip.kind in ("asphalt", "parking"):
            shade += self._texture(near, 13, 8, 9.0) * np.float32(0.035) + self._texture(
                near, 14, 16, 48.0
            ) * np.float32(0.035)
        elif strip.kind == "pavement":
            shade -= np.float32(0.10) * _grid_lines(near, 1.5)
        _blend(albedo[part], cover[part], colour * shade[..., None])
        semantic[part][cover[part] > 0.5] = kind

    def _edges(self, strip: Strip, at: RoadCoordinates) -> tuple[np.ndarray | np.float32, np.ndarray | np.float32]:
        if strip.right_end is None and strip.left_end is None and strip.flare is None:
            return np.float32(strip.right), np.float32(strip.left)
        right, left = strip_edges(strip, at.along + at.base)
        return right.astype(np.float32), left.astype(np.float32)

    def _along(self, at: RoadCoordinates, s_start: float, s_end: float) -> np.ndarray | np.float32:
        if np.isinf(s_start) and np.isinf(s_end):
            return np.float32(1.0)
        start, end = np.float32(max(s_start - at.base, -1e6)), np.float32(min(s_end - at.base, 1e6))
        return _coverage(at.along, at.along_pixel, start, end)

    def _line(self, line: LaneLine, at: RoadCoordinates, albedo: np.ndarray, semantic: np.ndarray) -> None:
        centre: np.ndarray | np.float32 = np.float32(line.offset)
        if line.offset_end is not None:
            centre = line_offset(line, at.along + at.base).astype(np.float32)
        offset = np.abs(at.across - centre)
        if line.kind == "double":
            offset = np.abs(offset - np.float32(1.1 * line.width))
        half = np.float32(0.5 * line.width)
        picked = np.flatnonzero(offset < half + 0.5 * at.across_pixel)
        if not len(picked):
            return
        footprint = at.across_pixel.ravel()[picked]
        near = offset.ravel()[picked]
        cover = np.clip((half - near) / footprint + 0.5, 0.0, 1.0) - np.clip((-half - near) / footprint + 0.5, 0.0, 1.0)
        s, pixel = at.along.ravel()[picked], at.along_pixel.ravel()[picked]
        if line.kind == "dashed":
            cover *= _pulse_coverage(s, pixel, DASH_PERIOD_M, DASH_LENGTH_M)
        if not (np.isinf(line.s_start) and np.isinf(line.s_end)):
            start, end = max(line.s_start - at.base, -1e6), min(line.s_end - at.base, 1e6)
            cover *= _coverage(s, pixel, np.float32(start), np.float32(end))
        self._paint(picked, cover, self.palette.paint(line.colour), albedo, semantic)

    def _crossing(self, crossing: float, at: RoadCoordinates, albedo: np.ndarray, semantic: np.ndarray) -> None:
        centre = np.float32(crossing - at.base)
        half = np.float32(0.5 * CROSSING_DEPTH_M)
        picked = np.flatnonzero(np.abs(at.along - centre) < half + 0.5 * at.along_pixel)
        if not len(picked) or not self._asphalt:
            return
        s, pixel = at.along.ravel()[picked], at.along_pixel.ravel()[picked]
        d, across = at.across.ravel()[picked], at.across_pixel.ravel()[picked]
        right = min(strip.right for strip in self._asphalt) + CROSSING_MARGIN_M
        left = max(strip.left for strip in self._asphalt) - CROSSING_MARGIN_M
        cover = _coverage(s, pixel, centre - half, centre + half) * _coverage(
            d, across, np.float32(right), np.float32(left)
        )
        cover *= _pulse_coverage(d, across, CROSSING_PERIOD_M, CROSSING_STRIPE_M)
        self._paint(picked, cover, self.palette.paint("white"), albedo, semantic)

    def _stop_line(self, stop: StopLine, at: RoadCoordinates, albedo: np.ndarray, semantic: np.ndarray) -> None:
        start, end = np.float32(stop.s - at.base), np.float32(stop.s + STOP_LINE_M - at.base)
        picked = np.flatnonzero((at.along > start - 0.5 * at.along_pixel) & (at.along < end + 0.5 * at.along_pixel))
        if not len(picked):
            return
        s, pixel = at.along.ravel()[picked], at.along_pixel.ravel()[picked]
        d, across = at.across.ravel()[picked], at.across_pixel.ravel()[picked]
        cover = _coverage(s, pixel, start, end) * _coverage(d, across, np.float32(stop.right), np.float32(stop.left))
        if stop.kind == "broken":
            length, period = BROKEN_STOP_LINE_M
            cover *= _pulse_coverage(d, across, period, length)
        self._paint(picked, cover, self.palette.paint("white"), albedo, semantic)

    @staticmethod
    def _paint(
        picked: np.ndarray, cover: np.ndarray, colour: np.ndarray, albedo: np.ndarray, semantic: np.ndarray
    ) -> None:
        flat = albedo.reshape(-1, 3)
        flat[picked] += (0.92 * cover)[:, None] * (colour - flat[picked])
        semantic.reshape(-1)[picked[cover > 0.5]] = Semantic.LANE_PAINT

    def _band(
        self,
        at: RoadCoordinates,
        centre: np.float32,
        width: float,
        colour: np.ndarray,
        kind: Semantic,
        albedo: np.ndarray,
        semantic: np.ndarray,
    ) -> None:
        half = np.float32(0.5 * width)
        picked = np.flatnonzero(np.abs(at.across - centre) < half + 0.5 * at.across_pixel)
        d, pixel = at.across.ravel()[picked], at.across_pixel.ravel()[picked]
        cover = _coverage(d, pixel, centre - half, centre + half)
        flat = albedo.reshape(-1, 3)
        flat[picked] += cover[:, None] * (colour - flat[picked])
        semantic.reshape(-1)[picked[cover > 0.5]] = kind


def _coverage(
    values: np.ndarray, pixel: np.ndarray, low: np.ndarray | np.float32, high: np.ndarray | np.float32
) -> np.ndarray:
    """Share (like ``values``) of a pixel of width ``pixel`` that lies between ``low`` and ``high``."""
    inverse = np.float32(1.0) / pixel
    return np.clip((high - values) * inverse + 0.5, 0.0, 1.0) - np.clip((low - values) * inverse + 0.5, 0.0, 1.0)


def _pulse_coverage(values: np.ndarray, pixel: np.ndarray, period: float, length: float) -> np.ndarray:
    """Share of a pixel under a train of pulses of ``length`` every ``period``: a difference of its integral."""

    def integral(at: np.ndarray) -> np.ndarray:
        whole = np.floor(at / period)
        return whole * length + np.minimum(at - whole * period, length)

    half = 0.5 * pixel
    return (integral(values + half) - integral(values - half)) / pixel


def _grid_lines(at: RoadCoordinates, spacing: float) -> np.ndarray:
    joint = 0.07
    lines = _pulse_coverage(at.along, np.maximum(at.along_pixel, 0.05), spacing, joint)
    return lines + _pulse_coverage(at.across, np.maximum(at.across_pixel, 0.05), spacing, joint)


def _blend(target: np.ndarray, cover: np.ndarray, colour: np.ndarray) -> None:
    target += cover[..., None] * (colour - target)
