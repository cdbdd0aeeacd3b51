"""Two futures beside each other, frame for frame on one clock, with what differs below: where and when they part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from drivesim.errors import InputError
from drivesim.pictures.contact_sheet import shrunk, tile_size, write_text
from drivesim.runs.future import Future
from drivesim.runs.video import VideoWriter, iterate_frames

#: Width of one future in the video, pixels; what differs is shown as large.
TILE_WIDTH = 640

#: A difference of this many grey levels is fully lit.
FULL_SCALE = 64.0

#: Frames part where they differ by more than this, grey levels on average: video compression alone stays below.
PARTING = 2.0


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How two futures differ on the scene's clock: ``levels`` (T,) mean absolute difference in grey levels of each frame that
    both show, beginning at ``start_s``.
    """

    levels: NDArray[np.float64]
    start_s: float
    fps: float

    @property
    def parts_at_s(self) -> float | None:
        """When they part for good (more than PARTING to the end, from there on); None where they do not."""
        together = np.flatnonzero(self.levels <= PARTING)
        first = int(together[-1]) + 1 if len(together) else 0
        return None if first == len(self.levels) else self.start_s + first / self.fps


def write_difference(path: Path, first: Future, second: Future) -> Difference:
    """Store an mp4 of both futures and of what differs, over the time that both show, one frame of each in memory.

    Futures of several runs are set on the scene's clock, so a branch meets its parent. Raises InputError for other sizes or
    rates, or where they show no common moment.
    """
    begins, count = _common(first, second)
    names = _names(first, second)
    tile = tile_size(first, min(TILE_WIDTH, first.manifest.width))
    picture = np.zeros((2 * tile[1], 2 * tile[0], 3), np.uint8)
    streams = [
        iterate_frames(
            future.source, begins - future.manifest.scene_frame, begins - future.manifest.scene_frame + count
        )
        for future in (first, second)
    ]
    levels: list[float] = []
    with VideoWriter(path, picture.shape[1], picture.shape[0], first.fps) as video:
        for one, other in zip(*streams, strict=True):
            apart = cv2.absdiff(one, other)
            levels.append(float(apart.mean()))
            heat = _heat(apart, tile)
            dimmed = cv2.addWeighted(shrunk(one, tile), 0.35, heat, 0.9, 0.0)
            picture[: tile[1]] = np.concatenate([shrunk(one, tile), shrunk(other, tile)], axis=1)
            picture[tile[1] :] = np.concatenate([dimmed, _curve(levels, count, tile)], axis=1)
            for index, name in enumerate(names):
                write_text(picture, name, index * tile[0] + 6, 18)
            clock = f"{(begins + len(levels) - 1) / first.fps:.1f} s   they differ by {levels[-1]:.1f} grey levels"
            write_text(picture, clock, 6, tile[1] + 18)
            video.write(picture)
    return Difference(levels=np.array(levels), start_s=begins / first.fps, fps=first.fps)


def _common(first: Future, second: Future) -> tuple[int, int]:
    """The first frame on the scene's grid that both show, and how many from there on."""
    sizes = [(one.manifest.width, one.manifest.height, one.fps) for one in (first, second)]
    if sizes[0] != sizes[1]:
        (width, height, fps), (other_width, other_height, other_fps) = sizes
        raise InputError(
            f"{first.id} is {width}x{height} at {fps:g} frames/s, {second.id} {other_width}x{other_height} at {other_fps:g}: "
            "frames of one size and rate can be set beside each other."
        )
    spans = [(one.manifest.scene_frame, one.manifest.scene_frame + one.num_frames) for one in (first, second)]
    begins, ends = max(span[0] for span in spans), min(span[1] for span in spans)
    if ends <= begins:
        shown = " and ".join(f"{low / first.fps:g} s to {high / first.fps:g} s" for low, high in spans)
        raise InputError(f"{first.id} and {second.id} show no common moment ({shown} on the scene's clock).")
    return begins, ends - begins


def _names(first: Future, second: Future) -> tuple[str, str]:
    """What tells the two apart: the future, and the run where that differs."""
    if first.folder == second.folder:
        return f"f{first.index:02d}", f"f{second.index:02d}"
    return tuple(f"{one.folder.name} f{one.index:02d}" for one in (first, second))  # type: ignore[return-value]


def _heat(apart: NDArray[np.uint8], tile: tuple[int, int]) -> NDArray[np.uint8]:
    """Where the frames differ, black to bright, (H, W, 3)."""
    grey = cv2.resize(apart.max(axis=2), tile, interpolation=cv2.INTER_AREA)
    scaled = np.clip(grey * (255.0 / FULL_SCALE), 0.0, 255.0).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO)[..., ::-1], dtype=np.uint8)


def _curve(levels: list[float], count: int, tile: tuple[int, int]) -> NDArray[np.uint8]:
    """The difference so far over the whole time: a line that grows."""
    picture = np.full((tile[1], tile[0], 3), 24, np.uint8)
    width, height = tile[0] - 24, tile[1] - 48
    top = max(10.0, *levels)
    points = [
        (12 + round(index * width / max(count - 1, 1)), 36 + round(height * (1.0 - level / top)))
        for index, level in enumerate(levels)
    ]
    cv2.polylines(picture, [np.array(points, np.int32)], False, (240, 170, 60), 2, cv2.LINE_AA)
    write_text(picture, f"mean difference, grey levels; top {top:.0f}", 8, 18)
    return picture
