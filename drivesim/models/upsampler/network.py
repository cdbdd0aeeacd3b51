"""The upsampler's network: a UNet over pixels that sees the enlarged small frames, with layers over time after its blocks.

After the upsampler of Video LDM (Blattmann et al. 2023, sections 3.3 and 3.4): a diffusion model of single frames that is told the
small frame and how much noise was put on it (Ho et al. 2021, "Cascaded Diffusion Models", section 4.2), made a video model by layers
over time, so that what it invents does not flicker. Pixels are folded into channels before the first convolution.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.diffusion.edm import Preconditioning
from drivesim.models.blocks import (
    ChannelNorm,
    Downsample,
    MixedInTime,
    ResidualBlock,
    TemporalConvolution,
    Upsample,
    fourier_features,
)
from drivesim.models.kept_network import KeptNetwork, register_to_config

#: Width of the features that a level of noise is embedded from.
LEVEL_FEATURES = 32


class FrameUNet(nn.Module):
    """A UNet of residual blocks without attention: what a pixel becomes depends on its surroundings alone."""

    def __init__(
        self, channels_in: int, channels_out: int, widths: tuple[int, ...], blocks: int, embedding: int
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(channels_in, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            self.down.append(nn.ModuleList(ResidualBlock(width, width, embedding) for _ in range(blocks)))
            if level + 1 < len(widths):
                self.shrink.append(Downsample(width, widths[level + 1]))
        for level in reversed(range(len(widths) - 1)):
            width = widths[level]
            self.grow.append(Upsample(widths[level + 1], width))
            first = ResidualBlock(2 * width, width, embedding)
            self.up.append(nn.ModuleList([first, *(ResidualBlock(width, width, embedding) for _ in range(blocks - 1))]))
        self.norm = ChannelNorm(widths[0])
        self.leave = nn.Conv2d(widths[0], channels_out, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def block_widths(self) -> list[int]:
        """Channels after every block, in order."""
        return [block.conv_out.out_channels for level in (*self.down, *self.up) for block in level]

    def forward(self, x: Tensor, embedding: Tensor, after_block: Callable[[int, Tensor], Tensor]) -> Tensor:
        """(N, channels_in, H, W) to (N, channels_out, H, W); ``after_block`` is called with the number of each block."""
        hidden, skips, index = self.enter(x), [], 0
        for level, blocks in enumerate(self.down):
            for block in blocks:
                hidden = after_block(index, block(hidden, embedding))
                index += 1
            if level < len(self.shrink):
                skips.append(hidden)
                hidden = self.shrink[level](hidden)
        for grow, blocks in zip(self.grow, self.up, strict=True):
            hidden = torch.cat([grow(hidden), skips.pop()], dim=1)
            for block in blocks:
                hidden = after_block(index, block(hidden, embedding))
                index += 1
        return self.leave(F.silu(self.norm(hidden)))


class FrameMixing(MixedInTime):
    """A layer over time: half-width bottleneck and two convolutions over three frames each, mixed in with a learned alpha."""

    def __init__(self, channels: int, embedding: int, reach: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self.norm = ChannelNorm(channels)
        self.enter = nn.Conv2d(channels, inner, 1)
        self.modulation = nn.Linear(embedding, inner)
        self.first = TemporalConvolution(inner, reach)
        self.norm_inner = ChannelNorm(inner)
        self.second = TemporalConvolution(inner, reach)
        self.leave = nn.Conv2d(inner, channels, 1)
        self.mix = nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, embedding: Tensor, num_frames: int) -> Tensor:
        """alpha * x + (1 - alpha) * temporal(x), all (B*T, C, H, W); embedding (B*T, E)."""
        hidden = self.enter(self.norm(x)) + self.modulation(F.silu(embedding))[:, :, None, None]
        return self.mixed(x, self.convolved(hidden, num_frames))


class VideoUpsampler(KeptNetwork):
    """Enlarges frames ``factor`` times by diffusion of what the enlarged small frames lack."""

    @register_to_config
    def __init__(
        self,
        factor: int = 4,
        fold: int = 4,
        widths: tuple[int, ...] = (48, 96, 128),
        blocks_per_level: int = 1,
        embedding: int = 128,
        reach: int = 1,
        residual_std: float = 0.1,
        max_augmentation: float = 0.3,
    ) -> None:
        """``fold`` x ``fold`` pixels are the channels of one place; ``reach`` is how many places away a convolution over time looks.

        ``residual_std`` is about what a frame differs from its enlarged small one (deviation, in [-1, 1]), ``max_augmentation`` the
        most noise on small frames that training has shown. Raises ValueError for sizes that no network has.
        """
        super().__init__()
        if factor not in (2, 4) or fold < 1 or blocks_per_level < 1 or not widths:
            raise ValueError(
                f"factor {factor}, fold {fold}, {blocks_per_level} blocks: expected 2 or 4, and at least 1"
            )
        if not (residual_std > 0.0 and max_augmentation > 0.0):
            raise ValueError("residual_std and max_augmentation must be more than 0")
        pixels = 3 * fold * fold
        # Beside what is added, how much of every noisy pixel is left out: so many pixels at a place could not pass through it.
        self.image = FrameUNet(2 * pixels, 2 * pixels, tuple(widths), blocks_per_level, embedding)
        self.levels = nn.Sequential(
            nn.Linear(2 * LEVEL_FEATURES, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.temporal = nn.ModuleList(FrameMixing(width, embedding, reach) for width in self.image.block_widths())
        self.preconditioning = Preconditioning(sigma_data=residual_std)

    @property
    def factor(self) -> int:
        """How many times as many rows and columns."""
        return self.config.factor

    @property
    def grid(self) -> int:
        """Pixels of which the sides of an enlarged picture, and of its windows, are multiples."""
        return self.config.fold * 2 ** (len(self.config.widths) - 1)

    def forward(self, residual: Tensor, low: Tensor, sigma: Tensor, augmentation: Tensor, num_frames: int) -> Tensor:
        """Raw output (B*T, 3, H, W) for noisy residuals and enlarged small frames, with one level of each noise (B*T,).

        Clips of one frame are frames: no layer over time is asked.
        """
        levels = self.preconditioning.noise_condition(sigma), augmentation / self.config.max_augmentation
        features = torch.cat([fourier_features(level, LEVEL_FEATURES) for level in levels], dim=1)
        embedding = self.levels(features.to(self.dtype))
        scaled = residual * self.preconditioning.input_scale(sigma)
        folded = F.pixel_unshuffle(torch.cat([scaled, low], dim=1).to(self.dtype), self.config.fold)

        def after_block(index: int, hidden: Tensor) -> Tensor:
            return hidden if num_frames == 1 else self.temporal[index](hidden, embedding, num_frames)

        made = self.image(folded.contiguous(memory_format=torch.channels_last), embedding, after_block)
        added, kept = F.pixel_shuffle(made, self.config.fold).chunk(2, dim=1)
        # At -1 nothing of the noisy residual is left in the estimate, where the picture is even; at 0 the preconditioning's share.
        gain = (self.config.residual_std / sigma)[:, None, None, None] * scaled
        return added + kept * gain.to(added.dtype)

    def denoised(self, noisy: Tensor, low: Tensor, sigma: Tensor, augmentation: Tensor, num_frames: int) -> Tensor:
        """Estimate of the clean frames (B*T, 3, H, W), float32, from frames noised to ``sigma`` (B*T,).

        ``low`` are the small frames, noised to ``augmentation`` (B*T,) and then enlarged. Both kinds of frames in [-1, 1].
        """
        residual = noisy - low
        raw = self(residual, low, sigma, augmentation, num_frames)
        return low + self.preconditioning.denoised(residual, raw.float(), sigma)
