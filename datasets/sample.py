"""Sample: what every dataset yields, rendered or real: a window of frames, the scene it shows, and where it came from.

A dataset is a pure function of the index, cheap to pickle: workers open it again on their side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from drivesim.clip import Clip
from drivesim.controls import Control
from drivesim.errors import InputError
from drivesim.options import SAMPLE_LIMITS
from drivesim.scene import Scene


def require_form(source: str, *, num_frames: int, fps: float, height: int, width: int) -> None:
    """Raise InputError for a form of samples that nobody means: frames, frames a second, rows and columns of a frame."""
    given = {"frames": num_frames, "fps": fps, "height": height, "width": width}
    wrong = [
        f"{'num_frames' if name == 'frames' else name} is {given[name]}, expected {least:g} to {most:.0f}"
        for name, (least, most) in SAMPLE_LIMITS.items()
        if not least <= given[name] <= most
    ]
    if wrong:
        raise InputError(f"{source}: {'; '.join(wrong)}.")


def largest_crop(width: int, height: int, aspect: float) -> tuple[int, int]:
    """Width and height of the largest part with that ``aspect`` (width / height) of a picture; a pixel each way at least."""
    return min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))


class BrokenSample(InputError):
    """This sample cannot be read; the message says which file, what is wrong, and how to mend it. Others may be good."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A window of T frames.

    ``clip`` uint8 RGB (T, H, W, 3); ``scene`` covers the same T frames, its camera at the clip's size; ``times_us``
    int64 (T,) in microseconds, rising. ``known`` lists the controls that the source really knows: a bare video has a scene
    that stands still without actors, and ``known`` is empty, so that nothing is taught from it. ``semantic`` uint8
    (T, H, W) are exact classes, from the renderer only. ``large`` uint8 (2H, 2W, 3) is the first frame at twice the size,
    for the upsampler. ``source`` names data set and recording, ``licence`` the terms of the pictures.
    """

    id: str
    clip: Clip
    scene: Scene
    times_us: np.ndarray
    known: frozenset[Control]
    source: str
    licence: str
    semantic: np.ndarray | None = None
    large: np.ndarray | None = None

    def __post_init__(self) -> None:
        frames = len(self.clip.frames)
        lengths = {"scene": len(self.scene), "times_us": len(self.times_us)}
        if self.semantic is not None:
            lengths["semantic"] = len(self.semantic)
        wrong = {name: length for name, length in lengths.items() if length != frames}
        if wrong:
            raise ValueError(f"sample {self.id!r}: {wrong} frames beside a clip of {frames}; they must agree")
        if np.any(np.diff(self.times_us) <= 0):
            raise ValueError(f"sample {self.id!r}: its times do not rise")
        size = self.clip.frames.shape[1:3]
        if size != (self.scene.camera.height, self.scene.camera.width):
            raise ValueError(
                f"sample {self.id!r}: frames of {size[0]}x{size[1]}, a camera of "
                f"{self.scene.camera.height}x{self.scene.camera.width}; resize the camera with the picture"
            )


class SampleDataset(Protocol):
    """Samples by index. ``dataset[i]`` is the same whenever, wherever and however often it is asked for.

    Raises :class:`BrokenSample` for a sample whose files are damaged; any other index stays readable.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def describe(self) -> dict[str, Any]:
        """What decides the samples (kind, folder's name, settings, length, licence), as JSON.

        Two datasets with equal descriptions hold equal samples; a store keeps it and refuses to be continued with another.
        """
        ...
