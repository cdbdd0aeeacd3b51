"""A hierarchical rollout of the Video LDM: key frames far apart, then what lies between them, by one network told the stride.

After Blattmann et al. 2023, section 3.2, whose prediction and interpolation models are two networks. A call draws the key frames that
follow the newest ones, then halves their distance (or divides it by what the strides say) level by level, all intervals of a level at
once. Errors pile up from key frame to key frame, of which there are a fraction as many as frames.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from drivesim.controls import Control, Controls
from drivesim.diffusion.sampler import sample
from drivesim.models.codec import Codec, Denoiser
from drivesim.models.latent import KEY_STRIDE, LATENT_LIMIT, LatentChunk, LatentState, LatentWorldModel, RolloutConfig
from drivesim.models.video_ldm.known import KnownFrames, stride_ratios, strided_motion
from drivesim.noise import NoiseStream
from drivesim.world_model import WorldModelSpec


class IntervalDenoiser(Protocol):
    """A video network at all of its strides: predicting at one of them, and between known frames."""

    def at(self, stride: int) -> Denoiser:
        """The network as a denoiser of clips that go on, of frames ``stride`` apart."""
        ...

    def prepare(self, context: Controls, new: Controls) -> Any:
        """Network inputs for the controls of the frames of a stretch, made once for all levels."""
        ...

    def intervals(self, prepared: Any, new: Controls, stride: int, ratio: int) -> Any:
        """What was prepared of a frame and the ``new`` ones behind it, for all clips of ``ratio`` + 1 frames ``stride`` apart, end to end."""
        ...

    def denoise_clips(self, noisy: Tensor, sigma: Tensor, known: KnownFrames, prepared: Any) -> Tensor:
        """Estimate of the clean latents (B, T, ...) from noisy latents and one noise level per frame (B, T)."""
        ...


class HierarchicalWorldModel:
    """Continues a video in latent space by key frames; see :class:`drivesim.world_model.WorldModel`.

    ``spec`` counts frames of the video: a chunk ends with its last key frame. ``strides`` are the network's.
    """

    def __init__(
        self,
        spec: WorldModelSpec,
        codec: Codec,
        denoiser: IntervalDenoiser,
        config: RolloutConfig,
        strides: Sequence[int],
    ) -> None:
        self.strides, self.ratios = tuple(strides), stride_ratios(strides)
        self.apart = self.strides[-1]
        if spec.chunk_frames % self.apart or (spec.context_frames - 1) % self.apart or self.apart == 1:
            raise ValueError(
                f"chunks of {spec.chunk_frames} frames behind {spec.context_frames}: expected whole intervals of key frames "
                f"{self.apart} apart, of more than 1"
            )
        self._spec = spec
        self.codec = codec
        self.denoiser = denoiser
        self.config = config
        self.keys = LatentWorldModel(
            dataclasses.replace(
                spec,
                context_frames=(spec.context_frames - 1) // self.apart + 1,
                chunk_frames=spec.chunk_frames // self.apart,
            ),
            codec,
            denoiser.at(self.apart),
            config,
        )

    @property
    def spec(self) -> WorldModelSpec:
        """What this model makes."""
        return self._spec

    def begin(self, past: Tensor, controls: Controls) -> LatentState:
        """State after the frames ``past`` (T, 3, H, W): of those that lie whole key intervals before the last one the newest are kept."""
        if len(past) != controls.num_frames:
            raise ValueError(f"{len(past)} past frames but controls of {controls.num_frames}; they must agree")
        places = list(range(len(past) - 1, -1, -self.apart))[: self.keys.spec.context_frames][::-1]
        return self.keys.begin(past[places], sparse_controls(controls, places, self.apart))

    @torch.inference_mode()
    def step(self, state: LatentState, controls: Controls, noise: NoiseStream) -> tuple[LatentChunk, LatentState]:
        """The next chunk, and the state after it."""
        if controls.num_frames != self.spec.chunk_frames:
            raise ValueError(
                f"controls of {controls.num_frames} frames, but a chunk of this model has {self.spec.chunk_frames}"
            )
        places = range(self.apart - 1, controls.num_frames, self.apart)
        keys, after = self.keys.step(state, sparse_controls(controls, places, self.apart), noise.child(0))
        newest = len(state.context) - 1
        known = torch.cat([state.context[newest:], keys.latents])
        prepared = self.denoiser.prepare(state.controls.window(newest, newest + 1), controls)
        for level in reversed(range(len(self.ratios))):
            stride, ratio = self.strides[level], self.ratios[level]
            told = self.denoiser.intervals(prepared, controls, stride, ratio)
            known = self._filled(known, stride, ratio, told, noise.child(1, level))
        return LatentChunk(known[1:], controls), after

    def _filled(self, known: Tensor, stride: int, ratio: int, told: Any, noise: NoiseStream) -> Tensor:
        """Known latents (N + 1, ...) with what lies between: (N * ratio + 1, ...), ``stride`` apart, the known ones as they are.

        The ends of every interval are perturbed as context is. What they show is settled, so no more steps are taken where actors are
        withheld, and nothing is guided.
        """
        intervals, between = len(known) - 1, ratio - 1
        perturbed = known + self.config.context_noise * noise.child(1).normal(*known.shape)
        first, last = perturbed[:-1, None], perturbed[1:, None]
        sigma_known = torch.full((intervals, 1), max(self.config.context_noise, self.config.sampler.sigma_min))
        at_the_ends = KnownFrames(1, 1, stride)

        def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
            levels = torch.cat([sigma_known, sigma.float()[:, None].expand(-1, between), sigma_known], dim=1)
            clips = torch.cat([first, noisy, last], dim=1)
            return self.denoiser.denoise_clips(clips, levels, at_the_ends, told)[:, 1:-1]

        fresh = sample(denoise, noise.child(0).normal(intervals, between, *known.shape[1:]), self.config.sampler)
        rows = torch.cat([known[:-1, None], fresh.clamp(-LATENT_LIMIT, LATENT_LIMIT)], dim=1)
        return torch.cat([rows.flatten(0, 1), known[-1:]])

    def draw(self, chunk: LatentChunk) -> LatentChunk:
        """The chunk, drawn."""
        return self.keys.draw(chunk)

    def decode(self, chunk: LatentChunk, previous: Tensor) -> Tensor:
        """Frames (T, 3, H, W) of a chunk, behind the frame ``previous`` (3, H, W)."""
        return self.keys.decode(chunk, previous)

    def pack_state(self, state: LatentState) -> dict[str, Tensor]:
        """The state as named tensors, with how far apart its frames are."""
        return {**self.keys.pack_state(state), KEY_STRIDE: torch.tensor(self.apart)}

    def unpack_state(self, tensors: Mapping[str, Tensor]) -> LatentState:
        """The state that :meth:`pack_state` wrote. Raises ValueError for one of frames that are another time apart."""
        apart = int(tensors.get(KEY_STRIDE, torch.tensor(1)))
        if apart != self.apart:
            raise ValueError(
                f"a stored state holds frames {apart} apart, this model's key frames are {self.apart} apart"
            )
        return self.keys.unpack_state({name: tensor for name, tensor in tensors.items() if name != KEY_STRIDE})


def sparse_controls(controls: Controls, places: Sequence[int], stride: int) -> Controls:
    """The controls of some frames, ``stride`` apart, with motion from each to the next, a frame; nothing flows over so long a time."""
    rows = list(places)
    told = {kind.value: getattr(controls, kind.value)[rows] for kind in controls.given() if kind is not Control.MOTION}
    if controls.motion is not None:
        told["motion"] = strided_motion(controls.motion, rows, stride)
    return Controls(num_frames=len(rows), **told)
