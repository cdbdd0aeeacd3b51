"""The bird's-eye picture of a scene: road, paint, actors with headings and tracks, and the camera's field of view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.conditioning.ground import positions_on_road
from drivesim.geometry import FloatArray, footprint, rotation_zyx
from drivesim.pictures.drawing import (
    CATEGORY_COLOURS,
    fill,
    hazed,
    put_label,
    stroke,
)
from drivesim.pictures.roads import Colour, road_outlines
from drivesim.scene import Scene, Track

_FIELD, _GRID, _GRID_TEXT = (54, 62, 54), (190, 200, 190), (170, 180, 170)
_EGO: Colour = (52, 211, 153)
_EGO_LENGTH_M, _EGO_WIDTH_M, _EGO_REAR_M = 4.6, 1.9, 1.0


@dataclass(frozen=True)
class _View:
    """Maps world metres to pixels: the ego's heading points right, ``metres_behind`` from the left border."""

    x: float
    y: float
    yaw_rad: float
    scale: float
    left: float
    middle: float

    def pixels(self, points: FloatArray) -> FloatArray:
        """World points (N, 2) as pixels (N, 2)."""
        turned = (points - [self.x, self.y]) @ rotation_zyx(self.yaw_rad)[:2, :2]
        return np.stack([self.left + self.scale * turned[:, 0], self.middle - self.scale * turned[:, 1]], axis=1)


def birds_eye(
    scene: Scene, frame: int, width: int = 1024, height: int = 512, metres: float = 128.0, labels: bool = True
) -> np.ndarray:
    """The scene from above at ``frame``: uint8 RGB (height, width, 3), ``metres`` across, driving to the right.

    Actors are outlined boxes with a pointed front, their id, and their track before and after ``frame`` fading with
    time; the ego is green, its camera's field of view a light wedge. One grid square is 10 m.
    """
    ego, view = scene.ego.pose(frame), _view(scene, frame, width, height, metres)
    picture = np.full((height, width, 3), _FIELD, dtype=np.uint8)
    if scene.road is not None:
        _draw_road(picture, scene, frame, view, metres)
    _draw_grid(picture, view, width, height)
    _draw_view_wedge(picture, scene, view, frame)
    _draw_track(picture, scene.ego, frame, view, _EGO, scene.fps, thickness=2)
    for actor in scene.actors:
        if not actor.parked:
            _draw_track(picture, actor.track, frame, view, CATEGORY_COLOURS[actor.category], scene.fps)
    for actor, box in scene.boxes(frame):
        colour = actor.colour or CATEGORY_COLOURS[actor.category]
        outline = footprint(box.x, box.y, max(box.length, 0.7), max(box.width, 0.7), box.yaw_rad)
        _draw_footprint(picture, view.pixels(outline), colour, CATEGORY_COLOURS[actor.category])
    centre = _EGO_LENGTH_M / 2 - _EGO_REAR_M
    x, y = ego.x + centre * np.cos(ego.yaw_rad), ego.y + centre * np.sin(ego.yaw_rad)
    _draw_footprint(
        picture, view.pixels(footprint(x, y, _EGO_LENGTH_M, _EGO_WIDTH_M, ego.yaw_rad)), _EGO, (255, 255, 255)
    )
    if np.isfinite(scene.environment.fog_visibility_m):
        _draw_fog(picture, view, scene.environment.fog_visibility_m)
    if labels:
        _label_actors(picture, scene, frame, view)
    _draw_scale_bar(picture, view.scale)
    return picture


def beyond(
    scene: Scene, frame: int, width: int = 1024, height: int = 512, metres: float = 128.0
) -> list[tuple[str, float]]:
    """Actors that :func:`birds_eye` of the same size leaves out, as they stand beyond it: ids, and metres ahead of the ego."""
    view, found = _view(scene, frame, width, height, metres), []
    for actor, box in scene.boxes(frame):
        corners = view.pixels(footprint(box.x, box.y, box.length, box.width, box.yaw_rad))
        low, high = corners.min(axis=0), corners.max(axis=0)
        if high[0] <= 0 or low[0] >= width or high[1] <= 0 or low[1] >= height:
            found.append((actor.id, float((corners.mean(axis=0)[0] - view.left) / view.scale)))
    return found


def _view(scene: Scene, frame: int, width: int, height: int, metres: float) -> _View:
    ego = scene.ego.pose(frame)
    return _View(ego.x, ego.y, ego.yaw_rad, width / metres, 0.22 * width, 0.5 * height)


def _draw_fog(picture: np.ndarray, view: _View, visibility_m: float) -> None:
    """Grey what is seen the less the farther it is; at the visual range two hundredths of its contrast are left."""
    rows, columns = np.ogrid[: picture.shape[0], : picture.shape[1]]
    away = np.hypot(columns - view.left, rows - view.middle) / view.scale
    picture[:] = hazed(picture, away, visibility_m)


def _draw_road(picture: np.ndarray, scene: Scene, frame: int, view: _View, metres: float) -> None:
    road = scene.road
    assert road is not None
    here = scene.ego.positions[frame : frame + 1]
    s_ego = float(positions_on_road(road, here[:, 0], here[:, 1])[0])
    reach = (s_ego - 0.6 * metres, s_ego + 1.2 * metres)
    for colour, outline in road_outlines(road, *reach):
        fill(picture, view.pixels(outline), colour)


