"""Figures that the layout tells: where the renderer draws them, and nowhere else."""

import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import draw_layout
from drivesim.conditioning.layout import LAYOUT_CHANNELS
from drivesim.controls import ACTOR_CHANNELS, FIGURE_CHANNELS, LAYOUT_SIZE
from drivesim.renderer.world import ProceduralWorld

HEIGHT, WIDTH = LAYOUT_SIZE
FIGURE = [LAYOUT_CHANNELS.index(name) for name in FIGURE_CHANNELS]
COLOUR = [LAYOUT_CHANNELS.index(name) for name in ("red", "green", "blue", "colour_given")]


def told(scene, frame=0):
    """Shares of the planes of FIGURE_CHANNELS, float (4, 128, 256)."""
    return draw_layout(scene, frame)[FIGURE] / 255.0


def rendered(scene, frame, number):
    """How much of each pixel of the layout shows actor ``number`` in a full-size picture, (128, 256)."""
    shown = ProceduralWorld(scene, 3).render(frame, 4 * WIDTH, 4 * HEIGHT).instance == number
    return shown.reshape(HEIGHT, 4, WIDTH, 4).mean(axis=(1, 3))


def overlap(one, other):
    return np.minimum(one, other).sum() / np.maximum(one, other).sum()


@pytest.mark.parametrize("category", ["pedestrian", "bicycle", "motorcycle"])
@pytest.mark.parametrize("yaw", [0.0, 1.2, np.pi / 2, 2.8])
def test_figures_are_told_where_the_renderer_draws_them(make_scene, make_actor, make_road, category, yaw):
    someone = make_actor("someone", category, 9.0, 1.5, yaw=yaw, speed=1.3, gait_rad=0.7)
    scene = make_scene(someone, road=make_road(), speed=0.0)
    for frame in (0, 6):
        assert overlap(told(scene, frame).sum(axis=0), rendered(scene, frame, 1)) > 0.85
    assert (told(scene, 0) != told(scene, 6)).any()


def test_each_part_has_its_plane(make_scene, make_actor):
    walker = dataclasses.replace(make_actor("walker", "pedestrian", 8.0, 0.0, yaw=np.pi), gait_rad=0.0)
    planes = told(make_scene(walker, speed=0.0))
    rows = np.nonzero(planes.sum(axis=(0, 2)))[0]
    share = (np.arange(HEIGHT) - rows.min()) / np.ptp(rows)
    heights = {
        name: (plane.sum(axis=1) * share).sum() / plane.sum()
        for name, plane in zip(FIGURE_CHANNELS, planes, strict=True)
    }
    assert heights["figure_skin"] < heights["figure_coloured"] < heights["figure_legs"]
    dark = planes[FIGURE_CHANNELS.index("figure_dark")].sum(axis=1) > 0
    assert dark[share < 0.05].any() and dark[share > 0.95].any()
    assert not dark[(share > 0.25) & (share < 0.85)].any()


def test_who_faces_the_camera_shows_a_face_and_who_does_not_hair(make_scene, make_actor):
    def head(yaw):
        walker = dataclasses.replace(make_actor("walker", "pedestrian", 6.0, 2.0, yaw=yaw), gait_rad=0.0)
        planes = told(make_scene(walker, speed=0.0))
        rows = np.nonzero(planes.sum(axis=(0, 2)))[0]
        top = slice(rows.min(), rows.min() + int(0.13 * np.ptp(rows)))
        skin, _, _, dark = planes[:, top].sum(axis=(1, 2))
        return skin / (skin + dark)

    assert head(np.pi + 0.3) > 0.3
    assert head(0.3) < 0.1


def test_how_recorded_walkers_stand_is_a_guess_that_stays(make_scene, make_actor):
    walker, other = (make_actor(name, "pedestrian", 8.0, 0.0, yaw=1.5, speed=1.4) for name in ("walker", "other"))
    known = dataclasses.replace(walker, gait_rad=1.0)
    guessed = [told(make_scene(one, speed=0.0), 4) for one in (walker, walker, other, known)]
    np.testing.assert_array_equal(guessed[0], guessed[1])
    assert all((guessed[0] != another).any() for another in guessed[2:])
    assert min(overlap(one.sum(axis=0), guessed[3].sum(axis=0)) for one in guessed) > 0.5


def test_only_walkers_and_riders_are_told_as_figures(make_scene, make_actor):
    bicycle = make_actor("bicycle", "bicycle", 9.0, 0.0)
    assert told(make_scene(bicycle)).any()
    assert not told(make_scene(dataclasses.replace(bicycle, height=1.1))).any()
    for category in ("car", "truck", "traffic_cone"):
        assert not told(make_scene(make_actor("thing", category, 12.0, 0.0, gait_rad=1.0))).any()


def test_a_figure_goes_on_where_a_scene_is_cut(make_scene, make_actor):
    walker = make_actor("walker", "pedestrian", 12.0, 0.0, yaw=1.0, speed=1.4, gait_rad=1.0)
    scene = make_scene(walker, speed=0.0)
    np.testing.assert_array_equal(told(scene.window(5, 9), 2), told(scene, 7))
    assert (told(scene, 7) != told(scene, 5)).any()


def test_a_nearer_vehicle_hides_a_figure_and_a_farther_one_does_not(make_scene, make_actor):
    walker = make_actor("walker", "pedestrian", 12.0, 0.0, gait_rad=1.0)
    alone = told(make_scene(walker))
    half, whole = make_actor("half", "truck", 7.0, -1.25), make_actor("whole", "truck", 7.0, -0.5)
    np.testing.assert_array_equal(told(make_scene(walker, make_actor("far", "truck", 18.0, 0.0))), alone)
    assert not told(make_scene(walker, whole)).any()
    partly = told(make_scene(walker, half))
    assert 0.1 < partly.sum() / alone.sum() < 0.9
    assert ((partly == alone) | (partly == 0)).all()


def test_a_figure_is_seen_beside_the_body_in_a_nearer_box_and_in_its_own_colour(make_scene, make_actor):
    near = make_actor("near", "pedestrian", 8.0, 0.0, gait_rad=0.0, colour=(200, 0, 0))
    far = make_actor("far", "pedestrian", 12.0, -0.25, gait_rad=0.0, colour=(0, 200, 0))
    both, alone = draw_layout(make_scene(near, far), 0), told(make_scene(near))
    (row,) = np.nonzero(both[LAYOUT_CHANNELS.index("green")].max(axis=1) == 200)[0][:1]
    seen = both[COLOUR][:, row]
    assert {tuple(values) for values in seen.T.tolist()} >= {(200, 0, 0, 255), (0, 200, 0, 255)}
    greens = (both[FIGURE].sum(axis=0) > 127) & (both[LAYOUT_CHANNELS.index("green")] == 200)
    assert greens.sum() > 50
    assert (alone.sum(axis=0)[greens] < 0.6).all()  # the near one's body is not painted over
    assert both[FIGURE].astype(int).sum(axis=0).max() <= 256


def test_figures_that_come_too_near_or_are_too_small_are_left_out(make_scene, make_actor):
    for x in (1.7, 200.0):
        assert not told(make_scene(make_actor("walker", "pedestrian", x, 0.0, gait_rad=1.0))).any()


def test_every_figure_plane_is_the_actors_raster_s():
    assert ACTOR_CHANNELS[-len(FIGURE_CHANNELS) :] == FIGURE_CHANNELS
