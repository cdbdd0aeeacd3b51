"""A small but real world model for tests: a recurrent convolution on latents, untrained, deterministic, fast."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from drivesim.controls import (
    ACTOR_CHANNELS,
    ATTRIBUTE_CHANNELS,
    MAP_CHANNELS,
    MOTION_CHANNELS,
    RASTER_CHANNELS,
    Control,
    Controls,
)
from drivesim.noise import NoiseStream
from drivesim.world_model import WorldModelSpec

HEIGHT, WIDTH, CHUNK_FRAMES = 64, 128, 4
_CHANNELS, _LATENT_HEIGHT, _LATENT_WIDTH = 12, 16, 32
#: What is told, in this order, and how many planes each kind takes.
_TOLD = {
    **{kind.value: len(planes) for kind, planes in RASTER_CHANNELS.items()},
    "motion": len(MOTION_CHANNELS),
    "attributes": len(ATTRIBUTE_CHANNELS),
}
_NUM_TOLD = sum(_TOLD.values())
RASTER_NAMES = frozenset(kind.value for kind in RASTER_CHANNELS)


@dataclass(frozen=True, eq=False)
class TinyState:
    """The last latent (12, 16, 32) and how many chunks were made."""

    latent: torch.Tensor
    chunks: int


class TinyWorldModel:
    """Each frame's latent is a convolution of the one before, of what is told, and of fresh noise.

    ``pause_s`` slows every chunk down, so that a test can kill the process in the middle; ``weights_seed`` makes
    another model.
    """

    def __init__(self, *, pause_s: float = 0.0, weights_seed: int = 0, chunk_frames: int = CHUNK_FRAMES) -> None:
        self.pause_s = pause_s
        generator = torch.Generator().manual_seed(weights_seed)
        self._recur = 0.35 * torch.randn(_CHANNELS, _CHANNELS, 3, 3, generator=generator) / 3.0
        self._tell = 0.2 * torch.randn(_CHANNELS, _NUM_TOLD, 1, 1, generator=generator)
        self._paint = torch.randn(3 * 16, _CHANNELS, 3, 3, generator=generator) / 10.0
        self.spec = WorldModelSpec(
            name="tiny",
            height=HEIGHT,
            width=WIDTH,
            fps=10.0,
            context_frames=1,
            chunk_frames=chunk_frames,
            controls=frozenset(Control),
            weights_sha256=hashlib.sha256(str(weights_seed).encode()).hexdigest(),
        )

    def begin(self, past: torch.Tensor, controls: Controls) -> TinyState:
        if len(past) != controls.num_frames:
            raise ValueError(f"{len(past)} past frames but controls of {controls.num_frames}")
        small = F.interpolate(past[-1:], size=(_LATENT_HEIGHT, _LATENT_WIDTH), mode="area")[0]
        latent = small.repeat(_CHANNELS // 3, 1, 1) + self._told(controls, controls.num_frames - 1)
        return TinyState(latent=latent, chunks=0)

    def step(self, state: TinyState, controls: Controls, noise: NoiseStream) -> tuple[torch.Tensor, TinyState]:
        if controls.num_frames != self.spec.chunk_frames:
            raise ValueError(f"controls hold {controls.num_frames} frames, a chunk has {self.spec.chunk_frames}")
        time.sleep(self.pause_s)
        fresh = noise.normal(self.spec.chunk_frames, *state.latent.shape)
        latent, made = state.latent, []
        for frame in range(self.spec.chunk_frames):
            mixed = latent + 0.5 * fresh[frame] + self._told(controls, frame)
            latent = torch.tanh(0.7 * latent + F.conv2d(mixed[None], self._recur, padding=1)[0])
            made.append(latent)
        return torch.stack(made), TinyState(latent=latent, chunks=state.chunks + 1)

    def draw(self, chunk: torch.Tensor) -> torch.Tensor:
        return chunk

    def decode(self, chunk: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        painted = torch.tanh(F.pixel_shuffle(F.conv2d(chunk, self._paint, padding=1), 4)).to(torch.float32)
        frames = []
        for frame in painted:
            previous = 0.8 * frame + 0.2 * previous
            frames.append(previous)
        return torch.stack(frames)

    def pack_state(self, state: TinyState) -> dict[str, torch.Tensor]:
        return {"latent": state.latent, "chunks": torch.tensor([state.chunks])}

    def unpack_state(self, tensors: Mapping[str, torch.Tensor]) -> TinyState:
        shape = (_CHANNELS, _LATENT_HEIGHT, _LATENT_WIDTH)
        if set(tensors) != {"latent", "chunks"} or tuple(tensors["latent"].shape) != shape:
            raise ValueError(f"expected 'latent' {shape} and 'chunks', got {sorted(tensors)}")
        return TinyState(latent=tensors["latent"], chunks=int(tensors["chunks"][0]))

    def _told(self, controls: Controls, frame: int) -> torch.Tensor:
        """What frame ``frame`` is told, as a latent (12, 16, 32); zeros where nothing is."""
        told = torch.zeros(_NUM_TOLD, _LATENT_HEIGHT, _LATENT_WIDTH)
        first = 0
        for name, count in _TOLD.items():
            values = getattr(controls, name)
            if values is not None and name in RASTER_NAMES:
                told[first : first + count] = _small(values[frame])
            elif values is not None:
                scale = 0.1 if name == "motion" else 1.0
                told[first : first + count] = scale * torch.from_numpy(values[frame]).to(torch.float32)[:, None, None]
            first += count
        return F.conv2d(told[None], self._tell)[0]


def _small(raster: np.ndarray) -> torch.Tensor:
    """A raster (C, 128, 256) of 0-255 at the size of a latent (C, 16, 32), in [0, 1]."""
    planes = torch.from_numpy(raster.astype("float32")) / 255.0
    return F.interpolate(planes[None], size=(_LATENT_HEIGHT, _LATENT_WIDTH), mode="area")[0]


class TinyStartFrameModel:
    """Paints road and sky, and the colours of the actors, at t = 0 with smoothed noise on top."""

    def sample(self, controls: Controls, noise: NoiseStream) -> torch.Tensor:
        picture = noise.normal(1, 3, 8, 16)
        painted = [(controls.map, MAP_CHANNELS.index("road")), (controls.actors, ACTOR_CHANNELS.index("red"))]
        for raster, first in painted:
            if raster is not None:
                colours = torch.from_numpy(raster[:1, first : first + 3].astype("float32")) / 127.5 - 1.0
                picture = 0.3 * picture + F.interpolate(colours, size=(8, 16), mode="area")
        return F.interpolate(picture, size=(HEIGHT, WIDTH), mode="bilinear").clamp(-1.0, 1.0)
