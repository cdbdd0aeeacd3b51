"""The layout and the procedural renderer are two independent drawings of one scene; they must show the same world."""

from __future__ import annotations

import numpy as np
import pytest

from drivesim.conditioning import draw_layout
from drivesim.conditioning.layout import LAYOUT_CHANNELS
from drivesim.conditioning.projection import image_boxes
from drivesim.controls import LAYOUT_SIZE
from drivesim.renderer.semantics import Semantic
from drivesim.renderer.world import ProceduralWorld
from drivesim.scene import CLASS_OF_CATEGORY

PLANE = {name: index for index, name in enumerate(LAYOUT_CHANNELS)}
GROUND = (Semantic.SKY, Semantic.ROAD, Semantic.LANE_PAINT, Semantic.PAVEMENT, Semantic.KERB, Semantic.TERRAIN)


@pytest.fixture(scope="module", params=[0.0, 0.005, -0.005], ids=["straight", "left bend", "right bend"])
def drawn(request, make_scene, make_actor, make_road):
    """A scene with actors side by side, its rendered frame and its layout in [0, 1]."""
    scene = make_scene(
        make_actor("car", "car", 20.0, 0.0),
        make_actor("oncoming", "car", 28.0, 4.5, yaw=np.pi - 0.2),
        make_actor("lorry", "truck", 36.0, -3.4, yaw=0.05),
        make_actor("walker", "pedestrian", 12.0, -2.6, yaw=np.pi / 2),
        make_actor("cyclist", "bicycle", 16.0, 5.0, yaw=0.3),
        make_actor("cone", "traffic_cone", 9.0, 1.5),
        road=make_road(request.param),
        speed=10.0,
    )
    return scene, ProceduralWorld(scene, 3).render(0), draw_layout(scene, 0) / 255.0


def shares(mask: np.ndarray) -> np.ndarray:
    """Share of each raster pixel that a 512 x 1024 mask covers."""
    height, width = LAYOUT_SIZE
    return mask.reshape(height, 512 // height, width, 1024 // width).mean(axis=(1, 3))


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two soft masks."""
    return float(np.minimum(first, second).sum() / np.maximum(first, second).sum())


def test_rendered_actors_lie_inside_their_fill_and_fill_their_box(drawn):
    scene, frame, layout = drawn
    boxes = {box.actor_index: box for box in image_boxes(scene, 0)}
    for index, actor in enumerate(scene.actors):
        mask = frame.instance == index + 1
        filled = layout[PLANE[CLASS_OF_CATEGORY[actor.category]]]
        seen = shares(mask)
        assert np.minimum(seen, filled).sum() > 0.93 * seen.sum(), actor.id
        rows, columns = np.nonzero(mask)
        box = boxes[index]
        size = np.array([box.x_max - box.x_min, box.y_max - box.y_min])
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        expected = np.array([box.x_min, box.y_min, box.x_max, box.y_max])
        # A body stays within its box and nearly fills its height: cars have some air under the bumpers, and people
        # are slimmer than their boxes.
        assert (np.abs(found - expected)[[1, 3]] <= 0.18 * size[1] + 1.5).all(), actor.id
        assert found[1] >= expected[1] - 4.0 and found[3] <= expected[3] + 4.0, actor.id
        assert found[0] >= expected[0] - 4.0 and found[2] <= expected[2] + 4.0, actor.id
        assert abs(found[[0, 2]].mean() - expected[[0, 2]].mean()) <= 0.15 * size[0] + 1.5, actor.id


def test_ground_planes_show_the_rendered_ground(drawn):
    _, frame, layout = drawn
    open_ground = shares(np.isin(frame.semantic, GROUND)) == 1.0
    for name, classes, at_least in (
        ("road", (Semantic.ROAD, Semantic.LANE_PAINT), 0.98),
        ("lane_paint", (Semantic.LANE_PAINT,), 0.85),
        ("pavement", (Semantic.PAVEMENT,), 0.98),
        ("sky", (Semantic.SKY,), 0.99),
    ):
        seen = shares(np.isin(frame.semantic, classes))[open_ground]
        assert seen.sum() > 80.0
        assert overlap(seen, layout[PLANE[name]][open_ground]) > at_least, name


def test_paint_shifted_by_a_fraction_of_a_dash_would_be_noticed(drawn):
    _, frame, layout = drawn
    open_ground = shares(np.isin(frame.semantic, GROUND)) == 1.0
    seen = shares(frame.semantic == Semantic.LANE_PAINT)
    paint = layout[PLANE["lane_paint"]]
    best = overlap(seen[open_ground], paint[open_ground])
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        assert overlap(seen[open_ground], np.roll(paint, shift, axis)[open_ground]) < 0.8 * best
