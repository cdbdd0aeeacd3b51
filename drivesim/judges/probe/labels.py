"""What is known about a frame: boxes in the picture, semantic classes, attributes and the ego's motion.

Which of the boxes count is decided here once, for training and for scoring alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from drivesim.controls import ATTRIBUTE_CHANNELS
from drivesim.geometry import wrap_angle
from drivesim.judges.probe.network import PROBE_ATTRIBUTES, SEMANTIC_CLASSES
from drivesim.scene import CATEGORIES, CLASS_OF_CATEGORY, Scene


class SeenBox(Protocol):
    """A projected box in pixels of the camera's picture, as ``drivesim.conditioning.projection.image_boxes`` gives it."""

    @property
    def category(self) -> str: ...
    @property
    def x_min(self) -> float: ...
    @property
    def y_min(self) -> float: ...
    @property
    def x_max(self) -> float: ...
    @property
    def y_max(self) -> float: ...
    @property
    def depth_m(self) -> float: ...
    @property
    def visible_share(self) -> float: ...
    @property
    def truncated(self) -> bool: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxLabels:
    """The A boxes of one frame in a picture of ``width`` x ``height`` pixels.

    ``category`` (A,) int, index into CATEGORIES; ``xyxy`` (A, 4) left, top, right, bottom in pixels; ``distance_m`` (A,)
    along the optical axis; ``counts`` (A,) bool: whether a probe is expected to find it. A box that does not count is
    neither missed when it is not found nor a phantom when it is.
    """

    width: int
    height: int
    category: np.ndarray
    xyxy: np.ndarray
    distance_m: np.ndarray
    counts: np.ndarray

    def __post_init__(self) -> None:
        rows = len(self.category)
        shapes = (self.xyxy.shape, self.distance_m.shape, self.counts.shape)
        if shapes != ((rows, 4), (rows,), (rows,)):
            raise ValueError(f"box labels of {rows} categories with arrays of {shapes}; expected (A, 4), (A,), (A,)")

    def __len__(self) -> int:
        return len(self.category)

    @property
    def heights_px(self) -> np.ndarray:
        """Heights of the boxes (A,) in pixels of a picture 512 high."""
        return (self.xyxy[:, 3] - self.xyxy[:, 1]) * 512.0 / self.height

    def resized(self, width: int, height: int) -> BoxLabels:
        """The same boxes in a picture of another size."""
        scale = np.array([width / self.width, height / self.height] * 2)
        return BoxLabels(
            width=width,
            height=height,
            category=self.category,
            xyxy=self.xyxy * scale,
            distance_m=self.distance_m,
            counts=self.counts,
        )


@dataclass(frozen=True, kw_only=True)
class CountingRule:
    """Which boxes count: tall enough (in pixels of a picture 512 high), seen enough, whole, and not lost in fog.

    ``min_drawn_share`` is the least share of the box's pixels that show its semantic class, where the map is known: it finds
    what scenery hides. ``fog_share`` is the part of the visual range within which objects are still told apart.
    """

    min_height_px: float = 12.0
    min_visible_share: float = 0.4
    min_drawn_share: float = 0.2
    count_truncated: bool = False
    fog_share: float = 0.6


DEFAULT_RULE = CountingRule()


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameLabels:
    """What is known about one frame; None where it is not.

    ``semantic`` uint8 (H, W) in the numbering of SEMANTIC_CLASSES; ``attributes`` (11,) in [0, 1] as PROBE_ATTRIBUTES;
    ``motion`` (2,): metres forward and radians of yaw (counter-clockwise) since the frame before.
    """

    boxes: BoxLabels | None = None
    semantic: np.ndarray | None = None
    attributes: np.ndarray | None = None
    motion: np.ndarray | None = None


