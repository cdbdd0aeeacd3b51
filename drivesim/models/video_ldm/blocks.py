"""Building blocks of the networks: residual blocks with adaptive norm, attention, re-sampling.

The norm is a LayerNorm over channels at every pixel: on CPUs in bfloat16 it takes a fifth of GroupNorm's time, forward
and backward, and GroupNorm was the largest single cost of the network (docs/model.md).
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


def attention_weights(query: Tensor, key: Tensor) -> Tensor:
    """Softmax of scaled products (B, T, T) for queries and keys (B, T, C).

    Plain products: for up to 128 tokens torch's fused attention takes longer on CPUs, most of all backward.
    """
    return torch.softmax(torch.bmm(query, key.transpose(1, 2)) / math.sqrt(query.shape[-1]), dim=-1)


class SpatialAttention(nn.Module):
    """Self-attention over the pixels of one frame, with a residual connection."""

    def __init__(self, channels: int, head_width: int) -> None:
        super().__init__()
        self.heads = channels // head_width
        self.norm = ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        pattern = "n (three m c) h w -> three (n m) (h w) c"
        query, key, value = rearrange(self.qkv(self.norm(x)), pattern, three=3, m=self.heads)
        mixed = torch.bmm(attention_weights(query, key), value)
        return x + self.out(rearrange(mixed, "(n m) (h w) c -> n (m c) h w", m=self.heads, h=x.shape[-2]))


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


def fourier_features(values: Tensor, width: int, longest_period: float = 4.0) -> Tensor:
    """Sines and cosines (N, width) of values (N,) at geometrically spaced frequencies up to 64 / longest_period."""
    frequencies = torch.exp(torch.linspace(0.0, math.log(64.0), width // 2, device=values.device))
    phase = values.float()[:, None] * frequencies * (2.0 * math.pi / longest_period)
    return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)


class CodecBlock(nn.Module):
    """Two 3x3 convolutions with ReLU and a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        nn.init.zeros_(self.body[2].bias)
        with torch.no_grad():
            self.body[2].weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return torch.relu(x + self.body(x))
