"""The UNet of Dhariwal & Nichol (2021, "Diffusion Models Beat GANs") over one or several maps that share its weights.

The blocks are diffusers'. What joins the maps comes from outside, after every block: attention across the planes of a
clip (PVDM), attention over its frames (LVDM).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

#: Called after block ``index`` with the features of all maps; returns features of the same shapes.
Mix = Callable[[int, list[Tensor]], list[Tensor]]


def quiet_attention(channels: int, heads: int, groups: int) -> Attention:
    """Self-attention with group norm before and the input added behind, whose last layer begins at zero."""
    attention = Attention(
        channels,
        heads=heads,
        dim_head=channels // heads,
        norm_num_groups=groups,
        bias=True,
        residual_connection=True,
    )
    nn.init.zeros_(attention.to_out[0].weight)
    nn.init.zeros_(attention.to_out[0].bias)
    return attention


class SharedBlock(nn.Module):
    """A residual block with scale and shift from the embedding, then what it is given of attention and up-sampling."""

    def __init__(
        self, channels_in: int, channels: int, embedding: int, heads: int | None, groups: int, down: bool, up: bool
    ) -> None:
        super().__init__()

        def residual(before: int, down: bool, up: bool) -> ResnetBlock2D:
            block = ResnetBlock2D(
                in_channels=before,
                out_channels=channels,
                temb_channels=embedding,
                groups=groups,
                eps=1e-5,
                time_embedding_norm="scale_shift",
                down=down,
                up=up,
            )
            nn.init.zeros_(block.conv2.weight)
            nn.init.zeros_(block.conv2.bias)
            return block

        self.residual = residual(channels_in, down, False)
        self.attention = None if heads is None else quiet_attention(channels, heads, groups)
        self.upsample = residual(channels, False, True) if up else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, H', W'), with the embedding (N, E)."""
        hidden = self.residual(x, embedding)
        if self.attention is not None:
            hidden = self.attention(hidden)
        return hidden if self.upsample is None else self.upsample(hidden, embedding)


class SharedUNet(nn.Module):
    """Maps (N, in_channels, H, W) of several sizes to maps (N, out_channels, H, W), all by the same weights.

    Every side must be divisible by 2 ** (number of levels - 1). ``attention_levels`` counts from 0, the full size.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int,
        multipliers: tuple[int, ...],
        blocks_per_level: int,
        attention_levels: tuple[int, ...],
        heads: int,
        groups: int,
        embedding: int,
    ) -> None:
        super().__init__()
        channels = [width * multiplier for multiplier in multipliers]
        last = len(channels) - 1
        self.enter = nn.Conv2d(in_channels, width, 3, padding=1)
        self.down, self.middle, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        skips, now = [width], width

        def block(before: int, after: int, level: int, down: bool = False, up: bool = False) -> SharedBlock:
            attends = level in attention_levels and not down
            return SharedBlock(before, after, embedding, heads if attends else None, groups, down, up)

        for level, wide in enumerate(channels):
            for _ in range(blocks_per_level):
                self.down.append(block(now, wide, level))
                now = wide
                skips.append(now)
            if level < last:
                self.down.append(block(now, now, level, down=True))
                skips.append(now)
        self.middle.append(SharedBlock(now, now, embedding, heads, groups, False, False))
        self.middle.append(SharedBlock(now, now, embedding, None, groups, False, False))
        for level, wide in reversed(list(enumerate(channels))):
            for index in range(blocks_per_level + 1):
                rises = level > 0 and index == blocks_per_level
                self.up.append(block(now + skips.pop(), wide, level, up=rises))
                now = wide
        self.norm_out = nn.GroupNorm(groups, now, eps=1e-5)
        self.leave = nn.Conv2d(now, out_channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def mixed_channels(self) -> list[int]:
        """Channels at every place where ``mix`` is called, in order: after each block, the two in the middle as one."""
        path = [*self.down, self.middle[-1], *self.up]
        return [block.residual.out_channels for block in path]

    def mixed_levels(self) -> list[int]:
        """Level (0 the full size) at every place where ``mix`` is called."""
        levels, level = [], 0
        for block in self.down:
            level += int(block.residual.down)
            levels.append(level)
        levels.append(level)
        for block in self.up:
            level -= int(block.upsample is not None)
            levels.append(level)
        return levels

    def forward(self, maps: list[Tensor], embedding: Tensor, mix: Mix) -> list[Tensor]:
        """Outputs for the maps, each (N, C, H, W) under the embedding (N, E)."""
        hidden = [self.enter(each) for each in maps]
        skips = [hidden]
        index = 0
        for block in self.down:
            hidden = mix(index, [block(each, embedding) for each in hidden])
            skips.append(hidden)
            index += 1
        for block in self.middle:
            hidden = [block(each, embedding) for each in hidden]
        hidden = mix(index, hidden)
        for block in self.up:
            index += 1
            joined = [torch.cat(pair, dim=1) for pair in zip(hidden, skips.pop(), strict=True)]
            hidden = mix(index, [block(each, embedding) for each in joined])
        return [self.leave(nn.functional.silu(self.norm_out(each))) for each in hidden]
