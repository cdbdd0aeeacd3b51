"""What trees and bushes cover of the boxes that tell them: outlines that face the camera, as the renderer's crowns do."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.scenery import SceneryBoxes, ThingKind

#: Corners of every outline.
CROWN_CORNERS = 12

_TURN = np.linspace(0.0, 2.0 * np.pi, CROWN_CORNERS, endpoint=False)
_ROUND = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_POINTED = [(1.1, -1.0), (0.1, 1.0), (-0.1, 1.0), (-1.1, -1.0)]

#: Outlines (CROWN_CORNERS, 2), counter-clockwise: how far right and up from the middle of the box, as shares of half its width and
#: height. A conifer's foot is a little wider than its box.
CROWNS: dict[ThingKind, FloatArray] = {
    ThingKind.TREE: _ROUND,
    ThingKind.CONIFER: np.array(_POINTED + _POINTED[-1:] * (CROWN_CORNERS - len(_POINTED))),
    ThingKind.BUSH: np.maximum(_ROUND * (1.0, 1.1) - (0.0, 0.1), (-np.inf, -1.0)),
}

_KINDS = tuple(ThingKind)
_HAS_CROWN = np.array([kind in CROWNS for kind in ThingKind])


def crowns_among(things: SceneryBoxes, numbers: np.ndarray) -> dict[int, ThingKind]:
    """Which rows of a batch hold a crown, and of what kind; ``numbers`` (A,) say which of ``things`` each row is, negative for none."""
    rows = np.flatnonzero(numbers >= 0)
    chosen = numbers[rows]
    crowned = _HAS_CROWN[things.kinds[chosen]] & ~things.is_support[chosen]
    return {int(row): _KINDS[things.kinds[number]] for row, number in zip(rows[crowned], chosen[crowned], strict=True)}


def crown_outlines(kinds: list[ThingKind], corners: FloatArray) -> FloatArray:
    """Outlines (C, CROWN_CORNERS, 3) of crowns of ``kinds``, those of CROWNS, in the middle of their boxes, turned towards the camera.

    ``corners`` (C, 8, 3) are the boxes', in the optical frame, bottom first. Crowns are as deep as the middle of the box, where the
    renderer draws them; the box's own faces lie up to half its width before.
    """
    bottom, top = corners[:, :4].mean(axis=1), corners[:, 4:].mean(axis=1)
    middle, up = 0.5 * (bottom + top), 0.5 * (top - bottom)
    half_width = 0.5 * np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)
    right = np.cross(middle, up)  # level, and across the line of sight
    right *= (half_width / np.maximum(np.linalg.norm(right, axis=1), 1e-9))[:, None]
    shares = np.stack([CROWNS[kind] for kind in kinds])
    return middle[:, None] + shares[..., :1] * right[:, None] + shares[..., 1:] * up[:, None]
