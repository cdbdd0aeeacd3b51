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

from itertools import pairwise

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from drivesim.models.carry import Past
from drivesim.models.video_ldm.conditioning_inputs import NUM_LAYOUT_PLANES, ControlTensors

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


#: Most that the frame before may count in a picture: what is wrong in it fades within a second. With a free share, and a
#: network that saw the frame before, more than nine tenths were carried on, and seconds of video became streaks.
LARGEST_SHARE = 0.72

#: The frame before is held to the colours that the new one has within a few pixels, give or take this much of [-1, 1].
PAST_LEEWAY = 0.1


class LayoutReader(nn.Module):
    """Planes of the layout (N, 35, 8h, 8w) to features at the sizes of the decoder's levels, the finest first."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(NUM_LAYOUT_PLANES, widths[0], 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[0], widths[0], 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.down = nn.ModuleList(
            [nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)]
        )

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Features (N, widths[k], 8h / 2^k, 8w / 2^k)."""
        features = [self.stem(planes)]
        for layer in self.down:
            features.append(torch.relu(layer(features[-1])))
        return features


class Seams(nn.Module):
    """A residual across the seams of a last octave that is drawn in blocks of 4x4 pixels, each by its own feature alone.

    It works on 16 planes at half of the size, which costs a CPU a fiftieth of the decoder. Untrained, it changes nothing.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(16, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, 16, 3, padding=1)
        )
        nn.init.zeros_(self.body[2].weight)
        nn.init.zeros_(self.body[2].bias)

    def forward(self, drawn: Tensor) -> Tensor:
        """(N, 4, H, W) to the same shape."""
        folded = F.pixel_unshuffle(drawn, 2).contiguous(memory_format=torch.channels_last)
        return drawn + F.pixel_shuffle(self.body(folded), 2)


class Decoder(nn.Module):
    """Raw latents (N, latent_channels, h, w), layout and past to frames: first (N, 3, 16h, 16w), then twice that size.

    The layout is read at an eighth of the cells' spacing and joins every level (what a UNet's skips are), so edges of boxes and
    lane paint need not come through the latents. All that joins begins at zero: untrained, it says nothing. What is told
    enters as planes with their flags, so any raster may be absent; with nothing at all the reader is left out. The last octave
    is a residual over bilinear enlargement. The past, which is the frame before moved to its new place, is blended in by a
    learned share and held to the colours around, as temporal anti-aliasing does (Karis 2014; Video LDM has a temporally
    aligned diffusion upsampler there). The network itself does not see the past: it copied it.
    """

    def __init__(
        self,
        latent_channels: int,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        layout_widths: tuple[int, ...],
        finishing_blocks: int,
        seam_width: int,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(latent_channels, widths[-1], 3, padding=1)
        self.levels = nn.ModuleList(
            [
                nn.Sequential(*[CodecBlock(width) for _ in range(count)])
                for width, count in zip(widths, blocks, strict=True)
            ]
        )
        self.grow = nn.ModuleList([nn.Conv2d(coarse, 4 * fine, 1) for fine, coarse in pairwise(widths)])
        self.small = nn.Conv2d(widths[0], 12, 3, padding=1)
        self.trust = nn.Conv2d(widths[-1], 1, 1)
        self.layout = LayoutReader(layout_widths)
        self.join = nn.ModuleList(
            [nn.Conv2d(theirs, mine, 1, bias=False) for theirs, mine in zip(layout_widths, widths, strict=True)]
        )
        self.meet = nn.Conv2d(12 + widths[0] + layout_widths[0], widths[0], 3, padding=1)
        self.finish = nn.Sequential(*[CodecBlock(widths[0]) for _ in range(finishing_blocks)])
        self.large = nn.Conv2d(widths[0], 48 + 16, 3, padding=1)
        self.seams = Seams(seam_width)
        for layer in (*self.join, self.large, self.trust):
            nn.init.zeros_(layer.weight)
        with torch.no_grad():
            self.large.bias.zero_()
            self.large.bias[48:] = -3.0
            self.trust.bias.fill_(3.0)

    def forward(self, latents: Tensor, layout: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor | float]:
        """The small picture (N, 3, 16h, 16w), not clipped, two sets of features at half its size for :meth:`enlarge`, and how
        far a cell's colour is to be believed (N, 1, h, w), 0 to 1: where a layout contradicts it, the layout may be right.
        """
        told = None if layout is None else self.layout(layout.contiguous(memory_format=torch.channels_last))
        hidden = torch.relu(self.enter(latents))
        trust: Tensor | float = 1.0
        for level in reversed(range(len(self.levels))):
            if told is not None:
                hidden = hidden + self.join[level](told[level])
            hidden = self.levels[level](hidden)
            if level + 1 == len(self.levels) and told is not None:
                trust = torch.sigmoid(self.trust(hidden).float())
            if level > 0:
                hidden = torch.relu(F.pixel_shuffle(self.grow[level - 1](hidden), 2))
        read = hidden.new_zeros(len(hidden), self._layout_width, *hidden.shape[-2:]) if told is None else told[0]
        return F.pixel_shuffle(self.small(hidden), 2), hidden, read, trust

    def enlarge(self, small: Tensor, hidden: Tensor, read: Tensor, past: Past | None = None) -> Tensor:
        """The picture at twice the size (N, 3, 32h, 32w), float32, not clipped; ``small`` float32, as it was corrected."""
        folded = F.pixel_unshuffle(small.clamp(-1.0, 1.0).to(hidden.dtype), 2)
        met = torch.cat([folded, hidden, read], dim=1).contiguous(memory_format=torch.channels_last)
        drawn = self.seams(F.pixel_shuffle(self.large(self.finish(torch.relu(self.meet(met)))), 4)).float()
        picture = F.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False) + drawn[:, :3]
        if past is None:
            return picture
        seen = F.interpolate(past.seen.float(), scale_factor=4.0, mode="nearest")
        share = LARGEST_SHARE * torch.sigmoid(drawn[:, 3:]) * seen
        return picture + share * (_held(past.picture.float(), small) - picture)

    def beyond_small(self) -> list[nn.Module]:
        """What the small picture does not need where nothing is told."""
        return [self.layout, self.join, self.meet, self.finish, self.large, self.seams, self.trust]

    @property
    def _layout_width(self) -> int:
        return self.meet.in_channels - 12 - self.small.in_channels


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
        layout_widths: tuple[int, ...] = (24, 32, 48, 64),
        finishing_blocks: int = 3,
        seam_width: int = 16,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(latent_channels, tuple(widths), tuple(encoder_blocks))
        self.decoder = Decoder(
            latent_channels,
            tuple(widths),
            tuple(decoder_blocks),
            tuple(layout_widths),
            finishing_blocks,
            seam_width,
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
        small, hidden, read = self._paint(raw, told)
        return small, self.decoder.enlarge(small, hidden, read, past)

    def _paint(self, raw: Tensor, told: ControlTensors | None) -> tuple[Tensor, Tensor, Tensor]:
        """The decoder's picture is shifted, smoothly between cells, to the colours that the latents give its cells, as far as
        it believes them.
        """
        learned, colour = raw[:, :-COLOUR_CHANNELS], _mixed(raw[:, -COLOUR_CHANNELS:].float(), RGB_FROM_YCC)
        layout = None if told is None else told.layout_planes().to(self.dtype)
        latents = learned.to(self.dtype).contiguous(memory_format=torch.channels_last)
        drawn, hidden, read, trust = self.decoder(latents, layout)
        shift = (colour - F.avg_pool2d(drawn.float(), CELL)) * trust
        smooth = F.interpolate(shift, scale_factor=float(CELL), mode="bilinear", align_corners=False)
        return drawn.float() + smooth, hidden, read

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (N, 3, H, W) in [-1, 1] to standardised latents (N, C, H/16, W/16), float32."""
        return (self.read(frames) - self.mean.float()) / self.std.float()

    def decode(self, latents: Tensor, told: ControlTensors | None = None) -> Tensor:
        """Standardised latents (N, C, h, w) to small frames (N, 3, 16h, 16w), clipped to [-1, 1], float32."""
        return self.draw(self.raw(latents), told).clamp(-1.0, 1.0)

    def render(self, latents: Tensor, told: ControlTensors | None = None, past: Past | None = None) -> Tensor:
        """Standardised latents (N, C, h, w) to frames (N, 3, 32h, 32w), clipped to [-1, 1], float32."""
        return self.draw_both(self.raw(latents), told, past)[1].clamp(-1.0, 1.0)

    def raw(self, latents: Tensor) -> Tensor:
        """Standardised latents as the decoder takes them."""
        return latents.float() * self.std.float() + self.mean.float()


def _held(past: Tensor, small: Tensor) -> Tensor:
    """A past picture (N, 3, 2H, 2W) within the colours of the small new one (N, 3, H, W) around each place."""
    around = small.detach()
    # Of every two by two places at once, which takes a CPU a quarter of the time.
    highest = F.max_pool2d(around, 6, stride=2, padding=2) + PAST_LEEWAY
    lowest = -F.max_pool2d(-around, 6, stride=2, padding=2) - PAST_LEEWAY
    bounds = [F.interpolate(each, scale_factor=4.0, mode="nearest") for each in (lowest, highest)]
    return torch.minimum(torch.maximum(past, bounds[0]), bounds[1])


def _mixed(colours: Tensor, matrix: Tensor) -> Tensor:
    """Colours (N, 3, h, w) in another colour space."""
    return torch.einsum("kc,nchw->nkhw", matrix.to(colours.device), colours)
