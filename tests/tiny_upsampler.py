"""An upsampler at toy size, and a denoiser of frames that is known exactly."""

from __future__ import annotations

import torch
from tiny_video_ldm import woken
from torch import Tensor

from drivesim.models.upsampler.network import VideoUpsampler


def tiny_upsampler(factor: int = 2, **settings: object) -> VideoUpsampler:
    """Two levels on a grid of 8 pixels, whose layers over time do something."""
    torch.manual_seed(0)
    network = VideoUpsampler(factor=factor, **{"widths": (8, 12), "embedding": 16, **settings})
    return woken(network, 5)


class GaussianFrames:
    """The exact denoiser of frames that are normal about their enlarged small ones, every pixel by itself with deviation ``std``."""

    factor, grid = 2, 8

    def __init__(self, std: float) -> None:
        self.std = std

    def denoised(self, noisy: Tensor, low: Tensor, sigma: Tensor, augmentation: Tensor, num_frames: int) -> Tensor:
        """The mean of the clean frames, given the noisy ones."""
        level = sigma[:, None, None, None].square()
        return (self.std**2 * noisy + level * low) / (self.std**2 + level)
