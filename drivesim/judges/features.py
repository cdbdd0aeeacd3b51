"""Features of short videos for distances between sets of them: a network that judges nothing else.

Built differently from the probe, and seeded differently, so that no figure is tuned to its own judge: two frames go in
together through a stem of depth two, beside them the optical flow between the two, and all that the network was taught has to
pass through 128 numbers. Those are the features. What they were taught is what matters on a road: the coarse layout, objects, weather and light, and how the ego moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from drivesim.clip import frames_to_tensor
from drivesim.judges.probe.ego_motion import TRUNK_WIDTH, FlowTrunk, exactly, flow_maps
from drivesim.judges.probe.network import INPUT_SIZE, PROBE_ATTRIBUTES, SEMANTIC_CLASSES, averaged
from drivesim.models.blocks import ChannelNorm
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.scene import CATEGORIES

#: Rows and columns of the coarse layout that the features are taught.
LAYOUT_GRID = (4, 8)

#: Length of a feature vector: few enough that some hundred clips give a stable covariance.
DIMENSION = 128


@dataclass(frozen=True, eq=False)
class FeatureOutputs:
    """What the features of N pairs of frames are taught to say, float32.

    ``layout`` (N, 16, 4, 8) logits of the semantic classes; ``counts`` (N, 10) logarithm of 1 + the boxes of each category
    that count; ``attributes`` (N, 11) logits of PROBE_ATTRIBUTES; ``motion`` (N, 2) in MOTION_UNITS.
    """

    layout: Tensor
    counts: Tensor
    attributes: Tensor
    motion: Tensor


class FeatureNetwork(KeptNetwork):
    """Plain convolutions over pairs of frames down to one vector, and linear readouts of it for teaching."""

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 112, 160),
        flow_widths: tuple[int, ...] = (16, 32, 48),
        dimension: int = DIMENSION,
    ) -> None:
        super().__init__()
        # Kernels over both frames from the first layer on: motion is seen before anything is averaged. A convolution of
        # depth 2 over two frames is one over their six channels.
        self.stem = nn.Conv2d(6, widths[0], 8, stride=4, padding=2)
        levels: list[nn.Module] = []
        for before, after in zip(widths, (*widths[1:], widths[-1]), strict=True):
            levels += [ChannelNorm(before), nn.Conv2d(before, before, 3, padding=1), nn.ReLU()]
            levels += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.levels = nn.Sequential(*levels)
        self.narrow = nn.Sequential(ChannelNorm(widths[-1]), nn.Conv2d(widths[-1], 32, 1))
        cells = (INPUT_SIZE[0] // 64) * (INPUT_SIZE[1] // 64)
        self.embed = nn.Linear(32 * cells, dimension)
        self.flow = FlowTrunk(flow_widths)
        self.embed_flow = nn.Linear(TRUNK_WIDTH, dimension)
        said = len(SEMANTIC_CLASSES) * LAYOUT_GRID[0] * LAYOUT_GRID[1] + len(CATEGORIES) + len(PROBE_ATTRIBUTES) + 2
        self.read = nn.Linear(dimension, said)

    def features(self, frames: Tensor, previous: Tensor) -> Tensor:
        """Features (N, 128), float32, of pairs of frames (N, 3, H, W) in [-1, 1]; H x W a multiple of 256 x 512."""
        pair = [averaged(side, "the features see") for side in (previous, frames)]
        early = self.stem(torch.cat(pair, dim=1).to(self.dtype).contiguous(memory_format=torch.channels_last))
        seen = self.embed(self.narrow(self.levels(F.relu(early))).flatten(1)).float()
        return seen + exactly(self.embed_flow, self.flow(flow_maps(*pair)))

    def forward(self, frames: Tensor, previous: Tensor) -> FeatureOutputs:
        """The readouts of :meth:`features`."""
        said = self.read(self.features(frames, previous).to(self.dtype)).float()
        cells = len(SEMANTIC_CLASSES) * LAYOUT_GRID[0] * LAYOUT_GRID[1]
        layout, counts, attributes, motion = said.split([cells, len(CATEGORIES), len(PROBE_ATTRIBUTES), 2], dim=1)
        return FeatureOutputs(
            layout=rearrange(layout, "n (k y x) -> n k y x", y=LAYOUT_GRID[0], x=LAYOUT_GRID[1]),
            counts=counts,
            attributes=attributes,
            motion=motion,
        )


def frame_features(network: FeatureNetwork, frames: Iterable[np.ndarray], *, batch_size: int = 8) -> np.ndarray:
    """Features (T - 1, 128), float64, of each frame with the one before it; uint8 RGB frames (H, W, 3), T >= 2."""
    parts, stream = [], pairwise(frames)
    while batch := list(islice(stream, batch_size)):
        tensor = frames_to_tensor(np.stack([batch[0][0], *(after for _, after in batch)]))
        with torch.inference_mode():
            parts.append(network.features(tensor[1:], tensor[:-1]).double().numpy())
    if not parts:
        raise ValueError("features need at least two frames")
    return np.concatenate(parts)
