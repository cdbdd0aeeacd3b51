"""The decoder: latents, the layout that is told and the frame before to frames of twice the encoder's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.controls import (
    ATTRIBUTE_CHANNELS,
    BOX_CLASSES,
    EXIT_CHANNELS,
    FIGURE_CHANNELS,
    POINT_CHANNELS,
    Control,
)
from drivesim.models.carry import Past
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, planes_named
from drivesim.models.video_ldm.blocks import CodecBlock

#: Most that the frame before may count in a picture: what is wrong in it fades within a second. With a free share, and a
#: network that saw the frame before, more than nine tenths were carried on, and seconds of video became streaks.
LARGEST_SHARE = 0.72

#: Rows of the small picture that are made to the large one at a time.
STRIP = 32

#: The frame before is held to the colours that the new one has within a few pixels, give or take this much of [-1, 1].
PAST_LEEWAY = 0.1


#: The planes that say which point of a box is seen and where the ray leaves it, and how many triangle waves of each are told,
#: each twice as fine.
SHARE_PLANES = planes_named(Control.SCENERY, (*POINT_CHANNELS, *EXIT_CHANNELS, "bay", "storey")) + planes_named(
    Control.ACTORS, (*POINT_CHANNELS, *EXIT_CHANNELS)
)
NUM_WAVES = 4

#: Planes that say where the limbs of walkers and riders are; they may leave their box.
FIGURE_PLANES = planes_named(Control.ACTORS, FIGURE_CHANNELS)

#: Planes that are zero where neither a box nor a figure is seen.
FACE_PLANES = (
    *planes_named(Control.SCENERY, ("shade",)),
    *planes_named(Control.ACTORS, ("shade",)),
    *FIGURE_PLANES,
)

#: Planes that say how much of a pixel is covered by boxes and figures.
COVER_PLANES = (
    *(plane for kind, classes in BOX_CLASSES.items() for plane in planes_named(kind, classes)),
    *FIGURE_PLANES,
)

#: Numbers that say what light a frame is in: its attributes, and whether they are told.
LIGHT = len(ATTRIBUTE_CHANNELS) + 1

#: Where the painter's share begins, before the sigmoid.
UNTRAINED_GATE = -3.0


class LayoutReader(nn.Module):
    """Planes of the layout (N, 57, 8h, 8w) to features at the sizes of the decoder's levels, the finest first.

    Where on a box a pixel lies says what is seen there only together with class and face (a window, a lamp, a wheel). A
    network per pixel reads that where boxes are, and its features join the finest of the others; elsewhere they are zero. It is
    given waves of every share as well: without, such networks learn sharp borders slowly (Tancik et al. 2020, who feed sines;
    triangles cost a CPU less).
    """

    def __init__(self, widths: tuple[int, ...], point_widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(NUM_LAYOUT_PLANES, widths[0], 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[0], widths[0], 3, padding=1),
            nn.ReLU(inplace=True),
        )
        sizes = (NUM_LAYOUT_PLANES + len(SHARE_PLANES) * NUM_WAVES, *point_widths)
        layers = [[nn.Linear(before, after), nn.ReLU(inplace=True)] for before, after in pairwise(sizes)]
        self.points = nn.Sequential(*[part for layer in layers for part in layer])
        self.point_width = point_widths[-1]
        self.down = nn.ModuleList(
            [nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)]
        )

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Features (N, widths[k], 8h / 2^k, 8w / 2^k), the finest with those of the points behind them."""
        features = [self.stem(planes)]
        for layer in self.down:
            features.append(torch.relu(layer(features[-1])))
        features[0] = torch.cat([features[0], self.point_features(planes)], dim=1)
        return features

    def point_features(self, planes: Tensor) -> Tensor:
        """What each pixel of the planes (N, 57, H, W) says by itself, zero where it shows no box: (N, point_width, H, W)."""
        count, _, height, width = planes.shape
        pixels = planes.permute(0, 2, 3, 1).flatten(0, 2)
        shown = (pixels[:, FACE_PLANES] > 0.0).any(dim=1).nonzero()[:, 0]
        read = self.points(with_waves(pixels[shown]))
        features = read.new_zeros(len(pixels), self.point_width).index_copy(0, shown, read)
        return features.reshape(count, height, width, -1).permute(0, 3, 1, 2)


