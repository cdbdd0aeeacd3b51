"""A page of what a store holds: a few frames of each of some samples with their boxes, and the layout a model is told."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from drivesim.conditioning import LAYOUT
from drivesim.controls import Controls
from drivesim.datasets.sample import Sample
from drivesim.datasets.store import ClipStore
from drivesim.pictures.drawing import camera_overlay, layout_picture

_TILE_WIDTH, _MARGIN, _CAPTION = 384, 6, 22
_BACKGROUND, _TEXT = (24, 28, 34), (225, 228, 232)
_FRAMES_SHOWN = 3


def store_sheet(store: ClipStore, indices: Sequence[int]) -> np.ndarray:
    """One row per sample: frames spread over the clip with boxes drawn, then the first frame's layout; uint8 RGB.

    Raises InputError for a store without samples, or with damaged ones.
    """
    store.require_samples()
    rows = [_row(store, index) for index in indices]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def spread(count: int, length: int) -> list[int]:
    """``count`` places spread evenly over ``length``, the first among them; all when there are fewer."""
    return sorted({int(place) for place in np.linspace(0, length - 1, min(count, length)).round()})


def _row(store: ClipStore, index: int) -> np.ndarray:
    sample = store.sample(index)
    height = round(_TILE_WIDTH * sample.clip.frames.shape[1] / sample.clip.frames.shape[2])
    tiles = [
        _resized(camera_overlay(sample.scene, frame, sample.clip.frames[frame], labels=False), height)
        for frame in spread(_FRAMES_SHOWN, len(sample.clip))
    ]
    told = {kind.value: store.read(kind.value, index, slice(0, 1)) for kind in LAYOUT if store.gives(kind.value, index)}
    if told:
        tiles.append(_resized(layout_picture(Controls(num_frames=1, **told)), height))
    gap = np.full((height, _MARGIN, 3), _BACKGROUND, np.uint8)
    pictures = np.concatenate([part for tile in tiles for part in (tile, gap)], axis=1)
    caption = np.full((_CAPTION, pictures.shape[1], 3), _BACKGROUND, np.uint8)
    cv2.putText(caption, _caption(index, sample), (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _TEXT, 1, cv2.LINE_AA)
    return np.concatenate([caption, pictures])


def _caption(index: int, sample: Sample) -> str:
    actors = len(sample.scene.actors)
    known = ", ".join(sorted(sample.known)) or "no control"
    text = f"{index}: {sample.id}   {actors} actors   knows {known}   {sample.source}   {sample.licence}"
    return text.encode("ascii", "replace").decode()  # OpenCV's fonts know ASCII only


def _resized(picture: np.ndarray, height: int) -> np.ndarray:
    shrinks = picture.shape[1] > _TILE_WIDTH
    return cv2.resize(picture, (_TILE_WIDTH, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)
