"""Carrying on what was seen: a shown frame, moved to where the told flow says its points are in the next one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Past:
    """The frame before, as the new one would show it: ``picture`` (N, 3, H, W) in about [-1, 1], and ``seen`` (N, 1, h, w), 1 where
    a point was in view; h and w are those of the layout's rasters. Where nothing was seen the picture says nothing.
    """

    picture: Tensor
    seen: Tensor


def carried(previous: Tensor, flow: Tensor) -> Past:
    """Warp frames (N, 3, H, W) by flows (N, 3, h, w), as in :class:`drivesim.controls.Controls`, in pixels of h x w."""
    height, width = previous.shape[-2:]
    rows, columns = flow.shape[-2:]
    across, down, seen = torch.split(flow.float(), 1, dim=1)
    # A point that lies outside of the pictures, which may be crops, was not seen.
    x = _places(columns, flow.device) + across * (2.0 / columns)
    y = _places(rows, flow.device)[:, None] + down * (2.0 / rows)
    seen = seen * ((x.abs() <= 1.0) & (y.abs() <= 1.0))
    shift = F.interpolate(flow[:, :2].float(), size=(height, width), mode="bilinear", align_corners=False)
    at = torch.stack(
        [
            _places(width, flow.device) + shift[:, 0] * (2.0 / columns),
            _places(height, flow.device)[:, None] + shift[:, 1] * (2.0 / rows),
        ],
        dim=-1,
    )
    # A CPU takes ten times as long to move pixels whose channels lie side by side.
    picture = F.grid_sample(
        previous.float().contiguous(), at, mode="bicubic", padding_mode="border", align_corners=False
    )
    return Past(picture=picture, seen=seen)


def _places(count: int, device: torch.device) -> Tensor:
    """Middles of ``count`` pixels in [-1, 1]."""
    return (torch.arange(count, device=device) + 0.5) * (2.0 / count) - 1.0
