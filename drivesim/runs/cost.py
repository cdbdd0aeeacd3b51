"""The cost model: what one chunk of a rollout takes on this machine, phase by phase, and what a whole run will take.

A run is a start (start frame and first state) and, per future, a pipeline of two halves: one makes the controls, samples the
chunk and encodes finished pictures as video, the other finishes the chunk's pictures; between them they are drawn, by
whichever half has time. Overlapped, every chunk but the first adds the slower half, or half of everything where that is more;
one after the other, a chunk takes the sum. Memory is what the process holds before the run plus the most that the run was seen
to add; it does not grow with the length of a video.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from drivesim.controls import Controls, ControlSource
from drivesim.errors import NotKeptWarning
from drivesim.json_text import JsonFault, fitted, parse_object
from drivesim.noise import NoiseStream
from drivesim.runs.engine import DecodedChunk, generate
from drivesim.runs.manifest import Manifest
from drivesim.runs.recorder import video_suffixes
from drivesim.runs.run import Ingredients, Listener
from drivesim.runs.run_folder import state_bytes
from drivesim.runs.video import VideoWriter
from drivesim.storage import cache_folder, kept_if_possible, write_atomic
from drivesim.world_model import WorldModel

#: Chunks that are measured at most; the first warms up caches and is timed only where there is no other.
MEASURED_CHUNKS = 7

# With fewer chunks than this most of the measurement is warming up, and nothing of it is kept.
_REMEMBERED_CHUNKS = 3

PHASES = ("tell", "denoise", "draw", "decode", "write")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one machine takes for one model and one set of options.

    Seconds per chunk of ``chunk_frames`` frames: ``tell_s`` makes the controls, ``denoise_s`` samples, ``draw_s`` and
    ``decode_s`` make pictures, ``write_s`` encodes them. ``decode_s`` is one half of the loop, ``draw_s`` belongs to either, the
    others are the other half; side by side if ``overlap``. ``start_s`` is spent once a run. ``working_bytes`` is the most that a
    run adds to the memory of the process; ``bytes_per_frame`` and ``bytes_per_state`` are stored.
    """

    chunk_frames: int
    overlap: bool
    start_s: float
    tell_s: float
    denoise_s: float
    draw_s: float
    decode_s: float
    write_s: float
    bytes_per_frame: float
    bytes_per_state: float
    working_bytes: float

    @property
    def is_plausible(self) -> bool:
        """Whether it can have been measured: numbers, none of them negative or endless, and a chunk takes some time."""
        values = [value for name, value in vars(self).items() if name != "overlap"]
        numbers = all(isinstance(value, int | float) and 0.0 <= value < math.inf for value in values)
        return numbers and self.chunk_frames >= 1 and self.chunk_s > 0.0

    @property
    def _work_s(self) -> float:
        """Seconds of work in a chunk, whoever does it."""
        return sum(float(getattr(self, f"{phase}_s")) for phase in PHASES)

    @property
    def chunk_s(self) -> float:
        """Seconds that one more chunk adds to a future."""
        if not self.overlap:
            return self._work_s
        return max(self.tell_s + self.denoise_s + self.write_s, self.decode_s, 0.5 * self._work_s)

    @property
    def frames_per_s(self) -> float:
        """Frames a second of a long video."""
        return self.chunk_frames / max(self.chunk_s, 1e-9)

    def future_s(self, num_chunks: int) -> float:
        """Seconds for one future of ``num_chunks`` chunks."""
        if num_chunks == 0:
            return 0.0
        return self._work_s + (num_chunks - 1) * self.chunk_s

    def scaled(self, factor: float) -> Cost:
        """The same with every phase's time times ``factor``, as a finished run has shown it."""
        phases = {f"{phase}_s": factor * getattr(self, f"{phase}_s") for phase in PHASES}
        return dataclasses.replace(self, **phases)


