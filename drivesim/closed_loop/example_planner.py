"""An example of a planner, and the default to compare one's own with: it keeps its lane and its distance.

Steering is pure pursuit of the lane's middle (Coulter 1992, CMU-RI-TR-92-01), the distance is IDM's with a calm reaction
(Kesting et al. 2010), both on what was measured in the picture.
"""

from __future__ import annotations

import numpy as np

from drivesim.closed_loop.observation import Observation, SeenObject
from drivesim.traffic.behaviour import DriverParameters, following_acceleration, idm_free_acceleration
from drivesim.traffic.dimensions import EGO_FRONT_M, EGO_WIDTH_M

#: How far ahead it aims: so many seconds, at least so many metres.
_PREVIEW_S, _NEAREST_M = 1.3, 9.0
_MARGIN_M = 0.35
#: A leader that is not found for so long is gone; until then it is where its last speed took it.
_REMEMBER_S = 1.2
_HARDEST_BRAKING_MPS2 = 8.0
_MOST_LATERAL_MPS2 = 3.0


class LaneKeeper:
    """Lane keeping and IDM on measured tracks."""

    def __init__(self) -> None:
        self.driver = DriverParameters(headway_s=1.4, minimum_gap_m=3.0, acceleration=1.4, deceleration=2.2)
        self.reset()

    def reset(self) -> None:
        """Forget the last scenario."""
        self._leader: tuple[float, float, float] | None = None  # seen at (s), gap (m), speed (m/s)

    def plan(self, observation: Observation) -> tuple[float, float]:
        """Acceleration and curvature until the next observation."""
        return self._acceleration(observation), self._curvature(observation)

    def _curvature(self, seen: Observation) -> float:
        centre, speed = seen.route.centre, seen.ego.speed_mps
        reach = max(_PREVIEW_S * speed, _NEAREST_M)
        away = np.hypot(centre[:, 0], centre[:, 1])
        x, y = centre[int(np.argmin(np.abs(away - reach)))]
        sharpest = _MOST_LATERAL_MPS2 / max(speed, 1.0) ** 2
        return float(np.clip(2.0 * y / (x * x + y * y), -sharpest, sharpest))

    def _acceleration(self, seen: Observation) -> float:
        speed, wish = seen.ego.speed_mps, min(seen.route.target_speed_mps, 1.1 * seen.route.speed_limit_mps)
        ahead = [
            (gap, one.speed_mps * float(np.cos(one.yaw_rad)))
            for one in seen.objects
            if (gap := _gap(seen, one)) is not None
        ]
        if ahead:
            gap, lead = min(ahead)
            self._leader = (seen.t_s, gap, lead)
        if self._leader is None or seen.t_s - self._leader[0] > _REMEMBER_S:
            return float(idm_free_acceleration(speed, wish, self.driver.acceleration))
        at, gap, lead = self._leader
        gap = max(gap + (lead - speed) * (seen.t_s - at), 0.5)
        wanted = following_acceleration(speed, wish, gap, max(lead, 0.0), 0.0, self.driver)
        return float(np.clip(wanted, -_HARDEST_BRAKING_MPS2, self.driver.acceleration))


def _gap(seen: Observation, one: SeenObject) -> float | None:
    """Metres from the ego's bumper to someone in its way; None for who is not."""
    centre = seen.route.centre
    nearest = int(np.argmin(np.hypot(centre[:, 0] - one.x, centre[:, 1] - one.y)))
    sideways = abs(float(centre[nearest, 1]) - one.y)
    half = 0.5 * (one.width * abs(np.cos(one.yaw_rad)) + one.length * abs(np.sin(one.yaw_rad)))
    if one.x < EGO_FRONT_M or sideways > half + 0.5 * EGO_WIDTH_M + _MARGIN_M:
        return None
    return max(nearest * seen.route.spacing_m - EGO_FRONT_M - 0.5 * one.length, 0.1)
