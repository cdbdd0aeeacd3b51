"""The renderer's exact flow: warped pixels agree with rendered ones, and with closed forms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from drivesim.conditioning.flow import surface_flow
from drivesim.renderer import ProceduralWorld, Semantic

WIDTH, HEIGHT = 512, 256


def warped(rgb, displacement):
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return cv2.remap(rgb, columns + displacement[..., 0], rows + displacement[..., 1], cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def driven(make_scene, make_actor):
    """A car ahead that pulls away, one that comes towards, trees and grass; and the flow from frame 5 to frame 4."""
    scene = make_scene(
        make_actor("car", 22.0, 0.3, speed=12.0, id="lead"),
        make_actor("truck", 40.0, 3.4, yaw=np.pi, speed=9.0, id="oncoming"),
    )
    world = ProceduralWorld(scene, 5)
    before, after = world.render(4, WIDTH, HEIGHT), world.render(5, WIDTH, HEIGHT)
    return scene, before, after, surface_flow(scene, 5, 4, after, before)


def test_warping_by_the_flow_gives_the_rendered_frame(driven) -> None:
    _, before, after, flow = driven
    difference = cv2.absdiff(after.rgb, warped(before.rgb, flow.displacement)).mean(-1)
    unmoved = cv2.absdiff(after.rgb, before.rgb).mean(-1)
    assert flow.valid.mean() > 0.85
    assert difference[flow.valid].mean() < 0.8 < 0.3 * unmoved[flow.valid].mean()
    assert np.percentile(difference[flow.valid], 95) < 4.0
    for kind in (Semantic.ROAD, Semantic.TERRAIN, Semantic.VEGETATION, Semantic.LARGE_VEHICLE):
        chosen = flow.valid & (after.semantic == kind)
        assert chosen.sum() > 100
        assert difference[chosen].mean() < 0.5 * unmoved[chosen].mean(), kind.name


def test_actors_move_as_their_boxes_do(driven) -> None:
    _, before, after, flow = driven
    for index in (0, 1):
        chosen = (after.instance == index + 1) & flow.valid
        assert chosen.sum() > 50 and (before.instance == index + 1).any()
        centre = [np.argwhere(picture.instance == index + 1).mean(axis=0)[::-1] for picture in (after, before)]
        np.testing.assert_allclose(np.median(flow.displacement[chosen], axis=0), centre[1] - centre[0], atol=0.7)


def test_driving_straight_over_flat_ground_in_closed_form(driven) -> None:
    scene, _, after, flow = driven
    camera = scene.camera.resized(WIDTH, HEIGHT)
    step = scene.ego.positions[5, 0] - scene.ego.positions[4, 0]
    rows, columns = np.nonzero(flow.valid & (after.semantic == Semantic.ROAD))
    across, down = columns + 0.5 - camera.cx, rows + 0.5 - camera.cy
    shrink = 1.0 / (1.0 + step * down / (camera.fy * camera.mount.z)) - 1.0
    truth = np.stack([across * shrink, down * shrink], axis=1)
    np.testing.assert_allclose(flow.displacement[rows, columns], truth, atol=0.01)


def test_the_sky_moves_only_with_the_heading(driven) -> None:
    _, _, after, flow = driven
    sky = flow.valid & (after.semantic == Semantic.SKY)
    assert sky.sum() > 10_000 and np.abs(flow.displacement[sky]).max() < 1e-3


def test_what_is_hidden_in_the_other_frame_is_not_valid(driven) -> None:
    """Pixels whose place in the other frame shows another instance, by brute force."""
    _, before, after, flow = driven
    rows, columns = np.nonzero(flow.valid)
    x, y = (columns, rows) + flow.displacement[rows, columns].T
    there = before.instance[np.round(y).astype(int), np.round(x).astype(int)]
    np.testing.assert_array_equal(there, after.instance[rows, columns])
    car = after.instance == 1
    shadowed = cv2.dilate(car.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~car
    assert flow.valid[car].mean() > 0.7 and not flow.valid[shadowed].all()
    assert (flow.displacement[~flow.valid] == 0.0).all()


def test_flow_to_the_frame_itself_is_zero_and_sizes_must_agree(driven) -> None:
    scene, _, after, _ = driven
    same = surface_flow(scene, 5, 5, after, after)
    assert np.abs(same.displacement).max() < 1e-3 and same.valid.mean() > 0.95
    small = ProceduralWorld(scene, 4).render(4, 128, 64)
    with pytest.raises(ValueError, match="must agree"):
        surface_flow(scene, 5, 4, after, small)
