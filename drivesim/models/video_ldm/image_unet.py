"""The box-conditioned image LDM: a UNet over latents that sees the layout at its input.

Raster conditioning by concatenation keeps boxes aligned with pixels without learning to align them (the choice of the
layout-conditioned driving generators); attributes and the noise level enter through adaptive norm.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.controls import ACTOR_CHANNELS, ATTRIBUTE_CHANNELS, FIGURE_CHANNELS, MAP_CHANNELS, SCENERY_CHANNELS
from drivesim.models.blocks import ChannelNorm, Downsample, ResidualBlock, Upsample, fourier_features
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.video_ldm.blocks import SpatialAttention

#: Called after block ``index`` with its features (N, C, H, W); returns features of the same shape.
AfterBlock = Callable[[int, Tensor], Tensor]


class LayoutStem(nn.Module):
    """Rasters (N, planes, 128, 256) and F flags to features (N, features, 16, 32)."""

    def __init__(self, planes: int, flags: int, features: int) -> None:
        super().__init__()
        # Pairs of pixels are averaged first: at a thirty-second of the picture's size the rest of the detail says little.
        self.fold = nn.Sequential(nn.AvgPool2d(2), nn.PixelUnshuffle(4))
        self.mix = nn.Conv2d(planes * 16 + flags, 2 * features, 1)
        self.spread = nn.Conv2d(2 * features, features, 3, padding=1)

    def forward(self, rasters: Tensor, given: Tensor) -> Tensor:
        """Features at the size of the latents; ``given`` (N, F) says which rasters are told."""
        folded = self.fold(rasters)
        flags = given[:, :, None, None].expand(-1, -1, *folded.shape[-2:])
        return self.spread(F.silu(self.mix(torch.cat([folded, flags], dim=1))))


class UNetBlock(nn.Module):
    """One residual block, with self-attention where the resolution is low enough."""

    def __init__(self, channels_in: int, channels: int, embedding: int, attention: bool, head_width: int) -> None:
        super().__init__()
        self.block = ResidualBlock(channels_in, channels, embedding)
        self.attention = SpatialAttention(channels, head_width) if attention else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(N, channels_in, H, W) to (N, channels, H, W)."""
        return self.attention(self.block(x, embedding))


