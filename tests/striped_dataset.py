"""A tiny dataset for tests of the store: striped pictures, some samples broken, some knowing less than others."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from drivesim.clip import Clip
from drivesim.controls import Control
from drivesim.datasets.sample import BrokenSample, Sample
from drivesim.scene import NUSCENES_FRONT, Actor, Environment, Scene, Track

FRAMES, HEIGHT, WIDTH = 3, 16, 32


@dataclass(frozen=True)
class StripedDataset:
    """Samples in ``broken`` cannot be read; those in ``bare`` know nothing and have neither masks nor a large picture."""

    length: int = 7
    broken: tuple[int, ...] = ()
    bare: tuple[int, ...] = ()
    other_size: tuple[int, ...] = ()
    other_rate: tuple[int, ...] = ()
    problems: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        if index in self.broken:
            raise BrokenSample(f"drive-{index}.mp4: cut short")
        rng = np.random.default_rng(index)
        height, width = (HEIGHT * 2, WIDTH) if index in self.other_size else (HEIGHT, WIDTH)
        fps = 12.0 if index in self.other_rate else 10.0
        bare = index in self.bare
        return Sample(
            id=f"striped-{index}",
            clip=Clip(rng.integers(0, 255, (FRAMES, height, width, 3), dtype=np.uint8), fps),
            scene=striped_scene(index, fps, height, width),
            times_us=np.arange(FRAMES, dtype=np.int64) * 100_000 + index,
            known=frozenset() if bare else frozenset({Control.MOTION, Control.ACTORS}),
            source=f"stripes: drive {index}",
            licence="CC0-1.0",
            semantic=None if bare else rng.integers(0, 9, (FRAMES, height, width), dtype=np.uint8),
            large=None if bare else rng.integers(0, 255, (2 * height, 2 * width, 3), dtype=np.uint8),
        )

    def describe(self) -> dict[str, Any]:
        return {"kind": "striped", **asdict(self), "licence": "CC0-1.0"}


def striped_scene(index: int, fps: float, height: int, width: int) -> Scene:
    steps = np.arange(FRAMES)
    ego = Track(
        positions=np.stack([1.7 * steps + index / 3.0, 0.1 * steps, 0.0 * steps], axis=1),
        yaw_rad=0.01 * steps,
        speed_mps=17.0 + 0.0 * steps,
        present=np.ones(FRAMES, bool),
    )
    track = Track(
        positions=ego.positions + [15.0, 1.0, 0.8],
        yaw_rad=ego.yaw_rad,
        speed_mps=ego.speed_mps,
        present=np.array([True, False, True]),
    )
    unseen = Track(
        positions=track.positions, yaw_rad=track.yaw_rad, speed_mps=track.speed_mps, present=np.zeros(FRAMES, bool)
    )
    size = {"length": 4.5, "width": 1.8, "height": 1.5}
    actors = (
        Actor(id="lead", category="car", track=track, colour=(200, 10, 10), look="red car", **size),
        Actor(id="unseen", category="car", track=unseen, **size),
    )
    return Scene(
        name=f"striped {index}",
        fps=fps,
        ego=ego,
        actors=actors,
        camera=NUSCENES_FRONT.resized(width, height),
        environment=Environment(hour=21.5, rain=0.3),
        seed=index,
    )
