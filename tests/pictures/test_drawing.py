import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import LAYOUT, build_controls
from drivesim.conditioning.projection import image_boxes
from drivesim.controls import ACTOR_CHANNELS, FIGURE_CHANNELS, Control
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.pictures.birds_eye import beyond, birds_eye
from drivesim.pictures.drawing import CATEGORY_COLOURS, camera_overlay, hazed, layout_picture
from drivesim.pictures.preview_page import _listed, describe, preview_page
from drivesim.scene import CATEGORIES, Environment
from drivesim.scenery import SCENERY_CLASSES


def changed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first != second).any(axis=-1)


def test_every_category_has_its_own_colour():
    assert set(CATEGORY_COLOURS) == set(CATEGORIES)
    assert len(set(CATEGORY_COLOURS.values())) == len(CATEGORIES)


def test_overlay_changes_the_picture_inside_the_projected_boxes_only(make_scene, make_actor):
    scene = make_scene(make_actor("lead", "car", 15.0, 0.0), make_actor("walker", "pedestrian", 12.0, -3.0))
    plain = np.full((512, 1024, 3), 90, dtype=np.uint8)
    drawn = camera_overlay(scene, 0, plain, labels=False)
    assert (plain == 90).all()
    touched = changed(drawn, plain)
    allowed = np.zeros_like(touched)
    for box in image_boxes(scene, 0):
        area = (slice(int(box.y_min) - 4, int(box.y_max) + 5), slice(int(box.x_min) - 4, int(box.x_max) + 5))
        allowed[area] = True
        assert touched[area].mean() > 0.8
    assert not (touched & ~allowed).any()


def test_overlay_follows_the_size_of_the_given_image(make_scene, make_actor):
    scene = make_scene(make_actor("lead", "car", 15.0, 0.0))
    small = camera_overlay(scene, 0, np.full((256, 512, 3), 90, dtype=np.uint8), labels=False)
    rows, columns = np.nonzero(changed(small, np.full_like(small, 90)))
    (box,) = image_boxes(scene, 0)
    expected = np.array([box.x_min, box.y_min, box.x_max, box.y_max]) / 2
    np.testing.assert_allclose([columns.min(), rows.min(), columns.max(), rows.max()], expected, atol=4.0)


def test_birds_eye_puts_actors_where_they_are(make_scene, make_actor):
    empty = birds_eye(make_scene(), 0, labels=False)
    ahead_left = make_actor("a", "car", 40.0, 6.0)
    picture = birds_eye(make_scene(ahead_left), 0, labels=False)
    rows, columns = np.nonzero(changed(picture, empty))
    scale, left = 1024 / 128.0, 0.22 * 1024
    assert columns.mean() == pytest.approx(left + 40.0 * scale, abs=4.0)
    assert rows.mean() == pytest.approx(256 - 6.0 * scale, abs=4.0)
    assert np.ptp(columns) == pytest.approx(4.5 * scale, abs=4.0)


def test_layout_picture_shows_an_actors_own_colour(make_scene, make_actor):
    scene = make_scene(make_actor("lead", "car", 12.0, 0.0, yaw=np.pi, colour=(200, 30, 30)))
    picture = layout_picture(build_controls(scene, 0, 1))
    assert picture.shape == (512, 1024, 3)
    (box,) = image_boxes(scene, 0)
    middle = picture[int((box.y_min + box.y_max) / 2), int((box.x_min + box.x_max) / 2)]
    np.testing.assert_allclose(middle, (200, 30, 30), atol=3)


def test_layout_picture_shows_limbs_in_a_box_that_can_be_seen_through(make_scene, make_actor):
    recorded = make_actor(
        "walker", "pedestrian", 8.0, 0.0, colour=(250, 10, 250)
    )  # whose box is told beside a guessed figure
    scene = make_scene(recorded)
    told = build_controls(scene, 0, 1)
    boxes = told.actors.copy()
    boxes[:, [ACTOR_CHANNELS.index(name) for name in FIGURE_CHANNELS]] = 0
    solid, thin = (layout_picture(one).astype(int) for one in (dataclasses.replace(told, actors=boxes), told))
    (box,) = image_boxes(scene, 0)
    rows, middle = slice(round(box.y_min), round(box.y_max)), round(0.5 * (box.x_min + box.x_max))
    trunk = round(0.7 * box.y_min + 0.3 * box.y_max)
    assert np.abs(thin[trunk, middle] - (250, 10, 250)).max() < 30
    beside_head = round(0.9 * box.y_min + 0.1 * box.y_max), round(box.x_min) + 8
    assert np.abs(solid[beside_head] - solid[trunk, middle]).max() < 30
    assert np.abs(thin[beside_head] - thin[trunk, middle]).max() > 60
    skin = np.abs(thin[rows] - (222, 176, 146)).max(axis=-1) < 12
    assert skin.sum() > 30 and not (np.abs(solid[rows] - (222, 176, 146)).max(axis=-1) < 12).any()
    known = layout_picture(build_controls(make_scene(dataclasses.replace(recorded, gait_rad=0.5)), 0, 1)).astype(int)
    empty = layout_picture(build_controls(make_scene(), 0, 1)).astype(int)
    assert np.abs(known[trunk, middle] - (250, 10, 250)).max() < 30
    np.testing.assert_array_equal(known[beside_head], empty[beside_head])


