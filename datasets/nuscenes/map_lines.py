"""Roads from the map expansion: drivable area, walkways and dividers around a window, as bands along its first heading.

The road's reference line is the straight line through the ego at the window's first frame, so road coordinates are the
world's x and y and no bend of the path folds them. The areas are cut across every two metres and joined to tapering
strips; dividers become painted lines piece by piece.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely

from drivesim.errors import InputError
from drivesim.geometry import FloatArray, transform_points
from drivesim.road import LaneLine, Road, Strip

#: The four places of nuScenes, and the side one drives on there.
TRAFFIC_SIDE: dict[str, Literal["right", "left"]] = {
    "boston-seaport": "right",
    "singapore-hollandvillage": "left",
    "singapore-onenorth": "left",
    "singapore-queenstown": "left",
}

#: What a window sees: metres ahead of its path, behind it, and to either side.
_AHEAD_M, _BEHIND_M, _ASIDE_M = 200.0, 20.0, 80.0
_STEP_M = 2.0
#: Edges that differ less from a straight taper are joined to one strip: 3 cm, and half a pixel of the layout raster
#: (1 m wide at 100 m) far ahead, where short strips would blur into one another.
_STRAIGHT_M, _STRAIGHT_SHARE = 0.03, 0.005
#: The same for lines, which cost the raster more: up to this far ahead of the path, and beyond.
_NEAR_M, _LINE_NEAR_M, _LINE_FAR_M = 40.0, 0.05, 0.2
_LINE_WIDTH_M = 0.15
#: Dividers steeper than 80 degrees across the heading cannot be given as an offset along it.
_STEEPEST = float(np.tan(np.radians(80.0)))


@dataclass(frozen=True, eq=False)
class Divider:
    """A painted polyline (N, 2) in nuScenes' global frame."""

    points: FloatArray
    kind: Literal["solid", "dashed", "double"]
    colour: Literal["white", "yellow"]


@dataclass(frozen=True, eq=False)
class MapLayers:
    """What is used of one place's map expansion, in nuScenes' global frame, with trees to find it by position."""

    drivable: shapely.STRtree
    walkways: shapely.STRtree
    dividers: tuple[Divider, ...]
    divider_tree: shapely.STRtree


def map_file(root: Path, location: str) -> Path | None:
    """The map expansion's file of a place, None when it is not there."""
    path = root / "maps" / "expansion" / f"{location}.json"
    return path if location in TRAFFIC_SIDE and path.is_file() else None


def open_map(root: Path, location: str) -> MapLayers:
    """The map expansion of a place, read once per process. Raises InputError for a file that cannot be read."""
    file = map_file(root, location)
    if file is None:
        raise InputError(f"{root.name}/maps/expansion/{location}.json is not there; download map expansion v1.3")
    return _opened(root.resolve(), location, file.stat().st_mtime_ns)


def road_of(root: Path, location: str, path_xy: FloatArray, world_from_global: FloatArray) -> Road | None:
    """The road around an ego path (T, 2) of the world frame; None when the place has no map expansion file.

    Carried: drivable area as asphalt, walkways as pavement, lane dividers with their paint, road dividers as solid white
    lines. Not carried: lanes, crossings, stop lines, traffic lights, and dividers that run across the first heading. The
    dashes' places are not in the map, so theirs are arbitrary. Raises InputError for a file that cannot be read.
    """
    if map_file(root, location) is None:
        return None
    layers = open_map(root, location)
    s_start = float(np.floor(path_xy[:, 0].min() - _BEHIND_M))
    s_end = float(np.ceil(path_xy[:, 0].max() + _AHEAD_M))
    d_right, d_left = float(path_xy[:, 1].min() - _ASIDE_M), float(path_xy[:, 1].max() + _ASIDE_M)
    patch = shapely.box(s_start, d_right, s_end, d_left)
    near_end = s_end - _AHEAD_M + _NEAR_M
    near, far = shapely.box(s_start, d_right, near_end, d_left), shapely.box(near_end, d_right, s_end, d_left)
    to_world = world_from_global
    lines = [*_lines(layers, near, to_world, _LINE_NEAR_M), *_lines(layers, far, to_world, _LINE_FAR_M)]
    stations = np.arange(s_start, s_end + 0.5 * _STEP_M, _STEP_M)
    tolerance = np.maximum(_STRAIGHT_M, _STRAIGHT_SHARE * (stations - path_xy[:, 0].max()))
    strips = [
        strip
        for tree, kind in ((layers.drivable, "asphalt"), (layers.walkways, "pavement"))
        for strip in strips_of(_area(tree, patch, world_from_global), kind, stations, tolerance, (d_right, d_left))
    ]
    length = max(s_end - s_start, 20.0)
    count = int(np.ceil(length / 10.0)) + 1
    reference = np.stack([s_start + 10.0 * np.arange(count), np.zeros(count), np.zeros(count)], axis=1)
    return Road(
        road_type="urban",
        reference=reference,
        s_start=s_start,
        spacing=10.0,
        strips=tuple(strips),
        lines=tuple(lines),
        lanes=(),
        traffic_side=TRAFFIC_SIDE[location],
    )


