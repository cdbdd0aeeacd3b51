"""Enlarging frames by a denoiser: a few new frames at a time behind the last one made, each picture in blended windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.diffusion.windows import Window, WindowLayout, blended
from drivesim.noise import NoiseStream


class FrameDenoiser(Protocol):
    """What enlarging asks of a network."""

    @property
    def factor(self) -> int:
        """How many times as many rows and columns."""
        ...

    @property
    def grid(self) -> int:
        """Pixels of which the sides of an enlarged picture are multiples."""
        ...

    def denoised(self, noisy: Tensor, low: Tensor, sigma: Tensor, augmentation: Tensor, num_frames: int) -> Tensor:
        """Estimate of the clean frames, see :meth:`drivesim.models.upsampler.network.VideoUpsampler.denoised`."""
        ...


@dataclass(frozen=True, kw_only=True)
class UpsamplingConfig:
    """How frames are enlarged, as model.json has it under ``upsampling``.

    ``steps`` Euler steps from noise of deviation ``sigma_max`` down. The small frames carry noise of deviation ``augmentation``, of
    which the network is told: more hides more of what is wrong with them (Ho et al. 2021). ``new_frames`` are made at a time, behind the
    last one made, which carries noise of deviation ``context_noise``. A picture is denoised in windows of up to ``window_rows`` x
    ``window_columns`` pixels that share ``overlap`` pixels or more.
    """

    steps: int = 4
    sigma_min: float = 0.01
    sigma_max: float = 2.0
    rho: float = 7.0
    augmentation: float = 0.02
    context_noise: float = 0.05
    new_frames: int = 2
    window_rows: int = 256
    window_columns: int = 512
    overlap: int = 32

    def sampler(self) -> SamplerConfig:
        """The noise levels."""
        return SamplerConfig(steps=self.steps, sigma_min=self.sigma_min, sigma_max=self.sigma_max, rho=self.rho)

    def windows(self, grid: int) -> WindowLayout:
        """The windows of a network whose pictures have sides that are multiples of ``grid``."""
        return WindowLayout(rows=self.window_rows, columns=self.window_columns, overlap=self.overlap, grid=grid)

    def checks(self) -> list[tuple[str, Any, bool, str]]:
        """Each value with whether it can be used, and what can."""
        least = min(self.window_rows, self.window_columns)
        checks: list[tuple[str, Any, bool, str]] = [
            ("steps", self.steps, self.steps >= 1, "1 or more"),
            ("sigma_min", self.sigma_min, self.sigma_min > 0.0, "more than 0"),
            ("sigma_max", self.sigma_max, self.sigma_max > self.sigma_min, f"more than sigma_min ({self.sigma_min})"),
            ("rho", self.rho, self.rho > 0.0, "more than 0"),
            ("augmentation", self.augmentation, self.augmentation >= 0.0, "0 or more"),
            ("context_noise", self.context_noise, self.context_noise > 0.0, "more than 0"),
            ("new_frames", self.new_frames, self.new_frames >= 1, "1 or more"),
            ("overlap", self.overlap, 0 <= self.overlap < least, f"0 to less than a window's shorter side ({least})"),
        ]
        return [(f"upsampling: {key}", *rest) for key, *rest in checks]


def enlarged(small: Tensor, factor: int) -> Tensor:
    """Frames (T, 3, h, w) ``factor`` times as large, bicubic."""
    return F.interpolate(small, scale_factor=float(factor), mode="bicubic", align_corners=False)


def shrunk(frames: Tensor, factor: int) -> Tensor:
    """Frames (T, 3, H, W) at a ``factor``-th of their size, by averaging."""
    return F.avg_pool2d(frames, factor)


def upsample(
    network: FrameDenoiser,
    small: Tensor,
    previous: Tensor | None,
    noise: NoiseStream,
    config: UpsamplingConfig,
    *,
    first_frame: int = 0,
) -> Tensor:
    """Frames (T, 3, f * h, f * w) in [-1, 1] for small ones (T, 3, h, w), behind ``previous`` (3, f * h, f * w) where there is one.

    Frame t draws from ``noise.child(first_frame + t)``, so a video may be enlarged in pieces: those that are cut at multiples of
    ``config.new_frames`` give the same bits as the whole, each behind the last frame of the piece before. Tensors lie on one device.
    """
    made: list[Tensor] = []
    for first in range(0, len(small), config.new_frames):
        piece = small[first : first + config.new_frames]
        streams = [noise.child(first_frame + first + index) for index in range(len(piece))]
        frames = _next_frames(network, piece, previous, streams, config)
        previous = frames[-1]
        made.append(frames)
    return torch.cat(made)


def _next_frames(
    network: FrameDenoiser, small: Tensor, previous: Tensor | None, streams: list[NoiseStream], config: UpsamplingConfig
) -> Tensor:
    """A few frames at once, all by the noise of their own streams; what the frame before them carries is the first one's."""
    height, width = (network.factor * side for side in small.shape[-2:])
    fresh = torch.stack([stream.child(0).normal(3, height, width) for stream in streams]).to(small)
    blur = torch.stack([stream.child(1).normal(*small.shape[1:]) for stream in streams]).to(small)
    low = enlarged(small + config.augmentation * blur, network.factor)
    known, known_low = small.new_zeros(0, 3, height, width), small.new_zeros(0, 3, height, width)
    if previous is not None:
        own = streams[0].child(2).normal(*small.shape[1:])[None].to(small)
        known_low = enlarged(shrunk(previous[None], network.factor) + config.augmentation * own, network.factor)
        known = previous[None] + config.context_noise * streams[0].child(3).normal(1, 3, height, width).to(small)
    all_low = torch.cat([known_low, low])
    levels, layout = small.new_full((len(known),), config.context_noise), config.windows(network.grid)
    augmentation = small.new_full((len(all_low),), config.augmentation)

    def denoise(residual: Tensor, sigma: Tensor) -> Tensor:
        noisy, all_sigma = torch.cat([known, low + residual]), torch.cat([levels, sigma])

        def within(window: Window) -> Tensor:
            rows, columns = window
            noisy_part, low_part = noisy[..., rows, columns], all_low[..., rows, columns]
            return network.denoised(noisy_part, low_part, all_sigma, augmentation, len(all_low))

        return blended(within, noisy, layout)[len(known) :] - low

    return (low + sample(denoise, fresh, config.sampler())).clamp(-1.0, 1.0)
