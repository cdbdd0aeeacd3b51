"""What a run will cost, before it starts: frames, time, disk and memory, from a measurement on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivesim.errors import InputError
from drivesim.runs.cost import PHASES, Cost, peak_resident_bytes, resident_bytes
from drivesim.runs.manifest import Manifest
from drivesim.storage import free_bytes


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cost of making ``num_futures`` futures of one variation of a scenario.

    ``loading_s`` went by, and ``loaded_bytes`` of memory were taken, before the run itself begins; ``peak_bytes`` is the
    most that the process has held up to now.
    """

    manifest: Manifest
    num_futures: int
    cost: Cost
    folder: Path
    free_disk_bytes: int
    loading_s: float = 0.0
    loaded_bytes: int = 0
    peak_bytes: int = 0

    @property
    def num_frames(self) -> int:
        """Frames of all futures together."""
        return self.num_futures * self.manifest.timeline.num_frames

    @property
    def making_s(self) -> float:
        """Expected wall time of the run itself: the start, and every future."""
        return self.cost.start_s + self.num_futures * self.cost.future_s(self.manifest.timeline.num_chunks)

    @property
    def seconds(self) -> float:
        """Expected wall time of the whole command, loading included."""
        return self.loading_s + self.making_s

    @property
    def memory_bytes(self) -> float:
        """Expected peak of the process's memory: futures are made one after the other and stored as they go."""
        timeline = self.manifest.timeline
        segment_states = timeline.segment_chunks // timeline.state_chunks
        segment_frames = timeline.segment_chunks * timeline.chunk_frames
        segment = segment_frames * self.cost.bytes_per_frame + segment_states * self.cost.bytes_per_state
        return max(float(self.peak_bytes), self.loaded_bytes + self.cost.working_bytes) + segment

    @property
    def disk_bytes(self) -> float:
        """Expected bytes on disk at the end, with room for joining the last future's segments."""
        timeline = self.manifest.timeline
        states = sum(timeline.keeps_state(chunk + 1) for chunk in range(timeline.num_chunks))
        one_video = timeline.num_frames * self.cost.bytes_per_frame
        return self.num_futures * (one_video + states * self.cost.bytes_per_state) + one_video

    def text(self) -> str:
        """One line for the person who is about to wait."""
        frames = self.manifest.timeline.num_frames
        return (
            f"{_count(self.num_futures, 'future')} × {_count(frames, 'frame')} = {_grouped(self.num_frames)} frames; "
            f"{self.cost.frames_per_s:.1f} frames/s measured → {duration_text(self.seconds)}; "
            f"about {size_text(self.disk_bytes)} of disk, {size_text(self.memory_bytes)} of memory"
        )

    def to_dict(self) -> dict[str, object]:
        """The plan for programs, in SI units."""
        return {
            "scenario": self.manifest.scenario_id,
            "variation": self.manifest.variation,
            "futures": self.num_futures,
            "frames_per_future": self.manifest.timeline.num_frames,
            "frames": self.num_frames,
            "frames_per_s": round(self.cost.frames_per_s, 3),
            "seconds": round(self.seconds, 1),
            "loading_s": round(self.loading_s, 2),
            "start_s": round(self.cost.start_s, 2),
            "chunk_s": round(self.cost.chunk_s, 4),
            "phases_s": {phase: round(getattr(self.cost, f"{phase}_s"), 4) for phase in PHASES},
            "memory_gb": round(self.memory_bytes / 1e9, 3),
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
                ", or leave out --lossless and --png-frames"
                if self.manifest.lossless or self.manifest.png_frames
                else ""
            )
            raise InputError(
                f"the run needs about {size_text(self.disk_bytes)}, {self.folder} has {size_text(self.free_disk_bytes)} free. "
                f"Ask for fewer futures or a shorter video{less}, or write to another disk with --out."
            )


def make_plan(
    manifest: Manifest, num_futures: int, folder: Path, cost: Cost, *, loading_s: float = 0.0, loaded_bytes: int = 0
) -> Plan:
    """The plan of a run that will be written to ``folder``, by a process that took ``loading_s`` to come so far.

    ``loaded_bytes`` is what it held before anything was measured; by default what it holds now.
    """
    return Plan(
        manifest=manifest,
        num_futures=num_futures,
        cost=cost,
        folder=folder,
        free_disk_bytes=free_bytes(folder),
        loading_s=loading_s,
        loaded_bytes=loaded_bytes or resident_bytes(),
        peak_bytes=peak_resident_bytes(),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def duration_text(seconds: float) -> str:
    """Seconds as people say them: 40 s, 12 min, 3 h 05 min."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size_text(num_bytes: float) -> str:
    """Bytes as people say them: 1.2 GB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= limit:
            return f"{num_bytes / limit:.1f} {unit}" if num_bytes < 10 * limit else f"{num_bytes / limit:.0f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"
