"""Training the codec: weighted L1, a Laplacian pyramid, and scale equivariance of the latents.

Pixel weights come from the exact masks of the rendered world: lane paint and small participants count more. Scale
equivariance (Skorokhodov et al. 2025, "Improving the Diffusability of Autoencoders") keeps high frequencies out of the
latents: decoding a down-sampled latent should give the down-sampled picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.video_ldm.codec import CELL
from drivesim.renderer.semantics import Semantic
from drivesim.training.dead_leaves import dead_leaves
from drivesim.training.latents import latent_grid, measure_statistics
from drivesim.training.parts import Dtype, Parts
from drivesim.training.reconstruction import psnr_db, reconstruction_loss
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch, Stage
from drivesim.training.stream import Draw, draw_generator

#: Weight of a pixel by its semantic class; 1 elsewhere.
PIXEL_WEIGHTS = {
    Semantic.LANE_PAINT: 3.0,
    Semantic.PEDESTRIAN: 3.0,
    Semantic.TWO_WHEELER: 3.0,
    Semantic.STATIC_OBJECT: 2.5,
    Semantic.TRAFFIC_LIGHT: 2.0,
    Semantic.POLE_SIGN: 2.0,
    Semantic.CAR: 2.5,
    Semantic.LARGE_VEHICLE: 2.5,
}


#: Dead-leaves pictures to draw from; each costs a third of a second once.
NUM_LEAVES = 200


def pixel_weights() -> np.ndarray:
    """Weight float32 (256,) of a pixel by the number of its semantic class."""
    weights = np.ones(256, np.float32)
    for semantic, weight in PIXEL_WEIGHTS.items():
        weights[semantic] = weight
    return weights


class CodecBatches:
    """Random crops of frames and, for a share of the rows, of dead-leaves pictures."""

    def __init__(
        self, store: ClipStore, *, crop: tuple[int, int], leaves_share: float, recoloured_share: float
    ) -> None:
        self.store = store
        self.crop = crop
        self.leaves_share = leaves_share
        self.recoloured_share = recoloured_share
        self.weights = pixel_weights()
        height, width = (cells * CELL for cells in latent_grid(store))
        self.is_halved = height < store.layout.height
        if crop[0] > height or crop[1] > width:
            raise InputError(f"model.crop {crop[0]}x{crop[1]} is larger than the frames of {height}x{width}")
        rng = np.random.default_rng(5)
        self.leaves = [dead_leaves(rng, height, width) for _ in range(NUM_LEAVES if leaves_share > 0 else 0)]

    def __len__(self) -> int:
        return len(self.store)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``frames`` (N, 3, h, w) in [-1, 1] and ``weights`` (N, 1, h, w)."""
        frames, weights = zip(*(self._row(draw) for draw in draws), strict=True)
        return {
            "frames": frames_to_tensor(np.stack(frames)),
            "weights": torch.from_numpy(np.stack(weights))[:, None],
            "position": torch.tensor([draw.position for draw in draws]),
        }

    def _row(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        rng = draw_generator(11, draw.position)
        picture, semantic = self._picture(rng, draw.sample)
        top = int(rng.integers(0, picture.shape[0] - self.crop[0] + 1))
        left = int(rng.integers(0, picture.shape[1] - self.crop[1] + 1))
        window = (slice(top, top + self.crop[0]), slice(left, left + self.crop[1]))
        flip = -1 if rng.uniform() < 0.5 else 1
        shown = recoloured(picture[window][:, ::flip], rng, self.recoloured_share)
        return shown, self.weights[semantic[window][:, ::flip]]

    def _picture(self, rng: np.random.Generator, sample: int) -> tuple[np.ndarray, np.ndarray]:
        if rng.uniform() < self.leaves_share:
            picture = self.leaves[int(rng.integers(len(self.leaves)))]
            return picture, np.zeros(picture.shape[:2], np.uint8)
        frame = int(rng.integers(self.store.frames_per_clip))
        picture = self.store.read("rgb", sample, frame)
        semantic = np.zeros(picture.shape[:2], np.uint8)
        if self.store.has("semantic"):
            semantic = self.store.read("semantic", sample, frame)
        if not self.is_halved:
            return picture, semantic
        size = (picture.shape[1] // 2, picture.shape[0] // 2)
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), semantic[::2, ::2]


def recoloured(picture: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """A share of the pictures with stronger colours and permuted channels: grey streets teach little about colour."""
    if rng.uniform() >= share:
        return picture
    colours = picture.astype(np.float32)
    grey = colours.mean(-1, keepdims=True)
    boosted = np.clip(grey + rng.uniform(1.0, 2.5) * (colours - grey), 0.0, 255.0).astype(np.uint8)
    return boosted[..., rng.permutation(3)]


class CodecStage(Stage):
    """Trains encoder and decoder at the small size, the layout unknown."""

    part = "codec"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        schedule: Schedule = Schedule(learning_rate=6e-4, average_decay=0.998),
        crop: tuple[int, int] = (128, 256),
        leaves_share: float = 0.25,
        recoloured_share: float = 0.5,
        squared_weight: float = 1.0,
        equivariance_weight: float = 0.25,
        keep_statistics: bool = False,
    ) -> None:
        """See the recipes.

        ``squared_weight`` counts the squared error beside the absolute one, ``equivariance_weight`` scale equivariance.
        ``keep_statistics`` leaves the latents' scale as the initial model has it: then the diffusion parts of that model
        stay usable while the codec adapts to other pictures.
        """
        parts = Parts(Path(work), initial, dtype)
        codec = parts.fresh("codec", network or {})
        for layer in codec.decoder.beyond_small():  # learned later, from larger pictures and their layout
            layer.requires_grad_(False)
        super().__init__(codec, parts, schedule)
        self.crop = crop
        self.leaves_share = leaves_share
        self.recoloured_share = recoloured_share
        self.squared_weight = squared_weight
        self.equivariance_weight = equivariance_weight
        self.keep_statistics = keep_statistics

    def batches(self, store: ClipStore, folder: Path) -> CodecBatches:
        """Crops of the store's frames."""
        return CodecBatches(
            store, crop=self.crop, leaves_share=self.leaves_share, recoloured_share=self.recoloured_share
        )

    def example_batch(self, count: int) -> Batch:
        """Grey crops."""
        return {
            "frames": torch.zeros(count, 3, *self.crop),
            "weights": torch.ones(count, 1, *self.crop),
            "position": torch.zeros(count, dtype=torch.long),
        }

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Reconstruction with slightly noised latents, plus scale equivariance on every second batch."""
        codec, frames = self.network, batch["frames"]
        latents = codec.read(frames)
        noise = torch.randn(latents.shape, generator=generator).to(frames.device)
        loss = reconstruction_loss(codec.draw(latents + 0.03 * noise), frames, batch["weights"], self.squared_weight)
        if self.equivariance_weight > 0.0 and int(batch["position"][0]) // len(frames) % 2 == 0:
            small = codec.draw(F.avg_pool2d(latents, 2))
            loss = loss + self.equivariance_weight * F.l1_loss(small, F.avg_pool2d(frames, 2))
        return loss

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Loss and PSNR (dB) of plain reconstruction."""
        decoded = self.network.draw(self.network.read(batch["frames"])).clamp(-1.0, 1.0)
        loss = reconstruction_loss(decoded, batch["frames"], batch["weights"])
        return {"validation_loss": loss, "validation_psnr_db": psnr_db(decoded, batch["frames"])}

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Four crops, and below each what the codec makes of it."""
        frames = batch["frames"][:4]
        decoded = self.network.draw(self.network.read(frames)).clamp(-1.0, 1.0)
        rows = [np.concatenate(list(tensor_to_frames(row.cpu())), axis=1) for row in (frames, decoded)]
        return np.concatenate(rows)

    def finish(self, store: ClipStore) -> None:
        """Measure the scale of the latents, unless it is kept."""
        if not self.keep_statistics:
            measure_statistics(self.network, store)
