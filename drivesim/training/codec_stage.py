"""Training the codec: weighted L1, a Laplacian pyramid, and scale equivariance of the latents.

Pixel weights come from the exact masks of the rendered world: lane paint and small participants count more. Scale
equivariance (Skorokhodov et al. 2025, "Improving the Diffusability of Autoencoders") keeps high frequencies out of the
latents: decoding a down-sampled latent should give the down-sampled picture.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.clip import frames_to_tensor
from drivesim.datasets.procedural.semantics import Semantic
from drivesim.datasets.store import ClipStore
from drivesim.models.video_ldm.codec import YCC_FROM_RGB, FrameCodec
from drivesim.training.dead_leaves import dead_leaves
from drivesim.training.stage import Batch, Stage

#: Weight of a pixel by its semantic class; 1 elsewhere.
PIXEL_WEIGHTS = {
    Semantic.LANE_PAINT: 3.0,
    Semantic.PEDESTRIAN: 3.0,
    Semantic.TWO_WHEELER: 3.0,
    Semantic.STATIC_OBJECT: 2.5,
    Semantic.TRAFFIC_LIGHT: 2.0,
    Semantic.CAR: 1.5,
    Semantic.LARGE_VEHICLE: 1.5,
}


class CodecBatches:
    """Batch ``index``: random crops of rendered frames and, one in four, of dead-leaves pictures."""

    def __init__(self, store: ClipStore, *, batch_size: int = 16, crop: tuple[int, int] = (128, 256)) -> None:
        self.store = store
        self.batch_size = batch_size
        self.crop = crop
        self.weights = np.ones(256, np.float32)
        for semantic, weight in PIXEL_WEIGHTS.items():
            self.weights[semantic] = weight
        rng = np.random.default_rng(5)
        self.leaves = [dead_leaves(rng, 256, 512) for _ in range(300)]

    def __call__(self, index: int) -> Batch:
        """``frames`` (N, 3, h, w) in [-1, 1] and ``weights`` (N, 1, h, w)."""
        rng = np.random.default_rng([11, index])
        frames, weights = [], []
        for row in range(self.batch_size):
            picture, semantic = self._picture(rng, leaves=row % 4 == 3)
            top = int(rng.integers(0, picture.shape[0] - self.crop[0] + 1))
            left = int(rng.integers(0, picture.shape[1] - self.crop[1] + 1))
            window = (slice(top, top + self.crop[0]), slice(left, left + self.crop[1]))
            flip = -1 if rng.uniform() < 0.5 else 1
            frames.append(_recoloured(picture[window][:, ::flip], rng))
            weights.append(self.weights[semantic[window][:, ::flip]])
        weight_tensor = torch.from_numpy(np.stack(weights))[:, None]
        return {"frames": frames_to_tensor(np.stack(frames)), "weights": weight_tensor}

    def _picture(self, rng: np.random.Generator, leaves: bool) -> tuple[np.ndarray, np.ndarray]:
        if leaves:
            picture = self.leaves[int(rng.integers(len(self.leaves)))]
            return picture, np.zeros(picture.shape[:2], np.uint8)
        clip = int(rng.integers(len(self.store)))
        frame = int(rng.integers(self.store.frames_per_clip))
        return self.store.read("rgb", clip, frame), self.store.read("semantic", clip, frame)


def _recoloured(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures with stronger colours and permuted channels: grey streets teach little about colour."""
    if rng.uniform() < 0.5:
        return picture
    colours = picture.astype(np.float32)
    grey = colours.mean(-1, keepdims=True)
    boosted = np.clip(grey + rng.uniform(1.0, 2.5) * (colours - grey), 0.0, 255.0).astype(np.uint8)
    return boosted[..., rng.permutation(3)]


class CodecStage(Stage):
    """Trains a :class:`FrameCodec`."""

    def __init__(self, codec: FrameCodec, *, budget_s: float, learning_rate: float = 6e-4) -> None:
        super().__init__(codec, learning_rate=learning_rate, budget_s=budget_s, decay=0.998)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Reconstruction with slightly noised latents, plus scale equivariance on every second batch."""
        codec = self.network
        latents = codec.read(batch["frames"])
        decoded = codec.draw(latents + 0.03 * torch.randn(latents.shape, generator=generator))
        loss = reconstruction_loss(decoded, batch["frames"], batch["weights"])
        if self.global_step % 2 == 0:
            small = codec.draw(F.avg_pool2d(latents, 2))
            loss = loss + 0.25 * F.l1_loss(small, F.avg_pool2d(batch["frames"], 2))
        return loss


class DecoderStage(Stage):
    """Trains the decoder of a :class:`FrameCodec` whose encoder is frozen (as GameNGen does with its own)."""

    def __init__(self, codec: FrameCodec, *, budget_s: float, learning_rate: float = 4e-4) -> None:
        super().__init__(codec, learning_rate=learning_rate, budget_s=budget_s, decay=0.998)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Reconstruction from latents with noise of up to 5 %, which diffusion leaves in them too."""
        codec = self.network
        with torch.no_grad():
            latents = codec.read(batch["frames"])
            level = 0.05 * torch.rand(len(latents), 1, 1, 1, generator=generator)
            latents = latents + level * torch.randn(latents.shape, generator=generator)
        return reconstruction_loss(codec.draw(latents), batch["frames"], batch["weights"])


def reconstruction_loss(decoded: Tensor, frames: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1 and L2, L1 on two levels of a Laplacian pyramid, and L1 of coarse chroma.

    All (N, 3, H, W) with weights (N, 1, H, W). Colour is what such a codec learns last: grey road and sky dominate the
    other terms, and cars came out orange instead of red until coarse chroma had a term of its own.
    """
    error = decoded - frames
    loss = (weights * error.abs()).mean() + (weights * error.square()).mean()
    chroma = torch.einsum("kc,nchw->nkhw", YCC_FROM_RGB[1:].to(error.device), F.avg_pool2d(error, 4))
    loss = loss + 3.0 * chroma.abs().mean()
    for _ in range(2):
        coarse = F.avg_pool2d(error, 2)
        detail = error - F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        loss = loss + 0.5 * detail.abs().mean()
        error = coarse
    return loss
