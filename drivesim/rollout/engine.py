"""The loop: chunk after chunk, with the decoding of chunk k overlapped with the denoising of chunk k + 1.

Latents pass from chunk to chunk inside the state and are never encoded again. Whether the two halves overlap changes
nothing in the result: each runs on its own fixed number of threads either way.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future as Task
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.controls import ControlSource
from drivesim.errors import ModelError
from drivesim.noise import NoiseStream
from drivesim.rollout.timeline import Timeline
from drivesim.world_model import WorldModel

#: Name of the last shown frame among the tensors of a stored state; all others are the model's own.
LAST_FRAME = "last frame"

#: Chunks that may wait for the decoder; bounds memory whatever the length of the video.
MAX_WAITING_CHUNKS = 2


@dataclass(frozen=True, kw_only=True)
class Threads:
    """Processor threads for the two halves of the loop, and whether they run at the same time."""

    denoise: Annotated[int, Gt(0)]
    decode: Annotated[int, Gt(0)]
    overlap: bool = True

    @classmethod
    def for_this_machine(cls) -> Threads:
        """Half of the usable cores for each half of the loop; one core alternates between them."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if cores < 2:
            return cls(denoise=1, decode=1, overlap=False)
        return cls(denoise=cores - cores // 2, decode=cores // 2)


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
    consume: Callable[[DecodedChunk], None],
    *,
    previous: NDArray[np.uint8],
    threads: Threads,
    first_chunk: int = 0,
    scene_frame: int = 0,
) -> None:
    """Make the chunks ``first_chunk`` to the last of one future and hand each, in order, to ``consume``.

    ``state`` stands before ``first_chunk``, behind the frame ``previous``, uint8 (H, W, 3); ``scene_frame`` is the index on the grid of ``controls`` of the future's
    frame 0; chunk c draws from ``stream.child(c)``. ``consume`` runs in the decoding thread. Whatever it raises, or a
    Ctrl-C, stops the loop after the chunk at hand and is raised here. Raises ValueError when ``controls`` are too short.
    """
    needed = scene_frame + timeline.control_frames
    if controls.num_frames < needed:
        raise ValueError(f"controls cover {controls.num_frames} frames, the rollout needs {needed}")

    def denoised() -> Iterator[tuple[int, Any, dict[str, torch.Tensor] | None]]:
        current = state
        for chunk_index in range(first_chunk, timeline.num_chunks):
            frames = timeline.generated_frames(chunk_index)
            told = controls.window(scene_frame + frames.start, scene_frame + frames.stop)
            torch.set_num_threads(threads.denoise)
            with torch.inference_mode():
                chunk, current = model.denoise(current, told, stream.child(chunk_index))
                kept = timeline.keeps_state(chunk_index + 1)
                packed = model.pack_state(current) if kept else None
            yield chunk_index, chunk, packed

    shown = previous

    def decode(index: int, chunk: Any, packed: dict[str, torch.Tensor] | None) -> None:
        nonlocal shown
        torch.set_num_threads(threads.decode)
        with torch.inference_mode():
            drawn = model.decode(chunk, frames_to_tensor(shown[None])[0])
            _require_finite(drawn, index)
            frames = tensor_to_frames(drawn)
        shown = frames[-1]
        if packed is not None:
            # What is carried on is what a resumed run would find, so that it goes on equally.
            packed = {**packed, LAST_FRAME: packed_frame(shown)}
            shown = unpacked_frame(packed[LAST_FRAME])
        consume(DecodedChunk(index=index, frames=frames[: len(timeline.kept_frames(index))], state=packed))

    with unchanged_thread_count():
        if threads.overlap:
            _overlap(denoised(), decode)
        else:
            for item in denoised():
                decode(*item)


def _require_finite(drawn: torch.Tensor, index: int) -> None:
    """Raise ModelError for frames that are not numbers, which would be stored as black ones."""
    if not bool(torch.isfinite(drawn).all()):
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


def _overlap(items: Iterator[tuple[Any, ...]], work: Callable[..., None]) -> None:
    """Run ``work(*item)`` in order on one other thread, at most :data:`MAX_WAITING_CHUNKS` behind ``items``."""
    stopped = threading.Event()

    def guarded(*item: Any) -> None:
        if stopped.is_set():
            return
        try:
            work(*item)
        except BaseException:
            stopped.set()
            raise

    waiting: deque[Task[None]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode")
    try:
        for item in items:
            waiting.append(pool.submit(guarded, *item))
            while len(waiting) > MAX_WAITING_CHUNKS or (waiting and waiting[0].done()):
                waiting.popleft().result()
        while waiting:
            waiting.popleft().result()
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def unchanged_thread_count() -> Iterator[None]:
    """Give the calling thread its number of torch threads back; inside, each half of the loop sets its own."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