def strips_of(
    area: Any, kind: Any, stations: FloatArray, tolerance_m: FloatArray, span: tuple[float, float]
) -> list[Strip]:
    """An area of the (s, d) plane as strips between the evenly spaced stations (N,), from d = span[0] to span[1].

    Edges lie within ``tolerance_m`` (N,) of the area's at the stations.

    Where a cut across has another number of pieces than the next (a junction's corner), the cut halfway stands for both.
    """
    cuts = _cuts(area, stations, span)
    halfway = _cuts(area, 0.5 * (stations[:-1] + stations[1:]), span)
    strips: list[Strip] = []
    begin = 0
    while begin < len(stations) - 1:
        if len(cuts[begin]) != len(cuts[begin + 1]):
            pieces, end = [(piece, piece) for piece in halfway[begin]], begin + 1
        else:
            end = begin + 1
            while end + 1 < len(stations) and _straight(cuts[begin : end + 2], tolerance_m[end]):
                end += 1
            pieces = list(zip(cuts[begin], cuts[end], strict=True))
        strips += [
            Strip(
                kind=kind,
                right=float(near[0]),
                left=float(near[1]),
                right_end=float(far[0]),
                left_end=float(far[1]),
                s_start=float(stations[begin]),
                s_end=float(stations[end]),
            )
            for near, far in pieces
        ]
        begin = end
    return strips


def _cuts(area: Any, stations: FloatArray, span: tuple[float, float]) -> list[FloatArray]:
    """Intervals (pieces, 2) of d that the area covers at each station."""
    ends = np.array([[[s, span[0]], [s, span[1]]] for s in stations])
    found = shapely.intersection(area, shapely.linestrings(ends))
    intervals = []
    for cut in found:
        pieces = [part for part in shapely.get_parts(cut) if shapely.length(part) > 0.05]
        bounds = np.array([shapely.bounds(part)[[1, 3]] for part in pieces]).reshape(-1, 2)
        intervals.append(bounds[np.argsort(bounds[:, 0])])
    return intervals


def _straight(cuts: list[FloatArray], tolerance_m: float) -> bool:
    """Whether evenly spaced cuts have equally many pieces whose edges lie on straight tapers from first to last."""
    if len({len(cut) for cut in cuts}) != 1:
        return False
    stack = np.stack(cuts)
    share = np.linspace(0.0, 1.0, len(cuts))[:, None, None]
    return bool(np.all(np.abs(stack - (stack[0] + share * (stack[-1] - stack[0]))) < tolerance_m))


def _area(tree: shapely.STRtree, patch: Any, world_from_global: FloatArray) -> Any:
    """The union of a layer's polygons inside ``patch``, both in the world frame."""
    around = _moved(patch, np.linalg.inv(world_from_global))
    near = tree.geometries[tree.query(around)]
    clipped = shapely.clip_by_rect(near, *shapely.bounds(around))
    return shapely.intersection(_moved(shapely.union_all(shapely.make_valid(clipped)), world_from_global), patch)


