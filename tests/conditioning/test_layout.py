import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import draw_layout
from drivesim.conditioning.layout import LAYOUT_CHANNELS
from drivesim.controls import EXIT_CHANNELS, KIND_CHANNELS, LAYOUT_SIZE, POINT_CHANNELS
from drivesim.geometry import project, transform_points, unproject
from drivesim.scene import CATEGORIES, CLASS_OF_CATEGORY

PLANE = {name: index for index, name in enumerate(LAYOUT_CHANNELS)}
HEIGHT, WIDTH = LAYOUT_SIZE


def pixel_of(scene, point):
    """Row and column of a world point in the raster."""
    small = scene.camera.resized(WIDTH, HEIGHT)
    u, v = project(transform_points(small.optical_from_world(scene.ego.pose(0)), np.array(point)), small.intrinsics())
    return int(v), int(u)


def test_every_category_has_a_fill_plane():
    assert set(CLASS_OF_CATEGORY) == set(CATEGORIES)
    assert set(CLASS_OF_CATEGORY.values()) <= set(LAYOUT_CHANNELS)


def test_nearer_box_wins_in_every_plane(make_scene, make_actor):
    near = make_actor("near", "pedestrian", 12.0, 0.0, colour=(10, 200, 30))
    far = make_actor("far", "car", 20.0, 0.0, colour=(200, 10, 10))
    for actors in ((near, far), (far, near)):
        scene = make_scene(*actors)
        layout = draw_layout(scene, 0)
        row, column = pixel_of(scene, (12.0, 0.0, 0.9))
        assert layout[PLANE["pedestrian"], row, column] == 255
        assert layout[PLANE["car"], row, column] == 0
        assert tuple(layout[PLANE["red"] : PLANE["blue"] + 1, row, column]) == (10, 200, 30)
        row, column = pixel_of(scene, (20.0, 0.7, 0.7))
        assert layout[PLANE["car"], row, column] == 255
        assert layout[PLANE["inverse_depth"], row, column] == pytest.approx(255 * 4 / (20.0 - 2.25 - 1.7), abs=1)


@pytest.mark.parametrize(("yaw", "shade"), [(0.0, 170), (np.pi, 255), (np.pi / 2, 85), (-np.pi / 2, 85)])
def test_shade_and_heading_tell_which_side_is_seen(make_scene, make_actor, yaw, shade):
    scene = make_scene(make_actor("car", "car", 15.0, 0.0, yaw=yaw))
    row, column = pixel_of(scene, (13.0, 0.0, 0.7))
    layout = draw_layout(scene, 0)
    assert layout[PLANE["shade"], row, column] == shade
    assert layout[PLANE["sin_yaw"], row, column] == pytest.approx(128 + 127 * np.sin(yaw), abs=1)
    assert layout[PLANE["cos_yaw"], row, column] == pytest.approx(128 + 127 * np.cos(yaw), abs=1)


def test_colour_planes_are_empty_where_no_colour_is_known(make_scene, make_actor):
    scene = make_scene(make_actor("car", "car", 15.0, 0.0), make_actor("red", "car", 15.0, 4.0, colour=(200, 0, 0)))
    layout = draw_layout(scene, 0)
    for point, given in (((13.0, 0.0, 0.7), 0), ((13.0, 4.0, 0.7), 255)):
        row, column = pixel_of(scene, point)
        assert layout[PLANE["colour_given"], row, column] == given
        assert (layout[PLANE["red"], row, column] > 0) == (given > 0)


@pytest.mark.parametrize(
    ("category", "form", "digits"),
    [
        ("car", "saloon", (255, 0, 0)),
        ("car", "van", (255, 0, 255)),
        ("car", None, (0, 0, 0)),
        ("truck", None, (255, 0, 0)),
        ("traffic_cone", None, (255, 0, 0)),
        ("bicycle", None, (0, 255, 0)),
    ],
)
def test_the_body_is_told_in_binary_digits(make_scene, make_actor, category, form, digits):
    scene = make_scene(make_actor("one", category, 12.0, 0.0, form=form))
    row, column = pixel_of(scene, (12.0, 0.0, 0.5))
    layout = draw_layout(scene, 0)
    assert tuple(layout[[PLANE[name] for name in KIND_CHANNELS], row, column]) == digits
    assert not layout[[PLANE[name] for name in KIND_CHANNELS]][:, ~layout[PLANE["shade"]].astype(bool)].any()


