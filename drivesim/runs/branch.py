"""Branching: new futures from a stored moment of an old one, which share its past and nothing after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.noise import NoiseStream
from drivesim.runs.manifest import BranchOrigin, Manifest
from drivesim.runs.recorder import is_finished, require_vouched
from drivesim.runs.run import Beginning
from drivesim.runs.run_folder import RunFolder
from drivesim.runs.streams import branch_stream
from drivesim.runs.video import read_frames


@dataclass(frozen=True, kw_only=True, eq=False)
class BranchPoint:
    """A stored moment of a run: the parent's manifest, where exactly, the shared frame and state, the noise above."""

    parent: Manifest
    origin: BranchOrigin
    beginning: Beginning
    stream: NoiseStream


def branch_point(run_path: Path, at_s: float, *, future: int = 0, seed: int | None = None) -> BranchPoint:
    """The last stored moment of a future at or before ``at_s`` seconds (on the scene's clock).

    States are stored about once a second, so the exact time is in ``origin.time_s``. ``seed`` is the root of the new
    noise, the parent's own by default. Raises InputError when there is no such future or nothing stored that early.
    """
    run = RunFolder(run_path)
    manifest = run.manifest()
    stored = [chunks for chunks in run.future(future).kept_states() if _is_shown(manifest, chunks)]
    if not stored:
        made = ", ".join(str(index) for index in run.future_indices()) or "none yet"
        raise InputError(f"{run_path} has no stored states of future {future} (futures there: {made}).")
    times = {chunks: _scene_frame(manifest, chunks) / manifest.fps for chunks in stored}
    first, last = times[stored[0]], times[stored[-1]]
    end = (manifest.scene_frame + manifest.timeline.num_frames) / manifest.fps
    early_enough = [chunks for chunks in stored if times[chunks] <= at_s + 1e-6]
    if not early_enough or at_s > end + 1e-6:
        raise InputError(
            f"cannot branch {run_path} at {at_s:g} s: stored moments reach from {first:g} s to {last:g} s."
        )
    chunks = early_enough[-1]
    parent_stream = NoiseStream(manifest.stream_root, manifest.stream_key).child(future)
    return BranchPoint(
        parent=manifest,
        origin=BranchOrigin(
            run=str(run_path), future=future, frame=_scene_frame(manifest, chunks), time_s=times[chunks], chunks=chunks
        ),
        beginning=_shared_moment(run, manifest, future, chunks),
        stream=branch_stream(parent_stream, chunks, manifest.stream_root if seed is None else seed),
    )


def _is_shown(manifest: Manifest, chunks: int) -> bool:
    """Whether the video shows the frame of this state; it may end inside the last chunk."""
    return manifest.timeline.generated_frames(chunks - 1).stop <= manifest.timeline.num_frames


def _scene_frame(manifest: Manifest, chunks: int) -> int:
    """Index on the scene's grid of the last frame that ``chunks`` chunks generate."""
    return manifest.scene_frame + manifest.timeline.generated_frames(chunks - 1).stop - 1


def _shared_moment(run: RunFolder, manifest: Manifest, future: int, chunks: int) -> Beginning:
    """The stored state after ``chunks`` chunks and the last frame of the parent's video before it."""
    folder, timeline = run.future(future), manifest.timeline
    frame = timeline.kept_frames(chunks - 1).stop - 1
    require_vouched(run, future)  # its states were read when this one was chosen
    if is_finished(run, future):
        source, first = run.video(future, lossless=manifest.lossless), 0
    else:
        segment = timeline.segment_of(chunks - 1)
        source = folder.segment_path(segment, ".mkv" if manifest.lossless else ".mp4")
        first = timeline.frames_of(segment).start
    pixels = read_frames(source, frame - first, frame - first + 1)[0]
    return Beginning(frame=pixels, state=folder.load_state(chunks))
