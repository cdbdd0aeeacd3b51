"""The procedural world: a scene and an appearance seed in, pictures with exact labels out."""

from __future__ import annotations

import numpy as np

from drivesim.clip import Clip
from drivesim.datasets.procedural.actors import ActorModel
from drivesim.datasets.procedural.ground import BASE_STEP_M, GroundPainter
from drivesim.datasets.procedural.lighting import BEAM_COLOUR, LAMP_COLOUR, Lighting, headlight_pool, lighting_of
from drivesim.datasets.procedural.painter import Drawable, paint_labels, paint_rgb, polygons_of
from drivesim.datasets.procedural.palette import palette_of
from drivesim.datasets.procedural.roadside import BUCKET_M, LAMP_SPACING_M, Roadside, Standing, asphalt_edges
from drivesim.datasets.procedural.semantics import RenderedFrame, Semantic
from drivesim.datasets.procedural.shadows import shadow_mask
from drivesim.datasets.procedural.sky import SkyPainter
from drivesim.datasets.procedural.view import CameraView, RoadCoordinates, nearest_on_road, road_coordinates
from drivesim.datasets.procedural.weather import add_halos, precipitation, reflect_lights
from drivesim.geometry import invert_rigid
from drivesim.road import Road, Strip
from drivesim.scene import Box, Pose, Scene

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
        self._roadside = Roadside(self.road, palette, appearance_seed, self.lighting.street_lights, environment.snow)
        self._actors = [ActorModel(actor, appearance_seed, scene.fps) for actor in scene.actors]
        self._views: dict[tuple[int, int, float], tuple[CameraView, SkyPainter]] = {}
        self._ego_s = self._follow_road()

    def _follow_road(self) -> np.ndarray:
        ego = self.scene.ego
        s = np.empty(len(ego))
        guess = 0.0
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

    def _view(self, width: int, height: int, ego_height: float) -> tuple[CameraView, SkyPainter]:
        key = (width, height, round(ego_height, 3))
        if key not in self._views:
            camera = self.scene.camera.resized(width, height)
            view = CameraView.of(camera, camera.mount.z + ego_height)
            sky = SkyPainter(view, self.lighting, self.road.road_type, self.appearance_seed)
            self._views[key] = (view, sky)
        return self._views[key]

    def _render(
        self, frame: int, width: int, height: int, with_labels: bool
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray] | None]:
        ego = self.scene.ego.pose(frame)
        view, sky = self._view(width, height, ego.z)
        ego_s = float(self._ego_s[frame])
        base = float(np.floor(ego_s / BASE_STEP_M) * BASE_STEP_M)
        at = road_coordinates(view, self.road, ego, ego_s, base)
        albedo, ground_class = self._ground.paint(at, ego_s)
        boxes = [
            (i, box)
            for i, actor in enumerate(self.scene.actors)
            if actor.track.present[frame]
            for box in [actor.box(frame)]
        ]
        standing = self._standing(ego, ego_s)
        optical = view.camera.optical_from_world(ego)
        ground = self._lit_ground(view, at, albedo, optical, boxes, standing)
        picture = np.empty((height, width, 3), dtype=np.float32)
        picture[: view.sky_bottom] = sky.paint(ego.yaw_rad)
        picture[view.top :] = np.where(view.is_ground[..., None], ground, picture[view.top :])
        drawables = self._drawables(ego, frame, boxes, standing)
        polygons = polygons_of(drawables, view.camera, optical, invert_rigid(ego.matrix()), self.lighting)
        reflect_lights(picture, polygons.lights, self.lighting, view.camera.fy)
        background = np.clip(picture * 255.0 + 0.5, 0, 255).astype(np.uint8)
        labels = None
        if with_labels:
            depth = np.full((height, width), np.inf, dtype=np.float32)
            depth[view.top :][view.is_ground] = view.depth[view.is_ground]
            semantic = np.full((height, width), Semantic.SKY, dtype=np.uint8)
            semantic[view.top :] = np.where(view.is_ground, ground_class, np.uint8(Semantic.SKY))
            labels = (depth, semantic, np.zeros((height, width), dtype=np.uint16))
            paint_labels(polygons, *labels)
        rgb = paint_rgb(background, polygons)
        add_halos(rgb, polygons.lights, self.lighting, view.camera.fy)
        precipitation(rgb, self.lighting.rain, self.lighting.snow, self.appearance_seed, frame)
        return rgb, labels

    def _standing(self, ego: Pose, ego_s: float) -> list[tuple[Standing, float]]:
        far = min(FAR_M, 4.5 / self.lighting.extinction)
        first, last = int((ego_s - 24.0) // BUCKET_M), int((ego_s + far) // BUCKET_M)
        chosen = []
        for bucket in range(first, last + 1):
            for thing in self._roadside.standing(bucket):
                distance = float(np.hypot(thing.order[0] - ego.x, thing.order[1] - ego.y))
                grow = min(1.0, (FAR_M - distance) / (FAR_M - FULL_SIZE_M))
                if grow > 0.02:
                    chosen.append((thing, grow))
        return chosen

    def _lamp_light(self, along: np.ndarray, across: np.ndarray, centre_s: float) -> np.ndarray:
        if not self.lighting.street_lights:
            return np.zeros_like(along)
        right, left = asphalt_edges(self.road, centre_s)
        light = np.zeros_like(along)
        spacing = np.float32(LAMP_SPACING_M)
        for phase, d in ((0.0, right + 2.4), (0.5 * LAMP_SPACING_M, left - 2.4)):
            gap = np.mod(along - np.float32(phase) + 0.5 * spacing, spacing) - 0.5 * spacing
            light += np.exp(-((gap / np.float32(12.0)) ** 2) - ((across - np.float32(d)) / np.float32(7.5)) ** 2)
        return light

    def _lit_ground(
        self,
        view: CameraView,
        at: RoadCoordinates,
        albedo: np.ndarray,
        optical: np.ndarray,
        boxes: list[tuple[int, Box]],
        standing: list[tuple[Standing, float]],
    ) -> np.ndarray:
        lighting = self.lighting
        casters = [thing for thing, grow in standing if thing.footprint is not None and grow > 0.5]
        shadow = shadow_mask(view, optical, [box for _, box in boxes], casters, lighting)
        light = lighting.ground().astype(np.float32) * (np.float32(1.0) - shadow[..., None])
        if lighting.darkness > 0.05:
            beam = headlight_pool(view.forward, view.left)[..., None] * (1.0 - 0.6 * shadow[..., None])
            light = light + beam * (BEAM_COLOUR * lighting.darkness).astype(np.float32)
            lamps = self._lamp_light(at.along, at.across, at.base)
            light = light + lamps[..., None] * (LAMP_COLOUR * lighting.darkness).astype(np.float32)
        ground = albedo * np.minimum(light, np.float32(1.15))
        if lighting.wetness > 0.05:
            shine = np.clip(view.range_m / 90.0, 0.0, 1.0) * np.float32(0.42 * min(1.0, lighting.wetness * 1.3))
            ground += shine[..., None] * (lighting.horizon.astype(np.float32) - ground)
        clear = np.exp(view.range_m * np.float32(-lighting.extinction))[..., None]
        return ground * clear + lighting.fog.astype(np.float32) * (1.0 - clear)

    def _drawables(
        self, ego: Pose, frame: int, boxes: list[tuple[int, Box]], standing: list[tuple[Standing, float]]
    ) -> list[Drawable]:
        lit = self.lighting.street_lights
        drawables = []
        for thing, grow in standing:
            light = 0.0
            if lit:
                light = float(self._lamp_light(np.array([thing.s]), np.array([thing.d]), thing.s)[0])
            drawables.append(Drawable(thing.shape, thing.order, 0, light, grow))
        if boxes:
            x, y = np.array([b.x for _, b in boxes]), np.array([b.y for _, b in boxes])
            s, d = nearest_on_road(self.road, x, y, float(self._ego_s[frame]) - 60.0, float(self._ego_s[frame]) + 400.0)
            lights = self._lamp_light(s, d, float(self._ego_s[frame])) if lit else np.zeros(len(boxes))
            eye = ego.matrix()[:3, :3] @ np.array([self.scene.camera.mount.x, self.scene.camera.mount.y, 0.0])
            for (index, box), light in zip(boxes, lights, strict=True):
                shape = self._actors[index].shape(frame).placed(box.x, box.y, box.z - 0.5 * box.height, box.yaw_rad)
                order = _nearest_point(box, ego.x + eye[0], ego.y + eye[1])
                drawables.append(Drawable(shape, order, index + 1, float(light)))
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
