"""Training what a decoder reads from single pixels of the layout, and paints by it, ahead of the decoder itself.

Which point of which body a pixel shows decides what is seen there, but for light and for colours that nobody told. A network
per pixel learns that thousands of times faster than a decoder does, of whose steps each sees a few crops.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, reduce, repeat
from rich.progress import track
from torch import Tensor, nn

from drivesim.controls import ACTOR_CHANNELS, BOX_CLASSES, LAYOUT_SIZE, RASTER_CHANNELS, SCENERY_CHANNELS, Control
from drivesim.datasets.store import ClipStore
from drivesim.models.conditioning_inputs import NUM_LAYOUT_PLANES, planes_named
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.decoder import FACE_PLANES, LIGHT
from drivesim.renderer.semantics import SEMANTIC_OF_CLASS, SEMANTIC_OF_THING
from drivesim.scenery import ThingKind
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

#: A painted pixel is right within this much of [-1, 1].
RIGHT_WITHIN = 0.1

#: What a body does not cover of its box counts so little for the painter, and for the details.
BESIDE_PAINTED, BESIDE_DETAIL = 0.05, 0.25

#: How much it counts whether the painter's share is open where it shows a body and is right.
GATE_WEIGHT = 0.3

NUM_PLANES = sum(len(planes) for planes in RASTER_CHANNELS.values())
#: Colours of the picture's pixels within one of the layout.
COLOURS = 3 * BLOCK**2
#: Shares of the pixels of the small picture within one of the layout that show the body of the box that is told there.
BODIES = (BLOCK // HALF) ** 2
#: Columns of a kept pixel: planes of the layout, whether each raster is known, light, shares of the body, and colours.
COLUMNS = NUM_LAYOUT_PLANES + LIGHT + BODIES + COLOURS
_ACTOR_CLASSES = BOX_CLASSES[Control.ACTORS]
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
    covered = rasters[Control.ACTORS][: len(_ACTOR_CLASSES)].reshape(len(_ACTOR_CLASSES), -1)
    likely = _classes_alike(covered[:, groups[0]]), None, None
    chosen = [
        rng.choice(group, count, p=chance)
        for group, count, chance in zip(groups, KEPT, likely, strict=True)
        if len(group)
    ]
    places = np.concatenate(chosen)
    places = np.concatenate([places, rng.choice(places, PIXELS - len(places))])
    planes = np.concatenate(list(rasters.values())).reshape(NUM_PLANES, -1)[:, places].T
    known = [255 * int(store.gives(kind.value, clip)) for kind in RASTER_CHANNELS]
    attributes = np.asarray(store.read("attributes", clip, frame), np.float32)
    light = 255.0 * np.append(attributes, float(store.gives("attributes", clip)))
    shared = np.append(known, light.clip(0.0, 255.0).round()).astype(np.uint8)
    bodies = bodies_of(rasters, store.read("semantic", clip, frame) if store.gives("semantic", clip) else None)
    shared = np.broadcast_to(shared, (PIXELS, len(shared)))
    return np.concatenate([planes, shared, bodies[places], _blocks(picture)[places]], axis=1)


def bodies_of(rasters: Mapping[Control, np.ndarray], semantic: np.ndarray | None) -> np.ndarray:
    """How much of each pixel of the small picture shows what the box told there is: uint8 (pixels of the layout, BODIES), by the
    semantic classes (H, W) of the picture; all of it where these are not known. A body does not fill its box.
    """
    actors, scenery = rasters[Control.ACTORS], rasters[Control.SCENERY]
    kinds = np.array([SEMANTIC_OF_THING[kind] for kind in ThingKind])
    number = np.round(scenery[SCENERY_CHANNELS.index("kind")] * (len(ThingKind) / 255.0)).astype(int) - 1
    told = np.where(scenery[SCENERY_CHANNELS.index("shade")] > 0, kinds[number], -1)
    classes = np.array([SEMANTIC_OF_CLASS[name] for name in _ACTOR_CLASSES])[
        actors[: len(_ACTOR_CLASSES)].argmax(axis=0)
    ]
    told = np.where(actors[ACTOR_CHANNELS.index("shade")] > 0, classes, told)
    if semantic is None:
        return np.repeat(255 * (told >= 0).astype(np.uint8).reshape(-1, 1), BODIES, axis=1)
    around = semantic.shape[0] // LAYOUT_SIZE[0]
    shown = rearrange(semantic, "(h a) (w b) -> (h w) a b", a=around, b=around) == told.reshape(-1, 1, 1)
    share = reduce(255.0 * shown, "p (a i) (b j) -> p (a b)", "mean", a=BLOCK // HALF, b=BLOCK // HALF)
    return np.asarray(share.round(), np.uint8)


def _classes_alike(shares: np.ndarray) -> np.ndarray:
    """How likely each pixel of actors is drawn (P,), by the ``shares`` (classes, P) that cover it: half of the pixels from all of
    them, half from each class alike, for a walker covers a hundredth of what a lorry does.
    """
    if not shares.shape[1]:
        return np.zeros(0)
    seen, which, counts = np.unique(shares.argmax(axis=0), return_inverse=True, return_counts=True)
    return 0.5 / shares.shape[1] + 0.5 / (len(seen) * counts[which])


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
        painter: Any = codec.decoder.painter
        for part in (codec.decoder.layout.points, painter.points, painter.light, painter.paint):
            part.requires_grad_(True)
        width = codec.decoder.layout.point_width
        self.detail = nn.Sequential(
            nn.Linear(width + LIGHT, DETAIL_WIDTH), nn.ReLU(inplace=True), nn.Linear(DETAIL_WIDTH, COLOURS)
        )
        self.gate = nn.Linear(width, 1)
        with torch.no_grad():
            self.gate.weight.copy_(painter.gate_of_layout.weight[:, -width:, 0, 0])
            self.gate.bias.copy_(painter.gate_of_picture.bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colours in [-1, 1] of pixels (P, COLUMNS) in [0, 1]: as painted in the small picture (P, 12), and of the large one
        (P, COLOURS); then the painter's share before its sigmoid (P,).
        """
        features = self.features(pixels)
        light = pixels[:, NUM_LAYOUT_PLANES : NUM_LAYOUT_PLANES + LIGHT].to(features.dtype)
        painted = self.codec.decoder.painter.colours(features[:, :, None, None], light)[:, :, 0, 0]
        return painted, self.detail(torch.cat([features, light], dim=1)), self.gate(features)[:, 0]

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
        """L1 between painted and true colours, and between those of the large picture, where a body is seen; and whether the painter's
        share is open where it shows a body and is right (cross entropy). Beside a body its box shows what is behind, which nothing told
        says: learned too, it was painted into the box as a ghost.
        """
        pixels = batch["pixels"].flatten(0, 1).float() / 255.0
        told = torch.rand(len(pixels), 1, generator=generator) >= self.untold_share
        pixels[:, NUM_LAYOUT_PLANES : NUM_LAYOUT_PLANES + LIGHT] *= told.to(pixels.device)
        painted, detail, gate = self.network(pixels)
        true = 2.0 * pixels[:, -COLOURS:] - 1.0
        body = pixels[:, -COLOURS - BODIES : -COLOURS]
        error = _distance(painted, _halved(true), body, BESIDE_PAINTED)
        is_right = (_distance(painted.detach(), _halved(true), body, 0.0) < RIGHT_WITHIN).float()
        error = error + _distance(detail, true, body, BESIDE_DETAIL)
        wanted = body.mean(dim=1) * is_right
        error = error + GATE_WEIGHT * F.binary_cross_entropy_with_logits(gate.float(), wanted, reduction="none")
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
        """Give the painter the share that was learned, and refit the other layers that read the features: by least squares they see what
        they saw before, as far as the new features say it.
        """
        table = np.load(self._table(store, self.parts.work), mmap_mode="r")
        clips = np.linspace(0, len(table) - 1, min(len(table), 64)).astype(int)
        pixels = torch.from_numpy(np.concatenate([table[clip] for clip in clips])).float() / 255.0
        pixels = pixels[pixels[:, FACE_PLANES].any(dim=1)]
        layout = self.network.codec.decoder.layout
        after = self.network.features(pixels).float()
        learned, layout.points = layout.points, self.before
        before = self.network.features(pixels).float()
        layout.points = learned
        refit_readers(self.network.codec, after, before)
        give_gate(self.network)

    def trained(self) -> nn.Module:
        """The codec."""
        return self.network.codec

    def _table(self, store: ClipStore, work: Path) -> Path:
        return work / "latents" / f"points-{COLUMNS}-{len(store)}x{store.frames_per_clip}.npy"


