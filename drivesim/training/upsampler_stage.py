"""Training the x2 upsampler on what the codec really decodes: crops of decoded frames against the large rendering."""

from __future__ import annotations

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.models.video_ldm.upsampler import Upsampler
from drivesim.training.codec_stage import reconstruction_loss
from drivesim.training.stage import Batch, Stage


class UpsamplerBatches:
    """Batch ``index``: crops of decoded first frames (h, w) and of their large renderings (2h, 2w)."""

    def __init__(
        self, codec: FrameCodec, store: ClipStore, *, batch_size: int = 12, crop: tuple[int, int] = (96, 192)
    ) -> None:
        self.store = store
        self.batch_size = batch_size
        self.crop = crop
        self.decoded = []
        for clip in track(range(len(store)), description="decoding"):
            frames = frames_to_tensor(store.read("rgb", clip, 0)[None])
            with torch.inference_mode():
                self.decoded.append(tensor_to_frames(codec.decode(codec.encode(frames)))[0])

    def __call__(self, index: int) -> Batch:
        """``small`` (N, 3, h, w) and ``large`` (N, 3, 2h, 2w) in [-1, 1]."""
        rng = np.random.default_rng([19, index])
        small, large = [], []
        for _ in range(self.batch_size):
            clip = int(rng.integers(len(self.store)))
            top = int(rng.integers(0, self.decoded[clip].shape[0] - self.crop[0] + 1))
            left = int(rng.integers(0, self.decoded[clip].shape[1] - self.crop[1] + 1))
            height, width = self.crop
            small.append(self.decoded[clip][top : top + height, left : left + width])
            picture = self.store.read("large", clip)
            large.append(picture[2 * top : 2 * (top + height), 2 * left : 2 * (left + width)])
        return {"small": frames_to_tensor(np.stack(small)), "large": frames_to_tensor(np.stack(large))}


class UpsamplerStage(Stage):
    """Trains an :class:`Upsampler`."""

    def __init__(self, network: Upsampler, *, budget_s: float, learning_rate: float = 1e-3) -> None:
        super().__init__(network, learning_rate=learning_rate, budget_s=budget_s, decay=0.998)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """L1, L2 and detail loss at the output size."""
        return reconstruction_loss(self.network(batch["small"]), batch["large"], torch.ones(()))
