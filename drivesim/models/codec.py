"""What the latent world model asks of a codec and of a denoiser; samplers and rollouts see only these."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from drivesim.controls import Controls
from drivesim.noise import NoiseStream


class Codec(Protocol):
    """Frames to latents and back; latents may have any shape after the frame axis."""

    def encode(self, frames: Tensor) -> Tensor:
        """Frames (T, 3, H, W) in [-1, 1] at the output size to latents (T, ...), float32."""
        ...

    def draw(self, latents: Tensor, controls: Controls) -> Any:
        """All of decoding latents (T, ...) that does not need the frame before; ``controls`` are told of the T frames."""
        ...

    def finish(
        self, drawn: Any, controls: Controls, previous: Tensor | None = None, noise: NoiseStream = NoiseStream(0)
    ) -> Tensor:
        """What :meth:`draw` made to frames (T, 3, H, W) in [-1, 1] at the output size, float32 on the CPU.

        A codec may make use of ``controls`` and of ``previous`` (3, H, W), the frame before them, and draw from ``noise``.
        """
        ...


class Denoiser(Protocol):
    """One forward pass of the video network over context and new frames."""

    def prepare(self, context: Controls, new: Controls) -> Any:
        """Network inputs for the controls of the context frames and of the new frames, made once per chunk.

        A kind of control may be told for one and withheld for the other.
        """
        ...

    def without_context(self, prepared: Any, num_context: int) -> Any:
        """What :meth:`prepare` made, for the new frames alone: for a pass that sees no context."""
        ...

    def denoise(self, noisy: Tensor, sigma: Tensor, num_context: int, prepared: Any) -> Tensor:
        """Estimate of the clean latents (T, ...) from noisy latents and one noise level per frame (T,)."""
        ...
