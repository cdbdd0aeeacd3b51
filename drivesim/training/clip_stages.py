"""Training of what clip models have in common: the autoencoder, and how a denoiser is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from drivesim.clip import tensor_to_frames
from drivesim.controls import RASTER_CHANNELS
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.ddim import DDIMConfig, NoiseSchedule, PredictNoise, ddim_sample
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.training.clip_batches import CONTROL_ARRAYS, WindowBatches
from drivesim.training.parts import Dtype, Parts
from drivesim.training.reconstruction import psnr_db, reconstruction_loss
from drivesim.training.schedule import Schedule, require
from drivesim.training.small_copies import SmallCopies
from drivesim.training.stage import Batch, Stage

#: Steps of the sampler in the pictures beside the curve.
PICTURE_STEPS = 10

#: Frames of a clip that a picture of it shows.
SHOWN_FRAMES = 4


class ClipCodingStage(Stage):
    """Trains an autoencoder of clips, or what decodes in it, by reconstruction from slightly noised latents."""

    part = "autoencoder"
    family: ClassVar[str]

    def __init__(
        self,
        network: Any,
        parts: Parts,
        schedule: Schedule,
        *,
        recoloured_share: float,
        squared_weight: float,
        latent_noise: float,
    ) -> None:
        """``latent_noise`` is added to the latents before decoding: a denoiser's are not exact either."""
        super().__init__(network, parts, schedule)
        self.recoloured_share = recoloured_share
        self.squared_weight = squared_weight
        self.latent_noise = latent_noise

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Shrink the store's frames once."""
        self._frames(store, folder).make()

    def _frames(self, store: ClipStore, folder: Path) -> SmallCopies:
        return SmallCopies(
            store, folder.parent / "latents", dict.fromkeys(("rgb", "semantic"), self.network.clip_shape[1:])
        )

    def batches(self, store: ClipStore, folder: Path) -> WindowBatches:
        """Windows of the store's clips."""
        return WindowBatches(self._frames(store, folder), self.network.clip_shape, self.recoloured_share)

    def example_batch(self, count: int) -> Batch:
        """Grey clips."""
        shape = self.network.clip_shape
        return {
            "clips": torch.zeros(count, 3, *shape),
            "weights": torch.ones(count, 1, *shape),
            "position": torch.zeros(count, dtype=torch.long),
        }

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Reconstruction from slightly noised latents, frame by frame."""
        return self.reconstruction(self.decoded(batch, generator), batch)

    def decoded(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """A batch's clips (B, 3, T, H, W), encoded, slightly noised and decoded."""
        latents = self.network.encode(batch["clips"])
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        return self.network.decode(latents + self.latent_noise * noise)

    def reconstruction(self, decoded: Tensor, batch: Batch) -> Tensor:
        """The loss of decoded clips."""
        weights = _frames(batch["weights"])
        return reconstruction_loss(_frames(decoded.float()), _frames(batch["clips"]), weights, self.squared_weight)

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Loss and PSNR (dB) of plain reconstruction."""
        decoded = self.network.decode(self.network.encode(batch["clips"])).float().clamp(-1.0, 1.0)
        return {
            "validation_loss": self.reconstruction(decoded, batch),
            "validation_psnr_db": psnr_db(_frames(decoded), _frames(batch["clips"])),
        }

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Frames of one clip, and below each what the autoencoder makes of it."""
        clip = batch["clips"][:1]
        return clip_rows(clip, self.network.decode(self.network.encode(clip)))


class ClipAutoencoderStage(ClipCodingStage):
    """Trains a whole autoencoder; subclasses name the family."""

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=4e-4, average_decay=0.998),
        recoloured_share: float = 0.3,
        squared_weight: float = 1.0,
        latent_noise: float = 0.03,
    ) -> None:
        """See the recipes, and :class:`ClipCodingStage`."""
        parts = Parts(Path(work), initial, dtype, self.family)
        super().__init__(
            parts.fresh("autoencoder", network or {}),
            parts,
            schedule,
            recoloured_share=recoloured_share,
            squared_weight=squared_weight,
            latent_noise=latent_noise,
        )


def _frames(clips: Tensor) -> Tensor:
    return rearrange(clips, "b c t h w -> (b t) c h w")


def clip_rows(*clips: Tensor) -> np.ndarray:
    """A few frames of clips (1, 3, T, H, W), one clip a row, uint8."""
    chosen = np.linspace(0, clips[0].shape[2] - 1, SHOWN_FRAMES).round().astype(int).tolist()
    rows = []
    for clip in clips:
        frames = rearrange(clip[0, :, chosen].float().cpu().clamp(-1.0, 1.0), "c t h w -> t c h w")
        rows.append(np.concatenate(list(tensor_to_frames(frames)), axis=1))
    return np.concatenate(rows)


def drawn_latents(
    predict: PredictNoise, like: Tensor, schedule: NoiseSchedule, generator: torch.Generator, *, limit: float
) -> Tensor:
    """Latents of the shape and on the device of ``like``, drawn in :data:`PICTURE_STEPS` steps, for the pictures."""

    def fresh(index: int) -> Tensor:
        return torch.randn(like.shape, generator=generator).to(like.device)

    return ddim_sample(predict, fresh(-1), fresh, schedule, DDIMConfig(steps=PICTURE_STEPS, limit=limit))


@dataclass(frozen=True, kw_only=True)
class ControlDropout:
    """Shares of the clips from which controls are withheld: ``layout_dropout`` all rasters, ``raster_dropout`` each raster alone."""

    layout_dropout: float = 0.15
    raster_dropout: float = 0.1
    motion_dropout: float = 0.15
    attribute_dropout: float = 0.1

    def __post_init__(self) -> None:
        """Raises InputError for what is no share."""
        for name, share in vars(self).items():
            require(name, share, most=1.0)


def told_controls(batch: Batch, generator: torch.Generator, dropout: ControlDropout) -> ControlTensors:
    """The controls of a batch's B * T frames, each kind withheld from a share of the clips."""
    count = len(batch["position"])

    def kept(dropout: float) -> Tensor:
        return (torch.rand(count, generator=generator) >= dropout).float()

    rasters = kept(dropout.layout_dropout)
    told = {kind.value: rasters * kept(dropout.raster_dropout) for kind in RASTER_CHANNELS}
    told |= {"motion": kept(dropout.motion_dropout), "attributes": kept(dropout.attribute_dropout)}
    return clip_controls(batch, told)


def clip_controls(batch: Batch, told: dict[str, Tensor]) -> ControlTensors:
    """The controls of a batch's B * T frames by flags (B,), told where those are 1 and the source knows them."""
    frames = batch["motion"].shape[1]
    arrays = {name: rearrange(batch[name].cpu(), "b t ... -> (b t) ...") for name in told}
    given = {name: (flag * batch[f"{name}_given"].cpu()).repeat_interleave(frames) for name, flag in told.items()}
    return ControlTensors.assemble(len(batch["position"]) * frames, arrays, given)


def everything(batch: Batch) -> ControlTensors:
    """All controls that the source of a batch knows."""
    return clip_controls(batch, dict.fromkeys(CONTROL_ARRAYS, torch.ones(len(batch["position"]))))
