"""The layout and the procedural renderer are two independent drawings of one scene; they must show the same world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drivesim.conditioning import draw_layout
from drivesim.conditioning.figure_raster import FigureRaster
from drivesim.conditioning.layout import LAYOUT_CHANNELS
from drivesim.conditioning.projection import BoxGeometry, image_boxes
from drivesim.conditioning.scenery import SceneryPainter
from drivesim.controls import LAYOUT_SIZE, SCENERY_CHANNELS
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.kinds import CAR_FORMS
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


@pytest.mark.parametrize("form", CAR_FORMS)
@pytest.mark.parametrize("yaw", [0.4, 2.4])
def test_a_car_fills_what_its_body_covers(form: str, yaw: float, make_scene, make_actor) -> None:
    scene = make_scene(make_actor("car", "car", 12.0, 1.0, yaw=yaw, form=form), speed=0.0)
    seen = shares(ProceduralWorld(scene, 3).render(0).instance == 1)
    body, whole = (
        draw_layout(replace(scene, actors=(replace(scene.actors[0], form=one),)), 0) / 255.0 for one in (form, None)
    )
    rows = np.flatnonzero(seen.sum(axis=1)).max() - 5  # below, what is seen under the car is told as the car's too
    fill = PLANE["car"]
    assert overlap(seen[:rows], body[fill][:rows]) > max(0.88, overlap(seen[:rows], whole[fill][:rows]))
    told = body[fill] > 0.5
    np.testing.assert_allclose(body[PLANE["up"]][told], whole[PLANE["up"]][told], atol=1.0 / 255.0)


def test_beside_a_body_the_actor_behind_it_is_told(make_scene, make_actor) -> None:
    near = make_actor("near", "car", 10.0, 0.0, yaw=1.3, colour=(200, 0, 0))
    behind = make_actor("bus", "bus", 24.0, 4.0, colour=(0, 200, 0))
    alone, both, boxed = (
        draw_layout(make_scene(*actors, speed=0.0), 0)
        for actors in ((behind,), (replace(near, form="saloon"), behind), (replace(near, form=None), behind))
    )
    shown = both[PLANE["large_vehicle"]] == 255
    assert shown.sum() > (boxed[PLANE["large_vehicle"]] == 255).sum() + 20
    assert (both[PLANE["green"]][shown] == 200).mean() > 0.95
    np.testing.assert_array_equal(both[:, shown][PLANE["along"]], alone[:, shown][PLANE["along"]])


def test_crowns_are_told_as_they_are_rendered() -> None:
    found = []
    for seed in (1_000_002, 1_000_004, 1_000_009):
        scene = sample_scene(seed, 2, 10.0)
        scene = replace(scene, actors=())
        seen = shares(ProceduralWorld(scene, seed).render(1).semantic == Semantic.VEGETATION)
        told = SceneryPainter(scene).draw(1)[SCENERY_CHANNELS.index("vegetation")] / 255.0
        found.append((np.minimum(seen, told).sum(), np.maximum(seen, told).sum()))
    both, either = np.sum(found, axis=0)
    assert either > 500.0 and both / either > 0.72


def test_beside_a_walkers_figure_the_actor_behind_him_is_told(make_scene, make_actor) -> None:
    walker = make_actor("walker", "pedestrian", 8.0, 0.3, yaw=1.2, speed=1.3, gait_rad=0.7)
    behind = make_actor("bus", "bus", 24.0, 0.0, colour=(0, 200, 0))
    scene = make_scene(walker, behind, speed=0.0)
    both, alone = draw_layout(scene, 4), draw_layout(make_scene(behind, speed=0.0), 4)
    (figure,) = FigureRaster(scene).in_view(BoxGeometry(scene).at(4), 4)
    touched = np.zeros(LAYOUT_SIZE, dtype=bool)
    height, width = figure.silhouette.mask.shape
    touched[figure.top : figure.top + height, figure.left : figure.left + width] = figure.silhouette.mask
    np.testing.assert_array_equal(both[:, ~touched], alone[:, ~touched])
    assert (both[PLANE["pedestrian"]][touched] > 0).mean() > 0.9
    guessed = draw_layout(replace(scene, actors=(replace(walker, gait_rad=None), behind)), 4)
    assert (guessed[PLANE["pedestrian"]] > 0).sum() > 1.3 * touched.sum(), (
        "of recorded walkers nobody knows where limbs are"
    )
