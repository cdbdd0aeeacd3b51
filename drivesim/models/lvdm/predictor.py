"""How an LVDM draws latent frames: sparse ones first, then those between, or neighbours only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from drivesim.controls import Controls
from drivesim.diffusion.ddim import DDIMConfig, ddim_sample, steered
from drivesim.models.conditioning_inputs import ControlTensors
from drivesim.models.lvdm.config import LVDMConfig
from drivesim.models.lvdm.denoiser import FactorisedUNet, GivenLatents, SequenceConditions
from drivesim.noise import NoiseStream

#: Standardised latents further out than this do not occur in training.
LATENT_LIMIT = 6.0


class SequencePredictor:
    """Draws the latent frames after one: sparse ones, then those between (LVDM section 3.3), or neighbours only."""

    def __init__(self, network: FactorisedUNet, config: LVDMConfig, clip_latents: int, device: torch.device) -> None:
        self.network: Any = network  # diffusers does not say that its modules can be called
        self.config = config
        self.clip_latents = clip_latents
        self.device = device

    @property
    def sparseness(self) -> int:
        """Latent frames from one key frame to the next, and key frames of a call."""
        return int(self.network.config.sparseness)

    @property
    def num_clips(self) -> int:
        """Clips that one call makes."""
        return self.sparseness**2 // self.clip_latents

    @torch.inference_mode()
    def predict(self, context: Tensor, controls: Controls, noise: NoiseStream, *, first: bool) -> Tensor:
        """Latents (num_clips, C, T, h, w) after those of one clip, of which the last latent frame is looked at."""
        told = self._read(controls)
        step = self.sparseness
        sequence = torch.zeros(1, context.shape[1], step**2 + 1, *context.shape[-2:], device=self.device)
        sequence[:, :, 0] = context[:, :, -1].to(self.device)
        steps = self.config.sampling.steps(first)
        hierarchical = self.config.mode == "hierarchical"
        if hierarchical:
            self._fill(sequence, range(0, step**2 + 1, step), [0], told, noise.child(0), steps)
        for part in range(step):
            places = range(part * step, (part + 1) * step + 1)
            known = [0, step] if hierarchical else [0]
            if len(known) <= step:
                self._fill(sequence, places, known, told, noise.child(1, part), steps)
        return rearrange(sequence[0, :, 1:], "c (n t) h w -> n c t h w", t=self.clip_latents).cpu()

    def _read(self, controls: Controls) -> SequenceConditions:
        """What is told of the new latent frames; of the one before them nothing is."""
        tensors = ControlTensors.from_controls(controls).to(self.device, self.network.dtype)
        told: SequenceConditions = self.network.read(tensors, batch=1)
        nothing = torch.zeros_like(told.features[:, :1])
        return SequenceConditions(torch.cat([nothing, told.features], dim=1), told.embedding)

    def _fill(
        self,
        sequence: Tensor,
        places: Sequence[int],
        known: list[int],
        told: SequenceConditions,
        noise: NoiseStream,
        steps: int,
    ) -> None:
        """Draw the latent frames at ``places`` of a sequence, but for the ``known`` ones among them, into it."""
        here, config = list(places), self.config
        shape = (1, sequence.shape[1], len(here), *sequence.shape[-2:])
        mask = torch.zeros(1, len(here), device=self.device)
        mask[:, known] = 1.0
        sparse = torch.tensor([int(here[1] - here[0] > 1)], device=self.device)
        level = torch.tensor([config.perturbation])
        perturbed = self.network.schedule.add_noise(
            sequence[:, :, here], noise.child(2).normal(*shape).to(self.device), level.to(self.device)
        )
        given = GivenLatents(mask, level.to(self.device) + 1, sparse)
        none = GivenLatents(torch.zeros_like(mask), torch.zeros_like(sparse), sparse)
        keep = mask[:, None, :, None, None] > 0
        conditions = told.at(here)
        predict = steered(
            lambda noisy, at: self.network(torch.where(keep, perturbed, noisy), at, given, conditions),
            lambda noisy, at: self.network(noisy, at, none, conditions),
            config.sampling.guidance,
        )
        drawn = ddim_sample(
            predict,
            noise.child(0).normal(*shape).to(self.device),
            lambda index: noise.child(1, index).normal(*shape),
            self.network.schedule,
            DDIMConfig(steps=steps, eta=config.sampling.eta, limit=LATENT_LIMIT),
        )
        for slot, place in enumerate(here):
            if slot not in known:
                sequence[:, :, place] = drawn[:, :, slot]
