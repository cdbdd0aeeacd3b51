"""The store of packed clips: zarr 3 groups, one per part, so that several workers write and a killed one starts over.

Every part holds ``clips`` clips of T frames: ``rgb`` uint8 (N, T, H, W, 3), ``semantic`` uint8 (N, T, H, W), ``layout``
uint8 (N, T, 19, 64, 128), ``motion`` float32 (N, T, 6), ``attributes`` float32 (N, T, 13), ``large`` uint8
(N, 2H, 2W, 3), the first frame at output size, and ``seed`` int64 (N,), the scene's seed. Chunks are single frames.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from drivesim.errors import InputError

STORE_VERSION = 1

#: Arrays whose chunk is one frame of one clip; the others are chunked by clip.
FRAME_ARRAYS = ("rgb", "semantic", "layout")


def write_part(folder: Path, clips: Iterable[Mapping[str, np.ndarray]], num_clips: int) -> None:
    """Write one part; it appears under ``folder`` only when all ``num_clips`` clips are in it."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    group = zarr.open_group(unfinished, mode="w", attributes={"drivesim_store": STORE_VERSION})
    for index, clip in enumerate(clips):
        for name, value in clip.items():
            if index == 0:
                _create(group, name, value, num_clips)
            group[name][index] = value
    os.replace(unfinished, folder)


def _create(group: zarr.Group, name: str, first: np.ndarray, num_clips: int) -> None:
    leading = 2 if name in FRAME_ARRAYS else 1
    shape = (num_clips, *first.shape)
    group.create_array(
        name,
        shape=shape,
        chunks=(1,) * leading + shape[leading:],
        dtype=first.dtype,
        compressors=BloscCodec(cname="lz4", clevel=1),
    )


class ClipStore:
    """All finished parts of a store as one list of clips, read on demand.

    Raises InputError when the folder holds no part or a part of another version.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        parts = sorted(path for path in self.folder.glob("part-*") if not path.name.endswith(".unfinished"))
        if not parts:
            raise InputError(f"{self.folder}: no packed clips found (expected folders part-0000, ...); pack data first")
        self._groups = [zarr.open_group(path, mode="r") for path in parts]
        for path, group in zip(parts, self._groups, strict=True):
            if group.attrs.get("drivesim_store") != STORE_VERSION:
                raise InputError(
                    f"{path}: written as store version {group.attrs.get('drivesim_store')}, this is version "
                    f"{STORE_VERSION}; pack the data again"
                )
        self._ends = list(accumulate(group["motion"].shape[0] for group in self._groups))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def frames_per_clip(self) -> int:
        """T of every clip."""
        return int(self._groups[0]["motion"].shape[1])

    def read(self, name: str, clip: int, frames: slice | int = slice(None)) -> np.ndarray:
        """Array ``name`` of one clip (for frames of it, where the array has frames)."""
        part = bisect_right(self._ends, clip)
        index = clip - (self._ends[part - 1] if part else 0)
        array = self._groups[part][name]
        return np.asarray(array[index, frames] if name not in ("large", "seed") else array[index])

    def read_all(self, name: str) -> np.ndarray:
        """Array ``name`` of all clips; for what fits into memory."""
        return np.concatenate([np.asarray(group[name][:]) for group in self._groups])
