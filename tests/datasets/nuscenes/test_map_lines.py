"""Roads from a map expansion, written from a procedural road and read with the devkit's own NuScenesMap."""

from __future__ import annotations

import dataclasses
import json
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import shapely

from drivesim.conditioning.layout import LayoutPainter
from drivesim.controls import MAP_CHANNELS, Control
from drivesim.datasets.nuscenes import NuScenesDataset, check_nuscenes
from drivesim.datasets.nuscenes.map_lines import strips_of
from drivesim.errors import InputError
from drivesim.exports.nuscenes import GLOBAL_FROM_WORLD
from drivesim.geometry import transform_points
from drivesim.road import Road, line_offset, strip_edges
from drivesim.scene import Scene

LAYERS = (
    "polygon line node drivable_area road_segment road_block lane ped_crossing walkway stop_line carpark_area "
    "road_divider lane_divider traffic_light lane_connector"
).split()
PAINT = {"dashed": "DOUBLE_DASHED_WHITE", "solid": "SINGLE_SOLID_WHITE", "double": "DOUBLE_SOLID_WHITE"}


def expansion(road: Road) -> dict:
    """The map expansion of a road: its asphalt, pavements and lane lines in the global frame."""
    layers: dict = {name: [] for name in LAYERS}
    numbers = count()

    def nodes(s: np.ndarray, d: np.ndarray) -> list[str]:
        x, y, _ = road.to_world(s, d)
        points = transform_points(GLOBAL_FROM_WORLD.matrix(), np.column_stack([x, y, np.zeros(len(x))]))
        rows = [{"token": f"n{next(numbers)}", "x": float(p[0]), "y": float(p[1])} for p in points]
        layers["node"] += rows
        return [row["token"] for row in rows]

    s = np.arange(-40.0, 260.0, 1.0)
    for strip in road.strips:
        inside = s[(s >= strip.s_start) & (s <= strip.s_end)]
        if len(inside) < 2 or strip.kind == "median":
            continue
        right, left = strip_edges(strip, inside)
        token = f"p{next(numbers)}"
        outline = nodes(inside, right) + nodes(inside, left)[::-1]
        layers["polygon"].append({"token": token, "exterior_node_tokens": outline, "holes": []})
        if strip.kind == "pavement":
            layers["walkway"].append({"token": token + "w", "polygon_token": token})
        else:
            layers["drivable_area"].append({"token": token + "d", "polygon_tokens": [token]})
    for line in road.lines:
        inside = s[(s >= line.s_start) & (s <= line.s_end)]
        tokens = nodes(inside, line_offset(line, inside))
        token = f"l{next(numbers)}"
        layers["line"].append({"token": token, "node_tokens": tokens})
        segments = [{"node_token": node, "segment_type": PAINT[line.kind]} for node in tokens]
        layers["lane_divider"].append({"token": token + "d", "line_token": token, "lane_divider_segments": segments})
    return {**layers, "version": "1.3", "canvas_edge": [3000.0, 3000.0], "arcline_path_3": {}, "connectivity": {}}


def with_map(folder, road: Road, place: str) -> Path:
    logs = folder.rows("log")
    folder.write("log", [{**row, "location": place} for row in logs])
    path = folder.root / "maps/expansion" / f"{place}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(expansion(road)))
    return path


def read(folder, **settings) -> NuScenesDataset:
    return NuScenesDataset(folder.root, "v1.0-drivesim", **{"num_frames": 4, "height": 40, "width": 80, **settings})


def planes(scene: Scene, frame: int) -> dict[str, np.ndarray]:
    return dict(zip(MAP_CHANNELS, LayoutPainter(scene).draw_map(frame).astype(float) / 255.0, strict=True))


@pytest.mark.parametrize(("name", "split"), [("alpha", "train"), ("beta", "val")])
def test_the_layout_shows_the_road_of_the_map(copy_of, name: str, split: str) -> None:
    folder = copy_of()
    source = folder.scenes[name]
    with_map(folder, source.road, "singapore-onenorth")
    sample = read(folder, split=split)[1]
    assert sample.scene.road.traffic_side == "left" and sample.scene.road.road_type == "urban"
    camera = sample.scene.camera
    expected = planes(
        dataclasses.replace(source, camera=camera, road=dataclasses.replace(source.road, crossings=())), 6
    )
    found = planes(sample.scene, 2)
    both = np.minimum(expected["road"], found["road"]).sum() / np.maximum(expected["road"], found["road"]).sum()
    assert expected["road"].sum() > 800 and both > 0.93
    assert np.abs(expected["road"] - found["road"])[80:].mean() < 0.02
    # Dashes have no place in a map: compare the paint of whole columns below the horizon.
    painted = expected["lane_paint"].sum(), found["lane_paint"].sum()
    assert painted[0] > 20 and painted[1] == pytest.approx(painted[0], rel=0.25)
    if expected["pavement"].sum() > 80:
        assert np.abs(expected["pavement"] - found["pavement"]).mean() < 0.01


def test_maps_are_optional_and_described(copy_of) -> None:
    folder = copy_of()
    assert read(folder).describe()["maps"] == [] and read(folder)[0].scene.road is None
    path = with_map(folder, folder.scenes["alpha"].road, "boston-seaport")
    assert read(folder).describe()["maps"] == ["boston-seaport"]
    assert read(folder)[0].scene.road.traffic_side == "right" and Control.MAP in read(folder)[0].known
    blind = read(folder, use_map=False)[0]
    assert blind.scene.road is None and Control.MAP not in blind.known
    path.write_text(path.read_text()[:1000])
    with pytest.raises(InputError, match=r"maps/expansion/boston-seaport\.json: JSONDecodeError.*v1\.3 again"):
        read(folder)
    assert "cannot be read as JSON" in str(check_nuscenes(folder.root)[0])
    path.write_text(json.dumps({**expansion(folder.scenes["alpha"].road), "version": "1.2"}))
    assert [str(finding) for finding in check_nuscenes(folder.root)] == [
        "maps/expansion/boston-seaport.json: is a map of version 1.2; 1.3 is needed. Download map expansion v1.3 again, "
        "or remove the file to read the data without a map."
    ]
    assert read(folder, use_map=False)[0].scene.road is None


def test_strips_cover_an_area_with_a_hole_and_a_bend() -> None:
    outline = [(0.0, -4.0), (60.0, -4.0), (60.0, 20.0), (52.0, 20.0), (50.0, 4.0), (0.0, 4.0)]
    area = shapely.Polygon(outline, [[(20.0, -1.0), (30.0, -1.0), (30.0, 1.0), (20.0, 1.0)]])
    stations = np.arange(0.0, 61.0, 2.0)
    strips = strips_of(area, "asphalt", stations, np.full(len(stations), 0.1), (-30.0, 30.0))
    pieces = [
        shapely.Polygon([(s.s_start, s.right), (s.s_end, s.right_end), (s.s_end, s.left_end), (s.s_start, s.left)])
        for s in strips
    ]
    covered = shapely.union_all(pieces)
    assert shapely.area(shapely.symmetric_difference(covered, area)) < 0.05 * area.area
    assert sum(piece.area for piece in pieces) == pytest.approx(covered.area)
    assert len(strips) < 15 < len(stations)
