"""Packing the procedural world: sampled scenes rendered and stored with their controls, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.progress import track

from drivesim.conditioning import build_controls
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.datasets.procedural.world import ProceduralWorld
from drivesim.datasets.store import write_part

#: Scenes from this seed on are never trained on.
HELD_OUT_SEED = 1_000_000

#: Where a clip starts inside its scene, seconds: traffic has left its initial state by then.
LATEST_START_S = 6.0


def pack_clip(seed: int, num_frames: int, height: int, width: int) -> dict[str, np.ndarray]:
    """One clip of the scene ``seed``: the arrays of :mod:`drivesim.datasets.store`."""
    rng = np.random.default_rng([seed, 77])
    start = int(rng.uniform(0.0, LATEST_START_S) * 10.0)
    scene = sample_scene(seed, start + num_frames)
    world = ProceduralWorld(scene, appearance_seed=seed)
    frames = [world.render(frame, width, height) for frame in range(start, start + num_frames)]
    controls = build_controls(scene, start, start + num_frames)
    assert controls.layout is not None and controls.motion is not None and controls.attributes is not None
    return {
        "rgb": np.stack([frame.rgb for frame in frames]),
        "semantic": np.stack([frame.semantic for frame in frames]),
        "large": world.render(start, 2 * width, 2 * height).rgb,
        "layout": controls.layout,
        "motion": controls.motion,
        "attributes": controls.attributes,
        "seed": np.array([seed], dtype=np.int64),
    }


def pack(folder: Path, *, first_seed: int, num_clips: int, num_frames: int, workers: int, per_part: int = 25) -> None:
    """Pack clips of the seeds ``first_seed`` on; parts that are there already are kept, so a stopped run continues."""
    starts = range(0, num_clips, per_part)
    jobs = [
        (folder / f"part-{(first_seed + start):07d}", first_seed + start, min(per_part, num_clips - start), num_frames)
        for start in starts
    ]
    jobs = [job for job in jobs if not job[0].exists()]
    # "spawn": a forked child would inherit torch's thread pool in an unusable state.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for _ in track(pool.map(_pack_part, jobs), total=len(jobs), description="packing"):
            pass


def _pack_part(job: tuple[Path, int, int, int]) -> None:
    folder, first_seed, num_clips, num_frames = job
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    write_part(folder, _clips(first_seed, num_clips, num_frames), num_clips)


def _clips(first_seed: int, num_clips: int, num_frames: int) -> Iterator[dict[str, np.ndarray]]:
    for seed in range(first_seed, first_seed + num_clips):
        yield pack_clip(seed, num_frames, height=256, width=512)
