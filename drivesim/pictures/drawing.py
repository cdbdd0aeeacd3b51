"""Pictures of the conditioning for people: boxes and lane lines over the camera image, and the layout raster in colour.

All pictures are uint8 RGB (H, W, 3).
"""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.conditioning.box_raster import SHADE_OF_FACE
from drivesim.conditioning.ground import positions_on_road
from drivesim.conditioning.projection import FACES, BoxBatch, BoxGeometry, clip_near
from drivesim.controls import ACTOR_CHANNELS, FIGURE_CHANNELS, LAYOUT_SIZE, MAP_CHANNELS, SCENERY_CHANNELS, Controls
from drivesim.geometry import FloatArray, project, transform_points
from drivesim.pictures.roads import PAINT_COLOURS, SURFACE_COLOURS, Colour, paint_outlines, road_outlines
from drivesim.scene import CLASS_OF_CATEGORY, Scene
from drivesim.scenery import SCENERY_CLASSES

#: Colour of each category's boxes, the same in every picture.
CATEGORY_COLOURS: dict[str, Colour] = {
    "car": (66, 165, 245),
    "truck": (255, 138, 61),
    "bus": (255, 112, 67),
    "trailer": (214, 120, 80),
    "construction_vehicle": (201, 139, 48),
    "pedestrian": (236, 72, 153),
    "motorcycle": (163, 113, 247),
    "bicycle": (129, 140, 248),
    "traffic_cone": (250, 204, 21),
    "barrier": (212, 180, 60),
}

_FOG = (186, 190, 194)
_SKY, _HORIZON, _GROUND_FAR, _GROUND = (120, 138, 160), (176, 186, 198), (88, 96, 84), (62, 70, 60)
_BRAKE_LIGHT = (255, 40, 30)
_ROAD_AHEAD_M = 200.0

#: How much of a box is seen in whose layout a figure stands, and the colours of figures' parts but for what has the actor's own.
_THIN = 0.35
_WORN: dict[str, Colour] = {"figure_skin": (222, 176, 146), "figure_legs": (58, 66, 96), "figure_dark": (34, 32, 34)}
_SHIFT = 4
_BOX_EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]])


def camera_overlay(scene: Scene, frame: int, image: np.ndarray | None = None, labels: bool = True) -> np.ndarray:
    """Boxes with their actors' ids and the lane lines over the camera image of ``frame``.

    ``image`` uint8 RGB at any size with the camera's aspect; without one the boxes stand on a plain drawn road.
    """
    if image is None:
        camera = scene.camera
        picture = _plain_world(scene, frame)
    else:
        camera = scene.camera.resized(image.shape[1], image.shape[0])
        picture = np.ascontiguousarray(image).copy()
        if scene.road is not None:
            _draw_paint_outlines(picture, scene, frame, camera.intrinsics())
    batch = BoxGeometry(scene).at(frame)
    seen_m = scene.environment.fog_visibility_m
    if image is None and np.isfinite(seen_m):
        picture = hazed(picture, _ground_distance(scene), seen_m)
    for row in range(len(batch.actor_indices)):
        actor = scene.actors[int(batch.actor_indices[row])]
        colour = CATEGORY_COLOURS[actor.category]
        if image is None and np.isfinite(seen_m):
            away = np.array([[float(np.median(np.linalg.norm(batch.corners[row], axis=1)))]])
            red, green, blue = hazed(np.array([[colour]], np.uint8), away, seen_m)[0, 0]
            colour = (int(red), int(green), int(blue))
        _draw_box(picture, batch, row, camera.intrinsics(), colour)
    if labels:
        _label_boxes(picture, scene, batch, camera.intrinsics())
    return picture


def layout_picture(controls: Controls, frame: int = 0, scale: int = 4) -> np.ndarray:
    """The layout of one frame of ``controls`` in natural colours, each raster pixel a square of ``scale`` pixels.

    Sky, ground, road, pavement and paint below, scenery over them, then boxes in their class colour (or the actor's own
    where one is given), shaded by the face that is seen and outlined, red at the rear while they brake. Rasters that
    are not told are left out. Walkers and riders whose limbs are told stand in boxes that can be seen through.
    """
    picture = np.ones((*LAYOUT_SIZE, 3), dtype=np.float32) * _GROUND_FAR
    if controls.map is not None:
        _paint_map(picture, _planes(controls.map[frame], MAP_CHANNELS))
    if controls.scenery is not None:
        _paint_scenery(picture, _planes(controls.scenery[frame], SCENERY_CHANNELS))
    if controls.actors is not None:
        _paint_actors(picture, _planes(controls.actors[frame], ACTOR_CHANNELS))
    pixels = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return np.repeat(np.repeat(pixels, scale, axis=0), scale, axis=1)