class ImageUNet(KeptNetwork):
    """Predicts the EDM target of latents (N, 19, 16, 32) from noisy latents, noise level, layout and attributes.

    One stem reads map and actors; with ``scenery`` another reads the scenery, and its features are added. The last layer
    of that stem begins at zero, so a network that was trained without it goes on where it was.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 19,
        widths: tuple[int, ...] = (96, 160, 256),
        blocks_per_level: int = 2,
        attention_levels: tuple[int, ...] = (1, 2),
        head_width: int = 32,
        layout_features: int = 48,
        embedding: int = 256,
        scenery: bool = False,
    ) -> None:
        super().__init__()
        self.layout_stem = LayoutStem(
            len(MAP_CHANNELS) + len(ACTOR_CHANNELS) - len(FIGURE_CHANNELS), 2, layout_features
        )
        self.scenery_stem: LayoutStem | None = None
        if scenery:
            self.scenery_stem = LayoutStem(len(SCENERY_CHANNELS), 1, layout_features)
            nn.init.zeros_(self.scenery_stem.spread.weight)
            nn.init.zeros_(self.scenery_stem.spread.bias)
        self.noise_embedding = nn.Sequential(nn.Linear(64, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.attribute_embedding = nn.Sequential(
            nn.Linear(len(ATTRIBUTE_CHANNELS) + 1, embedding), nn.SiLU(), nn.Linear(embedding, embedding)
        )
        self.conv_in = nn.Conv2d(latent_channels + layout_features, widths[0], 3, padding=1)
        block_args = (embedding, head_width)
        down, self.down_samplers = _down_path(tuple(widths), blocks_per_level, tuple(attention_levels), *block_args)
        self.down = nn.ModuleList(down)
        self.middle = nn.ModuleList(
            [
                UNetBlock(widths[-1], widths[-1], embedding, True, head_width),
                UNetBlock(widths[-1], widths[-1], embedding, False, head_width),
            ]
        )
        up, self.up_samplers = _up_path(tuple(widths), blocks_per_level, tuple(attention_levels), *block_args)
        self.up = nn.ModuleList(up)
        self.norm_out = ChannelNorm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], latent_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def block_widths(self) -> list[tuple[int, int]]:
        """(channels, down-sampling factor) after every block, in the order in which ``after_block`` is called."""
        widths, blocks = self.config.widths, self.config.blocks_per_level
        path = [(width, 2**level) for level, width in enumerate(widths) for _ in range(blocks)]
        middle = [(widths[-1], 2 ** (len(widths) - 1))] * len(self.middle)
        return path + middle + list(reversed(path))

    def forward(
        self,
        scaled: Tensor,
        noise_condition: Tensor,
        controls: ControlTensors,
        after_block: AfterBlock | None = None,
        layout_features: Tensor | None = None,
    ) -> Tensor:
        """Raw output (N, C, H, W) for latents already multiplied by c_in, with c_noise (N,).

        ``after_block`` is how temporal layers enter (Video LDM section 3.1); None leaves the image network as it is.
        ``layout_features`` are those of :meth:`read_layout`, which stay the same over all steps of a sampler.
        """
        embedding = self._embed(noise_condition, controls)
        layout = self.read_layout(controls) if layout_features is None else layout_features
        hidden = self.conv_in(torch.cat([scaled, layout], dim=1))
        hook = after_block or _unchanged
        hidden, skips = self._run_down(hidden, embedding, hook)
        index = len(self.down)
        for block in self.middle:
            hidden = hook(index, block(hidden, embedding))
            index += 1
        hidden = self._run_up(hidden, skips, embedding, hook, index)
        return self.conv_out(F.silu(self.norm_out(hidden)))

    def read_layout(self, controls: ControlTensors) -> Tensor:
        """Features (N, layout_features, H, W) of map and actors, and of the scenery where the network sees it."""
        rasters = torch.cat([controls.map, controls.coarse_actors()], dim=1)
        features = self.layout_stem(rasters, torch.stack([controls.map_given, controls.actors_given], dim=1))
        if self.scenery_stem is None:
            return features
        return features + self.scenery_stem(controls.scenery, controls.scenery_given[:, None])

    def _embed(self, noise_condition: Tensor, controls: ControlTensors) -> Tensor:
        features = fourier_features(noise_condition, 64).to(controls.attributes.dtype)
        return self.noise_embedding(features) + self.attribute_embedding(controls.attribute_features())

    def _run_down(self, hidden: Tensor, embedding: Tensor, hook: AfterBlock) -> tuple[Tensor, list[Tensor]]:
        skips = []
        blocks = self.config.blocks_per_level
        for index, block in enumerate(self.down):
            if index > 0 and index % blocks == 0:
                hidden = self.down_samplers[index // blocks - 1](hidden)
            hidden = hook(index, block(hidden, embedding))
            skips.append(hidden)
        return hidden, skips

    def _run_up(self, hidden: Tensor, skips: list[Tensor], embedding: Tensor, hook: AfterBlock, index: int) -> Tensor:
        blocks = self.config.blocks_per_level
        for position, block in enumerate(self.up):
            if position > 0 and position % blocks == 0:
                hidden = self.up_samplers[position // blocks - 1](hidden)
            hidden = hook(index + position, block(torch.cat([hidden, skips.pop()], dim=1), embedding))
        return hidden


def with_scenery(network: ImageUNet) -> ImageUNet:
    """The same network with a stem for scenery, which says nothing until it is trained; itself if it has one."""
    if network.scenery_stem is not None:
        return network
    settings = {name: value for name, value in network.config.items() if not name.startswith("_")}
    wider = ImageUNet(**{**settings, "scenery": True})
    stem = {name: value for name, value in wider.state_dict().items() if name.startswith("scenery_stem.")}
    wider.load_state_dict({**network.state_dict(), **stem})
    return wider.to(network.device, network.dtype)


def _unchanged(_index: int, hidden: Tensor) -> Tensor:
    return hidden


def _down_path(
    widths: tuple[int, ...], blocks: int, attention_levels: tuple[int, ...], embedding: int, head_width: int
) -> tuple[list[nn.Module], nn.ModuleList]:
    path: list[nn.Module] = []
    samplers = nn.ModuleList()
    for level, width in enumerate(widths):
        if level > 0:
            samplers.append(Downsample(widths[level - 1], width))
        path += [UNetBlock(width, width, embedding, level in attention_levels, head_width) for _ in range(blocks)]
    return path, samplers


def _up_path(
    widths: tuple[int, ...], blocks: int, attention_levels: tuple[int, ...], embedding: int, head_width: int
) -> tuple[list[nn.Module], nn.ModuleList]:
    path: list[nn.Module] = []
    samplers = nn.ModuleList()
    for level in reversed(range(len(widths))):
        width = widths[level]
        path += [UNetBlock(2 * width, width, embedding, level in attention_levels, head_width) for _ in range(blocks)]
        if level > 0:
            samplers.append(Upsample(width, widths[level - 1]))
    return path, samplers
