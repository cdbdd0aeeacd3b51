"""What a run will cost, before it starts: frames, hours and gigabytes, from a measurement on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from drivesim.errors import InputError
from drivesim.noise import NoiseStream
from drivesim.rollout.engine import DecodedChunk, generate
from drivesim.rollout.manifest import Manifest
from drivesim.rollout.recorder import video_suffixes
from drivesim.rollout.run import Ingredients
from drivesim.rollout.run_folder import state_bytes
from drivesim.rollout.storage import free_bytes, write_atomic
from drivesim.rollout.video import VideoWriter

# The first chunk warms up caches and is not timed.
_TIMED_CHUNKS = 2


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What one machine does with one model: frames a second, and bytes it stores per frame and per kept state."""

    frames_per_s: float
    bytes_per_frame: float
    bytes_per_state: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cost of making ``num_futures`` futures of one variation of a scenario."""

    manifest: Manifest
    num_futures: int
    speed: Speed
    folder: Path
    free_disk_bytes: int

    @property
    def num_frames(self) -> int:
        """Frames of all futures together."""
        return self.num_futures * self.manifest.timeline.num_frames

    @property
    def seconds(self) -> float:
        """Expected wall time."""
        return self.num_frames / self.speed.frames_per_s

    @property
    def disk_bytes(self) -> float:
        """Expected bytes on disk at the end, with room for joining the last future's segments."""
        timeline = self.manifest.timeline
        states = sum(timeline.keeps_state(chunk + 1) for chunk in range(timeline.num_chunks))
        one_video = timeline.num_frames * self.speed.bytes_per_frame
        return self.num_futures * (one_video + states * self.speed.bytes_per_state) + one_video

    def text(self) -> str:
        """One line for the person who is about to wait."""
        frames = self.manifest.timeline.num_frames
        return (
            f"{_count(self.num_futures, 'future')} × {_count(frames, 'frame')} = {_grouped(self.num_frames)} frames; "
            f"{self.speed.frames_per_s:.1f} frames/s measured → {_duration(self.seconds)}; about {_size(self.disk_bytes)}"
        )

    def to_dict(self) -> dict[str, object]:
        """The plan for programs, in SI units."""
        return {
            "scenario": self.manifest.scenario_id,
            "variation": self.manifest.variation,
            "futures": self.num_futures,
            "frames_per_future": self.manifest.timeline.num_frames,
            "frames": self.num_frames,
            "frames_per_s": round(self.speed.frames_per_s, 3),
            "seconds": round(self.seconds, 1),
            "disk_bytes": round(self.disk_bytes),
            "free_disk_bytes": self.free_disk_bytes,
            "actors": self.manifest.actors,
            "ego": self.manifest.ego,
            "events": list(self.manifest.events),
            "out": str(self.folder),
        }

    def require_disk(self) -> None:
        """Raise InputError when the disk cannot hold what the run will write."""
        if self.disk_bytes > self.free_disk_bytes:
            less = (
                ", or leave out --lossless and --frames" if self.manifest.lossless or self.manifest.png_frames else ""
            )
            raise InputError(
                f"the run needs about {_size(self.disk_bytes)}, {self.folder} has {_size(self.free_disk_bytes)} free. "
                f"Ask for fewer futures or a shorter video{less}, or write to another disk with --out."
            )


def make_plan(manifest: Manifest, num_futures: int, folder: Path, speed: Speed) -> Plan:
    """The plan of a run that will be written to ``folder``."""
    return Plan(
        manifest=manifest,
        num_futures=num_futures,
        speed=speed,
        folder=folder,
        free_disk_bytes=free_bytes(folder),
    )


def measure_speed(manifest: Manifest, ingredients: Ingredients) -> Speed:
    """Run the real loop, decoding and encoding included, for three chunks (fewer in a shorter run); nothing is stored."""
    chunk_frames = manifest.timeline.chunk_frames
    num_chunks = max(1, min(1 + _TIMED_CHUNKS, manifest.timeline.num_chunks))
    timeline = dataclasses.replace(manifest.timeline, num_frames=1 + num_chunks * chunk_frames)
    finished_at: list[float] = []
    buffers = {suffix: io.BytesIO() for suffix in video_suffixes(manifest)}
    writers = [
        VideoWriter(buffer, manifest.width, manifest.height, manifest.fps, lossless=suffix == ".mkv")
        for suffix, buffer in buffers.items()
    ]
    sizes = {"frames": 0, "png": 0, "state": 0}

    def consume(chunk: DecodedChunk) -> None:
        for writer in writers:
            writer.write(chunk.frames)
        if manifest.png_frames:
            sizes["png"] += sum(len(cv2.imencode(".png", frame)[1]) for frame in chunk.frames)
        sizes["frames"] += len(chunk.frames)
        sizes["state"] = len(state_bytes(chunk.state)) if chunk.state is not None else sizes["state"]
        finished_at.append(time.perf_counter())

    started = time.perf_counter()
    generate(
        ingredients.model,
        ingredients.first_state(),
        ingredients.controls,
        NoiseStream(0),
        timeline,
        consume,
        threads=manifest.threads,
        scene_frame=manifest.scene_frame,
    )
    for writer in writers:
        writer.close()
    stored = sum(len(buffer.getvalue()) for buffer in buffers.values()) + sizes["png"]
    times = np.diff([started, *finished_at])
    timed = times[1:] if len(times) > 1 else times
    return Speed(
        frames_per_s=chunk_frames / float(np.mean(timed)),
        bytes_per_frame=stored / max(sizes["frames"], 1),
        bytes_per_state=float(sizes["state"]),
    )


def remembered_speed(manifest: Manifest) -> Speed | None:
    """The speed that an earlier run with the same model, device and settings had on this machine."""
    try:
        return Speed(**json.loads(_memory().read_text(encoding="utf-8"))[_settings(manifest)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_speed(manifest: Manifest, speed: Speed) -> None:
    """Keep a measured speed for the next plan; a machine without a writable cache just measures again.

    Of a run of one or two chunks, most of which is warming up, nothing is kept.
    """
    if manifest.timeline.num_chunks <= _TIMED_CHUNKS:
        return
    path = _memory()
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    if not isinstance(known, dict):
        known = {}
    known[_settings(manifest)] = dataclasses.asdict(speed)
    with contextlib.suppress(OSError, InputError):
        write_atomic(path, json.dumps(known, indent=1) + "\n")


def _memory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "drivesim" / "speed.json"


def _settings(manifest: Manifest) -> str:
    """Everything that the speed depends on, as one text."""
    threads = f"{manifest.threads.denoise}+{manifest.threads.decode}"
    outputs = ["mp4", *["lossless"] * manifest.lossless, *["png"] * manifest.png_frames]
    parts = [
        manifest.weights_sha256[:16],
        f"{manifest.width}x{manifest.height}",
        manifest.device,
        manifest.dtype,
        threads if manifest.threads.overlap else f"{threads} in turn",
        str(manifest.steps),
        manifest.actors,
        manifest.ego,
        "+".join(outputs),
        manifest.versions.get("torch", ""),
    ]
    return " ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _size(num_bytes: float) -> str:
    for limit, unit in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= limit:
            return f"{num_bytes / limit:.1f} {unit}" if num_bytes < 10 * limit else f"{num_bytes / limit:.0f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"
