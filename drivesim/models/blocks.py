"""Building blocks that networks share: residual blocks with adaptive norm, re-sampling, convolutions over time.

The norm is a LayerNorm over channels at every pixel: on CPUs in bfloat16 it takes a fifth of GroupNorm's time, forward
and backward, and GroupNorm was the largest single cost of the network (docs/model.md). It also knows nothing of the other
pixels, so a picture can be worked on in pieces.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of every pixel, with learned scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape; channels_last input is read without a copy."""
        last = rearrange(x, "n c h w -> n h w c")
        normed = F.layer_norm(last, (x.shape[1],), self.weight.to(x.dtype), self.bias.to(x.dtype))
        return rearrange(normed, "n h w c -> n c h w")


class ResidualBlock(nn.Module):
    """Norm, SiLU, 3x3 convolution, twice; the second norm is scaled and shifted by an embedding (adaptive norm)."""

    def __init__(self, channels_in: int, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm_in = ChannelNorm(channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.modulation = nn.Linear(embedding, 2 * channels)
        self.norm_out = ChannelNorm(channels)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Identity() if channels_in == channels else nn.Conv2d(channels_in, channels, 1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, channels_in, H, W) and (N, embedding) to (N, channels, H, W)."""
        hidden = self.conv_in(F.silu(self.norm_in(x)))
        scale, shift = self.modulation(F.silu(embedding))[:, :, None, None].chunk(2, dim=1)
        hidden = torch.addcmul(shift, self.norm_out(hidden), 1.0 + scale)
        return self.skip(x) + self.conv_out(F.silu(hidden))


class Downsample(nn.Module):
    """Halves height and width by a strided 3x3 convolution."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, H/2, W/2)."""
        return self.conv(x)


class Upsample(nn.Module):
    """Doubles height and width: nearest neighbour, then a 3x3 convolution."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class TemporalConvolution(nn.Module):
    """A convolution over time: a 1x1 convolution of the previous, this and the next frame.

    With ``reach`` cells above 0 each of the three is first filtered by a kernel per channel (a separable convolution over
    time and space), so that what moves can be carried from one place to another; fresh kernels leave all as it is.
    """

    def __init__(self, channels: int, reach: int = 0) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3 * channels, channels, 1)
        self.spread = None
        if reach:
            size = 2 * reach + 1
            self.spread = nn.Conv2d(3 * channels, 3 * channels, size, padding=reach, groups=3 * channels, bias=False)
            nn.init.dirac_(self.spread.weight, groups=3 * channels)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        """(B*T, C, H, W) to the same shape; beyond the clip the features count as zero."""
        clips = rearrange(x, "(b t) c h w -> b t c h w", t=num_frames)
        blank = torch.zeros_like(clips[:, :1])
        before = torch.cat([blank, clips[:, :-1]], dim=1)
        after = torch.cat([clips[:, 1:], blank], dim=1)
        stacked = rearrange(torch.cat([before, clips, after], dim=2), "b t c h w -> (b t) c h w")
        stacked = stacked.contiguous(memory_format=torch.channels_last)
        return self.mix(stacked if self.spread is None else self.spread(stacked))


class MixedInTime(nn.Module):
    """What layers over time share that stand behind the blocks of a network of single frames (Blattmann et al. 2023, section 3.1):
    two residual convolutions over time, and a learned alpha by which the result is mixed in. Fresh ones change nothing.

    Subclasses make the layers, each in an order of its own, as fresh weights are drawn in it.
    """

    first: TemporalConvolution
    norm_inner: ChannelNorm
    second: TemporalConvolution
    leave: nn.Conv2d
    mix: nn.Parameter

    @property
    def alpha(self) -> Tensor:
        """Share of the image path, in (0, 1)."""
        return torch.sigmoid(self.mix)

    def convolved(self, hidden: Tensor, num_frames: int) -> Tensor:
        """Features (B*T, C, H, W) after both convolutions over the frames of their clips."""
        hidden = hidden + self.first(F.silu(hidden), num_frames)
        return hidden + self.second(F.silu(self.norm_inner(hidden)), num_frames)

    def mixed(self, x: Tensor, hidden: Tensor) -> Tensor:
        """alpha * x + (1 - alpha) * (x + what ``hidden`` adds to it)."""
        return torch.lerp(x + self.leave(F.silu(hidden)), x, self.alpha.to(x.dtype))


def fourier_features(values: Tensor, width: int, longest_period: float = 4.0) -> Tensor:
    """Sines and cosines (N, width) of values (N,) at geometrically spaced frequencies up to 64 / longest_period."""
    frequencies = torch.exp(torch.linspace(0.0, math.log(64.0), width // 2, device=values.device))
    phase = values.float()[:, None] * frequencies * (2.0 * math.pi / longest_period)
    return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)
