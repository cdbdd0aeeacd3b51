"""Training the x2 upsampler on what the codec really decodes: crops of decoded frames against the large picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.training.parts import Dtype, Parts
from drivesim.training.reconstruction import psnr_db, reconstruction_loss
from drivesim.training.stage import Batch, NothingToLearn, Stage
from drivesim.training.stream import Draw, draw_generator


class UpsamplerBatches:
    """Crops of decoded first frames (h, w) and of their large pictures (2h, 2w)."""

    def __init__(self, store: ClipStore, decoded: np.ndarray, samples: np.ndarray, *, crop: tuple[int, int]) -> None:
        self.store = store
        self.decoded = decoded
        self.samples = samples
        self.crop = crop

    def __len__(self) -> int:
        return len(self.samples)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``small`` (N, 3, h, w) and ``large`` (N, 3, 2h, 2w) in [-1, 1]."""
        rows = [self._row(draw) for draw in draws]
        return {
            "small": frames_to_tensor(np.stack([small for small, _ in rows])),
            "large": frames_to_tensor(np.stack([large for _, large in rows])),
            "position": torch.tensor([draw.position for draw in draws]),
        }

    def _row(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        rng = draw_generator(23, draw.position)
        picture = self.decoded[draw.sample]
        height, width = self.crop
        top = int(rng.integers(0, picture.shape[0] - height + 1))
        left = int(rng.integers(0, picture.shape[1] - width + 1))
        large = self.store.read("large", int(self.samples[draw.sample]))
        return (
            picture[top : top + height, left : left + width],
            large[2 * top : 2 * (top + height), 2 * left : 2 * (left + width)],
        )


class UpsamplerStage(Stage):
    """Trains the upsampler behind a finished codec."""

    part = "upsampler"

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "bfloat16",
        network: dict[str, Any] | None = None,
        learning_rate: float = 1e-3,
        warmup_steps: int = 100,
        average_decay: float = 0.998,
        weight_decay: float = 1e-3,
        crop: tuple[int, int] = (96, 192),
    ) -> None:
        """See the recipes; ``crop`` is at the decoded size."""
        parts = Parts(Path(work), initial, dtype)
        super().__init__(
            parts.fresh("upsampler", network or {}),
            parts,
            learning_rate=learning_rate,
            warmup_steps=warmup_steps,
            average_decay=average_decay,
            weight_decay=weight_decay,
        )
        self.crop = crop

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Nothing to make; raises NothingToLearn when no sample holds a large picture."""
        if not store.has("large"):
            raise NothingToLearn(
                f"{store.info.url}: no sample holds a picture of twice the size, which the upsampler learns from; the "
                "source was smaller than that"
            )

    def batches(self, store: ClipStore, folder: Path) -> UpsamplerBatches:
        """Decode the first frame of every sample that has a large picture."""
        samples = np.flatnonzero([store.gives("large", sample) for sample in range(len(store))])
        codec = self.parts.finished("codec").to(self.device)
        decoded = []
        for sample in track(samples, description="decoding"):
            frames = frames_to_tensor(store.read("rgb", int(sample), 0)[None]).to(self.device)
            with torch.inference_mode():
                decoded.append(tensor_to_frames(codec.decode(codec.encode(frames)).cpu())[0])
        return UpsamplerBatches(store, np.stack(decoded), samples, crop=self.crop)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """L1, L2 and detail loss at the output size."""
        ones = torch.ones((), device=batch["large"].device)
        return reconstruction_loss(self.network(batch["small"]), batch["large"], ones)

    @torch.no_grad()
    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Loss and PSNR (dB), with the PSNR of bilinear enlargement beside it."""
        bilinear = F.interpolate(batch["small"], scale_factor=2.0, mode="bilinear", align_corners=False)
        enlarged = self.network(batch["small"]).clamp(-1.0, 1.0)
        return {
            "validation_loss": self.loss(batch, generator),
            "validation_psnr_db": psnr_db(enlarged, batch["large"]),
            "bilinear_psnr_db": psnr_db(bilinear, batch["large"]),
        }

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Three crops: enlarged bilinearly, by the network, and the truth."""
        small, large = batch["small"][:3], batch["large"][:3]
        bilinear = F.interpolate(small, scale_factor=2.0, mode="bilinear", align_corners=False)
        rows = (bilinear, self.network(small).clamp(-1.0, 1.0), large)
        return np.concatenate([np.concatenate(list(tensor_to_frames(row.cpu())), axis=1) for row in rows])
