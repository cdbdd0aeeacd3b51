"""Plans of the ego's driving: read from CSV files, looked through, and put on the frames' grid.

A plan travels inside its scenario, so whatever repeats the scenario (resuming, branching, scoring) repeats the drive.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from drivesim.errors import InputError, why
from drivesim.geometry import FloatArray, wrap_angle
from drivesim.scenarios.language.ego_plan import COLUMNS, MAX_ROWS, TURNING, EgoPlanColumns
from drivesim.traffic.dimensions import EGO_WHEELBASE_M
from drivesim.traffic.ego_control import (
    MOST_ACCELERATION_MPS2,
    MOST_BRAKING_MPS2,
    MOST_CURVATURE,
    MOST_LATERAL_MPS2,
    MOST_SPEED_MPS,
    Drive,
)

#: A plan as a user gives it: a file, columns by name, or a function of the time that returns speed and curvature.
WrittenPlan = str | Path | Mapping[str, Any] | Callable[[float], object]

#: Other names of columns, those of tracks.csv among them.
_ALIASES = {
    "t": "time", "t_s": "time", "time_s": "time", "speed_mps": "speed", "v": "speed", "steering_rad": "steering",
    "yaw_rate_rps": "yaw_rate", "yaw_rad": "yaw", "x_m": "x", "y_m": "y",
}  # fmt: skip
#: Slower than this (m/s) a course says nothing about the heading, and a yaw rate nothing about the curvature.
_SLOWEST_MPS = 0.3
AT_ORIGIN_M, STRAIGHT_RAD, _SIDEWAYS_RAD = 0.05, 0.05, 0.6
#: A quarter of a frame: what the end of a plan may lack.
SLACK = 0.25


def read_plan(path: str | Path) -> dict[str, tuple[float, ...]]:
    """The columns of a plan in a CSV file with a header, as a scenario holds them.

    Of a run's tracks.csv the ego's rows are taken: the trajectory that it drove. Raises InputError.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = [row for row in reader if row.get("id", "ego") == "ego"]
    except FileNotFoundError:
        raise InputError(
            f"there is no plan {file}. Give a CSV file with columns such as time,speed,curvature."
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is no CSV file that can be read ({why(error)}).") from error
    known = {name: _ALIASES.get(name, name) for name in header}
    if "id" in header:  # a tracks file: its speed is that of the trajectory
        known = {name: column for name, column in known.items() if column in ("time", "x", "y", "yaw")}
    columns = {column: name for name, column in known.items() if column in COLUMNS}
    strange = sorted(set(known.values()) - set(COLUMNS))
    if strange or "time" not in columns or not rows:
        found = "no rows" if "time" in columns and not strange else f"the columns {', '.join(header) or 'none'}"
        raise InputError(
            f"{file} has {found}; a plan has time and speed or x and y, and of {', '.join(COLUMNS[2:])} what it needs."
        )
    if len(rows) > MAX_ROWS:
        raise InputError(f"{file} has {len(rows)} rows, a plan at most {MAX_ROWS}. Write one row a frame, or fewer.")
    return {
        column: tuple(_number(row[name], f"{file}, row {index + 1}, {name}") for index, row in enumerate(rows))
        for column, name in columns.items()
    }


def _number(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise InputError(f"{where}: {text!r} is not a number.") from None
    if not np.isfinite(value):
        raise InputError(f"{where}: {text} is not a finite number.")
    return value


def sampled_plan(function: Callable[[float], object], seconds: float, fps: float) -> dict[str, tuple[float, ...]]:
    """The plan of a function that says speed (m/s) and curvature (1/m) at a time in seconds, asked once a frame.

    Raises InputError where it raises, or returns anything else than two finite numbers.
    """
    rows = []
    for frame in range(round(seconds * fps) + 1):
        time = round(frame / fps, 6)
        try:
            found = np.asarray(function(time), dtype=np.float64)
        except Exception as error:
            raise InputError(f"the ego's plan at {time:g} s: {type(error).__name__}: {error}") from error
        if found.shape != (2,) or not np.isfinite(found).all():
            raise InputError(
                f"the ego's plan at {time:g} s is {found.tolist()}; expected speed (m/s) and curvature (1/m)."
            )
        rows.append((time, float(found[0]), float(found[1])))
    times, speeds, curvatures = zip(*rows, strict=True)
    return {"time": times, "speed": speeds, "curvature": curvatures}


def written_plan(plan: WrittenPlan, seconds: float, fps: float) -> EgoPlanColumns:
    """A plan as a user gives it, with every unit read and fault but a late beginning still to be found.

    The path of a CSV file, columns by name, or a function that is asked once a frame for ``seconds``. Raises InputError.
    """
    if isinstance(plan, str | Path):
        plan = read_plan(plan)
    elif not isinstance(plan, Mapping):
        plan = sampled_plan(plan, seconds, fps)
    try:
        return EgoPlanColumns.model_validate(dict(plan))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise InputError(f"the ego's plan: {place}: {fault['msg']}") from error


def plan_faults(plan: EgoPlanColumns) -> Iterator[str]:
    """Everything that is wrong with a plan whose numbers are right by themselves; nothing for one still in a file."""
    if plan.file is not None:
        if plan.time:
            yield "it has both 'file' and columns. Keep one."
        return
    shape = list(_shape_faults(plan))
    yield from shape
    if not shape:
        yield from _drive_faults(plan)


def _shape_faults(plan: EgoPlanColumns) -> Iterator[str]:
    given = {name: len(getattr(plan, name)) for name in COLUMNS if getattr(plan, name)}
    rows = given.get("time", 0)
    if rows < 2:
        yield f"it has {rows} moments in 'time'; a plan has two or more, from 0 to the end of the video."
        return
    for name, count in given.items():
        if count != rows:
            yield f"'{name}' has {count} values, 'time' has {rows}. Give one of each for every moment."
    time, begins = np.array(plan.time, dtype=np.float64), float(plan.begins)
    if begins == 0.0 and time[0] != 0.0:
        yield f"it begins at {time[0]:g} s. The first row is t = 0; a plan that takes over later says 'begins'."
    elif not time[0] <= begins < time[-1]:
        yield f"it takes over at {begins:g} s ('begins'), its rows reach from {time[0]:g} to {time[-1]:g} s."
    late = np.flatnonzero(np.diff(time) <= 0.0)
    if len(late):
        yield f"row {late[0] + 2} is at {time[late[0] + 1]:g} s, not after the row before it ({time[late[0]]:g} s)."
    by_pose, turning = {"x", "y"} & set(given), [name for name in TURNING if name in given]
    if by_pose and ({"speed", *TURNING} & set(given)):
        yield "it has both a trajectory (x, y) and speed or turning. Keep one: the speed follows from the trajectory."
    elif by_pose and by_pose != {"x", "y"}:
        yield "a trajectory needs both 'x' and 'y'."
    elif not by_pose and "speed" not in given:
        yield "it says neither 'speed' nor 'x' and 'y'."
    if len(turning) > 1:
        yield f"it has {' and '.join(turning)}. Keep one of them."
    if "yaw" in given and not by_pose:
        yield "'yaw' goes with 'x' and 'y'. With speed write curvature, steering or yaw_rate."


def _drive_faults(plan: EgoPlanColumns) -> Iterator[str]:
    """What no car does, row by row; the first of each kind."""
    time = np.array(plan.time, dtype=np.float64)
    if plan.x:
        pose = _poses(plan, time)
        off = float(np.hypot(*pose[0, :2])) > AT_ORIGIN_M or abs(float(wrap_angle(pose[0, 2]))) > STRAIGHT_RAD
        if off and not plan.begins:
            shown = ", ".join(f"{value:g}" for value in pose[0])
            yield f"it begins at x, y, yaw = {shown}. It is in the ego frame at t = 0, so the first row is 0, 0, 0."
        step = np.diff(pose, axis=0)
        speed = np.hypot(step[:, 0], step[:, 1]) / np.diff(time)
        course = np.arctan2(step[:, 1], step[:, 0])
        away = np.abs(wrap_angle(course - (pose[:-1, 2] + 0.5 * wrap_angle(step[:, 2]))))
        yield from _first(
            (speed > 2.0) & (away > _SIDEWAYS_RAD), time[1:], np.degrees(away),
            lambda value: f"it moves {value:.0f} degrees off its heading; cars drive where they look.",
        )  # fmt: skip
        turn = np.abs(wrap_angle(step[:, 2])) / np.maximum(speed * np.diff(time), 1e-6)
        bend, moments, time = np.where(speed > _SLOWEST_MPS, turn, 0.0), time[1:], 0.5 * (time[1:] + time[:-1])
    else:
        speed, moments = np.array(plan.speed, dtype=np.float64), time
        bend = np.abs(_curvature(plan))
        if plan.yaw_rate:
            spins = (speed <= _SLOWEST_MPS) & (np.abs(np.array(plan.yaw_rate)) > 0.01)
            yield from _first(
                spins, time, np.array(plan.yaw_rate), lambda value: f"it turns at {value:g} rad/s while it stands."
            )
    yield from _limits(speed, bend, moments, np.diff(speed) / np.diff(time))


def _limits(speed: FloatArray, bend: FloatArray, moments: FloatArray, gain: FloatArray) -> Iterator[str]:
    yield from _first(
        speed > MOST_SPEED_MPS, moments, speed, lambda v: f"it goes at {v:.1f} m/s, the most is {MOST_SPEED_MPS:g} m/s."
    )
    yield from _first(
        bend > MOST_CURVATURE, moments, bend,
        lambda v: f"it turns on a radius of {1.0 / v:.1f} m, the least is {1.0 / MOST_CURVATURE:g} m.",
    )  # fmt: skip
    yield from _first(
        (gain > MOST_ACCELERATION_MPS2) | (gain < -MOST_BRAKING_MPS2), moments[1:], gain,
        lambda v: f"its speed changes by {v:+.1f} m/s²; cars reach {MOST_ACCELERATION_MPS2:g} and brake at {MOST_BRAKING_MPS2:g}.",
    )  # fmt: skip
    side = speed**2 * bend
    yield from _first(
        (side > MOST_LATERAL_MPS2) & (bend <= MOST_CURVATURE), moments, side,
        lambda v: f"it takes the bend at {v:.1f} m/s² sideways, the most is {MOST_LATERAL_MPS2:g}.",
    )  # fmt: skip


def _first(wrong: np.ndarray, moments: FloatArray, values: FloatArray, said: Callable[[float], str]) -> Iterator[str]:
    where = np.flatnonzero(wrong)
    if len(where):
        yield f"at {moments[where[0]]:g} s {said(float(values[where[0]]))}"


def require_reach(plan: EgoPlanColumns, seconds: float, fps: float) -> None:
    """Raise InputError for a plan that ends before the last frame of a video of ``seconds`` from t = 0."""
    last = seconds - 1.0 / fps
    if plan.time and float(plan.time[-1]) < last - SLACK / fps:
        raise InputError(
            f"scene.ego.plan ends at {float(plan.time[-1]):g} s, the last frame is at {last:g} s. Lengthen the plan, or ask for "
            f"{float(plan.time[-1]) + 1.0 / fps:g} s of video (--seconds)."
        )


def first_speed(plan: EgoPlanColumns) -> float:
    """Speed at t = 0, m/s."""
    if plan.speed:
        return float(plan.speed[0])
    return float(np.hypot(plan.x[1] - plan.x[0], plan.y[1] - plan.y[0]) / (plan.time[1] - plan.time[0]))  # type: ignore[operator]


def distance_of(plan: EgoPlanColumns) -> float:
    """Metres that are driven on it."""
    time = np.array(plan.time, dtype=np.float64)
    if plan.speed:
        speed = np.array(plan.speed, dtype=np.float64)
        return float(np.sum(0.5 * (speed[1:] + speed[:-1]) * np.diff(time)))
    return float(np.hypot(np.diff(np.array(plan.x)), np.diff(np.array(plan.y))).sum())


def drive_of(plan: EgoPlanColumns, fps: float) -> Drive:
    """The plan on a grid of ``fps`` frames a second, as far as it reaches. Raises InputError for one with faults."""
    if plan.file is not None:
        raise InputError(
            f"scene.ego.plan: {plan.file} was not read. Load the scenario from its file, or use scenario.ego(plan=…)."
        )
    for fault in plan_faults(plan):
        raise InputError(f"scene.ego.plan: {fault}")
    time = np.array(plan.time, dtype=np.float64)
    frames = int(np.floor(time[-1] * fps + 1e-6)) + 1
    grid = np.arange(frames) / fps
    # Rows that are meant for a frame are taken as they stand, however their times were rounded.
    nearest = time[np.clip(np.searchsorted(time, grid - 1e-5), 0, len(time) - 1)]
    grid = np.where(np.abs(nearest - grid) < 1e-5, nearest, grid)
    first = int(np.ceil(float(plan.begins) * fps - 1e-6))
    grid = np.maximum(grid, time[0])  # no row speaks of what was before the first, and nobody asks
    if plan.x:
        poses = _poses(plan, time, grid)
        speed = np.hypot(np.diff(poses[:, 0]), np.diff(poses[:, 1])) * fps
        speed = np.concatenate([speed[:1], speed]) if len(speed) else np.array([first_speed(plan)])
        return Drive(speed_mps=speed, curvature=np.zeros(frames), poses=poses, first=first)
    return Drive(
        speed_mps=np.interp(grid, time, np.array(plan.speed, dtype=np.float64)),
        curvature=np.interp(grid, time, _curvature(plan)),
        first=first,
    )


def _curvature(plan: EgoPlanColumns) -> FloatArray:
    if plan.curvature:
        return np.array(plan.curvature, dtype=np.float64)
    if plan.steering:
        return np.tan(np.array(plan.steering, dtype=np.float64)) / EGO_WHEELBASE_M
    speed = np.array(plan.speed, dtype=np.float64)
    if plan.yaw_rate:
        rate = np.array(plan.yaw_rate, dtype=np.float64)
        return np.where(speed > _SLOWEST_MPS, rate / np.maximum(speed, _SLOWEST_MPS), 0.0)
    return np.zeros(len(speed))


def _poses(plan: EgoPlanColumns, time: FloatArray, grid: FloatArray | None = None) -> FloatArray:
    """x, y, yaw at the moments ``grid``, by default the rows': a smooth curve through the rows that does not overshoot."""
    from scipy.interpolate import PchipInterpolator  # a third of the time that 'drivesim check' takes to start

    at = time if grid is None else grid
    curves: tuple[Any, Any] = tuple(
        PchipInterpolator(time, np.array(column, dtype=np.float64)) for column in (plan.x, plan.y)
    )
    x, y = (np.asarray(curve(at)) for curve in curves)
    if plan.yaw:
        yaw = np.interp(at, time, np.unwrap(np.array(plan.yaw, dtype=np.float64)))
    else:
        vx, vy = (np.asarray(curve.derivative()(at)) for curve in curves)
        moves = np.hypot(vx, vy) > _SLOWEST_MPS
        last = np.maximum.accumulate(np.where(moves, np.arange(len(at)), -1))
        yaw = np.where(last >= 0, np.arctan2(vy, vx)[np.maximum(last, 0)], 0.0)
    return np.stack([x, y, yaw], axis=1)
