import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import LAYOUT, SceneControls, build_controls, draw_layout
from drivesim.controls import ATTRIBUTE_CHANNELS, LAYOUT_SIZE, MAP_CHANNELS, RASTER_CHANNELS, Control


def test_controls_cover_all_kinds_with_the_binding_shapes(busy_scene):
    controls = build_controls(busy_scene)
    assert controls.num_frames == 20
    assert controls.given() == frozenset(Control) - {Control.SCENERY}, "this scene has none"
    assert controls.map.dtype == controls.actors.dtype == np.uint8
    assert controls.map.shape == (20, 4, *LAYOUT_SIZE) and controls.actors.shape == (20, 29, *LAYOUT_SIZE)
    assert controls.motion.dtype == controls.attributes.dtype == np.float32


def test_kinds_that_are_not_asked_for_are_absent(busy_scene):
    controls = build_controls(busy_scene, kinds=frozenset({Control.MOTION}))
    assert controls.given() == {Control.MOTION}
    assert controls.motion.shape == (20, 6)
    for kind in (Control.MAP, Control.ACTORS):
        assert build_controls(busy_scene, 0, 1, frozenset({kind})).given() == {kind}


def test_the_layout_is_all_rasters_and_nothing_else():
    assert LAYOUT == {Control.MAP, Control.SCENERY, Control.ACTORS}
    planes = [name for kind in LAYOUT for name in RASTER_CHANNELS[kind]]
    assert len(planes) == 4 + 21 + 29


def test_a_window_of_the_source_equals_that_window_of_everything(busy_scene):
    whole, part = build_controls(busy_scene), SceneControls(busy_scene).window(5, 9)
    for kind in ("map", "actors", "motion", "attributes"):
        np.testing.assert_array_equal(getattr(part, kind), getattr(whole.window(5, 9), kind))
    drawn = np.concatenate([part.map[1], part.actors[1]])
    np.testing.assert_array_equal(drawn, draw_layout(busy_scene, 6))


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (4, 4), (15, 21)])
def test_a_window_outside_the_scene_is_refused(busy_scene, start, stop):
    with pytest.raises(ValueError, match="20 frames"):
        SceneControls(busy_scene).window(start, stop)


def test_attributes_follow_the_environment_and_the_road(busy_scene):
    row = build_controls(busy_scene, 0, 1).attributes[0]
    value = dict(zip(ATTRIBUTE_CHANNELS, row, strict=True))
    assert value["darkness"] == 1.0 and value["street_lights"] == 1.0
    assert value["rain"] == pytest.approx(0.4) and value["wetness"] == pytest.approx(0.6)
    assert value["fog"] == pytest.approx(0.5)
    assert (value["motorway"], value["rural"], value["urban"], value["left_hand"]) == (0.0, 0.0, 1.0, 0.0)
    bare = build_controls(dataclasses.replace(busy_scene, road=None), 0, 1)
    assert bare.attributes[0, ATTRIBUTE_CHANNELS.index("urban")] == 0.0


def test_a_scene_without_a_road_tells_no_map(busy_scene):
    bare = dataclasses.replace(busy_scene, road=None)
    controls = build_controls(bare, 0, 2)
    assert controls.given() == {Control.ACTORS, Control.MOTION, Control.ATTRIBUTES}
    np.testing.assert_array_equal(controls.actors, build_controls(busy_scene, 0, 2).actors)
    ground = dict(zip(MAP_CHANNELS, draw_layout(bare, 0), strict=False))
    assert ground["sky"].any() and not any(ground[name].any() for name in ("road", "lane_paint", "pavement"))
