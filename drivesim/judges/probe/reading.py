"""What the probe reads from a video, frame by frame: the raw material of every metric that looks at content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from drivesim.clip import frames_to_tensor
from drivesim.judges.probe.decode import (
    Detections,
    decode_attributes,
    decode_motion,
    decode_objects,
    decode_semantic,
)
from drivesim.judges.probe.network import ProbeNetwork


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """T frames as the probe sees them.

    ``detections`` one per frame, boxes in pixels of ``width`` x ``height``; ``semantic`` uint8 (T, 64, 128), numbered as
    SEMANTIC_CLASSES; ``attributes`` (T, 11) in [0, 1] as PROBE_ATTRIBUTES; ``speed_mps`` (T,) forward and
    ``yaw_rate_rps`` (T,) counter-clockwise of the ego, NaN in frame 0, which has no frame before.
    """

    fps: float
    width: int
    height: int
    detections: tuple[Detections, ...]
    semantic: np.ndarray
    attributes: np.ndarray
    speed_mps: np.ndarray
    yaw_rate_rps: np.ndarray

    def __len__(self) -> int:
        return len(self.detections)

    def window(self, start: int, stop: int) -> Readings:
        """Frames ``start`` to ``stop`` (exclusive)."""
        rows = slice(start, stop)
        return Readings(
            fps=self.fps,
            width=self.width,
            height=self.height,
            detections=self.detections[rows],
            semantic=self.semantic[rows],
            attributes=self.attributes[rows],
            speed_mps=self.speed_mps[rows],
            yaw_rate_rps=self.yaw_rate_rps[rows],
        )


def read_frames(
    probe: ProbeNetwork, frames: Iterable[np.ndarray], fps: float, *, batch_size: int = 8, min_score: float = 0.3
) -> Readings:
    """Read uint8 RGB frames (H, W, 3), a few in memory at a time. Raises ValueError without frames.

    H and W are 256 and 512 or the same whole multiple of both.
    """
    parts = [_read_batch(probe, before, batch, fps, min_score) for before, batch in _batches(frames, batch_size)]
    if not parts:
        raise ValueError("no frames to read")
    motion = np.concatenate([part.motion for part in parts])
    motion[0] = np.nan
    return Readings(
        fps=fps,
        width=parts[0].width,
        height=parts[0].height,
        detections=tuple(found for part in parts for found in part.detections),
        semantic=np.concatenate([part.semantic for part in parts]),
        attributes=np.concatenate([part.attributes for part in parts]),
        speed_mps=motion[:, 0],
        yaw_rate_rps=motion[:, 1],
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Batch:
    width: int
    height: int
    detections: list[Detections]
    semantic: np.ndarray
    attributes: np.ndarray
    motion: np.ndarray


def _batches(frames: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The frame before each batch (the first frame before the first), and the batch (N, H, W, 3)."""
    stream, before = iter(frames), None
    while batch := list(islice(stream, size)):
        yield batch[0] if before is None else before, np.stack(batch)
        before = batch[-1]


def _read_batch(probe: ProbeNetwork, before: np.ndarray, batch: np.ndarray, fps: float, min_score: float) -> _Batch:
    tensor = frames_to_tensor(np.concatenate([before[None], batch]))
    with torch.inference_mode():
        outputs = probe(tensor[1:], tensor[:-1])  # type: ignore[operator]
    height, width = batch.shape[1:3]
    return _Batch(
        width=width,
        height=height,
        detections=decode_objects(outputs, width, height, min_score=min_score),
        semantic=decode_semantic(outputs),
        attributes=decode_attributes(outputs),
        motion=decode_motion(outputs, 1.0 / fps),
    )
