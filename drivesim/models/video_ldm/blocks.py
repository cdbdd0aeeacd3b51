"""Building blocks of the Video LDM's networks: attention over the pixels of a frame, the codec's residual block."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.models.blocks import ChannelNorm


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
