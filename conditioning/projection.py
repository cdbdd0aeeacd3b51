"""3D boxes in the image: faces clipped at a near plane, painter's order, and 2D boxes with their visible share.

The optical frame is x right, y down, z forward; pixel (0, 0) is the top-left corner of the top-left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from drivesim.geometry import FloatArray, project, transform_points
from drivesim.scene import Scene

#: Depth in metres at which boxes are cut, so that no point behind the lens is ever divided by its depth.
NEAR_M = 0.1

#: Faces of a box by name, in the order of every array with a face axis.
FACES: tuple[str, ...] = ("front", "rear", "left", "right", "top")

#: Corners of each face (5, 4), numbered as ``box_corners`` orders them.
FACE_CORNERS = np.array([[0, 1, 5, 4], [2, 3, 7, 6], [3, 0, 4, 7], [1, 2, 6, 5], [4, 5, 6, 7]])

#: Corners (of ``BoxBatch.corners``) at the box's origin (rear, right, foot) and at the end of its length, width and height from there.
CORNER_ORIGIN, CORNER_ENDS = 2, [1, 3, 6]

_UNIT_CORNERS = 0.5 * np.array(
    [[1, 1, -1], [1, -1, -1], [-1, -1, -1], [-1, 1, -1], [1, 1, 1], [1, -1, 1], [-1, -1, 1], [-1, 1, 1]], dtype=float
)


@dataclass(frozen=True, eq=False)
class BoxBatch:
    """The boxes that reach in front of the camera at one frame, farthest first in painter's order.

    ``actor_indices`` (A,) into ``scene.actors``; ``corners`` (A, 8, 3) in the optical frame; ``facing`` (A, 5) bool,
    which of FACES look at the camera; ``yaw_rad`` (A,) heading relative to the optical axis, counter-clockwise from
    above.
    """

    actor_indices: np.ndarray
    corners: FloatArray
    facing: np.ndarray
    yaw_rad: FloatArray

    def face(self, row: int, face: int) -> FloatArray:
        """Outline (N, 3) of a face in the optical frame, cut at NEAR_M; N is 0 or at least 3."""
        return clip_near(self.corners[row, FACE_CORNERS[face]])


@dataclass(frozen=True, kw_only=True)
class ImageBox:
    """Where an actor is in the image: float pixels at the camera's size, clipped to the image.

    ``depth_m`` is the depth of the box's centre along the optical axis (at least NEAR_M), ``visible_share`` the part of
    its silhouette inside the image that no nearer box hides, ``truncated`` whether the image border or the near plane
    cuts it.
    """

    actor_index: int
    actor_id: str
    category: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float
    depth_m: float
    visible_share: float
    truncated: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedBoxes:
    """Upright boxes of the world at one moment: actor ``indices`` (A,), ``centres`` (A, 3) metres, ``sizes`` (A, 3) length,
    width and height, ``yaw_rad`` (A,).
    """

    indices: np.ndarray
    centres: FloatArray
    sizes: FloatArray
    yaw_rad: FloatArray


class BoxGeometry:
    """The boxes of a scene, gathered frame by frame and projected in one go.

    It keeps references to the tracks, not copies: those of all actors over minutes would take as much memory again.
    """

    def __init__(self, scene: Scene) -> None:
        actors = scene.actors
        self.scene = scene
        self.tracks = [actor.track for actor in actors]
        self.sizes = _stack([np.array([a.length, a.width, a.height]) for a in actors], (0, 3))

    def at(self, frame: int, reach_m: float = 400.0) -> BoxBatch:
        """Boxes of the present actors at ``frame`` that have a part in front of the camera within ``reach_m``."""
        placed = self.placed(frame)
        return project_boxes(self.scene, frame, placed.indices, placed.centres, placed.sizes, placed.yaw_rad, reach_m)

    def placed(self, frame: int) -> PlacedBoxes:
        """Boxes of the present actors at ``frame``."""
        here = np.array([index for index, track in enumerate(self.tracks) if track.present[frame]], dtype=int)
        positions = _stack([self.tracks[index].positions[frame] for index in here], (0, 3))
        yaw = np.array([self.tracks[index].yaw_rad[frame] for index in here], dtype=float)
        return PlacedBoxes(indices=here, centres=positions, sizes=self.sizes[here], yaw_rad=yaw)


def project_boxes(
    scene: Scene,
    frame: int,
    indices: np.ndarray,
    centres: FloatArray,
    sizes: FloatArray,
    yaw_rad: FloatArray,
    reach_m: float = 400.0,
) -> BoxBatch:
    """Upright boxes of the world that have a part in front of the camera within ``reach_m`` at ``frame``.

    ``indices`` (A,) name them, ``centres`` (A, 3) metres, ``sizes`` (A, 3) length, width and height, ``yaw_rad`` (A,).
    """
    matrix = scene.optical_from_world(frame)
    camera = np.linalg.inv(matrix)[:3, 3]
    offsets = centres - camera
    near_enough = np.hypot(offsets[:, 0], offsets[:, 1]) < reach_m
    indices, positions, offsets = indices[near_enough], centres[near_enough], offsets[near_enough]
    yaw, sizes = yaw_rad[near_enough], sizes[near_enough]
    cosine, sine = np.cos(yaw), np.sin(yaw)
    local = _UNIT_CORNERS[None] * sizes[:, None, :]
    world = (
        np.stack(
            [
                cosine[:, None] * local[..., 0] - sine[:, None] * local[..., 1],
                sine[:, None] * local[..., 0] + cosine[:, None] * local[..., 1],
                local[..., 2],
            ],
            axis=-1,
        )
        + positions[:, None, :]
    )
    corners = transform_points(matrix, world)
    # The camera in each box's own axes decides which faces are seen.
    ahead = -(cosine * offsets[:, 0] + sine * offsets[:, 1])
    aside = -(-sine * offsets[:, 0] + cosine * offsets[:, 1])
    half = 0.5 * sizes
    facing = np.stack(
        [
            ahead > half[:, 0],
            ahead < -half[:, 0],
            aside > half[:, 1],
            aside < -half[:, 1],
            -offsets[:, 2] > half[:, 2],
        ],
        axis=-1,
    )
    keep = _in_view(corners, scene.camera.width, scene.camera.height, scene.camera.intrinsics())
    mount = scene.camera.ego_from_optical()
    relative = yaw - scene.ego.yaw_rad[frame] - float(np.arctan2(mount[1, 2], mount[0, 2]))
    kept = np.flatnonzero(keep)
    order = kept[painter_order(world[kept, :4, :2], camera[:2])]
    return BoxBatch(indices[order], corners[order], facing[order], relative[order])


def image_boxes(scene: Scene, frame: int, min_area_px: float = 1.0) -> list[ImageBox]:
    """The 2D boxes of every actor in the image at ``frame``, nearest first, hidden ones included.

    Boxes of less than ``min_area_px`` inside the image, and boxes that the camera stands in, are left out.
    """
    camera = scene.camera
    image = shapely.box(0.0, 0.0, camera.width, camera.height)
    batch = BoxGeometry(scene.window(frame, frame + 1)).at(0)
    covered = shapely.Polygon()
    found = []
    for row in reversed(range(len(batch.actor_indices))):
        points = [batch.face(row, face) for face in np.flatnonzero(batch.facing[row])]
        seen = np.concatenate(points) if points else np.zeros((0, 3))
        if len(seen) < 3:
            continue
        whole = shapely.MultiPoint(project(seen, camera.intrinsics())).convex_hull
        silhouette = whole.intersection(image)
        if silhouette.area < min_area_px:
            continue
        hidden = silhouette.intersection(covered).area
        covered = covered.union(silhouette)
        actor = scene.actors[int(batch.actor_indices[row])]
        x_min, y_min, x_max, y_max = silhouette.bounds
        cut = bool((batch.corners[row, :, 2] < NEAR_M).any()) or whole.area - silhouette.area > 1e-6 * whole.area
        found.append(
            ImageBox(
                actor_index=int(batch.actor_indices[row]),
                actor_id=actor.id,
                category=actor.category,
                x_min=x_min,
                y_min=y_min,
                x_max=x_max,
                y_max=y_max,
                depth_m=max(float(batch.corners[row, :, 2].mean()), NEAR_M),
                visible_share=float(np.clip(1.0 - hidden / silhouette.area, 0.0, 1.0)),
                truncated=cut,
            )
        )
    return found


def clip_near(points: FloatArray, near_m: float = NEAR_M) -> FloatArray:
    """A polygon (N, 3) in the optical frame cut at depth ``near_m`` (Sutherland-Hodgman); (0, 3) when all is nearer."""
    return _cut(points, points[:, 2] - near_m)


def _cut(points: FloatArray, level: FloatArray) -> FloatArray:
    """The part of a polygon (N, K) where the linear function with values ``level`` (N,) is not negative."""
    inside = level >= 0.0
    if inside.all() or not len(points):
        return points
    if not inside.any():
        return points[:0]
    kept: list[FloatArray] = []
    for index in range(len(points)):
        following = (index + 1) % len(points)
        if inside[index]:
            kept.append(points[index])
        if inside[index] != inside[following]:
            share = level[index] / (level[index] - level[following])
            kept.append(points[index] + share * (points[following] - points[index]))
    return np.array(kept)


def painter_order(footprints: FloatArray, camera_xy: FloatArray) -> np.ndarray:
    """Order (A,) in which upright boxes are painted so that nearer ones cover farther ones.

    ``footprints`` (A, 4, 2) are ground rectangles (front-left, front-right, rear-right, rear-left), ``camera_xy``
    (2,) in the same frame. Of two boxes parted by a side of one of them, the box on the camera's side is nearer; the
    rest is decided by distance. Overlapping boxes have no right order and fall back to distance.
    """
    count = len(footprints)
    distance = np.linalg.norm(footprints - camera_xy, axis=-1).min(axis=1) if count else np.zeros(0)
    by_distance = np.argsort(-distance, kind="stable")
    if count < 2:
        return by_distance
    boxes = footprints[by_distance] - camera_xy
    centres, sides = 0.5 * (boxes[:, 0] + boxes[:, 2]), (boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 0])
    nearer = np.zeros((count, count), dtype=bool)  # [b, a]: b is painted after a
    for side in sides:
        # Corners run clockwise seen from above: the left-hand normals of front and right side point outwards.
        normals = np.stack([-side[:, 1], side[:, 0]], axis=-1)
        front, back = ((normals * boxes[:, corner]).sum(axis=-1, keepdims=True) for corner in (1, 3))
        middle = normals @ centres.T
        radius = 0.5 * sum(np.abs(normals @ other.T) for other in sides)
        before = middle - radius > front - 1e-9  # [a, b]: b lies wholly beyond this side of a
        behind = middle + radius < back + 1e-9
        nearer |= (before & (front < 0.0) | behind & (back > 0.0)).T  # b is on the camera's side of a
        nearer |= before & (front >= 0.0) | behind & (back <= 0.0)  # what lies beyond a's far side is hidden by a
    np.fill_diagonal(nearer, False)
    nearer &= ~nearer.T  # two that hide each other are not in each other's way
    if not np.triu(nearer, 1).any():
        return by_distance
    return by_distance[_farthest_first(nearer)]


def _farthest_first(nearer: np.ndarray) -> np.ndarray:
    """Indices so that a comes before b wherever ``nearer[b, a]``; cycles are cut at the farthest box left."""
    painted = 1 << 30
    hides = np.ascontiguousarray(nearer.T).astype(np.int32)
    blockers = nearer.sum(axis=1, dtype=np.int32)  # how many unpainted boxes must come before each
    order = np.empty(len(nearer), dtype=np.intp)
    for place in range(len(order)):
        chosen = int((blockers <= 0).argmax())
        if blockers[chosen] > 0:
            chosen = int((blockers < painted // 2).argmax())
        order[place] = chosen
        blockers -= hides[chosen]
        blockers[chosen] = painted
    return order


def _in_view(corners: FloatArray, width: int, height: int, intrinsics: FloatArray) -> np.ndarray:
    """Which boxes (A,) have a corner inside each of the five planes of the view frustum."""
    if not len(corners):
        return np.zeros(0, dtype=bool)
    u, v, z = np.moveaxis(corners @ intrinsics.T, -1, 0)
    tests = (z > NEAR_M, u > 0.0, u < width * z, v > 0.0, v < height * z)
    return np.logical_and.reduce([test.any(axis=1) for test in tests])


def _stack(arrays: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.stack(arrays) if arrays else np.zeros(empty)
