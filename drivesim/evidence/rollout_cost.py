"""What a model takes to make videos of some lengths, in a process of its own, so that its memory is its own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

import torch

from drivesim.errors import ModelError
from drivesim.evidence.generated import continued
from drivesim.evidence.stored_clips import open_clips
from drivesim.models import load_model
from drivesim.noise import NoiseStream
from drivesim.runs.cost import peak_resident_bytes


@dataclass(frozen=True, kw_only=True)
class RolloutCost:
    """Seconds from a first frame to the last of ``num_frames``, decoded; and the most memory held until then.

    ``processor_seconds`` are those of all threads of the process: beside other work, they tell more than the clock does.
    ``peak_bytes`` is that of the whole process on a CPU, else that which torch held on the device.
    """

    num_frames: int
    seconds: float
    processor_seconds: float
    peak_bytes: int


def rollout_costs(
    model: str, data: str, lengths: Sequence[int], *, device: str | None = None, dtype: str | None = None
) -> list[RolloutCost]:
    """The cost of videos of ``lengths`` frames, shortest first, behind the first clip of a store, measured in another process.

    Raises what loading the model or the store raises, and ModelError when the process dies.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_measured, model, data, sorted(lengths), device, dtype).result()
        except BrokenProcessPool as error:
            raise ModelError(
                f"model {model!r}: the process that measured its cost died, most likely for want of memory. "
                "Close other programs, or leave the longest length out"
            ) from error


def _measured(model: str, data: str, lengths: list[int], device: str | None, dtype: str | None) -> list[RolloutCost]:
    """Runs in the other process. The shortest comes twice, as the first call of a network prepares it."""
    loaded = load_model(model, device=device, dtype=dtype)
    clip = open_clips(data, 1)[0]
    costs = []
    for length in [lengths[0], *lengths]:
        started, processor = time.perf_counter(), time.process_time()
        state, first = clip.begin(loaded)
        controls = clip.controls(loaded, with_flow=True)
        for _ in continued(loaded, state, controls, first, length, NoiseStream(0)):
            pass
        seconds, processor = time.perf_counter() - started, time.process_time() - processor
        peak = _peak_bytes(loaded.device)
        costs.append(RolloutCost(num_frames=length, seconds=seconds, processor_seconds=processor, peak_bytes=peak))
    return costs[1:]


def _peak_bytes(device: str) -> int:
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else peak_resident_bytes()
