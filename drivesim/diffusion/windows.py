"""Pictures that are denoised in windows: at every noise level the windows' estimates are blended, so no seam can grow.

MultiDiffusion (Bar-Tal et al. 2023, arXiv 2302.08113, eq. 5): the estimate of a picture is the mean of what its windows say,
here with weights that fall to nothing towards a window's border.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: Rows and columns of a picture.
Window = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class WindowLayout:
    """Windows of up to ``rows`` x ``columns`` pixels that share ``overlap`` pixels or more, at multiples of ``grid`` pixels.

    ``rows``, ``columns`` and the sides of a picture are multiples of ``grid``; ``overlap`` is smaller than both.
    """

    rows: int
    columns: int
    overlap: int
    grid: int

    def windows(self, height: int, width: int) -> list[Window]:
        """The windows of a picture, from the upper left on; one for a picture that is no larger than a window."""
        return [
            (slice(top, top + min(self.rows, height)), slice(left, left + min(self.columns, width)))
            for top in self._starts(height, self.rows)
            for left in self._starts(width, self.columns)
        ]

    def weights(self, height: int, width: int) -> Tensor:
        """What the pixels of a window (height, width) count for, float32: sin² of how far into the overlap they lie."""
        return self._ramp(height)[:, None] * self._ramp(width)

    def _starts(self, length: int, window: int) -> list[int]:
        """First pixels of windows that are spread evenly over ``length``."""
        if window >= length:
            return [0]
        cells, most, shared = length // self.grid, window // self.grid, math.ceil(self.overlap / self.grid)
        if shared >= most:
            raise ValueError(f"windows of {window} pixels cannot share {self.overlap} of them on a grid of {self.grid}")
        count = math.ceil((cells - shared) / (most - shared))
        return [index * (cells - most) // (count - 1) * self.grid for index in range(count)]

    def _ramp(self, length: int) -> Tensor:
        inside = torch.arange(length, dtype=torch.float32) + 0.5
        depth = torch.minimum(inside, length - inside) / max(self.overlap, 0.5)
        return torch.sin(depth.clamp_max(1.0) * (math.pi / 2.0)).square()


def blended(estimate: Callable[[Window], Tensor], like: Tensor, layout: WindowLayout) -> Tensor:
    """The estimate of a whole picture, of the shape (..., H, W) and on the device of ``like``, from ``estimate`` of each window.

    A picture of one window is that window's estimate, bit by bit.
    """
    windows = layout.windows(like.shape[-2], like.shape[-1])
    if len(windows) == 1:
        return estimate(windows[0])
    total, count = torch.zeros_like(like), torch.zeros(like.shape[-2:], device=like.device)
    for window in windows:
        part = estimate(window)
        weights = layout.weights(part.shape[-2], part.shape[-1]).to(like.device)
        total[..., window[0], window[1]] += weights * part
        count[window] += weights
    return total / count
