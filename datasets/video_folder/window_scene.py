"""The scene of one window: the ego's motion and the actors' boxes at the moments of its frames."""

from __future__ import annotations

import numpy as np

from drivesim.controls import Control
from drivesim.datasets.video_folder.boxes import LONGEST_GAP_S, BoxTrack
from drivesim.datasets.video_folder.entry import Entry
from drivesim.geometry import FloatArray, wrap_angle
from drivesim.scene import Actor, Environment, Scene, Track


def known_controls(entry: Entry, times_s: FloatArray, fps: float) -> frozenset[Control]:
    """What the side files tell of frames at the times (T,).

    The actors where boxes are annotated closely enough (with half a frame's grace at the ends), the motion where poses lie
    close enough around every frame, attributes where they are given. Behind the place where a video's clock begins again,
    the times of side files mean nothing.
    """
    known = set()
    restarts = entry.index.restarts
    timed = not len(restarts) or times_s[-1] < entry.index.times_s[restarts[0]]
    if timed and entry.boxes is not None and entry.boxes.known(times_s, 0.5 / fps):
        known.add(Control.ACTORS)
    if timed and entry.poses is not None and entry.poses.cover(times_s).all():
        known.add(Control.MOTION)
    if entry.camera_file.environment is not None:
        known.add(Control.ATTRIBUTES)
    return frozenset(known)


def coverage(entry: Entry, fps: float) -> tuple[list[str], list[str]]:
    """Of how many windows the side files tell: problems for files that tell of none, notes for those that do not of all."""
    problems, notes = [], []
    told = [known_controls(entry, entry.index.times_s[window], fps) for window in entry.windows]
    for control, what, files in (
        (Control.ACTORS, "boxes", () if entry.boxes is None else ("boxes.csv", "boxes.json")),
        (Control.MOTION, "poses", () if entry.poses is None else ("poses.csv",)),
    ):
        count = sum(control in known for known in told)
        if not files or count == len(told):
            continue
        step_s = entry.boxes.step_s if control == Control.ACTORS and entry.boxes is not None else _step_of(entry)
        apart = f"; a row every {step_s:.2g} s: between rows more than {LONGEST_GAP_S:g} s apart they are not known"
        reason = apart if step_s > LONGEST_GAP_S else "; outside of the rows they are not known"
        text = f"the {what} tell of {count} of {len(told)} windows{reason}"
        if count:
            notes.append(f"{entry.recording.name}: {text}")
        else:
            problems.append(f"{entry.recording.side_file(*files)}: {text}. Write rows closer together, or fill them in")
    return problems, notes


def _step_of(entry: Entry) -> float:
    return 0.0 if entry.poses is None else float(np.median(np.diff(entry.poses.times_s)))


def window_scene(entry: Entry, times_s: FloatArray, fps: float, name: str, known: frozenset[Control]) -> Scene:
    """The scene of frames at the times (T,); the world frame is the ego frame of its first frame.

    Without known motion the ego stands, and boxes stay right relative to it. Without known boxes there are no actors.
    """
    frames = len(times_s)
    positions, yaw, speed = np.zeros((frames, 3)), np.zeros(frames), np.zeros(frames)
    moving = Control.MOTION in known and entry.poses is not None
    if moving and entry.poses is not None:
        fixed, fixed_yaw = entry.poses.at(times_s)
        positions = _turned(fixed - fixed[0], -fixed_yaw[0])
        yaw = fixed_yaw - fixed_yaw[0]
        speed = entry.poses.speed_mps(times_s, 1.0 / fps)
    ego = Track(positions=positions, yaw_rad=yaw, speed_mps=speed, present=np.ones(frames, dtype=bool))
    tracks = entry.boxes.tracks if entry.boxes is not None and Control.ACTORS in known else ()
    actors = (_actor(entry, track, ego, times_s, moving) for track in tracks)
    return Scene(
        name=name,
        fps=fps,
        ego=ego,
        actors=tuple(actor for actor in actors if actor.track.present.any()),
        camera=entry.framing.camera(entry.camera),
        environment=entry.camera_file.environment or Environment(),
    )


def _actor(entry: Entry, track: BoxTrack, ego: Track, times_s: FloatArray, moving: bool) -> Actor:
    """A track on the window's frames, in its world frame."""
    poses = entry.poses
    if moving and poses is not None and poses.cover(track.times_s).all():
        # Between rows things move evenly in the world, not in the frame of a vehicle that turns.
        at, heading = poses.at(track.times_s)
        fixed = BoxTrack(
            id=track.id,
            category=track.category,
            size=track.size,
            times_s=track.times_s,
            centres=_turned(track.centres, heading) + at,
            yaw_rad=track.yaw_rad + heading,
        )
        centres, yaw, present = fixed.at(times_s)
        start, start_yaw = poses.at(times_s[:1])
        centres, yaw = _turned(centres - start[0], -start_yaw[0]), yaw - start_yaw[0]
    else:
        centres, yaw, present = track.at(times_s)
        centres, yaw = _turned(centres, ego.yaw_rad) + ego.positions, yaw + ego.yaw_rad
    speed = np.zeros(len(times_s))
    if moving and len(times_s) > 1:
        velocity = np.gradient(centres[:, :2], times_s, axis=0)
        speed = velocity[:, 0] * np.cos(yaw) + velocity[:, 1] * np.sin(yaw)
    length, width, height = track.size
    return Actor(
        id=track.id,
        category=track.category,
        length=length,
        width=width,
        height=height,
        track=Track(positions=centres, yaw_rad=np.asarray(wrap_angle(yaw)), speed_mps=speed, present=present),
    )


def _turned(points: FloatArray, yaw_rad: FloatArray | float) -> FloatArray:
    """Points (N, 3) turned about z by one angle or one each (N,)."""
    cosine, sine = np.cos(yaw_rad), np.sin(yaw_rad)
    x, y = points[:, 0], points[:, 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y, points[:, 2]], axis=1)