def measure_cost(manifest: Manifest, prepare: Callable[[], Ingredients]) -> Cost:
    """Run the real loop, decoding and encoding included, for a few chunks; nothing is stored.

    ``prepare`` gives what the run is made from; a start frame is made there, and timed.
    """
    before = resident_bytes()
    started = time.perf_counter()
    ingredients = prepare()
    moment = ingredients.first_moment()
    start_s = time.perf_counter() - started
    num_chunks = max(1, min(MEASURED_CHUNKS, manifest.timeline.num_chunks))
    num_frames = 1 + num_chunks * manifest.timeline.chunk_frames
    timeline = dataclasses.replace(manifest.timeline, num_frames=num_frames)
    clock = PhaseClock()
    with _Output(manifest, clock) as output:
        chunks = generate(
            TimedModel(ingredients.model, clock),
            moment.state,
            TimedControls(ingredients.controls_of(0), clock),
            NoiseStream(0),
            timeline,
            previous=moment.frame,
            threads=manifest.threads,
            scene_frame=manifest.scene_frame,
        )
        with contextlib.closing(chunks):
            for chunk in chunks:
                output.encode(chunk)
    overlap = manifest.threads.overlap
    return Cost(
        chunk_frames=timeline.chunk_frames,
        overlap=overlap,
        start_s=start_s,
        **{f"{phase}_s": clock.steady(phase, overlap=overlap) for phase in PHASES},
        bytes_per_frame=output.stored_bytes / (num_frames - 1),
        bytes_per_state=float(output.state_bytes),
        working_bytes=float(max(0, peak_resident_bytes() - before)),
    )


