"""Actors and ego of a window, from annotations at key frames and a pose at every frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from drivesim.datasets.nuscenes.categories import Categories
from drivesim.datasets.nuscenes.rows import camera_matrix_problem, checked
from drivesim.datasets.nuscenes.tables import Row
from drivesim.datasets.sample import BrokenSample
from drivesim.geometry import (
    VEHICLE_FROM_OPTICAL,
    FloatArray,
    box_corners,
    euler_zyx,
    invert_rigid,
    project,
    rigid,
    rotation_of_quaternion,
    rotation_zyx,
    transform_points,
    wrap_angle,
)
from drivesim.scene import Actor, Camera, Pose, Track

_NEAR_M = 0.1

#: Frames further apart tell nothing about the speed now; 2 Hz key frames still do.
_LONGEST_STEP_US = 600_000


def flat_pose(row: Row) -> Pose:
    """An ego_pose row with its pitch and roll dropped."""
    x, y, z = (float(value) for value in row["translation"])
    return Pose(x=x, y=y, z=z, yaw_rad=euler_zyx(rotation_of_quaternion(row["rotation"]))[0])


def ego_track(database: Any, frames: list[Row], world_from_global: FloatArray) -> Track:
    """The ego's poses at the frames (sample_data rows); speed from the frames just before and after, along the heading."""
    positions, yaw, speed = [], [], []
    for frame in frames:
        pose = flat_pose(database.get("ego_pose", frame["ego_pose_token"]))
        before, after = (_neighbour(database, frame, side) for side in ("prev", "next"))
        step_s = 1e-6 * (after["timestamp"] - before["timestamp"])
        moved = _position(database, after) - _position(database, before)
        along = moved[0] * np.cos(pose.yaw_rad) + moved[1] * np.sin(pose.yaw_rad)
        placed = Pose.from_matrix(world_from_global @ pose.matrix())
        positions.append([placed.x, placed.y, placed.z])
        yaw.append(placed.yaw_rad)
        speed.append(along / step_s if step_s > 0.0 else 0.0)
    return Track(
        positions=np.array(positions),
        yaw_rad=np.unwrap(np.array(yaw)),
        speed_mps=np.array(speed),
        present=np.ones(len(frames), dtype=bool),
    )


def camera_of(database: Any, frames: list[Row], channel: str) -> Camera:
    """The full picture's camera, mounted on a level ego.

    A track holds a yaw only, so the ego's mean pitch and roll over the frames go into the mount.
    """
    calibration = checked(database.get("calibrated_sensor", frames[0]["calibrated_sensor_token"]), "calibrated_sensor")
    problem = camera_matrix_problem(calibration)
    if problem is not None:
        raise BrokenSample(f"calibrated_sensor.json: row {calibration['token']}: {problem}. Mend the row.")
    matrix = np.array(calibration["camera_intrinsic"], dtype=np.float64)
    tilts = [euler_zyx(rotation_of_quaternion(_ego_row(database, frame)["rotation"]))[1:] for frame in frames]
    pitch, roll = np.mean(tilts, axis=0)
    ego_from_optical = rigid(rotation_of_quaternion(calibration["rotation"]), np.array(calibration["translation"]))
    level = rigid(rotation_zyx(0.0, float(pitch), float(roll)), np.zeros(3)) @ ego_from_optical
    level[:3, :3] = level[:3, :3] @ VEHICLE_FROM_OPTICAL.T
    return Camera(
        name=f"nuscenes_{channel.lower()}",
        width=int(frames[0]["width"]),
        height=int(frames[0]["height"]),
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]),
        cy=float(matrix[1, 2]),
        mount=Pose.from_matrix(level),
    )


