"""Small copies of a store's arrays, made once: frames at the size of a clip model, rasters at the size that it looks at.

To unpack and shrink a window of full frames takes longer than a small network takes to learn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from rich.progress import track

from drivesim.controls import LAYOUT_SIZE, RASTER_CHANNELS
from drivesim.datasets.store import ClipStore
from drivesim.storage import writing

#: Copies that together are larger than this are not made: what is read is shrunk each time.
MOST_BYTES = 8_000_000_000

Size = tuple[int, int]


class SmallCopies:
    """A store, of which the arrays in ``sizes`` are read as so many rows and columns: from copies in ``folder`` once :meth:`make`
    has written them.
    """

    def __init__(self, store: ClipStore, folder: Path, sizes: Mapping[str, Size]) -> None:
        self.store = store
        self.folder = folder
        self.sizes = {name: size for name, size in sizes.items() if store.has(name)}
        self._opened: dict[str, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_opened": {}}

    def read(self, name: str, clip: int, window: slice = slice(None)) -> np.ndarray:
        """Frames of an array of a clip, shrunk where a size was given."""
        if name in self.sizes and name not in self._opened and self._file(name).exists():
            self._opened[name] = np.load(self._file(name), mmap_mode="r")
        if name in self._opened:
            return np.asarray(self._opened[name][clip, window])
        return self._shrunk(name, self.store.read(name, clip, window))

    def make(self) -> None:
        """Write the copies that are not there yet, each whole or not at all."""
        if all(self._file(name).exists() for name in self.sizes):
            return
        count = len(self.store)
        firsts = {name: self._shrunk(name, self.store.read(name, 0)) for name in self.sizes}
        if sum(first.nbytes for first in firsts.values()) * count > MOST_BYTES:
            return
        for name, first in firsts.items():
            if self._file(name).exists():
                continue
            with writing(self._file(name)) as unfinished:
                copy: np.memmap = open_memmap(  # type: ignore[no-untyped-call]
                    unfinished, "w+", first.dtype, (count, *first.shape)
                )
                for clip in track(range(count), description=f"shrinking {name}"):
                    copy[clip] = self._shrunk(name, self.store.read(name, clip))
                copy.flush()

    def _shrunk(self, name: str, frames: np.ndarray) -> np.ndarray:
        if name not in self.sizes:
            return frames
        return {"rgb": _averaged_pictures, "semantic": _thinned}.get(name, _averaged_planes)(frames, self.sizes[name])

    def _file(self, name: str) -> Path:
        height, width = self.sizes[name]
        return self.folder / f"{name}-{len(self.store)}x{self.store.frames_per_clip}-{height}x{width}.npy"


def raster_sizes(height: int, width: int) -> dict[str, Size]:
    """Sizes for all rasters, of a network that averages them to ``height`` rows and ``width`` columns first.

    Nothing where such a cell is not several whole pixels of a raster.
    """
    whole = all(full % small == 0 and full > small for full, small in zip(LAYOUT_SIZE, (height, width), strict=True))
    return {kind.value: (height, width) for kind in RASTER_CHANNELS} if whole else {}


def _averaged_pictures(frames: np.ndarray, size: Size) -> np.ndarray:
    """Frames (T, H, W, 3); each new pixel is the mean of what it covers."""
    return np.stack([cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in frames])


def _thinned(classes: np.ndarray, size: Size) -> np.ndarray:
    """Classes (T, H, W), one pixel of those that a new one covers."""
    rows, columns = (np.arange(small) * full // small for small, full in zip(size, classes.shape[1:], strict=True))
    return np.ascontiguousarray(classes[:, rows[:, None], columns])


def _averaged_planes(planes: np.ndarray, size: Size) -> np.ndarray:
    """Planes (T, C, H, W) of bytes; each new value is the rounded mean of whole ones."""
    frames, count, height, width = planes.shape
    blocks = planes.reshape(frames, count, size[0], height // size[0], size[1], width // size[1])
    area = (height // size[0]) * (width // size[1])
    return ((blocks.sum(axis=(3, 5), dtype=np.uint32) + area // 2) // area).astype(np.uint8)
