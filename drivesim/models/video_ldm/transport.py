"""What moves by itself, carried on: the newest context frame, taken from where each cell's content was in it.

A network that redraws a vehicle from its latents in every frame has to pass all of them through its layers, and where it does not
know what the vehicle will do it draws the mean of all that it might. Where its content comes from is two numbers a cell (as in
video prediction by flow: Liu et al. 2017, "Video Frame Synthesis using Deep Voxel Flow"); the rest is copied.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor, nn

from drivesim.models.video_ldm.blocks import ChannelNorm

#: Most cells of displacement, and how many one unit of the head's output stands for: steps of training are small next to a cell.
_MOST_CELLS, _CELLS = 6.0, 0.6


class Transport(nn.Module):
    """Reads off the network's last features how far each cell's content has come since the newest context frame, and how far
    what was there is to be believed.

    The share begins at zero (``amount``): fresh, it changes nothing.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.head = nn.Conv2d(channels, 3, 1)
        self.amount = nn.Parameter(torch.zeros(()))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor, newest: Tensor) -> tuple[Tensor, Tensor]:
        """``newest`` latents (B, C, h, w), float32, as each frame of the ``features`` (B*T, F, h, w) may show them, (B*T, C, h, w),
        and their share of it (B*T, 1, h, w), both float32.
        """
        read = self.head(F.silu(self.norm(features))).float()
        moved = _MOST_CELLS * torch.tanh(_CELLS / _MOST_CELLS * read[:, :2])
        height, width = newest.shape[-2:]
        size = read.new_tensor([width, height])[:, None, None]
        columns = torch.arange(width, device=read.device) + 0.5
        rows = (torch.arange(height, device=read.device) + 0.5)[:, None]
        here = torch.stack(torch.broadcast_tensors(columns, rows))
        at = 2.0 * (here - moved) / size - 1.0
        source = repeat(newest, "b c h w -> (b t) c h w", t=len(read) // len(newest))
        carried = F.grid_sample(
            source, rearrange(at, "n two h w -> n h w two"), padding_mode="border", align_corners=False
        )
        return carried, self.amount.float() * torch.sigmoid(read[:, 2:])
