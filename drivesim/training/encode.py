"""Encoding a packed store once, so that the diffusion stages read latents instead of frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivesim.datasets.store import write_latents
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.training.latents import clip_latents
from drivesim.training.parts import encoder_hash


def encode_store(
    codec: FrameCodec, url: Path | str, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> bool:
    """Write the latents of every clip into the store, on the codec's device; returns whether anything was to do.

    Raises InputError when the store is not finished, its frames have no size that the codec takes, or it cannot be
    written.
    """

    def encode(frames: np.ndarray) -> np.ndarray:
        return clip_latents(codec, frames, str(url))

    return write_latents(url, encoder_hash(codec), encode, on_progress)
