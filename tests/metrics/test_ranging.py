"""Ranges from the height and the foot of a box are exact for a box of the known size, and count as far as they can be trusted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drivesim.geometry import FloatArray
from drivesim.metrics.ranging import RangeError, Silhouette, ranged, silhouette
from drivesim.scene import NUSCENES_FRONT, Camera, Pose, Track

SIZE = (0.6, 0.6, 1.75)
VIEW = NUSCENES_FRONT.resized(512, 256)
NODDING = dataclasses.replace(VIEW, mount=Pose(x=1.7, z=1.51, pitch_rad=0.02))
ERROR = RangeError(read_share=0.05, read_per_m=0.004, height_share=0.05, foot_share=0.03, edge_px=1.0)


def standing(count: int) -> Track:
    return Track(
        positions=np.zeros((count, 3)), yaw_rad=np.zeros(count), speed_mps=np.zeros(count), present=np.ones(count, bool)
    )


def at(distances: FloatArray, camera: Camera) -> Silhouette:
    places = np.column_stack([distances, np.full(len(distances), 2.0)])
    count = len(distances)
    return silhouette(places, np.zeros(count), SIZE, camera, standing(count), np.arange(count))


@pytest.mark.parametrize("camera", [VIEW, NODDING])
def test_height_and_foot_find_the_distance_that_was_read_wrong(camera: Camera) -> None:
    """Repeated from where they lead, as a track is: the box's own depth makes each step a little short."""
    truth = at(np.array([12.0, 20.0, 30.0]), camera)
    distances = np.array([15.0, 25.0, 40.0])
    precise = dataclasses.replace(ERROR, read_share=10.0, edge_px=0.01)
    found = distances
    for _ in range(6):
        found, _ = ranged(truth.xyxy, distances, at(found + camera.mount.x, camera), camera, precise)
    assert found == pytest.approx(truth.depth_m, rel=0.01)


def test_a_smaller_box_is_trusted_less_and_a_cut_one_for_what_was_read_alone() -> None:
    shown = at(np.array([12.0, 40.0]), VIEW)
    _, share = ranged(shown.xyxy, shown.depth_m, shown, VIEW, ERROR)
    assert share[0] < share[1] < ERROR.read_share + 40.0 * ERROR.read_per_m
    cut = shown.xyxy.copy()
    cut[:, 3] = 256.0
    read = np.array([9.0, 50.0])
    found, share = ranged(cut, read, shown, VIEW, ERROR)
    assert found == pytest.approx(read)
    assert share == pytest.approx(np.hypot(ERROR.read_share, ERROR.read_per_m * read))


def test_what_is_at_the_lens_has_no_picture() -> None:
    shown = at(np.array([1.0, 10.0]), VIEW)
    assert np.isnan(shown.xyxy[0]).all() and np.isfinite(shown.xyxy[1]).all()
    found, _ = ranged(np.tile([200.0, 100.0, 240.0, 200.0], (2, 1)), np.array([2.0, 9.0]), shown, VIEW, ERROR)
    assert found[0] == pytest.approx(2.0) and np.isfinite(found).all()
