"""Who does not react: goes exactly as written, as a target on a platform or a car without assistance does in a test."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.traffic.behaviour import Mask, Slots
from drivesim.traffic.fleet import Fleet


def steady_accelerations(fleet: Fleet, slots: Slots, scripted: FloatArray, dt: float, time_s: float) -> FloatArray:
    """Accelerations (R,) in m/s² that lead to the written speeds within the step; ``scripted`` (R,) where that is not NaN."""
    goal = np.where(_share(fleet, slots, dt, time_s) > 0.0, fleet.desired[slots], 0.0)
    return np.where(np.isnan(scripted), (goal - fleet.v[slots]) / dt, scripted)


def steady_ways(fleet: Fleet, slots: Slots, ways: FloatArray, dt: float, time_s: float) -> FloatArray:
    """``ways`` (R,) in metres of this step, exact for those who are steady: who sets off within the step goes for the rest of it."""
    exact = _share(fleet, slots, dt, time_s) * fleet.desired[slots] * dt
    return np.where(_undisturbed(fleet, slots), exact, ways)


def _share(fleet: Fleet, slots: Slots, dt: float, time_s: float) -> FloatArray:
    """Share (R,) of the step for which each has set off."""
    return np.asarray(np.clip((time_s + dt - fleet.waits[slots]) / dt, 0.0, 1.0))


def _undisturbed(fleet: Fleet, slots: Slots) -> Mask:
    at_pace = np.isnan(fleet.script_a[slots]) & (fleet.follows[slots] <= 0) & (fleet.reverse_mps[slots] <= 0.0)
    return np.asarray(fleet.steady[slots] & at_pace)