def _lines(layers: MapLayers, patch: Any, world_from_global: FloatArray, tolerance_m: float) -> list[LaneLine]:
    """Painted lines inside ``patch`` (world frame), within ``tolerance_m`` of the map's."""
    lines = []
    for index in sorted(layers.divider_tree.query(_moved(patch, np.linalg.inv(world_from_global)))):
        divider = layers.dividers[index]
        whole = shapely.linestrings(_in_world(divider.points, world_from_global))
        for part in shapely.get_parts(shapely.simplify(shapely.intersection(patch, whole), tolerance_m)):
            for first, second in itertools.pairwise(shapely.get_coordinates(part)):
                line = _line(divider, tuple(first), tuple(second))
                if line is not None:
                    lines.append(line)
    return lines


def _line(divider: Divider, first: tuple[float, float], second: tuple[float, float]) -> LaneLine | None:
    """The straight piece between two points (s, d); None when it runs across."""
    (s_start, offset), (s_end, offset_end) = sorted((first, second))
    if s_end <= s_start or abs(offset_end - offset) > _STEEPEST * (s_end - s_start):
        return None
    # A slanted line is wider along d than across itself.
    slant = float(np.hypot(1.0, (offset_end - offset) / (s_end - s_start)))
    return LaneLine(
        offset=float(offset),
        offset_end=float(offset_end),
        s_start=float(s_start),
        s_end=float(s_end),
        kind=divider.kind,
        colour=divider.colour,
        width=_LINE_WIDTH_M * slant,
    )


def _moved(geometry: Any, matrix: FloatArray) -> Any:
    return shapely.transform(geometry, lambda points: _in_world(points, matrix))


def _in_world(points: FloatArray, matrix: FloatArray) -> FloatArray:
    level = matrix.copy()
    level[2, :] = [0.0, 0.0, 1.0, 0.0]
    return transform_points(level, np.column_stack([points, np.zeros(len(points))]))[:, :2]


@lru_cache(maxsize=4)
def _opened(root: Path, location: str, stamp: int) -> MapLayers:
    from nuscenes.map_expansion.map_api import NuScenesMap

    file = f"maps/expansion/{location}.json"
    try:
        place = NuScenesMap(str(root), location)
    except Exception as error:  # The devkit raises a bare Exception for an old map.
        raise InputError(
            f"{root.name}/{file}: {type(error).__name__}: {error}. Download map expansion v1.3 again, or remove the file "
            "to read the data without a map"
        ) from error
    areas = [token for record in place.drivable_area for token in record["polygon_tokens"]]
    dividers = [divider for record in place.lane_divider for divider in _painted(place, record)]
    for record in place.road_divider:
        points = shapely.get_coordinates(place.extract_line(record["line_token"]))
        if len(points) > 1:
            dividers.append(Divider(points, "solid", "white"))
    return MapLayers(
        drivable=shapely.STRtree([place.extract_polygon(token) for token in areas]),
        walkways=shapely.STRtree([place.extract_polygon(record["polygon_token"]) for record in place.walkway]),
        dividers=tuple(dividers),
        divider_tree=shapely.STRtree([shapely.linestrings(divider.points) for divider in dividers]),
    )


def _painted(place: Any, record: dict[str, Any]) -> list[Divider]:
    """The painted stretches of a lane divider: each node tells the paint from it to the next (NIL is none)."""
    nodes = [(place.get("node", s["node_token"]), s.get("segment_type", "")) for s in record["lane_divider_segments"]]
    dividers: list[Divider] = []
    for paint, pairs in itertools.groupby(itertools.pairwise(nodes), key=lambda pair: pair[0][1]):
        stretch = list(pairs)
        points = np.array([[node["x"], node["y"]] for node, _ in [stretch[0][0], *(after for _, after in stretch)]])
        if paint not in ("", "NIL") and np.ptp(points, axis=0).max() > 0.0:
            kind: Any = "dashed" if "DASHED" in paint else "double" if "DOUBLE" in paint else "solid"
            dividers.append(Divider(points, kind, "yellow" if "YELLOW" in paint else "white"))
    return dividers
