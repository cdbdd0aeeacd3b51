"""What a planner may know of the others: found in the pictures by the probe, and joined to tracks over the last seconds."""

from __future__ import annotations

import dataclasses
from collections import deque

import numpy as np
from numpy.typing import NDArray

from drivesim.closed_loop.loop import objects_around
from drivesim.closed_loop.observation import SeenObject
from drivesim.evidence.measure import judged
from drivesim.judges.load import Judges
from drivesim.judges.probe.decode import Detections
from drivesim.judges.probe.reading import read_frames
from drivesim.metrics.measured_tracks import measured_actors
from drivesim.metrics.tracking import track_objects
from drivesim.scene import Actor, Scene

#: Tracks are looked for over so many seconds, and counted while they were found in the last of them.
_WINDOW_S, _FRESH_S = 3.0, 0.35


class Perception:
    """Finds road users in the pictures as they come; the ego's own motion is known to it, as to a car."""

    def __init__(self, judges: Judges, fps: float) -> None:
        self._judges, self._fps = judges, fps
        self._detections: deque[Detections] = deque(maxlen=round(_WINDOW_S * fps))
        self._size = (0, 0)

    def look(self, pictures: NDArray[np.uint8]) -> None:
        """Take in the next frames, uint8 (T, H, W, 3)."""
        read = read_frames(self._judges.probe, [judged(picture) for picture in pictures], self._fps)
        self._detections.extend(read.detections)
        self._size = (read.width, read.height)

    def objects(self, scene: Scene) -> tuple[SeenObject, ...]:
        """Who was found, where and how fast, seen from the ego at the end of ``scene``, whose last frame was looked at last.

        Of the scene the ego's track and the camera alone are used.
        """
        count = len(self._detections)
        recent = scene.window(len(scene) - count, len(scene))
        tracks = track_objects(list(self._detections))
        fresh = [track for track in tracks if track.frames[-1] >= count - 1 - _FRESH_S * self._fps]
        found = measured_actors(fresh, scene.camera.resized(*self._size), recent.ego, self._fps, min_frames=4)
        return objects_around(dataclasses.replace(recent, actors=tuple(_until_now(each, self._fps) for each in found)))


def _until_now(actor: Actor, fps: float) -> Actor:
    """The actor on the last frame too, where its last speed takes it, though it was found last a little earlier."""
    track, last = actor.track, int(np.flatnonzero(actor.track.present)[-1])
    yaw, speed = float(track.yaw_rad[last]), float(track.speed_mps[last])
    positions, present = track.positions.copy(), track.present.copy()
    way = speed * (len(track) - 1 - last) / fps
    positions[-1] = positions[last] + way * np.array([np.cos(yaw), np.sin(yaw), 0.0])
    turned, speeds = track.yaw_rad.copy(), track.speed_mps.copy()
    turned[-1], speeds[-1], present[-1] = yaw, speed, True
    now = dataclasses.replace(track, positions=positions, yaw_rad=turned, speed_mps=speeds, present=present)
    return dataclasses.replace(actor, track=now)
