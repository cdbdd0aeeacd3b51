"""Carrying on what was seen: a shown frame, moved to where the told flow says its points are in the next one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Past:
    """The frame before, as the new one would show it: ``picture`` (N, 3, H, W) in [-1, 1], and ``seen`` (N, 1, h, w), 1 where
    a point was in view; h and w are those of the layout's rasters. The picture is 0 where nothing was seen.
    """

    picture: Tensor
    seen: Tensor


def carried(previous: Tensor, flow: Tensor) -> Past:
    """Warp frames (N, 3, H, W) by flows (N, 3, h, w), as in :class:`drivesim.controls.Controls`, in pixels of h x w."""
    height, width = previous.shape[-2:]
    rows, columns = flow.shape[-2:]
    shift = F.interpolate(flow[:, :2].float(), size=(height, width), mode="bilinear", align_corners=False)
    seen = flow[:, 2:].float()
    x = torch.arange(width, device=flow.device) + 0.5
    y = torch.arange(height, device=flow.device)[:, None] + 0.5
    at = torch.stack(
        [(x + shift[:, 0] * (width / columns)) * (2.0 / width), (y + shift[:, 1] * (height / rows)) * (2.0 / height)],
        dim=-1,
    )
    moved = F.grid_sample(previous.float(), at - 1.0, mode="bicubic", padding_mode="border", align_corners=False)
    # A point that lies outside of the pictures, which may be crops, was not seen.
    inside = (at[..., 0] >= 0.0) & (at[..., 0] <= 2.0) & (at[..., 1] >= 0.0) & (at[..., 1] <= 2.0)
    seen = seen * F.adaptive_avg_pool2d(inside[:, None].float(), (rows, columns))
    shown = F.interpolate(seen, size=(height, width), mode="nearest")
    return Past(picture=moved.clamp(-1.0, 1.0) * shown, seen=seen)
