import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import LAYOUT, build_controls
from drivesim.conditioning.projection import image_boxes
from drivesim.controls import Control
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.pictures.birds_eye import birds_eye
from drivesim.pictures.drawing import CATEGORY_COLOURS, camera_overlay, layout_picture
from drivesim.pictures.preview_page import describe, preview_page
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
