"""What the probe learns from: pairs of frames with what the store knows about them, changed as generated video is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.conditioning.projection import image_boxes
from drivesim.controls import Control
from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.judges.probe import BoxLabels, FrameLabels, ProbeTargets, build_targets, scene_labels
from drivesim.judges.probe.augment import AugmentationConfig, augment
from drivesim.judges.probe.labels import DEFAULT_RULE, drawn_shares
from drivesim.judges.probe.network import INPUT_SIZE, PROBE_ATTRIBUTES
from drivesim.models.video_ldm.codec import FrameCodec
from drivesim.training.parts import Parts
from drivesim.training.stage import Batch
from drivesim.training.stream import Draw, draw_generator

#: What a clip must know at least one of to teach something.
TEACHES = ("actors", "motion", "attributes", "semantic")

#: Clips whose labels are kept in memory, about 20 kB each.
MAX_KEPT = 20_000

#: Largest noise on standardised latents in the round trip through a codec: what a diffusion leaves in them.
LATENT_NOISE = 0.1


class ProbeBatches:
    """Pairs of neighbouring frames of random clips, mirrored and changed at random, with targets.

    ``round_trips`` is the codec that a share of the changed pairs (``augmentation.round_trip_share``) goes through.
    """

    def __init__(
        self,
        store: ClipStore,
        *,
        seed: int,
        augmentation: AugmentationConfig,
        mirrored_share: float,
        round_trips: FrameCodec | None,
    ) -> None:
        height, width = store.layout.height, store.layout.width
        if height % INPUT_SIZE[0] or width * INPUT_SIZE[0] != height * INPUT_SIZE[1]:
            raise InputError(
                f"{store.info.url}: frames of {height}x{width}; the probe takes {INPUT_SIZE[0]}x{INPUT_SIZE[1]} or a whole "
                "multiple of both. Pack the data again with --height 256 --width 512"
            )
        self.store = store
        self.seed = seed
        self.augmentation = augmentation
        self.mirrored_share = mirrored_share
        self.codec = round_trips
        self.samples = teaching_samples(store)
        self._kept: dict[int, list[FrameLabels]] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __call__(self, draws: Sequence[Draw]) -> Batch:
        """``frames`` and ``previous`` (N, 3, H, W) in [-1, 1], and the same before they were changed, ``clean`` uint8
        (N, 2, H, W, 3), previous first; ``seconds`` (N,) between the two; the targets, and the boxes of :func:`pack_boxes`.
        """
        rows = [self._row(draw) for draw in draws]
        changed = frames_to_tensor(np.stack([changed for changed, _, _ in rows]))
        labels = [labels for _, _, labels in rows]
        return {
            "frames": changed[:, 1],
            "previous": changed[:, 0],
            "clean": torch.from_numpy(np.stack([clean for _, clean, _ in rows])),
            "seconds": torch.full((len(rows),), 1.0 / self.store.fps),
            "boxes": pack_boxes([label.boxes for label in labels]),
            "boxes_known": torch.tensor([label.boxes is not None for label in labels]),
            **pack_targets(build_targets(labels)),
            "position": torch.tensor([draw.position for draw in draws]),
        }

    def labels(self, sample: int, frame: int) -> FrameLabels:
        """What the store knows about one frame of a clip."""
        if sample not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[sample] = clip_labels(self.store, sample)
        known = self._kept[sample][frame]
        if not self.store.gives("semantic", sample):
            return known
        return with_semantic(known, self.store.read("semantic", sample, frame))

    def _row(self, draw: Draw) -> tuple[np.ndarray, np.ndarray, FrameLabels]:
        """A pair of frames (2, H, W, 3) as changed and as it was, and the labels of the later one."""
        rng = draw_generator(29 + 100 * self.seed, draw.position)
        sample, count = int(self.samples[draw.sample]), self.store.frames_per_clip
        frame = int(rng.integers(1, count)) if count > 1 else 0
        frames = self.store.read("rgb", sample, slice(max(0, frame - 1), frame + 1))
        labels = self.labels(sample, frame)
        if rng.random() < self.mirrored_share:
            frames, labels = np.ascontiguousarray(frames[:, :, ::-1]), mirrored(labels)
        noise_seed = int(rng.integers(2**31))
        through = None if self.codec is None else lambda pair: self._round_trip(pair, noise_seed)
        changed = augment(frames, rng, self.augmentation, through)
        return _pair(changed), _pair(frames), labels

    def _round_trip(self, frames: np.ndarray, seed: int) -> np.ndarray:
        assert self.codec is not None
        generator = torch.Generator().manual_seed(seed)
        with torch.inference_mode():
            latents = self.codec.encode(frames_to_tensor(frames))
            level = LATENT_NOISE * torch.rand((), generator=generator)
            noisy = latents + level * torch.randn(latents.shape, generator=generator)
            return tensor_to_frames(self.codec.decode(noisy))


def round_trip_codec(parts: Parts, augmentation: AugmentationConfig) -> FrameCodec | None:
    """The codec of the round trips, which stay on the CPU with the batches; None where none are asked for."""
    if augmentation.round_trip_share <= 0.0:
        return None
    codec = parts.finished("codec")
    assert isinstance(codec, FrameCodec)
    return codec


def teaching_samples(store: ClipStore) -> np.ndarray:
    """The clips that know at least one thing that the probe says."""
    return np.flatnonzero([any(store.gives(name, index) for name in TEACHES) for index in range(len(store))])


def clip_labels(store: ClipStore, index: int) -> list[FrameLabels]:
    """Labels of all frames of a clip but their semantic maps; None for what its source does not know."""
    scene, given = store.scene(index), store.given(index)
    has_boxes = Control.ACTORS in given
    boxes = [image_boxes(scene, frame) if has_boxes else [] for frame in range(len(scene))]
    attributes = store.read("attributes", index) if Control.ATTRIBUTES in given else None
    return [
        replace(
            label,
            boxes=label.boxes if has_boxes else None,
            motion=label.motion if Control.MOTION in given else None,
        )
        for label in scene_labels(scene, boxes, attributes=attributes)
    ]


def with_semantic(labels: FrameLabels, semantic: np.ndarray) -> FrameLabels:
    """Labels with the semantic map uint8 (H, W) of their frame; boxes that scenery hides no longer count."""
    boxes = labels.boxes
    if boxes is not None:
        shown = drawn_shares(boxes.category, boxes.resized(semantic.shape[1], semantic.shape[0]).xyxy, semantic)
        boxes = replace(boxes, counts=boxes.counts & (shown >= DEFAULT_RULE.min_drawn_share))
    return replace(labels, boxes=boxes, semantic=semantic)


def mirrored(labels: FrameLabels) -> FrameLabels:
    """What the mirrored frame shows: boxes on the other side, yaw the other way, traffic on the other hand."""
    boxes, attributes = labels.boxes, labels.attributes
    if boxes is not None:
        left, top, right, bottom = boxes.xyxy.T
        boxes = replace(boxes, xyxy=np.stack([boxes.width - right, top, boxes.width - left, bottom], axis=1))
    if attributes is not None:
        attributes = attributes.copy()
        side = PROBE_ATTRIBUTES.index("left_hand")
        attributes[side] = 1.0 - attributes[side]
    return FrameLabels(
        boxes=boxes,
        semantic=None if labels.semantic is None else labels.semantic[:, ::-1],
        attributes=attributes,
        motion=None if labels.motion is None else labels.motion * np.array([1.0, -1.0]),
    )


def pack_boxes(labels: Sequence[BoxLabels | None]) -> Tensor:
    """Boxes of N frames as float32 (N, A, 9): left, top, right, bottom in pixels, width and height of the picture, distance
    in m, whether it counts, category; -1 throughout where a frame has fewer.
    """
    longest = max((len(boxes) for boxes in labels if boxes is not None), default=0)
    packed = np.full((len(labels), longest, 9), -1.0, np.float32)
    for row, boxes in zip(packed, labels, strict=True):
        if boxes is not None:
            size = np.broadcast_to([boxes.width, boxes.height], (len(boxes), 2))
            columns = (boxes.xyxy, size, boxes.distance_m[:, None], boxes.counts[:, None], boxes.category[:, None])
            row[: len(boxes)] = np.concatenate(columns, axis=1)
    return torch.from_numpy(packed)


def unpack_boxes(packed: Tensor, width: int, height: int) -> BoxLabels:
    """The boxes (A, 9) of one frame in a picture of ``width`` x ``height`` pixels."""
    rows = packed.double().cpu().numpy()
    rows = rows[rows[:, 8] >= 0.0]
    scale = np.array([width, height, width, height]) / np.concatenate([rows[:, 4:6], rows[:, 4:6]], axis=1)
    return BoxLabels(
        width=width,
        height=height,
        category=rows[:, 8].astype(np.int64),
        xyxy=rows[:, :4] * scale,
        distance_m=rows[:, 6],
        counts=rows[:, 7] > 0.5,
    )


def pack_targets(targets: ProbeTargets) -> Batch:
    """Targets as entries ``target_<field>`` of a batch."""
    return {f"target_{field.name}": getattr(targets, field.name) for field in fields(targets)}


def unpack_targets(batch: Batch) -> ProbeTargets:
    """The targets that :func:`pack_targets` put into a batch."""
    return ProbeTargets(**{field.name: batch[f"target_{field.name}"] for field in fields(ProbeTargets)})


def _pair(frames: np.ndarray) -> np.ndarray:
    """A clip of one frame is its own past, whose motion is not known."""
    return frames if len(frames) == 2 else np.concatenate([frames, frames])