def test_preview_page_has_an_even_size_for_video_and_works_without_a_road(busy_scene):
    page = preview_page(busy_scene, 3, ["a note – with a dash"])
    assert page.shape[1] == 1024 and page.shape[0] % 2 == 0
    bare = preview_page(dataclasses.replace(busy_scene, road=None), 3)
    assert bare.shape[1] == 1024


def test_the_preview_shows_scenery_where_the_model_is_told_it():
    scene = sample_scene(1_000_033, 4, 10.0)
    controls = build_controls(scene, 0, 2, LAYOUT)
    plain, told = layout_picture(controls.without(Control.SCENERY), 1, scale=1), layout_picture(controls, 1, scale=1)
    covered = controls.scenery[1, : len(SCENERY_CLASSES)].max(axis=0) > 0
    assert covered.mean() > 0.2 and np.array_equal(plain[~covered], told[~covered])
    assert (plain != told).any(axis=-1)[covered].mean() > 0.8
    assert not np.array_equal(preview_page(scene, 1), preview_page(dataclasses.replace(scene, scenery=None), 1))


def test_weather_in_words():
    wet = Environment(hour=21.5, sky="overcast", rain=0.4, wetness=0.6, fog_visibility_m=80.0, street_lights=True)
    assert describe(wet) == "21:30, overcast, rain, wet road, fog, 80 m visibility, street lights"
    assert describe(Environment()) == "14:00, clear"


def test_the_rear_of_a_braking_car_is_red(make_scene, make_actor):
    car = make_actor("lead", "car", 14.0, 0.0, colour=(40, 60, 200))
    speed = np.linspace(12.0, 0.0, 20)
    braking = dataclasses.replace(car, track=dataclasses.replace(car.track, speed_mps=speed))
    colours = []
    for actor in (car, braking):
        scene = make_scene(actor)
        (box,) = image_boxes(scene, 5)
        picture = layout_picture(build_controls(scene, 5, 6))
        colours.append(picture[int((box.y_min + box.y_max) / 2), int((box.x_min + box.x_max) / 2)].astype(int))
    assert colours[1][0] > colours[0][0] + 80 and colours[1][2] < colours[0][2] - 40


def test_who_stands_beyond_the_picture_from_above_is_named(make_scene, make_actor):
    near, far = make_actor("near", "car", 30.0, 0.0), make_actor("far", "car", 300.0, 0.0)
    behind, crowd = make_actor("behind", "car", -80.0, 0.0), make_actor("ambient3", "car", 200.0, 0.0)
    scene = make_scene(near, far, behind, crowd)
    hidden = dict(beyond(scene, 0))
    assert set(hidden) == {"far", "behind", "ambient3"}
    assert hidden["far"] == pytest.approx(300.0, abs=1.0) and hidden["behind"] == pytest.approx(-80.0, abs=1.0)
    assert _listed(beyond(scene, 0)) == "behind at -80 m, far at 300 m and 1 more", "written actors first"
    assert beyond(make_scene(near), 0) == []
    with_hint, without = preview_page(scene, 0), preview_page(make_scene(near), 0)
    heading = 2 * 12 + 26 + 20
    assert changed(with_hint[heading : heading + 26], without[heading : heading + 26]).any()


def test_fog_is_drawn(make_scene, make_actor):
    scene = make_scene(make_actor("lead", "car", 15.0, 0.0), make_actor("far", "truck", 60.0, 3.5))
    foggy = dataclasses.replace(scene, environment=dataclasses.replace(scene.environment, fog_visibility_m=60.0))
    clear_view, view = (
        camera_overlay(scene, 0, labels=False).astype(int),
        camera_overlay(foggy, 0, labels=False).astype(int),
    )
    fog = np.array([186, 190, 194])
    left = np.abs(view - fog).sum(axis=-1).mean(axis=1) / np.abs(clear_view - fog).sum(axis=-1).mean(axis=1)
    assert left[5] < 0.05, "nothing is left of the sky"
    assert left[-5] > 0.6, "the ground before the bumper is seen"
    above = changed(birds_eye(scene, 0), birds_eye(foggy, 0))
    assert above.mean() > 0.8 and not above[250:262, 220:232].all()


def test_haze_keeps_two_hundredths_at_the_visual_range():
    black = np.zeros((1, 3, 3), np.uint8)
    seen = hazed(black, np.array([[0.0, 100.0, np.inf]]), 100.0)[0, :, 0].astype(int)
    assert seen[0] == 0 and seen[2] == 186 and seen[1] == pytest.approx(0.98 * 186, abs=1)
