"""From labels to what the probe's outputs should be, exactly: :mod:`.decode` turns these targets back into the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from drivesim.judges.probe.labels import BoxLabels, FrameLabels
from drivesim.judges.probe.network import GRID, MOTION_UNITS, PROBE_ATTRIBUTES, SEMANTIC_CLASSES
from drivesim.scene import CATEGORIES

#: Spread of the heat around a centre: this share of the box's size over 6 (TTFNet, Liu et al. 2020), at least LEAST_SPREAD.
SPREAD_SHARE = 0.54
LEAST_SPREAD = 0.4


@dataclass(frozen=True, eq=False)
class ProbeTargets:
    """Targets of N frames, float32 tensors on the grid of cells (64, 128).

    ``heatmap`` (N, 10, h, w) is 1 at the centre of every box that counts; ``heat_weight`` (N, 1, h, w) is 0 where boxes lie
    that do not count, and in whole frames whose boxes are not known. ``is_centre`` (N, 1, h, w) says where ``size``
    (N, 2, h, w), ``offset`` (N, 2, h, w) and ``log_distance`` (N, 1, h, w) hold. ``semantic`` (N, 16, h, w) are the shares
    of the classes in each cell. The ``*_known`` (N,) are 1 where the frame's labels were given.
    """

    heatmap: Tensor
    heat_weight: Tensor
    is_centre: Tensor
    size: Tensor
    offset: Tensor
    log_distance: Tensor
    semantic: Tensor
    semantic_known: Tensor
    attributes: Tensor
    attributes_known: Tensor
    motion: Tensor
    motion_known: Tensor

    def to(self, device: torch.device | str) -> ProbeTargets:
        """The same targets on a device."""
        return ProbeTargets(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def build_targets(labels: Sequence[FrameLabels]) -> ProbeTargets:
    """Targets of N frames from their labels. Raises ValueError for semantic maps that the grid does not divide."""
    frames = [_frame_arrays(label) for label in labels]
    return ProbeTargets(
        **{name: torch.from_numpy(np.stack([f[name] for f in frames]).astype(np.float32)) for name in frames[0]}
    )


def semantic_shares(semantic: np.ndarray) -> np.ndarray:
    """Share of each class in every cell (16, 64, 128) of a map uint8 (H, W) whose size is a multiple of the grid's."""
    rows, columns = semantic.shape[0] // GRID[0], semantic.shape[1] // GRID[1]
    if semantic.shape != (rows * GRID[0], columns * GRID[1]) or rows < 1 or columns < 1:
        raise ValueError(f"a semantic map of {semantic.shape}; expected a multiple of {GRID[0]}x{GRID[1]}")
    num_classes = len(SEMANTIC_CLASSES)
    cells = (np.arange(semantic.shape[0]) // rows * GRID[1])[:, None] + np.arange(semantic.shape[1]) // columns
    # One count of all cells and classes together; what is no class has a place of its own, which is left out.
    places = cells * (num_classes + 1) + np.minimum(semantic, num_classes)
    counts = np.bincount(places.ravel(), minlength=GRID[0] * GRID[1] * (num_classes + 1))
    shares = counts.reshape(*GRID, num_classes + 1)[..., :num_classes] / (rows * columns)
    return np.ascontiguousarray(shares.transpose(2, 0, 1), dtype=np.float32)


def _frame_arrays(labels: FrameLabels) -> dict[str, np.ndarray]:
    """The arrays of one frame by the names of :class:`ProbeTargets`."""
    known = {name: np.asarray(getattr(labels, name) is not None) for name in ("semantic", "attributes", "motion")}
    semantic = np.zeros((len(SEMANTIC_CLASSES), *GRID)) if labels.semantic is None else semantic_shares(labels.semantic)
    attributes = np.zeros(len(PROBE_ATTRIBUTES)) if labels.attributes is None else labels.attributes
    motion = np.zeros(2) if labels.motion is None else labels.motion / np.array(MOTION_UNITS)
    return {
        **_box_arrays(labels.boxes),
        "semantic": semantic,
        "semantic_known": known["semantic"],
        "attributes": attributes,
        "attributes_known": known["attributes"],
        "motion": motion,
        "motion_known": known["motion"],
    }


def _box_arrays(boxes: BoxLabels | None) -> dict[str, np.ndarray]:
    arrays = {
        "heatmap": np.zeros((len(CATEGORIES), *GRID)),
        "heat_weight": np.zeros((1, *GRID)) if boxes is None else np.ones((1, *GRID)),
        "is_centre": np.zeros((1, *GRID)),
        "size": np.zeros((2, *GRID)),
        "offset": np.zeros((2, *GRID)),
        "log_distance": np.zeros((1, *GRID)),
    }
    if boxes is None:
        return arrays
    in_cells = boxes.resized(GRID[1], GRID[0]).xyxy
    # Nearest last: what is in front takes the cells that both want.
    for row in np.argsort(-boxes.distance_m, kind="stable"):
        left, top, right, bottom = in_cells[row]
        window = (slice(None), *_covered(top, bottom, GRID[0]), *_covered(left, right, GRID[1]))
        arrays["heat_weight"][window] = float(boxes.counts[row])
        if boxes.counts[row]:
            _put_centre(arrays, in_cells[row], int(boxes.category[row]), float(boxes.distance_m[row]))
    arrays["heat_weight"] = np.maximum(arrays["heat_weight"], arrays["is_centre"])
    return arrays


def _put_centre(arrays: dict[str, np.ndarray], box: np.ndarray, category: int, distance_m: float) -> None:
    """Write one box, in cells, into the arrays."""
    size = np.array([box[2] - box[0], box[3] - box[1]])
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2.0
    x, y = (min(max(int(centre[axis]), 0), GRID[1 - axis] - 1) for axis in (0, 1))
    spread = np.maximum(SPREAD_SHARE * size / 6.0, LEAST_SPREAD)
    across = np.exp(-0.5 * ((np.arange(GRID[1]) - x) / spread[0]) ** 2)
    down = np.exp(-0.5 * ((np.arange(GRID[0]) - y) / spread[1]) ** 2)
    heat = arrays["heatmap"][category]
    np.maximum(heat, down[:, None] * across[None, :], out=heat)
    arrays["is_centre"][0, y, x] = 1.0
    arrays["size"][:, y, x] = np.log(size)
    arrays["offset"][:, y, x] = centre - (x, y)
    arrays["log_distance"][0, y, x] = np.log(distance_m)


def _covered(low: float, high: float, cells: int) -> tuple[slice]:
    """The cells that lie at least in part between two coordinates."""
    first = min(max(int(np.floor(low)), 0), cells - 1)
    return (slice(first, max(int(np.ceil(high)), first + 1)),)
