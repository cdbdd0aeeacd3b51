"""What is plausible of a time, an angle, a position and a speed, whatever file it stands in."""

from __future__ import annotations

import math

import numpy as np

from drivesim.geometry import FloatArray, wrap_angle

#: Nothing on a road is faster than this, in m/s, and nothing turns faster, in rad/s.
FASTEST_MPS, FASTEST_TURN_RADPS = 100.0, 3.0

#: A vehicle's heading and its way differ by less than this, in radians; its rear axle does not slide.
LARGEST_SLIP_RAD = math.radians(30.0)

#: Nobody drives backwards faster than this for most of a recording, in m/s.
FASTEST_REVERSE_MPS = 5.0

_FASTEST_ON_TWO_SIDES_MPS = 2.0 * FASTEST_MPS
_SLACK_S = 0.5
_LONGEST_STEP_S = 5.0
_UNITS = {"milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
_METRES_PER_DEGREE = 111_320.0


def clock_fault(times_s: FloatArray, span_s: float) -> str:
    """What is wrong when the times (N,) of a side file, in seconds after the first frame, miss a recording of ``span_s``.

    Empty when a row falls into the recording. Else names the unit or the offset that would fit.
    """
    inside = (times_s >= -_SLACK_S) & (times_s <= span_s + _SLACK_S)
    covered = float(times_s.max() - times_s.min())
    for unit, factor in _UNITS.items():
        fits = span_s > 0.0 and 0.5 <= covered / factor / span_s <= 2.0
        if fits and np.median(np.diff(np.unique(times_s))) > _LONGEST_STEP_S:
            return f"{_spans(times_s, span_s)}: they look like {unit}; divide them by {factor:.0f}"
    if inside.any():
        return ""
    offset = float(times_s.min())
    return (
        f"no row falls into the recording: {_spans(times_s, span_s)}. time_s counts from the first frame; minus "
        f"{offset:.3f} s, the first row would be at the first frame"
    )


def _spans(times_s: FloatArray, span_s: float) -> str:
    return f"times {times_s.min():.10g} to {times_s.max():.10g} s, frames 0 to {span_s:g} s"


def angle_fault(name: str, value: float) -> str:
    """What is wrong with an angle in radians; empty when it is at most one turn."""
    if abs(value) <= 2.0 * math.pi + 1e-6 or math.isnan(value):
        return ""
    return f"{name} {value:g} is more than a turn; angles are in radians, this looks like degrees"


def course_fault(times_s: FloatArray, positions: FloatArray, yaw_rad: FloatArray) -> str:
    """What is wrong when a vehicle's headings (N,) do not agree with where it goes, positions (N, 2 or 3); else empty.

    Looks at steps of half a second in which it moves by more than a metre; names the reading of the yaw that would agree.
    """
    step = max(1, round(0.5 / float(np.median(np.diff(times_s)))))
    if len(times_s) <= step:
        return ""
    moved = positions[step:, :2] - positions[:-step, :2]
    distance = np.linalg.norm(moved, axis=1)
    clear = distance > 1.0
    if not clear.any():
        return ""
    course = np.arctan2(moved[clear, 1], moved[clear, 0])
    speed = float(np.median(distance[clear] / (times_s[step:] - times_s[:-step])[clear]))
    heading = yaw_rad[step // 2 : step // 2 + len(distance)][clear]

    def off(reading: FloatArray) -> float:
        return float(np.median(np.abs(wrap_angle(course - reading))))

    found = off(heading)
    if found <= LARGEST_SLIP_RAD or (found >= math.pi - LARGEST_SLIP_RAD and speed <= FASTEST_REVERSE_MPS):
        return ""
    readings = {
        "degrees": np.radians(heading),
        "a compass heading (clockwise from north)": 0.5 * math.pi - heading,
        "a compass heading in degrees": 0.5 * math.pi - np.radians(heading),
        "clockwise": -heading,
        "a quarter turn off": heading + 0.5 * math.pi,
        "a quarter turn off the other way": heading - 0.5 * math.pi,
        "a half turn off": heading + math.pi,
    }
    fits = [name for name, reading in readings.items() if off(reading) < LARGEST_SLIP_RAD / 3.0]
    hint = f"; the way fits if yaw_rad is {fits[0]}" if fits else ""
    return (
        f"at {speed:.1f} m/s the heading is {math.degrees(found):.0f} degrees off the way: yaw_rad is the angle from the x axis "
        f"to the vehicle's front, counter-clockwise, in radians{hint}"
    )


def degrees_fault(times_s: FloatArray, positions: FloatArray) -> str:
    """What is wrong when positions (N, 2 or 3) look like latitude and longitude; else empty.

    As metres they hardly move, as degrees they make a drive: slower than 100 m/s, and in the main one way.
    """
    place, span_s = positions[:, :2], float(times_s[-1] - times_s[0])
    low, high = sorted(float(np.abs(column).max()) for column in place.T)
    if low > 90.0 or high > 180.0 or span_s <= 0.0:
        return ""
    net = float(np.linalg.norm(place[-1] - place[0]))
    path = float(np.linalg.norm(np.diff(place, axis=0), axis=1).sum())
    if path / span_s > 2e-3 or net < 0.5 * path or not 2.0 < path * _METRES_PER_DEGREE < FASTEST_MPS * span_s:
        return ""
    return (
        f"as metres this is a drive of {path:.1g} m in {span_s:.3g} s at ({place[0, 0]:g}, {place[0, 1]:g}), as degrees of "
        f"latitude and longitude one of {path * _METRES_PER_DEGREE:.0f} m. Convert to metres: x = 111320 cos(lat0) (lon - lon0), "
        "y = 111320 (lat - lat0), with yaw counted from the east"
    )


def speed_fault(step_s: float, moved_m: float, *, seen_from_a_vehicle: bool = False) -> str:
    """What is wrong with a way of ``moved_m`` in ``step_s``; seen from a vehicle, twice the speed is let pass."""
    # Rows a few milliseconds apart turn the jitter of an annotation into any speed.
    speed = moved_m / max(step_s, 0.1) if seen_from_a_vehicle else moved_m / step_s
    fastest = _FASTEST_ON_TWO_SIDES_MPS if seen_from_a_vehicle else FASTEST_MPS
    return f"moves at {speed:.0f} m/s since the row before; expected metres and seconds" if speed > fastest else ""


def turn_fault(step_s: float, turned_rad: float) -> str:
    """What is wrong with a vehicle's turn by ``turned_rad`` in ``step_s``; else empty."""
    rate = turned_rad / step_s
    return (
        f"turns by {rate:.1f} rad/s since the row before; is yaw_rad in degrees?"
        if abs(rate) > FASTEST_TURN_RADPS
        else ""
    )
