"""The three planes of a clip's latents: T x H x W seen along each axis in turn.

``z_s`` (h, w) is what is common to all frames, ``z_h`` (T, w) and ``z_w`` (T, h) what moves (PVDM section 3.1). They
travel as one row of places (B, C, h*w + T*w + T*h), as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PlaneSizes:
    """Frames and grid of a clip's features: T, h, w."""

    frames: int
    height: int
    width: int

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Rows and columns of z_s, z_h and z_w."""
        return (self.height, self.width), (self.frames, self.width), (self.frames, self.height)

    @property
    def places(self) -> int:
        """Places of all three planes."""
        return sum(rows * columns for rows, columns in self.shapes)

    def split(self, row: Tensor) -> list[Tensor]:
        """(B, C, places) to the planes (B, C, rows, columns)."""
        parts = torch.split(row, [rows * columns for rows, columns in self.shapes], dim=-1)
        return [part.reshape(*part.shape[:-1], *shape) for part, shape in zip(parts, self.shapes, strict=True)]


def joined(planes: list[Tensor]) -> Tensor:
    """Planes (B, C, rows, columns) to one row (B, C, places)."""
    return torch.cat([plane.flatten(2) for plane in planes], dim=-1)


def spread(planes: list[Tensor]) -> Tensor:
    """The sum of the planes, each repeated along the axis that it lacks: (B, C, T, h, w)."""
    space, rows_gone, columns_gone = planes
    return space[:, :, None] + rows_gone[:, :, :, None] + columns_gone[..., None]
