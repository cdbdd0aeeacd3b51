"""Building blocks of the probe: residual blocks with LayerNorm over channels, and heads."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.models.blocks import ChannelNorm


class Block(nn.Module):
    """Norm, then two 3x3 convolutions, added to the input; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.second(F.silu(self.first(self.norm(x))))


class Level(nn.Module):
    """Halve the size with a strided convolution, then residual blocks."""

    def __init__(self, channels_in: int, channels: int, num_blocks: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(num_blocks)])

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, H/2, W/2)."""
        return self.blocks(self.down(x))


class Head(nn.Module):
    """Features to one kind of map: a 3x3 convolution and a 1x1 convolution, whose bias starts at ``bias``."""

    def __init__(self, channels: int, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 3, padding=1)
        self.out = nn.Conv2d(channels, outputs, 1)
        nn.init.constant_(self.out.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, outputs, H, W), float32."""
        return self.out(F.silu(self.mix(x))).float()