def _planes(raster: np.ndarray, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Planes (H, W, 1) in [0, 1] by name."""
    return {name: raster[index].astype(np.float32)[..., None] / 255.0 for index, name in enumerate(names)}


def _paint_map(picture: np.ndarray, plane: dict[str, np.ndarray]) -> None:
    surfaces: tuple[tuple[str, Colour], ...] = (
        ("sky", _HORIZON),
        ("pavement", SURFACE_COLOURS["pavement"]),
        ("road", SURFACE_COLOURS["asphalt"]),
        ("lane_paint", PAINT_COLOURS["white"]),
    )
    for name, colour in surfaces:
        picture += plane[name] * (np.array(colour, dtype=np.float32) - picture)


def _paint_scenery(picture: np.ndarray, plane: dict[str, np.ndarray]) -> None:
    cover = np.clip(sum(plane[name] for name in SCENERY_CLASSES), 0.0, 1.0)
    body = np.concatenate([plane[name] for name in ("red", "green", "blue")], axis=-1) * 255.0
    picture += cover * (body * (0.55 + 0.45 * plane["shade"]) - picture)


def _paint_actors(picture: np.ndarray, plane: dict[str, np.ndarray]) -> None:
    shade = 0.55 + 0.45 * plane["shade"]
    own = np.concatenate([plane[name] for name in ("red", "green", "blue")], axis=-1) * 255.0
    given = plane["colour_given"]
    fill_colours = {fill: CATEGORY_COLOURS[category] for category, fill in reversed(CLASS_OF_CATEGORY.items())}
    figures = any(plane[name].any() for name in FIGURE_CHANNELS)
    for fill, colour in fill_colours.items():
        body = given * own + (1.0 - given) * np.array(colour, dtype=np.float32)
        seen = _THIN if figures and fill in ("pedestrian", "two_wheeler") else 1.0
        picture += seen * plane[fill] * (body * shade - picture)
    worn = given * own + (1.0 - given) * np.array(CATEGORY_COLOURS["pedestrian"], dtype=np.float32)
    for name, colour in {"figure_coloured": worn, **_WORN}.items():
        picture += plane[name] * (np.asarray(colour, dtype=np.float32) - picture)
    at_the_rear = np.abs(plane["shade"] - SHADE_OF_FACE["rear"] / 255.0) < 0.05
    picture += 0.6 * plane["braking"] * at_the_rear * (np.array(_BRAKE_LIGHT, dtype=np.float32) - picture)
    picture += 0.7 * plane["box_edge"] * (250.0 - picture)


def put_label(
    picture: np.ndarray, text: str, at: tuple[int, int], colour: Colour, size: float, taken: np.ndarray
) -> None:
    """Writes ``text`` on a dark plate whose lower left corner is ``at``, unless it would cover an earlier label.

    ``taken`` (H, W) bool marks the pixels of earlier labels and is updated.
    """
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    x = int(np.clip(at[0], 0, max(picture.shape[1] - width - 6, 0)))
    y = int(np.clip(at[1], height + 6, picture.shape[0] - below))
    rows, columns = slice(y - height - 5, y + below), slice(x, x + width + 6)
    if taken[rows, columns].any():
        return
    taken[rows, columns] = True
    plate = picture[rows, columns]
    plate[:] = (0.3 * plate + 0.7 * np.array([20, 24, 30])).astype(np.uint8)
    cv2.putText(picture, text, (x + 3, y - 2), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def fill(picture: np.ndarray, outline: FloatArray, colour: Colour) -> None:
    """Fills a polygon (N, 2) of pixels with smoothed borders."""
    if len(outline) >= 3:
        cv2.fillPoly(picture, [_fixed(outline)], colour, cv2.LINE_AA, _SHIFT)


def stroke(picture: np.ndarray, outline: FloatArray, colour: Colour, width: int = 1, closed: bool = False) -> None:
    """Draws a smoothed polyline (N, 2) of pixels."""
    if len(outline) >= 2:
        cv2.polylines(picture, [_fixed(outline)], closed, colour, width, cv2.LINE_AA, _SHIFT)


def _fixed(outline: FloatArray) -> np.ndarray:
    return np.round((np.clip(outline, -20000.0, 20000.0) - 0.5) * (1 << _SHIFT)).astype(np.int32)


def hazed(picture: np.ndarray, distance_m: np.ndarray, visibility_m: float) -> np.ndarray:
    """A uint8 RGB picture (H, W, 3) in fog: each pixel (H, W) fades with its distance.

    Source: Koschmieder 1924; at the visual range 2 % of the contrast are left.
    """
    clear = np.exp(np.log(0.02) * np.minimum(distance_m, 10.0 * visibility_m) / visibility_m)[..., None]
    return (clear * picture + (1.0 - clear) * np.array(_FOG)).round().astype(np.uint8)


def _ground_distance(scene: Scene) -> np.ndarray:
    """Metres (H, 1) to the ground that each row of the camera's picture shows, level ground; endless above the horizon."""
    camera = scene.camera
    down = np.arctan2(np.arange(camera.height) + 0.5 - camera.cy, camera.fy) + camera.mount.pitch_rad
    return np.where(down > 1e-3, camera.mount.z / np.maximum(np.sin(down), 1e-3), np.inf)[:, None]


def _plain_world(scene: Scene, frame: int) -> np.ndarray:
    """Grey sky and ground at the camera's size, with the road's strips and paint."""
    camera = scene.camera
    level = camera.mount.pitch_rad
    horizon = int(np.clip(camera.cy - camera.fy * np.tan(level), 0, camera.height))
    picture = np.empty((camera.height, camera.width, 3), dtype=np.uint8)
    for rows, near, far in ((slice(0, horizon), _SKY, _HORIZON), (slice(horizon, None), _GROUND_FAR, _GROUND)):
        count = picture[rows].shape[0]
        ramp = np.linspace(0.0, 1.0, max(count, 1))[:count, None, None]
        picture[rows] = (np.array(near) + ramp * (np.array(far) - np.array(near))).astype(np.uint8)
    if scene.road is None:
        return picture
    s_ego = _ego_s(scene, frame)
    matrix, intrinsics = scene.optical_from_world(frame), camera.intrinsics()
    reach = (s_ego - 60.0, s_ego + _ROAD_AHEAD_M)
    for colour, outline in road_outlines(scene.road, *reach):
        fill(picture, _on_image(outline, matrix, intrinsics), colour)
    return picture


def _draw_paint_outlines(picture: np.ndarray, scene: Scene, frame: int, intrinsics: FloatArray) -> None:
    road = scene.road
    if road is None:
        return
    s_ego, matrix = _ego_s(scene, frame), scene.optical_from_world(frame)
    for _, outline in paint_outlines(road, s_ego, s_ego + 100.0):
        stroke(picture, _on_image(outline, matrix, intrinsics), (80, 250, 200), closed=True)


def _ego_s(scene: Scene, frame: int) -> float:
    assert scene.road is not None
    here = scene.ego.positions[frame : frame + 1]
    return float(positions_on_road(scene.road, here[:, 0], here[:, 1])[0])


def _on_image(outline: FloatArray, matrix: FloatArray, intrinsics: FloatArray) -> FloatArray:
    """Pixels (M, 2) of an outline (N, 2) on the ground of the world, cut where it comes too near."""
    level = np.concatenate([outline, np.zeros((len(outline), 1))], axis=1)
    points = clip_near(transform_points(matrix, level), 0.5)
    return project(points, intrinsics) if len(points) else points[:, :2]


def _draw_box(picture: np.ndarray, batch: BoxBatch, row: int, intrinsics: FloatArray, colour: Colour) -> None:
    corners = batch.corners[row]
    tinted = picture.copy()
    faces = [(face, batch.face(row, int(face))) for face in np.flatnonzero(batch.facing[row])]
    outlines = [(int(face), project(points, intrinsics)) for face, points in faces if len(points)]
    for face, outline in outlines:
        strength = 1.0 if FACES[face] == "front" else 0.75
        shaded = tuple(int(strength * value) for value in colour)
        fill(tinted, outline, (shaded[0], shaded[1], shaded[2]))
    cv2.addWeighted(tinted, 0.38, picture, 0.62, 0.0, dst=picture)
    faint = (colour[0] // 2 + 40, colour[1] // 2 + 40, colour[2] // 2 + 40)
    for edge in _BOX_EDGES:
        points = clip_near(corners[edge])
        if len(points) >= 2:
            stroke(picture, project(points[:2], intrinsics), faint)
    for face, outline in outlines:
        stroke(picture, outline, colour, 2 if FACES[face] in ("front", "rear") else 1, closed=True)


def _label_boxes(picture: np.ndarray, scene: Scene, batch: BoxBatch, intrinsics: FloatArray) -> None:
    """Ids over the boxes, nearest first; parked and tiny ones stay unnamed."""
    taken = np.zeros(picture.shape[:2], dtype=bool)
    for row in reversed(range(len(batch.actor_indices))):
        actor, corners = scene.actors[int(batch.actor_indices[row])], batch.corners[row]
        if actor.parked or (corners[:, 2] < 0.5).any():
            continue
        pixels = project(corners, intrinsics)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        size = 0.42 if high[1] - low[1] > 24.0 else 0.34
        if high[1] - low[1] > 6.0 and 0.0 < high[0] and low[0] < picture.shape[1]:
            at = (int(low[0]), int(low[1]) - 3)
            put_label(picture, actor.id, at, CATEGORY_COLOURS[actor.category], size, taken)
