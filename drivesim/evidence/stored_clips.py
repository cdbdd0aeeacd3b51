"""Clips of a packed store as what a model goes on from, is told, and is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from drivesim.clip import frames_to_tensor
from drivesim.controls import Control, Controls
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.world_model import LoadedModel


class StoredControls:
    """The controls of one clip of a store, read window by window: those of ``kinds`` that its source knew.

    ``with_flow``: the flow is told too, where the ego's motion is and the store has it.
    """

    def __init__(self, store: ClipStore, index: int, kinds: frozenset[Control], *, with_flow: bool = False) -> None:
        self._store, self._index = store, index
        self.kinds = kinds & store.given(index)
        self._with_flow = with_flow and Control.MOTION in self.kinds and store.gives("flow", index)

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return self._store.frames_per_clip

    def window(self, start: int, stop: int) -> Controls:
        """The controls of frames ``start`` to ``stop`` (exclusive). Raises ValueError outside of the clip."""
        if not 0 <= start < stop <= self.num_frames:
            raise ValueError(f"window [{start}, {stop}) is not inside the {self.num_frames} frames of this clip")
        names = [kind.value for kind in Control if kind in self.kinds] + ["flow"] * self._with_flow
        told = {name: self._store.read(name, self._index, slice(start, stop)) for name in names}
        if self._with_flow:
            told["flow"] = told["flow"].astype(np.float32)
        return Controls(num_frames=stop - start, **told)


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredClip:
    """Clip ``index`` of a store."""

    store: ClipStore
    index: int

    def frames(self, num_frames: int) -> np.ndarray:
        """Its first frames as judges see them, uint8 (T, 256, 512, 3)."""
        found = self.store.read("rgb", self.index, slice(0, num_frames))
        size = (JUDGED_WIDTH, JUDGED_HEIGHT)
        return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in found])

    def first(self, height: int, width: int) -> np.ndarray:
        """Its first frame, uint8 (height, width, 3): the large picture where the store has it in this size, else enlarged."""
        if self.store.gives("large", self.index):
            large = self.store.read("large", self.index)
            if large.shape[:2] == (height, width):
                return large
        return cv2.resize(self.frames(1)[0], (width, height), interpolation=cv2.INTER_CUBIC)

    def controls(self, model: LoadedModel, *, with_flow: bool = False) -> StoredControls:
        """What a model is told of it: all that it obeys and that is known."""
        return StoredControls(self.store, self.index, model.world_model.spec.controls, with_flow=with_flow)

    def begin(self, model: LoadedModel) -> tuple[Any, np.ndarray]:
        """The model's state after the clip's first frame, and that frame at the model's size."""
        spec = model.world_model.spec
        first = self.first(spec.height, spec.width)
        with torch.inference_mode():
            state = model.world_model.begin(frames_to_tensor(first[None]), self.controls(model).window(0, 1))
        return state, first


def open_clips(url: str, count: int) -> list[StoredClip]:
    """``count`` clips of a store, evenly spread over it.

    Raises InputError when there is no finished store, when it has fewer clips, and for pictures that judges cannot look at.
    """
    store = ClipStore(url)
    height, width = store.layout.height, store.layout.width
    if width * JUDGED_HEIGHT != height * JUDGED_WIDTH or height < JUDGED_HEIGHT:
        raise InputError(
            f"{url}: frames of {height}x{width}; judges see {JUDGED_HEIGHT}x{JUDGED_WIDTH} or larger in this shape. "
            "Pack with --height 256 --width 512"
        )
    if len(store) < count:
        raise InputError(
            f"{url}: holds {len(store)} usable clips, {count} are needed. Pack more, or ask for fewer clips"
        )
    places = np.linspace(0, len(store) - 1, count).round().astype(int)
    return [StoredClip(store=store, index=int(place)) for place in places]
