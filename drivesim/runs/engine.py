"""The loop: chunk after chunk, with the decoding of chunk k overlapped with the denoising of chunk k + 1.

Latents pass from chunk to chunk inside the state and are never encoded again. Most of decoding does not need the frame before
and is drawn by whichever half has time. Whether the two halves overlap, and which of them draws a chunk, changes nothing in
the result: each kind of work runs on its own fixed number of threads either way. Chunks are yielded, so that whoever wants
them (a run folder, evidence, a program) is the caller and not a callback.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future as Task
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.controls import Controls, ControlSource
from drivesim.errors import ModelError
from drivesim.noise import NoiseStream
from drivesim.options import Threads
from drivesim.runs.timeline import Timeline
from drivesim.world_model import WorldModel

#: Name of the last shown frame among the tensors of a stored state; all others are the model's own.
LAST_FRAME = "last frame"

#: Chunks that may wait for the decoder; bounds memory whatever the length of the video.
MAX_WAITING_CHUNKS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedChunk:
    """A finished chunk: its ``index``, uint8 ``frames`` (T, H, W, 3), and where it is kept the packed state after it
    with the last frame (:data:`LAST_FRAME`)."""

    index: int
    frames: NDArray[np.uint8]
    state: dict[str, torch.Tensor] | None


def generate(
    model: WorldModel[Any, Any],
    state: Any,
    controls: ControlSource,
    stream: NoiseStream,
    timeline: Timeline,
    *,
    previous: NDArray[np.uint8],
    threads: Threads,
    first_chunk: int = 0,
    scene_frame: int = 0,
) -> Generator[DecodedChunk, None, None]:
    """The chunks ``first_chunk`` to the last of one future, in order, each as soon as it is decoded.

    ``state`` stands before ``first_chunk``, behind the frame ``previous``, uint8 (H, W, 3); ``scene_frame`` is the index on
    the grid of ``controls`` of the future's frame 0; chunk c draws from ``stream.child(c)``. The caller's own work happens
    while the next chunks are made, at most :data:`MAX_WAITING_CHUNKS` ahead. Whoever leaves early closes it
    (``contextlib.closing``), which ends it after the chunk at hand. Raises ValueError when ``controls`` are too short.
    """
    needed = scene_frame + timeline.control_frames
    if controls.num_frames < needed:
        raise ValueError(f"controls cover {controls.num_frames} frames, the rollout needs {needed}")

    maker = ChunkMaker(model=model, stream=stream, timeline=timeline, threads=threads)

    def stepped() -> Iterator[tuple[int, Any, dict[str, torch.Tensor] | None]]:
        current = state
        for index in range(first_chunk, timeline.num_chunks):
            frames = timeline.generated_frames(index)
            told = controls.window(scene_frame + frames.start, scene_frame + frames.stop)
            chunk, current, packed = maker.step(current, told, index)
            yield index, chunk, packed

    shown = previous

    def decode(index: int, chunk: Any, packed: dict[str, torch.Tensor] | None) -> DecodedChunk:
        nonlocal shown
        decoded, shown = maker.decode(index, chunk, packed, shown)
        return decoded

    return _overlapped(stepped(), maker.draw, decode) if threads.overlap else (decode(*item) for item in stepped())


@dataclass(frozen=True, kw_only=True, eq=False)
class ChunkMaker:
    """Makes single chunks of one future: chunk c draws from ``stream.child(c)``, and its state is kept where ``timeline``
    keeps one. States go in and come out, so that one may be continued in several ways.
    """

    model: WorldModel[Any, Any]
    stream: NoiseStream
    timeline: Timeline
    threads: Threads

    def step(self, state: Any, told: Controls, index: int) -> tuple[Any, Any, dict[str, torch.Tensor] | None]:
        """Chunk ``index`` behind ``state``, the state after it, and that packed where it is kept."""
        with thread_count(self.threads.denoise), torch.inference_mode():
            chunk, after = self.model.step(state, told, self.stream.child(index))
            packed = self.model.pack_state(after) if self.timeline.keeps_state(index + 1) else None
        return chunk, after, packed

    def draw(self, chunk: Any) -> Any:
        """The part of decoding that does not need the frame before."""
        with thread_count(self.threads.decode), torch.inference_mode():
            return self.model.draw(chunk)

    def decode(
        self, index: int, chunk: Any, packed: dict[str, torch.Tensor] | None, previous: NDArray[np.uint8]
    ) -> tuple[DecodedChunk, NDArray[np.uint8]]:
        """The chunk as frames behind ``previous``, uint8 (H, W, 3), and the frame that the next one is decoded behind."""
        chunk = self.draw(chunk)
        with thread_count(self.threads.decode), torch.inference_mode():
            pictures = self.model.decode(chunk, frames_to_tensor(previous[None])[0])
            _require_finite(pictures, index)
            frames = tensor_to_frames(pictures)
        shown = frames[-1]
        if packed is not None:
            # What is carried on is what a resumed run would find, so that it goes on equally.
            packed = {**packed, LAST_FRAME: packed_frame(shown)}
            shown = unpacked_frame(packed[LAST_FRAME])
        kept = frames[: len(self.timeline.kept_frames(index))]
        return DecodedChunk(index=index, frames=kept, state=packed), shown


def _require_finite(pictures: torch.Tensor, index: int) -> None:
    """Raise ModelError for frames that are not numbers, which would be stored as black ones."""
    if not bool(torch.isfinite(pictures).all()):
        raise ModelError(
            f"chunk {index}: the model made values that are not numbers (NaN or infinite). Nothing of this chunk was stored. Look at "
            "the weights, try --dtype float32, or, where the run was resumed or branched, begin it anew: its state may be damaged."
        )


def packed_frame(frame: NDArray[np.uint8]) -> torch.Tensor:
    """A frame uint8 (H, W, 3) as the bytes of a JPEG picture, uint8 (N,): a state is kept every second."""
    colours = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95, *colours])
    return torch.from_numpy(data.ravel())


def unpacked_frame(data: torch.Tensor) -> NDArray[np.uint8]:
    """The frame that :func:`packed_frame` packed. Raises ValueError when it is damaged."""
    picture = cv2.imdecode(data.numpy(), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("the last frame in a stored state is no picture")
    return np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def _overlapped(
    items: Iterator[tuple[int, Any, Any]], draw: Callable[[Any], Any], decode: Callable[..., DecodedChunk]
) -> Generator[DecodedChunk, None, None]:
    """``decode(*item)`` of each item in order, on one other thread, at most :data:`MAX_WAITING_CHUNKS` behind ``items``.

    While a chunk waits for that thread to draw it, this one draws the next itself.
    """
    tasks: deque[_Decoding] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")
    try:
        for index, chunk, packed in items:
            is_behind = any(each.is_undrawn for each in tasks)
            if is_behind:
                chunk = draw(chunk)
            tasks.append(_Decoding(task=pool.submit(decode, index, chunk, packed), is_drawn=is_behind))
            while len(tasks) > MAX_WAITING_CHUNKS or (tasks and tasks[0].task.done()):
                yield tasks.popleft().task.result()
        while tasks:
            yield tasks.popleft().task.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Decoding:
    """A chunk that was handed to the decoding thread, and whether it was drawn before."""

    task: Task[DecodedChunk]
    is_drawn: bool

    @property
    def is_undrawn(self) -> bool:
        """Whether all of the work on it is still to be done."""
        return not (self.is_drawn or self.task.running() or self.task.done())


@contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads for what the calling thread does inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