def test_far_boxes_keep_fractional_coverage(make_scene, make_actor):
    scene = make_scene(make_actor("far", "pedestrian", 180.0, 0.0))
    small = scene.camera.resized(WIDTH, HEIGHT)
    depth = 180.0 - 0.3 - 1.7
    expected = (0.6 * small.fx / depth) * (1.75 * small.fy / depth)
    covered = draw_layout(scene, 0)[PLANE["pedestrian"]].sum() / 255.0
    assert 0.0 < expected < 2.0
    assert covered == pytest.approx(expected, rel=0.35)


def test_absent_actors_and_those_behind_leave_no_mark(make_scene, make_actor):
    gone = make_actor("gone", "car", 15.0, 0.0)
    gone = dataclasses.replace(gone, track=dataclasses.replace(gone.track, present=np.zeros(20, dtype=bool)))
    layout = draw_layout(make_scene(gone, make_actor("behind", "car", -15.0, 0.0)), 0)
    assert not layout[PLANE["car"] :].any()


def test_road_planes_agree_with_points_on_the_road(make_scene, make_road):
    scene = make_scene(road=make_road())
    layout = draw_layout(scene, 0)
    for point, plane in (((15.0, 0.5, 0.0), "road"), ((15.0, -2.8, 0.0), "pavement"), ((60.0, 0.0, 0.0), "road")):
        row, column = pixel_of(scene, point)
        for name in ("road", "pavement"):
            assert (layout[PLANE[name], row, column] > 200) == (name == plane), (point, name)
    on_row, on_column = pixel_of(scene, (13.5, 1.75, 0.0))
    off_row, off_column = pixel_of(scene, (20.0, 1.75, 0.0))
    assert layout[PLANE["lane_paint"], on_row, on_column - 1 : on_column + 2].max() > 100
    assert layout[PLANE["lane_paint"], off_row, off_column - 1 : off_column + 2].max() < 20
    assert (layout[PLANE["sky"], 0] == 255).all() and not layout[PLANE["sky"], 80:].any()


def brute_force_band(scene, low, high):
    """Share of each raster pixel whose ground lies between two offsets, from 8 x 8 samples a pixel."""
    fine = scene.camera.resized(WIDTH * 8, HEIGHT * 8)
    rows = np.arange(50 * 8, HEIGHT * 8)
    u, v = np.meshgrid(np.arange(fine.width) + 0.5, rows + 0.5)
    mount = fine.ego_from_optical()
    rays = unproject(np.stack([u, v], -1), np.ones_like(u), fine.intrinsics()) @ mount[:3, :3].T
    depth = -mount[2, 3] / np.minimum(rays[..., 2], -1e-9)
    seen = depth < 200.0
    inside = np.zeros(u.shape, dtype=bool)
    x, y = (rays[seen][:, axis] * depth[seen] + mount[axis, 3] for axis in (0, 1))
    _, d = scene.road.to_road(x, y, x, iterations=6)
    inside[seen] = (d > low) & (d < high)
    share = np.zeros(LAYOUT_SIZE)
    share[50:] = inside.reshape(HEIGHT - 50, 8, WIDTH, 8).mean(axis=(1, 3))
    return share


@pytest.mark.parametrize("curvature", [0.0, -0.004])
def test_lane_paint_and_road_agree_with_brute_force_sampling(make_scene, make_road, curvature):
    road = make_road(curvature)
    line = road.lines[1]
    scene = make_scene(road=dataclasses.replace(road, lines=(line,), crossings=()))
    layout = draw_layout(scene, 0) / 255.0
    paint = brute_force_band(scene, line.offset - line.width / 2, line.offset + line.width / 2)
    assert layout[PLANE["lane_paint"]].sum() == pytest.approx(paint.sum(), rel=0.05)
    assert np.abs(layout[PLANE["lane_paint"]] - paint).max() < 0.25
    surface = brute_force_band(scene, road.strips[0].right, road.strips[0].left)
    assert np.abs(layout[PLANE["road"]] - surface).mean() < 0.003
    assert np.abs(layout[PLANE["road"]] - surface).max() < 0.35


