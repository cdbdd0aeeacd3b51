"""Models that make video clip by clip, each clip's latents from those of the last: the rollout of PVDM and LVDM as a WorldModel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from drivesim.controls import Controls
from drivesim.noise import NoiseStream
from drivesim.world_model import WorldModelSpec

#: Rows and columns of a frame as it is shown; a clip's own frames are smaller and are enlarged.
FRAME_SIZE = (512, 1024)


class ClipAutoencoder(Protocol):
    """Whole clips to latents and back."""

    #: Names of the modules that encode; the others decode.
    ENCODER: ClassVar[tuple[str, ...]]

    @property
    def clip_shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns of a clip."""
        ...

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one clip's latents."""
        ...

    def encode(self, clips: Tensor) -> Tensor:
        """Clips (B, 3, T, H, W) in [-1, 1] to latents (B, ...)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, ...) to clips (B, 3, T, H, W) in about [-1, 1]."""
        ...


class ClipPredictor(Protocol):
    """Draws the latents of the clips that follow one."""

    @property
    def num_clips(self) -> int:
        """Clips that one call makes."""
        ...

    def predict(self, context: Tensor, controls: Controls, noise: NoiseStream, *, first: bool) -> Tensor:
        """Latents (num_clips, ...) after those of one clip (1, ...), float32 on the CPU, for the controls of the new frames.

        ``first`` says that the context is what a video begins with.
        """
        ...


class ClipCodec:
    """An autoencoder of clips behind frames of the size that is shown: ``frame_size`` rows and columns."""

    def __init__(
        self, network: ClipAutoencoder, device: torch.device, frame_size: tuple[int, int] = FRAME_SIZE
    ) -> None:
        self.network = network
        self.device = device
        self.frame_size = frame_size

    @property
    def clip_frames(self) -> int:
        """Frames of a clip, which are coded together."""
        return self.network.clip_shape[0]

    @torch.inference_mode()
    def encode(self, frames: Tensor) -> Tensor:
        """Frames (T, 3, H, W) in [-1, 1] to latents (clips, ...), float32 on the CPU; the last frame fills the last clip up."""
        missing = -len(frames) % self.clip_frames
        filled = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
        latents = [
            self.network.encode(
                small_clip(filled[first : first + self.clip_frames].to(self.device), self.network)[None]
            )
            .float()
            .cpu()
            for first in range(0, len(filled), self.clip_frames)
        ]
        return torch.cat(latents)

    @torch.inference_mode()
    def decode(self, latents: Tensor, controls: Controls, previous: Tensor | None = None) -> Tensor:
        """Latents (clips, ...) to the frames (T, 3, H, W) that ``controls`` cover; neither those nor ``previous`` change them."""
        shown = []
        for latent in latents:
            clip = self.network.decode(latent[None].to(self.device))
            frames = rearrange(clip, "1 c t h w -> t c h w").float()
            large = F.interpolate(frames, size=self.frame_size, mode="bicubic", align_corners=False)
            shown.append(large.clamp(-1.0, 1.0).cpu())
        return torch.cat(shown)[: controls.num_frames]


def small_clip(frames: Tensor, network: ClipAutoencoder) -> Tensor:
    """Frames (T, 3, H, W) at the clip's own size, by averaging: (3, T, h, w)."""
    return rearrange(F.interpolate(frames, size=network.clip_shape[1:], mode="area"), "t c h w -> c t h w")


@dataclass(frozen=True, eq=False)
class ClipState:
    """The latents (1, ...) of the last clip, and whether they are what the video begins with."""

    context: Tensor
    first: bool


@dataclass(frozen=True, eq=False)
class ClipChunk:
    """New clips before decoding: latents (clips, ...), what was told of their frames, and the frames once they are drawn."""

    latents: Tensor
    controls: Controls
    frames: Tensor | None = None


class ClipWorldModel:
    """Continues a video clip by clip (PVDM's algorithm 1); see :class:`drivesim.world_model.WorldModel`.

    A video begins with a frame, or with a few: what is missing of the first context clip is its first frame, standing
    still. Latents pass from clip to clip and are never encoded again.
    """

    def __init__(self, spec: WorldModelSpec, codec: ClipCodec, predictor: ClipPredictor) -> None:
        expected = predictor.num_clips * codec.clip_frames
        if spec.chunk_frames != expected:
            raise ValueError(f"a chunk of {spec.chunk_frames} frames, but the model makes {expected} in a call")
        self._spec = spec
        self.codec = codec
        self.predictor = predictor

    @property
    def spec(self) -> WorldModelSpec:
        """What this model makes."""
        return self._spec

    def begin(self, past: Tensor, controls: Controls) -> ClipState:
        """State after the frames ``past`` (T, 3, H, W), of which the last clip is kept as latents."""
        if len(past) != controls.num_frames:
            raise ValueError(f"{len(past)} past frames but controls of {controls.num_frames}; they must agree")
        kept = past[-self.codec.clip_frames :]
        still = kept[:1].expand(self.codec.clip_frames - len(kept), -1, -1, -1)
        return ClipState(context=self.codec.encode(torch.cat([still, kept])), first=True)

    @torch.inference_mode()
    def step(self, state: ClipState, controls: Controls, noise: NoiseStream) -> tuple[ClipChunk, ClipState]:
        """The next chunk, and the state after it."""
        if controls.num_frames != self.spec.chunk_frames:
            raise ValueError(
                f"controls of {controls.num_frames} frames, but a chunk of this model has {self.spec.chunk_frames}"
            )
        latents = self.predictor.predict(state.context, controls, noise, first=state.first)
        return ClipChunk(latents, controls), ClipState(context=latents[-1:].clone(), first=False)

    def draw(self, chunk: ClipChunk) -> ClipChunk:
        """The chunk with its frames: all of decoding, as no frame depends on the one shown before."""
        if chunk.frames is not None:
            return chunk
        return dataclasses.replace(chunk, frames=self.codec.decode(chunk.latents, chunk.controls))

    def decode(self, chunk: ClipChunk, previous: Tensor) -> Tensor:
        """Frames (T, 3, H, W) of a chunk; ``previous`` does not change them."""
        frames = self.draw(chunk).frames
        assert frames is not None
        return frames

    def pack_state(self, state: ClipState) -> dict[str, Tensor]:
        """The state as named tensors."""
        return {"context": state.context, "first": torch.tensor(int(state.first), dtype=torch.uint8)}

    def unpack_state(self, tensors: Mapping[str, Tensor]) -> ClipState:
        """The state that :meth:`pack_state` wrote."""
        missing = {"context", "first"} - set(tensors)
        if missing:
            raise ValueError(f"a stored state lacks {', '.join(sorted(missing))}")
        context, expected = tensors["context"], (1, *self.codec.network.latent_shape)
        if tuple(context.shape) != expected:
            raise ValueError(f"a stored state's context has shape {tuple(context.shape)}, expected {expected}")
        return ClipState(context=context, first=bool(tensors["first"]))