def box_labels(
    boxes: Sequence[SeenBox],
    width: int,
    height: int,
    *,
    semantic: np.ndarray | None = None,
    fog_visibility_m: float = float("inf"),
    rule: CountingRule = DEFAULT_RULE,
) -> BoxLabels:
    """Labels of one frame from its projected boxes (any order) in a picture of ``width`` x ``height`` pixels.

    ``semantic`` uint8 (H, W), of any size, shows the same picture.
    """
    category = np.array([CATEGORIES.index(box.category) for box in boxes], dtype=np.int64)
    xyxy = np.array([[b.x_min, b.y_min, b.x_max, b.y_max] for b in boxes], dtype=np.float64).reshape(-1, 4)
    distance = np.array([box.depth_m for box in boxes], dtype=np.float64)
    counts = (xyxy[:, 3] - xyxy[:, 1]) * (512.0 / height) >= rule.min_height_px
    counts &= np.array([box.visible_share for box in boxes], dtype=np.float64) >= rule.min_visible_share
    counts &= distance <= rule.fog_share * fog_visibility_m
    if not rule.count_truncated:
        counts &= ~np.array([box.truncated for box in boxes], dtype=bool)
    if semantic is not None:
        scale = np.array([semantic.shape[1] / width, semantic.shape[0] / height] * 2)
        counts &= drawn_shares(category, xyxy * scale, semantic) >= rule.min_drawn_share
    return BoxLabels(width=width, height=height, category=category, xyxy=xyxy, distance_m=distance, counts=counts)


def drawn_shares(category: np.ndarray, xyxy: np.ndarray, semantic: np.ndarray) -> np.ndarray:
    """Share (A,) of the pixels inside each box (A, 4) that show the semantic class of its category."""
    shares = np.zeros(len(category))
    for row, (left, top, right, bottom) in enumerate(xyxy):
        x, y = int(left), int(top)
        window = semantic[y : max(int(np.ceil(bottom)), y + 1), x : max(int(np.ceil(right)), x + 1)]
        wanted = SEMANTIC_CLASSES.index(CLASS_OF_CATEGORY[CATEGORIES[int(category[row])]])
        shares[row] = float(np.mean(window == wanted)) if window.size else 0.0
    return shares


def visible_attributes(attributes: np.ndarray) -> np.ndarray:
    """The entries (..., 11) of PROBE_ATTRIBUTES among scene attributes (..., 13), ordered as ATTRIBUTE_CHANNELS."""
    return attributes[..., [ATTRIBUTE_CHANNELS.index(name) for name in PROBE_ATTRIBUTES]]


def ego_steps(scene: Scene) -> np.ndarray:
    """The ego's motion into each frame (T, 2): metres forward in the frame before, radians of yaw; NaN in frame 0."""
    moves = np.diff(scene.ego.positions[:, :2], axis=0)
    yaw = scene.ego.yaw_rad
    forward = moves[:, 0] * np.cos(yaw[:-1]) + moves[:, 1] * np.sin(yaw[:-1])
    steps = np.stack([forward, wrap_angle(np.diff(yaw))], axis=1)
    return np.concatenate([np.full((1, 2), np.nan), steps])


def scene_labels(
    scene: Scene,
    boxes: Sequence[Sequence[SeenBox]],
    *,
    semantic: np.ndarray | None = None,
    attributes: np.ndarray | None = None,
    rule: CountingRule = DEFAULT_RULE,
) -> list[FrameLabels]:
    """Labels of every frame of a scene's window.

    ``boxes`` one list per frame in pixels of ``scene.camera``; ``semantic`` uint8 (T, H, W); ``attributes`` (T, 13) as
    ATTRIBUTE_CHANNELS. Frame 0 has no motion, as the frame before it is not there.
    """
    steps = ego_steps(scene)
    labels = []
    for frame, seen in enumerate(boxes):
        classes = None if semantic is None else semantic[frame]
        found = box_labels(
            seen,
            scene.camera.width,
            scene.camera.height,
            semantic=classes,
            fog_visibility_m=scene.environment.fog_visibility_m,
            rule=rule,
        )
        labels.append(
            FrameLabels(
                boxes=found,
                semantic=classes,
                attributes=None if attributes is None else visible_attributes(attributes[frame]),
                motion=None if frame == 0 else steps[frame],
            )
        )
    return labels
