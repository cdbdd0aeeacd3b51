"""Transformer blocks over the patches of a clip: attention over time, then over space (TimeSformer, Bertasius et al. 2021)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

#: Up to this many tokens plain products are quicker on CPUs than fused attention.
SHORT = 128


def frame_angles(frames: int, head_width: int) -> Tensor:
    """Rotary angles (frames, head_width / 2) of frames by their number (Su et al. 2021)."""
    rates = 10000.0 ** (-torch.arange(0, head_width, 2) / head_width)
    return torch.arange(frames)[:, None] * rates


def grid_angles(height: int, width: int, head_width: int, highest: float = 10.0) -> Tensor:
    """Rotary angles (height * width, head_width / 2): half of the pairs turn with the row, half with the column."""
    rates = torch.logspace(0.0, math.log2(highest / 2.0), head_width // 4, base=2.0) * math.pi
    rows = torch.linspace(-1.0, 1.0, height)[:, None, None] * rates
    columns = torch.linspace(-1.0, 1.0, width)[None, :, None] * rates
    shape = (height, width, head_width // 4)
    return torch.cat([rows.expand(shape), columns.expand(shape)], dim=-1).flatten(0, 1)


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Pairs of channels of (..., L, D) turned by the angles (L, D / 2)."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], dim=-1).flatten(-2)


class SelfAttention(nn.Module):
    """Multi-head self-attention over (N, L, D), with rotary angles where the tokens have places."""

    def __init__(self, dim: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * heads * head_width, bias=False)
        self.to_out = nn.Linear(heads * head_width, dim)

    def forward(self, x: Tensor, angles: Tensor | None = None) -> Tensor:
        """What is to be added to (N, L, D)."""
        query, key, value = rearrange(self.to_qkv(self.norm(x)), "n l (k h d) -> k n h l d", k=3, h=self.heads)
        if angles is not None:
            query, key = turned(query, angles), turned(key, angles)
        if x.shape[1] > SHORT:
            seen = F.scaled_dot_product_attention(query, key, value)
        else:
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
            seen = scores.softmax(-1) @ value
        return self.to_out(rearrange(seen, "n h l d -> n l (h d)"))


class GatedFeedForward(nn.Module):
    """GEGLU (Shazeer 2020), four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.into = nn.Linear(dim, 8 * dim)
        self.out = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """What is to be added to (..., D)."""
        value, gate = self.into(self.norm(x)).chunk(2, dim=-1)
        return self.out(value * F.gelu(gate))


class TimeSpaceTransformer(nn.Module):
    """``depth`` times attention over the frames of each place, over the places of each frame, and a feed-forward layer."""

    def __init__(self, dim: int, depth: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.over_time = nn.ModuleList([SelfAttention(dim, heads, head_width) for _ in range(depth)])
        self.over_space = nn.ModuleList([SelfAttention(dim, heads, head_width) for _ in range(depth)])
        self.forward_layers = nn.ModuleList([GatedFeedForward(dim) for _ in range(depth)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, h, w, D) to the same."""
        batch, frames, height, width, _ = x.shape
        when = frame_angles(frames, self.head_width).to(x.device)
        where = grid_angles(height, width, self.head_width).to(x.device)
        tokens = rearrange(x, "b t h w d -> b t (h w) d")
        for over_time, over_space, feed in zip(self.over_time, self.over_space, self.forward_layers, strict=True):
            by_place = rearrange(tokens, "b t n d -> (b n) t d")
            tokens = tokens + rearrange(over_time(by_place, when), "(b n) t d -> b t n d", b=batch)
            by_frame = rearrange(tokens, "b t n d -> (b t) n d")
            tokens = tokens + rearrange(over_space(by_frame, where), "(b t) n d -> b t n d", b=batch)
            tokens = tokens + feed(tokens)
        return tokens.unflatten(2, (height, width))


class AxisProjection(nn.Module):
    """A small transformer that sums up the tokens along one axis in a code of its own (PVDM's projection head)."""

    def __init__(self, dim: int, length: int, depth: int, heads: int, head_width: int, mlp: int) -> None:
        super().__init__()
        self.code = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.place = nn.Parameter(0.02 * torch.randn(1, length, dim))
        self.attention = nn.ModuleList([SelfAttention(dim, heads, head_width) for _ in range(depth)])
        self.feed = nn.ModuleList(
            [
                nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))
                for _ in range(depth)
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, length, D) to (N, D)."""
        tokens = torch.cat([self.code.expand(len(x), -1, -1), x + self.place], dim=1)
        for attention, feed in zip(self.attention, self.feed, strict=True):
            tokens = tokens + attention(tokens)
            tokens = tokens + feed(tokens)
        return tokens[:, 0]
