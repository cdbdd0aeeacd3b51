"""Which frames of a clip are known, how far apart its frames are, and how the ego moved from one of them to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class KnownFrames:
    """The ``first`` so many frames of a clip are known, and the ``last`` so many; the rest is to be made.

    Prediction knows frames at the beginning, interpolation (Blattmann et al. 2023, section 3.2) one at either end. ``stride`` is the
    time from one frame of the clip to the next, in frames of the video.
    """

    first: int
    last: int = 0
    stride: int = 1

    @classmethod
    def of(cls, known: int | KnownFrames) -> KnownFrames:
        """A number is one of neighbouring frames of which so many are known at the beginning."""
        return known if isinstance(known, KnownFrames) else cls(known)

    def new(self, num_frames: int) -> slice:
        """Where the frames that are to be made stand in a clip of so many."""
        return slice(self.first, num_frames - self.last)

    def mask(self, num_frames: int) -> Tensor:
        """Bool (T,): which frames of a clip are known."""
        places = torch.arange(num_frames)
        return (places < self.first) | (places >= num_frames - self.last)


def stride_ratios(strides: Sequence[int]) -> tuple[int, ...]:
    """How many times longer each stride but the first is than the one before: (1, 2, 4) gives (2, 2).

    Raises ValueError for strides that do not begin with 1 or of which one is no multiple of the one before.
    """
    if not strides or strides[0] != 1 or any(b <= a or b % a for a, b in pairwise(strides)):
        raise ValueError(
            f"strides are {list(strides)}: expected 1, then multiples of each other, growing, such as [1, 2, 4]"
        )
    return tuple(b // a for a, b in pairwise(strides))


def strided_motion(motion: NDArray[Any], places: Sequence[int], stride: int) -> NDArray[np.float32]:
    """Ego motion (K, 6) of the frames at ``places`` of a video of motion (T, 6), since the frame ``stride`` before each, a frame.

    Both as :data:`drivesim.controls.MOTION_CHANNELS`. The motions on the way are put together, then divided by their number: so what
    a network is told is as large at every stride. Before the video's first frame nothing is known, and nothing is counted.
    """
    told = np.zeros((len(places), motion.shape[1]), np.float32)
    for row, place in enumerate(places):
        steps = motion[max(0, place - stride + 1) : place + 1].astype(np.float64)
        forward = left = heading = 0.0
        for dx, dy, turn in steps[:, :3]:
            forward += np.cos(heading) * dx - np.sin(heading) * dy
            left += np.sin(heading) * dx + np.cos(heading) * dy
            heading += turn
        told[row] = [*(np.array([forward, left, heading]) / len(steps)), *steps[:, 3:].mean(0)]
    return told
