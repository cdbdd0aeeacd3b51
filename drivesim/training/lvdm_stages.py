"""Training of LVDM: the 3D autoencoder, then one denoiser for unconditional video, prediction and infilling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.clip import frames_to_tensor
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.clip_model import small_clip
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.lvdm.denoiser import GivenLatents
from drivesim.models.lvdm.predictor import LATENT_LIMIT
from drivesim.training.clip_batches import (
    WindowLatents,
    example_controls,
    gathered_controls,
    latents_file,
    looked_at,
    prepare_windows,
    require_frames,
)
from drivesim.training.clip_gan_stage import ClipGanStage
from drivesim.training.clip_stages import (
    ClipAutoencoderStage,
    ControlDropout,
    clip_rows,
    drawn_latents,
    everything,
    told_controls,
)
from drivesim.training.parts import Dtype, Parts
from drivesim.training.schedule import Schedule
from drivesim.training.small_copies import SmallCopies
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator

#: Clips from which the scale of the latents is measured.
STATISTICS_CLIPS = 64

#: Least deviation that a channel is divided by.
LEAST_STD = 1e-3


class ClipAutoencoder3DStage(ClipAutoencoderStage):
    """Trains LVDM's autoencoder."""

    family = "lvdm"

    def finish(self, store: ClipStore) -> None:
        """Measure the scale and the shift of the latents, per channel."""
        network, (count, _, _) = self.network, self.network.clip_shape
        channels = network.latent_shape[0]
        network.set_statistics(torch.zeros(channels), torch.ones(channels))
        raw = []
        for clip in np.linspace(0, len(store) - 1, min(STATISTICS_CLIPS, len(store))).astype(int):
            frames = frames_to_tensor(store.read("rgb", int(clip), slice(0, count)))
            with torch.inference_mode():
                raw.append(network.encode(small_clip(frames, network)[None].to(self.device)).cpu())
        stacked = torch.cat(raw)
        axes = (0, 2, 3, 4)
        network.set_statistics(stacked.mean(axes), stacked.std(axes).clamp_min(LEAST_STD))


class ClipGan3DStage(ClipGanStage):
    """The adversarial phase of LVDM's autoencoder; the scale of the latents stays."""

    family = "lvdm"


