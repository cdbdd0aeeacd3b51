"""Projects shapes and paints them far to near with OpenCV, at twice the image size; labels are painted alongside.

The painter's algorithm is exact here because everything stands on one plane and is sorted by its nearest ground point.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from drivesim.datasets.procedural.lighting import BEAM_COLOUR, LAMP_COLOUR, Lighting, headlight_pool
from drivesim.datasets.procedural.shapes import FACE, Shape, facing_polygons
from drivesim.scene import Camera

_NEAR_M = 0.25
_SHIFT = 4
SUPERSAMPLE = 2
_SMALLEST_AREA = 1.2


@dataclass(frozen=True, eq=False)
class Drawable:
    """A shape in the world with its sort point, its instance number (0 for scenery) and the lamp light it stands in.

    ``grow`` 0-1 scales its height while it rises from the far end of the drawn world.
    """

    shape: Shape
    order: tuple[float, float]
    instance: int = 0
    lamp_light: float = 0.0
    grow: float = 1.0


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons ready to paint, far to near: pixel ``corners`` (list of (N, 2), pixels), ``rgb`` (P, 3) 0-1 and labels.

    ``plane`` (P, 3) gives the inverse depth of each polygon as a u + b v + c; ``lights`` (L, 8) lists the lamps in view:
    u, v, the v of their mirror image in the road, depth, r, g, b, and 1 for a lamp of an actor.
    """

    corners: list[np.ndarray]
    rgb: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    plane: np.ndarray
    lights: np.ndarray


