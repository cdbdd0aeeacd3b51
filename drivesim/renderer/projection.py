"""Projects shapes to polygons in the picture: culled, lit, and sorted from far to near.

Painting in that order is right because everything stands on one plane and is sorted by its nearest ground point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivesim.renderer.clipping import clip_near
from drivesim.renderer.lighting import BEAM_COLOUR, LAMP_COLOUR, Lighting, headlight_pool
from drivesim.renderer.shapes import FACE, MAX_VERTICES, Shape, facing_polygons
from drivesim.scene import Camera

NEAR_M = 0.25
_SMALLEST_AREA = 0.3


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
    """Polygons ready to paint, far to near.

    ``corners`` (P, 17, 2) pixels, of which the first ``count`` (P,) hold; ``rgb`` (P, 3) 0-1; ``semantic`` and
    ``instance`` (P,); ``plane`` (P, 3) gives the inverse depth as a u + b v + c and ``nearest``, ``farthest`` (P,) bound the depth, metres,
    where a polygon is seen edge-on; ``lights`` (L, 7) lists the lamps in
    view: u, v, the v of their mirror image in the road, depth, r, g, b.
    """

    corners: np.ndarray
    count: np.ndarray
    rgb: np.ndarray
    semantic: np.ndarray
    instance: np.ndarray
    plane: np.ndarray
    nearest: np.ndarray
    farthest: np.ndarray
    lights: np.ndarray


def polygons_of(
    drawables: list[Drawable],
    camera: Camera,
    optical_from_world: np.ndarray,
    ego_from_world: np.ndarray,
    lighting: Lighting,
) -> Polygons:
    """Project, cull, light and sort every polygon of ``drawables``."""
    drawables = [drawable for drawable in drawables if len(drawable.shape)]
    if not drawables:
        return _nothing()
    eye = -optical_from_world[:3, :3].T @ optical_from_world[:3, 3]
    table = _gather(drawables, eye)
    world = facing_polygons(table.shape, eye)
    optical = world @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    depth = optical[..., 2]
    normal = np.cross(world[:, 1] - world[:, 0], world[:, 2] - world[:, 1])
    toward = np.einsum("pc,pc->p", normal, world[:, 0] - eye)
    flat = table.shape.kind == FACE
    crosses = depth.min(1) < NEAR_M
    visible = (depth.max(1) > NEAR_M) & (~flat | table.shape.two_sided | (toward < 0.0))
    pixels = _to_pixels(np.where(depth[..., None] < NEAR_M, (0.0, 0.0, NEAR_M), optical), camera)
    low, high = pixels.min(1), pixels.max(1)
    inside = (high > 0).all(1) & (low[:, 0] < camera.width) & (low[:, 1] < camera.height)
    visible &= crosses | (inside & ((high - low).prod(1) > _SMALLEST_AREA))
    order = np.lexsort((-table.part_distance, -table.distance))
    chosen = order[visible[order]]
    corners, count = _corners(pixels, optical, crosses, table.shape.count, chosen, camera)
    keep = count > 2
    chosen, corners, count = chosen[keep], corners[keep], count[keep]
    facing = np.where((toward > 0.0)[:, None], -normal, normal)[chosen]
    facing /= np.linalg.norm(facing, axis=1, keepdims=True) + 1e-12
    rgb = _light(table, chosen, world[chosen].mean(1), facing, ego_from_world, lighting, eye)
    return Polygons(
        corners=corners,
        count=count,
        rgb=rgb,
        semantic=table.shape.semantic[chosen],
        instance=table.instance[chosen],
        plane=_inverse_depth_planes(optical[chosen], flat[chosen], camera),
        nearest=np.maximum(depth[chosen].min(1), NEAR_M),
        farthest=depth[chosen].max(1),
        lights=_lights(table, chosen, world, rgb, camera, optical_from_world),
    )


def _nothing() -> Polygons:
    none = np.zeros((0, 3))
    number = np.zeros(0, dtype=np.int64)
    return Polygons(
        np.zeros((0, MAX_VERTICES + 1, 2)), number, none, number, number, none, number, number, np.zeros((0, 7))
    )


def _to_pixels(optical: np.ndarray, camera: Camera) -> np.ndarray:
    return optical[..., :2] / optical[..., 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def _corners(
    pixels: np.ndarray,
    optical: np.ndarray,
    crosses: np.ndarray,
    count: np.ndarray,
    chosen: np.ndarray,
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray]:
    corners = np.concatenate([pixels[chosen], pixels[chosen][:, -1:]], axis=1)
    counts = count[chosen].copy()
    for row in np.flatnonzero(crosses[chosen]):
        index = chosen[row]
        clipped = clip_near(optical[index, : count[index]], NEAR_M)
        counts[row] = len(clipped)
        if len(clipped):
            corners[row, : len(clipped)] = _to_pixels(clipped, camera)
    return corners, counts


def _lights(
    table: _Table,
    chosen: np.ndarray,
    world: np.ndarray,
    rgb: np.ndarray,
    camera: Camera,
    optical_from_world: np.ndarray,
) -> np.ndarray:
    shines = table.shape.glow[chosen] >= 1.0
    shining = chosen[shines]
    middle = world[shining].mean(1)
    mirrored = middle * np.array([1.0, 1.0, -1.0])
    place = middle @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    image = mirrored @ optical_from_world[:3, :3].T + optical_from_world[:3, 3]
    depth = np.maximum(place[:, 2], NEAR_M)
    u = place[:, 0] / depth * camera.fx + camera.cx
    v = place[:, 1] / depth * camera.fy + camera.cy
    mirror_v = image[:, 1] / np.maximum(image[:, 2], NEAR_M) * camera.fy + camera.cy
    return np.concatenate([np.stack([u, v, mirror_v, depth], 1), rgb[shines]], axis=1)


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
    chosen: np.ndarray,
    middle: np.ndarray,
    normal: np.ndarray,
    ego_from_world: np.ndarray,
    lighting: Lighting,
    eye: np.ndarray,
) -> np.ndarray:
    flat = table.shape.kind[chosen] == FACE
    facing_sun = np.where(flat, np.clip(0.38 + 0.62 * (normal @ lighting.sun_direction), 0.22, 1.0), 0.62)
    open_sky = np.where(flat, 1.13 + 0.05 * normal[:, 2], 1.10)
    light = lighting.ambient * open_sky[:, None] + lighting.sun * facing_sun[:, None]
    if lighting.darkness > 0.05:
        place = middle @ ego_from_world[:3, :3].T + ego_from_world[:3, 3]
        beam = headlight_pool(place[:, 0], place[:, 1]) * np.clip(1.35 - 0.45 * place[:, 2], 0.12, 1.0)
        light = light + BEAM_COLOUR * (lighting.darkness * beam)[:, None]
        lamps = table.lamp_light[chosen] * np.clip(1.15 - 0.07 * middle[:, 2], 0.2, 1.0)
        light = light + LAMP_COLOUR * (lighting.darkness * lamps)[:, None]
    light = np.minimum(light, 1.04)
    glow = table.shape.glow[chosen, None]
    rgb = table.shape.colour[chosen] * (light * (1.0 - glow) + glow)
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
    constant = 1.0 / np.maximum(optical[..., 2].mean(1), NEAR_M)
    zero = np.zeros_like(constant)
    return np.where(usable[:, None], np.stack([a, b, c], 1), np.stack([zero, zero, constant], 1))
