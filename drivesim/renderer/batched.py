"""Many frames at once as one tensor on a device, drawn by worker processes.

About half of the work on a frame is geometry and the sorting and filling of a thousand small polygons, which a GPU does
not make faster; frames are independent, so cores do. The device receives bytes and makes the floats.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np
import torch
from einops import rearrange

from drivesim.renderer.world import ProceduralWorld


def render_batch(
    worlds_and_frames: Sequence[tuple[ProceduralWorld, int]],
    width: int,
    height: int,
    device: torch.device | str = "cpu",
    num_workers: int = 0,
) -> torch.Tensor:
    """Frames (B, 3, height, width) float32 in [-1, 1] on ``device``, in the order of ``worlds_and_frames``.

    With ``num_workers`` 0 they are drawn here, else in that many processes, one world at a time; the pixels are the same
    as those of :meth:`ProceduralWorld.render`. Raises ValueError without frames.
    """
    if not worlds_and_frames:
        raise ValueError("render_batch got no frames, expected at least one pair of world and frame number")
    groups: dict[int, tuple[ProceduralWorld, list[int]]] = {}
    for place, (world, _) in enumerate(worlds_and_frames):
        groups.setdefault(id(world), (world, []))[1].append(place)
    jobs = [
        (world, [worlds_and_frames[place][1] for place in places], width, height) for world, places in groups.values()
    ]
    if num_workers:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(num_workers, mp_context=context, initializer=_one_thread) as pool:
            drawn = list(pool.map(_draw, *zip(*jobs, strict=True)))
    else:
        drawn = [_draw(*job) for job in jobs]
    pictures = np.empty((len(worlds_and_frames), height, width, 3), dtype=np.uint8)
    for (_, places), part in zip(groups.values(), drawn, strict=True):
        pictures[places] = part
    there = torch.from_numpy(pictures).to(device)
    return rearrange(there, "b h w c -> b c h w").to(torch.float32) / 127.5 - 1.0


def _draw(world: ProceduralWorld, frames: list[int], width: int, height: int) -> np.ndarray:
    return np.stack([world.render_rgb(frame, width, height) for frame in frames])


def _one_thread() -> None:
    cv2.setNumThreads(1)
