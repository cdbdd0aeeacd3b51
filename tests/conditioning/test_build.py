import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import SceneControls, build_controls, draw_layout
from drivesim.controls import ATTRIBUTE_CHANNELS, Control


def test_controls_cover_all_kinds_with_the_binding_shapes(busy_scene):
    controls = build_controls(busy_scene)
    assert controls.num_frames == 20
    assert controls.given() == frozenset(Control) - {Control.SCENERY}, "this scene has none"
    assert controls.layout.dtype == np.uint8
    assert controls.motion.dtype == controls.attributes.dtype == np.float32


def test_kinds_that_are_not_asked_for_are_absent(busy_scene):
    controls = build_controls(busy_scene, kinds=frozenset({Control.MOTION}))
    assert controls.layout is None and controls.attributes is None
    assert controls.motion.shape == (20, 6)


def test_a_window_of_the_source_equals_that_window_of_everything(busy_scene):
    whole, part = build_controls(busy_scene), SceneControls(busy_scene).window(5, 9)
    for kind in ("layout", "motion", "attributes"):
        np.testing.assert_array_equal(getattr(part, kind), getattr(whole.window(5, 9), kind))
    np.testing.assert_array_equal(part.layout[1], draw_layout(busy_scene, 6))


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
    assert not bare.layout[0, :3].any()
