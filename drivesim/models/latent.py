"""A codec, a denoiser and a sampler as a WorldModel: the rollout of a latent video diffusion model, chunk by chunk."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drivesim.controls import Control, Controls
from drivesim.diffusion.sampler import Denoise, SamplerConfig, guided, sample
from drivesim.models.codec import Codec, Denoiser
from drivesim.noise import NoiseStream
from drivesim.options import RolloutMode
from drivesim.world_model import WorldModelSpec

#: Latents further out than this many standard deviations never occur in training.
LATENT_LIMIT = 8.0

#: Name of the tensor by which a packed state says that its frames are no neighbours.
KEY_STRIDE = "key_stride"

#: Guidance by less than that is left out, as it costs a second pass.
LEAST_GUIDANCE = 1.3


@dataclass(frozen=True, kw_only=True)
class RolloutConfig:
    """How a rollout samples: the sampler, the noise put on context frames, and the pull towards the anchor.

    ``context_noise`` perturbs the context at test time as in training (LVDM). ``anchor_pull`` blends the per-channel
    mean and deviation of every chunk towards those of the start frame (AdaIN, as LTX-Video ships it); 0 is off.
    ``free_factor`` is how many times as many steps a chunk takes whose actors are withheld: where they go is then open, and the
    mean over all that they may do, which few steps come down to, shows them nowhere. Such a chunk begins at ``free_sigma_max`` (None:
    like any other): in training, latents of sigma 20 still show where something large is; pure noise does not, and the network
    takes it for a place (Lin et al. 2023, arXiv 2305.08891). From sigma ``free_guidance_low`` on it is guided by its context: away from
    what the network makes of the chunk without any, ``free_guidance`` times as far (history guidance, Song et al. 2025, arXiv
    2502.06764), though never beyond the newest context frame, so that a vehicle which is there is not averaged away; 1 is off. Of every
    further chunk without actors it has half as much: what is wrong in the context grows by it, too.
    ``context_guidance`` moves every chunk, whatever it is told, that many times as far from what the network makes without context
    (Blattmann et al. 2023, section 3.2), at all noise levels; where actors are withheld the larger of the two counts. 1 is off.
    ``mode`` hierarchical draws key frames first, then those between, by a network that knows several strides.
    """

    # From sigma 0.1 the network's estimate is final; with four steps a smaller last level would waste one of them.
    sampler: SamplerConfig = SamplerConfig(steps=4, sigma_min=0.1)
    context_noise: float = 0.1
    anchor_pull: float = 0.05
    free_factor: int = 2
    free_sigma_max: float | None = 80.0
    free_guidance: float = 3.0
    free_guidance_low: float = 1.0
    context_guidance: float = 1.0
    mode: RolloutMode = "frame-wise"

    def sampler_for(self, controls: Controls) -> SamplerConfig:
        """The sampler of a chunk that is told ``controls``."""
        if controls.actors is not None:
            return self.sampler
        highest = self.sampler.sigma_max if self.free_sigma_max is None else self.free_sigma_max
        return dataclasses.replace(self.sampler, steps=self.free_factor * self.sampler.steps, sigma_max=highest)

    def guidance_for(self, controls: Controls, free_chunks: int) -> float:
        """The scale of the guidance of a chunk told ``controls`` behind ``free_chunks`` without actors, 1 where it is not guided."""
        scale = 1.0 + (self.free_guidance - 1.0) * 0.5**free_chunks
        free = scale if controls.actors is None and scale > LEAST_GUIDANCE else 1.0
        return max(free, self.context_guidance)


@dataclass(frozen=True, eq=False)
class LatentState:
    """Everything a rollout carries: the newest context latents (K, ...), their controls, the anchor statistics, and how many chunks
    were made since actors were last told.
    """

    context: Tensor
    controls: Controls
    anchor_mean: Tensor
    anchor_std: Tensor
    free_chunks: int = 0


@dataclass(frozen=True, eq=False)
class LatentChunk:
    """New frames before decoding: latents (T, ...) and what was told of them; ``drawn`` is what the codec drew of them so far."""

    latents: Tensor
    controls: Controls
    drawn: Any = None


class LatentWorldModel:
    """Continues a video in latent space; see :class:`drivesim.world_model.WorldModel`."""

    def __init__(self, spec: WorldModelSpec, codec: Codec, denoiser: Denoiser, config: RolloutConfig) -> None:
        if spec.chunk_frames < spec.context_frames:
            raise ValueError(f"a chunk of {spec.chunk_frames} frames cannot fill {spec.context_frames} context frames")
        self._spec = spec
        self.codec = codec
        self.denoiser = denoiser
        self.config = config

    @property
    def spec(self) -> WorldModelSpec:
        """What this model makes."""
        return self._spec

    def begin(self, past: Tensor, controls: Controls) -> LatentState:
        """State after the frames ``past`` (T, 3, H, W), of which the last ``context_frames`` are kept as latents."""
        if len(past) != controls.num_frames:
            raise ValueError(f"{len(past)} past frames but controls of {controls.num_frames}; they must agree")
        kept = min(len(past), self.spec.context_frames)
        latents = self.codec.encode(past[len(past) - kept :])
        mean, std = _statistics(latents)
        window = controls.window(len(past) - kept, len(past))
        return LatentState(context=latents, controls=window, anchor_mean=mean, anchor_std=std)

    @torch.inference_mode()
    def step(self, state: LatentState, controls: Controls, noise: NoiseStream) -> tuple[LatentChunk, LatentState]:
        """The next chunk, and the state after it."""
        if controls.num_frames != self.spec.chunk_frames:
            raise ValueError(
                f"controls of {controls.num_frames} frames, but a chunk of this model has {self.spec.chunk_frames}"
            )
        shape = (self.spec.chunk_frames, *state.context.shape[1:])
        denoise = self._denoiser(state, controls, noise.child(1))
        fresh = sample(denoise, noise.child(0).normal(*shape), self.config.sampler_for(controls))
        fresh = self._pulled(fresh.clamp(-LATENT_LIMIT, LATENT_LIMIT), state)
        kept = self.spec.chunk_frames - self.spec.context_frames
        after = LatentState(
            context=fresh[kept:].clone(),
            controls=controls.window(kept, self.spec.chunk_frames),
            anchor_mean=state.anchor_mean,
            anchor_std=state.anchor_std,
            free_chunks=state.free_chunks + 1 if controls.actors is None else 0,
        )
        return LatentChunk(fresh, controls), after

    def _denoiser(self, state: LatentState, controls: Controls, noise: NoiseStream) -> Denoise:
        """The network behind the state's context, which ``noise`` perturbs; guided by it, if at all."""
        num_context = len(state.context)
        prepared = self.denoiser.prepare(state.controls, controls)
        context = state.context + self.config.context_noise * noise.normal(*state.context.shape)
        context_sigma = torch.full((num_context,), max(self.config.context_noise, self.config.sampler.sigma_min))

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            clip = torch.cat([context, noisy])
            levels = torch.cat([context_sigma, sigma.float()])
            return self.denoiser.denoise(clip, levels, num_context, prepared)[num_context:]

        alone = self.denoiser.without_context(prepared, num_context)

        def denoise_alone(noisy: Tensor, sigma: Tensor) -> Tensor:
            return self.denoiser.denoise(noisy, sigma.float(), 0, alone)

        scale = self.config.guidance_for(controls, state.free_chunks)
        if controls.actors is not None:
            return guided(denoise, denoise_alone, scale, 0.0, math.inf)
        # Not beyond the newest context frame: else what is wrong there would grow from chunk to chunk.
        return guided(denoise, denoise_alone, scale, self.config.free_guidance_low, math.inf, bound=state.context[-1])

    @torch.inference_mode()
    def draw(self, chunk: LatentChunk) -> LatentChunk:
        """The chunk, drawn."""
        if chunk.drawn is not None:
            return chunk
        return dataclasses.replace(chunk, drawn=self.codec.draw(chunk.latents, chunk.controls))

    @torch.inference_mode()
    def decode(self, chunk: LatentChunk, previous: Tensor) -> Tensor:
        """Frames (T, 3, H, W) of a chunk, behind the frame ``previous`` (3, H, W)."""
        return self.codec.finish(self.draw(chunk).drawn, chunk.controls, previous)

    def pack_state(self, state: LatentState) -> dict[str, Tensor]:
        """The state as named tensors."""
        tensors = {"context": state.context, "anchor_mean": state.anchor_mean, "anchor_std": state.anchor_std}
        if state.free_chunks:
            tensors["free_chunks"] = torch.tensor(state.free_chunks)
        for kind in state.controls.given():
            tensors[kind.value] = torch.from_numpy(np.ascontiguousarray(getattr(state.controls, kind.value)))
        return tensors

    def unpack_state(self, tensors: Mapping[str, Tensor]) -> LatentState:
        """The state that :meth:`pack_state` wrote."""
        missing = {"context", "anchor_mean", "anchor_std"} - set(tensors)
        if missing:
            raise ValueError(f"a stored state lacks {', '.join(sorted(missing))}")
        if KEY_STRIDE in tensors:
            raise ValueError(
                "a stored state of a hierarchical rollout: its frames are no neighbours, as this model's are"
            )
        given = {kind.value: tensors[kind.value].numpy() for kind in Control if kind.value in tensors}
        return LatentState(
            context=tensors["context"],
            controls=Controls(num_frames=len(tensors["context"]), **given),
            anchor_mean=tensors["anchor_mean"],
            anchor_std=tensors["anchor_std"],
            free_chunks=int(tensors.get("free_chunks", 0)),
        )

    def _pulled(self, latents: Tensor, state: LatentState) -> Tensor:
        mean, std = _statistics(latents)
        pulled = (latents - mean) / std * state.anchor_std + state.anchor_mean
        return torch.lerp(latents, pulled, self.config.anchor_pull)


def _statistics(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (1, C, 1, ...) per channel over frames and pixels."""
    axes = [0, *range(2, latents.ndim)]
    return latents.mean(axes, keepdim=True), latents.std(axes, keepdim=True).clamp_min(1e-3)
