"""Recorder: turns the decoded chunks of one future into stored segments and, at the end, into the finished video."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from drivesim.errors import InputError
from drivesim.runs.manifest import Manifest
from drivesim.runs.records import FutureRecord, StoredVideo, read_future_record
from drivesim.runs.run_folder import (
    WAY_OUT,
    FutureFolder,
    RunFolder,
    future_name,
    require_digest,
    state_bytes,
    write_png,
)
from drivesim.runs.video import VideoWriter, concatenate
from drivesim.storage import sha256_of, write_atomic

if TYPE_CHECKING:
    from drivesim.runs.engine import DecodedChunk


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
        self._frames_sha256: dict[int, str] = {}

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
                self._frames_sha256[first + offset] = write_png(self.folder.frame_path(first + offset), frame)
        self.on_frames(len(frames))

    def _store(self, segment: int) -> None:
        for writer in self._writers.values():
            writer.close()
        videos = {suffix: buffer.getvalue() for suffix, buffer in self._buffers.items()}
        self.folder.write_segment(segment, videos, self._states, self._frames_sha256)
        self._buffers, self._writers, self._states, self._frames_sha256 = {}, {}, {}, {}


def video_suffixes(manifest: Manifest) -> tuple[str, ...]:
    """File kinds each segment is stored in."""
    return (".mp4", ".mkv") if manifest.lossless else (".mp4",)


def finish_future(run: RunFolder, manifest: Manifest, index: int) -> None:
    """Join the segments of a future into its video, record it as finished, and drop the segments."""
    folder = run.future(index)
    timeline = manifest.timeline
    videos: dict[str, StoredVideo] = {}
    for suffix in video_suffixes(manifest):
        target = run.video(index, lossless=suffix == ".mkv")
        concatenate([folder.segment_path(segment, suffix) for segment in range(timeline.num_segments)], target)
        videos[target.name] = StoredVideo(bytes=target.stat().st_size, sha256=sha256_of(target))
    beside = [folder.segment_path(segment, ".json") for segment in range(timeline.num_segments)]
    if manifest.develops_apart:
        beside.append(run.tracks_path(index))
    record = FutureRecord(
        id=future_id(manifest, index),
        seed=manifest.stream_root,
        noise_key=manifest.stream_of(index).key,
        num_frames=timeline.num_frames,
        fps=manifest.fps,
        scenario_sha256=manifest.scenario_sha256,
        weights_sha256=manifest.weights_sha256,
        videos=videos,
        files={path.relative_to(folder.path).as_posix(): sha256_of(path) for path in beside if path.is_file()},
    )
    write_atomic(folder.record_path, record.to_json())
    folder.drop_segment_videos()


def is_finished(run: RunFolder, index: int) -> bool:
    """Whether a future is finished and its videos are there. Raises InputError where its record is damaged."""
    record = finished_record(run, index)
    return record is not None and bool(record.videos) and all((run.path / name).is_file() for name in record.videos)


def require_intact(run: RunFolder, index: int) -> None:
    """Raise InputError, naming it, for the first file of a finished future that is not the one that the run wrote.

    Its record, videos, tracks, states and the segments' records are held against their hashes, PNGs are not: there may be
    many. What is missing is no damage, except for records: the rest is made again, or was taken away to save space.
    """
    require_vouched(run, index)
    folder = run.future(index)
    if folder.record_path.is_file():
        folder.kept_states()


def require_vouched(run: RunFolder, index: int) -> None:
    """The same but for the states, for whoever has read those already."""
    record = finished_record(run, index)
    if record is None:
        return
    for path, digest in vouched_files(run, index, record).items():
        if path.is_file():
            require_digest(path, digest)
        elif path.suffix == ".json":
            raise InputError(
                f"{path} is missing; without it nothing vouches for the states of {future_name(index)}. {WAY_OUT}"
            )


def finished_record(run: RunFolder, index: int) -> FutureRecord | None:
    """The record of a finished future, None while it is not finished. Raises InputError for a damaged one, or another's."""
    path, manifest = run.future(index).record_path, run.manifest()
    record = read_future_record(path)
    if record is None:
        return None
    mine = manifest.scenario_sha256, manifest.weights_sha256, manifest.stream_root, manifest.timeline.num_frames
    theirs = record.scenario_sha256, record.weights_sha256, record.seed, record.num_frames
    if mine != theirs or record.id != future_id(manifest, index):
        raise InputError(f"{path} is not what this run wrote: it belongs to another run or future. {WAY_OUT}")
    return record


def vouched_files(run: RunFolder, index: int, record: FutureRecord) -> dict[Path, str]:
    """The files that the record of a finished future vouches for, each with its SHA-256."""
    folder = run.future(index).path
    videos = {run.path / name: video.sha256 for name, video in record.videos.items()}
    return {**videos, **{folder / name: digest for name, digest in record.files.items()}}


def future_id(manifest: Manifest, index: int) -> str:
    """``highway-cut-in/v000/f07``."""
    return f"{manifest.scenario_id}/v{manifest.variation:03d}/f{index:02d}"
