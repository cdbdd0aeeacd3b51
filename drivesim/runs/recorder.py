"""Recorder: turns the decoded chunks of one future into stored segments and, at the end, into the finished video."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivesim.errors import InputError
from drivesim.runs.engine import DecodedChunk
from drivesim.runs.manifest import Manifest
from drivesim.runs.run_folder import FutureFolder, RunFolder, state_bytes, write_png
from drivesim.runs.storage import sha256_of, write_atomic
from drivesim.runs.video import VideoWriter, concatenate


class Recorder:
    """Encodes in memory, at most one segment at a time, and stores a segment only when it is whole.

    It takes chunks in order; ``on_frames`` hears how many frames each one added.
    """

    def __init__(
        self,
        folder: FutureFolder,
        manifest: Manifest,
        start_frame: NDArray[np.uint8],
        on_frames: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.folder, self.manifest, self.start_frame = folder, manifest, start_frame
        self.on_frames = on_frames
        self._suffixes = video_suffixes(manifest)
        self._buffers: dict[str, io.BytesIO] = {}
        self._writers: dict[str, VideoWriter] = {}
        self._states: dict[int, bytes] = {}

    def record(self, chunk: DecodedChunk) -> None:
        """Append a chunk; stores the segment when the chunk completes it."""
        timeline = self.folder.timeline
        segment = timeline.segment_of(chunk.index)
        chunks = timeline.chunks_of(segment)
        if chunk.index == chunks.start:
            self._open(segment)
        self._append(timeline.kept_frames(chunk.index).start, chunk.frames)
        if chunk.state is not None:
            self._states[chunk.index + 1] = state_bytes(chunk.state)
        if chunk.index == chunks.stop - 1:
            self._store(segment)

    def record_start_only(self) -> None:
        """Store the only segment of a video that is just its start frame."""
        self._open(0)
        self._store(0)

    def _open(self, segment: int) -> None:
        manifest = self.manifest
        self._states = {}
        self._buffers = {suffix: io.BytesIO() for suffix in self._suffixes}
        self._writers = {
            suffix: VideoWriter(buffer, manifest.width, manifest.height, manifest.fps, lossless=suffix == ".mkv")
            for suffix, buffer in self._buffers.items()
        }
        if segment == 0:
            self._append(0, self.start_frame[None])

    def _append(self, first: int, frames: NDArray[np.uint8]) -> None:
        for writer in self._writers.values():
            writer.write(frames)
        if self.manifest.png_frames:
            for offset, frame in enumerate(frames):
                write_png(self.folder.frame_path(first + offset), frame)
        self.on_frames(len(frames))

    def _store(self, segment: int) -> None:
        for writer in self._writers.values():
            writer.close()
        videos = {suffix: buffer.getvalue() for suffix, buffer in self._buffers.items()}
        self.folder.write_segment(segment, videos, self._states)
        self._buffers, self._writers, self._states = {}, {}, {}


def video_suffixes(manifest: Manifest) -> tuple[str, ...]:
    """File kinds each segment is stored in."""
    return (".mp4", ".mkv") if manifest.lossless else (".mp4",)


def finish_future(run: RunFolder, manifest: Manifest, index: int) -> None:
    """Join the segments of a future into its video, record it as finished, and drop the segments."""
    folder = run.future(index)
    timeline = manifest.timeline
    videos: dict[str, dict[str, object]] = {}
    for suffix in video_suffixes(manifest):
        target = run.video(index, lossless=suffix == ".mkv")
        concatenate([folder.segment_path(segment, suffix) for segment in range(timeline.num_segments)], target)
        videos[target.name] = {"bytes": target.stat().st_size, "sha256": sha256_of(target)}
    record = {
        "synthetic": True,
        "id": future_id(manifest, index),
        "seed": manifest.stream_root,
        "noise_key": [*manifest.stream_key, index],
        "num_frames": timeline.num_frames,
        "fps": manifest.fps,
        "scenario_sha256": manifest.scenario_sha256,
        "weights_sha256": manifest.weights_sha256,
        "videos": videos,
    }
    write_atomic(folder.record_path, json.dumps(record, indent=2) + "\n")
    folder.drop_segment_videos()


def is_finished(run: RunFolder, index: int) -> bool:
    """Whether the finished video of a future is there, with the size it was written with."""
    sizes = {run.path / name: entry["bytes"] for name, entry in _recorded_videos(run, index).items()}
    return bool(sizes) and all(_size(path) == size for path, size in sizes.items())


def require_intact(run: RunFolder, index: int) -> None:
    """Raise InputError, naming it, for a video of a finished future that is not the one that the run wrote.

    A video that is missing is no damage: it is made again.
    """
    for name, entry in _recorded_videos(run, index).items():
        path = run.path / name
        if path.is_file() and sha256_of(path) != entry["sha256"]:
            raise InputError(
                f"{path} is not the video that this run wrote: it was damaged, edited or replaced. Move it away, and --resume makes it "
                "again."
            )


def _recorded_videos(run: RunFolder, index: int) -> dict[str, dict[str, Any]]:
    """``bytes`` and ``sha256`` of a finished future's videos by name; empty where there is no sound record of them."""
    try:
        videos = json.loads(run.future(index).record_path.read_text(encoding="utf-8"))["videos"]
        return {name: {key: entry[key] for key in ("bytes", "sha256")} for name, entry in videos.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def future_id(manifest: Manifest, index: int) -> str:
    """``highway-cut-in/v000/f07``."""
    return f"{manifest.scenario_id}/v{manifest.variation:03d}/f{index:02d}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1
