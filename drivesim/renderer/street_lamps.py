"""The light that street lamps throw on the road: a periodic pattern in road coordinates."""

from __future__ import annotations

import numpy as np

from drivesim.scenery import LAMP_SPACING_M

_POOL_ALONG_M, _POOL_ACROSS_M = 12.0, 7.5
_POOL_INSET_M = 2.4


def lamp_light(along: np.ndarray, across: np.ndarray, edges: tuple[float, float]) -> np.ndarray:
    """Light (like ``along``, 0-1) of the lamps at road coordinates whose s counts from any multiple of the spacing."""
    light = np.zeros_like(along)
    spacing = along.dtype.type(LAMP_SPACING_M)
    for phase, d in ((0.0, edges[0] + _POOL_INSET_M), (0.5 * LAMP_SPACING_M, edges[1] - _POOL_INSET_M)):
        turns = (along - along.dtype.type(phase)) / spacing
        gap = (turns - np.round(turns)) * along.dtype.type(LAMP_SPACING_M / _POOL_ALONG_M)
        aside = (across - along.dtype.type(d)) * along.dtype.type(1.0 / _POOL_ACROSS_M)
        light += np.exp(-(gap * gap) - aside * aside)
    return light
