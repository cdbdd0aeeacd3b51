"""The fixed geometry of one camera over flat ground: ground points, road coordinates and sky angles of every pixel.

The camera is rigid on the ego and the ground is flat, so a pixel sees the same ego-frame ground point in every frame.
Only the map from ego frame to road coordinates changes; it is found on a small polar grid and interpolated, after the
part that a straight road explains has been taken out, so straight roads are exact and bends are good to centimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.geometry import wrap_angle
from drivesim.road import Road
from drivesim.scene import Camera, Pose

_GRID_RANGES, _GRID_ANGLES = 44, 27
_NEAREST, _FARTHEST = 0.8, 1500.0
_GROUND_LIMIT_M = 900.0


@dataclass(frozen=True, eq=False)
class CameraView:
    """Pixel tables of one camera at one image size.

    ``top`` is the first row that sees ground; ground tables are float32 (H - top, W): ``forward`` and ``left`` in the
    ego frame, ``depth`` along the optical axis, ``is_ground``. Sky tables are (bottom, W): ``azimuth`` (ego frame),
    ``elevation``, for the first ``sky_bottom`` rows. ``bearing`` and ``half_angle`` bound what the camera sees.
    """

    camera: Camera
    top: int
    forward: np.ndarray
    left: np.ndarray
    depth: np.ndarray
    range_m: np.ndarray
    is_ground: np.ndarray
    range_row: np.ndarray
    angle_column: np.ndarray
    grid_forward: np.ndarray
    grid_left: np.ndarray
    sky_bottom: int
    azimuth: np.ndarray
    elevation: np.ndarray
    bearing: float
    half_angle: float

    @classmethod
    def of(cls, camera: Camera, camera_height: float) -> CameraView:
        """Tables for ``camera`` (already at its final size) at ``camera_height`` metres over the ground."""
        optical = camera.ego_from_optical()
        rays = camera.rays() @ optical[:3, :3].T
        down = -rays[..., 2]
        with np.errstate(divide="ignore"):
            depth = np.where(down > 1e-6, camera_height / np.maximum(down, 1e-6), np.inf)
        horizontal = np.hypot(rays[..., 0], rays[..., 1])
        is_ground = depth * horizontal < _GROUND_LIMIT_M
        rows = np.flatnonzero(is_ground.any(1))
        top = int(rows[0]) if len(rows) else camera.height
        depth = np.where(is_ground, depth, _GROUND_LIMIT_M)[top:]
        offset_x = depth * rays[top:, :, 0]
        offset_y = depth * rays[top:, :, 1]
        sky_rows = np.flatnonzero((~is_ground).any(1))
        sky_bottom = int(sky_rows[-1]) + 1 if len(sky_rows) else 0
        azimuth = np.arctan2(rays[:sky_bottom, :, 1], rays[:sky_bottom, :, 0])
        elevation = np.arctan2(rays[:sky_bottom, :, 2], horizontal[:sky_bottom])
        ahead = optical[:2, 2]
        bearing = np.arctan2(ahead[1], ahead[0])
        border = np.concatenate([rays[[0, -1]].reshape(-1, 3), rays[:, [0, -1]].reshape(-1, 3)])
        half_angle = float(np.abs(wrap_angle(np.arctan2(border[:, 1], border[:, 0]) - bearing)).max())
        x0, y0 = camera.mount.x, camera.mount.y
        range_m = np.maximum(np.hypot(offset_x, offset_y), _NEAREST)
        angle = np.unwrap(np.arctan2(offset_y, offset_x), axis=1) if offset_x.size else offset_x
        low, high = (float(angle.min()) - 0.01, float(angle.max()) + 0.01) if angle.size else (0.0, 1.0)
        log_step = np.log(_FARTHEST / _NEAREST) / (_GRID_RANGES - 1)
        ranges = _NEAREST * np.exp(log_step * np.arange(_GRID_RANGES))[:, None]
        angles = np.linspace(low, high, _GRID_ANGLES)[None]
        single = np.float32
        return cls(
            camera=camera,
            top=top,
            forward=(offset_x + x0).astype(single),
            left=(offset_y + y0).astype(single),
            depth=depth.astype(single),
            range_m=range_m.astype(single),
            is_ground=is_ground[top:],
            range_row=(np.log(range_m / _NEAREST) / log_step).astype(single),
            angle_column=((angle - low) / (high - low) * (_GRID_ANGLES - 1)).astype(single),
            grid_forward=x0 + ranges * np.cos(angles),
            grid_left=y0 + ranges * np.sin(angles),
            sky_bottom=sky_bottom,
            azimuth=azimuth.astype(single),
            elevation=elevation.astype(single),
            bearing=float(bearing),
            half_angle=half_angle,
        )


@dataclass(frozen=True, eq=False)
class RoadCoordinates:
    """Road coordinates of the ground pixels: ``along`` = s - ``base`` and ``across`` = d, float32 (rows, W), metres,
    with the footprint of a pixel in each, ``along_pixel`` and ``across_pixel``."""

    base: float
    along: np.ndarray
    across: np.ndarray
    along_pixel: np.ndarray
    across_pixel: np.ndarray


def nearest_on_road(
    road: Road, x: np.ndarray, y: np.ndarray, s_from: float, s_to: float, step: float = 4.0
) -> tuple[np.ndarray, np.ndarray]:
    """Road coordinates (s, d) of world points: the nearest of sampled stations between two s, then refined once."""
    stations = np.arange(s_from, s_to + step, step)
    line_x, line_y, yaw = road.frame_at(stations)
    flat_x, flat_y = np.ravel(x), np.ravel(y)
    distance = (flat_x[:, None] - line_x) ** 2 + (flat_y[:, None] - line_y) ** 2
    index = distance.argmin(1)
    s = stations[index]
    for _ in range(2):
        cx, cy, yaw = road.frame_at(s)
        advance = (flat_x - cx) * np.cos(yaw) + (flat_y - cy) * np.sin(yaw)
        inside = (index > 0) & (index < len(stations) - 1)
        s = s + np.where(inside, np.clip(advance, -step, step), advance)
    cx, cy, yaw = road.frame_at(s)
    d = (flat_y - cy) * np.cos(yaw) - (flat_x - cx) * np.sin(yaw)
    return s.reshape(np.shape(x)), d.reshape(np.shape(x))


def road_coordinates(view: CameraView, road: Road, ego: Pose, ego_s: float, base: float) -> RoadCoordinates:
    """Road coordinates of every ground pixel while the ego stands at ``ego``, ``ego_s`` along the road."""
    cosine, sine = np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)
    grid_x = ego.x + cosine * view.grid_forward - sine * view.grid_left
    grid_y = ego.y + sine * view.grid_forward + cosine * view.grid_left
    line_x, line_y, yaw = (float(v) for v in road.frame_at(ego_s))
    turn = ego.yaw_rad - yaw
    c, s = np.cos(turn), np.sin(turn)
    offset = (ego.y - line_y) * np.cos(yaw) - (ego.x - line_x) * np.sin(yaw)
    grid_s, grid_d = nearest_on_road(road, grid_x, grid_y, ego_s - 40.0, ego_s + 440.0, step=8.0)
    rest_s = grid_s - ego_s - (c * view.grid_forward - s * view.grid_left)
    rest_d = grid_d - offset - (s * view.grid_forward + c * view.grid_left)
    rest = np.stack([rest_s, rest_d], -1).astype(np.float32)
    warped = cv2.remap(rest, view.angle_column, view.range_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    c32, s32 = np.float32(c), np.float32(s)
    along = c32 * view.forward - s32 * view.left + warped[..., 0] + np.float32(ego_s - base)
    across = s32 * view.forward + c32 * view.left + warped[..., 1] + np.float32(offset)
    return RoadCoordinates(base, along, across, _footprint(along), _footprint(across))


def straight_coordinates(view: CameraView, line: tuple[float, float, float], ego: Pose) -> RoadCoordinates:
    """Coordinates of every ground pixel along the straight ``line`` from x, y at yaw (world), whose s = 0 is that point."""
    x, y, yaw = line
    turn = np.float32(ego.yaw_rad - yaw)
    c, s = np.cos(turn), np.sin(turn)
    along_0 = (ego.x - x) * np.cos(yaw) + (ego.y - y) * np.sin(yaw)
    across_0 = (ego.y - y) * np.cos(yaw) - (ego.x - x) * np.sin(yaw)
    along = c * view.forward - s * view.left + np.float32(along_0)
    across = s * view.forward + c * view.left + np.float32(across_0)
    return RoadCoordinates(0.0, along, across, _footprint(along), _footprint(across))


def _footprint(values: np.ndarray) -> np.ndarray:
    size = np.empty_like(values)
    np.abs(values[:, 1:] - values[:, :-1], out=size[:, :-1])
    size[:, -1] = size[:, -2]
    down = np.abs(values[1:] - values[:-1])
    size[:-1] += down
    size[-1] += down[-1] if len(down) else 0.0
    return np.maximum(size, np.float32(1e-3))
