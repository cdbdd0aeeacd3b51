"""What clip models learn from: windows of frames for their autoencoders, and latents of windows that follow each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from rich.progress import track
from torch import nn

from drivesim.clip import frames_to_tensor
from drivesim.controls import RASTER_CHANNELS, Control
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.clip_model import ClipAutoencoder, small_clip
from drivesim.models.conditioning_inputs import SHAPES
from drivesim.training.codec_stage import pixel_weights, recoloured
from drivesim.training.parts import encoding_device, network_hash, write_rows
from drivesim.training.small_copies import SmallCopies, raster_sizes
from drivesim.training.stage import Batch
from drivesim.training.stream import Draw, draw_generator

CONTROL_ARRAYS = tuple(kind.value for kind in Control)


class WindowBatches:
    """Windows of as many frames as a clip has, at the clip's size, half of them mirrored."""

    def __init__(self, frames: SmallCopies, clip_shape: tuple[int, int, int], recoloured_share: float) -> None:
        require_frames(frames.store, clip_shape[0])
        self.frames = frames
        self.store = frames.store
        self.clip_shape = clip_shape
        self.recoloured_share = recoloured_share
        self.weights = pixel_weights()

    def __len__(self) -> int:
        return len(self.store)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``clips`` (B, 3, T, H, W) in [-1, 1] and ``weights`` (B, 1, T, H, W)."""
        clips, weights = zip(*(self._row(draw) for draw in draws), strict=True)
        return {
            "clips": rearrange(frames_to_tensor(np.stack(clips)), "b t c h w -> b c t h w"),
            "weights": torch.from_numpy(np.stack(weights))[:, None],
            "position": torch.tensor([draw.position for draw in draws]),
        }

    def _row(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        rng = draw_generator(29, draw.position)
        count, height, width = self.clip_shape
        first = int(rng.integers(self.store.frames_per_clip - count + 1))
        window = slice(first, first + count)
        frames = self.frames.read("rgb", draw.sample, window)
        flip = -1 if rng.uniform() < 0.5 else 1
        weights = np.ones((count, height, width), np.float32)
        if self.store.has("semantic"):
            weights = self.weights[self.frames.read("semantic", draw.sample, window)]
        # One draw recolours a clip as a whole: laid out as one tall picture.
        tall = recoloured(np.concatenate(frames)[:, ::flip], rng, self.recoloured_share)
        return tall.reshape(count, height, width, 3), np.ascontiguousarray(weights[:, :, ::flip])


def require_frames(store: ClipStore, needed: int) -> None:
    """Raise InputError for a store whose clips are too short."""
    if store.frames_per_clip < needed:
        raise InputError(
            f"{store.info.url}: clips of {store.frames_per_clip} frames, this stage needs {needed}; pack longer ones "
            f"(drivesim data pack … --frames {needed})"
        )


class WindowLatents:
    """Latents of a store's windows, and of its frames standing still, encoded once into a file.

    Windows begin every ``stride`` frames. ``of(clip, window)`` are those of a window, ``still(clip, window)`` those of the
    frame before it, standing still for a clip: what a video begins with.
    """

    def __init__(self, store: ClipStore, file: Path, count: int, stride: int) -> None:
        self.store = store
        self.file = file
        self.count = count
        self.starts = window_starts(store, count, stride)
        self.array = np.load(file, mmap_mode="r")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "array"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.array = np.load(self.file, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.store)

    def of(self, clip: int, window: int) -> np.ndarray:
        """Latents float32 of a window."""
        return np.asarray(self.array[clip, 0, window], np.float32)

    def still(self, clip: int, window: int) -> np.ndarray:
        """Latents float32 of the frame before a window (not the first), standing still."""
        return np.asarray(self.array[clip, 1, window], np.float32)


def window_starts(store: ClipStore, count: int, stride: int) -> tuple[int, ...]:
    """First frames of the windows of ``count`` frames in every clip of a store."""
    return tuple(range(0, store.frames_per_clip - count + 1, stride))


def latents_file(network: Any, store: ClipStore, folder: Path, stride: int) -> Path:
    """Where the latents of a store by this very encoder are."""
    return folder / f"windows-{clip_encoder_hash(network)[:12]}-{len(store)}x{store.frames_per_clip}-{stride}.npy"


def clip_encoder_hash(network: Any) -> str:
    """SHA-256 of what decides a clip autoencoder's latents: the weights that encode, and the standardisation."""
    encoding = nn.ModuleDict({name: getattr(network, name) for name in network.ENCODER})
    statistics = {name: buffer.float().tolist() for name, buffer in network.named_buffers(recurse=False)}
    return network_hash(encoding, json.dumps(statistics, sort_keys=True))


def prepare_windows(network: Any, store: ClipStore, folder: Path, stride: int) -> None:
    """Encode all windows and stills into ``folder``, unless an earlier run has."""
    file = latents_file(network, store, folder, stride)
    if file.exists():
        return
    device = encoding_device()
    network = network.to(device)
    rows = [
        _window_latents(network, store.read("rgb", clip), store, stride, device)
        for clip in track(range(len(store)), description="encoding")
    ]
    write_rows(file, rows)


def _window_latents(
    network: ClipAutoencoder, frames: np.ndarray, store: ClipStore, stride: int, device: torch.device
) -> np.ndarray:
    """Latents float16 (2, windows, ...) of one clip's windows and stills; the first window's still is its own first frame."""
    count = network.clip_shape[0]
    small = small_clip(frames_to_tensor(frames), network).to(device)
    starts = window_starts(store, count, stride)
    with torch.inference_mode():
        windows = [network.encode(small[None, :, start : start + count]) for start in starts]
        before = [max(start - 1, 0) for start in starts]
        stills = [network.encode(small[None, :, at : at + 1].expand(-1, -1, count, -1, -1)) for at in before]
        return torch.stack([torch.cat(windows), torch.cat(stills)]).half().cpu().numpy()


def looked_at(network: Any, store: ClipStore, folder: Path) -> SmallCopies:
    """A store's controls as a denoiser's stem averages them; ``folder`` is where copies of its windows are."""
    return SmallCopies(store, folder, raster_sizes(*network.stem.seen_size))


def gathered_controls(controls: SmallCopies, places: Sequence[tuple[int, Sequence[int]]]) -> Batch:
    """Controls (B, T, ...) of the frames named for each clip, with flags (B,) of what their source knows."""
    batch: Batch = {}
    for name in CONTROL_ARRAYS:
        rows = []
        for clip, frames in places:
            first, last = min(frames), max(frames)
            window = controls.read(name, clip, slice(first, last + 1))  # zeros where the source does not know it
            rows.append(window[[frame - first for frame in frames]])
        batch[name] = torch.from_numpy(np.stack(rows))
        batch[f"{name}_given"] = torch.tensor([float(controls.store.gives(name, clip)) for clip, _ in places])
    return batch


def example_controls(count: int, frames: int) -> Batch:
    """What :func:`gathered_controls` gives, empty, with every control known."""
    batch = {
        kind.value: torch.zeros(count, frames, *shape, dtype=torch.uint8 if kind in RASTER_CHANNELS else torch.float32)
        for kind, shape in SHAPES.items()
    }
    return batch | {f"{name}_given": torch.ones(count) for name in CONTROL_ARRAYS}
