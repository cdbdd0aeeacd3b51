"""Behaviour of traffic participants as pure functions: following, changing lanes, walking, riding.

All functions take scalars or arrays that broadcast; metres, seconds, metres a second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivesim.geometry import FloatArray

Number = FloatArray | float
Slots = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class DriverParameters:
    """How one driver follows: IDM parameters with the meanings and typical values of Treiber et al. 2000, table 1.

    ``headway_s`` time gap, ``minimum_gap_m`` gap at standstill, ``acceleration`` and ``deceleration`` comfortable
    values in m/s², ``politeness`` of MOBIL.
    """

    headway_s: Number = 1.3
    minimum_gap_m: Number = 2.2
    acceleration: Number = 1.4
    deceleration: Number = 2.0
    politeness: Number = 0.3


def _drawn(rng: np.random.Generator, mean: float, spread: float, least: float, most: float) -> float:
    """A normal value held between two bounds."""
    return min(max(float(rng.normal(mean, spread)), least), most)


def draw_driver(rng: np.random.Generator, heavy: bool = False) -> DriverParameters:
    """A driver drawn around the typical values; heavy vehicles accelerate less and keep more distance.

    The spreads follow the calibrations to trajectories of Kesting and Treiber 2008 (doi:10.3141/2088-16).
    """
    return DriverParameters(
        headway_s=_drawn(rng, 1.5 if heavy else 1.2, 0.3, 0.7, 2.2),
        minimum_gap_m=_drawn(rng, 2.2, 0.4, 1.4, 3.5),
        acceleration=_drawn(rng, 0.8 if heavy else 1.5, 0.3, 0.5, 2.4),
        deceleration=_drawn(rng, 1.9, 0.4, 1.2, 3.2),
        politeness=_drawn(rng, 0.3, 0.2, 0.0, 0.9),
    )


def draw_pace_factor(rng: np.random.Generator) -> float:
    """Factor on a driver's desired speed until he next changes his mind: three in ten ease off, three in ten press on.

    Within the spread of free speeds on one road, whose standard deviation is about a tenth of the mean.
    """
    mind = rng.random()
    if mind < 0.3:
        return float(rng.uniform(0.78, 0.92))
    if mind < 0.6:
        return float(rng.uniform(1.07, 1.2))
    return _drawn(rng, 1.0, 0.04, 0.9, 1.1)


def draw_walker(rng: np.random.Generator) -> DriverParameters:
    """How a pedestrian keeps behind others: short gaps and quick starts (Seyfried et al. 2005, 0.4 m and 0.5-1 s)."""
    return DriverParameters(
        headway_s=float(rng.uniform(0.3, 0.6)),
        minimum_gap_m=float(rng.uniform(0.3, 0.6)),
        acceleration=1.2,
        deceleration=1.5,
        politeness=0.5,
    )


def idm_free_acceleration(speed: Number, desired_speed: Number, acceleration: Number) -> FloatArray:
    """Acceleration on a free road; source: intelligent driver model, Treiber et al. 2000, eq. 2, delta = 4.

    Above the desired speed the pull back is softened as in Treiber and Kesting 2013, eq. 11.26 (improved IDM). Who wants to
    stand comes to a stand, and stays.
    """
    speed, desired = np.asarray(speed, dtype=np.float64), np.asarray(desired_speed, dtype=np.float64)
    # Standing is reached when wanted: the ratio of no speed to none is 1, of any other speed to none endless.
    goes = desired > 0.0
    ratio = np.where(goes, speed / np.where(goes, desired, 1.0), np.where(speed > 0.0, np.inf, 1.0))
    slower = np.minimum(ratio, 1.0)
    return np.where(ratio <= 1.0, acceleration * (1.0 - slower**4), np.maximum(-1.5 * (ratio - 1.0) * 3.0, -2.0))


def idm_desired_gap(speed: Number, lead_speed: Number, parameters: DriverParameters) -> FloatArray:
    """Gap s* that a follower wants, metres; source: Treiber et al. 2000, eq. 4."""
    braking = (
        speed * (np.asarray(speed) - lead_speed) / (2.0 * np.sqrt(parameters.acceleration * parameters.deceleration))
    )
    return parameters.minimum_gap_m + np.maximum(0.0, speed * np.asarray(parameters.headway_s) + braking)


def idm_acceleration(
    speed: Number, desired_speed: Number, gap: Number, lead_speed: Number, parameters: DriverParameters
) -> FloatArray:
    """Acceleration behind a leader at bumper-to-bumper ``gap``; source: Treiber, Hennecke, Helbing 2000, eqs. 2-4."""
    free = idm_free_acceleration(speed, desired_speed, parameters.acceleration)
    wanted = idm_desired_gap(speed, lead_speed, parameters)
    return np.asarray(free - parameters.acceleration * (wanted / np.maximum(gap, 0.1)) ** 2)


def constant_acceleration_heuristic(
    speed: Number, gap: Number, lead_speed: Number, lead_acceleration: Number, acceleration: Number
) -> FloatArray:
    """Largest acceleration without a crash if the leader keeps its own; source: Kesting et al. 2010, eq. 2.3."""
    speed, gap = np.asarray(speed, dtype=np.float64), np.maximum(gap, 0.1)
    lead = np.minimum(lead_acceleration, acceleration)
    # Strictly less: a leader that already stands belongs to the second case.
    stops_first = lead_speed * (speed - lead_speed) < -2.0 * gap * lead
    denominator = np.maximum(np.square(lead_speed) - 2.0 * gap * lead, 1e-3)
    closing = np.maximum(speed - lead_speed, 0.0)
    return np.where(stops_first, speed**2 * lead / denominator, lead - closing**2 / (2.0 * gap))


def following_acceleration(
    speed: Number,
    desired_speed: Number,
    gap: Number,
    lead_speed: Number,
    lead_acceleration: Number,
    parameters: DriverParameters,
    coolness: float = 0.99,
) -> FloatArray:
    """Acceleration behind a leader that does not overreact to a cut-in.

    Source: enhanced IDM, Kesting, Treiber, Helbing 2010 (doi:10.1098/rsta.2010.0084), eq. 2.4; the heuristic is given
    the gap less the minimum gap, else it would stop bumper to bumper.
    """
    idm = idm_acceleration(speed, desired_speed, gap, lead_speed, parameters)
    room = np.asarray(gap) - parameters.minimum_gap_m
    calm = constant_acceleration_heuristic(speed, room, lead_speed, lead_acceleration, parameters.acceleration)
    comfortable = parameters.deceleration
    blend = (1.0 - coolness) * idm + coolness * (calm + comfortable * np.tanh((idm - calm) / comfortable))
    return np.where(idm >= calm, idm, blend)


def mobil_incentive(
    own_gain: float, new_follower_gain: float, old_follower_gain: float, politeness: float, bias: float = 0.0
) -> float:
    """Advantage of a lane change in m/s²: own gain in acceleration, plus what others gain, weighted by politeness.

    Source: MOBIL, Kesting, Treiber, Helbing 2007 (doi:10.3141/1999-10), eqs. 2 and 4; ``bias`` favours a lane.
    """
    return own_gain + politeness * (new_follower_gain + old_follower_gain) + bias


def mobil_safe(new_follower_acceleration: float, safe_deceleration: float = 3.0) -> bool:
    """Whether the new follower would not have to brake harder than allowed; source: Kesting et al. 2007, eq. 1."""
    return new_follower_acceleration >= -safe_deceleration


def lane_change_profile(progress: Number) -> FloatArray:
    """Lateral share 0-1 done at time share ``progress``: the quintic of minimum jerk that starts and ends at rest.

    Source: Flash and Hogan 1985; used for lane changes by Werling et al. 2010.
    """
    share: FloatArray = np.clip(progress, 0.0, 1.0)
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)


def lane_change_rate_limit(speed: Number, distance: Number, duration_s: Number, slope: float = 0.18) -> FloatArray:
    """Factor 0-1 on the pace of a lane change so that the path never leaves the lane steeper than ``slope``.

    The quintic's largest rate is 1.875 times its mean; slow vehicles take longer, standing ones do not move sideways.
    """
    lateral = 1.875 * np.abs(distance) / np.maximum(duration_s, 0.1)
    return np.asarray(np.clip(slope * np.asarray(speed) / np.maximum(lateral, 1e-6), 0.0, 1.0))


def walking_speed(pace: Number, phase: Number, time_s: Number) -> FloatArray:
    """Speed of a pedestrian: a constant pace with 6 % slow variation.

    Source: steady walking varies by a few per cent from stride to stride, Jordan, Challis, Newell 2007.
    """
    return np.asarray(pace * (1.0 + 0.06 * np.sin(0.9 * np.asarray(time_s) + phase)))


def pedestrian_accepts_gap(time_gap_s: Number, crossing_time_s: Number, margin_s: float = 1.5) -> Mask:
    """Whether a pedestrian who yields steps out: the vehicle's time gap exceeds the crossing time plus a margin.

    Source: gap acceptance, critical gap of the Highway Capacity Manual (crossing time plus start-up time).
    """
    return np.asarray(np.asarray(time_gap_s) > np.asarray(crossing_time_s) + margin_s)
