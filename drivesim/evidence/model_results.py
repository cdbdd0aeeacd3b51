"""What is measured of models side by side, before it is put into sections."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from drivesim.evidence.rollout_cost import RolloutCost

#: Videos that are no model's: the clips themselves, and their first frames standing still.
RECORDED, FROZEN = "recorded", "frozen"


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoSet:
    """N videos of one source: by length the rows (N, D) that distances are taken of; ``shown`` are frames of the first.

    ``i3d`` holds rows of the network of published distances, where one was named.
    """

    rows: dict[int, np.ndarray]
    i3d: dict[int, np.ndarray] = field(default_factory=dict)
    shown: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelResult:
    """What was measured of one model. PSNR in dB of each clip's round trip, ``told`` with the layout told to the decoder."""

    name: str
    weights_sha256: str
    videos: VideoSet
    psnr: tuple[float, ...]
    psnr_told: tuple[float, ...]
    costs: tuple[RolloutCost, ...]
