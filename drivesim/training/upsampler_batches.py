"""What an upsampler learns from: crops of frames, and the same crops small, averaged or as the model's autoencoder gives them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from rich.progress import track
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.clip_model import small_clip
from drivesim.training.clip_batches import require_frames
from drivesim.training.decoder_stage import OUTPUT_SIZE, clips_with_pictures, is_full_size, pictures_of
from drivesim.training.parts import Parts, encoding_device, network_hash, write_rows
from drivesim.training.stage import Batch, NothingToLearn
from drivesim.training.stream import Draw, draw_generator

Size = tuple[int, int]


class UpsamplerBatches:
    """Crops of ``crop`` pixels of ``num_frames`` frames that follow each other, at the size ``size``, half of them mirrored."""

    def __init__(
        self,
        store: ClipStore,
        *,
        size: Size,
        crop: Size,
        num_frames: int,
        factor: int,
        reconstructed: np.ndarray | None = None,
        reconstructed_share: float = 0.0,
    ) -> None:
        """``reconstructed`` uint8 (clips, T, h, w, 3) are the store's small frames as the autoencoder gives them back, for a share."""
        self.store, self.size, self.crop = store, size, crop
        self.num_frames, self.factor = num_frames, factor
        self.samples = clips_of_size(store, size, num_frames)
        self.reconstructed = reconstructed
        self.reconstructed_share = 0.0 if reconstructed is None else reconstructed_share

    def __len__(self) -> int:
        return len(self.samples)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``frames`` (B, T, 3, H, W) and ``small`` (B, T, 3, H / factor, W / factor), in [-1, 1]."""
        frames, small = zip(*(self._row(draw) for draw in draws), strict=True)
        return {
            "frames": torch.stack(frames),
            "small": torch.stack(small),
            "position": torch.tensor([draw.position for draw in draws]),
        }

    def _row(self, draw: Draw) -> tuple[Tensor, Tensor]:
        rng, clip = draw_generator(37, draw.position), int(self.samples[draw.sample])
        count = self.num_frames
        first = int(rng.integers(0, self.store.frames_per_clip - count + 1)) if has_size(self.store, self.size) else 0
        window = slice(first, first + count)
        top, left = (
            int(rng.integers(0, (whole - part) // self.factor + 1)) * self.factor
            for whole, part in zip(self.size, self.crop, strict=True)
        )
        frames = self._cut(frames_of_size(self.store, clip, window, self.size), top, left, self.crop)
        small = F.avg_pool2d(frames, self.factor)
        if rng.uniform() < self.reconstructed_share and self.reconstructed is not None:
            corner, part = (top // self.factor, left // self.factor), small.shape[-2:]
            small = self._cut(self.reconstructed[clip, window], *corner, (part[0], part[1]))
        if rng.uniform() < 0.5:
            frames, small = frames.flip(-1), small.flip(-1)
        return frames, small

    @staticmethod
    def _cut(frames: np.ndarray, top: int, left: int, size: Size) -> Tensor:
        return frames_to_tensor(np.ascontiguousarray(frames[:, top : top + size[0], left : left + size[1]]))


def has_size(store: ClipStore, size: Size) -> bool:
    """Whether the frames of a store are as large as ``size``, or so many times larger."""
    return store.layout.height % size[0] == 0 and store.layout.width % size[1] == 0


def clips_of_size(store: ClipStore, size: Size, num_frames: int) -> list[int]:
    """The clips that have frames of a size. Raises NothingToLearn where none has, InputError where clips are too short."""
    if has_size(store, size):
        require_frames(store, num_frames)
        return list(range(len(store)))
    found = clips_with_pictures(store) if size == OUTPUT_SIZE and num_frames == 1 else []
    if not found:
        raise NothingToLearn(
            f"{store.info.url}: frames of {store.layout.height}x{store.layout.width}, the upsampler learns "
            f"{'clips' if num_frames > 1 else 'frames'} of {size[0]}x{size[1]}. Pack with --height {size[0]} --width {size[1]}"
        )
    return found


def frames_of_size(store: ClipStore, clip: int, window: slice, size: Size) -> np.ndarray:
    """Frames uint8 (T, *size, 3) of a clip: its own, averaged where they are larger, else its one large picture."""
    if not has_size(store, size):
        return pictures_of(store, clip, window)
    frames = store.read("rgb", clip, window)
    if is_full_size(store) and size == OUTPUT_SIZE:
        return frames
    return np.stack([cv2.resize(frame, (size[1], size[0]), interpolation=cv2.INTER_AREA) for frame in frames])


def reconstructor(parts: Parts) -> tuple[Any, Callable[[Tensor], Tensor]]:
    """The network by which a model's frames pass, and what it makes of frames (T, 3, H, W): small ones (T, 3, h, w), float32.

    Raises InputError where none is trained.
    """
    part = "autoencoder" if "autoencoder" in parts.of_model else "codec"
    network = parts.finished(part).to(encoding_device())

    def of_clip(frames: Tensor) -> Tensor:
        count = network.clip_shape[0]
        if len(frames) < count:
            raise InputError(
                f"clips of {len(frames)} frames, the autoencoder takes {count}; pack longer ones or set "
                "model.reconstructed_share to 0"
            )
        # Windows side by side; the last one ends with the clip.
        starts = [*range(0, len(frames) - count, count), len(frames) - count]
        made = torch.empty(len(frames), 3, *network.clip_shape[1:])
        for start in starts:
            clip = small_clip(frames[start : start + count].to(encoding_device()), network)[None]
            made[start : start + count] = rearrange(
                network.decode(network.encode(clip)), "1 c t h w -> t c h w"
            ).float()
        return made

    def of_frames(frames: Tensor) -> Tensor:
        half = F.interpolate(frames, size=(OUTPUT_SIZE[0] // 2, OUTPUT_SIZE[1] // 2), mode="area")
        return torch.cat([network.decode(network.encode(one[None].to(encoding_device()))).cpu() for one in half])

    return network, of_clip if part == "autoencoder" else of_frames


def reconstructed_file(network: Any, store: ClipStore, folder: Path) -> Path:
    """Where the frames of a store are kept as this very network gives them back."""
    return folder / f"reconstructed-{network_hash(network)[:12]}-{len(store)}x{store.frames_per_clip}.npy"


def prepare_reconstructions(parts: Parts, store: ClipStore, folder: Path) -> None:
    """Write the store's frames as the model's autoencoder gives them back into ``folder``, unless an earlier run has."""
    network, reconstruct = reconstructor(parts)
    file = reconstructed_file(network, store, folder)
    if file.exists():
        return
    with torch.inference_mode():
        rows = [
            tensor_to_frames(reconstruct(frames_to_tensor(store.read("rgb", clip))).clamp(-1.0, 1.0))
            for clip in track(range(len(store)), description="reconstructing")
        ]
    write_rows(file, rows)


def load_reconstructions(parts: Parts, store: ClipStore, folder: Path) -> np.ndarray:
    """What :func:`prepare_reconstructions` wrote, uint8 (clips, T, h, w, 3)."""
    network, _ = reconstructor(parts)
    return np.load(reconstructed_file(network, store, folder), mmap_mode="r")