def with_waves(pixels: Tensor) -> Tensor:
    """The layout's planes of pixels (P, 57) and triangle waves in [0, 1] of the shares among them, (P, 57 + 56)."""
    waves = [pixels[:, SHARE_PLANES]]
    for _ in range(NUM_WAVES):
        waves.append((2.0 * waves[-1] - 1.0).abs())  # folded once more, twice as often
    return torch.cat([pixels, *waves[1:]], dim=1)


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

    def forward(self, blocks: Tensor) -> Tensor:
        """Blocks of four planes (N, 4 * 4 * 4, H, W), as for two pixel shuffles by two, to those planes before the second one:
        (N, 4 * 4, 2H, 2W). Between the two the blocks' quarters meet.
        """
        folded = F.pixel_shuffle(blocks, 2)
        return folded + self.body(folded)


class Painter(nn.Module):
    """What told boxes show at twice the size of the layout, by the features of their points and the light that is told.

    Where nothing was seen of a vehicle, the latents are a guess at its windows and lamps that follows no edge. What box, body and
    ray decide needs no guess: it is painted over the picture, by a learned share: beside a body its box shows what is behind.
    """

    def __init__(self, hidden: int, read: int, points: int, width: int) -> None:
        super().__init__()
        self.points = nn.Conv2d(points, width, 1)
        self.light = nn.Linear(LIGHT, width, bias=False)
        self.paint = nn.Conv2d(width, 12, 1)
        self.gate_of_picture = nn.Conv2d(hidden, 1, 1)
        self.gate_of_layout = nn.Conv2d(read, 1, 1, bias=False)
        for layer in (self.gate_of_picture, self.gate_of_layout):
            nn.init.zeros_(layer.weight)
        nn.init.constant_(self.gate_of_picture.bias, UNTRAINED_GATE)

    def colours(self, points: Tensor, light: Tensor) -> Tensor:
        """Colours in [-1, 1] of the two by two pixels that each pixel of the layout covers, (N, 3 * 2 * 2, H, W), by its
        ``points`` (N, C, H, W) and the ``light`` (N, LIGHT) of the frame.
        """
        return self.paint(torch.relu(self.points(points) + self.light(light)[:, :, None, None]))

    def forward(self, small: Tensor, hidden: Tensor, read: Tensor, planes: Tensor, light: Tensor) -> Tensor:
        """The small picture (N, 3, 2H, 2W), float32, with what told boxes show; ``planes`` (N, 57, H, W) are the layout."""
        painted = F.pixel_shuffle(self.colours(read[:, -self.points.in_channels :], light), 2)
        cover = planes[:, COVER_PLANES].sum(dim=1, keepdim=True).clamp(0.0, 1.0)
        share = torch.sigmoid(self.gate_of_picture(hidden) + self.gate_of_layout(read)) * cover
        share = F.interpolate(share.float(), scale_factor=2.0, mode="nearest")
        return torch.lerp(small, painted.to(torch.float32, memory_format=torch.contiguous_format), share)


