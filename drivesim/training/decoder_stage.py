"""Training the decoder behind the finished encoder, told the layout, up to the full size of the pictures.

It learns from what it will get: the encoder's latents, the same with noise, and what the image LDM makes of them. Latents
stay as they are, so the diffusion parts stay valid (as GameNGen trains its decoder).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from drivesim.clip import tensor_to_frames
from drivesim.controls import ATTRIBUTE_CHANNELS, RASTER_CHANNELS
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.carry import Past, carried
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.codec import CELL, COLOUR_CHANNELS
from drivesim.training.codec_stage import pixel_weights
from drivesim.training.estimates import prepare_estimates
from drivesim.training.image_stage import FRAME_CONTROLS, frame_controls
from drivesim.training.latents import LatentClips, latent_grid, load_latents, prepare_latents
from drivesim.training.parts import Dtype, Parts, encoder_hash, network_hash
from drivesim.training.reconstruction import grid_error, psnr_db, reconstruction_loss
from drivesim.training.schedule import Schedule, require
from drivesim.training.stage import Batch, NothingToLearn, Stage
from drivesim.training.stream import Draw, draw_generator

#: Share of the clips whose second frame carries on the true first one, as behind a start frame from elsewhere.
BEGINS_TRUE = 0.3

#: Crops of which the one with the most small things and paint is taken, half of the time: much of a road scene is sky.
CANDIDATES = 3

#: Height and width of what the decoder draws.
OUTPUT_SIZE = (512, 1024)

RASTERS = tuple(kind.value for kind in RASTER_CHANNELS)


class DecoderBatches:
    """Crops of clips at full size: latents of one kind or another, layout and flow, and the pictures.

    A store of full-size frames gives clips of up to ``num_frames`` frames; one of half-size frames gives the first frame of
    each sample that has a large picture.
    """

    def __init__(
        self,
        clips: LatentClips,
        estimates: np.ndarray | None,
        *,
        crop: tuple[int, int],
        num_frames: int,
        estimated_share: float,
    ) -> None:
        self.clips, self.store = clips, clips.store
        self.is_full = is_full_size(self.store)
        self.num_frames = min(num_frames, self.store.frames_per_clip) if self.is_full else 1
        self.samples = clips_with_pictures(self.store)
        self.estimates = estimates
        self.crop = crop
        self.cells = crop[0] // CELL, crop[1] // CELL
        self.estimated_share = 0.0 if estimates is None else estimated_share
        self.weights = pixel_weights()
        self.size = latent_grid(self.store)
        if crop[0] > self.size[0] * CELL or crop[1] > self.size[1] * CELL or crop[0] % CELL or crop[1] % CELL:
            raise InputError(
                f"model.crop {crop[0]}x{crop[1]}: expected multiples of {CELL} within {self.size[0] * CELL}x"
                f"{self.size[1] * CELL}, half the size of the pictures"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``latents`` (N, T, C, h, w), rasters and ``flow`` (N, T, ..., 8h, 8w) with flags (N,), ``pictures`` (N, T, 3, 32h,
        32w) in [-1, 1] and ``weights`` (N, T, 1, 32h, 32w); ``is_estimate`` (N,) bool.
        """
        rows = [self._row(draw) for draw in draws]
        batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
        pictures = rearrange(batch["pictures"], "n t h w c -> n t c h w").float() / 127.5 - 1.0
        return {**batch, "pictures": pictures, "position": torch.tensor([draw.position for draw in draws])}

    def _row(self, draw: Draw) -> dict[str, np.ndarray]:
        rng = draw_generator(23, draw.position)
        sample = int(self.samples[draw.sample])
        cells = self.cells
        first = int(rng.integers(0, self.store.frames_per_clip - self.num_frames + 1)) if self.is_full else 0
        frames = slice(first, first + self.num_frames)
        top, left = self._corner(rng, sample, first)

        def cut(array: np.ndarray, pixels: int) -> np.ndarray:
            """The crop of an array (T, ..., H, W) that has ``pixels`` pixels along a cell."""
            rows = slice(top * pixels, (top + cells[0]) * pixels)
            return np.ascontiguousarray(array[..., rows, left * pixels : (left + cells[1]) * pixels])

        is_estimate = rng.uniform() < self.estimated_share
        latents = self.clips.read("latents", sample, frames)
        if is_estimate and self.estimates is not None:
            latents = self.estimates[sample, frames]
        row = {
            "latents": cut(latents, 1).astype(np.float32),
            "pictures": np.moveaxis(cut(np.moveaxis(pictures_of(self.store, sample, frames), -1, 1), 2 * CELL), 1, -1),
            "weights": self._weights(sample, frames, cut),
            "is_estimate": np.asarray(is_estimate),
            "flow": cut(self.store.read("flow", sample, frames).astype(np.float32), CELL // 2),
            "flow_given": np.asarray(float(self.store.gives("flow", sample)), np.float32),
        }
        for name in RASTERS:
            row[name] = cut(self.store.read(name, sample, frames), CELL // 2)
        row["attributes"] = np.asarray(self.store.read("attributes", sample, frames), np.float32)
        for name in FRAME_CONTROLS:
            row[f"{name}_given"] = np.asarray(float(self.store.gives(name, sample)), np.float32)
        return row

    def _corner(self, rng: np.random.Generator, sample: int, frame: int) -> tuple[int, int]:
        """The upper left cell of a crop: at random, and for half of the crops the one of a few that has most to learn from."""
        most = [have - want for have, want in zip(self.size, self.cells, strict=True)]
        corners = rng.integers(0, np.add(most, 1), size=(CANDIDATES, 2)).tolist()
        if rng.uniform() < 0.5 or not self.store.gives("semantic", sample):
            return corners[0][0], corners[0][1]
        semantic = self.store.read("semantic", sample, frame)
        pixels = semantic.shape[0] // self.size[0]
        coarse = self.weights[semantic[:: pixels // 4, :: pixels // 4]]

        def worth(corner: list[int]) -> float:
            top, left = (4 * cell for cell in corner)
            return float(coarse[top : top + 4 * self.cells[0], left : left + 4 * self.cells[1]].sum())

        top, left = max(corners, key=worth)
        return top, left

    def _weights(self, sample: int, frames: slice, cut: Any) -> np.ndarray:
        """Weights (T, 1, 32h, 32w) of the crop's pixels."""
        if not self.store.gives("semantic", sample):
            return np.ones((self.num_frames, 1, 2 * self.crop[0], 2 * self.crop[1]), np.float32)
        semantic = self.store.read("semantic", sample, frames)
        if self.is_full:
            return self.weights[cut(semantic, 2 * CELL)][:, None]
        return self.weights[cut(semantic, CELL).repeat(2, axis=-2).repeat(2, axis=-1)][:, None]


def is_full_size(store: ClipStore) -> bool:
    """Whether a store's frames have the size of the output: the codec then sees them halved."""
    return (store.layout.height, store.layout.width) == OUTPUT_SIZE


def clips_with_pictures(store: ClipStore) -> list[int]:
    """The clips that have pictures of the output's size."""
    return [clip for clip in range(len(store)) if is_full_size(store) or store.gives("large", clip)]


def pictures_of(store: ClipStore, clip: int, frames: slice) -> np.ndarray:
    """Pictures uint8 (T, 512, 1024, 3) of such a clip's frames; of a store of half-size frames the one of the first frame."""
    return store.read("rgb", clip, frames) if is_full_size(store) else store.read("large", clip)[None]


def refuse_small(store: ClipStore) -> None:
    """Raise NothingToLearn when a store has neither frames of the output's size nor large pictures."""
    if not is_full_size(store) and not store.has("large"):
        raise NothingToLearn(
            f"{store.info.url}: frames of {store.layout.height}x{store.layout.width} and no large pictures; the decoder "
            f"learns from {OUTPUT_SIZE[0]}x{OUTPUT_SIZE[1]}. Pack with --height {OUTPUT_SIZE[0]} --width {OUTPUT_SIZE[1]}"
        )


@dataclass(frozen=True, eq=False)
class DrawnFrame:
    """One frame of a batch while training: ``large`` (N, 3, 32h, 32w), what was told of it, and its loss."""

    large: Tensor
    layout: ControlTensors | None
    loss: Tensor


@dataclass(frozen=True, kw_only=True)
class DecoderTask:
    """What a decoder is given, and what counts of what it draws.

    ``crop`` is that of half-size pictures, ``num_frames`` that of the clips. Latents carry noise of up to ``noise`` deviations
    (most far less), or are, for ``estimated_share`` of the crops, the image LDM's. ``layout_dropout`` is the share of batches
    that are told nothing, ``raster_dropout`` that of each raster of the others, ``past_dropout`` that of clips whose frames
    know nothing of each other. ``small_weight`` counts the loss at half size, ``steady_weight`` what changes from frame to
    frame beyond the true change, ``grid_weight`` what repeats with the blocks of the last octave.
    """

    crop: tuple[int, int] = (128, 256)
    noise: float = 0.6
    estimated_share: float = 0.4
    layout_dropout: float = 0.15
    raster_dropout: float = 0.1
    small_weight: float = 0.5
    num_frames: int = 3
    past_dropout: float = 0.15
    steady_weight: float = 0.5
    grid_weight: float = 4.0

    def __post_init__(self) -> None:
        """Raises InputError for what is no share, weight or number of frames."""
        require("num_frames", self.num_frames, least=1)
        for name, value in vars(self).items():
            if name != "crop":
                require(name, value, most=1.0 if name.endswith(("_share", "_dropout")) else math.inf)


class DecoderStage(Stage):
    """Trains the whole decoder of a finished codec."""

    part = "codec"
    leaves_weights_out = True  # those that read the layout, in batches that are told nothing

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        schedule: Schedule = Schedule(learning_rate=3e-4, warmup_steps=50, average_decay=0.998),
        task: DecoderTask = DecoderTask(),
    ) -> None:
        """See the recipes."""
        parts = Parts(Path(work), initial, dtype)
        codec = parts.finished("codec").train()
        codec.decoder.requires_grad_(True)
        super().__init__(codec, parts, schedule)
        self.compute_dtype = parts.computes_in
        self.task = task

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store, and let the image LDM estimate its latents where there is one.

        Raises NothingToLearn when the store has neither frames of the output's size nor large pictures.
        """
        refuse_small(store)
        prepare_latents(self.parts.finished("codec"), store, folder.parent / "latents")
        if self._has_estimates():
            clips = load_latents(self.network, store, folder.parent / "latents", preload=False)
            image = self.parts.finished("image")
            prepare_estimates(image, clips, self._estimates_file(store, folder, image))

    def batches(self, store: ClipStore, folder: Path) -> DecoderBatches:
        """Crops of the store's clips."""
        clips = load_latents(self.network, store, folder.parent / "latents", preload=False)
        estimates = None
        if self._has_estimates():
            estimates = np.load(self._estimates_file(store, folder, self.parts.finished("image")), mmap_mode="r")
        return DecoderBatches(
            clips,
            estimates,
            crop=self.task.crop,
            num_frames=self.task.num_frames,
            estimated_share=self.task.estimated_share,
        )

    def _has_estimates(self) -> bool:
        """Whether some of the latents are the image LDM's: where there is one."""
        return self.task.estimated_share > 0.0 and self.parts.has("image")

    def _estimates_file(self, store: ClipStore, folder: Path, image: Any) -> Path:
        makers = f"{encoder_hash(self.network)[:12]}-{network_hash(image)[:12]}"
        return folder.parent / "latents" / f"estimates-{makers}-{len(store)}x{store.frames_per_clip}.npy"

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Reconstruction of all frames, and their steadiness."""
        drawn = self.draw(batch, self.told(batch, generator), generator)
        return torch.stack([frame.loss for frame in drawn]).mean()

    def told(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor] | None:
        """Which rasters each row is told, and whether attributes, flags (N,); None for batches that are told nothing."""
        if float(torch.rand((), generator=generator)) < self.task.layout_dropout:
            return None
        count = len(batch["position"])
        return {
            name: (torch.rand(count, generator=generator) >= self.task.raster_dropout).float()
            for name in FRAME_CONTROLS
        }

    def draw(self, batch: Batch, told: dict[str, Tensor] | None, generator: torch.Generator) -> list[DrawnFrame]:
        """All frames of the clips one after the other, each carrying on its own picture of the one before.

        Latents carry noise where they are the encoder's. Some clips begin from the true frame, some from nothing.
        """
        count, num_frames = batch["latents"].shape[:2]
        level = self.task.noise * torch.rand(count, 1, 1, 1, 1, generator=generator).square()
        level = level * ~batch["is_estimate"].cpu()[:, None, None, None, None]
        noise = level * torch.randn(batch["latents"].shape, generator=generator)
        latents = batch["latents"] + noise.to(batch["latents"].device)
        remembers = float(torch.rand((), generator=generator)) >= self.task.past_dropout
        begins_true = float(torch.rand((), generator=generator)) < BEGINS_TRUE
        drawn: list[DrawnFrame] = []
        for index in range(num_frames):
            past = before = None
            if index > 0 and remembers:
                truth = batch["pictures"][:, index - 1]
                shown = truth if index == 1 and begins_true else drawn[-1].large.detach().clamp(-1.0, 1.0)
                flow = batch["flow"][:, index] * batch["flow_given"][:, None, None, None]
                past, before = carried(shown, flow), carried(truth, flow)
            controls = None if told is None else self._controls(batch, told, index)
            small, large = self.network.draw_both(self.network.raw(latents[:, index]), controls, past)
            loss = self._frame_loss(small, large, batch, index)
            if past is not None and before is not None:
                loss = loss + self.task.steady_weight * unsteadiness(large, past, batch["pictures"][:, index], before)
            drawn.append(DrawnFrame(large=large, layout=controls, loss=loss))
        return drawn

    def _controls(self, batch: Batch, told: dict[str, Tensor], index: int) -> ControlTensors:
        rows = {name: batch[name][:, index] for name in FRAME_CONTROLS}
        given = {f"{name}_given": batch[f"{name}_given"] for name in FRAME_CONTROLS}
        controls = frame_controls({**rows, **given, "position": batch["position"]}, told)
        return controls.to(self.device, self.compute_dtype)

    def _frame_loss(self, small: Tensor, large: Tensor, batch: Batch, index: int) -> Tensor:
        weights, picture = batch["weights"][:, index], batch["pictures"][:, index]
        halved = F.avg_pool2d(picture, 2), F.avg_pool2d(weights, 2)
        loss = reconstruction_loss(large, picture, weights) + self.task.small_weight * reconstruction_loss(
            small, *halved
        )
        return loss + self.task.grid_weight * grid_error(large, picture)

    def example_batch(self, count: int) -> Batch:
        """Empty latents and grey pictures, of which every raster is known."""
        rows, columns = self.task.crop[0] // CELL, self.task.crop[1] // CELL
        lead, raster = (count, self.task.num_frames), (rows * CELL // 2, columns * CELL // 2)
        channels = self.network.config.latent_channels + COLOUR_CHANNELS
        return {
            "latents": torch.zeros(*lead, channels, rows, columns),
            "pictures": torch.zeros(*lead, 3, 2 * rows * CELL, 2 * columns * CELL),
            "weights": torch.ones(*lead, 1, 2 * rows * CELL, 2 * columns * CELL),
            "is_estimate": torch.zeros(count, dtype=torch.bool),
            "flow": torch.zeros(*lead, 3, *raster),
            "position": torch.zeros(count, dtype=torch.long),
            "attributes": torch.zeros(*lead, len(ATTRIBUTE_CHANNELS)),
            **{f"{name}_given": torch.ones(count) for name in (*FRAME_CONTROLS, "flow")},
            **{
                kind.value: torch.zeros(*lead, len(planes), *raster, dtype=torch.uint8)
                for kind, planes in RASTER_CHANNELS.items()
            },
        }

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """PSNR (dB) with the layout told, withheld, and of what the image LDM makes; of the last frame with its past."""
        everything = dict.fromkeys(FRAME_CONTROLS, torch.ones(len(batch["position"])))
        told = self._controls(batch, everything, 0)
        truth, raw = batch["pictures"][:, 0], self.network.raw(batch["latents"][:, 0])
        small, large = self.network.draw_both(raw, told)
        bilinear = F.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
        found = {
            "validation_loss": self._frame_loss(small, large, batch, 0),
            "validation_psnr_db": _psnr(large, truth),
            "withheld_psnr_db": _psnr(self.network.draw_both(raw, None)[1], truth),
            "bilinear_psnr_db": _psnr(bilinear, truth),
            "grid_error": grid_error(large, truth),
        }
        if batch["latents"].shape[1] > 1:
            flow = batch["flow"][:, 1] * batch["flow_given"][:, None, None, None]
            past, before = carried(large.clamp(-1.0, 1.0), flow), carried(truth, flow)
            raw = self.network.raw(batch["latents"][:, 1])
            _, after = self.network.draw_both(raw, self._controls(batch, everything, 1), past)
            found["carried_psnr_db"] = _psnr(after, batch["pictures"][:, 1])
            found["unsteadiness"] = unsteadiness(after, past, batch["pictures"][:, 1], before)
        return found

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Three crops: drawn with the layout told, withheld, and the truth."""
        few = {name: value[:3] for name, value in batch.items()}
        raw = self.network.raw(few["latents"][:, 0])
        told = self._controls(few, dict.fromkeys(FRAME_CONTROLS, torch.ones(len(raw))), 0)
        drawn = [self.network.draw_both(raw, one)[1].clamp(-1.0, 1.0) for one in (told, None)]
        rows = (*drawn, few["pictures"][:, 0])
        return np.concatenate([np.concatenate(list(tensor_to_frames(row.cpu())), axis=1) for row in rows])


def unsteadiness(frame: Tensor, past: Past, truth: Tensor, before: Past) -> Tensor:
    """How much a frame differs from the moved one before it beyond what the true pair does, where points were seen (L1)."""
    seen = F.interpolate(past.seen, size=frame.shape[-2:], mode="nearest")
    change, own = (truth - before.picture).abs(), (frame - past.picture).abs()
    return (F.relu(own - change) * seen).mean()


def _psnr(frames: Tensor, truth: Tensor) -> Tensor:
    return psnr_db(frames.clamp(-1.0, 1.0), truth)
