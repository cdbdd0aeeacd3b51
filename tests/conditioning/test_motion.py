import dataclasses

import numpy as np
import pytest

from drivesim.conditioning import ego_motion
from drivesim.geometry import wrap_angle
from drivesim.scene import Scene, Track


def curved_scene(steps: int = 60, fps: float = 10.0, reverse: bool = False) -> Scene:
    """Constant speed along an arc of 40 m radius."""
    speed, curvature = (-6.0 if reverse else 6.0), 1.0 / 40.0
    yaw = 0.3 + speed * curvature * np.arange(steps) / fps
    positions = np.stack(
        [(np.sin(yaw) - np.sin(yaw[0])) / curvature, (np.cos(yaw[0]) - np.cos(yaw)) / curvature, np.zeros(steps)], 1
    )
    ego = Track(positions=positions, yaw_rad=yaw, speed_mps=np.full(steps, speed), present=np.ones(steps, dtype=bool))
    return Scene(name="arc", fps=fps, ego=ego, actors=())


def test_motion_integrates_back_to_the_poses():
    scene = curved_scene()
    motion = ego_motion(scene).astype(np.float64)
    x, y, yaw = scene.ego.positions[0, 0], scene.ego.positions[0, 1], scene.ego.yaw_rad[0]
    for frame in range(1, len(scene)):
        dx, dy, dyaw = motion[frame, :3]
        x, y = x + dx * np.cos(yaw) - dy * np.sin(yaw), y + dx * np.sin(yaw) + dy * np.cos(yaw)
        yaw += dyaw
        np.testing.assert_allclose((x, y), scene.ego.positions[frame, :2], atol=1e-4)
        assert abs(wrap_angle(yaw - scene.ego.yaw_rad[frame])) < 1e-5


@pytest.mark.parametrize("reverse", [False, True])
def test_the_first_frame_is_extrapolated_along_its_arc(reverse):
    motion = ego_motion(curved_scene(reverse=reverse))
    np.testing.assert_allclose(motion[0], motion[1], atol=1e-6)
    np.testing.assert_allclose(motion[:, 4], 1.0 / 40.0, rtol=1e-3)
    np.testing.assert_allclose(motion[:, 5], 0.1, rtol=1e-6)


def test_a_later_window_starts_with_the_motion_into_it():
    scene = curved_scene()
    np.testing.assert_array_equal(ego_motion(scene, 7, 12), ego_motion(scene)[7:12])


def test_standing_still_has_no_curvature():
    scene = curved_scene(5)
    still = dataclasses.replace(scene.ego, positions=np.zeros((5, 3)), speed_mps=np.zeros(5))
    motion = ego_motion(dataclasses.replace(scene, ego=still))
    assert not motion[:, 4].any()
