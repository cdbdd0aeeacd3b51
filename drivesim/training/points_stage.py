"""Training what a decoder reads from single pixels of the layout, and paints by it, ahead of the decoder itself.

Which point of which body a pixel shows decides what is seen there, but for light and for colours that nobody told. A network
per pixel learns that thousands of times faster than a decoder does, of whose steps each sees a few crops.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce
from rich.progress import track
from torch import Tensor, nn

from drivesim.controls import ACTOR_CHANNELS, LAYOUT_SIZE, RASTER_CHANNELS, SCENERY_CHANNELS, Control
from drivesim.datasets.store import ClipStore
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, planes_named
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.decoder import FACE_PLANES, LIGHT
from drivesim.training.decoder_stage import OUTPUT_SIZE, clips_with_pictures, is_full_size, pictures_of, refuse_small
from drivesim.training.parts import Dtype, Parts, write_rows
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator

#: Pixels that are kept of a clip: of actors, of scenery, and of neither.
KEPT = (1536, 448, 64)
PIXELS = sum(KEPT)

#: Pixels of the picture along a pixel of the layout, and of them those that become one of the small picture's, which is painted.
BLOCK, HALF = OUTPUT_SIZE[0] // LAYOUT_SIZE[0], 2

#: Width of the layer that details are read off by.
DETAIL_WIDTH = 192

#: A pixel of an actor counts as so many of the rest.
ACTOR_WEIGHT = 4.0

#: Ridge of the refits, as a share of the features' mean square.
RIDGE = 1e-4

#: A painted pixel is right within this much of [-1, 1]; there the painter's share begins at the sigmoid of CERTAIN, else of -CERTAIN.
RIGHT_WITHIN, CERTAIN = 0.1, 2.0

NUM_PLANES = sum(len(planes) for planes in RASTER_CHANNELS.values())
#: Colours of the picture's pixels within one of the layout.
COLOURS = 3 * BLOCK**2
#: Columns of a kept pixel: planes of the layout, whether each raster is known, light, and colours.
COLUMNS = NUM_LAYOUT_PLANES + LIGHT + COLOURS
_ACTOR_SHADE = planes_named(Control.ACTORS, ("shade",))[0]


def kept_pixels(store: ClipStore, clip: int) -> np.ndarray:
    """Pixels of a clip's layout with what the picture shows there: uint8 (PIXELS, COLUMNS), drawn with the clip's own seed.

    A kind of pixel that there are too few of is drawn more than once; none at all leaves its share to the rest.
    """
    rng = np.random.default_rng([29, clip])
    frame = int(rng.integers(store.frames_per_clip)) if is_full_size(store) else 0
    (picture,) = pictures_of(store, clip, slice(frame, frame + 1))
    rasters = {kind: store.read(kind.value, clip, frame) for kind in RASTER_CHANNELS}
    is_actor = rasters[Control.ACTORS][ACTOR_CHANNELS.index("shade")] > 0
    is_scenery = (rasters[Control.SCENERY][SCENERY_CHANNELS.index("shade")] > 0) & ~is_actor
    groups = [np.flatnonzero(group) for group in (is_actor, is_scenery, ~is_actor & ~is_scenery)]
    chosen = [rng.choice(group, count) for group, count in zip(groups, KEPT, strict=True) if len(group)]
    places = np.concatenate(chosen)
    places = np.concatenate([places, rng.choice(places, PIXELS - len(places))])
    planes = np.concatenate(list(rasters.values())).reshape(NUM_PLANES, -1)[:, places].T
    known = [255 * int(store.gives(kind.value, clip)) for kind in RASTER_CHANNELS]
    attributes = np.asarray(store.read("attributes", clip, frame), np.float32)
    light = 255.0 * np.append(attributes, float(store.gives("attributes", clip)))
    shared = np.append(known, light.clip(0.0, 255.0).round()).astype(np.uint8)
    colours = _blocks(picture)[places]
    return np.concatenate([planes, np.broadcast_to(shared, (PIXELS, len(shared))), colours], axis=1)


def _blocks(picture: np.ndarray) -> np.ndarray:
    """Colours uint8 (pixels of the layout, COLOURS) of a picture (512, 1024, 3): red, green, blue, rows, columns."""
    return rearrange(picture, "(h a) (w b) c -> (h w) (c a b)", a=BLOCK, b=BLOCK)


def _halved(colours: Tensor) -> Tensor:
    """Colours (P, COLOURS) of the picture's pixels to those of the small one's, as the painter has them: (P, 12)."""
    return reduce(colours, "p (c a i b j) -> p (c a b)", "mean", c=3, i=HALF, j=HALF, a=BLOCK // HALF)


class PointBatches:
    """Pixels of clips, from a table that holds some of every clip."""

    def __init__(self, table: Path, count: int) -> None:
        self.table = np.load(table, mmap_mode="r")
        self.count = count

    def __len__(self) -> int:
        return len(self.table)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``pixels`` uint8 (N, P, COLUMNS)."""
        rows = []
        for draw in draws:
            chosen = draw_generator(31, draw.position).integers(0, PIXELS, self.count)
            rows.append(np.asarray(self.table[draw.sample])[chosen])
        return {"pixels": torch.from_numpy(np.stack(rows)), "position": torch.tensor([draw.position for draw in draws])}


