"""Sizes of traffic participants by category and preset, and the size of the ego vehicle; metres.

Typical values of current European vehicles and of the nuScenes annotations; small variation is drawn around them.
"""

from __future__ import annotations

import numpy as np

from drivesim.scene import CATEGORY_SIZES

Size = tuple[float, float, float]

#: Length, width, height by preset, which override those of its category.
PRESET_SIZES: dict[str, Size] = {
    "saloon": (4.7, 1.85, 1.45),
    "hatchback": (4.3, 1.8, 1.48),
    "van": (5.2, 2.0, 2.2),
    "estate": (4.7, 1.85, 1.5),
    "suv": (4.6, 1.92, 1.7),
    "small": (3.8, 1.7, 1.48),
    "child": (0.45, 0.45, 1.25),
}
#: Relative standard deviation of each size where exemplars differ.
_SPREAD: dict[str, float] = {"truck": 0.09, "traffic_cone": 0.06, "barrier": 0.05, "construction_vehicle": 0.08}

EGO_LENGTH_M = 4.6
EGO_WIDTH_M = 1.85
EGO_HEIGHT_M = 1.5
#: From the ego's origin (rear axle) to its front and rear bumper.
EGO_FRONT_M = 3.6
EGO_REAR_M = 1.0
#: From its rear axle to its front axle.
EGO_WHEELBASE_M = 2.7


def size_of(category: str, preset: str | None = None, rng: np.random.Generator | None = None) -> Size:
    """Length, width, height (metres) of a category or preset; varied by a few per cent when ``rng`` is given.

    Raises KeyError for a category that is not one of the ten classes; an unknown preset falls back to its category.
    """
    typical = CATEGORY_SIZES[category]
    if preset in PRESET_SIZES:
        typical = PRESET_SIZES[preset]
    if rng is None:
        return typical
    spread = _SPREAD.get(category, 0.035)
    shares = (spread, 0.35 * spread, 0.6 * spread)
    drawn = [min(max(float(value), -2.0), 2.0) for value in rng.normal(size=3)]
    length, width, height = (
        round(value * (1.0 + share * deviation), 2)
        for value, share, deviation in zip(typical, shares, drawn, strict=True)
    )
    return length, width, height
