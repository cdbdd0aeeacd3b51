"""The traffic of the last developments that were played, by everything it depends on.

Start frame, rollout, futures and what measures them each ask for the same development, and playing it takes longer than all
else that is decided about a run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from threading import Lock

from drivesim.scene import Track
from drivesim.traffic.simulation import TrafficResult

#: Developments that are remembered, and the bytes that their tracks may take together: a longer one alone is not.
REMEMBERED, REMEMBERED_BYTES = 8, 32_000_000


class RecentTraffic:
    """Keeps what was played last; a key is compared by its value. Whoever asks gets tracks of his own, to do with as he likes."""

    def __init__(self, most: int = REMEMBERED, most_bytes: int = REMEMBERED_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: list[tuple[object, TrafficResult]] = []
        self._lock = Lock()

    def of(self, key: object, play: Callable[[], TrafficResult]) -> TrafficResult:
        """The traffic of ``key``: as it was played before, else as ``play`` plays it now."""
        with self._lock:
            known = next((entry for entry in self._kept if entry[0] == key), None)
        found = (key, play()) if known is None else known
        with self._lock:
            self._kept = [found, *(entry for entry in self._kept if entry is not known)][: self._most]
            while sum(_bytes_of(result) for _, result in self._kept) > self._most_bytes:
                self._kept.pop()
        return _copy_of(found[1])


def _bytes_of(result: TrafficResult) -> int:
    tracks = (result.ego, *(actor.track for actor in result.actors))
    return sum(array.nbytes for track in tracks for array in vars(track).values())


def _copy_of(result: TrafficResult) -> TrafficResult:
    actors = tuple(dataclasses.replace(actor, track=_copy_of_track(actor.track)) for actor in result.actors)
    return dataclasses.replace(
        result, ego=_copy_of_track(result.ego), actors=actors, event_times=dict(result.event_times)
    )


def _copy_of_track(track: Track) -> Track:
    return Track(**{name: array.copy() for name, array in vars(track).items()})