def test_brake_lights_are_told_while_an_actor_slows_down_or_waits(make_scene, make_actor):
    steady = make_actor("steady", "car", 15.0, 4.0, speed=10.0)
    slowing = make_actor("slowing", "car", 15.0, 0.0, speed=10.0)
    speed = np.concatenate([np.full(5, 10.0), np.linspace(10.0, 0.0, 10), np.zeros(5)])
    slowing = dataclasses.replace(slowing, track=dataclasses.replace(slowing.track, speed_mps=speed))
    assert not steady.braking(10.0).any()
    assert slowing.braking(10.0).tolist() == [False] * 5 + [True] * 15
    assert not dataclasses.replace(slowing, parked=True).braking(10.0).any()
    scene = make_scene(steady, slowing)
    for frame, expected in ((2, 0), (10, 255)):
        layout = draw_layout(scene, frame)
        rows, columns = np.nonzero(layout[PLANE["braking"]])
        assert (len(rows) > 50) == (expected == 255)
        assert set(layout[PLANE["braking"]].ravel()) == {0, expected}
        assert not len(rows) or layout[PLANE["car"], rows, columns].min() > 0


@pytest.mark.parametrize("yaw", [0.0, np.pi, 0.5, 2.2, -1.1])
def test_every_pixel_of_a_box_tells_which_point_of_it_is_seen(make_scene, make_actor, yaw):
    car = make_actor("car", "car", 14.0, 1.0, yaw=yaw)
    scene = make_scene(car)
    layout = draw_layout(scene, 0)
    rows, columns = np.nonzero(layout[PLANE["car"]] == 255)
    assert len(rows) > 150
    small = scene.camera.resized(WIDTH, HEIGHT)
    heading = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    depths = []
    for names in (POINT_CHANNELS, EXIT_CHANNELS):
        shares = np.stack([layout[PLANE[name], rows, columns] for name in names], axis=1) / 255.0
        assert np.all(np.minimum(shares, 1.0 - shares).min(axis=1) == 0.0), "both ends lie on the box's surface"
        local = (shares - 0.5) * (car.length, car.width, car.height)
        points = transform_points(
            small.optical_from_world(scene.ego.pose(0)), local @ heading.T + car.track.positions[0]
        )
        depths.append(points[:, 2])
        seen = project(points, small.intrinsics())
        off = np.linalg.norm(seen - np.stack([columns + 0.5, rows + 0.5], axis=1), axis=1)
        # Told to one part in 255 of the box. A pixel on the outline of a face that is seen nearly edge-on may show another one.
        assert np.median(off) < 0.1 and np.percentile(off, 93) < 0.3
    assert np.all(depths[1] > depths[0] - 0.05) and np.median(depths[1] - depths[0]) > 1.0
    elsewhere = layout[PLANE["box_edge"]] + layout[PLANE["car"]] == 0
    assert not any(layout[PLANE[name]][elsewhere].any() for name in (*POINT_CHANNELS, *EXIT_CHANNELS))


def test_the_points_of_a_box_that_the_near_plane_cuts_stay_within_it(make_scene, make_actor):
    layout = draw_layout(make_scene(make_actor("beside", "truck", 3.0, 2.2)), 0)
    rows, columns = np.nonzero(layout[PLANE["large_vehicle"]] == 255)
    along = layout[PLANE["along"], rows, columns].astype(int)
    side = layout[PLANE["shade"], rows, columns] == 85
    assert side.sum() > 500
    # Its right side runs ahead from the camera: the farther right, the farther ahead.
    order = np.argsort(columns[side], kind="stable")
    assert np.all(np.diff(along[side][order]) >= -1) and along[side].max() > 240