def _draw_grid(picture: np.ndarray, view: _View, width: int, height: int) -> None:
    """Lines every 10 m, with the distance ahead of the rear axle written at the bottom every 20 m."""
    layer = picture.copy()
    step = 10.0 * view.scale
    columns = np.arange(view.left % step, width, step)
    for x in columns:
        cv2.line(layer, (int(x), 0), (int(x), height), _GRID, 1)
    for y in np.arange(view.middle % step, height, step):
        cv2.line(layer, (0, int(y)), (width, int(y)), _GRID, 1)
    cv2.addWeighted(layer, 0.22, picture, 0.78, 0.0, dst=picture)
    for x in columns:
        ahead = round((x - view.left) / view.scale)
        if ahead % 20 == 0:
            at = (int(x) + 3, height - 6)
            cv2.putText(picture, f"{ahead} m", at, cv2.FONT_HERSHEY_SIMPLEX, 0.36, _GRID_TEXT, 1, cv2.LINE_AA)


def _draw_view_wedge(picture: np.ndarray, scene: Scene, view: _View, frame: int) -> None:
    camera = scene.camera
    matrix = scene.ego.pose(frame).matrix() @ camera.ego_from_optical()
    left, right = (0.0 - camera.cx) / camera.fx, (camera.width - camera.cx) / camera.fx
    points = np.array([[0.0, 0.0, 0.0], [60.0 * left, 0.0, 60.0], [60.0 * right, 0.0, 60.0]])
    ground = (points @ matrix[:3, :3].T + matrix[:3, 3])[:, :2]
    layer = picture.copy()
    fill(layer, view.pixels(ground), (235, 245, 240))
    cv2.addWeighted(layer, 0.10, picture, 0.90, 0.0, dst=picture)


def _draw_track(
    picture: np.ndarray, track: Track, frame: int, view: _View, colour: Colour, fps: float, thickness: int = 1
) -> None:
    """The path of the last 3 s (dark) and the next 8 s (bright), fading with the distance in time."""
    start, stop = max(frame - int(3 * fps), 0), min(frame + int(8 * fps) + 1, len(track))
    steps = np.arange(start, stop, max(1, int(fps // 5)))
    pixels = view.pixels(track.positions[steps, :2])
    if len(pixels) < 2 or np.ptp(pixels, axis=0).max() < 2.0:
        return
    for index in range(len(steps) - 1):
        if not track.present[steps[index]] or not track.present[steps[index + 1]]:
            continue
        away = (steps[index] - frame) / fps
        strength = 0.85 * (1.0 - away / 8.0) if away >= 0 else 0.45 * (1.0 + away / 3.0)
        middle = np.clip(pixels[index], 0, [picture.shape[1] - 1, picture.shape[0] - 1]).astype(int)
        below = picture[middle[1], middle[0]].astype(float)
        mixed = below + max(strength, 0.05) * (np.array(colour) - below)
        stroke(picture, pixels[index : index + 2], (int(mixed[0]), int(mixed[1]), int(mixed[2])), thickness)


def _draw_footprint(picture: np.ndarray, corners: FloatArray, body: Colour, border: Colour) -> None:
    """A box from above with a lighter windscreen end, so that its heading shows."""
    fill(picture, corners, body)
    front_left, front_right, rear_right, rear_left = corners
    nose = 0.5 * (front_left + front_right)
    lighter = tuple(int(0.45 * value + 0.55 * 255) for value in body)
    left, right = front_left + 0.35 * (rear_left - front_left), front_right + 0.35 * (rear_right - front_right)
    fill(picture, np.array([nose, left, right]), (lighter[0], lighter[1], lighter[2]))
    stroke(picture, corners, border, 1, closed=True)


def _label_actors(picture: np.ndarray, scene: Scene, frame: int, view: _View) -> None:
    taken = np.zeros(picture.shape[:2], dtype=bool)
    for actor, box in scene.boxes(frame):
        corners = view.pixels(footprint(box.x, box.y, box.length, box.width, box.yaw_rad))
        low, high = corners.min(axis=0), corners.max(axis=0)
        inside = high[0] > 0 and low[0] < picture.shape[1] and high[1] > 0 and low[1] < picture.shape[0]
        if inside and not actor.parked:
            put_label(picture, actor.id, (int(low[0]), int(low[1]) - 3), CATEGORY_COLOURS[actor.category], 0.36, taken)


def _draw_scale_bar(picture: np.ndarray, scale: float) -> None:
    height, width = picture.shape[:2]
    length = round(20.0 * scale)
    x, y = width - length - 20, height - 22
    cv2.rectangle(picture, (x - 8, y - 20), (width - 12, y + 10), (28, 33, 30), -1)
    cv2.line(picture, (x, y), (x + length, y), (240, 240, 240), 2, cv2.LINE_AA)
    for end in (x, x + length):
        cv2.line(picture, (end, y - 4), (end, y + 4), (240, 240, 240), 2, cv2.LINE_AA)
    cv2.putText(
        picture, "20 m", (x + length // 2 - 16, y - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (240, 240, 240), 1, cv2.LINE_AA
    )
