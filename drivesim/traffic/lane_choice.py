"""Free lane changes: which lane a driver moves to at a moment, after MOBIL (Kesting, Treiber, Helbing 2007)."""

from __future__ import annotations

import numpy as np

from drivesim.geometry import FloatArray
from drivesim.road import Lane
from drivesim.traffic.behaviour import (
    DriverParameters,
    Slots,
    following_acceleration,
    idm_free_acceleration,
    mobil_incentive,
    mobil_safe,
)
from drivesim.traffic.fleet import FREE, HEAVY, PEDESTRIAN, Fleet

#: Advantage in m/s² below which nobody bothers, and the pull towards the kerb lane on motorways and rural roads.
_THRESHOLD = 0.2
_KERB_BIAS = 0.15
_MINIMUM_CLEARANCE_M = 1.5
#: What a driver's own wish for a lane counts for in m/s², the braking that it may ask of others, and how near to someone
#: with a script nobody follows it.
_WISH_BIAS = 0.9
_WISH_SAFE_BRAKING = 1.5
_ROOM_FOR_SCRIPT_M = 45.0
#: Nobody changes lanes who is this near, in time, to someone crossing on foot.
_WALKER_HORIZON_S = 6.0
#: Nobody changes lanes who would still be at it in a junction, where others turn into the lane beside; seconds.
_CHANGE_S = 4.5
#: How soon, and how hard in m/s², one who comes from behind brakes for an ego that moves into his lane.
_REACTION_S, _BRAKES_MPS2 = 0.5, 5.0


def choose_lane(fleet: Fleet, slot: int) -> Lane | None:
    """The neighbouring lane that the driver in ``slot`` changes to now, or None to stay.

    A driver on a ramp must leave it: the incentive rises and the accepted braking of others grows towards its end.
    """
    road, here = fleet.road, fleet.lane_at(slot)
    if here is None or fleet.v[slot] < 1.0 or _before_a_junction(fleet, slot):
        return None
    if here.kind != "ramp" and _someone_crosses_ahead(fleet, slot):
        return None
    urgency = 0.0
    if here.kind == "ramp":
        urgency = float(np.clip(1.0 - (here.s_end - fleet.s[slot]) / 300.0, 0.3, 1.0))
    wish = float(fleet.lane_wish[slot])
    if wish and _beside_a_script(fleet, slot):
        wish = 0.0
    heavy = fleet.plans[slot].category in HEAVY
    best, best_gain = None, _THRESHOLD
    for lane in road.lanes:
        neighbour = lane.direction == here.direction and 0.5 < abs(lane.offset - here.offset) / here.width < 1.5
        if not neighbour or lane.kind == "ramp" or not lane.s_start <= fleet.s[slot] <= lane.s_end:
            continue
        bias = 4.0 * urgency
        if road.road_type != "urban" and not urgency:
            bias += _KERB_BIAS if lane.number < here.number else -_KERB_BIAS
        safe = 3.0 + 3.0 * urgency
        if wish and not urgency and lane.number - here.number == wish and not (heavy and lane.number > 2):
            bias, safe = bias + _WISH_BIAS, _WISH_SAFE_BRAKING
        gain = _gain(fleet, slot, lane.offset, bias, safe)
        if gain is not None and gain > best_gain:
            best, best_gain = lane, gain
    return best


def _someone_crosses_ahead(fleet: Fleet, slot: int) -> bool:
    """Whether someone walks over the road so near ahead that a driver keeps to his lane."""
    n = fleet.count
    ahead = fleet.direction[slot] * (fleet.s[:n] - fleet.s[slot])
    on_foot = fleet.alive[:n] & (fleet.kind[:n] == PEDESTRIAN) & (fleet.motion[:n] == FREE)
    near = (ahead > 0.0) & (ahead < max(_ROOM_FOR_SCRIPT_M, _WALKER_HORIZON_S * fleet.v[slot]))
    return bool((on_foot & near & ~np.isnan(fleet.target_x[:n])).any())


def _before_a_junction(fleet: Fleet, slot: int) -> bool:
    """Whether a driver is in a junction, or would be before he has changed lanes."""
    ways = [float(fleet.direction[slot] * (junction.s - fleet.s[slot])) for junction in fleet.road.junctions]
    most = fleet.front[slot] + _CHANGE_S * fleet.v[slot]
    return any(
        -one.reach_m - fleet.rear[slot] < way < one.reach_m + most
        for way, one in zip(ways, fleet.road.junctions, strict=True)
    )


def _beside_a_script(fleet: Fleet, slot: int) -> bool:
    """Whether someone with manoeuvres is so near that a lane change on a whim could get in the way of them."""
    n = fleet.count
    near = np.abs(fleet.s[:n] - fleet.s[slot]) < _ROOM_FOR_SCRIPT_M
    return bool((near & fleet.alive[:n] & (fleet.scripted[:n] > 0)).any())


