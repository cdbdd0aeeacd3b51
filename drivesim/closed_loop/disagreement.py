"""How far the futures of one moment are apart: a signal of what the world model does not know, with its samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivesim.closed_loop.loop import ClosedLoop
from drivesim.errors import InputError
from drivesim.geometry import FloatArray
from drivesim.scene import Scene


@dataclass(frozen=True, kw_only=True, eq=False)
class Disagreement:
    """F futures of T frames behind one moment, under the same actions.

    ``frames`` uint8 RGB (F, T, H, W, 3) and ``scenes`` are the samples. ``picture`` (T,) is their standard deviation over the
    futures, averaged over the picture, in 8-bit levels; ``map`` float32 (H, W) the same for each pixel of the last frame.
    ``traffic_m`` (T,) is the root mean square distance in metres of road users from their mean place over the futures, of
    those that are there at the moment itself and within 80 m in all of them; NaN where there are none.
    """

    frames: NDArray[np.uint8]
    scenes: tuple[Scene, ...]
    picture: FloatArray
    map: NDArray[np.float32]
    traffic_m: FloatArray


def disagreement(
    loop: ClosedLoop, actions: NDArray[np.float64], *, num_futures: int = 4, chunks: int = 1, seed: int = 0
) -> Disagreement:
    """Futures of the moment that a loop is at, and how far they are apart; the loop itself stays where it is.

    In each the others make up their minds anew, and the model draws noise of its own. Raises InputError for fewer than two.
    """
    if num_futures < 2 or chunks < 1:
        raise InputError(
            f"{num_futures} futures of {chunks} chunks; disagreement takes two futures of one chunk or more."
        )
    samples = loop.imagine(actions, range(seed, seed + num_futures), chunks)
    frames, scenes = np.stack([frames for frames, _ in samples]), tuple(scene for _, scene in samples)
    # Who comes into view later has a number of its own in each future.
    known = {actor.id for actor in loop.scene.actors if actor.track.present[-1]}
    # Frame by frame: all futures in floating point at once would be gigabytes.
    spread = [frames[:, index].astype(np.float32).std(axis=0).mean(axis=-1) for index in range(frames.shape[1])]
    return Disagreement(
        frames=frames,
        scenes=scenes,
        picture=np.array([float(each.mean()) for each in spread]),
        map=spread[-1],
        traffic_m=np.array([_apart(scenes, index, known) for index in range(frames.shape[1])]),
    )


def _apart(scenes: tuple[Scene, ...], frame: int, known: set[str], reach_m: float = 80.0) -> float:
    ego = scenes[0].ego.positions[frame, :2]
    places: dict[str, list[FloatArray]] = {}
    for scene in scenes:
        for actor, box in scene.boxes(frame):
            if actor.id in known:
                places.setdefault(actor.id, []).append(np.array([box.x, box.y]))
    squares = []
    for found in places.values():
        points = np.stack(found)
        if len(points) == len(scenes) and float(np.hypot(*(points.mean(axis=0) - ego))) <= reach_m:
            squares.append(float(np.square(points - points.mean(axis=0)).sum(axis=1).mean()))
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")
