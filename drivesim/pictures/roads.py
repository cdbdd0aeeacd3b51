"""The ground of a road as outlines to be filled: surfaces and paint of the road and of the arms of its junctions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from drivesim.geometry import FloatArray
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
    line_bands,
    line_offset,
    strip_edges,
)

Colour = tuple[int, int, int]

SURFACE_COLOURS: dict[str, Colour] = {
    "asphalt": (84, 88, 96),
    "parking": (94, 96, 102),
    "pavement": (126, 122, 116),
    "median": (78, 96, 70),
    "kerb": (150, 148, 144),
}
PAINT_COLOURS: dict[str, Colour] = {"white": (226, 228, 230), "yellow": (240, 200, 80)}
#: How far along the arms of a junction these pictures reach, metres.
_ARM_M = 160.0


def road_outlines(road: Road, s_from: float, s_to: float) -> Iterator[tuple[Colour, FloatArray]]:
    """Colour and outline (N, 2) in the world of all surfaces and paint between two s, in the order to fill them in."""
    for part, low, high in _parts(road, s_from, s_to):
        for kind, s, d in strip_outlines(part, low, high):
            yield SURFACE_COLOURS[kind], _world(part, s, d)
        yield from _paint(part, low, high)


def paint_outlines(road: Road, s_from: float, s_to: float) -> Iterator[tuple[Colour, FloatArray]]:
    """The paint of :func:`road_outlines` alone."""
    for part, low, high in _parts(road, s_from, s_to):
        yield from _paint(part, low, high)


def _parts(road: Road, s_from: float, s_to: float) -> Iterator[tuple[Road, float, float]]:
    """The road and the arms of the junctions between two s, each with the stretch of it to draw."""
    yield road, s_from, s_to
    for junction in road.junctions:
        if s_from - _ARM_M < junction.s < s_to:
            for arm in junction.arms:
                yield arm.road, 0.0, _ARM_M


def _paint(road: Road, s_from: float, s_to: float) -> Iterator[tuple[Colour, FloatArray]]:
    for line in road.lines:
        for s, d in line_outlines(line, s_from, s_to):
            yield PAINT_COLOURS[line.colour], _world(road, s, d)
    for s, d in crossing_outlines(road, s_from, s_to):
        yield PAINT_COLOURS["white"], _world(road, s, d)
    for stop in road.stop_lines:
        if s_from < stop.s < s_to:
            for s, d in stop_line_outlines(stop):
                yield PAINT_COLOURS["white"], _world(road, s, d)


def _world(road: Road, s: FloatArray, d: FloatArray) -> FloatArray:
    x, y, _ = road.to_world(s, d)
    return np.stack([x, y], axis=1)


def line_outlines(line: LaneLine, s_from: float, s_to: float, step: float = 2.0) -> list[tuple[FloatArray, FloatArray]]:
    """The painted pieces of a line between two s as outlines (s, d): one per dash, or one per painted band."""
    start, end = max(s_from, line.s_start), min(s_to, line.s_end)
    if end <= start:
        return []
    if line.kind == "dashed":
        firsts = np.arange(np.floor(start / DASH_PERIOD_M), np.ceil(end / DASH_PERIOD_M)) * DASH_PERIOD_M
        stretches = [(max(at, start), min(at + DASH_LENGTH_M, end)) for at in firsts]
    else:
        stretches = [(start, end)]
    outlines = []
    for low, high in stretches:
        if high > low:
            s = np.linspace(low, high, max(2, int((high - low) / step) + 1))
            for right, left in line_bands(line):
                centre = line_offset(line, s)
                outlines.append((np.concatenate([s, s[::-1]]), np.concatenate([centre + right, (centre + left)[::-1]])))
    return outlines


def strip_outlines(
    road: Road, s_from: float, s_to: float, step: float = 2.0
) -> list[tuple[str, FloatArray, FloatArray]]:
    """Kind and outline (s, d) of every strip between two s, in the order in which they cover each other."""
    outlines: list[tuple[str, FloatArray, FloatArray]] = []
    for strip in road.strips:
        start, end = max(s_from, strip.s_start), min(s_to, strip.s_end)
        if end > start:
            s = np.linspace(start, end, max(2, int((end - start) / step) + 1))
            if strip.flare is not None:
                s = np.union1d(s, np.clip(strip.flare[0] + np.linspace(0.0, strip.flare[1], 12), start, end))
            right, left = strip_edges(strip, s)
            outlines.append((strip.kind, np.concatenate([s, s[::-1]]), np.concatenate([right, left[::-1]])))
    return outlines


def crossing_outlines(road: Road, s_from: float, s_to: float) -> list[tuple[FloatArray, FloatArray]]:
    """The stripes of every zebra crossing between two s as outlines (s, d)."""
    outlines = []
    asphalt = [strip for strip in road.strips if strip.kind in ("asphalt", "parking")]
    for at in (at for at in road.crossings if s_from < at < s_to):
        low, high = at - 0.5 * CROSSING_DEPTH_M, at + 0.5 * CROSSING_DEPTH_M
        for strip in asphalt:
            right, left = strip.right + CROSSING_MARGIN_M, strip.left - CROSSING_MARGIN_M
            for first in np.arange(np.floor(right / CROSSING_PERIOD_M), left / CROSSING_PERIOD_M) * CROSSING_PERIOD_M:
                start, end = max(first, right), min(first + CROSSING_STRIPE_M, left)
                if end > start:
                    outlines.append((np.array([low, low, high, high]), np.array([start, end, end, start])))
    return outlines


def stop_line_outlines(stop: StopLine) -> list[tuple[FloatArray, FloatArray]]:
    """The painted pieces of a stop line as outlines (s, d)."""
    length, period = BROKEN_STOP_LINE_M if stop.kind == "broken" else (stop.left - stop.right, stop.left - stop.right)
    firsts = stop.right if stop.kind == "solid" else np.floor(stop.right / period) * period
    s = stop.s + STOP_LINE_M * np.array([0.0, 0.0, 1.0, 1.0])
    pieces = [(max(at, stop.right), min(at + length, stop.left)) for at in np.arange(firsts, stop.left, period)]
    return [(s, np.array([low, high, high, low])) for low, high in pieces if high > low]
