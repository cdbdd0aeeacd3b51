"""The codec: frames to latents at 1/16 of the size and back, and on to twice the size; convolutions without norms.

The encoder sees frames alone. The decoder is told the layout as well, where one is known: see :class:`Decoder`.

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
from torch import Tensor, nn

from drivesim.models.carry import Past
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.models.video_ldm.blocks import CodecBlock
from drivesim.models.video_ldm.decoder import Decoder, Drawing, composed

#: Pixels along one side of the cell that a latent stands for.
CELL = 16

#: Channels that carry a cell's mean colour, after the learned ones: luma, blue and red difference (BT.601). In RGB the
#: three would be nearly equal, and what a diffusion leaves in their small differences would show as rainbow noise.
COLOUR_CHANNELS = 3
YCC_FROM_RGB = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
RGB_FROM_YCC = torch.linalg.inv(YCC_FROM_RGB)


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


class FrameCodec(KeptNetwork):
    """Frame-wise autoencoder; ``encode`` and ``decode`` speak standardised latents.

    ``latent_mean`` and ``latent_std`` (one per channel) are measured on training frames once the weights are final.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 16,
        widths: tuple[int, ...] = (48, 96, 160, 256),
        encoder_blocks: tuple[int, ...] = (1, 1, 2, 2),
        decoder_blocks: tuple[int, ...] = (1, 1, 2, 2),
        latent_mean: tuple[float, ...] | None = None,
        latent_std: tuple[float, ...] | None = None,
        layout_widths: tuple[int, ...] = (24, 32, 48, 64),
        point_widths: tuple[int, ...] = (192, 192, 192, 64),
        finishing_blocks: int = 2,
        seam_width: int = 16,
        paint_width: int = 128,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(latent_channels, tuple(widths), tuple(encoder_blocks))
        self.decoder = Decoder(
            latent_channels,
            tuple(widths),
            tuple(decoder_blocks),
            tuple(layout_widths),
            tuple(point_widths),
            finishing_blocks,
            seam_width,
            paint_width,
        )
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

    def draw(self, raw: Tensor, told: ControlTensors | None = None) -> Tensor:
        """Raw latents (N, C, h, w) to small frames (N, 3, 16h, 16w), float32, not clipped; ``told`` holds the N layouts."""
        return self._paint(raw, told)[0]

    def draw_both(
        self, raw: Tensor, told: ControlTensors | None = None, past: Past | None = None
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`draw`, and the frames at twice that size (N, 3, 32h, 32w), float32, not clipped, which carry on ``past``."""
        drawing = self._drawing(raw, told)
        return drawing.small, composed(drawing, past)

    def _drawing(self, raw: Tensor, told: ControlTensors | None) -> Drawing:
        return self.decoder.enlarge(*self._paint(raw, told))

    def _paint(self, raw: Tensor, told: ControlTensors | None) -> tuple[Tensor, Tensor, Tensor]:
        """The decoder's picture is shifted, smoothly between cells, to the colours that the latents give its cells, as far as
        it believes them; then what told boxes show is painted over it.
        """
        learned, colour = raw[:, :-COLOUR_CHANNELS], _mixed(raw[:, -COLOUR_CHANNELS:].float(), RGB_FROM_YCC)
        layout = None if told is None else told.layout_planes().to(self.dtype)
        latents = learned.to(self.dtype).contiguous(memory_format=torch.channels_last)
        drawn, hidden, read, trust = self.decoder(latents, layout)
        shift = (colour - F.avg_pool2d(drawn.float(), CELL)) * trust
        smooth = F.interpolate(shift, scale_factor=float(CELL), mode="bilinear", align_corners=False)
        # From here on in planes: a CPU takes ten times as long to mix them with pixels whose channels lie side by side.
        small = drawn.to(torch.float32, memory_format=torch.contiguous_format) + smooth
        if told is not None and layout is not None:
            small = self.decoder.painter(small, hidden, read, layout, told.attribute_features().to(self.dtype))
        return small, hidden, read

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [-1, 1] to standardised latents (N, C, H/16, W/16), float32."""
        return (self.read(frames) - self.mean.float()) / self.std.float()

    def decode(self, latents: Tensor, told: ControlTensors | None = None) -> Tensor:
        """Standardised latents (N, C, h, w) to small frames (N, 3, 16h, 16w), clipped to [-1, 1], float32."""
        return self.draw(self.raw(latents), told).clamp(-1.0, 1.0)

    def drawing(self, latents: Tensor, told: ControlTensors | None = None) -> Drawing:
        """Standardised latents (N, C, h, w) to frames but for their last step, see :meth:`finished`."""
        return self._drawing(self.raw(latents), told)

    def finished(self, drawing: Drawing, past: Past | None = None) -> Tensor:
        """The frames of a drawing (N, 3, 32h, 32w), clipped to [-1, 1], float32, which carry on ``past``."""
        return composed(drawing, past).clamp(-1.0, 1.0)

    def raw(self, latents: Tensor) -> Tensor:
        """Standardised latents as the decoder takes them."""
        return latents.float() * self.std.float() + self.mean.float()


def _mixed(colours: Tensor, matrix: Tensor) -> Tensor:
    """Colours (N, 3, h, w) in another colour space."""
    return torch.einsum("kc,nchw->nkhw", matrix.to(colours.device), colours)