def _distance(colours: Tensor, true: Tensor, body: Tensor, beside: float) -> Tensor:
    """Mean absolute difference of each pixel's colours (P, C): (P,), where the ``body`` (P, BODIES) covers them; beside it they count
    ``beside``.
    """
    within = round(math.sqrt(colours.shape[1] / (3 * BODIES)))
    counts = repeat(
        beside + (1.0 - beside) * body, "p (a b) -> p (c a i b j)", a=BLOCK // HALF, c=3, i=within, j=within
    )
    return ((colours.float() - true).abs() * counts).sum(1) / counts.sum(1).clamp(min=1.0)


def refit_readers(codec: FrameCodec, after: Tensor, before: Tensor) -> None:
    """Let the layers that read the point features, but for the painter, make of ``after`` (P, C) what they made of ``before`` (P, B)."""
    fit = _least_squares(after, before)
    decoder: Any = codec.decoder
    for layer in (decoder.join[0], decoder.meet):
        told = layer.weight[:, -before.shape[1] :, 0, 0].float()
        layer.weight[:, -after.shape[1] :, 0, 0] = (told @ fit.T).to(layer.weight.dtype)


def give_gate(network: PointPainting) -> None:
    """Let the painter's share be what was learned of it by the point features alone."""
    painter: Any = network.codec.decoder.painter
    width = network.gate.in_features
    for layer in (painter.gate_of_layout, painter.gate_of_picture):
        layer.weight.zero_()
    painter.gate_of_layout.weight[0, -width:, 0, 0] = network.gate.weight[0].to(painter.gate_of_layout.weight.dtype)
    painter.gate_of_picture.bias.copy_(network.gate.bias)


def _least_squares(told: Tensor, wanted: Tensor) -> Tensor:
    """The matrix (C, W) that makes ``wanted`` (P, W) of ``told`` (P, C), with a little ridge."""
    square = told.T @ told / len(told)
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square))
    return torch.linalg.solve(square + ridge, told.T @ wanted / len(told))