class PointPainting(nn.Module):
    """A codec of whose decoder only the network per pixel and the painter learn.

    ``detail`` reads the full picture's pixels off the features, so that they hold what the decoder's last octave needs; it is
    for training only.
    """

    def __init__(self, codec: FrameCodec) -> None:
        super().__init__()
        self.codec = codec.requires_grad_(False)
        painter = codec.decoder.painter
        for part in (codec.decoder.layout.points, painter.points, painter.light, painter.paint):
            part.requires_grad_(True)
        width = codec.decoder.layout.point_width
        self.detail = nn.Sequential(
            nn.Linear(width + LIGHT, DETAIL_WIDTH), nn.ReLU(inplace=True), nn.Linear(DETAIL_WIDTH, COLOURS)
        )

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Colours in [-1, 1] of pixels (P, COLUMNS) in [0, 1]: as painted in the small picture (P, 12), and of the large one
        (P, COLOURS).
        """
        features = self.features(pixels)
        light = pixels[:, NUM_LAYOUT_PLANES : NUM_LAYOUT_PLANES + LIGHT].to(features.dtype)
        painted = self.codec.decoder.painter.colours(features[:, :, None, None], light)[:, :, 0, 0]
        return painted, self.detail(torch.cat([features, light], dim=1))

    def features(self, pixels: Tensor) -> Tensor:
        """Features (P, C) of pixels (P, COLUMNS) in [0, 1]."""
        planes = pixels[:, :NUM_LAYOUT_PLANES, None, None].to(self.codec.dtype)
        return self.codec.decoder.layout.point_features(planes)[:, :, 0, 0]


class PointsStage(Stage):
    """Trains the network per pixel and the painter of a finished codec's decoder, and refits what else reads the former."""

    part = "codec"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "float32",
        schedule: Schedule = Schedule(learning_rate=2e-3, warmup_steps=200, average_decay=0.99, weight_decay=1e-4),
        pixels: int = 512,
        untold_share: float = 0.1,
    ) -> None:
        """See the recipes; ``pixels`` are those of a sample, of ``untold_share`` of which the light is not told."""
        parts = Parts(Path(work), initial, dtype)
        codec = parts.finished("codec")
        before = copy.deepcopy(codec.decoder.layout.points)
        super().__init__(parts.placed(PointPainting(codec)).train(), parts, schedule)
        self.before = before.requires_grad_(False)
        self.pixels = pixels
        self.untold_share = untold_share

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Keep some pixels of every clip. Raises NothingToLearn for a store without pictures of the output's size."""
        refuse_small(store)
        file = self._table(store, folder.parent)
        if not file.exists():
            clips = track(clips_with_pictures(store), description="gathering pixels")
            write_rows(file, [kept_pixels(store, clip) for clip in clips])

    def batches(self, store: ClipStore, folder: Path) -> PointBatches:
        """Pixels of the store's clips."""
        return PointBatches(self._table(store, folder.parent), self.pixels)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """L1 between painted and true colours, and between those of the large picture."""
        pixels = batch["pixels"].flatten(0, 1).float() / 255.0
        told = torch.rand(len(pixels), 1, generator=generator) >= self.untold_share
        pixels[:, NUM_LAYOUT_PLANES : NUM_LAYOUT_PLANES + LIGHT] *= told.to(pixels.device)
        painted, detail = self.network(pixels)
        true = 2.0 * pixels[:, -COLOURS:] - 1.0
        error = _distance(painted, _halved(true)) + _distance(detail, true)
        weights = 1.0 + (ACTOR_WEIGHT - 1.0) * (pixels[:, _ACTOR_SHADE] > 0)
        return (weights * error).sum() / weights.sum()

    def example_batch(self, count: int) -> Batch:
        """Empty pixels."""
        return {
            "pixels": torch.zeros(count, self.pixels, COLUMNS, dtype=torch.uint8),
            "position": torch.zeros(count, dtype=torch.long),
        }

    @torch.no_grad()
    def finish(self, store: ClipStore) -> None:
        """Let the painter be heard where it is right, and refit the other layers that read the features: by least squares they see
        what they saw before, as far as the new features say it.
        """
        table = np.load(self._table(store, self.parts.work), mmap_mode="r")
        clips = np.linspace(0, len(table) - 1, min(len(table), 64)).astype(int)
        pixels = torch.from_numpy(np.concatenate([table[clip] for clip in clips])).float() / 255.0
        pixels = pixels[pixels[:, FACE_PLANES].any(dim=1)]
        layout = self.network.codec.decoder.layout
        after = self.network.features(pixels).float()
        error = _distance(self.network(pixels)[0], _halved(2.0 * pixels[:, -COLOURS:] - 1.0))
        learned, layout.points = layout.points, self.before
        before = self.network.features(pixels).float()
        layout.points = learned
        refit_readers(self.network.codec, after, before)
        open_gate(self.network.codec, after, error < RIGHT_WITHIN)

    def trained(self) -> nn.Module:
        """The codec."""
        return self.network.codec

    def _table(self, store: ClipStore, work: Path) -> Path:
        return work / "latents" / f"points-{len(store)}x{store.frames_per_clip}.npy"


