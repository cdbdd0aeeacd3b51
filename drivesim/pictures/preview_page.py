"""One page on one moment of a scene: from above, through the camera, and as the layout that a model is told."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from drivesim.conditioning.build import LAYOUT, SceneControls
from drivesim.pictures.birds_eye import beyond, birds_eye
from drivesim.pictures.drawing import camera_overlay, layout_picture
from drivesim.scene import Environment, Scene
from drivesim.wording import number_of

_WIDTH, _PANEL = 1024, 512
_MOST_LISTED = 2
#: How the ids of traffic begin that no scenario names.
AMBIENT = "ambient"
_LINE, _MARGIN = 20, 12
_BACKGROUND, _TEXT, _QUIET = (24, 28, 34), (236, 240, 244), (150, 160, 172)


def preview_page(
    scene: Scene,
    frame: int,
    notes: Sequence[str] = (),
    image: np.ndarray | None = None,
    controls: SceneControls | None = None,
) -> np.ndarray:
    """A page of three panels under a heading: uint8 RGB (H, 1024, 3), H even.

    ``notes`` are further lines of the heading, ``image`` the camera picture to draw the boxes on (a plain road
    otherwise), ``controls`` those of the scene when many frames are drawn.
    """
    overlay = camera_overlay(scene, frame, image)
    layout = layout_picture((controls or SceneControls(scene, LAYOUT)).window(frame, frame + 1))
    height = 2 * round(_WIDTH * overlay.shape[0] / overlay.shape[1] / 2)
    hidden = beyond(scene, frame, _WIDTH, _PANEL)
    more = f", {number_of(len(hidden), 'actor')} beyond this picture: {_listed(hidden)}" if hidden else ""
    panels = (
        (f"from above (squares of 10 m){more}", birds_eye(scene, frame, _WIDTH, _PANEL)),
        ("boxes in the camera", cv2.resize(overlay, (_WIDTH, height), interpolation=cv2.INTER_AREA)),
        (
            "layout that the model is told (128 x 256)",
            cv2.resize(layout, (_WIDTH, height), interpolation=cv2.INTER_NEAREST),
        ),
    )
    parts = [_heading(scene, frame, notes)]
    for title, panel in panels:
        parts += [_caption(title), panel]
    return np.concatenate(parts)


def describe(environment: Environment) -> str:
    """Time of day and weather in a few words, such as ``21:30, overcast, rain, wet road``."""
    minutes = round(environment.hour * 60.0) % 1440
    words = [f"{minutes // 60:02d}:{minutes % 60:02d}", environment.sky]
    words += ["rain"] if environment.rain > 0.0 else []
    words += ["snow"] if environment.snow > 0.0 else []
    words += ["wet road"] if environment.wetness > 0.05 else []
    if np.isfinite(environment.fog_visibility_m):
        words.append(f"fog, {environment.fog_visibility_m:.0f} m visibility")
    words += ["street lights"] if environment.street_lights and environment.darkness > 0.0 else []
    return ", ".join(words)


def _listed(actors: Sequence[tuple[str, float]]) -> str:
    """The nearest of those beyond the picture, written ones first, each with how far ahead of the ego it is."""
    ordered = sorted(actors, key=lambda one: (one[0].startswith(AMBIENT), abs(one[1])))
    texts = [f"{name} at {ahead:.0f} m" for name, ahead in ordered[:_MOST_LISTED]]
    return ", ".join(texts) + (f" and {len(ordered) - _MOST_LISTED} more" if len(ordered) > _MOST_LISTED else "")


def _heading(scene: Scene, frame: int, notes: Sequence[str]) -> np.ndarray:
    speed = float(scene.ego.speed_mps[frame])
    present = [actor.id for actor in scene.actors if actor.track.present[frame]]
    ambient = sum(name.startswith(AMBIENT) for name in present)
    others = number_of(len(present) - ambient, "actor") + (f" and {ambient} of the ambient traffic" if ambient else "")
    moment = f"t = {frame / scene.fps:.1f} s of {len(scene) / scene.fps:.1f} s, ego {speed:.1f} m/s, {others}"
    lines = [f"{moment}, {describe(scene.environment)}", *notes]
    block = np.full((2 * _MARGIN + 26 + _LINE * len(lines), _WIDTH, 3), _BACKGROUND, dtype=np.uint8)
    cv2.putText(block, scene.name, (_MARGIN, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _TEXT, 1, cv2.LINE_AA)
    for index, line in enumerate(lines):
        at = (_MARGIN, 50 + _LINE * index)
        cv2.putText(block, _plain(line), at, cv2.FONT_HERSHEY_SIMPLEX, 0.44, _QUIET, 1, cv2.LINE_AA)
    return block


def _caption(text: str) -> np.ndarray:
    block = np.full((26, _WIDTH, 3), _BACKGROUND, dtype=np.uint8)
    cv2.putText(block, text, (_MARGIN, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.44, _QUIET, 1, cv2.LINE_AA)
    return block


def _plain(text: str) -> str:
    """OpenCV's fonts know ASCII only."""
    return text.replace("–", "-").replace("…", "...").replace("°", " deg").encode("ascii", "replace").decode()
