"""Temporal layers of the Video LDM (Blattmann et al. 2023, section 3.1) with prediction conditioning.

After every block of the frozen image network stands one layer: temporal 3-tap convolutions and, at low resolution,
temporal attention, mixed in with a learned alpha. Alpha = 1 ("image") gives back the image network exactly. Context
frames enter every layer as (mask * latents, mask), and the newest context frame also reaches all frames.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from drivesim.controls import MOTION_CHANNELS
from drivesim.models.blocks import ChannelNorm, MixedInTime, TemporalConvolution
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.video_ldm.blocks import attention_weights
from drivesim.models.video_ldm.known import stride_ratios


class TemporalAttention(nn.Module):
    """Self-attention over the frames of a clip at every pixel, with a residual connection."""

    def __init__(self, channels: int, head_width: int) -> None:
        super().__init__()
        self.heads = channels // head_width
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        """(B*T, C, H, W) to the same shape."""
        height = x.shape[-2]
        pattern = "(b t) (three m c) h w -> three (b h w m) t c"
        query, key, value = rearrange(self.qkv(x), pattern, t=num_frames, three=3, m=self.heads)
        mixed = rearrange(
            torch.bmm(attention_weights(query, key), value),
            "(b h w m) t c -> (b t) (m c) h w",
            m=self.heads,
            h=height,
            w=x.shape[-1],
        )
        return x + self.out(mixed)


class TemporalLayer(MixedInTime):
    """One temporal layer: half-width bottleneck, context input, two temporal convolutions, optional attention."""

    def __init__(
        self,
        channels: int,
        factor: int,
        context_channels: int,
        embedding: int,
        attention: bool,
        head_width: int,
        reach: int = 0,
    ) -> None:
        super().__init__()
        inner = channels // 2
        self.norm = ChannelNorm(channels)
        self.enter = nn.Conv2d(channels, inner, 1)
        self.context = nn.Conv2d(context_channels, inner, factor, stride=factor)
        self.modulation = nn.Linear(embedding, inner)
        self.first = TemporalConvolution(inner, reach)
        self.norm_inner = ChannelNorm(inner)
        self.second = TemporalConvolution(inner, reach)
        self.attention = TemporalAttention(inner, head_width) if attention else None
        self.leave = nn.Conv2d(inner, channels, 1)
        self.mix = nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, context: Tensor, embedding: Tensor, num_frames: int) -> Tensor:
        """alpha * x + (1 - alpha) * temporal(x), all (B*T, C, H, W); context (B*T, K, 16, 32), embedding (B*T, E)."""
        hidden = self.enter(self.norm(x)) + self.context(context) + self.modulation(embedding)[:, :, None, None]
        hidden = self.convolved(hidden, num_frames)
        if self.attention is not None:
            hidden = self.attention(hidden, num_frames)
        return self.mixed(x, hidden)


class TemporalLayers(KeptNetwork):
    """All temporal layers of one video network, saved apart from the image network they are inserted in."""

    @register_to_config
    def __init__(
        self,
        block_channels: tuple[int, ...],
        block_factors: tuple[int, ...],
        latent_channels: int = 19,
        attention_factors: tuple[int, ...] = (2, 4),
        head_width: int = 16,
        embedding: int = 256,
        max_frames: int = 16,
        moved_context: bool = False,
        reach: int = 0,
        strides: tuple[int, ...] = (1,),
        key_frames: int = 4,
    ) -> None:
        """``moved_context`` is the video network's: whether new frames see the newest context frame moved by the ego's motion.

        ``reach`` is how many cells away a temporal convolution looks in the frame before and after. ``strides`` are the times from
        one frame of a clip to the next, in frames of the video, that the layers know: of more than one they are told which, and the
        largest is that of key frames, of which they were trained to make ``key_frames`` behind two. Raises ValueError for strides that
        do not begin with 1 or of which one is no multiple of the one before.
        """
        super().__init__()
        stride_ratios(strides)
        self.layers = nn.ModuleList(
            TemporalLayer(
                channels, factor, 2 * latent_channels + 2, embedding, factor in attention_factors, head_width, reach
            )
            for channels, factor in zip(block_channels, block_factors, strict=True)
        )
        self.position = nn.Embedding(max_frames, embedding)
        self.motion = nn.Sequential(
            nn.Linear(len(MOTION_CHANNELS) + 1 + 2, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )
        self.rate = None
        if len(strides) > 1:
            self.rate = nn.Embedding(len(strides), embedding)
            nn.init.zeros_(self.rate.weight)

    @property
    def strides(self) -> tuple[int, ...]:
        """The times from one frame of a clip to the next that the layers know, in frames of the video, growing."""
        return tuple(self.config.strides)

    def embed(
        self, motion: Tensor, is_context: Tensor, noise_condition: Tensor, offsets: Tensor, stride: int = 1
    ) -> Tensor:
        """Embedding (B*T, E) of motion (B*T, 7), context flag (B*T,), c_noise (B*T,) and frame offset (B*T,) long.

        ``offsets`` count from the newest context frame, shifted so that they are never negative. Raises ValueError for a ``stride`` that
        the layers do not know.
        """
        if stride not in self.strides:
            raise ValueError(f"a clip of stride {stride}, but these temporal layers know {list(self.strides)}")
        features = torch.cat([motion, is_context[:, None], noise_condition[:, None].to(motion.dtype)], dim=1)
        embedding: Tensor = self.motion(features) + self.position(offsets).to(motion.dtype)
        if self.rate is None:
            return embedding
        return embedding + self.rate.weight[self.strides.index(stride)].to(motion.dtype)


def with_strides(layers: TemporalLayers, strides: tuple[int, ...]) -> TemporalLayers:
    """The same layers told one of several ``strides``, of which the label says nothing until it is trained; themselves if they are.

    Raises ValueError where they know several others.
    """
    if layers.strides == strides:
        return layers
    if layers.rate is not None:
        raise ValueError(
            f"strides are {list(strides)}, but these temporal layers were trained at {list(layers.strides)}"
        )
    settings = {name: value for name, value in layers.config.items() if not name.startswith("_")}
    made: Any = TemporalLayers
    told: TemporalLayers = made(**{**settings, "strides": strides})
    label = {name: value for name, value in told.state_dict().items() if name.startswith("rate.")}
    told.load_state_dict({**layers.state_dict(), **label})
    return told.to(layers.device, layers.dtype)
