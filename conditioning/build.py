"""From a scene to the controls a model is told; training and inference both come through here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from drivesim.conditioning.attributes import scene_attributes
from drivesim.conditioning.flow import surface_flow
from drivesim.conditioning.layout import LayoutPainter
from drivesim.conditioning.motion import ego_motion
from drivesim.conditioning.scenery import SceneryPainter
from drivesim.conditioning.surfaces import BoxSurfaces, SurfacePainter
from drivesim.controls import LAYOUT_SIZE, RASTER_CHANNELS, Control, Controls
from drivesim.scene import Scene

ALL_CONTROLS: frozenset[Control] = frozenset(Control)

#: The controls that are rasters.
LAYOUT: frozenset[Control] = frozenset(RASTER_CHANNELS)


class SceneControls:
    """The controls of a long scene, drawn window by window on demand.

    A minutes-long scene would hold gigabytes of layouts; this holds the tracks only. ``window`` has the same meaning as
    :meth:`drivesim.controls.Controls.window`. ``with_flow``: the flow is told too, where the ego's motion is.
    ``causal``: no frame but the first, whose motion follows from the second, depends on later ones.
    """

    def __init__(
        self,
        scene: Scene,
        kinds: frozenset[Control] = ALL_CONTROLS,
        *,
        with_flow: bool = False,
        causal: bool = False,
    ) -> None:
        self.scene = scene
        # Of a scene without scenery nothing can be told of it; nor of the map without a road.
        unknown = {Control.SCENERY} if scene.scenery is None else set()
        unknown |= {Control.MAP} if scene.road is None else set()
        self.kinds = frozenset(kinds) - unknown
        self._painter = LayoutPainter(scene, causal=causal) if self.kinds & {Control.MAP, Control.ACTORS} else None
        self._scenery = SceneryPainter(scene) if Control.SCENERY in self.kinds else None
        self._flow = LayoutFlow(scene, self.kinds) if with_flow and Control.MOTION in self.kinds else None

    @property
    def num_frames(self) -> int:
        """Number of frames of the scene."""
        return len(self.scene)

    def given(self) -> frozenset[Control]:
        """The kinds of control that every window holds."""
        return self.kinds

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive); equal to the same window of all of them.

        Raises ValueError when the window is empty or leaves the scene.
        """
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(f"window [{start}, {stop}) is not inside the {self.num_frames} frames of this scene")
        told: dict[str, np.ndarray] = {}
        frames = range(start, stop)
        if self._painter is not None and Control.MAP in self.kinds:
            told["map"] = _drawn(self._painter.draw_map, Control.MAP, frames)
        if self._painter is not None and Control.ACTORS in self.kinds:
            told["actors"] = _drawn(self._painter.draw_actors, Control.ACTORS, frames)
        if self._scenery is not None:
            told["scenery"] = _drawn(self._scenery.draw, Control.SCENERY, frames)
        if self._flow is not None:
            told["flow"] = np.stack([self._flow.at(frame) for frame in frames])
        if Control.MOTION in self.kinds:
            told["motion"] = ego_motion(self.scene, start, stop)
        if Control.ATTRIBUTES in self.kinds:
            told["attributes"] = np.repeat(scene_attributes(self.scene)[None], stop - start, axis=0)
        return Controls(num_frames=stop - start, **told)


def _drawn(draw: Callable[[int, np.ndarray], np.ndarray], kind: Control, frames: range) -> np.ndarray:
    """Rasters (T, C, 128, 256) of ``frames``, each drawn where it stays: a copy of them would take a tenth of the time."""
    rasters = np.zeros((len(frames), len(RASTER_CHANNELS[kind]), *LAYOUT_SIZE), dtype=np.uint8)
    for frame, raster in zip(frames, rasters, strict=True):
        draw(frame, raster)
    return rasters


class LayoutFlow:
    """The flow of a scene's frames at the size of its rasters, from what ``kinds`` tell; see ``Controls.flow``."""

    def __init__(self, scene: Scene, kinds: frozenset[Control]) -> None:
        height, width = LAYOUT_SIZE
        self._painter = SurfacePainter(
            scene, width, height, actors=Control.ACTORS in kinds, scenery=Control.SCENERY in kinds
        )
        self._newest: tuple[int, BoxSurfaces] | None = None  # frames are asked for in order

    def at(self, frame: int) -> np.ndarray:
        """Flow float32 (3, 128, 256) of ``frame``; zeros for the first, before which nothing is known."""
        if frame == 0:
            return np.zeros((3, *LAYOUT_SIZE), dtype=np.float32)
        before = self._surfaces(frame - 1)
        now = self._surfaces(frame)
        flow = surface_flow(self._painter.scene, frame, frame - 1, now, before)
        return np.concatenate([np.moveaxis(flow.displacement, -1, 0), flow.valid[None].astype(np.float32)])

    def _surfaces(self, frame: int) -> BoxSurfaces:
        if self._newest is None or self._newest[0] != frame:
            self._newest = frame, self._painter.at(frame)
        return self._newest[1]


def build_controls(
    scene: Scene,
    start: int = 0,
    stop: int | None = None,
    kinds: frozenset[Control] = ALL_CONTROLS,
    *,
    with_flow: bool = False,
) -> Controls:
    """The controls of frames ``start`` to ``stop`` (exclusive, the end by default), with only the given kinds.

    Holds a megabyte of rasters a frame: for minutes use :class:`SceneControls`. Raises ValueError for an empty window.
    """
    return SceneControls(scene, kinds, with_flow=with_flow).window(start, len(scene) if stop is None else stop)
