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
from drivesim.models.enlarging import UPSAMPLER, Enlarger
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
    """An autoencoder of clips behind frames of the size that is shown: ``frame_size`` rows and columns.

    Clips are enlarged by ``enlarger`` where there is one, else bicubically.
    """

    def __init__(
        self,
        network: ClipAutoencoder,
        device: torch.device,
        frame_size: tuple[int, int] = FRAME_SIZE,
        enlarger: Enlarger | None = None,
    ) -> None:
        self.network = network
        self.device = device
        self.frame_size = frame_size
        self.enlarger = enlarger

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
    def draw(self, latents: Tensor, controls: Controls) -> Tensor:
        """Latents (clips, ...) to the frames (T, 3, h, w) that ``controls`` cover, which are not changed by those.

        They are small where an upsampler enlarges them, else of the size that is shown.
        """
        drawn = []
        for latent in latents:
            clip = self.network.decode(latent[None].to(self.device))
            frames = rearrange(clip, "1 c t h w -> t c h w").float()
            if self.enlarger is None:
                frames = F.interpolate(frames, size=self.frame_size, mode="bicubic", align_corners=False)
            drawn.append(frames.clamp(-1.0, 1.0).cpu())
        return torch.cat(drawn)[: controls.num_frames]

    def finish(self, drawn: Tensor, previous: Tensor | None, noise: NoiseStream) -> Tensor:
        """What :meth:`draw` made to frames (T, 3, H, W); an upsampler carries on ``previous`` (3, H, W) and draws from ``noise``."""
        return drawn if self.enlarger is None else self.enlarger.enlarge(drawn, previous, noise)

    def decode(
        self,
        latents: Tensor,
        controls: Controls,
        previous: Tensor | None = None,
        noise: NoiseStream = NoiseStream(0),
    ) -> Tensor:
        """Latents (clips, ...) to the frames (T, 3, H, W) that ``controls`` cover: :meth:`finish` of :meth:`draw`."""
        return self.finish(self.draw(latents, controls), previous, noise)


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
    """New clips before decoding: latents (clips, ...), what was told of their frames, what an upsampler draws from, and what the
    codec drew of the frames so far.
    """

    latents: Tensor
    controls: Controls
    noise: NoiseStream = NoiseStream(0)
    drawn: Tensor | None = None


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
        chunk = ClipChunk(latents, controls, noise.named(UPSAMPLER))
        return chunk, ClipState(context=latents[-1:].clone(), first=False)

    def draw(self, chunk: ClipChunk) -> ClipChunk:
        """The chunk, drawn: all of decoding but an upsampler's part, which carries on the frame before."""
        if chunk.drawn is not None:
            return chunk
        return dataclasses.replace(chunk, drawn=self.codec.draw(chunk.latents, chunk.controls))

    def decode(self, chunk: ClipChunk, previous: Tensor) -> Tensor:
        """Frames (T, 3, H, W) of a chunk; only an upsampler makes use of ``previous`` (3, H, W)."""
        drawn = self.draw(chunk).drawn
        assert drawn is not None
        return self.codec.finish(drawn, previous, chunk.noise)

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