def beside_is_clear(fleet: Fleet, slot: int, offset: float, clearance_m: float = 0.8) -> bool:
    """Whether no one stands or drives beside ``slot`` in the lane at ``offset``."""
    ahead, behind = _neighbours(fleet, slot, offset)
    return ahead[1] > clearance_m and behind[1] > clearance_m


def behind_can_brake(fleet: Fleet, slot: int, offset: float) -> bool:
    """Whether who comes from behind in the lane at ``offset`` can still brake behind ``slot`` if it moves there now."""
    follower, gap = _neighbours(fleet, slot, offset)[1]
    if follower is None or fleet.direction[follower] != fleet.direction[slot]:
        return True
    closing = max(float(fleet.v[follower] - fleet.v[slot]), 0.0)
    return gap > _REACTION_S * closing + closing**2 / (2.0 * _BRAKES_MPS2)


def _gain(fleet: Fleet, slot: int, offset: float, bias: float, safe: float) -> float | None:
    """MOBIL's advantage of moving to ``offset``; None when that is unsafe."""
    (lead, lead_gap), (follower, follower_gap) = _neighbours(fleet, slot, offset)
    if lead_gap < _MINIMUM_CLEARANCE_M or follower_gap < _MINIMUM_CLEARANCE_M:
        return None
    new_acceleration = _acceleration(fleet, slot, lead, lead_gap)
    after = _acceleration(fleet, follower, slot, follower_gap)
    if not mobil_safe(after, safe) or not mobil_safe(new_acceleration, safe):
        return None
    (old_lead, old_gap), (old_follower, old_follower_gap) = _neighbours(fleet, slot, float(fleet.base_d[slot]))
    own = new_acceleration - _acceleration(fleet, slot, old_lead, old_gap)
    between = lead_gap + follower_gap + fleet.length[slot]
    others_new = after - _acceleration(fleet, follower, lead, between)
    joined = old_gap + old_follower_gap + fleet.length[slot]
    others_old = _acceleration(fleet, old_follower, old_lead, joined) - _acceleration(
        fleet, old_follower, slot, old_follower_gap
    )
    return mobil_incentive(own, others_new, others_old, float(fleet.politeness[slot]), bias)


def _neighbours(fleet: Fleet, slot: int, offset: float) -> tuple[tuple[int | None, float], tuple[int | None, float]]:
    """(slot, gap) of the nearest participant ahead and behind in the lane at ``offset``; (None, infinity) if none."""
    n = fleet.count
    sign = float(fleet.direction[slot])
    half = fleet.width[:n] / 2.0 + 0.9
    in_lane = np.abs(fleet.d[:n] - offset) < half
    changing = fleet.change_s[:n] > 0
    in_lane |= changing & (np.abs(fleet.change_to[:n] - offset) < half)
    in_lane &= fleet.alive[:n] & (fleet.kind[:n] != PEDESTRIAN)
    in_lane[slot] = False
    others = np.flatnonzero(in_lane)
    ahead_m = sign * (fleet.s[others] - fleet.s[slot])
    same = fleet.direction[others] == sign
    their_rear = np.where(same, fleet.rear[others], fleet.front[others])
    their_front = np.where(same, fleet.front[others], fleet.rear[others])
    gap_ahead = np.where(ahead_m >= 0, ahead_m - their_rear - fleet.front[slot], np.inf)
    gap_behind = np.where(ahead_m < 0, -ahead_m - their_front - fleet.rear[slot], np.inf)
    return _nearest(others, gap_ahead), _nearest(others, gap_behind)


def _nearest(slots: Slots, gaps: FloatArray) -> tuple[int | None, float]:
    if len(slots) == 0 or not np.isfinite(gaps).any():
        return None, float("inf")
    index = int(np.argmin(gaps))
    return int(slots[index]), float(gaps[index])


def _acceleration(fleet: Fleet, slot: int | None, lead: int | None, gap: float) -> float:
    """Acceleration that ``slot`` would choose behind ``lead`` at ``gap`` metres; 0 for nobody."""
    if slot is None:
        return 0.0
    speed, desired = float(fleet.v[slot]), float(fleet.desired[slot])
    comfort = float(fleet.comfort[slot])
    if lead is None or gap > 250.0:
        return float(idm_free_acceleration(speed, desired, comfort))
    parameters = DriverParameters(
        headway_s=float(fleet.headway[slot]),
        minimum_gap_m=float(fleet.minimum_gap[slot]),
        acceleration=comfort,
        deceleration=float(fleet.deceleration[slot]),
    )
    same = fleet.direction[slot] == fleet.direction[lead]
    lead_speed = float(fleet.v[lead]) * (1.0 if same else -1.0)
    lead_acceleration = float(fleet.a[lead]) if same else 0.0
    return float(following_acceleration(speed, desired, gap, lead_speed, lead_acceleration, parameters))
