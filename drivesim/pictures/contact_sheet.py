"""Futures beside each other: a contact sheet as a picture, and a grid of small videos that play frame-locked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesim.runs.future import Future
from drivesim.runs.run_folder import future_name, write_png
from drivesim.runs.video import VideoWriter

#: Seconds after the shared frame that a contact sheet shows, as far as the futures reach.
SHEET_TIMES_S = (0.0, 1.0, 2.0, 4.0, 8.0)

_TILE_WIDTH = 320
_MARGIN, _HEADER, _LABEL_WIDTH = 6, 30, 56
_BACKGROUND, _INK = 24, (225, 228, 232)


def write_contact_sheet(path: Path, futures: Sequence[Future], times_s: Sequence[float] = SHEET_TIMES_S) -> None:
    """Store a picture with one row per future and one column per time, atomically."""
    write_png(path, contact_sheet(futures, times_s))


def contact_sheet(futures: Sequence[Future], times_s: Sequence[float] = SHEET_TIMES_S) -> NDArray[np.uint8]:
    """Frames of every future at the given seconds after the shared frame: a uint8 RGB picture.

    Times past the futures' end are replaced by their last frame, once. Labels count on the scene's clock, which in a
    branch does not start at 0.
    """
    first = futures[0]
    end_s = (first.num_frames - 1) / first.fps
    times = [time for time in times_s if time <= end_s + 1e-6]
    if len(times) < len(times_s) and end_s - times[-1] > 0.05:
        times.append(end_s)
    tile = tile_size(first, _TILE_WIDTH)
    width = _LABEL_WIDTH + len(times) * (tile[0] + _MARGIN)
    height = _HEADER + len(futures) * (tile[1] + _MARGIN)
    sheet = np.full((height, width, 3), _BACKGROUND, np.uint8)
    offset_s = first.manifest.begins_s
    for column, time in enumerate(times):
        x = _LABEL_WIDTH + column * (tile[0] + _MARGIN)
        write_text(sheet, f"{time + offset_s:g} s", x + 4, _HEADER - 9)
        for row, future in enumerate(futures):
            y = _HEADER + row * (tile[1] + _MARGIN)
            sheet[y : y + tile[1], x : x + tile[0]] = shrunk(future.frame_at(time), tile)
    for row, future in enumerate(futures):
        y = _HEADER + row * (tile[1] + _MARGIN)
        write_text(sheet, future_name(future.index), 8, y + tile[1] // 2 + 6)
    return sheet


def write_side_by_side(path: Path, futures: Sequence[Future], width: int = 1536) -> None:
    """Store an mp4 in which all futures play at once in a grid about ``width`` pixels wide.

    Holds one frame of each future in memory, whatever their length.
    """
    columns = math.ceil(math.sqrt(len(futures)))
    rows = math.ceil(len(futures) / columns)
    tile = tile_size(futures[0], min(width // columns, futures[0].manifest.width))
    picture = np.full((rows * tile[1], columns * tile[0], 3), _BACKGROUND, np.uint8)
    streams = [future.iterate() for future in futures]
    with VideoWriter(path, picture.shape[1], picture.shape[0], futures[0].fps) as video:
        for frames in zip(*streams, strict=True):
            for position, (future, frame) in enumerate(zip(futures, frames, strict=True)):
                y, x = (position // columns) * tile[1], (position % columns) * tile[0]
                picture[y : y + tile[1], x : x + tile[0]] = shrunk(frame, tile)
                write_text(picture, future_name(future.index), x + 6, y + 18)
            video.write(picture)


def tile_size(future: Future, width: int) -> tuple[int, int]:
    """(width, height) of a tile with the video's aspect; both even, as H.264 wants them."""
    height = round(width * future.manifest.height / future.manifest.width)
    return width // 2 * 2, max(2, height // 2 * 2)


def shrunk(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame (H, W, 3) at a smaller size (width, height), every pixel the mean of those that it covers."""
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def write_text(picture: NDArray[np.uint8], text: str, x: int, y: int) -> None:
    """Light text with a dark outline, readable on any frame."""
    for colour, thickness in (((16, 18, 20), 3), (_INK, 1)):
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)
