"""Latents of a packed store: encoded once with a finished codec, kept in memory for the diffusion stages."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from drivesim.clip import frames_to_tensor
from drivesim.datasets.store import ClipStore
from drivesim.models.video_ldm.codec import FrameCodec

#: Least deviation that the two chroma channels are divided by.
CHROMA_STD = 0.12


@dataclass(frozen=True, eq=False)
class LatentClips:
    """Standardised latents float16 (N, T, C, h, w) with the controls of the same frames."""

    latents: np.ndarray
    layout: np.ndarray
    motion: np.ndarray
    attributes: np.ndarray

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def frames_per_clip(self) -> int:
        """T of every clip."""
        return self.latents.shape[1]


def measure_statistics(codec: FrameCodec, store: ClipStore, num_frames: int = 512) -> None:
    """Set the codec's per-channel latent statistics from evenly spread frames of ``store``."""
    raw = []
    for index in np.linspace(0, len(store) - 1, num_frames).astype(int):
        frames = frames_to_tensor(store.read("rgb", int(index), index % store.frames_per_clip)[None])
        with torch.inference_mode():
            raw.append(codec.read(frames))
    stacked = torch.cat(raw)
    std = stacked.std((0, 2, 3))
    # Most cells are grey: by its own deviation a red car would lie ten units out, where diffusion does not reach.
    std[-2:] = std[-2:].clamp_min(CHROMA_STD)
    codec.set_statistics(stacked.mean((0, 2, 3)), std)


def load_latents(codec: FrameCodec, store: ClipStore, cache: Path) -> LatentClips:
    """The latents of all clips, encoded now or read from ``cache`` when it holds as many clips."""
    latents = _cached(cache, len(store))
    if latents is None:
        latents = _encode(codec, store)
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary = cache.with_suffix(".tmp.npy")
        np.save(temporary, latents)
        os.replace(temporary, cache)
    return LatentClips(latents, store.read_all("layout"), store.read_all("motion"), store.read_all("attributes"))


def _cached(cache: Path, num_clips: int) -> np.ndarray | None:
    if not cache.exists():
        return None
    latents = np.load(cache)
    return latents if len(latents) == num_clips else None


def _encode(codec: FrameCodec, store: ClipStore) -> np.ndarray:
    encoded = []
    for clip in track(range(len(store)), description="encoding"):
        with torch.inference_mode():
            encoded.append(codec.encode(frames_to_tensor(store.read("rgb", clip))).half().numpy())
    return np.stack(encoded)