def _distance(colours: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of each pixel's colours (P, C): (P,)."""
    return (colours.float() - true).abs().mean(1)


def refit_readers(codec: FrameCodec, after: Tensor, before: Tensor) -> None:
    """Let the layers that read the point features, but for the painter, make of ``after`` (P, C) what they made of ``before`` (P, B)."""
    fit = _least_squares(after, before)
    decoder: Any = codec.decoder
    for layer in (decoder.join[0], decoder.meet):
        told = layer.weight[:, -before.shape[1] :, 0, 0].float()
        layer.weight[:, -after.shape[1] :, 0, 0] = (told @ fit.T).to(layer.weight.dtype)


def open_gate(codec: FrameCodec, features: Tensor, right: Tensor) -> None:
    """Let the painter's share follow from the point ``features`` (P, C) whether what it paints is ``right`` (P,)."""
    wanted = torch.where(right, CERTAIN, -CERTAIN)
    fit = _least_squares(torch.cat([features, torch.ones(len(features), 1)], dim=1), wanted[:, None])[:, 0]
    painter: Any = codec.decoder.painter
    painter.gate_of_layout.weight.zero_()
    painter.gate_of_layout.weight[0, -features.shape[1] :, 0, 0] = fit[:-1].to(painter.gate_of_layout.weight.dtype)
    painter.gate_of_picture.bias.fill_(float(fit[-1]))


def _least_squares(told: Tensor, wanted: Tensor) -> Tensor:
    """The matrix (C, W) that makes ``wanted`` (P, W) of ``told`` (P, C), with a little ridge."""
    square = told.T @ told / len(told)
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square))
    return torch.linalg.solve(square + ridge, told.T @ wanted / len(told))
