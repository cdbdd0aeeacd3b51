"""The ego's motion from two frames: optical flow by a classical method, read by a few learned layers.

Flow to a fraction of a pixel is what tells one degree a second, and dense inverse search (DIS, Kroeger et al. 2016, in OpenCV)
has it without training; what remains to be learned is small: what flow of the road and of what is far away means.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from functools import lru_cache
from threading import Lock

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from drivesim.clip import tensor_to_frames

#: Rows and columns of a flow map, and its planes: flow along x and y, texture, and what the flow does not explain.
FLOW_GRID = (32, 64)
FLOW_PLANES = 4

#: Numbers that a flow map is read into before anything is said of it.
TRUNK_WIDTH = 64

#: Pairs of frames whose maps are remembered: as many as videos of a minute and more have, in 32 MiB.
REMEMBERED_PAIRS = 1024

#: What each plane is divided by, to be about 1.
_SCALES = (4.0, 4.0, 1.0, 8.0)


def flow_map(previous: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Flow from ``frame`` back to ``previous``, both uint8 RGB (H, W, 3), as float32 (4, 32, 64).

    The flow of a cell is the mean of its pixels', weighted by texture, as flow on smooth areas is a guess. H and W are multiples
    of 32 and 64.
    """
    before, after = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (previous, frame))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(after, before, None)
    rows, columns = _places(*after.shape)
    explained = cv2.remap(before.astype(np.float32), columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    grey = after.astype(np.float32)
    texture = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2.0)) + 0.5
    weight = _cells(texture)
    return np.stack(
        [
            _cells(flow[..., 0] * texture) / weight,
            _cells(flow[..., 1] * texture) / weight,
            np.log(weight),
            _cells(np.abs(grey - explained)),
        ]
    )


class FlowTrunk(nn.Module):
    """Flow maps to 64 numbers, by strided convolutions of ``widths`` that know where in the picture they are.

    Computes in float32 whatever its weights are kept in: a hundredth of a pixel counts.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        channels = (FLOW_PLANES + 2, *widths)
        self.levels = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in zip(channels, widths, strict=False)
        )
        cells = (FLOW_GRID[0] >> len(widths)) * (FLOW_GRID[1] >> len(widths))
        self.mix = nn.Linear(widths[-1] * cells, TRUNK_WIDTH)

    def forward(self, flow: Tensor) -> Tensor:
        """(N, 4, 32, 64) to (N, 64), float32."""
        scales = torch.tensor(_SCALES, device=flow.device)[:, None, None]
        # Where something moves matters as much as how far.
        rows, columns = (torch.linspace(-1.0, 1.0, size, device=flow.device) for size in FLOW_GRID)
        place = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(len(flow), -1, -1, -1)
        hidden = torch.cat([flow.float() / scales, place], dim=1)
        for level in self.levels:
            hidden = F.silu(F.conv2d(hidden, level.weight.float(), level.bias.float(), stride=2, padding=1))
        return F.silu(exactly(self.mix, hidden.flatten(1)))


class MotionReadout(FlowTrunk):
    """Flow maps to metres forward and yaw, in MOTION_UNITS."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__(widths)
        self.out = nn.Linear(TRUNK_WIDTH, 2)

    def forward(self, flow: Tensor) -> Tensor:
        """(N, 4, 32, 64) to (N, 2), float32."""
        return exactly(self.out, super().forward(flow))


def exactly(layer: nn.Linear, values: Tensor) -> Tensor:
    """A linear layer in float32, whatever its weights are kept in."""
    return F.linear(values.float(), layer.weight.float(), layer.bias.float())


class _RecentMaps:
    """The flow maps of the last pairs of frames, by what the frames show: both judges ask for those of the same video."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._maps: OrderedDict[tuple[object, ...], np.ndarray] = OrderedDict()
        self._lock = Lock()

    def of(self, previous: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """:func:`flow_map` of a pair; nobody may write into it."""
        key = (frame.shape, hashlib.sha256(previous.data).digest(), hashlib.sha256(frame.data).digest())
        with self._lock:
            known = self._maps.get(key)
            if known is not None:
                self._maps.move_to_end(key)
                return known
        made = flow_map(previous, frame)
        with self._lock:
            self._maps[key] = made
            while len(self._maps) > self._most:
                self._maps.popitem(last=False)
        return made


_recent = _RecentMaps(REMEMBERED_PAIRS)


@torch.no_grad()
def flow_maps(previous: Tensor, frames: Tensor) -> Tensor:
    """Flow maps (N, 4, 32, 64) of pairs of frames (N, 3, H, W) in [-1, 1]; flow is found on the CPU, without gradients.

    In inference mode those of pairs that were asked for lately are remembered; in training no pair comes twice.
    """
    find = _recent.of if torch.is_inference_mode_enabled() else flow_map
    pairs = zip(tensor_to_frames(previous), tensor_to_frames(frames), strict=True)
    return torch.from_numpy(np.stack([find(before, after) for before, after in pairs])).to(frames.device)


@lru_cache(maxsize=1)
def _places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every pixel, each float32 (H, W)."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows, columns


def _cells(plane: np.ndarray) -> np.ndarray:
    return cv2.resize(plane, FLOW_GRID[::-1], interpolation=cv2.INTER_AREA)
