"""What a clip model is told of its frames, as features on the grid of its latents."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import reduce
from torch import Tensor, nn

from drivesim.controls import ATTRIBUTE_CHANNELS, MOTION_CHANNELS
from drivesim.models.conditioning_inputs import NUM_COARSE_PLANES, ControlTensors

#: Pixels of the layout that one cell of features reads, in each direction.
FOLD = 4

#: Row and column, in [-1, 1]: what is summed up along an axis still says where it was.
PLACES = 2


class FrameStem(nn.Module):
    """Rasters and ego motion of N frames to features (N, features, height, width); boxes stay where they are in the picture."""

    def __init__(self, features: int, height: int, width: int) -> None:
        super().__init__()
        #: Rows and columns that rasters are averaged to first.
        self.seen_size = (FOLD * height, FOLD * width)
        self.mix = nn.Conv2d((NUM_COARSE_PLANES + PLACES) * FOLD**2, 2 * features, 1)
        self.motion = nn.Linear(len(MOTION_CHANNELS) + 1, 2 * features)
        self.spread = nn.Conv2d(2 * features, features, 3, padding=1)

    def forward(self, controls: ControlTensors) -> Tensor:
        """Features of the frames; what is withheld is flagged, so it is not taken for empty."""
        height, width = self.seen_size
        planes = controls.coarse_planes()
        if (
            planes.shape[-2:] != self.seen_size
        ):  # training gives them this size; averages of single cells cost as much as others
            planes = F.adaptive_avg_pool2d(planes, self.seen_size)
        rows = torch.linspace(-1.0, 1.0, height, device=planes.device, dtype=planes.dtype)
        columns = torch.linspace(-1.0, 1.0, width, device=planes.device, dtype=planes.dtype)
        places = torch.stack([rows[:, None].expand(-1, width), columns.expand(height, -1)])
        seen = torch.cat([planes, places.expand(len(planes), -1, -1, -1)], dim=1)
        moved = self.motion(controls.motion_features())[:, :, None, None]
        return self.spread(F.silu(self.mix(F.pixel_unshuffle(seen, FOLD)) + moved))


class ClipAttributes(nn.Module):
    """Attributes of the B * T frames of B clips to an embedding (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(len(ATTRIBUTE_CHANNELS) + 1, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, controls: ControlTensors, batch: int) -> Tensor:
        """The mean over each clip's frames, embedded."""
        return self.layers(reduce(controls.attribute_features(), "(b t) c -> b c", "mean", b=batch))
