"""Training the temporal layers behind the frozen image LDM, with prediction conditioning.

Context frames (0, 1 or 2) are noised a little (conditional latent perturbation, LVDM, He et al. 2022) and, half of the
time, carry an error that the network made itself earlier (error recycling as in SVI, arXiv 2510.09212), so that the
network learns to continue its own output. A share of the batches goes further: their context comes out of a chunk that the
network draws before the step (the recovery of true clips behind corrupted ones that self-rollouts teach).

Layers of several strides also learn key frames, which are far apart, and what lies between two known frames: the hierarchy of
Blattmann et al. 2023, section 3.2, of one network that is told the stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from drivesim.controls import BOX_CLASSES, Control
from drivesim.datasets.store import ClipStore
from drivesim.diffusion.edm import NoiseDistribution, add_noise
from drivesim.diffusion.sampler import SamplerConfig, sample
from drivesim.errors import InputError
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.video_ldm.known import KnownFrames
from drivesim.models.video_ldm.temporal import TemporalLayers, with_strides
from drivesim.models.video_ldm.video_unet import VideoUNet, fitted_sizes
from drivesim.training.image_stage import decoded_rows
from drivesim.training.latents import example_latents, load_latents, prepare_latents
from drivesim.training.parts import Dtype, Parts
from drivesim.training.schedule import Schedule, require
from drivesim.training.stage import Batch, Stage
from drivesim.training.video_batches import ClipKinds, VideoBatches, empty_known, known_of

#: Errors kept for recycling.
BANK_SIZE = 512

#: What a clip may be told, in the order of ``told_shares``: whether the ground (map and scenery) is told on the context, and
#: later; whether the actors are. A rollout that leaves traffic free knows the actors of its start frame alone, so its first
#: chunk is of the second kind and all others are of the third.
TOLD_PATTERNS = (
    (True, True, True, True),
    (True, True, True, False),
    (True, True, False, False),
    (True, False, True, False),
    (False, False, False, False),
)

#: Pattern of a clip by that of the chunk before it: from the second chunk on, context is told what is told later.
_LATER_PATTERN = (0, 2, 2, 4, 4)

#: How a chunk is drawn that the network then continues: as a rollout draws traffic left free, behind one context frame.
_ROLLOUT_SAMPLER = SamplerConfig(steps=4, sigma_min=0.1, sigma_max=80.0)
_ROLLOUT_CONTEXT_NOISE = 0.1


class VideoStage(Stage):
    """Trains temporal layers; the image network under them stays as it is."""

    part = "temporal"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=8e-4),
        num_frames: int = 8,
        context_shares: tuple[float, float, float] = (0.05, 0.4, 0.55),
        task_shares: tuple[float, float, float] = (0.4, 0.3, 0.3),
        told_shares: tuple[float, float, float, float, float] = (0.3, 0.28, 0.3, 0.04, 0.08),
        actor_weight: float = 3.0,
        scenery_dropout: float = 0.15,
        largest_context_noise: float = 0.7,
        recycled_share: float = 0.5,
        rollout_share: float = 0.0,
        motion_dropout: float = 0.15,
        attribute_dropout: float = 0.1,
        noise_mean: float = 1.2,
        noise_std: float = 1.8,
    ) -> None:
        """See the recipes.

        ``context_shares`` are those of 0, 1 and 2 context frames (Video LDM's three; a rollout begins with one and goes on with two),
        ``task_shares``, of a network of several ``strides``, those of neighbouring frames that go on, of key frames that do, and of
        frames between two known ones, ``told_shares`` those of TOLD_PATTERNS. Scenery is withheld from a further share of the clips. ``actor_weight`` is
        what the loss of a cell that actors fill counts more than that of one without: they are a fiftieth of the picture
        and all of what is left open where they are not told. ``rollout_share`` is that of the batches whose two context frames are of
        a chunk of the network's own; such a step costs about twice as much. ``noise_mean`` and ``noise_std`` are those of ln(sigma): one clip in
        25 is noised beyond sigma 80, where a rollout begins.
        """
        parts = Parts(Path(work), initial, dtype)
        image = parts.finished("image")
        temporal = _temporal_layers(parts, {**fitted_sizes(image), **(network or {})})
        super().__init__(VideoUNet(image, temporal), parts, schedule)
        self.compute_dtype = parts.computes_in
        self.num_frames = num_frames
        self.kinds = ClipKinds(
            num_frames=num_frames,
            context_shares=context_shares,
            strides=temporal.strides,
            task_shares=task_shares,
        )
        require("actor_weight", actor_weight)
        _require_clips(told_shares, rollout_share, num_frames)
        self.told_shares = torch.tensor(told_shares, dtype=torch.float32)
        self.actor_weight = actor_weight
        self.scenery_dropout = scenery_dropout
        self.largest_context_noise = largest_context_noise
        self.recycled_share = recycled_share
        self.rollout_share = rollout_share
        self.motion_dropout = motion_dropout
        self.attribute_dropout = attribute_dropout
        self.noise_levels = NoiseDistribution(mean=noise_mean, std=noise_std)
        self.errors = torch.zeros(0)

    def trained(self) -> torch.nn.Module:
        """The temporal layers."""
        return self.network.temporal

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Encode the store once."""
        prepare_latents(self.parts.finished("codec"), store, folder.parent / "latents")

    def batches(self, store: ClipStore, folder: Path) -> VideoBatches:
        """Windows of the encoded store."""
        clips = load_latents(self.parts.finished("codec"), store, folder.parent / "latents")
        return VideoBatches(clips, self.kinds)

    def finish(self, store: ClipStore) -> None:
        """Note how many key frames were made behind two: a rollout makes as many."""
        if len(self.kinds.strides) > 1:
            made = self.kinds.key_frames(store.frames_per_clip) - 2
            self.network.temporal.register_to_config(key_frames=made)

    def example_batch(self, count: int) -> Batch:
        """Empty clips of latents behind two context frames."""
        rows = example_latents((count, self.num_frames), self.network.image.config.latent_channels)
        return {**rows, **empty_known(2)}

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """EDM loss on the frames that are not context."""
        context_error = patterns = None
        known = known_of(batch)
        rolls_out = self.training and self.rollout_share > 0.0 and known.stride == 1 and not known.last
        if rolls_out and float(torch.rand((), generator=generator)) < self.rollout_share:
            batch, context_error, patterns = self._rolled_out(batch, generator)
            known = known_of(batch)
        clean = batch["latents"].float()
        batch_size, num_frames = clean.shape[:2]
        is_context, new = known.mask(num_frames), known.new(num_frames)
        target_sigma = self.noise_levels.sample(batch_size, generator)
        context_sigma = 0.02 + self.largest_context_noise * torch.rand(batch_size, generator=generator)
        sigma = torch.where(is_context[None], context_sigma[:, None], target_sigma[:, None]).to(clean.device)
        if context_error is None:
            context_error = self._recycled_errors(clean, is_context, generator)
        source = clean + context_error
        flat_sigma = rearrange(sigma, "b t -> (b t)")
        noise = torch.randn(source.shape, generator=generator).to(clean.device)
        noisy = add_noise(_flat(source), _flat(noise), flat_sigma)
        patterns = self._patterns(batch_size, generator) if patterns is None else patterns
        controls = self._controls(batch, known.first, patterns, generator)
        raw = _flat(self.network(_clips(noisy, batch_size), sigma, known, controls)).float()
        target = self.network.preconditioning.target(_flat(clean), noisy, flat_sigma)
        if self.training and not known.last:
            self._bank_errors(clean, noisy, raw, flat_sigma, target_sigma)
        squared = _clips((raw - target).square(), batch_size)
        weights = 1.0 + self.actor_weight * actor_cover(batch["actors"], clean.shape[-2:]).to(clean.device)
        return (weights * squared)[:, new].mean() / weights[:, new].mean()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the bank of errors beside the clock."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["errors"] = self.errors

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue with the bank of errors."""
        super().on_load_checkpoint(checkpoint)
        self.errors = checkpoint["errors"]

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """The frames of one clip; below, what the network makes behind two of them, or between two (4 Euler steps)."""
        clip = {name: value[:1] if value.ndim else value for name, value in batch.items()}
        clean, known = clip["latents"].float(), known_of(batch)
        known = known if known.last else KnownFrames(2, stride=known.stride)
        every = torch.ones(1, clean.shape[1])
        controls = self._assembled(clip, {kind.value: every for kind in Control})
        noise = torch.randn(clean.shape, generator=self._generator(batch)).to(self.device)
        drawn = clean.clone()
        drawn[:, known.new(clean.shape[1])] = self._drawn(
            clean, known, 0.05, noise, controls, SamplerConfig(steps=4, sigma_min=0.1)
        )
        return decoded_rows(self.parts, clean[0], drawn[0])

    def _drawn(
        self,
        clips: Tensor,
        known: KnownFrames,
        context_sigma: float,
        noise: Tensor,
        controls: ControlTensors,
        config: SamplerConfig,
    ) -> Tensor:
        """What the network draws of ``noise`` (B, T, C, h, w) at the new frames of clips of which some are ``known``; ``controls`` are
        of all.
        """
        new = known.new(clips.shape[1])

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            whole, levels = clips.clone(), torch.full(clips.shape[:2], context_sigma, device=clips.device)
            whole[:, new], levels[:, new] = noisy, sigma[:, None]
            return self.network.denoised(whole, levels, known, controls)[:, new]

        return sample(denoise, noise[:, new], config)

    @torch.no_grad()
    def _rolled_out(self, batch: Batch, generator: torch.Generator) -> tuple[Batch, Tensor, Tensor]:
        """The rest of the clips behind two frames of a chunk that the network draws, how far those are off, and their patterns."""
        clean = batch["latents"].float()
        batch_size, num_frames = clean.shape[:2]
        patterns = self._patterns(batch_size, generator)
        controls = self._controls(batch, 1, patterns, generator)
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        perturbed = clean + _ROLLOUT_CONTEXT_NOISE * noise
        drawn = self._drawn(perturbed, KnownFrames(1), _ROLLOUT_CONTEXT_NOISE, noise, controls, _ROLLOUT_SAMPLER)
        first = int(torch.randint(1, num_frames - 2, (), generator=generator))
        rest = {name: value[:, first:] if value.ndim > 1 else value for name, value in batch.items()}
        rest |= empty_known(2)
        error = torch.zeros_like(clean[:, first:])
        error[:, :2] = drawn[:, first - 1 : first + 1] - clean[:, first : first + 2]
        return rest, error, torch.tensor(_LATER_PATTERN)[patterns]

    def _patterns(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """Which of TOLD_PATTERNS each clip is, (B,)."""
        return torch.multinomial(self.told_shares, batch_size, True, generator=generator)

    def _controls(self, batch: Batch, num_context: int, patterns: Tensor, generator: torch.Generator) -> ControlTensors:
        batch_size, num_frames = batch["latents"].shape[:2]
        told_on = torch.tensor(TOLD_PATTERNS)[patterns].float()
        context = torch.arange(num_frames) < num_context
        ground = torch.where(context, told_on[:, 0, None], told_on[:, 1, None])
        actors = torch.where(context, told_on[:, 2, None], told_on[:, 3, None])

        def kept(dropout: float) -> Tensor:
            return (torch.rand(batch_size, 1, generator=generator) >= dropout).float().expand(-1, num_frames)

        told = {"map": ground, "actors": actors, "motion": kept(self.motion_dropout)}
        told["attributes"] = kept(self.attribute_dropout)
        told["scenery"] = ground * kept(self.scenery_dropout)
        if int(batch["num_behind"]):
            told["motion"] = told["motion"] * (torch.arange(num_frames) > 0)  # it moved so before the clip began
        return self._assembled(batch, told)

    def _assembled(self, batch: Batch, told: dict[str, Tensor]) -> ControlTensors:
        """Controls of all frames by their flags (B, T), told where those are 1 and the source knew them."""
        arrays = {name: _flat(batch[name]).cpu() for name in told}
        given = {name: _flat(flag * batch[f"{name}_given"].cpu()[:, None]) for name, flag in told.items()}
        count = batch["latents"].shape[0] * batch["latents"].shape[1]
        return ControlTensors.assemble(count, arrays, given).to(self.device, self.compute_dtype)

    def _recycled_errors(self, clean: Tensor, is_context: Tensor, generator: torch.Generator) -> Tensor:
        """Errors of earlier predictions for the context frames of a share of the clips, zero elsewhere."""
        batch_size = len(clean)
        if len(self.errors) < 64:
            return torch.zeros_like(clean)
        picked = (
            self.errors[torch.randint(len(self.errors), (batch_size,), generator=generator)].float().to(clean.device)
        )
        chosen = torch.rand(batch_size, generator=generator) < self.recycled_share
        share = (torch.rand(batch_size, generator=generator) * chosen).to(clean.device)
        scaled = picked * share[:, None, None, None]
        return scaled[:, None] * is_context[None, :, None, None, None].to(clean.device)

    @torch.no_grad()
    def _bank_errors(self, clean: Tensor, noisy: Tensor, raw: Tensor, sigma: Tensor, target_sigma: Tensor) -> None:
        predicted = _clips(self.network.preconditioning.denoised(noisy, raw, sigma), len(clean))
        errors = (predicted - clean)[(target_sigma > 0.5) & (target_sigma < 8.0), -1]
        self.errors = torch.cat([self.errors.reshape(-1, *errors.shape[1:]), errors.half().cpu()])[-BANK_SIZE:]


def _temporal_layers(parts: Parts, settings: dict[str, Any]) -> TemporalLayers:
    """The layers that training begins with; those of an initial model that knew no strides get the label of the asked ones.

    Raises InputError for strides that are none, or others than an initial model was trained at.
    """
    asked = settings.pop("strides", None) if parts.initial is not None else None
    layers: TemporalLayers = parts.fresh("temporal", settings)
    if asked is None:
        return layers
    try:
        told = with_strides(layers, tuple(asked))
    except (TypeError, ValueError) as error:
        raise InputError(f"model.network of the stage 'temporal': {error}") from error
    placed: TemporalLayers = parts.placed(told).train().requires_grad_(True)
    return placed


def _require_clips(told_shares: Sequence[float], rollout_share: float, num_frames: int) -> None:
    """Raise InputError for shares of another number of kinds of clips, or clips too short to be continued."""
    if len(told_shares) != len(TOLD_PATTERNS):
        raise InputError(
            f"model.told_shares has {len(told_shares)} numbers, expected {len(TOLD_PATTERNS)}: "
            "one for each kind of clip, see the recipe"
        )
    require("rollout_share", rollout_share, most=1.0)
    if rollout_share > 0.0 and num_frames < 4:
        raise InputError(
            f"model.num_frames is {num_frames}, expected 4 or more with a rollout_share: "
            "a context frame, two more that the network draws, and one to learn from"
        )


def actor_cover(rasters: Tensor, size: Sequence[int]) -> Tensor:
    """How much of each cell actors fill, (B, T, 1, h, w) in [0, 1] for ``size`` (h, w), from their rasters uint8
    (B, T, C, H, W); a quarter of a cell counts as all of it, since what is far is small.
    """
    covered = rasters[:, :, : len(BOX_CLASSES[Control.ACTORS])].float().sum(dim=2).div(255.0).clamp(max=1.0)
    return (4.0 * F.adaptive_avg_pool2d(covered, (size[0], size[1]))).clamp(max=1.0)[:, :, None]


def _flat(clips: Tensor) -> Tensor:
    return rearrange(clips, "b t ... -> (b t) ...")


def _clips(frames: Tensor, batch_size: int) -> Tensor:
    return rearrange(frames, "(b t) ... -> b t ...", b=batch_size)
