"""Encoding a packed store once, so that the diffusion stages read latents instead of frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from drivesim.clip import frames_to_tensor
from drivesim.datasets.store import write_latents
from drivesim.errors import InputError
from drivesim.models.video_ldm.codec import CELL, FrameCodec
from drivesim.training.parts import encoder_hash


def encode_store(
    codec: FrameCodec, url: Path | str, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> bool:
    """Write the latents of every clip into the store, on the codec's device; returns whether anything was to do.

    Raises InputError when the store is not finished, its frames have no size that the codec takes, or it cannot be
    written.
    """
    device = next(codec.parameters()).device

    def encode(frames: np.ndarray) -> np.ndarray:
        if frames.shape[1] % CELL or frames.shape[2] % CELL:
            raise InputError(
                f"{url}: frames of {frames.shape[1]}x{frames.shape[2]}, the codec takes multiples of {CELL}; pack again "
                "with another --height and --width"
            )
        with torch.inference_mode():
            return codec.encode(frames_to_tensor(frames).to(device)).half().cpu().numpy()

    return write_latents(url, encoder_hash(codec), encode, on_progress)
