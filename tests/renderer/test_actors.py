"""Actors are drawn where their boxes are, in their colours, and they move as they should."""

import dataclasses

import numpy as np
import pytest

from drivesim.geometry import project, transform_points
from drivesim.renderer import ProceduralWorld
from drivesim.renderer.semantics import SEMANTIC_OF_CLASS
from drivesim.scene import CATEGORIES, CLASS_OF_CATEGORY, NUSCENES_FRONT, Pose


def projected_box(scene, index, frame):
    corners = transform_points(scene.optical_from_world(frame), scene.actors[index].box(frame).corners())
    pixels = project(corners, scene.camera.intrinsics())
    return pixels.min(0), pixels.max(0), corners[:, 2].min(), corners[:, 2].max()


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("yaw", [0.0, np.pi, 0.6])
def test_an_actor_fills_its_projected_box_and_stays_inside(make_scene, make_actor, category, yaw):
    scene = make_scene(make_actor(category, 20.0, 1.0, yaw=yaw))
    frame = ProceduralWorld(scene, 1).render(0)
    mask = frame.instance == 1
    low, high, nearest, farthest = projected_box(scene, 0, 0)
    rows, columns = np.nonzero(mask)
    assert columns.min() >= low[0] - 2 and columns.max() + 1 <= high[0] + 2
    assert rows.min() >= low[1] - 2 and rows.max() + 1 <= high[1] + 2
    box_pixels = np.prod(high - low)
    thin = category in ("pedestrian", "bicycle", "motorcycle", "traffic_cone")
    assert mask.sum() > (0.25 if thin else 0.45) * box_pixels
    assert (frame.depth[mask] > nearest - 0.3).all() and (frame.depth[mask] < farthest + 0.3).all()
    assert set(frame.semantic[mask]) == {SEMANTIC_OF_CLASS[CLASS_OF_CATEGORY[category]]}


@pytest.mark.parametrize("category", ["car", "truck", "bus", "trailer", "pedestrian"])
@pytest.mark.parametrize("colour", [(200, 30, 35), (40, 80, 190), (235, 190, 40)])
def test_the_body_has_the_colour_of_the_actor(make_scene, make_actor, category, colour):
    scene = make_scene(make_actor(category, 14.0, 1.0, yaw=0.3, colour=colour))
    frame = ProceduralWorld(scene, 2).render(0)
    pixels = frame.rgb[frame.instance == 1].astype(float)
    wanted = np.array(colour) / np.linalg.norm(colour)
    alike = pixels @ wanted / np.linalg.norm(pixels, axis=1) > 0.95
    assert alike.mean() > 0.3
    brightness = np.linalg.norm(np.median(pixels[alike], axis=0)) / np.linalg.norm(colour)
    assert 0.55 < brightness < 1.15


def test_a_nearer_actor_hides_a_farther_one(make_scene, make_actor):
    near = make_actor("truck", 15.0, 0.0, id="near")
    far = make_actor("car", 35.0, 0.0, id="far")
    for actors in ((near, far), (far, near)):
        frame = ProceduralWorld(make_scene(*actors), 1).render(0)
        assert (frame.instance == actors.index(near) + 1).sum() > 1000
        assert (frame.instance == actors.index(far) + 1).sum() == 0


def test_walking_moves_the_legs_and_standing_does_not(make_scene, make_actor):
    def legs(speed):
        # the ego keeps pace sideways, so that only the gait changes in the picture
        scene = make_scene(make_actor("pedestrian", 9.0, 0.0, yaw=0.0, speed=speed), speed=speed)
        side = dataclasses.replace(NUSCENES_FRONT, mount=Pose(x=9.0, y=-6.0, z=1.2, yaw_rad=np.pi / 2))
        world = ProceduralWorld(dataclasses.replace(scene, camera=side), 1)
        masks = [world.render(frame, 512, 256).instance == 1 for frame in (0, 3)]
        rows = np.nonzero(masks[0])[0]
        lower = int(rows.min() + 0.6 * (rows.max() - rows.min()))
        return (masks[0][lower:] ^ masks[1][lower:]).sum() / masks[0][lower:].sum()

    assert legs(1.4) > 0.2
    assert legs(0.0) == 0.0


def test_the_legs_are_where_the_gait_says(make_scene, make_actor):
    def stride(gait_rad):
        scene = make_scene(make_actor("pedestrian", 9.0, 0.0, yaw=0.0, speed=1.4, gait_rad=gait_rad), speed=1.4)
        side = dataclasses.replace(NUSCENES_FRONT, mount=Pose(x=9.0, y=-6.0, z=1.2, yaw_rad=np.pi / 2))
        mask = ProceduralWorld(dataclasses.replace(scene, camera=side), 1).render(0, 512, 256).instance == 1
        rows, columns = np.nonzero(mask)
        feet = columns[rows > rows.max() - 0.1 * np.ptp(rows)]
        return np.ptp(feet) / np.ptp(rows)

    apart, together = stride(0.5 * np.pi), stride(np.pi)
    assert apart > 0.25 and apart > together + 0.1


def test_brake_lights_shine_when_a_car_slows_down(make_scene, make_actor):
    steady = make_actor("car", 10.0, 0.0, speed=12.0, colour=(20, 60, 160))
    slowing = dataclasses.replace(
        steady, track=dataclasses.replace(steady.track, speed_mps=np.linspace(12.0, 8.0, len(steady.track)))
    )
    pictures = [ProceduralWorld(make_scene(car), 1).render(5) for car in (steady, slowing)]
    red = [frame.rgb[frame.instance == 1][:, 0].astype(int).max() for frame in pictures]
    assert red[1] > red[0] + 40


def test_traffic_ahead_shows_its_rear_and_oncoming_traffic_its_front(make_scene, make_actor):
    def red_pixels(yaw):
        frame = ProceduralWorld(make_scene(make_actor("car", 12.0, 0.0, yaw=yaw, colour=(235, 236, 238))), 1).render(0)
        pixels = frame.rgb[frame.instance == 1].astype(int)
        return ((pixels[:, 0] > 110) & (pixels[:, 1] < 60)).sum()

    assert red_pixels(0.0) > 200
    assert red_pixels(np.pi) == 0
