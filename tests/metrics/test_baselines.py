"""The frozen and the shifted video, and the plane geometry behind the latter."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from drivesim.geometry import project, transform_points
from drivesim.metrics.baselines import frozen, shifted
from drivesim.metrics.ground_plane import (
    ground_depth,
    ground_homography,
    mapped,
    pixel_centres,
    sky_homography,
)
from drivesim.scene import NUSCENES_FRONT, Pose, Track

TILTED = dataclasses.replace(
    NUSCENES_FRONT, mount=Pose(x=1.7, y=0.2, z=1.6, yaw_rad=0.1, pitch_rad=0.05, roll_rad=-0.03)
)
SMALL = NUSCENES_FRONT.resized(256, 128)


def drive(xs: list[float], yaws: list[float]) -> Track:
    positions = np.stack([xs, np.zeros(len(xs)), np.zeros(len(xs))], axis=1)
    return Track(
        positions=positions, yaw_rad=np.array(yaws), speed_mps=np.zeros(len(xs)), present=np.ones(len(xs), dtype=bool)
    )


@pytest.mark.parametrize("camera", [NUSCENES_FRONT, TILTED])
def test_ground_and_sky_homographies_agree_with_projected_points(camera) -> None:
    at, other = Pose(x=3.0, y=1.0, yaw_rad=0.2), Pose(x=5.0, y=1.5, yaw_rad=0.28)
    ground = transform_points(at.matrix(), np.array([[12.0, 2.0, 0.0], [30.0, -4.0, 0.0], [80.0, 9.0, 0.0]]))
    far = transform_points(at.matrix(), 1e9 * np.array([[1.0, 0.1, 0.05], [1.0, -0.2, 0.1]]))
    for homography, points in ((ground_homography, ground), (sky_homography, far)):
        (u, v), truth = (
            project(transform_points(camera.optical_from_world(pose), points), camera.intrinsics()).T
            for pose in (at, other)
        )
        x, y, w = mapped(homography(camera, at, other), u, v)
        np.testing.assert_allclose(np.stack([x, y]), truth, rtol=1e-4, atol=0.01)
        assert (w > 0.0).all()


def test_ground_depth_in_closed_form() -> None:
    depth = ground_depth(SMALL, Pose())
    _, v = pixel_centres(256, 128)
    rows = v[:, 0] > SMALL.cy + 1.0
    truth = SMALL.fy * SMALL.mount.z / (v[rows, 0] - SMALL.cy)
    np.testing.assert_allclose(depth[rows], np.repeat(truth[:, None], 256, axis=1), rtol=1e-4)
    assert np.isinf(depth[v[:, 0] < SMALL.cy]).all()


def test_frozen_repeats_the_frame() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8)
    video = list(frozen(frame, 3))
    video[0][:] = 0
    assert len(video) == 3 and np.array_equal(video[1], frame) and np.array_equal(video[2], frame)


def test_shifted_begins_with_the_frame_and_brings_the_ground_nearer() -> None:
    frame = np.full((128, 256, 3), 60, np.uint8)
    row = int(SMALL.cy + SMALL.fy * SMALL.mount.z / 20.0)  # a line across the road 20 m ahead of the camera
    frame[row - 1 : row + 2] = 250
    frame[20:30, 100:110] = 200  # a cloud
    video = list(shifted(frame, NUSCENES_FRONT, drive([0.0, 6.0, 12.0], [0.0, 0.0, 0.0])))
    np.testing.assert_array_equal(video[0], frame)
    for step, picture in zip((6.0, 12.0), video[1:], strict=True):
        brightest = np.flatnonzero(picture[:, 128, 0] > 150)
        expected = SMALL.cy + SMALL.fy * SMALL.mount.z / (20.0 - step)
        assert abs(brightest.mean() - expected) < 3.0
        np.testing.assert_array_equal(picture[20:30, 100:110], frame[20:30, 100:110])


def test_shifted_turns_with_the_ego() -> None:
    frame = np.zeros((128, 256, 3), np.uint8)
    frame[10:40, 120:124] = 255
    turned = list(shifted(frame, NUSCENES_FRONT, drive([0.0, 0.0], [0.0, 0.1])))[1]
    columns = np.flatnonzero(turned[25, :, 0] > 128)
    angle = np.arctan((SMALL.cx - 122.0) / SMALL.fx) - 0.1  # to the left of the camera's axis
    assert columns.mean() == pytest.approx(SMALL.cx - SMALL.fx * np.tan(angle), abs=1.5)


def test_shifted_survives_reversing_and_turning_round() -> None:
    frame = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 128, 3), dtype=np.uint8), (0, 0), 2.0)
    video = list(shifted(frame, NUSCENES_FRONT, drive([0.0, -20.0, 0.0, 900.0], [0.0, 0.0, np.pi, 0.0])))
    assert all(picture.shape == frame.shape and picture.dtype == np.uint8 for picture in video)
    assert all(int(picture.max()) <= int(frame.max()) for picture in video)
