"""The scenery raster against what the renderer draws, and what is told of scenes that have none."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from drivesim.conditioning import SceneControls, build_controls
from drivesim.conditioning.scenery import SceneryPainter
from drivesim.controls import LAYOUT_SIZE, SCENERY_CHANNELS, Control
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.renderer import ProceduralWorld, Semantic
from drivesim.scene import Scene

HEIGHT, WIDTH = LAYOUT_SIZE
DRAWN = {
    "building": (Semantic.BUILDING,),
    "vegetation": (Semantic.VEGETATION,),
    "street_furniture": (Semantic.POLE_SIGN, Semantic.TRAFFIC_LIGHT),
    "guard_rail": (Semantic.GUARD_RAIL,),
}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    """Held-out scenes by clear day: fog hides far scenery in the picture, not in the raster."""
    found = []
    for seed in range(1_000_000, 1_000_080):
        scene = sample_scene(seed, 6, 10.0)
        if np.isinf(scene.environment.fog_visibility_m):
            found.append(scene)
        if len(found) == 6:
            return found
    raise AssertionError("no clear scenes among the held-out ones")


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_lies_under_the_raster(scenes: list[Scene], name: str) -> None:
    plane = SCENERY_CHANNELS.index(name)
    covered, drawn = 0, 0
    for scene in scenes:
        semantic = ProceduralWorld(scene, scene.seed).render(2, 512, 256).semantic
        near = cv2.dilate(SceneryPainter(scene).draw(2)[plane], np.ones((3, 3), np.uint8))  # to a pixel of the raster
        told = np.repeat(np.repeat(near, 256 // HEIGHT, 0), 512 // WIDTH, 1) > 0
        shown = np.isin(semantic, [int(kind) for kind in DRAWN[name]])
        # Trunks, posts' feet and lamps' arms are thinner than any box that is told.
        covered, drawn = covered + (told & shown).sum(), drawn + shown.sum()
    assert drawn > 300
    assert covered > {"street_furniture": 0.6, "guard_rail": 0.6}.get(name, 0.85) * drawn


def test_colours_of_near_houses_are_those_drawn_in_daylight() -> None:
    """Shade and light change the brightness of a wall, so the hues are compared."""
    errors = []
    for seed in range(1_000_000, 1_000_080):
        scene = sample_scene(seed, 6, 10.0)
        hidden = scene.environment.darkness > 0.0 or np.isfinite(scene.environment.fog_visibility_m)
        if hidden or scene.environment.snow > 0.0 or scene.road is None or scene.road.road_type != "urban":
            continue
        if len(errors) == 4:
            break
        picture = ProceduralWorld(scene, scene.seed).render(2, WIDTH, HEIGHT)
        raster = SceneryPainter(scene).draw(2)
        near = (picture.semantic == Semantic.BUILDING) & (raster[0] == 255) & (raster[8] > 20)
        told = raster[9:12, near].astype(float) + 1.0
        shown = picture.rgb[near].T.astype(float) + 1.0
        errors.append(np.abs(told / told.sum(0) - shown / shown.sum(0)).mean(0))
    assert len(np.concatenate(errors)) > 800
    assert np.median(np.concatenate(errors)) < 0.03


def test_a_scene_without_scenery_tells_none(scenes: list[Scene]) -> None:
    bare = replace(scenes[0], scenery=None)
    assert build_controls(scenes[0], 0, 2).given() == frozenset(Control)
    assert build_controls(bare, 0, 2).given() == frozenset(Control) - {Control.SCENERY}
    with pytest.raises(ValueError, match="has no scenery"):
        SceneryPainter(bare)


def test_windows_of_a_drive_are_parts_of_the_whole(scenes: list[Scene]) -> None:
    whole = build_controls(scenes[1]).scenery
    part = SceneControls(scenes[1]).window(2, 5).scenery
    assert whole is not None and part is not None
    np.testing.assert_array_equal(whole[2:5], part)
    assert whole.any()


def test_windows_lie_where_bays_and_storeys_say(scenes: list[Scene]) -> None:
    """Windows are darker than the wall around them: in the middle of a bay, and not at a storey's floor."""
    plane = {name: index for index, name in enumerate(SCENERY_CHANNELS)}
    inside, outside = [], []
    for seed in range(1_000_000, 1_000_200):
        scene = sample_scene(seed, 6, 10.0)
        if scene.road is None or scene.road.road_type != "urban" or scene.environment.darkness > 0.0:
            continue
        raster = SceneryPainter(scene).draw(2).astype(float)
        picture = cv2.resize(
            ProceduralWorld(scene, scene.seed).render_rgb(2, 1024, 512), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        bay, storey = raster[plane["bay"]] / 255.0, raster[plane["storey"]] / 255.0
        front = (raster[plane["building"]] == 255) & (raster[plane["inverse_depth"]] > 25) & (bay > 0.0)
        front &= (raster[plane["up"]] < 235) & (raster[plane["up"]] > 0)
        is_window = (np.abs(bay - 0.5) < 0.15) & (np.abs(storey - 0.6) < 0.15)
        is_wall = (storey < 0.2) & (storey > 0.02)
        for chosen, found in ((front & is_window, inside), (front & is_wall, outside)):
            wall = np.stack([raster[plane[name]] for name in ("red", "green", "blue")], axis=-1).mean(axis=-1)
            found.extend((picture.mean(axis=-1)[chosen] / np.maximum(wall[chosen], 1.0)).tolist())
        if len(inside) > 3000:
            break
    assert len(inside) > 1000 and len(outside) > 1000
    assert np.median(inside) < 0.75 * np.median(outside)


def test_all_but_buildings_have_no_bays(scenes: list[Scene]) -> None:
    plane = {name: index for index, name in enumerate(SCENERY_CHANNELS)}
    for scene in scenes:
        raster = SceneryPainter(scene).draw(2)
        trees = raster[plane["vegetation"]] == 255
        assert not raster[plane["bay"]][trees].any() and not raster[plane["storey"]][trees].any()
        assert set(np.unique(raster[plane["kind"]][trees])) <= {round(255 * k / 15) for k in (4, 5, 6)}
