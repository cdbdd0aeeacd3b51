"""Latents of a store: read from it when it holds those of this codec, else encoded once into a file of the stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track

from drivesim.clip import frames_to_tensor
from drivesim.controls import RASTER_CHANNELS, Control
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.models.conditioning_inputs import SHAPES
from drivesim.models.video_ldm.codec import CELL, FrameCodec
from drivesim.models.video_ldm.parts import latent_size
from drivesim.training.parts import encoder_hash, encoding_device, write_rows

#: Frames of more rows than the codec was made for are halved before it sees them, as in a rollout.
LARGEST_HEIGHT = 256

#: Least deviation that the two chroma channels are divided by.
CHROMA_STD = 0.12

#: Controls of at most this many bytes are read into memory at the start; larger ones stay in the store.
PRELOAD_BYTES = 8_000_000_000

CONTROL_ARRAYS = tuple(kind.value for kind in Control)


class LatentClips:
    """Standardised latents (N, T, C, h, w) with the controls of the same frames.

    ``latents`` is a .npy file, read through a memory map, or None when the store holds them. ``given`` (N, 5) tells which
    of CONTROL_ARRAYS the source knew. A data loader's worker gets paths, not gigabytes: what is preloaded
    stays in this process, and the worker reads the store.
    """

    def __init__(self, store: ClipStore, latents: Path | None, preload: bool = True) -> None:
        self.store = store
        self.latents = latents
        known = [[store.gives(name, clip) for name in CONTROL_ARRAYS] for clip in range(len(store))]
        self.given = np.asarray(known, np.float32)
        self._arrays = self._mapped()
        size = sum(int(np.prod(store.read(name, 0).shape)) for name in CONTROL_ARRAYS) * len(store)
        if preload and size <= PRELOAD_BYTES:
            self._arrays |= {name: store.read_all(name) for name in CONTROL_ARRAYS}

    def __getstate__(self) -> dict[str, Any]:
        return {"store": self.store, "latents": self.latents, "given": self.given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._arrays = self._mapped()

    def __len__(self) -> int:
        return len(self.store)

    def _mapped(self) -> dict[str, np.ndarray]:
        return {} if self.latents is None else {"latents": np.load(self.latents, mmap_mode="r")}

    @property
    def frames_per_clip(self) -> int:
        """T of every clip."""
        return self.store.frames_per_clip

    def gather(self, clips: Sequence[int], frames: Sequence[Any]) -> dict[str, torch.Tensor]:
        """Latents and controls of frame (or slice of frames) ``frames[i]`` of clip ``clips[i]``, stacked over i.

        A flag (N,) comes with each control: ``map_given``, ``scenery_given`` and so on.
        """
        rows: dict[str, torch.Tensor] = {}
        for name in ("latents", *CONTROL_ARRAYS):
            pairs = zip(clips, frames, strict=True)
            rows[name] = torch.from_numpy(np.stack([self.read(name, clip, frame) for clip, frame in pairs]))
        for column, name in enumerate(CONTROL_ARRAYS):
            rows[f"{name}_given"] = torch.from_numpy(self.given[list(clips), column])
        return rows

    def read(self, name: str, clip: int, frame: Any) -> np.ndarray:
        """Latents or a control of frame (or slice of frames) ``frame`` of a clip; zeros where the source did not know it."""
        if name in self._arrays:
            return self._arrays[name][clip, frame]
        return self.store.read(name, clip, frame)


def measure_statistics(codec: FrameCodec, store: ClipStore, num_frames: int = 512) -> None:
    """Set the codec's per-channel latent statistics from evenly spread frames of ``store``, a frame of each clip at most.

    Where there are fewer clips than frames asked for, each counts as often as it is met.
    """
    clips = [int(index) for index in np.linspace(0, len(store) - 1, num_frames)]
    device, raw = next(codec.parameters()).device, dict[int, torch.Tensor]()
    for index in dict.fromkeys(clips):
        frames = store.read("rgb", index, index % store.frames_per_clip)[None]
        with torch.inference_mode():
            raw[index] = codec.read(_halved(frames_to_tensor(frames)).to(device)).cpu()
    stacked = torch.cat([raw[index] for index in clips])
    std = stacked.std((0, 2, 3))
    # Most cells are grey: by its own deviation a red car would lie ten units out, where diffusion does not reach.
    std[-2:] = std[-2:].clamp_min(CHROMA_STD)
    codec.set_statistics(stacked.mean((0, 2, 3)), std)


def clip_latents(codec: FrameCodec, frames: np.ndarray, url: str) -> np.ndarray:
    """Standardised latents float16 (T, C, h, w) of frames uint8 (T, H, W, 3) of the store ``url``, on the codec's device.

    Raises InputError for frames of a size that the codec does not take.
    """
    if frames.shape[1] % CELL or frames.shape[2] % CELL:
        raise InputError(
            f"{url}: frames of {frames.shape[1]}x{frames.shape[2]}, the codec takes multiples of {CELL}; pack again "
            "with another --height and --width"
        )
    with torch.inference_mode():
        pixels = _halved(frames_to_tensor(frames)).to(next(codec.parameters()).device)
        return codec.encode(pixels).half().cpu().numpy()


def _halved(frames: torch.Tensor) -> torch.Tensor:
    """Frames (N, 3, H, W) as the codec sees them."""
    return F.avg_pool2d(frames, 2) if frames.shape[-2] > LARGEST_HEIGHT else frames


def prepare_latents(codec: FrameCodec, store: ClipStore, folder: Path) -> None:
    """Encode all clips into ``folder`` unless the store, or an earlier run, has the latents of this very codec."""
    if _in_store(codec, store):
        return
    file = _file(codec, store, folder)
    if file.exists():
        return
    codec = codec.to(encoding_device())
    clips = track(range(len(store)), description="encoding")
    write_rows(file, [clip_latents(codec, store.read("rgb", clip), store.info.url) for clip in clips])


def load_latents(codec: FrameCodec, store: ClipStore, folder: Path, *, preload: bool = True) -> LatentClips:
    """The latents that :func:`prepare_latents` has seen to, memory-mapped where they are a file.

    Without ``preload``, controls stay in the store.
    """
    file = None if _in_store(codec, store) else _file(codec, store, folder)
    return LatentClips(store, file, preload)


def example_latents(lead: tuple[int, ...], channels: int) -> dict[str, torch.Tensor]:
    """What :meth:`LatentClips.gather` gives of ``lead`` (N,) frames or (N, T) clips, empty, with every control known."""
    return {
        "latents": torch.zeros(*lead, channels, *latent_size()),
        "position": torch.zeros(lead[0], dtype=torch.long),
        **{
            kind.value: torch.zeros(*lead, *shape, dtype=torch.uint8 if kind in RASTER_CHANNELS else torch.float32)
            for kind, shape in SHAPES.items()
        },
        **{f"{kind.value}_given": torch.ones(lead[0]) for kind in Control},
    }


def latent_grid(store: ClipStore) -> tuple[int, int]:
    """Height and width of the latents of a store's frames, halved where they have the size of the output."""
    half = 2 if store.layout.height > LARGEST_HEIGHT else 1
    return store.layout.height // (half * CELL), store.layout.width // (half * CELL)


def _in_store(codec: FrameCodec, store: ClipStore) -> bool:
    return store.info.encoder == encoder_hash(codec)


def _file(codec: FrameCodec, store: ClipStore, folder: Path) -> Path:
    return folder / f"latents-{encoder_hash(codec)[:12]}-{len(store)}.npy"
