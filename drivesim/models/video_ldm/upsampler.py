"""The x2 upsampler: one convolutional pass from decoded frames to the output size, a residual over bilinear enlargement.

It stands where Video LDM has its diffusion upsampler; a diffusion version can replace it behind the same call.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from drivesim.models.video_ldm.codec import CodecBlock


class Upsampler(ModelMixin, ConfigMixin):
    """Frames (N, 3, H, W) to (N, 3, 2H, 2W); all 3x3 convolutions run on the half-size grid (H/2, W/2)."""

    @register_to_config
    def __init__(self, width: int = 48, num_blocks: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, width, 3, padding=1),
            nn.ReLU(inplace=True),
            *[CodecBlock(width) for _ in range(num_blocks)],
        )
        self.out = nn.Conv2d(width, 48, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def residual(self, frames: Tensor) -> Tensor:
        """What is added to the bilinear enlargement, in the network's dtype."""
        hidden = self.body(frames.to(self.dtype).contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(self.out(hidden), 4)

    def forward(self, frames: Tensor) -> Tensor:
        """Frames in [-1, 1] at twice the size, not clipped, float32."""
        enlarged = F.interpolate(frames.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
        return enlarged + self.residual(frames).float()
