"""Future: one video that a model generated, as it lies on disk; frames are decoded only when asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivesim.clip import Clip
from drivesim.errors import InputError
from drivesim.noise import NoiseStream
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import finished_record, future_id, is_finished
from drivesim.runs.run_folder import RunFolder, require_digest
from drivesim.runs.tracks import read_tracks
from drivesim.runs.video import iterate_frames
from drivesim.scene import Actor, Track


@dataclass(frozen=True, kw_only=True)
class Future:
    """One finished future of a run.

    ``index`` is its number, ``folder`` the run's folder, ``manifest`` what made it. Times are seconds from its frame 0.
    """

    index: int
    folder: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """``highway-cut-in/v000/f07``."""
        return future_id(self.manifest, self.index)

    @property
    def seed(self) -> int:
        """Root seed of its noise."""
        return self.manifest.stream_root

    @property
    def stream(self) -> NoiseStream:
        """The node of the tree of seeds whose children are its chunks."""
        return self.manifest.stream_of(self.index)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.manifest.fps

    @property
    def num_frames(self) -> int:
        """Frames, frame 0 included."""
        return self.manifest.timeline.num_frames

    @property
    def duration_s(self) -> float:
        """Seconds of video."""
        return self.num_frames / self.fps

    @property
    def video(self) -> Path:
        """The H.264 mp4."""
        return RunFolder(self.folder).video(self.index)

    @property
    def video_sha256(self) -> str:
        """The hash of the mp4, as the run kept it when it was finished."""
        record = finished_record(RunFolder(self.folder), self.index)
        assert record is not None, "a finished future has a record"
        return record.videos[self.video.name].sha256

    @property
    def source(self) -> Path:
        """The best stored version of its frames: the lossless video where there is one, else the mp4."""
        return RunFolder(self.folder).video(self.index, lossless=self.manifest.lossless)

    @property
    def tracks(self) -> tuple[Track, tuple[Actor, ...]]:
        """The ego's track and the actors of the development behind it: what was planned, not what the video shows.

        Raises InputError when the file is missing, or is not what the run wrote.
        """
        run = RunFolder(self.folder)
        path, name = run.tracks_path(self.index), run.shared_tracks_path.name
        record = finished_record(run, self.index)
        vouched = record.files if record is not None and self.manifest.develops_apart else self.manifest.files
        if path.is_file() and name in vouched:
            require_digest(path, vouched[name])
        return read_tracks(path)

    def iterate(self, start: float = 0.0, stop: float | None = None) -> Iterator[NDArray[np.uint8]]:
        """Yield uint8 RGB frames (H, W, 3) from ``start`` to ``stop`` (exclusive) seconds, one in memory at a time."""
        first, last = self._range(start, stop)
        yield from iterate_frames(self.source, first, last)

    def frames(self, start: float = 0.0, stop: float | None = None) -> NDArray[np.uint8]:
        """uint8 RGB frames (T, H, W, 3) from ``start`` to ``stop`` (exclusive) seconds, decoded from disk.

        Raises InputError when the range is empty or outside the video.
        """
        return np.stack(list(self.iterate(start, stop)))

    def clip(self, start: float = 0.0, stop: float | None = None) -> Clip:
        """The same frames with their rate."""
        return Clip(frames=self.frames(start, stop), fps=self.fps)

    def frame_at(self, time_s: float) -> NDArray[np.uint8]:
        """The frame (H, W, 3) shown at ``time_s``, the last one at the very end. Raises InputError outside of the video."""
        if not 0.0 <= time_s <= self.duration_s:
            raise InputError(f"{self.id} has {self.duration_s:g} s of video; {time_s:g} s is not inside it.")
        index = min(round(time_s * self.fps), self.num_frames - 1)
        return next(iterate_frames(self.source, index, index + 1))

    def _range(self, start: float, stop: float | None) -> tuple[int, int]:
        first = math.ceil(start * self.fps - 1e-6)
        last = self.num_frames if stop is None else math.ceil(stop * self.fps - 1e-6)
        if not 0 <= first < last <= self.num_frames:
            raise InputError(
                f"{self.id} has {self.duration_s:g} s of video; {start:g} s to "
                f"{'its end' if stop is None else f'{stop:g} s'} is not inside it."
            )
        return first, last


def open_future(path: Path | str, index: int) -> Future | None:
    """A finished future of a run folder, None where it has none of that number. Raises InputError when ``path`` is no run folder."""
    run = RunFolder(Path(path))
    manifest = run.manifest()
    return Future(index=index, folder=run.path, manifest=manifest) if is_finished(run, index) else None


def open_run(path: Path | str) -> tuple[Future, ...]:
    """The finished futures of a run folder, in order. Raises InputError when ``path`` is no run folder."""
    run = RunFolder(Path(path))
    manifest = run.manifest()
    return tuple(
        Future(index=index, folder=run.path, manifest=manifest)
        for index in run.future_indices()
        if is_finished(run, index)
    )
