"""The procedural world: a scene and an appearance seed in, pictures with exact labels out."""

from __future__ import annotations

import cv2
import numpy as np

from drivesim.clip import Clip
from drivesim.geometry import invert_rigid, wrap_angle
from drivesim.renderer.actors import ActorModel
from drivesim.renderer.arms import ArmPainter
from drivesim.renderer.ground import BASE_STEP_M, GroundPainter
from drivesim.renderer.ground_light import GroundLight
from drivesim.renderer.lighting import Lighting, lighting_of
from drivesim.renderer.painter import paint_labels, paint_rgb
from drivesim.renderer.palette import palette_of
from drivesim.renderer.projection import Drawable, polygons_of
from drivesim.renderer.roadside import Roadside, StandingObject
from drivesim.renderer.semantics import RenderedFrame, Semantic
from drivesim.renderer.shadows import shadow_mask
from drivesim.renderer.sky import SkyPainter
from drivesim.renderer.street_lamps import lamp_light
from drivesim.renderer.view import CameraView, nearest_on_road, road_coordinates
from drivesim.renderer.weather import add_halos, precipitation, reflect_lights
from drivesim.road import Road, Strip
from drivesim.scene import Box, Pose, Scene
from drivesim.scenery import BUCKET_M, Scenery, paved_edges

#: Scenery grows out of the ground between these distances, so that nothing pops into view.
FAR_M, FULL_SIZE_M = 250.0, 185.0


def plain_road() -> Road:
    """The road of a scene that names none: two straight lanes, 7 m of asphalt."""
    reference = np.stack([np.linspace(-100.0, 1000.0, 12), np.zeros(12), np.zeros(12)], 1)
    strips = (Strip(kind="asphalt", right=-5.25, left=1.75),)
    return Road(
        road_type="rural", reference=reference, s_start=-100.0, spacing=100.0, strips=strips, lines=(), lanes=()
    )


