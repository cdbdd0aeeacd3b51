"""The probe: a small network that says what a frame shows, so that generated frames can be measured.

Objects as centre points (CenterNet, Zhou et al. 2019), semantic classes, scene attributes, and with the frame before also
the ego's motion. It is trained on rendered frames with exact labels and judged on held-out ones before it judges others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.controls import ATTRIBUTE_CHANNELS
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.probe.blocks import Block, Head, Level
from drivesim.judges.probe.ego_motion import MotionReadout, flow_maps
from drivesim.models.blocks import ChannelNorm
from drivesim.models.kept_network import KeptNetwork, register_to_config
from drivesim.scene import CATEGORIES

#: Height and width of the frames that the probe sees; larger ones are averaged down to it.
INPUT_SIZE = (JUDGED_HEIGHT, JUDGED_WIDTH)

#: Pixels of the input along one side of a cell of all output maps.
STRIDE = 4
GRID = (INPUT_SIZE[0] // STRIDE, INPUT_SIZE[1] // STRIDE)

#: Classes of the semantic map, in the numbering of the renderer.
SEMANTIC_CLASSES: tuple[str, ...] = (
    "sky",
    "road",
    "lane_paint",
    "pavement",
    "kerb",
    "terrain",
    "building",
    "vegetation",
    "pole_sign",
    "traffic_light",
    "guard_rail",
    "car",
    "large_vehicle",
    "pedestrian",
    "two_wheeler",
    "static_object",
)

#: The attributes that can be seen; of the hour only the darkness shows.
PROBE_ATTRIBUTES: tuple[str, ...] = tuple(name for name in ATTRIBUTE_CHANNELS if not name.startswith("hour_"))

#: What the motion outputs count in: metres forward and radians of yaw between two frames.
MOTION_UNITS = (1.0, 0.01)

#: Where the network starts from: the logarithms of a usual size in cells and of a usual distance in metres.
USUAL_LOG_SIZE, USUAL_LOG_DISTANCE = 1.5, 3.0


@dataclass(frozen=True, eq=False)
class ProbeOutputs:
    """Raw outputs for N frames on the grid of cells (64, 128), float32; :mod:`.decode` turns them into objects.

    ``heatmap`` (N, 10, h, w) logits of object centres by category; ``size`` (N, 2, h, w) logarithm of width and height in
    cells; ``offset`` (N, 2, h, w) of the centre from its cell's left top, in cells; ``log_distance`` (N, 1, h, w) natural
    logarithm of metres; ``semantic`` (N, 16, h, w) logits; ``attributes`` (N, 11) logits of PROBE_ATTRIBUTES; ``motion``
    (N, 2) since the frame before in MOTION_UNITS, None where that was not given.
    """

    heatmap: Tensor
    size: Tensor
    offset: Tensor
    log_distance: Tensor
    semantic: Tensor
    attributes: Tensor
    motion: Tensor | None


class ProbeNetwork(KeptNetwork):
    """A convolutional pyramid with one head per question; all outputs stand on the grid of STRIDE pixels."""

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, ...] = (48, 80, 128, 192),
        num_blocks: tuple[int, ...] = (1, 2, 2, 2),
        features: int = 48,
        motion_widths: tuple[int, ...] = (24, 32, 48),
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, widths[0], 4, stride=2, padding=1), nn.SiLU(), Block(widths[0])
        )
        self.first = nn.Sequential(*[Block(widths[0]) for _ in range(num_blocks[0])])
        self.levels = nn.ModuleList(
            Level(before, after, count)
            for before, after, count in zip(widths, widths[1:], num_blocks[1:], strict=False)
        )
        self.laterals = nn.ModuleList(
            nn.Sequential(ChannelNorm(width), nn.Conv2d(width, features, 1)) for width in widths
        )
        self.smooth = nn.ModuleList(Block(features) for _ in widths[1:])
        # Heads behind a residual stream of no fixed size diverge at learning rates that are good otherwise.
        self.norm = ChannelNorm(features)
        self.heatmap = Head(features, len(CATEGORIES), bias=-3.0)
        self.box = Head(features, 5)
        self.semantic = Head(features, len(SEMANTIC_CLASSES))
        self.norm_top = ChannelNorm(widths[-1])
        self.attributes = nn.Linear(widths[-1], len(PROBE_ATTRIBUTES))
        self.motion = MotionReadout(motion_widths)

    def forward(self, frames: Tensor, previous: Tensor | None = None) -> ProbeOutputs:
        """What ``frames`` (N, 3, H, W) in [-1, 1] show; with the frames before them, ``previous``, also the motion.

        H and W are 256 and 512 or the same whole multiple of both; raises ValueError otherwise.
        """
        small = averaged(frames)
        features, top = self._pyramid(self.stem(self._placed(small)))
        box = self.box(features)
        return ProbeOutputs(
            heatmap=self.heatmap(features),
            size=box[:, :2] + USUAL_LOG_SIZE,
            offset=torch.sigmoid(box[:, 2:4]),
            log_distance=box[:, 4:] + USUAL_LOG_DISTANCE,
            semantic=self.semantic(features),
            attributes=self.attributes(top.mean((2, 3))).float(),
            motion=None if previous is None else self.motion(flow_maps(averaged(previous), small)),
        )

    def _pyramid(self, early: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, features, 64, 128) with the context of all levels, and the coarsest level's own."""
        maps = [self.first(early)]
        for level in self.levels:
            maps.append(level(maps[-1]))
        merged = self.laterals[-1](maps[-1])
        for index in reversed(range(len(maps) - 1)):
            enlarged = F.interpolate(merged, scale_factor=2.0, mode="nearest")
            merged = self.smooth[index](self.laterals[index](maps[index]) + enlarged)
        return self.norm(merged), self.norm_top(maps[-1])

    def _placed(self, frames: Tensor) -> Tensor:
        return frames.to(self.dtype).contiguous(memory_format=torch.channels_last)


def averaged(frames: Tensor, who: str = "the probe sees") -> Tensor:
    """Frames (N, 3, H, W) at INPUT_SIZE. Raises ValueError, naming ``who``, unless H and W are the same whole multiple of it."""
    factor, rest = divmod(frames.shape[-2], INPUT_SIZE[0])
    if factor < 1 or rest != 0 or frames.shape[-1] != factor * INPUT_SIZE[1]:
        raise ValueError(
            f"frames of {frames.shape[-2]}x{frames.shape[-1]}; {who} {INPUT_SIZE[0]}x{INPUT_SIZE[1]} or a whole "
            "multiple of it, so crop and resize them first"
        )
    return F.avg_pool2d(frames, factor) if factor > 1 else frames
