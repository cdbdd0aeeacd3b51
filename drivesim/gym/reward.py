"""The reward of a step, term by term."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from drivesim.closed_loop.loop import LoopStep
from drivesim.closed_loop.observation import EgoState, Route

#: Acceleration and force sideways that nobody minds, m/s².
_COMFORTABLE_MPS2 = 3.0


@dataclass(frozen=True, kw_only=True)
class RewardWeights:
    """What each term counts for; the reward is their weighted sum. 0 switches a term off.

    ``progress`` 0 to 1: how far the ego came, of the way at its target speed. The others are 0 at best and -1 at worst (collision, off_road: when
    it happens): ``lane`` offset from the lane's middle, of half its width; ``comfort`` squared acceleration and force
    sideways, of 3 m/s²; ``speeding`` speed above the limit, of a third of the limit.
    """

    progress: float = 1.0
    lane: float = 0.3
    comfort: float = 0.1
    speeding: float = 0.5
    collision: float = 20.0
    off_road: float = 20.0

    def reward(self, terms: dict[str, float]) -> float:
        """The weighted sum of the terms."""
        return float(sum(getattr(self, one.name) * terms[one.name] for one in fields(self)))


def terms_of(step: LoopStep, before: EgoState, ego: EgoState, route: Route, duration_s: float) -> dict[str, float]:
    """The terms of a step by name, unweighted."""
    driven_m = 0.5 * (before.speed_mps + ego.speed_mps) * duration_s * float(np.cos(route.heading_rad))
    target, limit = max(route.target_speed_mps, 1.0), max(route.speed_limit_mps, 1.0)
    gained = (ego.speed_mps - before.speed_mps) / duration_s
    sideways = ego.speed_mps * ego.yaw_rate_rps
    return {
        "progress": float(np.clip(driven_m / (target * duration_s), 0.0, 1.0)),
        "lane": -float(min(abs(route.offset_m) / (0.5 * route.lane_width_m), 1.0)),
        "comfort": -float(min((gained**2 + sideways**2) / _COMFORTABLE_MPS2**2, 1.0)),
        "speeding": -float(np.clip((ego.speed_mps / limit - 1.0) * 3.0, 0.0, 1.0)),
        "collision": -1.0 if step.collision else 0.0,
        "off_road": -1.0 if step.off_road else 0.0,
    }