class PhaseClock:
    """Seconds of each call of each phase, as they end."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {phase: [] for phase in PHASES}

    @contextlib.contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Time the block as one call of ``phase``."""
        started = time.perf_counter()
        yield
        self.seconds[phase].append(time.perf_counter() - started)

    def steady(self, phase: str, *, overlap: bool) -> float:
        """Mean seconds per chunk of the later half, 0 for a phase that never ran.

        The first chunk warms up, and a model may take more time for the first few, as where it guides traffic left free; overlapped,
        the decoding of the last has the machine to itself.
        """
        seconds = self.seconds[phase]
        last = len(seconds) - 1 if overlap and phase == "decode" and len(seconds) > 2 else len(seconds)
        warm = seconds[max(1, len(seconds) // 2) : last] or seconds
        return float(np.mean(warm)) if warm else 0.0


class TimedModel:
    """A world model whose denoising, drawing and decoding are timed."""

    def __init__(self, model: WorldModel[Any, Any], clock: PhaseClock) -> None:
        self.spec = model.spec
        self.begin, self.pack_state, self.unpack_state = model.begin, model.pack_state, model.unpack_state
        self._model, self._clock = model, clock

    def step(self, state: Any, controls: Controls, noise: NoiseStream) -> tuple[Any, Any]:
        """The model's own, timed."""
        with self._clock.timing("denoise"):
            return self._model.step(state, controls, noise)

    def draw(self, chunk: Any) -> Any:
        """The model's own, timed."""
        with self._clock.timing("draw"):
            return self._model.draw(chunk)

    def decode(self, chunk: Any, previous: torch.Tensor) -> torch.Tensor:
        """The model's own, timed."""
        with self._clock.timing("decode"):
            return self._model.decode(chunk, previous)


class TimedControls:
    """Controls whose drawing is timed."""

    def __init__(self, controls: ControlSource, clock: PhaseClock) -> None:
        self._controls, self._clock = controls, clock

    @property
    def num_frames(self) -> int:
        """Frames covered."""
        return self._controls.num_frames

    def window(self, start: int, stop: int) -> Controls:
        """The source's own, timed."""
        with self._clock.timing("tell"):
            return self._controls.window(start, stop)


class _Output:
    """Encodes chunks as a run would, into memory, and counts the bytes."""

    def __init__(self, manifest: Manifest, clock: PhaseClock) -> None:
        self._clock, self._png = clock, manifest.png_frames
        self._buffers = [io.BytesIO() for _ in video_suffixes(manifest)]
        self._writers = [
            VideoWriter(buffer, manifest.width, manifest.height, manifest.fps, lossless=suffix == ".mkv")
            for suffix, buffer in zip(video_suffixes(manifest), self._buffers, strict=True)
        ]
        self.png_bytes = self.state_bytes = self.stored_bytes = 0

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers:
            writer.close()
        self.stored_bytes = self.png_bytes + sum(len(buffer.getvalue()) for buffer in self._buffers)

    def encode(self, chunk: DecodedChunk) -> None:
        """Take the next chunk."""
        with self._clock.timing("write"):
            for writer in self._writers:
                writer.write(chunk.frames)
            if self._png:
                self.png_bytes += sum(_png_bytes(frame) for frame in chunk.frames)
            if chunk.state is not None:
                self.state_bytes = len(state_bytes(chunk.state))


def _png_bytes(frame: NDArray[np.uint8]) -> int:
    return len(cv2.imencode(".png", frame)[1])


def resident_bytes() -> int:
    """Memory that this process holds now; where the system does not tell, the most it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return peak_resident_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_resident_bytes() -> int:
    """The most memory that this process ever held; 0 where the system does not tell.

    Linux hands the peak of a process on to the one that takes its place, so that a child would report its parent's; what
    /proc says of the memory itself begins anew.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next((line.split()[1] for line in lines if line.startswith("VmHWM:")), ""))
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def known_cost(
    manifest: Manifest, prepare: Callable[[], Ingredients], say: Callable[[str], None], *, anew: bool = False
) -> Cost:
    """The cost that is remembered of such a run, or, where there is none or it is to be ``anew``, measured and remembered now."""
    cost = None if anew else remembered_cost(manifest)
    if cost is None:
        say("measuring the speed of this machine …")
        cost = measure_cost(manifest, prepare)
        remember_cost(manifest, cost)
    return cost


class Pace:
    """How fast frames of a run are made once the first are there; a :data:`Listener` that hands on what it hears."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.made = 0
        self._last_at = 0.0
        self._first: tuple[float, int] | None = None

    def hear(self, future: int, count: int, found: bool) -> None:
        """``count`` more frames were made, or found on disk."""
        if count and not found:
            self.made += count
            self._last_at = time.monotonic()
            self._first = self._first or (self._last_at, self.made)
        self._listener(future, count, found)

    @property
    def frames_per_s(self) -> float:
        """Frames a second after the first; 0 before there are more."""
        if self._first is None or self._last_at <= self._first[0]:
            return 0.0
        return (self.made - self._first[1]) / (self._last_at - self._first[0])

    def remember(self, manifest: Manifest) -> None:
        """Let the cost that is remembered of such runs take the time that this one, if it was long enough, has shown."""
        cost = remembered_cost(manifest)
        if cost is not None and self.made >= 4 * manifest.timeline.chunk_frames and self.frames_per_s > 0.0:
            remember_cost(manifest, cost.scaled(cost.frames_per_s / self.frames_per_s))


def remembered_cost(manifest: Manifest) -> Cost | None:
    """What an earlier run with the same model, device and settings took on this machine.

    The memory is a mere cache: whatever is wrong with it, the cost is measured anew.
    """
    try:
        cost = fitted(_READER, parse_object(_memory().read_bytes()).get(_settings(manifest)))
    except (OSError, JsonFault, RuntimeError):  # RuntimeError: no home folder
        return None
    return cost if cost.is_plausible else None


def remember_cost(manifest: Manifest, cost: Cost) -> None:
    """Keep a measured cost for the next plan; a machine without a writable cache measures again, and a NotKeptWarning says so.

    Of a run of one or two chunks, most of which is warming up, nothing is kept.
    """
    if manifest.timeline.num_chunks < _REMEMBERED_CHUNKS:
        return
    try:
        path = _memory()
    except RuntimeError:
        said = "speed of this machine not kept (no home folder; XDG_CACHE_HOME names another); measured again the next time."
        warnings.warn(said, NotKeptWarning, stacklevel=2)
        return
    try:
        known = parse_object(path.read_bytes())
    except (OSError, JsonFault):
        known = {}
    known[_settings(manifest)] = dataclasses.asdict(cost)
    with kept_if_possible(path, "speed of this machine"):
        write_atomic(path, json.dumps(known, indent=1) + "\n")


_READER: TypeAdapter[Cost] = TypeAdapter(Cost)


def _memory() -> Path:
    return cache_folder() / "cost.json"


def _settings(manifest: Manifest) -> str:
    """Everything that the cost depends on, as one text."""
    threads = f"{manifest.threads.denoise}+{manifest.threads.decode}"
    outputs = ["mp4", *["lossless"] * manifest.lossless, *["png"] * manifest.png_frames]
    parts = [
        manifest.weights_sha256[:16],
        f"{manifest.width}x{manifest.height}",
        manifest.device,
        manifest.dtype,
        threads if manifest.threads.overlap else f"{threads} in turn",
        f"{manifest.steps} {manifest.mode}" if manifest.mode else str(manifest.steps),
        f"{manifest.timeline.chunk_frames} a call",
        manifest.actors,
        manifest.ego,
        "+".join(outputs),
        manifest.start_source.split(" ")[0],
        manifest.versions.get("torch", ""),
    ]
    return " ".join(parts)