def polygons_of(
    drawables: list[Drawable],
    camera: Camera,
    optical_from_world: np.ndarray,
    ego_from_world: np.ndarray,
    lighting: Lighting,
) -> Polygons:
    """Project, cull, light and sort every polygon of ``drawables``."""
    eye = -optical_from_world[:3, :3].T @ optical_from_world[:3, 3]
    table = _gather(drawables, eye)
    world = facing_polygons(table.shape, eye)
    optical = world @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    normal = np.cross(world[:, 1] - world[:, 0], world[:, 2] - world[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    toward = np.einsum("pc,pc->p", normal, world[:, 0] - eye)
    flat = table.shape.kind == FACE
    visible = (optical[..., 2].max(1) > _NEAR_M) & (~flat | table.shape.two_sided | (toward < 0.0))
    pixels = optical[..., :2] / np.maximum(optical[..., 2:], _NEAR_M)
    pixels = pixels * np.array([camera.fx, camera.fy]) + np.array([camera.cx, camera.cy])
    low, high = pixels.min(1), pixels.max(1)
    crosses = optical[..., 2].min(1) < _NEAR_M
    inside = (high > 0).all(1) & (low[:, 0] < camera.width) & (low[:, 1] < camera.height)
    area = (high - low).prod(1) * SUPERSAMPLE**2
    visible &= crosses | (inside & (area > _SMALLEST_AREA))
    order = np.lexsort((-table.part_distance, -table.distance))
    order = order[visible[order]]
    normal = np.where((toward > 0.0)[:, None], -normal, normal)
    rgb = _light(table, world, normal, flat, ego_from_world, lighting, eye)
    plane = _inverse_depth_planes(optical, flat, camera)
    corners, kept = [], []
    for index in order:
        if crosses[index]:
            clipped = _clip_near(optical[index, : table.shape.count[index]], camera)
            if clipped is None:
                continue
            corners.append(clipped)
        else:
            corners.append(pixels[index, : table.shape.count[index]])
        kept.append(index)
    chosen = np.array(kept, dtype=np.int64)
    lights = _lights(table, chosen, world, rgb, camera, optical_from_world)
    return Polygons(corners, rgb[chosen], table.shape.semantic[chosen], table.instance[chosen], plane[chosen], lights)


def _lights(
    table: _Table,
    chosen: np.ndarray,
    world: np.ndarray,
    rgb: np.ndarray,
    camera: Camera,
    optical_from_world: np.ndarray,
) -> np.ndarray:
    shining = chosen[table.shape.glow[chosen] >= 1.0]
    middle = world[shining].mean(1)
    mirrored = middle * np.array([1.0, 1.0, -1.0])
    place = middle @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    image = mirrored @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    depth = np.maximum(place[:, 2], _NEAR_M)
    u = place[:, 0] / depth * camera.fx + camera.cx
    v = place[:, 1] / depth * camera.fy + camera.cy
    mirror_v = image[:, 1] / np.maximum(image[:, 2], _NEAR_M) * camera.fy + camera.cy
    actor = (table.instance[shining] > 0).astype(np.float64)
    return np.concatenate([np.stack([u, v, mirror_v, depth], 1), rgb[shining], actor[:, None]], axis=1)


@dataclass(frozen=True, eq=False)
class _Table:
    shape: Shape
    distance: np.ndarray
    part_distance: np.ndarray
    instance: np.ndarray
    lamp_light: np.ndarray


def _gather(drawables: list[Drawable], eye: np.ndarray) -> _Table:
    shapes = [d.shape for d in drawables]
    counts = np.array([len(s) for s in shapes])
    names = ("points", "count", "kind", "radii", "colour", "glow", "two_sided", "semantic")
    arrays = {name: np.concatenate([getattr(s, name) for s in shapes]) for name in names}
    part = np.concatenate([s.part for s in shapes]) + 64 * np.repeat(np.arange(len(shapes)), counts)
    grow = np.repeat([d.grow for d in drawables], counts)
    if (grow < 1.0).any():
        arrays["points"] = arrays["points"].copy()
        arrays["points"][..., 2] *= grow[:, None]
        arrays["radii"] = arrays["radii"] * grow[:, None]
    table = Shape(**arrays, part=part)
    order = np.array([d.order for d in drawables])
    distance = np.repeat(np.hypot(order[:, 0] - eye[0], order[:, 1] - eye[1]), counts)
    starts = np.flatnonzero(np.concatenate([[True], part[1:] != part[:-1]]))
    sizes = np.diff(np.append(starts, len(part)))
    middle = table.points[:, :, :2].mean(1)
    part_middle = np.add.reduceat(middle, starts, axis=0) / sizes[:, None]
    part_distance = np.repeat(np.hypot(part_middle[:, 0] - eye[0], part_middle[:, 1] - eye[1]), sizes)
    return _Table(
        shape=table,
        distance=distance,
        part_distance=part_distance,
        instance=np.repeat([d.instance for d in drawables], counts),
        lamp_light=np.repeat([d.lamp_light for d in drawables], counts),
    )


def _light(
    table: _Table,
    world: np.ndarray,
    normal: np.ndarray,
    flat: np.ndarray,
    ego_from_world: np.ndarray,
    lighting: Lighting,
    eye: np.ndarray,
) -> np.ndarray:
    facing_sun = np.where(flat, np.clip(0.38 + 0.62 * (normal @ lighting.sun_direction), 0.22, 1.0), 0.62)
    open_sky = np.where(flat, 1.13 + 0.05 * normal[:, 2], 1.10)
    light = lighting.ambient * open_sky[:, None] + lighting.sun * facing_sun[:, None]
    middle = world.mean(1)
    if lighting.darkness > 0.05:
        place = middle @ ego_from_world[:3, :3].T + ego_from_world[:3, 3]
        beam = headlight_pool(place[:, 0], place[:, 1]) * np.clip(1.35 - 0.45 * place[:, 2], 0.12, 1.0)
        light = light + BEAM_COLOUR * (lighting.darkness * beam)[:, None]
        lamps = table.lamp_light * np.clip(1.15 - 0.07 * middle[:, 2], 0.2, 1.0)
        light = light + LAMP_COLOUR * (lighting.darkness * lamps)[:, None]
    light = np.minimum(light, 1.04)
    glow = table.shape.glow[:, None]
    rgb = table.shape.colour * (light * (1.0 - glow) + glow)
    clear = np.exp(-lighting.extinction * np.linalg.norm(middle - eye, axis=1))[:, None]
    clear = np.maximum(clear, np.where(glow > 0.5, clear**0.5, 0.0))
    return np.clip(rgb * clear + lighting.fog * (1.0 - clear), 0.0, 1.0)


def _inverse_depth_planes(optical: np.ndarray, flat: np.ndarray, camera: Camera) -> np.ndarray:
    normal = np.cross(optical[:, 1] - optical[:, 0], optical[:, 2] - optical[:, 1])
    offset = np.einsum("pc,pc->p", normal, optical[:, 0])
    usable = flat & (np.abs(offset) > 1e-9)
    ray = normal / np.where(usable, offset, 1.0)[:, None]
    a, b = ray[:, 0] / camera.fx, ray[:, 1] / camera.fy
    c = ray[:, 2] - a * camera.cx - b * camera.cy
    constant = 1.0 / np.maximum(optical[..., 2].mean(1), _NEAR_M)
    zero = np.zeros_like(constant)
    return np.where(usable[:, None], np.stack([a, b, c], 1), np.stack([zero, zero, constant], 1))


def _clip_near(points: np.ndarray, camera: Camera) -> np.ndarray | None:
    kept = []
    for first, second in zip(points, np.roll(points, -1, axis=0), strict=True):
        if first[2] >= _NEAR_M:
            kept.append(first)
        if (first[2] >= _NEAR_M) != (second[2] >= _NEAR_M):
            share = (_NEAR_M - first[2]) / (second[2] - first[2])
            kept.append(first + share * (second - first))
    if len(kept) < 3:
        return None
    array = np.array(kept)
    pixels = array[:, :2] / array[:, 2:] * np.array([camera.fx, camera.fy]) + np.array([camera.cx, camera.cy])
    if (
        pixels[:, 0].max() < 0
        or pixels[:, 0].min() > camera.width
        or pixels[:, 1].max() < 0
        or pixels[:, 1].min() > camera.height
    ):
        return None
    return pixels


def fixed_point(pixels: np.ndarray, scale: int) -> np.ndarray:
    """OpenCV fixed-point corners (N, 2) int32 of pixel positions on a canvas ``scale`` times as large."""
    canvas = np.clip(pixels * scale - 0.5, -15000.0, 15000.0)
    return np.round(canvas * (1 << _SHIFT)).astype(np.int32)


def fill(canvas: np.ndarray, corners: np.ndarray, colour: tuple[float, ...] | int, smooth: bool) -> None:
    """Fill one convex polygon given in fixed point."""
    cv2.fillConvexPoly(canvas, corners, colour, cv2.LINE_AA if smooth else cv2.LINE_8, _SHIFT)


def paint_rgb(background: np.ndarray, polygons: Polygons) -> np.ndarray:
    """The picture uint8 (H, W, 3) with all polygons over ``background`` uint8 (H, W, 3)."""
    height, width = background.shape[:2]
    size = (width * SUPERSAMPLE, height * SUPERSAMPLE)
    canvas = cv2.resize(background, size, interpolation=cv2.INTER_NEAREST)
    colours = np.round(polygons.rgb * 255.0).tolist()
    for corners, colour in zip(polygons.corners, colours, strict=True):
        fill(canvas, fixed_point(corners, SUPERSAMPLE), colour, smooth=False)
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)


def paint_labels(polygons: Polygons, depth: np.ndarray, semantic: np.ndarray, instance: np.ndarray) -> None:
    """Write depth, class and instance of all polygons over those of the ground, in place."""
    number = np.zeros(depth.shape, dtype=np.int32)
    for index, corners in enumerate(polygons.corners):
        fill(number, fixed_point(corners, 1), index + 1, smooth=False)
    v, u = np.nonzero(number)
    polygon = number[v, u] - 1
    plane = polygons.plane[polygon]
    inverse = plane[:, 0] * (u + 0.5) + plane[:, 1] * (v + 0.5) + plane[:, 2]
    depth[v, u] = 1.0 / np.clip(inverse, 1e-4, 1.0 / _NEAR_M)
    semantic[v, u] = polygons.semantic[polygon]
    instance[v, u] = polygons.instance[polygon]