class ProceduralWorld:
    """Renders one scene; equal (scene, appearance_seed, frame, size) give equal pixels, in any order of calls."""

    def __init__(self, scene: Scene, appearance_seed: int) -> None:
        self.scene, self.appearance_seed = scene, appearance_seed
        self.road = scene.road or plain_road()
        environment = scene.environment
        self.lighting: Lighting = lighting_of(environment, appearance_seed)
        palette = palette_of(self.road.road_type, appearance_seed, environment.snow, self.lighting.wetness)
        self._ground = GroundPainter(self.road, palette, self.lighting)
        self._arms = ArmPainter(self.road, palette, self.lighting)
        # A scene that names no scenery has none to be told; what is drawn then is the appearance's own.
        own = Scenery(road=self.road, seed=appearance_seed, lamps=environment.street_lights)
        self._roadside = Roadside(scene.scenery or own, self.lighting)
        self._actors = [ActorModel(actor, appearance_seed, scene.fps) for actor in scene.actors]
        self._views: dict[tuple[int, int, float], tuple[CameraView, SkyPainter, GroundLight]] = {}
        self._ego_s = self._follow_road()

    def __reduce__(self) -> tuple[type[ProceduralWorld], tuple[Scene, int]]:
        return type(self), (self.scene, self.appearance_seed)

    def _follow_road(self) -> np.ndarray:
        ego = self.scene.ego
        s = np.empty(len(ego))
        x, y = ego.positions[:1, 0], ego.positions[:1, 1]
        guess = float(nearest_on_road(self.road, x, y, self.road.s_start, self.road.s_end)[0][0])
        for frame in range(len(ego)):
            x, y = ego.positions[frame, :1], ego.positions[frame, 1:2]
            step = 0.0 if frame == 0 else float(np.hypot(*(ego.positions[frame] - ego.positions[frame - 1])[:2]))
            found, _ = nearest_on_road(self.road, x, y, guess - 30.0 - step, guess + 30.0 + step, step=2.0)
            guess = s[frame] = float(found[0])
        return s

    def render(self, frame: int, width: int = 1024, height: int = 512) -> RenderedFrame:
        """The frame with depth, semantic classes and instances; sizes in pixels."""
        rgb, labels = self._render(frame, width, height, with_labels=True)
        assert labels is not None
        return RenderedFrame(rgb, *labels)

    def render_rgb(self, frame: int, width: int = 1024, height: int = 512) -> np.ndarray:
        """Only the picture, uint8 (H, W, 3): the same pixels as :meth:`render`, sooner."""
        return self._render(frame, width, height, with_labels=False)[0]

    def _view(self, width: int, height: int, ego_height: float) -> tuple[CameraView, SkyPainter, GroundLight]:
        key = (width, height, round(ego_height, 3))
        if key not in self._views:
            camera = self.scene.camera.resized(width, height)
            view = CameraView.of(camera, camera.mount.z + ego_height)
            sky = SkyPainter(view, self.lighting, self.road.road_type, self.appearance_seed)
            self._views[key] = (view, sky, GroundLight(view, self.lighting))
        return self._views[key]

    def _render(
        self, frame: int, width: int, height: int, with_labels: bool
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
        ego = self.scene.ego.pose(frame)
        view, _, _ = self._view(width, height, ego.z)
        optical = view.camera.optical_from_world(ego)
        boxes = [(i, a.box(frame)) for i, a in enumerate(self.scene.actors) if a.track.present[frame]]
        standing = self._standing(view, ego, float(self._ego_s[frame]), self.scene.start_s + frame / self.scene.fps)
        picture, ground_class = self._background(frame, width, height, optical, [box for _, box in boxes], standing)
        drawables = [Drawable(thing.shape, thing.order, 0, thing.lamp_light, grow) for thing, grow in standing]
        drawables += self._actor_drawables(view, ego, frame, boxes)
        polygons = polygons_of(drawables, view.camera, optical, invert_rigid(ego.matrix()), self.lighting)
        reflect_lights(picture, polygons.lights, self.lighting, view.camera.fy)
        labels = None
        if with_labels:
            depth = np.full((height, width), np.inf, dtype=np.float32)
            depth[view.top :][view.is_ground] = view.depth[view.is_ground]
            semantic = np.full((height, width), Semantic.SKY, dtype=np.uint8)
            semantic[view.top :] = np.where(view.is_ground, ground_class, np.uint8(Semantic.SKY))
            labels = (depth, semantic, np.zeros((height, width), dtype=np.uint16))
            paint_labels(polygons, *labels)
        rgb = paint_rgb(cv2.convertScaleAbs(picture, alpha=255.0), polygons)
        add_halos(rgb, polygons.lights, self.lighting, view.camera.fy)
        precipitation(rgb, self.lighting.rain, self.lighting.snow, self.appearance_seed, frame)
        return rgb, labels

    def _background(
        self,
        frame: int,
        width: int,
        height: int,
        optical: np.ndarray,
        boxes: list[Box],
        standing: list[tuple[StandingObject, float]],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sky and ground float32 (H, W, 3), and the classes uint8 (rows, W) of the ground."""
        ego = self.scene.ego.pose(frame)
        view, sky, light = self._view(width, height, ego.z)
        painted = sky.paint(ego.yaw_rad)
        if view.top >= height:
            return painted, np.zeros((0, width), dtype=np.uint8)
        ego_s = float(self._ego_s[frame])
        base = float(np.floor(ego_s / BASE_STEP_M) * BASE_STEP_M)
        at = road_coordinates(view, self.road, ego, ego_s, base)
        albedo, ground_class = self._ground.paint(at, ego_s)
        self._arms.lay(view, ego, albedo, ground_class)
        cast = [thing.shadow for thing, grow in standing if thing.shadow is not None and grow > 0.5]
        shadow = shadow_mask(view, optical, boxes, cast, self.lighting)
        picture = np.empty((height, width, 3), dtype=np.float32)
        picture[view.top :] = light.apply(albedo, shadow, at, paved_edges(self.road, ego_s))
        picture[: view.top] = painted[: view.top]
        mixed = slice(view.top, view.sky_bottom)
        shared = view.is_ground[: max(0, view.sky_bottom - view.top), :, None]
        picture[mixed] = np.where(shared, picture[mixed], painted[view.top :])
        return picture, ground_class

    def _standing(self, view: CameraView, ego: Pose, ego_s: float, time_s: float) -> list[tuple[StandingObject, float]]:
        """Scenery in view, each with the share 0-1 of its full height that it has grown to."""
        far = min(FAR_M, 4.5 / self.lighting.extinction)
        first, last = int((ego_s - 24.0) // BUCKET_M), int((ego_s + far) // BUCKET_M)
        things = [thing for bucket in range(first, last + 1) for thing in self._roadside.standing(bucket)]
        for key in self._roadside.scenery.arm_buckets(ego_s, ego.x, ego.y, 24.0, far):
            things += self._roadside.on_arm(*key)
        heads = self._roadside.scenery.signals(ego_s, time_s, 24.0, far)
        things += [self._roadside.signal(head) for head in heads]
        if not things:
            return []
        offset = np.array([thing.order for thing in things]) - (ego.x, ego.y)
        distance = np.hypot(offset[:, 0], offset[:, 1])
        grow = np.clip((FAR_M - distance) / (FAR_M - FULL_SIZE_M), 0.0, 1.0)
        bearing = wrap_angle(np.arctan2(offset[:, 1], offset[:, 0]) - ego.yaw_rad - view.bearing)
        seen = (grow > 0.02) & ((distance < 40.0) | (np.abs(bearing) < view.half_angle + 0.35))
        return [(things[index], float(grow[index])) for index in np.flatnonzero(seen)]

    def _actor_drawables(self, view: CameraView, ego: Pose, frame: int, boxes: list[tuple[int, Box]]) -> list[Drawable]:
        if not boxes:
            return []
        ego_s = float(self._ego_s[frame])
        x, y = np.array([b.x for _, b in boxes]), np.array([b.y for _, b in boxes])
        offset_x, offset_y = x - ego.x, y - ego.y
        distance = np.hypot(offset_x, offset_y)
        size = np.array([b.length + b.width for _, b in boxes])
        bearing = np.abs(wrap_angle(np.arctan2(offset_y, offset_x) - ego.yaw_rad - view.bearing))
        seen = (distance < 15.0 + size) | (bearing < view.half_angle + (size + 3.0) / np.maximum(distance, 1.0))
        lights = np.zeros(len(boxes))
        if self.lighting.street_lights:
            s, d = nearest_on_road(self.road, x, y, ego_s - 60.0, ego_s + 400.0)
            lights = lamp_light(s, d, paved_edges(self.road, ego_s))
        mount = ego.matrix()[:3, :3] @ np.array([view.camera.mount.x, view.camera.mount.y, 0.0])
        drawables = []
        for place in np.flatnonzero(seen):
            index, box = boxes[place]
            shape = self._actors[index].shape(frame).placed(box.x, box.y, box.z - 0.5 * box.height, box.yaw_rad)
            order = _nearest_point(box, ego.x + mount[0], ego.y + mount[1])
            drawables.append(Drawable(shape, order, index + 1, float(lights[place])))
        return drawables


def _nearest_point(box: Box, x: float, y: float) -> tuple[float, float]:
    cosine, sine = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    dx, dy = x - box.x, y - box.y
    along = float(np.clip(cosine * dx + sine * dy, -0.5 * box.length, 0.5 * box.length))
    across = float(np.clip(-sine * dx + cosine * dy, -0.5 * box.width, 0.5 * box.width))
    return box.x + cosine * along - sine * across, box.y + sine * along + cosine * across


def render_clip(
    scene: Scene, appearance_seed: int, start: int, stop: int, width: int = 1024, height: int = 512
) -> Clip:
    """Frames ``start`` to ``stop`` (exclusive) of ``scene`` as a clip at the scene's rate."""
    world = ProceduralWorld(scene, appearance_seed)
    frames = np.stack([world.render_rgb(frame, width, height) for frame in range(start, stop)])
    return Clip(frames, scene.fps)


__all__ = ["ProceduralWorld", "RenderedFrame", "Semantic", "render_clip"]
