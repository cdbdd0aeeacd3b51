"""From a scene to the controls a model is told; training and inference both come through here."""

from __future__ import annotations

import numpy as np

from drivesim.conditioning.attributes import scene_attributes
from drivesim.conditioning.layout import LayoutPainter
from drivesim.conditioning.motion import ego_motion
from drivesim.conditioning.scenery import SceneryPainter
from drivesim.controls import Control, Controls
from drivesim.scene import Scene

ALL_CONTROLS: frozenset[Control] = frozenset(Control)


class SceneControls:
    """The controls of a long scene, drawn window by window on demand.

    A minutes-long scene would hold hundreds of megabytes of layouts; this holds the tracks only. ``window`` has the
    same meaning as :meth:`drivesim.controls.Controls.window`.
    """

    def __init__(self, scene: Scene, kinds: frozenset[Control] = ALL_CONTROLS) -> None:
        self.scene = scene
        # Of a scene without scenery nothing can be told of it.
        unknown = {Control.SCENERY} if scene.scenery is None else set()
        self.kinds = frozenset(kinds) - unknown
        self._painter = LayoutPainter(scene) if Control.LAYOUT in self.kinds else None
        self._scenery = SceneryPainter(scene) if Control.SCENERY in self.kinds else None

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
        layout = scenery = motion = attributes = None
        if self._painter is not None:
            layout = np.stack([self._painter.draw(frame) for frame in range(start, stop)])
        if self._scenery is not None:
            scenery = np.stack([self._scenery.draw(frame) for frame in range(start, stop)])
        if Control.MOTION in self.kinds:
            motion = ego_motion(self.scene, start, stop)
        if Control.ATTRIBUTES in self.kinds:
            attributes = np.repeat(scene_attributes(self.scene)[None], stop - start, axis=0)
        return Controls(num_frames=stop - start, layout=layout, scenery=scenery, motion=motion, attributes=attributes)


def build_controls(
    scene: Scene, start: int = 0, stop: int | None = None, kinds: frozenset[Control] = ALL_CONTROLS
) -> Controls:
    """The controls of frames ``start`` to ``stop`` (exclusive, the end by default), with only the given kinds.

    Holds 155 kB of layout and 98 kB of scenery a frame: for minutes use :class:`SceneControls`. Raises ValueError for an empty window.
    """
    return SceneControls(scene, kinds).window(start, len(scene) if stop is None else stop)
