"""What stands still is found where it was: against the camera's own projection."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from drivesim.controls import LAYOUT_SIZE, SCENERY_CHANNELS, Controls
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.standing import moved
from drivesim.scene import NUSCENES_FRONT, Pose

ROWS, COLUMNS = 16, 32
CAMERA = NUSCENES_FRONT.resized(COLUMNS, ROWS)
#: Metres ahead and to the left, and radians to the left, from frame to frame.
STEP = (1.5, 0.1, 0.03)


def controls(num_frames: int, *, depth_m: float | None = None, with_motion: bool = True) -> ControlTensors:
    """Frames of an ego that drives a bend; scenery, if any, fills the picture at one depth."""
    motion = np.tile(np.array([*STEP, 15.0, 0.02, 0.1], dtype=np.float32), (num_frames, 1))
    scenery = np.zeros((num_frames, len(SCENERY_CHANNELS), *LAYOUT_SIZE), dtype=np.uint8)
    if depth_m is not None:
        scenery[:, SCENERY_CHANNELS.index("inverse_depth")] = round(255.0 * 4.0 / depth_m)
    told = {"motion": motion} if with_motion else {}
    return ControlTensors.from_controls(Controls(num_frames=num_frames, scenery=scenery, **told))


def positions() -> torch.Tensor:
    """Latents (1, 2, h, w) that hold their own column and row: what is moved says where it came from."""
    columns = torch.arange(COLUMNS).expand(ROWS, COLUMNS)
    rows = torch.arange(ROWS)[:, None].expand(ROWS, COLUMNS)
    return torch.stack([columns, rows])[None].float() + 0.5


def travelled(steps: int) -> Pose:
    """Where the ego stands after so many steps, in its first frame."""
    place, yaw = np.zeros(2), 0.0
    for _ in range(steps):
        place = place + np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]) @ STEP[:2]
        yaw += STEP[2]
    return Pose(x=float(place[0]), y=float(place[1]), z=0.0, yaw_rad=yaw)


def expected(column: int, row: int, depth_m: float, steps: int) -> tuple[float, float]:
    """Column and row, in the context frame, of the point that a cell of a later frame shows."""
    u, v = column + 0.5, row + 0.5
    seen = np.array([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1.0]) * depth_m
    later = np.linalg.inv(CAMERA.optical_from_world(travelled(steps)))
    x, y, z, _ = CAMERA.optical_from_world(Pose(x=0.0, y=0.0, z=0.0)) @ later @ np.append(seen, 1.0)
    return CAMERA.cx + CAMERA.fx * x / z, CAMERA.cy + CAMERA.fy * y / z


@pytest.mark.parametrize("steps", [1, 4])
def test_a_flat_road_and_scenery_are_found_where_the_camera_saw_them(steps: int) -> None:
    on_road = moved(positions(), controls(6), 2)[0, 1 + steps]
    at_20_m = moved(positions(), controls(6, depth_m=20.0), 2)[0, 1 + steps]
    depth = 255.0 / round(255.0 * 4.0 / 20.0) * 4.0
    for column, row in ((12, 11), (20, 12)):
        ground_m = CAMERA.mount.z * CAMERA.fy / (row + 0.5 - CAMERA.cy)
        assert on_road[:, row, column].tolist() == pytest.approx(expected(column, row, ground_m, steps), abs=2e-3)
        assert at_20_m[:, row, column].tolist() == pytest.approx(expected(column, row, depth, steps), abs=2e-3)


def test_context_frames_and_what_was_out_of_view_are_empty() -> None:
    result = moved(positions(), controls(8), 2)[0]
    assert not result[:2].any() and result[2:].any()
    # Turned to the left by a fifth of a radian, the left of the picture was not in view.
    assert not result[7, :, 2, :4].any() and result[7, :, 2, 20:].all()


def test_nothing_moves_where_motion_is_withheld() -> None:
    result = moved(positions(), controls(4, with_motion=False), 1)[0]
    for frame in result[1:]:
        assert torch.allclose(frame, positions()[0], atol=1e-4)


def test_every_clip_of_a_batch_moves_by_itself() -> None:
    one, other = controls(3), controls(3, with_motion=False)
    both = moved(positions().repeat(2, 1, 1, 1), one.followed_by(other), 1)
    assert torch.equal(both[0], moved(positions(), one, 1)[0]) and torch.equal(both[1], moved(positions(), other, 1)[0])