def actors_of(
    database: Any,
    frames: list[Row],
    world_from_global: FloatArray,
    categories: Categories,
    optical_from_world: list[FloatArray],
    camera: Camera,
) -> tuple[tuple[Actor, ...], bool]:
    """The annotated boxes at the frames as actors, and whether one that is left out is in a picture of ``camera``.

    Between key frames they are interpolated by the devkit's own rule (NuScenes.get_boxes): a frame between key frames holds
    the boxes of the following one, moved linearly from the one before where they have the same instance, and standing at
    their later place where they have not. Speeds are NuScenes.box_velocity along the heading, 0 where it is unknown. Raises
    BrokenSample for an unsound annotation.
    """
    found: dict[str, dict[int, tuple[FloatArray, float, float]]] = {}
    annotations: dict[str, list[Row]] = {}
    velocities: dict[str, FloatArray] = {}
    sound: set[str] = set()
    left_out_in_view = False
    turn = float(np.arctan2(world_from_global[1, 0], world_from_global[0, 0]))
    for number, frame in enumerate(frames):
        _check_annotations(database, frame, sound)
        for box in database.get_boxes(frame["token"]):
            place = transform_points(world_from_global, np.asarray(box.center, dtype=np.float64))
            heading = euler_zyx(box.rotation_matrix)[0]
            if categories.get(box.name) is None:
                width, length, height = (float(value) for value in box.wlh)
                corners = box_corners(place, length, width, height, float(wrap_angle(heading + turn)))
                left_out_in_view |= _in_view(transform_points(optical_from_world[number], corners), camera)
                continue
            row = database.get("sample_annotation", box.token)
            if box.token not in velocities:
                velocities[box.token] = np.nan_to_num(database.box_velocity(box.token))
            velocity = velocities[box.token]
            speed = float(velocity[0] * np.cos(heading) + velocity[1] * np.sin(heading))
            found.setdefault(row["instance_token"], {})[number] = (place, float(wrap_angle(heading + turn)), speed)
            annotations.setdefault(row["instance_token"], []).append(row)
    actors = (
        _actor(database, instance, seen, annotations[instance], len(frames), categories)
        for instance, seen in found.items()
    )
    return tuple(actors), left_out_in_view


def _in_view(corners: FloatArray, camera: Camera) -> bool:
    """Whether a box's corners (8, 3) in the optical frame reach into the picture."""
    before = corners[corners[:, 2] > _NEAR_M]
    if not len(before):
        return False
    pixels = project(before, camera.intrinsics())
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return bool(high[0] > 0.0 and high[1] > 0.0 and low[0] < camera.width and low[1] < camera.height)


def world_of(database: Any, frames: list[Row]) -> FloatArray:
    """Transform (4, 4) from nuScenes' global frame to the world: the level ego frame at the first of the frames.

    Raises BrokenSample for an unsound ego pose at any of them.
    """
    for frame in frames:
        for side in (frame, _neighbour(database, frame, "prev"), _neighbour(database, frame, "next")):
            checked(_ego_row(database, side), "ego_pose")
    return invert_rigid(flat_pose(_ego_row(database, frames[0])).matrix())


def _actor(
    database: Any,
    instance: str,
    seen: dict[int, tuple[FloatArray, float, float]],
    rows: list[Row],
    num_frames: int,
    categories: Categories,
) -> Actor:
    known = np.array(sorted(seen))
    # Where the actor is not present its track holds the nearest known pose.
    nearest = known[np.argmin(np.abs(np.arange(num_frames)[:, None] - known[None]), axis=1)]
    present = np.isin(np.arange(num_frames), known)
    name = rows[0]["category_name"]
    category = categories[name]
    assert category is not None  # boxes without one are left out
    width, length, height = (float(value) for value in rows[0]["size"])
    attributes = [
        {database.get("attribute", token)["name"] for token in row.get("attribute_tokens", [])} for row in rows
    ]
    return Actor(
        id=instance,
        category=category,
        length=length,
        width=width,
        height=height,
        track=Track(
            positions=np.stack([seen[index][0] for index in nearest]),
            yaw_rad=np.unwrap(np.array([seen[index][1] for index in nearest])),
            speed_mps=np.where(present, [seen[index][2] for index in nearest], 0.0),
            present=present,
        ),
        preset="child" if name == "human.pedestrian.child" else None,
        parked=all("vehicle.parked" in names for names in attributes),
    )


def _check_annotations(database: Any, frame: Row, sound: set[str]) -> None:
    """Before the devkit sees them: it asserts without a name on NaN, and reads other faults as if they were sound."""
    sample = database.get("sample", frame["sample_token"])
    samples = (
        [sample] if frame["is_key_frame"] or not sample["prev"] else [sample, database.get("sample", sample["prev"])]
    )
    for each in samples:
        if each["token"] not in sound:
            for token in each["anns"]:
                checked(database.get("sample_annotation", token), "sample_annotation")
            sound.add(each["token"])


def _neighbour(database: Any, frame: Row, side: str) -> Row:
    """The frame before ("prev") or after ("next"); the frame itself at an end, a gap, or where time does not rise."""
    if not frame[side]:
        return frame
    other = database.get("sample_data", frame[side])
    step_us = other["timestamp"] - frame["timestamp"] if side == "next" else frame["timestamp"] - other["timestamp"]
    return other if 0 < step_us <= _LONGEST_STEP_US else frame


def _ego_row(database: Any, frame: Row) -> Row:
    return database.get("ego_pose", frame["ego_pose_token"])


def _position(database: Any, frame: Row) -> FloatArray:
    return np.array(_ego_row(database, frame)["translation"], dtype=np.float64)
