"""From scenes to model controls: camera and box projection, layout raster, ego motion and attributes."""

from drivesim.conditioning.attributes import scene_attributes
from drivesim.conditioning.build import ALL_CONTROLS, LAYOUT, SceneControls, build_controls
from drivesim.conditioning.layout import LayoutPainter, draw_layout
from drivesim.conditioning.motion import ego_motion

__all__ = [
    "ALL_CONTROLS",
    "LAYOUT",
    "LayoutPainter",
    "SceneControls",
    "build_controls",
    "draw_layout",
    "ego_motion",
    "scene_attributes",
]
