"""How far away a box in the picture is: what the probe reads, its height and its foot on the ground, each with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.geometry import FloatArray, box_corners, project, transform_points
from drivesim.scene import Camera, Track

#: A box whose picture would reach nearer to the lens than this is not compared with it, metres.
_NEAR_M = 0.5
#: Boxes within so many pixels of the picture's border are cut by it.
_BORDER_PX = 1.5


@dataclass(frozen=True, kw_only=True)
class RangeError:
    """Standard deviations of the logarithm of a range: of the probe's own ``read_share``, growing by ``read_per_m`` with distance;
    of a range from the height of the box ``height_share`` (sizes differ) and from its foot ``foot_share`` (the camera nods), each with
    ``edge_px``, an error of the box's edges in pixels of a picture 256 high, which weighs more the smaller the box is.
    """

    read_share: float
    read_per_m: float
    height_share: float
    foot_share: float
    edge_px: float


@dataclass(frozen=True, eq=False)
class Silhouette:
    """The picture of an upright box in K frames: ``xyxy`` (K, 4) in pixels, sideways cut by the border; ``middle`` (K,) the column of
    the box's middle, ``depth_m`` (K,) of that along the optical axis. NaN where part of it is at or behind the lens.
    """

    xyxy: FloatArray
    middle: FloatArray
    depth_m: FloatArray


def silhouette(
    place: FloatArray, yaw: FloatArray, size: tuple[float, float, float], camera: Camera, ego: Track, frames: np.ndarray
) -> Silhouette:
    """What a box of ``size`` that stands on the ground at ``place`` (K, 2) with heading ``yaw`` (K,) looks like in ``frames`` (K,)."""
    found = np.full((len(frames), 6), np.nan)
    for row, frame in enumerate(frames):
        matrix = camera.optical_from_world(ego.pose(int(frame)))
        centre = np.array([*place[row], 0.5 * size[2]])
        corners = transform_points(matrix, box_corners(centre, *size, float(yaw[row])))
        if corners[:, 2].min() < _NEAR_M:
            continue
        u, v = project(corners, camera.intrinsics()).T
        own = transform_points(matrix, centre)
        sides = np.clip([u.min(), u.max()], 0.0, camera.width)
        found[row] = [sides[0], v.min(), sides[1], v.max(), project(own, camera.intrinsics())[0], own[2]]
    return Silhouette(found[:, :4], found[:, 4], found[:, 5])


def ranged(
    xyxy: FloatArray, read_m: FloatArray, expected: Silhouette, camera: Camera, error: RangeError
) -> tuple[FloatArray, FloatArray]:
    """Distances (K,) along the optical axis of boxes ``xyxy`` (K, 4), and the standard deviations (K,) of their logarithm.

    The three ranges, weighted by their inverse variances: ``read_m`` (K,) of the probe; that at which a box as ``expected`` would be as
    high as seen; and that at which its foot would be as low. The latter two only where the border does not cut them.
    """
    pixel = camera.height / 256.0
    height, expected_height = xyxy[:, 3] - xyxy[:, 1], expected.xyxy[:, 3] - expected.xyxy[:, 1]
    low, expected_low = _below(xyxy, camera), _below(expected.xyxy, camera)
    border = _BORDER_PX * pixel
    whole = (xyxy[:, 3] < camera.height - border) & (xyxy[:, 0] > border) & (xyxy[:, 2] < camera.width - border)
    upright = whole & (xyxy[:, 1] > border)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(
            np.stack([read_m, expected.depth_m * expected_height / height, expected.depth_m * expected_low / low])
        )
        slack = error.edge_px * pixel
        deviations = np.stack([
            np.hypot(error.read_share, error.read_per_m * read_m),
            np.where(upright, np.hypot(error.height_share, slack / height), np.inf),
            np.where(whole, np.hypot(error.foot_share, slack / (low * camera.fy)), np.inf),
        ])  # fmt: skip
    usable = np.isfinite(logs) & np.isfinite(deviations)
    weights = np.where(usable, 1.0 / np.where(usable, deviations, 1.0) ** 2, 0.0)
    total = weights.sum(axis=0)
    return np.exp(np.sum(weights * np.where(usable, logs, 0.0), axis=0) / total), 1.0 / np.sqrt(total)


def _below(xyxy: FloatArray, camera: Camera) -> FloatArray:
    """How steeply (K,) the line of sight to the foot of each box falls: metres down for each metre along the optical axis."""
    foot = np.stack([0.5 * (xyxy[:, 0] + xyxy[:, 2]), xyxy[:, 3]], axis=1)
    rays = np.column_stack([(foot - [camera.cx, camera.cy]) / [camera.fx, camera.fy], np.ones(len(foot))])
    return -(rays @ camera.ego_from_optical()[:3, :3].T)[:, 2]
