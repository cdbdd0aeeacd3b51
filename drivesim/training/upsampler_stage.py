"""Training a diffusion upsampler: first of single frames, then its layers over time behind those that are finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor

from drivesim.clip import tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.edm import NoiseDistribution, add_noise
from drivesim.errors import InputError
from drivesim.models.enlarging import UPSAMPLER, VideoUpsampler, misfit
from drivesim.models.load import family_files, family_of, model_folder
from drivesim.models.upsampler.sampling import UpsamplingConfig, enlarged, upsample
from drivesim.models.video_ldm.config import FRAME_SIZE
from drivesim.noise import NoiseStream
from drivesim.training.parts import Dtype, Parts
from drivesim.training.reconstruction import psnr_db
from drivesim.training.schedule import Schedule, require
from drivesim.training.stage import Batch, Stage
from drivesim.training.upsampler_batches import (
    UpsamplerBatches,
    load_reconstructions,
    prepare_reconstructions,
)


class UpsamplerStage(Stage):
    """Trains an upsampler by the EDM loss on what frames have beyond their enlarged small ones.

    With ``num_frames`` 1 it learns single frames, and its layers over time stay as they are; with more these alone are trained, so
    that single frames come out as before (Blattmann et al. 2023, section 3.1).
    """

    part = UPSAMPLER

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=4e-4, average_decay=0.998),
        size: tuple[int, int] = (256, 512),
        crop: tuple[int, int] = (128, 256),
        num_frames: int = 1,
        context_share: float = 0.7,
        context_noise: float = 0.1,
        reconstructed_share: float = 0.0,
        noise_mean: float = -1.8,
        noise_std: float = 1.4,
    ) -> None:
        """See the recipes.

        ``size`` is that of the enlarged frames, ``crop`` what is learnt of them at a time. ``context_share`` of the clips begin with a
        frame that is known but for noise of a deviation up to ``context_noise``. ``reconstructed_share`` of the small frames are what the
        model's autoencoder gives back, as that is what will be met; the others are averages. ``noise_mean`` and ``noise_std`` are
        those of ln(sigma). The family is that of ``initial``. Raises InputError for sizes that do not fit the network or the model.
        """
        family = "video_ldm" if initial is None else family_of(model_folder(initial))
        parts = Parts(Path(work), initial, dtype, family)
        require("num_frames", num_frames, least=1)
        require("context_share", context_share, most=1.0)
        require("context_noise", context_noise, above=0.0)
        require("reconstructed_share", reconstructed_share, most=1.0)
        upsampler = parts.continued(UPSAMPLER, network or {})
        for layer, learns in ((upsampler.temporal, num_frames > 1), (upsampler.image, num_frames == 1)):
            layer.requires_grad_(learns)
        upsampler.levels.requires_grad_(num_frames == 1)
        super().__init__(upsampler, parts, schedule)
        self.size, self.crop = (size[0], size[1]), (crop[0], crop[1])
        self.num_frames = num_frames
        self.context_share = context_share
        self.context_noise = context_noise
        self.reconstructed_share = reconstructed_share
        self.noise_levels = NoiseDistribution(mean=noise_mean, std=noise_std)
        self._refuse_sizes()

    def _refuse_sizes(self) -> None:
        network: VideoUpsampler = self.network
        factor, grid = network.factor, network.grid
        step = int(np.lcm(factor, grid))
        if any(part % step or part > whole for part, whole in zip(self.crop, self.size, strict=True)):
            raise InputError(
                f"model.crop is {self.crop[0]}x{self.crop[1]}: expected multiples of {step} within model.size, "
                f"{self.size[0]}x{self.size[1]}"
            )
        if self.parts.initial is None:
            return
        small = family_files(self.parts.family).small_size(self.parts.initial_folder())
        if fault := misfit(small, FRAME_SIZE, factor, grid):
            raise InputError(f"{self.parts.initial} and model.network do not fit each other: {fault}")
        wanted = factor * small[0], factor * small[1]
        if self.size != wanted:
            raise InputError(
                f"model.size is {self.size[0]}x{self.size[1]}: expected {wanted[0]}x{wanted[1]}, {factor} times the small frames of "
                f"{self.parts.initial}"
            )

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Reconstruct the store once where that is asked for. Raises InputError without a model that the upsampler is for."""
        if self.parts.initial is None:
            raise InputError("an upsampler is a part of a model that is there already: name it with --initial")
        if self.reconstructed_share > 0.0:
            prepare_reconstructions(self.parts, store, folder.parent / "latents")

    def batches(self, store: ClipStore, folder: Path) -> UpsamplerBatches:
        """Crops of the store's clips."""
        reconstructed = None
        if self.reconstructed_share > 0.0:
            reconstructed = load_reconstructions(self.parts, store, folder.parent / "latents")
        return UpsamplerBatches(
            store,
            size=self.size,
            crop=self.crop,
            num_frames=self.num_frames,
            factor=self.network.factor,
            reconstructed=reconstructed,
            reconstructed_share=self.reconstructed_share,
        )

    def example_batch(self, count: int) -> Batch:
        """Grey crops."""
        factor, lead = self.network.factor, (count, self.num_frames, 3)
        return {
            "frames": torch.zeros(*lead, *self.crop),
            "small": torch.zeros(*lead, *(side // factor for side in self.crop)),
            "position": torch.zeros(count, dtype=torch.long),
        }

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss of eq. 8 (Karras et al. 2022), unit weight on the raw output, of the frames that are not given."""
        clean = rearrange(batch["frames"].float(), "b t c h w -> (b t) c h w")
        small = rearrange(batch["small"].float(), "b t c h w -> (b t) c h w")
        count, num_frames = batch["frames"].shape[:2]
        # Mostly little, as that is what is asked of it.
        level = torch.rand(count, generator=generator).square()
        augmentation = self._per_frame(level * self.network.config.max_augmentation)
        low = enlarged(add_noise(small, _normal(small, generator), augmentation), self.network.factor)
        sigma = self._per_frame(self.noise_levels.sample(count, generator))
        given = self._given(count, generator)
        known = self.context_noise * (0.1 + 0.9 * torch.rand(len(sigma), generator=generator)).to(sigma)
        sigma = torch.where(given, known, sigma)
        residual = add_noise(clean - low, _normal(clean, generator), sigma)
        raw = self.network(residual, low, sigma, augmentation, num_frames)
        target = self.network.preconditioning.target(clean - low, residual, sigma)
        error = (raw.float() - target).square().mean((1, 2, 3))
        return error[~given].mean()

    def _per_frame(self, values: Tensor) -> Tensor:
        """A value of each clip (B,) for each of its frames (B*T,)."""
        return repeat(values, "b -> (b t)", t=self.num_frames).to(self.device)

    def _given(self, count: int, generator: torch.Generator) -> Tensor:
        """Which frames (B*T,) are known: the first of some clips of several."""
        given = torch.zeros(count, self.num_frames, dtype=torch.bool)
        if self.num_frames > 1:
            given[:, 0] = torch.rand(count, generator=generator) < self.context_share
        return given.flatten().to(self.device)

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The loss, PSNR (dB) of frames that are drawn and of bicubic ones, and how far each changes otherwise than the truth (L1)."""
        truth = rearrange(batch["frames"].float(), "b t c h w -> (b t) c h w")
        drawn, bicubic = self._drawn(batch), self._bicubic(batch)
        found = {
            "validation_loss": self.loss(batch, generator),
            "validation_psnr_db": psnr_db(drawn, truth),
            "bicubic_psnr_db": psnr_db(bicubic, truth),
        }
        if self.num_frames > 1:
            found["flicker"] = self._flicker(drawn, truth)
            found["bicubic_flicker"] = self._flicker(bicubic, truth)
        return found

    def _flicker(self, frames: Tensor, truth: Tensor) -> Tensor:
        error = rearrange(frames - truth, "(b t) c h w -> b t c h w", t=self.num_frames)
        return error.diff(dim=1).abs().mean()

    def _bicubic(self, batch: Batch) -> Tensor:
        small = rearrange(batch["small"].float(), "b t c h w -> (b t) c h w")
        return enlarged(small, self.network.factor).clamp(-1.0, 1.0)

    def _drawn(self, batch: Batch) -> Tensor:
        """Frames (B*T, 3, H, W) as they are enlarged in a rollout, each crop as one window, without a frame before."""
        config = UpsamplingConfig(
            new_frames=self.num_frames, window_rows=self.crop[0], window_columns=self.crop[1], overlap=0
        )
        noise = NoiseStream(0)
        clips = zip(batch["small"].float(), batch["position"].tolist(), strict=True)
        return torch.cat([upsample(self.network, clip, None, noise.child(at), config) for clip, at in clips])

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Crops: enlarged bicubically, drawn, and the truth."""
        few = {name: value[:3] for name, value in batch.items()}
        truth = rearrange(few["frames"].float(), "b t c h w -> (b t) c h w")
        rows = (self._bicubic(few), self._drawn(few), truth)
        shown = [row[:: self.num_frames].cpu() for row in rows]
        return np.concatenate([np.concatenate(list(tensor_to_frames(row)), axis=1) for row in shown])


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like.device)