@dataclass(frozen=True, eq=False)
class Drawing:
    """Frames but for their last step, :func:`composed`, which is the only one that needs the frame before.

    ``small`` (N, 3, H, W), float32, is the small picture, not clipped; ``planes`` (N, 16, H, W) are the decoder's last.
    """

    small: Tensor
    planes: Tensor


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
        point_widths: tuple[int, ...],
        finishing_blocks: int,
        seam_width: int,
        paint_width: int,
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
        self.layout = LayoutReader(layout_widths, point_widths)
        read = (layout_widths[0] + point_widths[-1], *layout_widths[1:])
        self.join = nn.ModuleList(
            [nn.Conv2d(theirs, mine, 1, bias=False) for theirs, mine in zip(read, widths, strict=True)]
        )
        self.meet = nn.Conv2d(12 + widths[0] + read[0], widths[0], 1)
        self.finish = nn.Sequential(*[CodecBlock(widths[0]) for _ in range(finishing_blocks)])
        self.large = nn.Conv2d(widths[0], 48 + 16, 3, padding=1)
        self.seams = Seams(seam_width)
        self.painter = Painter(widths[0], read[0], point_widths[-1], paint_width)
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

    def enlarge(self, small: Tensor, hidden: Tensor, read: Tensor) -> Drawing:
        """What becomes the picture at twice the size; ``small`` (N, 3, 16h, 16w), float32, as it was corrected."""
        folded = F.pixel_unshuffle(small.clamp(-1.0, 1.0).to(hidden.dtype), 2)
        met = torch.cat([folded.contiguous(memory_format=torch.channels_last), hidden, read], dim=1)
        return Drawing(small, self.seams(self.large(self.finish(torch.relu(self.meet(met))))))

    def beyond_small(self) -> list[nn.Module]:
        """What the small picture does not need where nothing is told."""
        return [self.layout, self.join, self.meet, self.finish, self.large, self.seams, self.trust, self.painter]

    @property
    def _layout_width(self) -> int:
        return self.meet.in_channels - 12 - self.small.in_channels


def composed(drawing: Drawing, past: Past | None) -> Tensor:
    """The picture at twice the size of the small one, (N, 3, 2H, 2W), float32, not clipped, which carries on ``past``."""
    height = drawing.small.shape[-2]
    if torch.is_grad_enabled():
        return _composed_rows(drawing, past, range(height))
    # Strips stay in a CPU's cache, which halves the time; the arithmetic is the same.
    strips = [range(top, min(top + STRIP, height)) for top in range(0, height, STRIP)]
    return torch.cat([_composed_rows(drawing, past, rows) for rows in strips], dim=-2)


def _composed_rows(drawing: Drawing, past: Past | None, rows: range) -> Tensor:
    """What becomes of ``rows`` of the small picture; they begin and end at multiples of four."""
    small = drawing.small
    drawn = F.pixel_shuffle(drawing.planes[:, :, rows.start : rows.stop], 2)
    drawn = drawn.to(torch.float32, memory_format=torch.contiguous_format)
    # Beyond the strip lies what its borders are mixed with and held to.
    above, below = min(4, rows.start), min(4, small.shape[-2] - rows.stop)
    near = small[:, :, rows.start - above : rows.stop + below].contiguous()
    inner = slice(2 * above, 2 * (above + len(rows)))
    picture = F.interpolate(near, scale_factor=2.0, mode="bilinear", align_corners=False)[:, :, inner] + drawn[:, :3]
    if past is None:
        return picture
    seen = past.seen[:, :, rows.start // 2 : rows.stop // 2].float()
    seen = F.interpolate(LARGEST_SHARE * seen, scale_factor=4.0, mode="nearest")
    lowest, highest = (bound[:, :, inner] for bound in _bounds(near))
    held = torch.clamp(past.picture[:, :, 2 * rows.start : 2 * rows.stop].float(), lowest, highest)
    return torch.lerp(picture, held, torch.sigmoid(drawn[:, 3:]) * seen)


def _bounds(small: Tensor) -> tuple[Tensor, Tensor]:
    """Within what a past picture is held: the least and greatest colours of the small new one (N, 3, H, W) around each place,
    give or take PAST_LEEWAY, at twice its size.
    """
    around = small.detach()
    highest = _around(around, torch.maximum) + PAST_LEEWAY
    lowest = _around(around, torch.minimum) - PAST_LEEWAY
    lowest, highest = (F.interpolate(each, scale_factor=4.0, mode="nearest") for each in (lowest, highest))
    return lowest, highest


def _around(picture: Tensor, most: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The greatest (or least, by ``most``) of the 6x6 pixels around every two by two of a picture: (N, C, H, W) to half of it.

    As a pooling, which takes a CPU twenty times as long.
    """
    pairs = most(picture[..., ::2, :], picture[..., 1::2, :])
    two = F.pad(most(pairs[..., ::2], pairs[..., 1::2]), (1, 1, 1, 1), mode="replicate")
    rows = most(most(two[..., :-2, :], two[..., 1:-1, :]), two[..., 2:, :])
    return most(most(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
