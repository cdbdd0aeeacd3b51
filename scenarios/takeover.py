"""Another plan for the ego under way: it takes over at a moment of a drive, whose past stays what it was, bit by bit."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from drivesim.errors import InputError
from drivesim.geometry import FloatArray, wrap_angle
from drivesim.scenarios.ego_plan import AT_ORIGIN_M, SLACK, STRAIGHT_RAD, drive_of
from drivesim.scenarios.language.ego_plan import COLUMNS, EgoPlanColumns
from drivesim.scenarios.language.schema import Scenario
from drivesim.scene import Scene, Track
from drivesim.traffic.ego_control import MOST_ACCELERATION_MPS2, MOST_BRAKING_MPS2, Drive


def taken_over(scenario: Scenario, plan: EgoPlanColumns, frame: int, fps: float, ego: Track) -> Scenario:
    """The scenario whose ego goes on by another ``plan`` from ``frame`` on, where its track so far is ``ego``; the past stays.

    Times and places of the plan are those of the scene, from t = 0 on; what it says of the past does not count. Raises InputError
    for a plan that does not speak of the moment, or does not begin where the ego is then; ScenarioError for one that no car drives.
    """
    moment = frame / fps
    time = np.array(plan.time, dtype=np.float64)
    if not len(time) or not time[0] - SLACK / fps <= moment < time[-1]:
        rows = f"from {time[0]:g} to {time[-1]:g} s" if len(time) else "no moment"
        raise InputError(
            f"the ego's plan speaks of {rows}; it is to take over at {moment:g} s. Its times are those of the scene, from t = 0 on."
        )
    if time[0] > moment:  # by less than a quarter of a frame: rounded times
        plan = plan.model_copy(update={"time": (moment, *plan.time[1:])})
    before = scenario.scene.ego.plan
    after = {name: list(getattr(plan, name)) for name in COLUMNS if getattr(plan, name)}
    begins = moment
    if before is not None:
        after, begins = _joined(before, plan, frame, fps), float(before.begins)
    tree = scenario.to_dict()
    tree.setdefault("scene", {}).setdefault("ego", {})["plan"] = {**after, **({"begins": begins} if begins else {})}
    changed = type(scenario).from_dict(tree)
    assert changed.scene.ego.plan is not None
    _require_joint(drive_of(changed.scene.ego.plan, fps), frame, fps, ego)
    return changed


def _joined(before: EgoPlanColumns, after: EgoPlanColumns, frame: int, fps: float) -> dict[str, list[float]]:
    """Two plans as one, a row a frame: the first up to ``frame``, the second from then on. Raises InputError for two kinds."""
    if bool(before.x) != bool(after.x):
        kinds = ["a trajectory (x, y)" if plan.x else "speed and turning" for plan in (before, after)]
        raise InputError(
            f"the run's ego is driven by {kinds[0]}, the new plan has {kinds[1]}. Give it as the run's is: its tracks.csv is a trajectory."
        )
    first, second = drive_of(before, fps), drive_of(after.model_copy(update={"begins": frame / fps}), fps)
    if len(first) <= frame:
        raise InputError(f"the run's own plan ends before {frame / fps:g} s; nothing can take over from it there.")

    def column(of: Callable[[Drive], FloatArray]) -> list[float]:
        return [float(value) for value in (*of(first)[: frame + 1], *of(second)[frame + 1 :])]

    joined = {"time": [round(row / fps, 6) for row in range(max(len(second), frame + 1))]}
    if first.poses is not None:
        places = {name: index for index, name in enumerate(("x", "y", "yaw"))}
        return joined | {name: column(functools.partial(_of_poses, index=index)) for name, index in places.items()}
    return joined | {"speed": column(lambda drive: drive.speed_mps), "curvature": column(lambda drive: drive.curvature)}


def _of_poses(drive: Drive, index: int) -> FloatArray:
    assert drive.poses is not None
    return np.unwrap(drive.poses[:, index]) if index == 2 else drive.poses[:, index]


def _require_joint(drive: Drive, frame: int, fps: float, ego: Track) -> None:
    """Raise InputError where a plan that takes over at ``frame`` asks of the ego what no car does from where it is."""
    where, moment = ego.pose(frame), frame / fps
    if drive.poses is not None:
        x, y, yaw = (float(value) for value in drive.poses[frame])
        away, turned = math.hypot(x - where.x, y - where.y), abs(float(wrap_angle(yaw - where.yaw_rad)))
        if away > AT_ORIGIN_M or turned > STRAIGHT_RAD:
            raise InputError(
                f"the plan has the ego {away:.2f} m and {math.degrees(turned):.1f} degrees off where it is at {moment:g} s "
                f"({where.x:.2f}, {where.y:.2f} m, {math.degrees(where.yaw_rad):.1f} degrees). A trajectory goes on from there: the run's tracks.csv has it."
            )
    now, then = float(ego.speed_mps[frame]), float(drive.speed_mps[min(frame + 1, len(drive) - 1)])
    gain = (then - now) * fps
    if not -MOST_BRAKING_MPS2 <= gain <= MOST_ACCELERATION_MPS2:
        raise InputError(
            f"the ego goes at {now:.2f} m/s at {moment:g} s, the plan wants {then:.2f} m/s a frame later ({gain:+.1f} m/s²; cars reach "
            f"{MOST_ACCELERATION_MPS2:g} and brake at {MOST_BRAKING_MPS2:g}). Let it begin at the ego's speed."
        )


def require_same_past(past: Scene, scene: Scene, frame: int) -> None:
    """Raise InputError unless two scenes are equal, bit by bit, up to a frame: the state that is gone on with shows that past."""
    earlier, again = past.window(0, frame + 1), scene.window(0, frame + 1)
    tracks = [
        {"ego": one.ego, **{actor.id: actor.track for actor in one.actors if actor.track.present.any()}}
        for one in (earlier, again)
    ]
    same = tracks[0].keys() == tracks[1].keys() and all(
        np.array_equal(getattr(tracks[0][who], name), getattr(tracks[1][who], name))
        for who in tracks[0]
        for name in ("positions", "yaw_rad", "speed_mps", "present")
    )
    if not same:
        raise InputError(
            "--ego-plan: with this plan the scene before the branch would be another one (its road is built for another length). "
            "Ask for less video (--seconds), or for a plan that drives less far."
        )