class SequenceBatches:
    """Sequences of latent frames with what is given of them, by the three tasks at once.

    ``shares`` are those of unconditional video, prediction and infilling; half of the first two are sparse.
    """

    def __init__(
        self,
        latents: WindowLatents,
        controls: SmallCopies,
        *,
        sparseness: int,
        shares: tuple[float, float, float],
        still_share: float,
    ) -> None:
        self.latents = latents
        self.controls = controls
        self.sparseness = sparseness
        self.shares = np.asarray(shares, float) / sum(shares)
        self.still_share = still_share
        self.per_clip = int(latents.array.shape[4])
        self.per_latent = latents.count // self.per_clip
        self.clips = sparseness**2 // self.per_clip
        starts = set(latents.starts)
        whole = [
            start
            for start in latents.starts
            if start > 0 and all(start + index * latents.count in starts for index in range(self.clips))
        ]
        self.after_frame = whole
        self.after_clip = [start for start in whole if start - latents.count in starts]

    def __len__(self) -> int:
        return len(self.latents)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``latents`` (B, C, L, h, w), ``mask`` (B, L), ``sparse`` (B,), ``known`` (B, L), and the controls of their frames.

        ``known`` is 0 for the frame before a call's new ones, of which a rollout tells nothing.
        """
        rows = [self._row(draw) for draw in draws]
        return {
            "latents": torch.from_numpy(np.stack([row[0] for row in rows])),
            "mask": torch.tensor([row[1] for row in rows], dtype=torch.float32),
            "sparse": torch.tensor([row[2] for row in rows]),
            "known": torch.tensor([[float(place > 0) for place in row[3]] for row in rows]),
            "position": torch.tensor([draw.position for draw in draws]),
            **gathered_controls(self.controls, [(draw.sample, row[4]) for draw, row in zip(draws, rows, strict=True)]),
        }

    def _row(self, draw: Draw) -> tuple[np.ndarray, list[float], int, list[int], list[int]]:
        rng = draw_generator(37, draw.position)
        start, sequence = self._sequence(rng, draw.sample)
        step = self.sparseness
        task = int(rng.choice(3, p=self.shares))
        sparse = int(task < 2 and rng.uniform() < 0.5)
        if sparse:
            places = list(range(0, step**2 + 1, step))
        else:
            # Infilling lies between two key frames, prediction of neighbours begins anywhere.
            first = int(rng.integers(step)) * step if task == 2 else int(rng.integers(step**2 - step + 1))
            places = list(range(first, first + step + 1))
        mask = [0.0] * (step + 1)
        if task > 0:
            mask[0] = 1.0
        if task == 2:
            mask[-1] = 1.0
        frames = [start + (max(place, 1) - 1) * self.per_latent + k for place in places for k in range(self.per_latent)]
        return sequence[:, places], mask, sparse, places, frames

    def _sequence(self, rng: np.random.Generator, clip: int) -> tuple[int, np.ndarray]:
        """A start and the latent frames (C, 1 + sparseness^2, h, w) from the one before it on."""
        latents = self.latents
        stands_still = rng.uniform() < self.still_share or not self.after_clip
        start = int(rng.choice(self.after_frame if stands_still else self.after_clip))
        at = latents.starts.index
        before = latents.still(clip, at(start)) if stands_still else latents.of(clip, at(start - latents.count))
        clips = [latents.of(clip, at(start + index * latents.count)) for index in range(self.clips)]
        return start, np.concatenate([before[:, -1:], *clips], axis=1)


class FactorisedDenoiserStage(Stage):
    """Trains LVDM's denoiser: the error of the noise in the latent frames that are not given (sections 3.2 to 3.4)."""

    part = "denoiser"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=4e-4),
        task_shares: tuple[float, float, float] = (0.15, 0.5, 0.35),
        still_share: float = 0.3,
        window_stride: int = 8,
        dropout: ControlDropout = ControlDropout(),
    ) -> None:
        """See the recipes.

        ``task_shares`` are those of unconditional video, prediction and infilling. For ``still_share`` of the sequences the
        frame before is one that stands still, as a video begins with one.
        """
        parts = Parts(Path(work), initial, dtype, "lvdm")
        autoencoder = parts.finished("autoencoder")
        channels, self.clip_latents, height, width = autoencoder.latent_shape
        self.clip_frames = autoencoder.clip_shape[0]
        fitting = {
            "height": height,
            "width": width,
            "latent_channels": channels,
            "frames_per_latent": self.clip_frames // self.clip_latents,
        }
        super().__init__(parts.fresh("denoiser", {**fitting, **(network or {})}), parts, schedule)
        self.compute_dtype = parts.computes_in
        self.task_shares = task_shares
        self.still_share = still_share
        self.window_stride = window_stride
        self.dropout = dropout
        if self.sparseness**2 % self.clip_latents:
            raise InputError(
                f"model.network: sparseness is {self.sparseness}, so a call makes {self.sparseness**2} latent frames, which are no "
                f"whole clips of {self.clip_latents}; choose another sparseness"
            )

    @property
    def sparseness(self) -> int:
        """Latent frames from one key frame to the next."""
        return int(self.network.config.sparseness)

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store once."""
        made = self.sparseness**2 // self.clip_latents * self.clip_frames
        require_frames(store, self.window_stride + made)
        prepare_windows(self.parts.finished("autoencoder"), store, folder.parent / "latents", self.window_stride)
        looked_at(self.network, store, folder.parent / "latents").make()

    def batches(self, store: ClipStore, folder: Path) -> SequenceBatches:
        """Sequences of the encoded store."""
        file = latents_file(self.parts.finished("autoencoder"), store, folder.parent / "latents", self.window_stride)
        latents = WindowLatents(store, file, self.clip_frames, self.window_stride)
        return SequenceBatches(
            latents,
            looked_at(self.network, store, file.parent),
            sparseness=self.sparseness,
            shares=self.task_shares,
            still_share=self.still_share,
        )

    def example_batch(self, count: int) -> Batch:
        """Empty latents behind a given frame, all of whose frames are known."""
        config, length = self.network.config, self.network.length
        mask = torch.zeros(count, length)
        mask[:, 0] = 1.0
        return {
            "latents": torch.zeros(count, config.latent_channels, length, config.height, config.width),
            "mask": mask,
            "sparse": torch.zeros(count, dtype=torch.long),
            "known": torch.ones(count, length),
            "position": torch.zeros(count, dtype=torch.long),
            **example_controls(count, length * config.frames_per_latent),
        }

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Squared error of the noise where nothing is given; what is given is noised to a level of its own, which is told."""
        clean, schedule = batch["latents"], self.network.schedule
        device, count = clean.device, len(clean)
        level = torch.randint(schedule.levels, (count,), generator=generator).to(device)
        perturbation = torch.randint(self.network.config.max_perturbation + 1, (count,), generator=generator).to(device)
        noise = torch.randn(clean.shape, generator=generator).to(device)
        told = self._read(told_controls(batch, generator, self.dropout), batch)
        mask = batch["mask"][:, None, :, None, None]
        noisy = schedule.add_noise(clean, noise, level) * (1.0 - mask)
        noisy = noisy + schedule.add_noise(clean, noise, perturbation) * mask
        predicted = self.network(noisy, level, given_of(batch, perturbation), told)
        error = (predicted - noise).square() * (1.0 - mask)
        return error.sum() / (1.0 - mask).expand_as(error).sum()

    def _read(self, controls: ControlTensors, batch: Batch) -> Any:
        told = controls.to(self.device, self.compute_dtype)
        return self.network.read(told, len(batch["latents"]), batch["known"])

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """A sequence as the autoencoder decodes it; below, the same with what is not given drawn for its controls."""
        one = {name: value[:1] for name, value in batch.items()}
        clean, told = one["latents"], self._read(everything(one), one)
        mask = one["mask"][:, None, :, None, None] > 0
        given = given_of(one, torch.zeros(1, dtype=torch.long, device=self.device))
        drawn = drawn_latents(
            lambda noisy, level: self.network(torch.where(mask, clean, noisy), level, given, told),
            clean,
            self.network.schedule,
            self._generator(batch),
            limit=LATENT_LIMIT,
        )
        autoencoder = self.parts.finished("autoencoder").to(self.device)
        return clip_rows(*(autoencoder.decode(each) for each in (clean, torch.where(mask, clean, drawn))))


def given_of(batch: Batch, perturbation: Tensor) -> GivenLatents:
    """What is given of a batch's sequences, noised to the levels (B,)."""
    any_given = batch["mask"].amax(dim=1) > 0
    return GivenLatents(batch["mask"], torch.where(any_given, perturbation + 1, 0), batch["sparse"])
