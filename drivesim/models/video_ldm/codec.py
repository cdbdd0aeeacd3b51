"""The codec: frames to latents at 1/16 of the size and back, a plain convolutional autoencoder without norms.

Design notes: no 3x3 convolution above half resolution (the last octave is pixel-shuffle), no normalisation (it would
tie colour to the tile), and a soft clamp 3 tanh(z/3) on the latents as in TAESD and PVDM (Yu et al. 2023). Latents are
standardised per channel with statistics measured after training, so that the diffusion sees unit variance.

Beside the learned channels, three carry the mean colour of every 16x16 cell (a shortcut in the spirit of DC-AE's
space-to-channel paths). Small codecs learn colour last; with the shortcut it is exact at the scale of a cell, the decoder
is left with detail, and the diffusion sees smooth channels that follow the colours of the layout directly.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

#: Pixels along one side of the cell that a latent stands for.
CELL = 16

#: Channels that carry a cell's mean colour, after the learned ones: luma, blue and red difference (BT.601). In RGB the
#: three would be nearly equal, and what a diffusion leaves in their small differences would show as rainbow noise.
COLOUR_CHANNELS = 3
YCC_FROM_RGB = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
RGB_FROM_YCC = torch.linalg.inv(YCC_FROM_RGB)


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


class Encoder(nn.Module):
    """Frames (N, 3, H, W) to raw latents (N, latent_channels, H/16, W/16)."""

    def __init__(self, latent_channels: int, widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 3, padding=1), nn.ReLU(inplace=True)]
        for level, width in enumerate(widths):
            layers += [CodecBlock(width) for _ in range(blocks[level])]
            if level + 1 < len(widths):
                layers += [nn.Conv2d(width, widths[level + 1], 4, stride=2, padding=1), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(widths[-1], latent_channels, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        """Latents softly clamped to (-3, 3)."""
        return 3.0 * torch.tanh(self.layers(frames) / 3.0)


class Decoder(nn.Module):
    """Raw latents (N, latent_channels, h, w) to frames (N, 3, 16h, 16w)."""

    def __init__(self, latent_channels: int, widths: tuple[int, ...], blocks: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(latent_channels, widths[-1], 3, padding=1), nn.ReLU(inplace=True)]
        for level in reversed(range(len(widths))):
            layers += [CodecBlock(widths[level]) for _ in range(blocks[level])]
            if level > 0:
                layers += [
                    nn.Conv2d(widths[level], 4 * widths[level - 1], 1),
                    nn.PixelShuffle(2),
                    nn.ReLU(inplace=True),
                ]
        layers += [nn.Conv2d(widths[0], 12, 3, padding=1), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """Frames in about [-1, 1], not clipped."""
        return self.layers(latents)


class FrameCodec(ModelMixin, ConfigMixin):
    """Frame-wise autoencoder; ``encode`` and ``decode`` speak standardised latents.

    ``latent_mean`` and ``latent_std`` (one per channel) are measured on training frames once the weights are final.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, ...] = (48, 96, 160, 256),
        encoder_blocks: tuple[int, ...] = (1, 1, 2, 2),
        decoder_blocks: tuple[int, ...] = (2, 2, 2, 2),
        latent_mean: tuple[float, ...] | None = None,
        latent_std: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(latent_channels, tuple(widths), tuple(encoder_blocks))
        self.decoder = Decoder(latent_channels, tuple(widths), tuple(decoder_blocks))
        total = latent_channels + COLOUR_CHANNELS
        mean = torch.zeros(total) if latent_mean is None else torch.tensor(latent_mean)
        std = torch.ones(total) if latent_std is None else torch.tensor(latent_std)
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Standardise with these per-channel statistics (C,) of raw latents from now on, and store them in the config."""
        self.register_to_config(latent_mean=mean.tolist(), latent_std=std.tolist())
        self.mean.copy_(mean[:, None, None])
        self.std.copy_(std[:, None, None])

    def read(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [-1, 1] to raw latents (N, C, H/16, W/16), float32: learned channels, then colour."""
        learned = self.encoder(frames.to(self.dtype).contiguous(memory_format=torch.channels_last))
        return torch.cat([learned.float(), _mixed(F.avg_pool2d(frames.float(), CELL), YCC_FROM_RGB)], dim=1)

    def draw(self, raw: Tensor) -> Tensor:
        """Raw latents (N, C, h, w) to frames (N, 3, 16h, 16w), float32, not clipped.

        The decoder's picture is shifted, smoothly between cells, so that its cells have the colours that were told.
        """
        learned, colour = raw[:, :-COLOUR_CHANNELS], _mixed(raw[:, -COLOUR_CHANNELS:].float(), RGB_FROM_YCC)
        drawn = self.decoder(learned.to(self.dtype).contiguous(memory_format=torch.channels_last)).float()
        shift = colour - F.avg_pool2d(drawn, CELL)
        return drawn + F.interpolate(shift, scale_factor=float(CELL), mode="bilinear", align_corners=False)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [-1, 1] to standardised latents (N, C, H/16, W/16), float32."""
        return (self.read(frames) - self.mean.float()) / self.std.float()

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents (N, C, h, w) to frames (N, 3, 16h, 16w), clipped to [-1, 1], float32."""
        return self.draw(latents.float() * self.std.float() + self.mean.float()).clamp(-1.0, 1.0)


def _mixed(colours: Tensor, matrix: Tensor) -> Tensor:
    """Colours (N, 3, h, w) in another colour space."""
    return torch.einsum("kc,nchw->nkhw", matrix.to(colours.device), colours)
